/* Networks of one, two and three runtimes, each with a registry of its own, in one simulation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/network/network.h"
#include "runtime/relay/test_node.h"
#include "wire/tls_kit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "a-token-for-tests-0123456789"

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
    struct text answer;
    bool tls; /* networks find certificates on their disks */
};

static const char *const tls_arguments[] = {"--tls-cert-file", "cert.pem",      "--tls-key-file",
                                            "key.pem",         "--tls-ca-file", "ca.pem"};

static void begin(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){0};
    test_nodes_forget();
    sim_system_init(&f->system, seed);
    test_node_program(&f->system);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
}

static void end(struct fixture *f)
{
    text_deinit(&f->answer);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void run(struct fixture *f, int64_t duration)
{
    assert_int_equal(sim_run_for(f->system.sim, (uint64_t)duration), 0);
}

static void start(struct fixture *f, const char *machine, const char *component, const char *peers, const char *nodes,
                  const char *token)
{
    struct error err = ERROR_INIT;
    const char *argv[32] = {"micro",   component, "--data-dir", "data",         "--host",
                            "0.0.0.0", "--peers", peers,        "--public-key", text_string(&f->system.public_key),
                            "--token", f->token};
    int argc = 12;
    if (nodes) {
        argv[argc++] = "--nodes";
        argv[argc++] = nodes;
    }
    if (token) {
        argv[argc++] = "--network-token";
        argv[argc++] = token;
    }
    if (f->tls && strcmp(component, "network") == 0)
        for (size_t i = 0; i < 6; i++)
            argv[argc++] = tls_arguments[i];
    if (sim_start(f->system.sim, machine, "micro", argc, argv, &err) != 0)
        fail_msg("%s does not start: %s", machine, err.message ? err.message : "?");
}

/* A registry on r<letter>, a network on n<letter>, connected to the networks in `nodes`. */
static void runtime(struct fixture *f, char letter, const char *nodes, const char *token)
{
    char registry[8], network[8], peers[64];
    snprintf(registry, sizeof registry, "r%c", letter);
    snprintf(network, sizeof network, "n%c", letter);
    snprintf(peers, sizeof peers, "registry=%s:8000,policy=none", registry);
    start(f, registry, "registry", peers, NULL, NULL);
    start(f, network, "network", peers, nodes, token);
    run(f, 200 * MILLISECOND);
}

static void add(struct fixture *f, char letter, const char *name, const char *service)
{
    char registry[16];
    snprintf(registry, sizeof registry, "r%c:8000", letter);
    if (!sim_running(f->system.sim, name))
        test_node_start(&f->system, name);
    test_node_register(&f->system, registry, f->token, service, "v1", name, NULL);
    run(f, 500 * MILLISECOND);
}

static void take_out(struct fixture *f, char letter, const char *name, const char *service)
{
    char registry[16], json[200];
    snprintf(registry, sizeof registry, "r%c:8000", letter);
    snprintf(json, sizeof json, "{\"name\":\"%s\",\"version\":\"v1\",\"nodes\":[{\"id\":\"%s-%s\"}]}", service, service,
             name);
    assert_int_equal(test_call_at(&f->system, registry, "/registry.Registry/Deregister", f->token, json, &f->answer),
                     GRPC_OK);
}

static int call(struct fixture *f, char letter, const char *path, const char *token, const char *json)
{
    char address[16];
    snprintf(address, sizeof address, "n%c:8443", letter);
    return test_call_at(&f->system, address, path, token, json, &f->answer);
}

static int ask(struct fixture *f, char letter, const char *service)
{
    char path[64];
    snprintf(path, sizeof path, "/%s.Test/Unary", service);
    return call(f, letter, path, NULL, "{}");
}

static json_t *answer(struct fixture *f)
{
    json_t *root = json_loadb(f->answer.data, f->answer.len, 0, NULL);
    if (!root)
        fail_msg("not JSON: %s", text_string(&f->answer));
    return root;
}

/* Routes to a service that one network knows; the metric of the cheapest in *metric. */
static size_t routes(struct fixture *f, char letter, const char *service, long *metric)
{
    char json[100];
    snprintf(json, sizeof json, "{\"query\":{\"service\":\"%s\"}}", service);
    assert_int_equal(call(f, letter, "/network.Network/Routes", f->token, json), GRPC_OK);
    json_t *root = answer(f), *route;
    const json_t *list = json_object_get(root, "routes");
    size_t i, count = json_array_size(list);
    if (metric)
        *metric = 1000;
    json_array_foreach(list, i, route)
    {
        long m = strtol(json_string_value(json_object_get(route, "metric")), NULL, 10);
        if (metric && m < *metric)
            *metric = m;
    }
    json_decref(root);
    return count;
}

static size_t nodes(struct fixture *f, char letter)
{
    assert_int_equal(call(f, letter, "/network.Network/Nodes", f->token, "{}"), GRPC_OK);
    json_t *root = answer(f);
    size_t count = json_array_size(json_object_get(root, "nodes"));
    json_decref(root);
    return count;
}

/* ---- one network ------------------------------------------------------------------------------------------------ */

static void access_and_token(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    runtime(&f, 'a', NULL, NULL);
    static const char *const account[] = {"Graph", "Nodes", "Status", NULL};
    static const char *const admin[] = {"Connect", "Routes", "Services", NULL};
    char *user = sim_system_token(&f.system, &f.arena, "joe", "user", "micro", "writer");
    char path[64];
    for (int i = 0; account[i]; i++) {
        snprintf(path, sizeof path, "/network.Network/%s", account[i]);
        assert_int_equal(call(&f, 'a', path, NULL, "{}"), GRPC_UNAUTHENTICATED);
        assert_int_equal(call(&f, 'a', path, user, "{}"), GRPC_OK);
    }
    for (int i = 0; admin[i]; i++) {
        snprintf(path, sizeof path, "/network.Network/%s", admin[i]);
        assert_int_equal(call(&f, 'a', path, NULL, "{}"), GRPC_UNAUTHENTICATED);
        assert_int_equal(call(&f, 'a', path, user, "{}"), GRPC_UNAUTHENTICATED);
    }
    assert_int_equal(call(&f, 'a', "/network.Network/Connect", f.token, "{}"), GRPC_INVALID_ARGUMENT);
    assert_int_equal(call(&f, 'a', "/network.Network/Connect", f.token, "{\"nodes\":[{\"address\":\"x\"}]}"),
                     GRPC_INVALID_ARGUMENT);
    assert_int_equal(call(&f, 'a', "/network.Network/Services", f.token, "{}"), GRPC_OK);
    assert_non_null(strstr(text_string(&f.answer), "[\"network\",\"registry\"]"));
    assert_int_equal(call(&f, 'a', "/network.Debug/Health", NULL, "{}"), GRPC_OK);
    assert_int_equal(call(&f, 'a', "/network.Nothing/Health", NULL, "{}"), GRPC_UNIMPLEMENTED);
    assert_int_equal(ask(&f, 'a', "nobody"), GRPC_NOT_FOUND);
    /* The token was drawn, and stays. */
    struct text first = TEXT_INIT, second = TEXT_INIT;
    assert_int_equal(world_read_file(sim_node(f.system.sim, "na"), "data/network/token", 1000, &first, NULL), 0);
    assert_int_equal(first.len, 64);
    sim_kill(f.system.sim, "na");
    start(&f, "na", "network", "registry=ra:8000,policy=none", NULL, NULL);
    run(&f, 200 * MILLISECOND);
    assert_int_equal(world_read_file(sim_node(f.system.sim, "na"), "data/network/token", 1000, &second, NULL), 0);
    assert_string_equal(text_string(&first), text_string(&second));
    /* Nothing goes through the door for peers without it. */
    add(&f, 'a', "x1", "svc");
    assert_int_equal(test_call_at(&f.system, "na:8085", "/svc.Test/Unary", f.token, "{}", &f.answer),
                     GRPC_UNAUTHENTICATED);
    assert_int_equal(test_call_at(&f.system, "na:8085", "/network.Peering/Exchange", f.token, "{}", &f.answer),
                     GRPC_UNAUTHENTICATED);
    assert_int_equal(call(&f, 'a', "/network.Peering/Exchange", f.token, "{}"), GRPC_UNAUTHENTICATED);
    assert_int_equal(test_node("x1")->opened, 0);
    text_deinit(&first);
    text_deinit(&second);
    end(&f);
}

#define ROUTE "{\"service\":\"fixed\",\"address\":\"x1:9000\",\"metric\":\"3\"}"

static void tables(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream watch;
    begin(&f, 2);
    static const char *const started[] = {"registry", "network", NULL};
    sim_system_start_all(&f.system, started);
    test_node_start(&f.system, "x1");
    struct sim_system *s = &f.system;
    test_expect(s, "network", "/router.Router/Watch", NULL, "{}", GRPC_UNAUTHENTICATED, NULL);
    test_stream_open(&watch, s, "network", "/router.Router/Watch", f.token, "{}");
    test_expect(s, "network", "/router.Table/Create", NULL, ROUTE, GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "network", "/router.Table/Create", f.token, "{\"service\":\"fixed\"}", GRPC_INVALID_ARGUMENT, NULL);
    test_expect(s, "network", "/router.Table/Create", f.token, "{\"address\":\"a:1\"}", GRPC_INVALID_ARGUMENT, NULL);
    test_expect(s, "network", "/router.Table/Create", f.token, ROUTE, GRPC_OK, NULL);
    test_expect(s, "network", "/router.Table/Create", f.token, ROUTE, GRPC_ALREADY_EXISTS, "\"code\":409");
    test_expect(s, "network", "/router.Table/Read", f.token, "{\"service\":\"fixed\"}", GRPC_OK, "\"x1:9000\"");
    test_expect(s, "network", "/router.Table/Read", f.token, "{\"service\":\"none\"}", GRPC_NOT_FOUND, NULL);
    test_expect(s, "network", "/router.Table/Read", f.token, "{}", GRPC_OK, "\"registry\"");
    test_expect(s, "network", "/fixed.Test/Unary", NULL, "{}", GRPC_OK, NULL);
    assert_int_equal(test_node("x1")->opened, 1);
    test_expect(s, "network", "/router.Table/Update", f.token,
                "{\"service\":\"fixed\",\"address\":\"x1:9000\",\"metric\":\"7\"}", GRPC_OK, NULL);
    test_expect(s, "network", "/router.Table/Update", f.token,
                "{\"service\":\"fixed\",\"address\":\"x2:9000\",\"metric\":\"5\",\"gateway\":\"g\"}", GRPC_OK, NULL);
    struct sim_answer a = {0};
    sim_system_call(s, "network", "/router.Router/Lookup", f.token, "{\"service\":\"fixed\"}", &a);
    assert_string_equal(sim_answer_text(&a, "routes/0/address"), "x2:9000"); /* cheapest first */
    assert_string_equal(sim_answer_text(&a, "routes/1/metric"), "7");
    sim_answer_deinit(&a);
    test_expect(s, "network", "/router.Router/Lookup", f.token,
                "{\"service\":\"fixed\",\"options\":{\"gateway\":\"none\"}}", GRPC_NOT_FOUND, NULL);
    sim_system_call(s, "network", "/router.Router/Lookup", f.token,
                    "{\"service\":\"fixed\",\"options\":{\"gateway\":\"g\"}}", &a);
    assert_string_equal(sim_answer_text(&a, "routes/0/address"), "x2:9000");
    assert_string_equal(sim_answer_text(&a, "routes/1/address"), "");
    sim_answer_deinit(&a);
    test_expect(s, "network", "/router.Table/Delete", f.token, ROUTE, GRPC_OK, NULL);
    test_expect(s, "network", "/router.Table/Delete", f.token, ROUTE, GRPC_NOT_FOUND, NULL);
    test_stream_wait(&watch, 4);
    assert_int_equal(watch.messages, 4); /* create, update, the update that made one, delete */
    const char *at = text_string(&watch.lines);
    static const char *const types[] = {"\"Create\"", "\"Update\"", "\"Create\"", "\"Delete\""};
    for (int i = 0; i < 4; i++) {
        at = strstr(at, "\"type\"");
        assert_non_null(at);
        const char *stop = strchr(at, ',');
        const char *found = strstr(at, types[i]);
        if (!found || found > stop)
            fail_msg("event %d is not %s: %s", i, types[i], text_string(&watch.lines));
        at = stop;
    }
    test_stream_close(&watch);
    end(&f);
}

/* ---- two -------------------------------------------------------------------------------------------------------- */

static void two(void **state)
{
    (void)state;
    struct fixture f;
    long metric;
    begin(&f, 3);
    runtime(&f, 'b', NULL, TOKEN);
    runtime(&f, 'a', "nb:8085", TOKEN);
    add(&f, 'b', "x1", "svc");
    assert_int_equal(nodes(&f, 'a'), 2);
    assert_int_equal(nodes(&f, 'b'), 2);
    assert_int_equal(routes(&f, 'a', "svc", &metric), 1);
    assert_int_equal(metric, 2);
    assert_int_equal(routes(&f, 'b', "svc", &metric), 1); /* split horizon: not by way of a */
    assert_int_equal(metric, 1);
    assert_int_equal(routes(&f, 'a', "registry", &metric), 1); /* core components are each runtime's own */
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    assert_int_equal(test_node("x1")->opened, 10);
    const struct test_node *x1 = test_node("x1");
    assert_null(strstr(x1->seen, "micro-network-token")); /* it stays between networks */
    assert_null(strstr(x1->seen, "micro-network-hops"));
    assert_non_null(strstr(x1->seen, "micro-namespace=micro\n"));
    assert_int_equal(call(&f, 'a', "/svc.Test/Fail", NULL, "{}"), GRPC_ABORTED); /* intact over two relays */
    assert_non_null(strstr(text_string(&f.answer), "418"));
    assert_int_equal(ask(&f, 'a', "nobody"), GRPC_NOT_FOUND);
    /* A node of our own goes first; when it dies the peer's helps, and nothing fails. */
    add(&f, 'a', "x2", "svc");
    int before = x1->opened;
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    assert_int_equal(x1->opened, before);
    assert_int_equal(test_node("x2")->opened, 10);
    sim_kill(f.system.sim, "x2");
    for (int i = 0; i < 10; i++)
        assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    assert_int_equal(x1->opened, before + 10);
    /* Taken out at its home, it is gone here. */
    take_out(&f, 'a', "x2", "svc");
    take_out(&f, 'b', "x1", "svc");
    run(&f, 500 * MILLISECOND);
    assert_int_equal(routes(&f, 'a', "svc", NULL), 0);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_NOT_FOUND);
    /* A peer that dies takes its routes along at once; they come back with it. */
    add(&f, 'b', "x1", "svc");
    assert_int_equal(routes(&f, 'a', "svc", NULL), 1);
    sim_kill(f.system.sim, "nb");
    run(&f, 200 * MILLISECOND);
    assert_int_equal(routes(&f, 'a', "svc", NULL), 0);
    assert_int_equal(nodes(&f, 'a'), 1);
    assert_int_equal(call(&f, 'a', "/network.Network/Status", f.token, "{}"), GRPC_OK);
    assert_non_null(strstr(text_string(&f.answer), "nb:8085"));
    start(&f, "nb", "network", "registry=rb:8000,policy=none", NULL, TOKEN);
    run(&f, 12 * SECOND);
    assert_int_equal(nodes(&f, 'a'), 2);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    end(&f);
}

