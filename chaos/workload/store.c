#include "base/array.h"
#include "base/units.h"
#include "chaos/workload/workload.h"
#include "store/store.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_SERVICE    "store.Store"
#define WRITE_PATH       "/store.Store/Write"
#define READ_PATH        "/store.Store/Read"
#define OPERATION_LIMIT  ((uint64_t)(2 * SECOND)) /* deadline of each operation */
#define PAUSE_AFTER_FAIL ((uint64_t)(10 * MILLISECOND))
#define STOP_LIMIT       ((uint64_t)(5 * SECOND))

struct client {
    struct workload *workload;
    struct world_timer next;
    struct rpc_stream *call; /* the operation in flight */
    int64_t operation;       /* its index, or -1 */
    int32_t process;
    uint64_t due;
};

struct workload {
    struct target *target;
    struct rpc_channel *channel;
    struct workload_options options;
    struct random random;
    struct history history;
    struct client *clients;
    int32_t next_process;
    int64_t next_value;
    bool running;
    int open;
    size_t final_from;
    char database[64], table[64];
    struct workload_window window;
    ARRAY(double) latencies; /* ms, of the window */
};

static void client_next(void *arg);

int workload_new(struct target *t, const struct workload_options *options, struct workload **out, struct error *err)
{
    const struct target_component *store = target_serving(t, STORE_SERVICE);
    if (store == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "the chaos workload needs a component that serves " STORE_SERVICE);
    struct workload *w = calloc(1, sizeof *w);
    struct client *clients = calloc((size_t)options->clients, sizeof *clients);
    if (w == NULL || clients == NULL) {
        free(clients);
        free(w);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    w->target = t;
    w->options = *options;
    w->clients = clients;
    snprintf(w->database, sizeof w->database, "%s", t->namespace != NULL ? t->namespace : "micro");
    /* A table of its own for every run: what an earlier one left behind is none of this history's values. */
    snprintf(w->table, sizeof w->table, "harrow_chaos_%" PRIx64, (uint64_t)world_wall(t->world));
    struct random base;
    random_seed(&base, options->seed);
    random_fork(&base, "chaos.workload", &w->random);
    int code = target_channel(t, store, &w->channel, err);
    if (code != 0) {
        free(clients);
        free(w);
        return code;
    }
    for (int i = 0; i < options->clients; i++) {
        struct client *c = &clients[i];
        c->workload = w;
        c->operation = -1;
        c->process = w->next_process++;
        world_timer_init(&c->next, t->world, client_next, c);
    }
    *out = w;
    return 0;
}

static void key_name(uint32_t key, char out[24])
{
    snprintf(out, 24, "k%u", key);
}

static int pack_write(const struct workload *w, uint32_t key, int64_t value, struct text *out)
{
    char name[24], digits[24], database[sizeof w->database], table[sizeof w->table];
    key_name(key, name);
    int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
    memcpy(database, w->database, sizeof database);
    memcpy(table, w->table, sizeof table);
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    record.key = name;
    record.value = (ProtobufCBinaryData){.len = (size_t)len, .data = (uint8_t *)digits};
    options.database = database;
    options.table = table;
    request.record = &record;
    request.options = &options;
    return pb_pack(&request.base, out);
}

static int pack_read(const struct workload *w, uint32_t key, struct text *out)
{
    char name[24], database[sizeof w->database], table[sizeof w->table];
    key_name(key, name);
    memcpy(database, w->database, sizeof database);
    memcpy(table, w->table, sizeof table);
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    options.database = database;
    options.table = table;
    request.key = name;
    request.options = &options;
    return pb_pack(&request.base, out);
}

/* The value a read's answer holds; VALUE_NIL: absent; -1: the answer is not one this workload ever wrote. */
static int64_t value_of(const struct rpc_reply *reply)
{
    if (reply->status == GRPC_NOT_FOUND)
        return VALUE_NIL;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t value = -1;
    if (pb_unpack(&store__read_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Store__ReadResponse *response = (const Store__ReadResponse *)message;
        char digits[24] = "";
        if (response->n_records == 1 && response->records[0]->value.len < sizeof digits) {
            memcpy(digits, response->records[0]->value.data, response->records[0]->value.len);
            if (units_parse_integer(digits, 1, INT64_MAX, &value, NULL) != 0)
                value = -1;
        }
    }
    arena_deinit(&arena);
    return value;
}

/* What an answer says about an operation. A write that may have reached the server has an unknown end unless the
 * server refused it in so many words. */
static enum operation_end end_of(enum operation_function kind, const struct rpc_reply *reply)
{
    if (kind == OPERATION_READ)
        return reply->status == GRPC_OK || reply->status == GRPC_NOT_FOUND ? END_OK : END_FAIL;
    switch (reply->status) {
    case GRPC_OK:
        return END_OK;
    case GRPC_INVALID_ARGUMENT:
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
    case GRPC_UNIMPLEMENTED:
        return END_FAIL;
    case GRPC_UNAVAILABLE:
        return reply->peer[0] == '\0' ? END_FAIL : END_INFO;
    default:
        return END_INFO;
    }
}

static void note(struct workload *w, const struct operation *o, enum operation_end end, uint64_t now)
{
    if (end == END_OK) {
        w->window.ok++;
        double ms = (double)(now - o->invoked) / (double)MILLISECOND;
        if (!array_push(&w->latencies, ms))
            array_clear(&w->latencies);
    } else if (end == END_FAIL) {
        w->window.failed++;
    } else {
        w->window.unknown++;
    }
}

static void schedule(struct client *c, bool failed)
{
    struct workload *w = c->workload;
    uint64_t now = world_now(w->target->world), delay = 0;
    if (w->options.rate > 0) {
        /* A client that fell behind does not catch up by a burst. */
        uint64_t interval = (uint64_t)SECOND * (uint64_t)w->options.clients / (uint64_t)w->options.rate;
        c->due = c->due + interval > now ? c->due + interval : now;
        delay = c->due - now;
    }
    if (failed && delay < PAUSE_AFTER_FAIL)
        delay = PAUSE_AFTER_FAIL;
    world_timer_start(&c->next, delay);
}

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct client *c = arg;
    struct workload *w = c->workload;
    struct operation *o = &w->history.operations[c->operation];
    uint64_t now = world_now(w->target->world);
    enum operation_end end = end_of(o->function, reply);
    int64_t value = o->function == OPERATION_READ && end == END_OK ? value_of(reply) : o->value;
    note(w, o, end, now);
    history_end(&w->history, c->operation, end, value, now);
    if (end == END_INFO)
        c->process = w->next_process++;
    c->operation = -1;
    c->call = NULL;
    w->open--;
    if (w->running)
        schedule(c, end != END_OK);
}

static int begin(struct client *c, enum operation_function kind, uint32_t key)
{
    struct workload *w = c->workload;
    struct text wire = TEXT_INIT;
    int64_t value = kind == OPERATION_WRITE ? ++w->next_value : VALUE_NIL;
    int code = kind == OPERATION_WRITE ? pack_write(w, key, value, &wire) : pack_read(w, key, &wire);
    if (code == 0) {
        uint64_t now = world_now(w->target->world);
        c->operation = history_invoke(&w->history, c->process, kind, key, value, now);
        code = c->operation < 0 ? ERROR_MEMORY : 0;
        struct rpc_request request = {.path = kind == OPERATION_WRITE ? WRITE_PATH : READ_PATH,
                                      .metadata = target_metadata(w->target),
                                      .timeout = OPERATION_LIMIT,
                                      .message = text_bytes(&wire),
                                      .has_message = true};
        if (code == 0 && (code = rpc_unary(w->channel, &request, on_done, c, &c->call, NULL)) != 0) {
            history_end(&w->history, c->operation, END_FAIL, value, now);
            c->operation = -1;
        }
        if (code == 0)
            w->open++;
    }
    text_deinit(&wire);
    return code;
}

static void client_next(void *arg)
{
    struct client *c = arg;
    struct workload *w = c->workload;
    if (!w->running || c->operation >= 0)
        return;
    enum operation_function kind = random_below(&w->random, 2) == 0 ? OPERATION_READ : OPERATION_WRITE;
    if (begin(c, kind, (uint32_t)random_below(&w->random, (uint64_t)w->options.keys)) != 0)
        schedule(c, true);
}

void workload_start(struct workload *w)
{
    w->running = true;
    uint64_t now = world_now(w->target->world);
    for (int i = 0; i < w->options.clients; i++) {
        w->clients[i].due = now;
        world_timer_start(&w->clients[i].next, random_below(&w->random, (uint64_t)MILLISECOND));
    }
}

static bool none_open(void *arg)
{
    const struct workload *w = arg;
    return w->open == 0;
}

int workload_stop(struct workload *w)
{
    w->running = false;
    for (int i = 0; i < w->options.clients; i++)
        world_timer_stop(&w->clients[i].next);
    return world_run_until(w->target->world, none_open, w, STOP_LIMIT);
}

int workload_final_reads(struct workload *w, uint64_t timeout, struct error *err)
{
    uint64_t end = world_now(w->target->world) + timeout;
    struct client *c = &w->clients[0];
    w->final_from = w->history.count;
    if (w->open > 0) /* a client has one call under way at a time */
        return error_set(err, ERROR_TIMEOUT, "calls that were under way have not ended");
    for (uint32_t key = 0; key < (uint32_t)w->options.keys; key++) {
        for (bool answered = false; !answered;) {
            if (w->target->interrupted)
                return error_set(err, ERROR_CANCELLED, "interrupted");
            if (world_now(w->target->world) > end)
                return error_set(err, ERROR_TIMEOUT, "key k%u could not be read within the settling time", key);
            int64_t index = (int64_t)w->history.count;
            int code = begin(c, OPERATION_READ, key);
            if (code == 0)
                code = world_run_until(w->target->world, none_open, w, STOP_LIMIT);
            if (code != 0)
                return error_set(err, code, "final read of key k%u: %s", key, error_code_name(code));
            answered = w->history.operations[index].end == END_OK;
            if (!answered)
                world_sleep(w->target->world, PAUSE_AFTER_FAIL);
        }
    }
    return 0;
}

const struct history *workload_history(const struct workload *w)
{
    return &w->history;
}

size_t workload_final_from(const struct workload *w)
{
    return w->final_from;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void workload_take_window(struct workload *w, struct workload_window *out)
{
    *out = w->window;
    if (w->latencies.count > 0) {
        qsort(w->latencies.items, w->latencies.count, sizeof *w->latencies.items, by_value);
        out->p50 = w->latencies.items[w->latencies.count / 2];
        out->p99 = w->latencies.items[w->latencies.count * 99 / 100];
    }
    array_clear(&w->latencies);
    w->window = (struct workload_window){0};
}

void workload_free(struct workload *w)
{
    if (w == NULL)
        return;
    w->running = false;
    for (int i = 0; i < w->options.clients; i++) {
        world_timer_stop(&w->clients[i].next);
        if (w->clients[i].call != NULL)
            rpc_stream_cancel(w->clients[i].call);
    }
    if (w->open > 0)
        world_run_until(w->target->world, none_open, w, STOP_LIMIT);
    history_deinit(&w->history);
    array_deinit(&w->latencies);
    free(w->clients);
    free(w);
}
