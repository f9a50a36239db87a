#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/service/test_probe.h"

#include "base/units.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "world/sim.h"

#include <string.h>

#define SLOW (1 * SECOND)

struct probe {
    struct micro_service *service;
};

struct relay {
    struct rpc_call *call;
    struct probe *probe;
    char service[64];
    const char *name;
    bool again;
};

struct slow {
    struct rpc_call *call;
    const char *name;
    struct world_timer timer;
};

static void answer(struct rpc_call *call, const char *text)
{
    Helloworld__Response reply = HELLOWORLD__RESPONSE__INIT;
    reply.msg = arena_string(rpc_call_arena(call), text);
    assert_non_null(reply.msg);
    rpc_call_reply(call, &reply.base);
}

static void hello(struct rpc_call *call, const char *name)
{
    answer(call, arena_printf(rpc_call_arena(call), "Hello %s from /%s", name, sim_node_name(rpc_call_world(call))));
}

static void relay_on(struct relay *r);

static void relayed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct relay *r = arg;
    if (status == GRPC_OK && !r->again) {
        r->again = true;
        relay_on(r);
        return;
    }
    const Helloworld__Response *got = (const Helloworld__Response *)(const void *)reply;
    answer(r->call,
           got ? got->msg : arena_printf(rpc_call_arena(r->call), "%s: %s", grpc_status_name(status), message));
}

static void relay_on(struct relay *r)
{
    Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
    request.name = arena_string(rpc_call_arena(r->call), r->name);
    int rc = micro_call(r->probe->service, r->service, "Helloworld.Call", &request.base,
                        &helloworld__response__descriptor, 0, relayed, r);
    if (rc)
        answer(r->call, error_code_name(rc));
}

static void slow_fired(void *arg)
{
    struct slow *s = arg;
    hello(s->call, s->name);
}

static void call(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    const Helloworld__Request *r = (const Helloworld__Request *)(const void *)request;
    struct arena *arena = rpc_call_arena(call);
    if (strncmp(r->name, "relay ", 6) == 0) {
        struct relay *relay = ARENA_NEW(arena, struct relay);
        size_t len = strcspn(r->name + 6, " ");
        assert_true(relay && len < sizeof relay->service);
        *relay = (struct relay){.call = call, .probe = context};
        memcpy(relay->service, r->name + 6, len);
        relay->name = r->name + 6 + len + (r->name[6 + len] == ' ');
        relay_on(relay);
    } else if (strncmp(r->name, "slow ", 5) == 0) {
        struct slow *slow = ARENA_NEW(arena, struct slow);
        assert_non_null(slow);
        *slow = (struct slow){.call = call, .name = r->name + 5};
        world_timer_init(&slow->timer, rpc_call_world(call), slow_fired, slow);
        assert_int_equal(world_timer_start(&slow->timer, (uint64_t)SLOW), 0);
        rpc_call_set_user(call, &slow->timer);
    } else {
        hello(call, r->name);
    }
}

static void cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    if (rpc_call_user(call)) {
        world_timer_stop(rpc_call_user(call));
        rpc_call_finish(call, GRPC_CANCELLED, "");
    }
}

/* A stream that says nothing and stays until somebody ends it. */
static void open_ended(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    (void)call;
    (void)request;
    (void)context;
}

static void open_ended_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static const struct rpc_method methods[] = {
    {.name = "Call",
     .input = &helloworld__request__descriptor,
     .output = &helloworld__response__descriptor,
     .unary = call,
     .cancelled = cancelled},
    {.name = "Stream",
     .input = &helloworld__streaming_request__descriptor,
     .output = &helloworld__streaming_response__descriptor,
     .unary = open_ended,
     .cancelled = open_ended_cancelled},
};
static const struct rpc_service probe_service = {"helloworld.Helloworld", methods, 2};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    struct probe *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    p->service = s;
    *state = p;
    int rc = micro_service_add(s, &probe_service, p);
    return rc ? error_set(err, rc, "the handlers cannot be set up") : 0;
}

static void stop(void *state)
{
    free(state);
}

const struct micro_program test_probe = {.name = "probe", .version = "v7", .setup = setup, .stop = stop};

void test_probe_start(struct sim_system *s, const char *node, const char *service, const char *const *arguments)
{
    const char *argv[32] = {"probe",        service,
                            "--address",    "0.0.0.0:9000",
                            "--peers",      "registry=registry:8000,auth=auth:8010,store=store:8002",
                            "--public-key", text_string(&s->public_key)};
    int argc = 8;
    struct error err = ERROR_INIT;
    for (size_t i = 0; arguments && arguments[i]; i++)
        argv[argc++] = arguments[i];
    assert_int_equal(micro_program_register(s->sim, &test_probe), 0);
    if (sim_start(s->sim, node, "probe", argc, argv, &err) != 0)
        fail_msg("%s does not start: %s", node, err.message ? err.message : "?");
}

int test_probe_call(struct sim_system *s, const char *node, const char *path, const struct grpc_header *headers,
                    size_t count, const char *json, struct arena *arena, const char **text)
{
    struct rpc_channel *channel = NULL;
    struct rpc_answer got = {0};
    struct error err = ERROR_INIT;
    char address[128];
    snprintf(address, sizeof address, "%s:%d", node, TEST_PROBE_PORT);
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {.path = path,
                                        .metadata = {headers, count},
                                        .timeout = TEST_CALL_LIMIT,
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_channel_new(s->client, &options, &channel, NULL), 0);
    if (rpc_unary_wait(s->client, channel, &request, &got, &err) < 0)
        fail_msg("%s was not answered: %s", path, err.message ? err.message : "?");
    struct bytes said = got.reply.status == GRPC_OK ? got.reply.body : got.reply.message;
    *text = arena_string_n(arena, said.data ? (const char *)said.data : "", said.len);
    int status = got.reply.status;
    rpc_answer_deinit(&got);
    rpc_channel_free(channel);
    return status;
}

void test_probe_eventually(struct sim_system *s, const char *node, const char *path, const char *token,
                           const char *namespace, const char *json, int status, const char *words, int seconds)
{
    uint64_t until = sim_now(s->sim) + (uint64_t)seconds * (uint64_t)SECOND;
    for (;;) {
        struct arena arena = ARENA_INIT;
        struct grpc_header headers[2];
        size_t count = 0;
        const char *text = NULL;
        if (token)
            headers[count++] =
                (struct grpc_header){bytes_of("authorization"), bytes_of(arena_printf(&arena, "Bearer %s", token))};
        if (namespace)
            headers[count++] = (struct grpc_header){bytes_of("micro-namespace"), bytes_of(namespace)};
        int got = test_probe_call(s, node, path, headers, count, json, &arena, &text);
        bool ok = got == status && (!words || strstr(text, words));
        if (!ok && sim_now(s->sim) >= until)
            fail_msg("%s %s %s: %s %s; wanted %s with %s", node, path, json, grpc_status_name(got), text,
                     grpc_status_name(status), words ? words : "anything");
        arena_deinit(&arena);
        if (ok)
            return;
        sim_run_for(s->sim, (uint64_t)(100 * MILLISECOND));
    }
}

void test_probe_expect(struct sim_system *s, const char *node, const char *path, const char *token,
                       const char *namespace, const char *json, int status, const char *words)
{
    test_probe_eventually(s, node, path, token, namespace, json, status, words, 0);
}
