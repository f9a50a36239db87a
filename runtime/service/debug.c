/* The Debug handler: health as the service itself says, figures of the process, the last log records and spans. Memory,
 * threads and processor time are 0 where the system does not tell them, which is everywhere but on Linux and in
 * simulation. */
#include "base/units.h"
#include "proto/debug/debug.pb-c.h"
#include "runtime/service/internal.h"

static void health(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    const struct micro_service *s = service;
    Debug__HealthResponse reply = DEBUG__HEALTH_RESPONSE__INIT;
    struct text words = TEXT_INIT;
    micro_health_words(s, &words);
    char *status = text_ok(&words) ? arena_string(rpc_call_arena(call), text_string(&words)) : NULL;
    text_deinit(&words);
    if (status) {
        reply.status = status;
        rpc_call_reply(call, &reply.base);
    } else {
        micro_fail(call, 507, s->config.name, "out of memory");
    }
}

static void stats(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    struct micro_service *s = service;
    Debug__StatsResponse reply = DEBUG__STATS_RESPONSE__INIT;
    struct micro_figures figures;
    int64_t wall = world_wall(s->world) / SECOND;
    micro_figures_read(s->world, &figures);
    reply.timestamp = wall > 0 ? (uint64_t)wall : 0;
    reply.started = s->started > 0 ? (uint64_t)s->started : 0;
    reply.uptime = (world_now(s->world) - s->started_monotonic) / (uint64_t)SECOND;
    reply.requests = s->requests;
    reply.errors = s->errors;
    reply.memory = figures.memory;
    reply.threads = figures.threads;
    reply.cpu = figures.cpu;
    rpc_call_reply(call, &reply.base);
}

/* ---- Log --------------------------------------------------------------------------------------------------------- */

static bool put_record(struct arena *a, const struct micro_record *in, Debug__Record **out)
{
    static const char *const levels[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    Debug__Record *r = ARENA_NEW(a, Debug__Record);
    Debug__Record__MetadataEntry *level = ARENA_NEW(a, Debug__Record__MetadataEntry);
    if (!r || !level)
        return false;
    debug__record__init(r);
    debug__record__metadata_entry__init(level);
    r->timestamp = in->time;
    r->message = arena_string(a, in->message ? in->message : "");
    r->metadata = ARENA_NEW_N(a, Debug__Record__MetadataEntry *, 1);
    level->key = arena_string(a, "level");
    level->value = arena_string(a, levels[in->level]);
    if (!r->message || !r->metadata || !level->key || !level->value)
        return false;
    r->metadata[0] = level;
    r->n_metadata = 1;
    *out = r;
    return true;
}

static void log_records(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Debug__LogRequest *wanted = (const Debug__LogRequest *)(const void *)request;
    const struct micro_service *s = service;
    struct arena *a = rpc_call_arena(call);
    Debug__LogResponse reply = DEBUG__LOG_RESPONSE__INIT;
    size_t total = 0, first = 0;
    while (micro_record_at(s, total))
        total++;
    if (wanted->count < 0 || wanted->since < 0) {
        micro_fail(call, 400, s->config.name, "count and since cannot be negative");
        return;
    }
    while (first < total && micro_record_at(s, first)->time < wanted->since)
        first++;
    if (wanted->count > 0 && total - first > (uint64_t)wanted->count)
        first = total - (size_t)wanted->count;
    reply.records = ARENA_NEW_N(a, Debug__Record *, total - first + 1);
    bool ok = reply.records != NULL;
    for (size_t i = first; ok && i < total; i++)
        ok = put_record(a, micro_record_at(s, i), &reply.records[reply.n_records++]);
    if (ok)
        rpc_call_reply(call, &reply.base);
    else
        micro_fail(call, 507, s->config.name, "out of memory");
}

/* ---- Trace ------------------------------------------------------------------------------------------------------- */

static bool put_span(struct arena *a, const struct micro_span *in, Debug__Span **out)
{
    Debug__Span *span = ARENA_NEW(a, Debug__Span);
    Debug__Span__MetadataEntry *status = ARENA_NEW(a, Debug__Span__MetadataEntry);
    if (!span || !status)
        return false;
    debug__span__init(span);
    debug__span__metadata_entry__init(status);
    span->trace = arena_string(a, in->trace);
    span->id = arena_string(a, in->id);
    span->parent = arena_string(a, in->parent);
    span->name = arena_string(a, in->name);
    span->started = in->started > 0 ? (uint64_t)in->started : 0;
    span->duration = in->duration;
    span->type = in->outbound ? DEBUG__SPAN_TYPE__OUTBOUND : DEBUG__SPAN_TYPE__INBOUND;
    span->metadata = ARENA_NEW_N(a, Debug__Span__MetadataEntry *, 1);
    status->key = arena_string(a, "status");
    status->value = arena_string(a, grpc_status_name(in->status));
    if (!span->trace || !span->id || !span->parent || !span->name || !span->metadata || !status->key || !status->value)
        return false;
    span->metadata[0] = status;
    span->n_metadata = 1;
    *out = span;
    return true;
}

static void trace(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Debug__TraceRequest *wanted = (const Debug__TraceRequest *)(const void *)request;
    const struct micro_service *s = service;
    struct arena *a = rpc_call_arena(call);
    Debug__TraceResponse reply = DEBUG__TRACE_RESPONSE__INIT;
    reply.spans = ARENA_NEW_N(a, Debug__Span *, MICRO_SPANS);
    bool ok = reply.spans != NULL;
    const struct micro_span *span;
    for (size_t i = 0; ok && (span = micro_span_at(s, i)) != NULL; i++)
        if (!wanted->id[0] || strcmp(wanted->id, span->trace) == 0)
            ok = put_span(a, span, &reply.spans[reply.n_spans++]);
    if (ok)
        rpc_call_reply(call, &reply.base);
    else
        micro_fail(call, 507, s->config.name, "out of memory");
}

static const struct rpc_method methods[] = {
    {.name = "Log",
     .input = &debug__log_request__descriptor,
     .output = &debug__log_response__descriptor,
     .unary = log_records},
    {.name = "Health",
     .input = &debug__health_request__descriptor,
     .output = &debug__health_response__descriptor,
     .unary = health},
    {.name = "Stats",
     .input = &debug__stats_request__descriptor,
     .output = &debug__stats_response__descriptor,
     .unary = stats},
    {.name = "Trace",
     .input = &debug__trace_request__descriptor,
     .output = &debug__trace_response__descriptor,
     .unary = trace},
};
const struct rpc_service micro_debug_service = {
    .name = "debug.Debug", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
