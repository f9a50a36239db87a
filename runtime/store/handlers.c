#include "runtime/store/handlers.h"

#include "base/array.h"
#include "runtime/names.h"

#include <stdio.h>

#define ID(method) "store.Store." method

bool store_name(struct rpc_call *call, const char *id, const char *what, const char *name)
{
    /* Names are columns and never paths; still they are kept to what every backend of v3 can take. */
    if (name_is_plain(name, STORE_NAME_MAX))
        return true;
    micro_fail(call, 400, id,
               "invalid %s name: letters, digits, '-', '_' and '.' are allowed, up to %d, and no '.' in front", what,
               STORE_NAME_MAX);
    return false;
}

/* Blank names become the caller's namespace, and the default; false: the call was finished. */
bool store_place(struct rpc_call *call, const char *id, const char **database, const char **table)
{
    const char **names[] = {database, table};
    static const char *const what[] = {"database", "table"};
    for (size_t i = 0; i < 2; i++) {
        if (!names[i])
            continue;
        if (!*names[i] || !**names[i])
            *names[i] = i == 0 ? micro_own_namespace(call) : STORE_DEFAULT_NAME;
        if (!store_name(call, id, what[i], *names[i]))
            return false;
    }
    return micro_authorize_admin(call, *database, id);
}

bool store_key(struct rpc_call *call, const char *id, const char *key)
{
    size_t len = strlen(key);
    if (len > 0 && len <= STORE_KEY_MAX)
        return true;
    micro_fail(call, 400, id, len ? "the key is longer than %d bytes" : "a key is required (at most %d bytes)",
               STORE_KEY_MAX);
    return false;
}

bool store_order(struct rpc_call *call, const char *id, const char *order, bool *out)
{
    *out = strcmp(order, "desc") == 0;
    if (*out || !*order || strcmp(order, "asc") == 0)
        return true;
    micro_fail(call, 400, id, "order is \"asc\" or \"desc\"");
    return false;
}

/* ---- Write, Delete ---------------------------------------------------------------------------------------------- */

static bool expiry_time(struct rpc_call *call, struct store *s, int64_t seconds, int64_t *out)
{
    if (seconds < 0 || seconds > STORE_EXPIRY_MAX) {
        micro_fail(call, 400, ID("Write"), "expiry is a number of seconds between 0 and %lld",
                   (long long)STORE_EXPIRY_MAX);
        return false;
    }
    *out = seconds ? world_wall(s->world) + seconds * SECOND : 0;
    return true;
}

/* Metadata is kept as the wire form of a record that has nothing else. */
static bool pack_metadata(struct rpc_call *call, const Store__Record *record, struct bytes *out)
{
    *out = BYTES_NONE;
    if (record->n_metadata == 0)
        return true;
    Store__Record only = STORE__RECORD__INIT;
    only.metadata = record->metadata;
    only.n_metadata = record->n_metadata;
    size_t size = protobuf_c_message_get_packed_size(&only.base);
    uint8_t *data = arena_alloc(rpc_call_arena(call), size);
    if (!data) {
        micro_fail(call, 507, ID("Write"), "out of memory");
        return false;
    }
    *out = BYTES(data, protobuf_c_message_pack(&only.base, data));
    return true;
}

static void submit(struct store *s, struct rpc_call *call, const struct store_change *change, const char *id)
{
    struct store_pending *p = ARENA_NEW(rpc_call_arena(call), struct store_pending);
    if (!p) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    static const Store__WriteResponse written = STORE__WRITE_RESPONSE__INIT;
    static const Store__DeleteResponse deleted = STORE__DELETE_RESPONSE__INIT;
    *p = (struct store_pending){
        .call = call, .change = *change, .id = id, .reply = change->remove ? &deleted.base : &written.base};
    store_submit(s, p);
}

