/* Relayed calls of an account that ends: nodes that judge nobody are behind the proxy, as services of any other
 * framework are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/relay/relay.h"
#include "runtime/relay/test_node.h"
#include "runtime/service/test_auth.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct sim_system system;
    struct arena arena;
    struct test_auth auth;
    struct rpc_channel *channel; /* to the proxy */
};

struct flow {
    struct rpc_stream *stream;
    size_t messages;
    bool ended;
    int status;
    char words[300];
};

static void on_message(void *arg, struct bytes message)
{
    (void)message;
    ((struct flow *)arg)->messages++;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct flow *s = arg;
    s->ended = true;
    s->status = reply->status;
    (void)snprintf(s->words, sizeof s->words, "%.*s", (int)reply->message.len,
                   reply->message.data ? (const char *)reply->message.data : "");
}

static void run(struct fixture *f, int64_t duration)
{
    assert_int_equal(sim_run_for(f->system.sim, (uint64_t)duration), 0);
}

static void flow_open(struct fixture *f, struct flow *s, const char *path, const char *id)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    char *token = id ? test_auth_token(&f->auth, &f->arena, id, "user", "micro", "notes", "g1") : NULL;
    const struct grpc_header bearer = {bytes_of("authorization"),
                                       bytes_of(arena_printf(&f->arena, "Bearer %s", token ? token : ""))};
    const struct rpc_request r = {.path = path, .metadata = {&bearer, token ? 1 : 0}};
    *s = (struct flow){0};
    assert_int_equal(rpc_stream_open(f->channel, &r, &events, s, &s->stream, NULL), 0);
    assert_int_equal(rpc_stream_send(s->stream, bytes_of("hello")), 0);
}

static void begin(struct fixture *f)
{
    static const char *const started[] = {"registry", "proxy", NULL};
    const struct rpc_channel_options options = {.addresses = "proxy:8081"};
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->system, 31);
    test_node_program(&f->system);
    test_auth_start(&f->auth, &f->system);
    test_auth_policy(&f->auth, "{}");
    sim_system_start_all(&f->system, started);
    test_node_start(&f->system, "n1");
    test_node_register(&f->system, "registry:8000",
                       sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service"), "svc", "v1",
                       "n1", NULL);
    assert_int_equal(rpc_channel_new(f->system.client, &options, &f->channel, NULL), 0);
}

static void end(struct fixture *f)
{
    rpc_channel_free(f->channel);
    test_auth_deinit(&f->auth);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void an_account_ends(void **state)
{
    struct fixture f;
    struct flow joe, hanging, ann, nobody;
    (void)state;
    begin(&f);
    flow_open(&f, &joe, "/svc.Test/Bidi", "joe");
    flow_open(&f, &hanging, "/svc.Test/Hang", "joe");
    flow_open(&f, &ann, "/svc.Test/Bidi", "ann");
    flow_open(&f, &nobody, "/svc.Test/Bidi", NULL);
    run(&f, 100 * MILLISECOND);
    assert_int_equal(test_node("n1")->opened, 4);
    assert_true(joe.messages == 1 && ann.messages == 1 && nobody.messages == 1);
    test_auth_change(&f.auth,
                     "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"joe\",\"generation\":\"g1\"}]}");
    run(&f, 100 * MILLISECOND);
    assert_true(joe.ended && hanging.ended);
    assert_int_equal(joe.status, GRPC_UNAUTHENTICATED);
    assert_int_equal(hanging.status, GRPC_UNAUTHENTICATED);
    assert_non_null(strstr(joe.words, "revoked"));
    assert_int_equal(test_node("n1")->cancelled, 2); /* the node hears of it */
    /* Nobody else's. */
    assert_int_equal(rpc_stream_send(ann.stream, bytes_of("again")), 0);
    assert_int_equal(rpc_stream_send(nobody.stream, bytes_of("again")), 0);
    run(&f, 100 * MILLISECOND);
    assert_true(ann.messages == 2 && nobody.messages == 2);
    assert_false(ann.ended || nobody.ended);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_account_ends)};
    int failed = cmocka_run_group_tests_name("ended", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
