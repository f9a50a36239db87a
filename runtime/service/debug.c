/* The Debug handler: health as the service itself says, figures of the process from the system's own files. Memory and
 * threads are 0 where these do not exist, which is everywhere but on Linux and in simulation. */
#include "base/units.h"
#include "proto/debug/debug.pb-c.h"
#include "runtime/service/internal.h"

#define STATUS_FILE_MAX 8192 /* bytes of /proc/self/status read */

static void health(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    struct micro_service *s = service;
    Debug__HealthResponse reply = DEBUG__HEALTH_RESPONSE__INIT;
    char *status = arena_string(rpc_call_arena(call), s->healthy         ? "ok"
                                                      : s->unhealthy_why ? s->unhealthy_why
                                                                         : "unhealthy");
    if (status)
        reply.status = status;
    rpc_call_reply(call, &reply.base);
}

/* "Name:   123 kB" in the system's status file. */
static uint64_t status_value(const char *file, const char *name)
{
    const char *at = strstr(file, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void stats(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    struct micro_service *s = service;
    Debug__StatsResponse reply = DEBUG__STATS_RESPONSE__INIT;
    int64_t wall = world_wall(s->world) / SECOND;
    reply.timestamp = wall > 0 ? (uint64_t)wall : 0;
    reply.started = s->started > 0 ? (uint64_t)s->started : 0;
    reply.uptime = (world_now(s->world) - s->started_monotonic) / (uint64_t)SECOND;
    reply.requests = s->requests;
    reply.errors = s->errors;
    struct world_file *file = NULL;
    char content[STATUS_FILE_MAX + 1];
    if (world_file_open(s->world, "/proc/self/status", WORLD_READ, &file, NULL) == 0) {
        int64_t n = world_file_pread(file, content, STATUS_FILE_MAX, 0);
        world_file_close(file);
        content[n > 0 ? n : 0] = '\0';
        reply.memory = status_value(content, "\nVmRSS:") * 1024;
        reply.threads = status_value(content, "\nThreads:");
    }
    rpc_call_reply(call, &reply.base);
}

static void log_records(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    const struct micro_service *s = service;
    micro_fail(call, 501, s->config.name, "Debug.Log is not implemented: the log goes to the standard error stream");
}

static void trace(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    (void)request;
    const struct micro_service *s = service;
    micro_fail(call, 501, s->config.name, "Debug.Trace is not implemented: no spans are kept");
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