static void wrong_token(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 4);
    runtime(&f, 'b', NULL, TOKEN);
    runtime(&f, 'a', "nb:8085", "another-token-0123456789");
    add(&f, 'b', "x1", "svc");
    run(&f, 30 * SECOND);
    assert_int_equal(nodes(&f, 'a'), 1);
    assert_int_equal(nodes(&f, 'b'), 1);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_NOT_FOUND);
    assert_int_equal(call(&f, 'a', "/network.Network/Status", f.token, "{}"), GRPC_OK);
    assert_non_null(strstr(text_string(&f.answer), "token is wrong"));
    end(&f);
}

/* Both dial each other: one link stays. And the proxy finds what only a peer has. */
static void both_ways(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 5);
    runtime(&f, 'a', "nb:8085,na:8085", TOKEN); /* and itself, by mistake */
    runtime(&f, 'b', "na:8085", TOKEN);
    run(&f, 60 * SECOND);
    for (char c = 'a'; c <= 'b'; c++) {
        assert_int_equal(call(&f, c, "/network.Network/Graph", f.token, "{\"depth\":1}"), GRPC_OK);
        json_t *root = answer(&f);
        assert_int_equal(json_array_size(json_object_get(json_object_get(root, "root"), "peers")), 1);
        json_decref(root);
        assert_int_equal(nodes(&f, c), 2);
    }
    add(&f, 'b', "x1", "svc");
    start(&f, "pa", "proxy", "registry=ra:8000,policy=none", NULL, NULL);
    run(&f, 500 * MILLISECOND);
    assert_int_equal(test_call_at(&f.system, "pa:8081", "/svc.Test/Unary", NULL, "{}", &f.answer), GRPC_OK);
    assert_int_equal(test_node("x1")->opened, 1);
    assert_int_equal(test_call_at(&f.system, "pa:8081", "/nobody.Test/Unary", NULL, "{}", &f.answer), GRPC_NOT_FOUND);
    assert_non_null(strstr(text_string(&f.answer), "service not found"));
    end(&f);
}

