/* Auth's records in the store component: one step each, and accounts to and from JSON. */
#include "base/utf8.h"
#include "runtime/auth/auth.h"

#include <stdlib.h>
#include <string.h>

/* Requests are packed before micro_call() returns, so they can stand on this arena. */
static void step(struct auth *a, const char *method, const ProtobufCMessage *request,
                 const ProtobufCMessageDescriptor *reply, micro_done *done, void *arg)
{
    int rc = request ? micro_call(a->service, "store", method, request, reply, 0, done, arg) : ERROR_MEMORY;
    if (rc < 0)
        done(arg, rc == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE, error_code_name(rc), NULL);
}

void auth_read(struct auth *a, const char *key, bool prefix, micro_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__ReadRequest request;
    store__read_request__init(&request);
    Store__ReadOptions options;
    store__read_options__init(&options);
    request.key = arena_string(&arena, key);
    options.database = arena_string(&arena, AUTH_DATABASE);
    options.table = arena_string(&arena, AUTH_TABLE);
    options.prefix = prefix;
    request.options = &options;
    bool ok = request.key && options.database && options.table;
    step(a, "Store.Read", ok ? &request.base : NULL, &store__read_response__descriptor, done, arg);
    arena_deinit(&arena);
}

void auth_write(struct auth *a, const char *key, const json_t *value, int64_t expiry_seconds, micro_done *done,
                void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__WriteRequest request;
    store__write_request__init(&request);
    Store__WriteOptions options;
    store__write_options__init(&options);
    Store__Record record;
    store__record__init(&record);
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    record.key = arena_string(&arena, key);
    options.database = arena_string(&arena, AUTH_DATABASE);
    options.table = arena_string(&arena, AUTH_TABLE);
    record.expiry = expiry_seconds;
    if (text)
        record.value = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    request.record = &record;
    request.options = &options;
    bool ok = text && record.key && options.database && options.table;
    step(a, "Store.Write", ok ? &request.base : NULL, &store__write_response__descriptor, done, arg);
    free(text);
    arena_deinit(&arena);
}

void auth_remove(struct auth *a, const char *key, micro_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__DeleteRequest request;
    store__delete_request__init(&request);
    Store__DeleteOptions options;
    store__delete_options__init(&options);
    request.key = arena_string(&arena, key);
    options.database = arena_string(&arena, AUTH_DATABASE);
    options.table = arena_string(&arena, AUTH_TABLE);
    request.options = &options;
    bool ok = request.key && options.database && options.table;
    step(a, "Store.Delete", ok ? &request.base : NULL, &store__delete_response__descriptor, done, arg);
    arena_deinit(&arena);
}

/* ---- removing all below a prefix ---- */

struct removal {
    struct auth *auth;
    char **keys;
    size_t count, next;
    struct arena *arena;
    void (*finished)(void *arg, int status, const char *message);
    void *arg;
};

static void removal_step(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct removal *r = arg;
    (void)reply;
    if (status != GRPC_OK || r->next == r->count) {
        r->finished(r->arg, status, message);
        return;
    }
    auth_remove(r->auth, r->keys[r->next++], removal_step, r);
}

