/* runtime.Runtime.Logs: what a service wrote, from its log file; with `stream` also what it writes from now on. Core
 * components are asked for in the namespace "micro", under their names. */
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID "runtime.Runtime.Logs"

struct telling {
    struct rpc_call *call;
    struct logs_reader *reader;
    const char *service, *version;
    bool stream, over;
    struct world_task next;
};

/* Records sent between two turns of the loop. */
#define TELL_STEP 500

static void finish(struct telling *t, int status, const char *message)
{
    if (t->over)
        return;
    t->over = true;
    world_task_cancel(&t->next);
    logs_reader_free(t->reader);
    t->reader = NULL;
    rpc_call_set_user(t->call, NULL);
    if (status == GRPC_OK || status == GRPC_CANCELLED)
        rpc_call_finish(t->call, status, message);
    else
        micro_fail(t->call, 500, ID, "%s", message);
}

static bool tell_record(struct telling *t, const struct logs_record *r)
{
    struct arena arena = ARENA_INIT;
    char instance[24];
    snprintf(instance, sizeof instance, "%lld", (long long)r->instance);
    const char *const pairs[][2] = {
        {"service", t->service}, {"version", t->version}, {"stream", r->stream}, {"instance", instance}};
    enum { PAIRS = sizeof pairs / sizeof pairs[0] };
    Runtime__LogRecord m;
    Runtime__LogRecord__MetadataEntry *entries[PAIRS];
    runtime__log_record__init(&m);
    m.timestamp = r->time / SECOND;
    m.message = arena_string(&arena, r->message);
    bool ok = m.message != NULL;
    for (size_t i = 0; ok && i < PAIRS; i++) {
        entries[i] = ARENA_NEW(&arena, Runtime__LogRecord__MetadataEntry);
        if ((ok = entries[i] != NULL)) {
            runtime__log_record__metadata_entry__init(entries[i]);
            entries[i]->key = arena_string(&arena, pairs[i][0]);
            entries[i]->value = arena_string(&arena, pairs[i][1]);
            ok = entries[i]->key && entries[i]->value;
        }
    }
    m.metadata = entries;
    m.n_metadata = PAIRS;
    ok = ok && rpc_call_send(t->call, &m.base) == 0;
    arena_deinit(&arena);
    return ok;
}

static void tell(void *arg)
{
    struct telling *t = arg;
    for (int i = 0; !t->over && i < TELL_STEP; i++) {
        struct logs_record record;
        if (rpc_call_cancelled(t->call)) {
            finish(t, GRPC_CANCELLED, "");
            return;
        }
        if (rpc_call_busy(t->call))
            return; /* `writable` brings us back */
        int rc = logs_read(t->reader, &record);
        if (rc < 0) {
            finish(t, GRPC_INTERNAL, "the log cannot be read");
            return;
        }
        if (rc == 0) {
            if (!t->stream)
                finish(t, GRPC_OK, "");
            return; /* more() brings us back */
        }
        if (!tell_record(t, &record)) {
            finish(t, GRPC_RESOURCE_EXHAUSTED, "out of memory");
            return;
        }
    }
    if (!t->over)
        world_task_post(&t->next);
}

/* Without a version: "latest", else the newest one that is there. */
static const char *choose_version(const struct runner *r, const char *namespace, const char *name)
{
    const struct runner_service *newest = NULL;
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e)) {
        const struct runner_service *s = map_value(e);
        if (strcmp(s->namespace, namespace) != 0 || strcmp(s->name, name) != 0 || !s->exists)
            continue;
        if (strcmp(s->version, "latest") == 0)
            return "latest";
        if (!newest || s->current->generation > newest->current->generation)
            newest = s;
    }
    return newest ? newest->version : "latest";
}

static void logs(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    struct runner *r = runner;
    const Runtime__LogsRequest *q = (const Runtime__LogsRequest *)(const void *)request;
    const char *namespace = runner_namespace(call, q->options ? q->options->namespace_ : NULL);
    struct arena *arena = rpc_call_arena(call);
    if (!runner_admit(r, call, namespace, true, ID))
        return;
    if (!runner_name_valid(q->service) || (q->version[0] && !runner_name_valid(q->version))) {
        micro_fail(call, 400, ID, "invalid service name or version: letters, digits, '-', '_' and '.', at most %d",
                   RUNNER_NAME_MAX);
        return;
    }
    if (q->count < 0 || q->since < 0 || q->since > INT64_MAX / SECOND) {
        micro_fail(call, 400, ID, "count and since are not negative");
        return;
    }
    const char *version = q->version[0] ? q->version : choose_version(r, namespace, q->service);
    struct telling *t = ARENA_NEW(arena, struct telling);
    const struct runner_service *known = runner_service_find(r, namespace, q->service, version);
    bool exists = known && known->exists;
    char *name = exists ? arena_string(arena, known->log_name) : arena_printf(arena, "%s-%s", q->service, version);
    char *service = arena_string(arena, q->service), *copy = arena_string(arena, version);
    if (!t || !name || !service || !copy) {
        micro_fail(call, 507, ID, "out of memory");
        return;
    }
    *t = (struct telling){.call = call, .service = service, .version = copy, .stream = q->stream};
    const struct logs_query query = {.count = q->count, .since = q->since * SECOND};
    struct error err = ERROR_INIT;
    int rc = logs_reader_new(r->logs, namespace, name, &query, exists, &t->reader, &err);
    if (rc == 0 && q->stream && (rc = logs_follow(t->reader, tell, t)) < 0) {
        logs_reader_free(t->reader);
        error_set(&err, rc, "too many callers follow logs: at most %d", LOGS_FOLLOWERS);
    }
    if (rc < 0) {
        micro_fail(call,
                   rc == ERROR_NOT_FOUND ? 404
                   : rc == ERROR_LIMIT   ? 429
                                         : 500,
                   ID, "%s", err.message ? err.message : error_code_name(rc));
        error_clear(&err);
        return;
    }
    world_task_init(&t->next, r->world, tell, t);
    rpc_call_set_user(call, t);
    tell(t);
}

static void logs_writable(struct rpc_call *call, void *runner)
{
    (void)runner;
    struct telling *t = rpc_call_user(call);
    if (t)
        tell(t);
}

static void logs_cancelled(struct rpc_call *call, void *runner)
{
    (void)runner;
    struct telling *t = rpc_call_user(call);
    if (t)
        finish(t, GRPC_CANCELLED, "");
}

const struct rpc_method runner_logs_method = {
    .name = "Logs",
    .input = &runtime__logs_request__descriptor,
    .output = &runtime__log_record__descriptor,
    .unary = logs,
    .writable = logs_writable,
    .cancelled = logs_cancelled,
};