static void give_certificate(struct fixture *f, const char *machine, const struct tls_kit_cert *ca,
                             const struct tls_kit_cert *issuer)
{
    struct tls_kit_cert cert;
    struct world *w = sim_node(f->system.sim, machine);
    char names[16];
    snprintf(names, sizeof names, "DNS:%s", machine);
    assert_true(tls_kit_make(&cert, machine, names, issuer, false));
    assert_int_equal(world_write_file(w, "cert.pem", bytes_of(cert.cert_pem), true, NULL), 0);
    assert_int_equal(world_write_file(w, "key.pem", bytes_of(cert.key_pem), true, NULL), 0);
    assert_int_equal(world_write_file(w, "ca.pem", bytes_of(ca->cert_pem), true, NULL), 0);
    sim_clock_jump(f->system.sim, machine, TLS_KIT_NOW * SECOND - world_wall(w));
    tls_kit_free(&cert);
}

/* Links and relayed calls go over TLS, and a node with a stranger's certificate stays outside. */
static void two_with_tls(void **state)
{
    (void)state;
    struct fixture f;
    struct tls_kit_cert ca, other;
    begin(&f, 8);
    f.tls = true;
    assert_true(tls_kit_make(&ca, "ca", NULL, NULL, false));
    assert_true(tls_kit_make(&other, "other", NULL, NULL, false));
    give_certificate(&f, "na", &ca, &ca);
    give_certificate(&f, "nb", &ca, &ca);
    give_certificate(&f, "nc", &ca, &other);
    sim_clock_jump(f.system.sim, "client", TLS_KIT_NOW * SECOND - world_wall(f.system.client)); /* for the token */
    f.token = sim_system_token(&f.system, &f.arena, "tester", "service", "micro", "service");
    runtime(&f, 'b', NULL, TOKEN);
    runtime(&f, 'a', "nb:8085", TOKEN);
    runtime(&f, 'c', "nb:8085", TOKEN);
    add(&f, 'b', "x1", "svc");
    run(&f, 5 * SECOND);
    assert_int_equal(nodes(&f, 'a'), 2);
    assert_int_equal(nodes(&f, 'b'), 2);
    assert_int_equal(nodes(&f, 'c'), 1);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    assert_int_equal(ask(&f, 'c', "svc"), GRPC_NOT_FOUND);
    assert_int_equal(test_node("x1")->opened, 1);
    tls_kit_free(&ca);
    tls_kit_free(&other);
    end(&f);
}

