/* The backend's records in the store: one after the other, and many at once. */
#include "runtime/services/backend/backend.h"

#include "proto/store/store.pb-c.h"

#include <string.h>

#define IN_FLIGHT  16  /* of a batch */
#define PAGE       250 /* records that a scan reads at once */
#define PAGE_MIN   2   /* one of them is the last of the page before */
#define SCAN_TRIES 3   /* when others came or went meanwhile */

static char database[] = MICRO_NAMESPACE; /* protobuf-c's strings are not const */

static int ask_read(struct task *t, const char *table, const struct backend_op *op, micro_done *done, void *arg)
{
    struct arena *a = t->memory;
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    options.database = database;
    options.table = arena_string(a, table);
    options.prefix = op->prefix;
    options.limit = op->limit;
    options.offset = op->offset;
    options.missing_ok = true;
    request.key = arena_string(a, op->key);
    request.options = &options;
    return options.table && request.key ? micro_call(t->backend->service, "store", "Store.Read", &request.base,
                                                     &store__read_response__descriptor, 0, done, arg)
                                        : ERROR_MEMORY;
}

static int ask_write(struct task *t, const char *table, const struct backend_op *op, uint64_t revision,
                     micro_done *done, void *arg)
{
    struct arena *a = t->memory;
    Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    options.database = database;
    options.table = arena_string(a, table);
    options.if_absent = revision == 0;
    options.if_revision = revision == BACKEND_ALWAYS ? 0 : revision;
    record.key = arena_string(a, op->key);
    record.value.data = op->json ? arena_copy(a, op->json, strlen(op->json)) : NULL;
    record.value.len = op->json ? strlen(op->json) : 0;
    record.expiry = t->expiry;
    request.record = &record;
    request.options = &options;
    return options.table && record.key && record.value.data
               ? micro_call(t->backend->service, "store", "Store.Write", &request.base,
                            &store__write_response__descriptor, 0, done, arg)
               : ERROR_MEMORY;
}

static int ask_delete(struct task *t, const char *table, const struct backend_op *op, micro_done *done, void *arg)
{
    struct arena *a = t->memory;
    Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
    Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
    options.database = database;
    options.table = arena_string(a, table);
    request.key = arena_string(a, op->key);
    request.options = &options;
    return options.table && request.key ? micro_call(t->backend->service, "store", "Store.Delete", &request.base,
                                                     &store__delete_response__descriptor, 0, done, arg)
                                        : ERROR_MEMORY;
}

/* ---- one --------------------------------------------------------------------------------------------------------- */

static void asked(struct task *t, int rc)
{
    if (rc)
        task_cannot_ask(t, rc);
}

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    static const Store__ReadResponse nothing = STORE__READ_RESPONSE__INIT;
    if (status == GRPC_NOT_FOUND)
        task_answer(arg, GRPC_OK, "", &nothing.base);
    else
        task_answer(arg, status, message, reply);
}

static void begin(struct task *t, backend_step *next)
{
    t->next = next;
    t->asked = "the store";
}

void task_read(struct task *t, const char *table, const char *key, bool prefix, backend_step *next)
{
    begin(t, next);
    asked(t, ask_read(t, table, &(struct backend_op){.key = key, .prefix = prefix}, on_read, t));
}

void task_write(struct task *t, const char *table, const char *key, const char *json, uint64_t revision,
                backend_step *next)
{
    begin(t, next);
    int rc = ask_write(t, table, &(struct backend_op){.key = key, .json = json}, revision, task_answer, t);
    t->expiry = 0;
    asked(t, rc);
}

void task_delete(struct task *t, const char *table, const char *key, backend_step *next)
{
    begin(t, next);
    asked(t, ask_delete(t, table, &(struct backend_op){.key = key}, task_answer, t));
}

void task_save(struct task *t, const struct backend_shape *shape, const char *key, const void *record,
               uint64_t revision, backend_step *next)
{
    char *json = key ? backend_encode(t->memory, shape->fields, shape->count, record) : NULL;
    if (json)
        task_write(t, shape->table, key, json, revision, next);
    else
        task_no_memory(t);
}