static void write_record(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct store *s = context;
    const Store__WriteRequest *request = (const Store__WriteRequest *)(const void *)message;
    const Store__Record *record = request->record;
    const char *database = request->options ? request->options->database : NULL;
    const char *table = request->options ? request->options->table : NULL;
    if (!store_place(call, ID("Write"), &database, &table))
        return;
    if (!record) {
        micro_fail(call, 400, ID("Write"), "a record is required");
        return;
    }
    if (!store_key(call, ID("Write"), record->key))
        return;
    if (record->value.len > STORE_VALUE_MAX) {
        micro_fail(call, 400, ID("Write"), "the value has %zu bytes, %zu are allowed", record->value.len,
                   STORE_VALUE_MAX);
        return;
    }
    struct store_change change = {.database = database,
                                  .table = table,
                                  .key = record->key,
                                  .value = BYTES(record->value.data, record->value.len),
                                  .now = world_wall(s->world)};
    if (request->options) {
        change.if_revision = request->options->if_revision;
        change.if_absent = request->options->if_absent;
    }
    if (expiry_time(call, s, record->expiry, &change.expires) && pack_metadata(call, record, &change.metadata))
        submit(s, call, &change, ID("Write"));
}

static void delete_record(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct store *s = context;
    const Store__DeleteRequest *request = (const Store__DeleteRequest *)(const void *)message;
    const char *database = request->options ? request->options->database : NULL;
    const char *table = request->options ? request->options->table : NULL;
    if (!store_place(call, ID("Delete"), &database, &table) || !store_key(call, ID("Delete"), request->key))
        return;
    struct store_change change = {
        .remove = true, .database = database, .table = table, .key = request->key, .now = world_wall(s->world)};
    if (request->options) {
        change.if_revision = request->options->if_revision;
        change.if_absent = request->options->if_absent;
    }
    submit(s, call, &change, ID("Delete"));
}

/* ---- Read ------------------------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    int64_t now;
    ARRAY(Store__Record *) records;
    size_t size;
    bool too_large, no_memory;
};

static bool read_metadata(struct reading *r, struct bytes packed, Store__Record *record)
{
    ProtobufCMessage *m = NULL;
    if (packed.len == 0)
        return true;
    if (pb_unpack(&store__record__descriptor, packed, r->arena, &m, NULL) != 0)
        return false;
    const Store__Record *only = (const Store__Record *)(const void *)m;
    record->metadata = only->metadata;
    record->n_metadata = only->n_metadata;
    return true;
}

static bool on_row(void *arg, const struct store_row *row)
{
    struct reading *r = arg;
    r->size += row->key.len + row->value.len + row->metadata.len;
    r->too_large = r->size > STORE_ANSWER_MAX;
    if (r->too_large)
        return false;
    Store__Record *record = ARENA_NEW(r->arena, Store__Record);
    if (!record || !array_grow(&r->records))
        goto no_memory;
    store__record__init(record);
    record->key = arena_string_n(r->arena, (const char *)row->key.data, row->key.len);
    if (row->value.len) {
        record->value.data = arena_copy(r->arena, row->value.data, row->value.len);
        record->value.len = row->value.len;
    }
    record->revision = row->revision;
    if (row->expires)
        record->expiry = (row->expires - r->now + SECOND - 1) / SECOND;
    if (!record->key || (row->value.len && !record->value.data) || !read_metadata(r, row->metadata, record))
        goto no_memory;
    r->records.items[r->records.count++] = record;
    return true;
no_memory:
    r->no_memory = true;
    return false;
}

static void read_records(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const Store__ReadOptions none = STORE__READ_OPTIONS__INIT;
    struct store *s = context;
    const Store__ReadRequest *request = (const Store__ReadRequest *)(const void *)message;
    const Store__ReadOptions *options = request->options ? request->options : &none;
    bool exact = !options->prefix && !options->suffix;
    struct store_query q = {.database = options->database,
                            .table = options->table,
                            .limit = options->limit,
                            .offset = options->offset,
                            .now = world_wall(s->world)};
    if (!store_place(call, ID("Read"), &q.database, &q.table) ||
        (exact && !store_key(call, ID("Read"), request->key)) ||
        !store_order(call, ID("Read"), options->order, &q.descending))
        return;
    if (exact) {
        store_query_exact(&q, request->key);
        q.limit = q.offset = 0;
    } else if (options->prefix) {
        store_query_prefix(&q, request->key);
    }
    if (options->suffix)
        q.suffix = request->key;
    struct reading r = {.arena = rpc_call_arena(call), .now = q.now};
    struct error err = ERROR_INIT;
    int rc = store_read(s->database, &q, on_row, &r, &err);
    store_query_deinit(&q);
    if (rc) {
        micro_fail(call, 503, ID("Read"), "%s", err.message ? err.message : error_code_name(rc));
        error_clear(&err);
    } else if (r.no_memory) {
        micro_fail(call, 507, ID("Read"), "out of memory");
    } else if (r.too_large) {
        micro_fail(call, 400, ID("Read"), "more than %zu bytes of records: ask for them with limit and offset",
                   STORE_ANSWER_MAX);
    } else if (exact && r.records.count == 0 && !options->missing_ok) {
        micro_fail(call, 404, ID("Read"), "not found");
    } else {
        Store__ReadResponse reply = STORE__READ_RESPONSE__INIT;
        reply.records = r.records.items;
        reply.n_records = r.records.count;
        reply.revision = store_revision(s->database);
        rpc_call_reply(call, &reply.base);
    }
    array_deinit(&r.records);
}

/* ---- Databases, Tables ------------------------------------------------------------------------------------------ */

