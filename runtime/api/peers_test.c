/* Services that only a peer has, by way of the gateway: two runtimes, each with its own registry and network, in one
 * simulation; the gateway belongs to the first. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "rpc/websocket_kit.h"
#include "runtime/relay/test_node.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <string.h>

#define TOKEN "a-token-for-tests-0123456789"
#define WAIT  ((uint64_t)(60 * SECOND))

struct fixture {
    struct sim_system s;
    struct arena arena;
    char *token;
};

static void start(struct fixture *f, const char *machine, const char *component, const char *peers, const char *option,
                  const char *value)
{
    struct error err = ERROR_INIT;
    const char *argv[] = {"micro",   component, "--data-dir", "data",         "--host",
                          "0.0.0.0", "--peers", peers,        "--public-key", text_string(&f->s.public_key),
                          "--token", f->token,  option,       value,          "--nodes",
                          "nb:8085", NULL};
    int argc = !option ? 12 : strcmp(machine, "na") == 0 ? 16 : 14;
    if (sim_start(f->s.sim, machine, "micro", argc, argv, &err) != 0)
        fail_msg("%s does not start: %s", machine, err.message ? err.message : "?");
}

static void run(struct fixture *f, int64_t duration)
{
    assert_int_equal(sim_run_for(f->s.sim, (uint64_t)duration), 0);
}

static void network(struct fixture *f, char letter)
{
    char peers[64], machine[] = {'n', letter, '\0'};
    (void)snprintf(peers, sizeof peers, "registry=r%c:8000,policy=none", letter);
    start(f, machine, "network", peers, "--network-token", TOKEN);
}

/* Without a network of the gateway's own; that one comes later. */
static void setup(struct fixture *f, uint64_t seed, const char *handler)
{
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->s, seed);
    test_node_program(&f->s);
    f->token = sim_system_token(&f->s, &f->arena, "tester", "service", "micro", "service");
    start(f, "ra", "registry", "registry=ra:8000,policy=none", NULL, NULL);
    start(f, "rb", "registry", "registry=rb:8000,policy=none", NULL, NULL);
    network(f, 'b');
    start(f, "api", "api", "registry=ra:8000,network=na:8443,policy=none", "--handler", handler);
    run(f, SECOND);
    test_node_start(&f->s, "x1");
    test_node_register(&f->s, "rb:8000", f->token, "svc", "v1", "x1", NULL);
    run(f, SECOND);
}

static void teardown(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->s);
}

static void expect(struct fixture *f, const char *target, const char *headers, int status, const char *words)
{
    struct sim_answer a = {0};
    sim_system_http(&f->s, "GET", target, headers, NULL, &a);
    if (a.status != status || !strstr(text_string(&a.text), words))
        fail_msg("%s: %d %s, wanted %d %s", target, a.status, text_string(&a.text), status, words);
    sim_answer_deinit(&a);
}

static void calls_reach_peers(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 1, "rpc");
    expect(&f, "/svc/test/unary?name=Jane", NULL, 404, "svc: service not found");
    network(&f, 'a'); /* the gateway hears of it by the registry's watch */
    run(&f, SECOND);
    expect(&f, "/svc/test/unary?name=Jane", NULL, 200, "{\"name\":\"Jane\"}");
    assert_non_null(strstr(test_node("x1")->seen, "micro-namespace=micro\n"));
    assert_null(strstr(test_node("x1")->seen, "micro-network"));
    /* The hop count is the networks' own affair: nobody outside can use it up. */
    expect(&f, "/svc/test/unary?name=Joe", "Micro-Network-Hops: 99", 200, "Joe");
    expect(&f, "/svc/test/fail", NULL, 418, ""); /* the service's own status, intact over two relays */
    expect(&f, "/svc/test/serverStream", NULL, 200, "\n");
    expect(&f, "/nobody/test/unary", NULL, 404, "service not found");
    /* What is here goes first. */
    int before = test_node("x1")->opened;
    test_node_start(&f.s, "x2");
    test_node_register(&f.s, "ra:8000", f.token, "svc", "v1", "x2", NULL);
    run(&f, SECOND);
    expect(&f, "/svc/test/unary?name=Ann", NULL, 200, "Ann");
    assert_int_equal(test_node("x1")->opened, before);
    assert_int_equal(test_node("x2")->opened, 1);
    teardown(&f);
}

/* Without a way the answer says so, and a peer that is gone is no service. */
static void peers_come_and_go(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, 2, "rpc");
    network(&f, 'a');
    run(&f, SECOND);
    expect(&f, "/svc/test/unary?name=Jane", NULL, 200, "Jane");
    assert_int_equal(sim_kill(f.s.sim, "nb"), 0);
    run(&f, SECOND);
    expect(&f, "/svc/test/unary?name=Jane", NULL, 404, "service not found");
    network(&f, 'b');
    run(&f, 20 * SECOND);
    expect(&f, "/svc/test/unary?name=Jane", NULL, 200, "Jane");
    assert_int_equal(sim_kill(f.s.sim, "na"), 0);
    expect(&f, "/svc/test/unary?name=Jane", NULL, 503, "");
    teardown(&f);
}

static void other_handlers(void **state)
{
    struct fixture f, g;
    (void)state;
    setup(&f, 3, "api");
    network(&f, 'a');
    run(&f, SECOND);
    expect(&f, "/svc/test/fail", NULL, 418, "");
    assert_string_equal(test_node("x1")->type, "application/grpc+proto");
    teardown(&f);
    setup(&g, 4, "http");
    network(&g, 'a');
    run(&g, SECOND);
    expect(&g, "/svc/test/unary", NULL, 404, "service not found");
    teardown(&g);
}

static void streams_by_socket(void **state)
{
    struct fixture f;
    struct websocket_kit k;
    (void)state;
    setup(&f, 5, "rpc");
    network(&f, 'a');
    run(&f, SECOND);
    websocket_kit_open(&k, f.s.client, "ws://api:8080/svc/test/serverStream", NULL, 0);
    websocket_kit_send(&k, "{\"a\":1}");
    websocket_kit_wait_closed(&k);
    assert_int_equal(k.messages, 5);
    websocket_kit_end(&k, WS_NORMAL);
    teardown(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(calls_reach_peers), cmocka_unit_test(peers_come_and_go),
                                       cmocka_unit_test(other_handlers), cmocka_unit_test(streams_by_socket)};
    int failed = cmocka_run_group_tests_name("peers", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