/* ---- three ------------------------------------------------------------------------------------------------------ */

static void line_of_three(void **state)
{
    (void)state;
    struct fixture f;
    long metric;
    begin(&f, 6);
    runtime(&f, 'c', NULL, TOKEN);
    runtime(&f, 'b', "nc:8085", TOKEN);
    runtime(&f, 'a', "nb:8085", TOKEN);
    add(&f, 'c', "x1", "svc");
    run(&f, 500 * MILLISECOND);
    assert_int_equal(routes(&f, 'a', "svc", &metric), 1);
    assert_int_equal(metric, 3);
    assert_int_equal(routes(&f, 'b', "svc", &metric), 1);
    assert_int_equal(metric, 2);
    assert_int_equal(nodes(&f, 'a'), 3);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    assert_int_equal(test_node("x1")->opened, 1);
    /* Silence: the network in the middle is cut off from the far one, and everything behind it expires. */
    sim_cut(f.system.sim, "nb", "nc", false);
    run(&f, 25 * SECOND);
    assert_int_equal(routes(&f, 'a', "svc", NULL), 0);
    assert_int_equal(routes(&f, 'b', "svc", NULL), 0);
    assert_int_equal(nodes(&f, 'a'), 2);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_NOT_FOUND);
    sim_heal_all(f.system.sim);
    run(&f, 40 * SECOND);
    assert_int_equal(routes(&f, 'a', "svc", &metric), 1);
    assert_int_equal(metric, 3);
    assert_int_equal(nodes(&f, 'c'), 3);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    end(&f);
}