struct names {
    struct arena *arena;
    ARRAY(char *) items;
};

static bool on_name(void *arg, struct bytes name)
{
    struct names *n = arg;
    char *copy = arena_string_n(n->arena, name.len ? (const char *)name.data : "", name.len);
    return copy && array_push(&n->items, copy);
}

static bool collect(struct rpc_call *call, struct store *s, const char *id, const char *database, struct names *n)
{
    struct error err = ERROR_INIT;
    n->arena = rpc_call_arena(call);
    int rc = store_names(s->database, database, on_name, n, &err);
    if (rc)
        micro_fail(call, 503, id, "%s", err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    return rc == 0;
}

static void databases(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)message;
    struct names n = {0};
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, ID("Databases")))
        return;
    if (collect(call, context, ID("Databases"), NULL, &n)) {
        Store__DatabasesResponse reply = STORE__DATABASES_RESPONSE__INIT;
        reply.databases = n.items.items;
        reply.n_databases = n.items.count;
        rpc_call_reply(call, &reply.base);
    }
    array_deinit(&n.items);
}

static void tables(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Store__TablesRequest *request = (const Store__TablesRequest *)(const void *)message;
    const char *database = request->database;
    struct names n = {0};
    if (!store_place(call, ID("Tables"), &database, NULL))
        return;
    if (collect(call, context, ID("Tables"), database, &n)) {
        Store__TablesResponse reply = STORE__TABLES_RESPONSE__INIT;
        reply.tables = n.items.items;
        reply.n_tables = n.items.count;
        rpc_call_reply(call, &reply.base);
    }
    array_deinit(&n.items);
}

static const struct rpc_method methods[] = {
    {.name = "Read",
     .input = &store__read_request__descriptor,
     .output = &store__read_response__descriptor,
     .unary = read_records},
    {.name = "Write",
     .input = &store__write_request__descriptor,
     .output = &store__write_response__descriptor,
     .unary = write_record},
    {.name = "Delete",
     .input = &store__delete_request__descriptor,
     .output = &store__delete_response__descriptor,
     .unary = delete_record},
    {.name = "List",
     .input = &store__list_request__descriptor,
     .output = &store__list_response__descriptor,
     .unary = store_list,
     .writable = store_list_writable,
     .cancelled = store_list_cancelled},
    {.name = "Databases",
     .input = &store__databases_request__descriptor,
     .output = &store__databases_response__descriptor,
     .unary = databases},
    {.name = "Tables",
     .input = &store__tables_request__descriptor,
     .output = &store__tables_response__descriptor,
     .unary = tables},
};
const struct rpc_service store_service = {
    .name = "store.Store", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