bool task_take(struct task *t, const struct backend_shape *shape, const struct backend_answer *a, void *record,
               uint64_t *revision)
{
    *revision = 0;
    if (task_failed(t, a, 500))
        return false;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    if (r->n_records == 0)
        return true;
    *revision = r->records[0]->revision;
    if (backend_decode(t->memory, shape->fields, shape->count,
                       BYTES(r->records[0]->value.data, r->records[0]->value.len), record))
        return true;
    task_fail(t, 500, "%s", shape->damaged);
    return false;
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

struct batch {
    struct task *task;
    const char *table;
    struct backend_op *ops;
    size_t count, begun, flying;
    struct backend_answer answer;
};
struct flight {
    struct batch *batch;
    struct backend_op *op;
};

static void go_on(struct batch *b);

static bool keep(struct arena *a, struct backend_op *op, const Store__ReadResponse *r)
{
    op->found = ARENA_NEW_N(a, struct backend_found, r->n_records + 1);
    if (!op->found)
        return false;
    for (size_t i = 0; i < r->n_records; i++) {
        const Store__Record *record = r->records[i];
        const void *value = arena_copy(a, record->value.len ? (const void *)record->value.data : "", record->value.len);
        op->found[i] =
            (struct backend_found){arena_string(a, record->key), BYTES(value, record->value.len), record->revision};
        if (!op->found[i].key || !value)
            return false;
        op->count++;
    }
    return true;
}

static void fail(struct batch *b, int status, const char *message)
{
    if (b->answer.status != GRPC_OK)
        return;
    b->answer.status = status;
    micro_error_parse(status, bytes_of(message), &b->answer.error);
}

static void landed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct flight *f = arg;
    struct batch *b = f->batch;
    b->flying--;
    if (status == GRPC_NOT_FOUND && f->op->kind != OP_WRITE)
        status = GRPC_OK;
    else if (status == GRPC_OK && f->op->kind == OP_READ &&
             !keep(b->task->memory, f->op, (const Store__ReadResponse *)(const void *)reply))
        fail(b, GRPC_RESOURCE_EXHAUSTED, "{\"code\":507,\"detail\":\"out of memory\"}");
    if (status != GRPC_OK)
        fail(b, status, message ? message : "");
    go_on(b);
}

static int launch(struct batch *b, struct backend_op *op)
{
    struct flight *f = ARENA_NEW(b->task->memory, struct flight);
    if (!f)
        return ERROR_MEMORY;
    *f = (struct flight){b, op};
    return op->kind == OP_READ    ? ask_read(b->task, b->table, op, landed, f)
           : op->kind == OP_WRITE ? ask_write(b->task, b->table, op, BACKEND_ALWAYS, landed, f)
                                  : ask_delete(b->task, b->table, op, landed, f);
}

static void go_on(struct batch *b)
{
    while (b->answer.status == GRPC_OK && b->begun < b->count && b->flying < IN_FLIGHT) {
        int rc = launch(b, &b->ops[b->begun++]);
        if (rc == 0)
            b->flying++;
        else if (rc == ERROR_MEMORY)
            fail(b, GRPC_RESOURCE_EXHAUSTED, "{\"code\":507,\"detail\":\"out of memory\"}");
        else
            fail(b, GRPC_UNAVAILABLE, error_code_name(rc));
    }
    if (b->flying == 0)
        b->task->next(b->task, &b->answer);
}

void task_batch(struct task *t, const char *table, struct backend_op *ops, size_t count, backend_step *next)
{
    struct batch *b = ARENA_NEW(t->memory, struct batch);
    if (!b) {
        task_no_memory(t);
        return;
    }
    *b = (struct batch){.task = t, .table = table, .ops = ops, .count = count, .answer.status = GRPC_OK};
    begin(t, next);
    go_on(b);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

struct scan {
    struct task *task;
    const char *table;
    backend_each *each;
    backend_step *done;
    struct backend_op op;
    const char *last; /* of the page before; NULL: there is none */
    int tries;
};

static void page_read(void *arg, int status, const char *message, const ProtobufCMessage *reply);

static void read_page(struct scan *s)
{
    begin(s->task, s->done);
    s->op.found = NULL;
    s->op.count = 0;
    asked(s->task, ask_read(s->task, s->table, &s->op, page_read, s));
}

/* A page begins with the last record of the one before. When that is not there, records before it came or went, and
 * others may have been passed over. */
static void page_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct scan *s = arg;
    struct task *t = s->task;
    struct backend_answer a = {.status = status};
    if (status == GRPC_RESOURCE_EXHAUSTED && s->op.limit > PAGE_MIN) { /* a page of large records is no message */
        s->op.limit = s->op.limit / 4 < PAGE_MIN ? PAGE_MIN : s->op.limit / 4;
        read_page(s);
        return;
    }
    if (status != GRPC_OK)
        micro_error_parse(status, bytes_of(message ? message : ""), &a.error);
    if (task_failed(t, &a, 500))
        return;
    if (!keep(t->memory, &s->op, (const Store__ReadResponse *)(const void *)reply)) {
        task_no_memory(t);
        return;
    }
    size_t i = s->last ? 1 : 0;
    if (s->last && (s->op.count == 0 || strcmp(s->op.found[0].key, s->last) != 0)) {
        s->last = NULL;
        s->op.offset = 0;
        if (++s->tries == SCAN_TRIES)
            task_fail(t, 409, "it is being changed while it is read; try again");
        else if (s->each(t, NULL))
            read_page(s);
        return;
    }
    for (; i < s->op.count; i++)
        if (!s->each(t, &s->op.found[i]))
            return;
    if (s->op.count < s->op.limit) {
        s->done(t, &a);
        return;
    }
    s->last = s->op.found[s->op.count - 1].key;
    s->op.offset += s->op.count - 1;
    read_page(s);
}

void task_scan(struct task *t, const char *table, const char *prefix, backend_each *each, backend_step *done)
{
    struct scan *s = ARENA_NEW(t->memory, struct scan);
    if (!s) {
        task_no_memory(t);
        return;
    }
    *s = (struct scan){.task = t, .table = table, .each = each, .done = done};
    s->op = (struct backend_op){.kind = OP_READ, .key = prefix, .prefix = true, .limit = PAGE};
    read_page(s);
}