/* No node stands below itself, and the depth is bounded. */
static void check_graph(const json_t *peer, const char **above, size_t depth)
{
    const char *id = json_string_value(json_object_get(json_object_get(peer, "node"), "id"));
    assert_non_null(id);
    assert_true(depth <= NETWORK_GRAPH_DEPTH);
    for (size_t i = 0; i < depth; i++)
        assert_string_not_equal(above[i], id);
    above[depth] = id;
    size_t i;
    const json_t *below;
    json_array_foreach(json_object_get(peer, "peers"), i, below) check_graph(below, above, depth + 1);
}

static void cycle(void **state)
{
    (void)state;
    struct fixture f;
    long metric;
    begin(&f, 7);
    runtime(&f, 'a', "nb:8085", TOKEN);
    runtime(&f, 'b', "nc:8085", TOKEN);
    runtime(&f, 'c', "na:8085", TOKEN);
    run(&f, 30 * SECOND);
    add(&f, 'c', "x1", "svc");
    run(&f, 1 * SECOND);
    for (char c = 'a'; c <= 'c'; c++) {
        const char *above[NETWORK_GRAPH_DEPTH + 2];
        assert_int_equal(nodes(&f, c), 3);
        assert_int_equal(call(&f, c, "/network.Network/Graph", f.token, "{}"), GRPC_OK);
        json_t *root = answer(&f);
        check_graph(json_object_get(root, "root"), above, 0);
        json_decref(root);
        assert_true(routes(&f, c, "svc", &metric) <= 2);
        assert_int_equal(metric, c == 'c' ? 1 : 2);
    }
    /* The direct way is lost: the long one serves. */
    sim_cut(f.system.sim, "na", "nc", false);
    run(&f, 25 * SECOND);
    assert_true(routes(&f, 'a', "svc", &metric) == 1);
    assert_int_equal(metric, 3);
    assert_int_equal(ask(&f, 'a', "svc"), GRPC_OK);
    sim_heal_all(f.system.sim);
    run(&f, 60 * SECOND);
    (void)routes(&f, 'a', "svc", &metric);
    assert_int_equal(metric, 2);
    /* Withdrawn, it does not come back around the circle. */
    take_out(&f, 'c', "x1", "svc");
    run(&f, 500 * MILLISECOND);
    for (char c = 'a'; c <= 'c'; c++)
        assert_int_equal(routes(&f, c, "svc", NULL), 0);
    run(&f, 30 * SECOND);
    for (char c = 'a'; c <= 'c'; c++)
        assert_int_equal(routes(&f, c, "svc", NULL), 0);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_and_token),
        cmocka_unit_test(tables),
        cmocka_unit_test(two),
        cmocka_unit_test(wrong_token),
        cmocka_unit_test(both_ways),
        cmocka_unit_test(line_of_three),
        cmocka_unit_test(cycle),
        cmocka_unit_test(two_with_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