static void removal_listed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct removal *r = arg;
    if (auth_store_code(status, message) == 404) {
        r->finished(r->arg, GRPC_OK, "");
        return;
    }
    if (status != GRPC_OK) {
        r->finished(r->arg, status, message);
        return;
    }
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    r->keys = ARENA_NEW_N(r->arena, char *, found->n_records + 1);
    for (size_t i = 0; r->keys && i < found->n_records; i++) {
        r->keys[r->count] = arena_string(r->arena, found->records[i]->key);
        if (!r->keys[r->count++])
            r->keys = NULL;
    }
    if (!r->keys) {
        r->finished(r->arg, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    removal_step(r, GRPC_OK, "", NULL);
}

void auth_remove_all(struct auth *a, struct arena *arena, const char *prefix,
                     void (*finished)(void *arg, int status, const char *message), void *arg)
{
    struct removal *r = ARENA_NEW(arena, struct removal);
    if (!r) {
        finished(arg, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *r = (struct removal){.auth = a, .arena = arena, .finished = finished, .arg = arg};
    auth_read(a, prefix, true, removal_listed, r);
}

/* ---- errors ---- */

int auth_store_code(int status, const char *message)
{
    struct micro_error e;
    if (status == GRPC_OK)
        return 200;
    if (status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED)
        return 503;
    micro_error_parse(status, bytes_of(message ? message : ""), &e);
    return e.code;
}

void auth_store_failed(struct rpc_call *call, const char *error_id, int status, const char *message)
{
    struct micro_error e;
    int code = auth_store_code(status, message);
    micro_error_parse(status, bytes_of(message ? message : ""), &e);
    micro_fail(call, code == 503 ? 503 : 500, error_id, "the store did not do its part: %s", e.detail);
}

void auth_no_memory(struct rpc_call *call, const char *error_id)
{
    micro_fail(call, 503, error_id, "out of memory");
}

/* ---- accounts as JSON ---- */

json_t *auth_record_value(const Store__Record *record)
{
    json_t *value = json_loadb((const char *)record->value.data, record->value.len, 0, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static const char *copy_member(const json_t *object, const char *key, struct arena *arena)
{
    const char *value = json_string_value(json_object_get(object, key));
    return arena_string(arena, value ? value : "");
}

int auth_account_parse(const Store__Record *record, struct arena *arena, struct auth_account *out, struct error *err)
{
    json_t *value = auth_record_value(record);
    if (!value)
        return error_set(err, ERROR_SYNTAX, "the record %s holds no account", record->key);
    *out = (struct auth_account){
        .id = copy_member(value, "id", arena),
        .name = copy_member(value, "name", arena),
        .type = copy_member(value, "type", arena),
        .secret = copy_member(value, "secret", arena),
    };
    const json_t *list = json_object_get(value, "scopes"), *item;
    const char **scopes = ARENA_NEW_N(arena, const char *, json_array_size(list) + 1);
    size_t i;
    bool ok = out->id && out->name && out->type && out->secret && scopes;
    json_array_foreach(list, i, item)
    {
        if (!ok)
            break;
        const char *scope = json_string_value(item);
        scopes[out->scope_count] = arena_string(arena, scope ? scope : "");
        ok = scopes[out->scope_count++] != NULL;
    }
    out->scopes = scopes;
    json_t *map = json_object_get(value, "metadata");
    const char **pairs = ARENA_NEW_N(arena, const char *, json_object_size(map) * 2 + 1), *key;
    ok = ok && pairs;
    json_t *member;
    json_object_foreach(map, key, member)
    {
        if (!ok)
            break;
        const char *text = json_string_value(member);
        pairs[out->metadata_count * 2] = arena_string(arena, key);
        pairs[out->metadata_count * 2 + 1] = arena_string(arena, text ? text : "");
        ok = pairs[out->metadata_count * 2] && pairs[out->metadata_count * 2 + 1];
        out->metadata_count++;
    }
    out->metadata = pairs;
    json_decref(value);
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

json_t *auth_account_json(const struct auth_account *account, int64_t updated_seconds)
{
    json_t *scopes = json_array(), *metadata = json_object();
    bool ok = scopes && metadata;
    for (size_t i = 0; ok && i < account->scope_count; i++)
        ok = json_array_append_new(scopes, json_string(account->scopes[i])) == 0;
    for (size_t i = 0; ok && i < account->metadata_count; i++)
        ok = json_object_set_new(metadata, account->metadata[i * 2], json_string(account->metadata[i * 2 + 1])) == 0;
    if (!ok) {
        json_decref(scopes);
        json_decref(metadata);
        return NULL;
    }
    return json_pack("{ss ss ss ss sI so so}", "id", account->id, "name", account->name, "type", account->type,
                     "secret", account->secret, "updated", (json_int_t)updated_seconds, "scopes", scopes, "metadata",
                     metadata);
}

Auth__Account *auth_account_message(const struct auth_account *account, const char *namespace, struct arena *arena)
{
    Auth__Account *m = ARENA_NEW(arena, Auth__Account);
    if (!m)
        return NULL;
    auth__account__init(m);
    m->id = arena_string(arena, account->id);
    m->type = arena_string(arena, account->type);
    m->name = arena_string(arena, account->name);
    m->issuer = arena_string(arena, namespace);
    m->scopes = ARENA_NEW_N(arena, char *, account->scope_count + 1);
    m->metadata = ARENA_NEW_N(arena, Auth__Account__MetadataEntry *, account->metadata_count + 1);
    if (!m->id || !m->type || !m->name || !m->issuer || !m->scopes || !m->metadata)
        return NULL;
    for (size_t i = 0; i < account->scope_count; i++) {
        if (!(m->scopes[m->n_scopes++] = arena_string(arena, account->scopes[i])))
            return NULL;
    }
    for (size_t i = 0; i < account->metadata_count; i++) {
        Auth__Account__MetadataEntry *entry = ARENA_NEW(arena, Auth__Account__MetadataEntry);
        if (!entry)
            return NULL;
        auth__account__metadata_entry__init(entry);
        entry->key = arena_string(arena, account->metadata[i * 2]);
        entry->value = arena_string(arena, account->metadata[i * 2 + 1]);
        if (!entry->key || !entry->value)
            return NULL;
        m->metadata[m->n_metadata++] = entry;
    }
    return m;
}

/* ---- keys ---- */

bool auth_id_valid(const char *id)
{
    size_t len = strlen(id);
    /* An id also comes out of a refresh token, which may hold any bytes. */
    if (len == 0 || len > AUTH_ID_MAX || !utf8_valid(bytes_of(id)))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c < 0x20 || c == 0x7f || c == '/')
            return false;
    }
    return true;
}

const char *auth_namespace(struct rpc_call *call, const Auth__Options *options, const char *error_id)
{
    const char *namespace = options && options->namespace_[0] ? options->namespace_ : micro_call_namespace(call);
    if (auth_id_valid(namespace))
        return namespace;
    micro_fail(call, 400, error_id, "Invalid namespace: 1 to %zu bytes without \"/\" and control characters",
               AUTH_ID_MAX);
    return NULL;
}

char *auth_key(struct rpc_call *call, const char *format, ...)
{
    struct text text = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    char *key = text_ok(&text) ? arena_string(rpc_call_arena(call), text_string(&text)) : NULL;
    text_deinit(&text);
    return key;
}
