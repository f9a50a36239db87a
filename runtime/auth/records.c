/* Auth's records in the store component: one step each, and all below a prefix. */
#include "base/array.h"
#include "base/json_text.h"
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

static void read_records(struct auth *a, const char *key, bool prefix, uint64_t limit, uint64_t offset,
                         micro_done *done, void *arg)
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
    options.missing_ok = true;
    options.limit = limit;
    options.offset = offset;
    request.options = &options;
    bool ok = request.key && options.database && options.table;
    step(a, "Store.Read", ok ? &request.base : NULL, &store__read_response__descriptor, done, arg);
    arena_deinit(&arena);
}

void auth_read(struct auth *a, const char *key, micro_done *done, void *arg)
{
    read_records(a, key, false, 0, 0, done, arg);
}

struct auth_version auth_version_of(const Store__ReadResponse *found)
{
    bool there = found->n_records > 0;
    return (struct auth_version){.there = there, .revision = there ? found->records[0]->revision : found->revision};
}

void auth_write(struct auth *a, const char *key, const json_t *value, int64_t expiry_seconds,
                const struct auth_version *expected, micro_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__WriteRequest request;
    store__write_request__init(&request);
    Store__WriteOptions options;
    store__write_options__init(&options);
    Store__Record record;
    store__record__init(&record);
    char *text = value ? json_text_of(value, 0) : NULL;
    record.key = arena_string(&arena, key);
    options.database = arena_string(&arena, AUTH_DATABASE);
    options.table = arena_string(&arena, AUTH_TABLE);
    record.expiry = expiry_seconds;
    if (text)
        record.value = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    if (expected) {
        options.if_revision = expected->revision;
        options.if_absent = !expected->there;
    }
    request.record = &record;
    request.options = &options;
    bool ok = text && record.key && options.database && options.table;
    step(a, "Store.Write", ok ? &request.base : NULL, &store__write_response__descriptor, done, arg);
    free(text);
    arena_deinit(&arena);
}

void auth_remove(struct auth *a, const char *key, const struct auth_version *expected, micro_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__DeleteRequest request;
    store__delete_request__init(&request);
    Store__DeleteOptions options;
    store__delete_options__init(&options);
    request.key = arena_string(&arena, key);
    options.database = arena_string(&arena, AUTH_DATABASE);
    options.table = arena_string(&arena, AUTH_TABLE);
    if (expected) {
        options.if_revision = expected->revision;
        options.if_absent = !expected->there;
    }
    request.options = &options;
    bool ok = request.key && options.database && options.table;
    step(a, "Store.Delete", ok ? &request.base : NULL, &store__delete_response__descriptor, done, arg);
    arena_deinit(&arena);
}

/* ---- all below a prefix ----
 *
 * The store reads by offset, and records may expire between two pages, which would shift those behind them past the
 * reader. So each page begins with the last record of the page before: when that is not the one it was, reading begins
 * anew. A page the store finds too large is asked for again with half the records. */

#define PAGE_RECORDS 256
#define RESTARTS_MAX 8

struct pages {
    struct auth *auth;
    struct auth_reading reading;
    uint64_t seen, page;
    struct text last; /* the key of the last record seen */
    int restarts;
};

static void pages_read(struct pages *p);

static void pages_end(struct pages *p, int status, const char *message, int code)
{
    struct auth_reading reading = p->reading;
    text_deinit(&p->last);
    reading.finished(reading.arg, status, message, code); /* the arena may be gone now */
}

static void pages_restart(struct pages *p)
{
    text_clear(&p->last);
    p->seen = 0;
    int rc = p->reading.each(p->reading.arg, NULL);
    if (rc < 0)
        pages_end(p, GRPC_OK, "", rc);
    else if (++p->restarts > RESTARTS_MAX)
        pages_end(p, GRPC_UNAVAILABLE, "the records change faster than they can be read", 0);
    else
        pages_read(p);
}

static void pages_come(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct pages *p = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK && auth_store_code(status, message) != 404) {
        bool smaller = (status == GRPC_INVALID_ARGUMENT || status == GRPC_RESOURCE_EXHAUSTED) && p->page > 2;
        p->page /= smaller ? 2 : 1;
        if (smaller)
            pages_read(p);
        else
            pages_end(p, status, message, 0);
        return;
    }
    size_t count = status == GRPC_OK ? found->n_records : 0, i = 0;
    if (p->seen > 0) {
        if (count == 0 || strcmp(found->records[0]->key, text_string(&p->last)) != 0) {
            pages_restart(p);
            return;
        }
        i = 1;
    }
    bool more = count == p->page;
    for (; i < count; i++) {
        int rc = p->reading.each(p->reading.arg, found->records[i]);
        if (rc < 0) {
            pages_end(p, GRPC_OK, "", rc);
            return;
        }
        p->seen++;
    }
    if (!more) {
        pages_end(p, GRPC_OK, "", 0);
        return;
    }
    text_clear(&p->last);
    text_puts(&p->last, found->records[count - 1]->key);
    if (text_ok(&p->last))
        pages_read(p);
    else
        pages_end(p, GRPC_RESOURCE_EXHAUSTED, "out of memory", 0);
}

static void pages_read(struct pages *p)
{
    read_records(p->auth, p->reading.prefix, true, p->page, p->seen > 0 ? p->seen - 1 : 0, pages_come, p);
}

void auth_read_all(struct auth *a, struct arena *arena, const struct auth_reading *reading)
{
    struct pages *p = ARENA_NEW(arena, struct pages);
    if (!p) {
        reading->finished(reading->arg, GRPC_RESOURCE_EXHAUSTED, "out of memory", 0);
        return;
    }
    *p = (struct pages){.auth = a, .reading = *reading, .page = PAGE_RECORDS};
    pages_read(p);
}

/* ---- removing all below a prefix ---- */

struct removal {
    struct auth *auth;
    ARRAY(char *) keys; /* in the arena, the array on the heap */
    size_t next;
    struct arena *arena;
    void (*finished)(void *arg, int status, const char *message);
    void *arg;
};

static void removal_end(struct removal *r, int status, const char *message)
{
    array_deinit(&r->keys);
    r->finished(r->arg, status, message);
}

static void removal_step(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct removal *r = arg;
    (void)reply;
    if (status != GRPC_OK || r->next == r->keys.count)
        removal_end(r, status, message);
    else
        auth_remove(r->auth, r->keys.items[r->next++], NULL, removal_step, r);
}

static int removal_note(void *arg, const Store__Record *record)
{
    struct removal *r = arg;
    if (!record) {
        array_clear(&r->keys);
        return 0;
    }
    char *key = arena_string(r->arena, record->key);
    return key && array_push(&r->keys, key) ? 0 : ERROR_MEMORY;
}

static void removal_listed(void *arg, int status, const char *message, int code)
{
    if (code < 0)
        removal_end(arg, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    else
        removal_step(arg, status, message, NULL);
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
    const struct auth_reading reading = {prefix, removal_note, removal_listed, r};
    auth_read_all(a, arena, &reading);
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
