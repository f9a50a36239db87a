/* The smallest service: what a user's first one looks like. Anybody may call it. */
#include "proto/helloworld/helloworld.pb-c.h"
#include "runtime/service/service.h"

#include <stdlib.h>

#define ID(method)       "helloworld.Helloworld." method
#define STREAM_COUNT_MAX 1000000 /* messages of one Stream */
#define STREAM_SLICE     256     /* of them at a time: other calls have their turn in between */

static void greet(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    const Helloworld__Request *request = (const Helloworld__Request *)(const void *)message;
    Helloworld__Response reply = HELLOWORLD__RESPONSE__INIT;
    char *text = arena_printf(rpc_call_arena(call), "Hello %s", request->name);
    if (!text) {
        micro_fail(call, 507, ID("Call"), "out of memory");
        return;
    }
    reply.msg = text;
    rpc_call_reply(call, &reply.base);
}

struct counting {
    struct rpc_call *call;
    int64_t next, count;
    struct world_timer turn; /* ours comes again when the others had theirs */
};

/* Sends until the client is busy, or a slice is sent; `writable` or the timer brings us back. */
static void count_on(struct rpc_call *call, struct counting *c)
{
    for (int sent = 0; c->next < c->count; sent++) {
        if (rpc_call_busy(call))
            return;
        if (sent == STREAM_SLICE && world_timer_start(&c->turn, 0) == 0)
            return;
        Helloworld__StreamingResponse reply = HELLOWORLD__STREAMING_RESPONSE__INIT;
        reply.count = c->next++;
        if (rpc_call_send(call, &reply.base) != 0) {
            micro_fail(call, 507, ID("Stream"), "out of memory");
            return;
        }
    }
    rpc_call_finish(call, GRPC_OK, "");
}

static void next_turn(void *arg)
{
    struct counting *c = arg;
    count_on(c->call, c);
}

static void stream(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    const Helloworld__StreamingRequest *request = (const Helloworld__StreamingRequest *)(const void *)message;
    if (request->count < 0 || request->count > STREAM_COUNT_MAX) {
        micro_fail(call, 400, ID("Stream"), "count is between 0 and %d", STREAM_COUNT_MAX);
        return;
    }
    struct counting *c = ARENA_NEW(rpc_call_arena(call), struct counting);
    if (!c) {
        micro_fail(call, 507, ID("Stream"), "out of memory");
        return;
    }
    *c = (struct counting){.call = call, .count = request->count};
    world_timer_init(&c->turn, rpc_call_world(call), next_turn, c);
    rpc_call_set_user(call, c);
    count_on(call, c);
}

static void stream_writable(struct rpc_call *call, void *context)
{
    (void)context;
    struct counting *c = rpc_call_user(call);
    if (c && !world_timer_active(&c->turn))
        count_on(call, c);
}

static void ended(struct rpc_call *call, void *context)
{
    struct counting *c = rpc_call_user(call);
    (void)context;
    if (c)
        world_timer_stop(&c->turn);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void ping(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)context;
    const Helloworld__Ping *request = (const Helloworld__Ping *)(const void *)message;
    Helloworld__Pong reply = HELLOWORLD__PONG__INIT;
    reply.stroke = request->stroke;
    if (rpc_call_send(call, &reply.base) != 0)
        micro_fail(call, 507, ID("PingPong"), "out of memory");
    else if (rpc_call_busy(call))
        rpc_call_pause(call); /* the client sends faster than it reads */
}

static void ping_open(struct rpc_call *call, void *context)
{
    (void)call;
    (void)context;
}

static void ping_writable(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_resume(call);
}

static void ping_over(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_finish(call, GRPC_OK, "");
}

static const struct rpc_method methods[] = {
    {.name = "Call",
     .input = &helloworld__request__descriptor,
     .output = &helloworld__response__descriptor,
     .unary = greet},
    {.name = "Stream",
     .input = &helloworld__streaming_request__descriptor,
     .output = &helloworld__streaming_response__descriptor,
     .unary = stream,
     .writable = stream_writable,
     .cancelled = ended},
    {.name = "PingPong",
     .input = &helloworld__ping__descriptor,
     .output = &helloworld__pong__descriptor,
     .open = ping_open,
     .message = ping,
     .half_closed = ping_over,
     .writable = ping_writable,
     .cancelled = ended},
};
static const struct rpc_service helloworld_service = {
    .name = "helloworld.Helloworld", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

struct helloworld {
    struct micro_service *service;
};

static void stop(void *state)
{
    struct helloworld *h = state;
    micro_service_free(h->service);
    free(h);
}

static int start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct helloworld *h = calloc(1, sizeof *h);
    if (!h)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct micro_service_config config = {.name = "helloworld", .access = MICRO_PUBLIC, .options = options};
    int rc = micro_service_new(w, &config, &h->service, err);
    if (rc == 0 && (rc = micro_service_add(h->service, &helloworld_service, h)) != 0)
        error_set(err, rc, "the handlers cannot be set up");
    if (rc == 0)
        rc = micro_service_start(h->service, err);
    if (rc) {
        stop(h);
        return rc;
    }
    *state = h;
    return 0;
}

static void drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct helloworld *h = state;
    micro_service_drain(h->service, grace, done, arg);
}

static const char *const services[] = {"helloworld.Helloworld", NULL};
static const char *const needs[] = {"registry", NULL};
extern const struct component helloworld_component;
const struct component helloworld_component = {
    .name = "helloworld",
    .port_offset = 100,
    .needs = needs,
    .services = services,
    .start = start,
    .drain = drain,
    .stop = stop,
};
