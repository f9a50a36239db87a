#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/service/test_auth.h"

#include "base/units.h"
#include "proto/auth/auth.pb-c.h"
#include "proto/auth/policy.pb-c.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/service.h"

#include <jansson.h>

#define ADDRESS "0.0.0.0:8010"

static void watch(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct test_auth *a = context;
    (void)request;
    assert_true(array_push(&a->watchers, call));
    if (a->policy.len)
        assert_int_equal(rpc_call_send_bytes(call, text_bytes(&a->policy)), 0);
}

static void watch_cancelled(struct rpc_call *call, void *context)
{
    struct test_auth *a = context;
    for (size_t i = a->watchers.count; i-- > 0;)
        if (a->watchers.items[i] == call)
            array_remove(&a->watchers, i);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void token(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct test_auth *a = context;
    const Auth__TokenRequest *r = (const Auth__TokenRequest *)(const void *)request;
    if (a->refuse || strcmp(r->secret, "its secret") != 0) {
        micro_fail(call, a->refuse ? 503 : 400, "auth.Auth.Token", "no");
        return;
    }
    char generation[16];
    snprintf(generation, sizeof generation, "%u", ++a->tokens_given);
    Auth__TokenResponse reply = AUTH__TOKEN_RESPONSE__INIT;
    Auth__Token t = AUTH__TOKEN__INIT;
    t.created = world_wall(rpc_call_world(call)) / SECOND;
    t.expiry = t.created + a->token_life;
    t.access_token =
        test_auth_token(a, rpc_call_arena(call), r->id, "service", r->options->namespace_, "service", generation);
    reply.token = &t;
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method policy_methods[] = {
    {.name = "Watch",
     .input = &auth__watch_policy_request__descriptor,
     .output = &auth__policy_update__descriptor,
     .unary = watch,
     .cancelled = watch_cancelled},
};
static const struct rpc_service policy_service = {"auth.Policy", policy_methods, 1};
static const struct rpc_method auth_methods[] = {
    {.name = "Token",
     .input = &auth__token_request__descriptor,
     .output = &auth__token_response__descriptor,
     .unary = token},
};
static const struct rpc_service auth_service = {"auth.Auth", auth_methods, 1};

void test_auth_restart(struct test_auth *a)
{
    struct rpc_server_options options = {.package_free = true};
    assert_int_equal(rpc_server_new(sim_node(a->system->sim, "auth"), &options, &a->server, NULL), 0);
    assert_int_equal(rpc_server_add(a->server, &policy_service, a), 0);
    assert_int_equal(rpc_server_add(a->server, &auth_service, a), 0);
    assert_int_equal(rpc_server_listen(a->server, ADDRESS, NULL), 0);
}

void test_auth_start(struct test_auth *a, struct sim_system *s)
{
    *a = (struct test_auth){.system = s, .token_life = 900};
    test_auth_restart(a);
}

void test_auth_stop(struct test_auth *a)
{
    rpc_server_free(a->server);
    a->server = NULL;
    array_clear(&a->watchers);
}

void test_auth_deinit(struct test_auth *a)
{
    test_auth_stop(a);
    array_deinit(&a->watchers);
    text_deinit(&a->policy);
}

static void pack(const char *json, bool snapshot, struct text *out)
{
    const struct pb_type *type = pb_find_type(micro_pool(), "auth.PolicyUpdate");
    struct error err = ERROR_INIT;
    json_t *root = json_loads(json, 0, NULL);
    assert_non_null(root);
    if (snapshot) {
        json_t *keys = json_object_get(root, "keys");
        if (!keys) {
            keys = json_array();
            json_object_set_new(root, "keys", keys);
        }
        json_array_append_new(keys, json_pack("{ss ss}", "id", "k2", "public_key", sim_spare_keys[0].public_pem));
        json_object_set_new(root, "snapshot", json_true());
    }
    if (pb_tree_to_wire(type, root, 0, out, &err) != 0)
        fail_msg("%s: %s", json, err.message);
    json_decref(root);
}

static void tell(struct test_auth *a, struct bytes message)
{
    for (size_t i = 0; i < a->watchers.count; i++)
        assert_int_equal(rpc_call_send_bytes(a->watchers.items[i], message), 0);
    sim_run_for(a->system->sim, (uint64_t)(20 * MILLISECOND));
}

void test_auth_policy(struct test_auth *a, const char *json)
{
    text_clear(&a->policy);
    pack(json, true, &a->policy);
    tell(a, text_bytes(&a->policy));
}

void test_auth_change(struct test_auth *a, const char *json)
{
    struct text change = TEXT_INIT;
    pack(json, false, &change);
    tell(a, text_bytes(&change));
    text_deinit(&change);
}

void test_auth_part(struct test_auth *a, const char *json, bool begins, bool more)
{
    struct text part = TEXT_INIT;
    pack(json, begins, &part);
    if (more)
        text_add(&part, "\xa0\x06\x01", 3); /* field 100, true */
    tell(a, text_bytes(&part));
    text_deinit(&part);
}

char *test_auth_token(struct test_auth *a, struct arena *arena, const char *id, const char *type, const char *issuer,
                      const char *scope, const char *generation)
{
    const char *const scopes[] = {scope, NULL};
    const struct micro_claims claims = {.subject = id,
                                        .type = type,
                                        .issuer = issuer,
                                        .name = id,
                                        .scopes = scopes,
                                        .generation = generation,
                                        .key_id = "k2",
                                        .expires =
                                            world_wall(sim_node(a->system->sim, "auth")) / SECOND + a->token_life};
    struct text signed_token = TEXT_INIT;
    assert_int_equal(micro_token_sign(sim_spare_keys[0].private_pem, &claims, &signed_token, NULL), 0);
    char *copy = arena_string(arena, text_string(&signed_token));
    text_deinit(&signed_token);
    assert_non_null(copy);
    return copy;
}
