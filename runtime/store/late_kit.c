#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/store/late_kit.h"

#include <stdio.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(60 * SECOND)) /* virtual; longer than a call to the store may take */
#define SECOND_ONE "second"
#define PEERS      "registry=registry:8000,store=store:8002,policy=none"

static struct rpc_channel *channel_to(struct late_kit *k, const char *node)
{
    const struct component *c = component_find(k->component);
    struct rpc_channel *channel = NULL;
    const struct rpc_channel_options options = {
        .addresses = arena_printf(&k->arena, "%s:%d", node, MICRO_BASE_PORT + c->port_offset)};
    assert_int_equal(rpc_channel_new(k->system.client, &options, &channel, NULL), 0);
    return channel;
}

static void start_second(struct late_kit *k)
{
    const char *token = sim_system_token(&k->system, &k->arena, k->component, "service", "micro", "service");
    const char *argv[] = {"micro",          k->component,
                          "--data-dir",     "data",
                          "--host",         "0.0.0.0",
                          "--peers",        PEERS,
                          "--public-key",   text_string(&k->system.public_key),
                          "--token",        token,
                          "--private-key",  text_string(&k->system.private_key),
                          "--admin-secret", SIM_ADMIN_SECRET};
    int argc = strcmp(k->component, "auth") == 0 ? 16 : 12;
    struct error err = ERROR_INIT;
    if (sim_start(k->system.sim, SECOND_ONE, "micro", argc, argv, &err) != 0)
        fail_msg("the second %s does not start: %s", k->component, err.message);
}

void late_begin(struct late_kit *k, uint64_t seed, const char *component)
{
    const char *const started[] = {"registry", "store", component, NULL};
    *k = (struct late_kit){.component = component};
    sim_system_init(&k->system, seed);
    sim_system_start_all(&k->system, started);
    start_second(k);
    k->token = sim_system_token(&k->system, &k->arena, "tester", "user", "micro", "admin");
    k->first = channel_to(k, component);
    k->second = channel_to(k, SECOND_ONE);
    assert_int_equal(rpc_wait_ready(k->system.client, k->second, "", CALL_LIMIT, NULL), 0);
}

void late_end(struct late_kit *k)
{
    rpc_channel_free(k->first);
    rpc_channel_free(k->second);
    arena_deinit(&k->arena);
    sim_system_deinit(&k->system);
}

static struct rpc_request request_of(struct late_kit *k, const char *path, const char *json, struct grpc_header *header)
{
    *header = (struct grpc_header){bytes_of("authorization"), bytes_of(arena_printf(&k->arena, "Bearer %s", k->token))};
    return (struct rpc_request){.path = path,
                                .metadata = {header, 1},
                                .timeout = CALL_LIMIT,
                                .content_type = "application/grpc+json",
                                .wait_for_ready = true,
                                .message = bytes_of(json),
                                .has_message = true};
}

int late_call(struct late_kit *k, struct rpc_channel *channel, const char *path, const char *json, const char **text)
{
    struct rpc_answer answer = {0};
    struct grpc_header header;
    const struct rpc_request request = request_of(k, path, json, &header);
    assert_int_equal(rpc_unary_wait(k->system.client, channel, &request, &answer, NULL), 0);
    struct bytes out = answer.reply.status == GRPC_OK ? answer.reply.body : answer.reply.message;
    if (text)
        *text = arena_string_n(&k->arena, out.len ? (const char *)out.data : "", out.len);
    int status = answer.reply.status;
    rpc_answer_deinit(&answer);
    return status;
}

void late_expect(struct late_kit *k, struct rpc_channel *channel, const char *path, const char *json, int status,
                 const char *words)
{
    const char *text;
    int got = late_call(k, channel, path, json, &text);
    if (got != status || (words && !strstr(text, words)))
        fail_msg("%s %s: %s %s; wanted %s with %s", path, json, grpc_status_name(got), text, grpc_status_name(status),
                 words ? words : "anything");
}

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct late_kit *k = arg;
    k->answered = true;
    k->status = reply->status;
}

void late_stall(struct late_kit *k, const char *path, const char *json, uint64_t delay)
{
    struct grpc_header header;
    const struct rpc_request request = request_of(k, path, json, &header);
    k->answered = false;
    assert_int_equal(rpc_unary(k->first, &request, on_answer, k, NULL, NULL), 0);
    sim_run_for(k->system.sim, delay);
    sim_cut(k->system.sim, k->component, "store", true);
}

static bool is_answered(void *arg)
{
    const struct late_kit *k = arg;
    return k->answered;
}

void late_heal(struct late_kit *k)
{
    assert_int_equal(world_run_until(k->system.client, is_answered, k, 2 * CALL_LIMIT), 0);
    sim_heal_all(k->system.sim);
    sim_run_for(k->system.sim, CALL_LIMIT);
}
