/* Finding other services: by name, in namespaces, evenly, and away from nodes that died. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/helloworld/helloworld.pb-c.h"
#include "runtime/service/internal.h"
#include "runtime/service/test_probe.h"

#include <string.h>

/* ---- a service that calls others by name --------------------------------------------------------------------------
 */

struct answer {
    bool done;
    int status;
    char text[128];
};

static void on_hello(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct answer *a = arg;
    a->status = status;
    const Helloworld__Response *r = (const Helloworld__Response *)(const void *)reply;
    snprintf(a->text, sizeof a->text, "%s", r ? r->msg : message);
    a->done = true;
}

static bool is_done(void *arg)
{
    return ((const struct answer *)arg)->done;
}

static struct answer hello(struct test_fixture *f, struct micro_service *service)
{
    struct answer a = {0};
    char name[] = "you";
    Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
    request.name = name;
    int rc =
        micro_call(service, "helloworld", "Call", &request.base, &helloworld__response__descriptor, 0, on_hello, &a);
    if (rc) {
        a.status = rc;
        return a;
    }
    assert_int_equal(world_run_until(f->system.client, is_done, &a, TEST_CALL_LIMIT), 0);
    return a;
}

static void found_by_name(void **state)
{
    (void)state;
    struct test_fixture f;
    test_fixture_begin(&f, 5, NULL, NULL);
    struct micro_service *service = NULL;
    struct rpc_channel *channel;
    const struct micro_options options = {.name = "probe",
                                          .data_dir = "data",
                                          .host = "0.0.0.0",
                                          .base_port = 8000,
                                          .profile = "local",
                                          .token = f.token,
                                          .public_key = text_string(&f.system.public_key),
                                          .peers = "registry=registry:8000"};
    const struct micro_service_config config = {.name = "probe", .access = MICRO_ACCOUNT, .options = &options};
    assert_int_equal(micro_service_new(f.system.client, &config, &service, NULL), 0);
    assert_int_equal(micro_service_start(service, NULL), 0);
    /* asked before the registry has answered: waits */
    struct answer a = hello(&f, service);
    assert_int_equal(a.status, GRPC_OK);
    assert_string_equal(a.text, "Hello you");
    /* ours is registered under the name others can use */
    test_eventually(&f.system, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"probe\"}", GRPC_OK,
                    "client:", 5);
    assert_int_equal(micro_service_channel(service, "nobody", &channel, NULL), ERROR_NOT_FOUND);
    /* it moves to another address, while we hold a channel to the old one */
    sim_terminate(f.system.sim, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    assert_int_equal(micro_service_channel(service, "helloworld", &channel, NULL), ERROR_NOT_FOUND);
    const char *argv[] = {"micro",        "helloworld",
                          "--address",    "0.0.0.0:9999",
                          "--peers",      "registry=registry:8000",
                          "--token",      f.token,
                          "--public-key", text_string(&f.system.public_key)};
    assert_int_equal(sim_start(f.system.sim, "elsewhere", "micro", 10, argv, NULL), 0);
    test_eventually(&f.system, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"helloworld\"}",
                    GRPC_OK, "elsewhere:9999", 5);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND)); /* the watch tells us as well */
    a = hello(&f, service);
    assert_int_equal(a.status, GRPC_OK);
    /* the registry dies: what was known still works */
    sim_crash(f.system.sim, "registry");
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    a = hello(&f, service);
    assert_int_equal(a.status, GRPC_OK);
    sim_system_start(&f.system, "registry");
    sim_system_wait(&f.system, "registry");
    test_eventually(&f.system, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"probe\"}", GRPC_OK,
                    "client:", 10);
    a = hello(&f, service);
    assert_int_equal(a.status, GRPC_OK);
    micro_service_free(service);
    test_fixture_end(&f);
}

/* ---- several nodes ------------------------------------------------------------------------------------------------
 */

#define NODES 4

static const char *const nodes[NODES] = {"one", "two", "three", "four"};

static void begin_nodes(struct test_fixture *f, uint64_t seed, const char *const *more)
{
    static const char *const started[] = {"registry", NULL};
    *f = (struct test_fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
    const char *arguments[8] = {"--token", f->token};
    for (size_t i = 0; more && more[i]; i++)
        arguments[2 + i] = more[i];
    for (size_t i = 0; i < NODES; i++)
        test_probe_start(&f->system, nodes[i], "greeter", arguments);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
}

struct caller {
    struct micro_options options;
    struct micro_service *service;
};

static void begin_caller(struct test_fixture *f, struct caller *c, const char *namespace)
{
    c->options = (struct micro_options){.name = "caller",
                                        .data_dir = "data",
                                        .host = "0.0.0.0",
                                        .base_port = 8000,
                                        .profile = "local",
                                        .token = f->token,
                                        .namespace = namespace,
                                        .peers = "registry=registry:8000,auth=auth:8010"};
    const struct micro_service_config config = {.name = "caller", .options = &c->options};
    assert_int_equal(micro_service_new(f->system.client, &config, &c->service, NULL), 0);
    assert_int_equal(micro_service_start(c->service, NULL), 0);
    sim_run_for(f->system.sim, (uint64_t)SECOND);
}

/* Calls "greeter" and counts the answers of each node; the number of calls that failed. */
static size_t spread(struct test_fixture *f, struct caller *c, size_t calls, size_t counts[NODES])
{
    size_t failed = 0;
    memset(counts, 0, NODES * sizeof *counts);
    for (size_t i = 0; i < calls; i++) {
        struct answer a = {0};
        char name[] = "you";
        Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
        request.name = name;
        assert_int_equal(micro_call(c->service, "greeter", "Helloworld.Call", &request.base,
                                    &helloworld__response__descriptor, 0, on_hello, &a),
                         0);
        assert_int_equal(world_run_until(f->system.client, is_done, &a, TEST_CALL_LIMIT), 0);
        failed += a.status != GRPC_OK;
        for (size_t k = 0; k < NODES && a.status == GRPC_OK; k++)
            counts[k] += strcmp(strrchr(a.text, '/') + 1, nodes[k]) == 0;
    }
    return failed;
}

static void even_distribution(void **state)
{
    (void)state;
    struct test_fixture f;
    struct caller c;
    size_t counts[NODES];
    begin_nodes(&f, 6, NULL);
    begin_caller(&f, &c, NULL);
    (void)spread(&f, &c, 10, counts); /* until all four connections are there */
    assert_int_equal(spread(&f, &c, 400, counts), 0);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(counts[i], 100);
    /* Killed without a word: refused at once, so its turn goes to the next, and no call is lost. */
    assert_int_equal(sim_kill(f.system.sim, "two"), 0);
    assert_int_equal(sim_kill(f.system.sim, "four"), 0);
    assert_true(spread(&f, &c, 1, counts) <= 1); /* may have been on its way */
    assert_int_equal(spread(&f, &c, 400, counts), 0);
    /* Of the turns of those that are gone, the first may have been taken before it was known. */
    assert_in_range(counts[0], 199, 201);
    assert_int_equal(counts[1], 0);
    assert_int_equal(counts[0] + counts[2], 400);
    assert_int_equal(counts[3], 0);
    /* Back again, registered anew under the same address. */
    const char *arguments[] = {"--token", f.token, NULL};
    test_probe_start(&f.system, "two", "greeter", arguments);
    sim_run_for(f.system.sim, (uint64_t)(6 * SECOND)); /* the longest pause between attempts */
    (void)spread(&f, &c, 3, counts);
    assert_int_equal(spread(&f, &c, 300, counts), 0);
    assert_int_equal(counts[1], 100);
    micro_service_free(c.service);
    test_fixture_end(&f);
}

/* The nodes of "greeter" that are known: exactly those of the list. */
static void expect_known(struct caller *c, const char *const *wanted)
{
    struct text list = TEXT_INIT;
    size_t count = 0;
    size_t known = micro_known_addresses(c->service, "greeter", &list);
    for (; wanted[count]; count++)
        if (!strstr(text_string(&list), wanted[count]))
            fail_msg("%s is not in %s", wanted[count], text_string(&list));
    if (known != count)
        fail_msg("%s are %zu nodes, wanted %zu", text_string(&list), known, count);
    text_deinit(&list);
}
#define ALL_NODES ((const char *const[]){"one:9000", "two:9000", "three:9000", "four:9000", NULL})

/* A node that refuses is left out, and back the moment it registers: its channel has no pause to keep. */
static void refusing_nodes(void **state)
{
    (void)state;
    struct test_fixture f;
    struct caller c;
    size_t counts[NODES];
    begin_nodes(&f, 16, NULL);
    begin_caller(&f, &c, NULL);
    (void)spread(&f, &c, 10, counts);
    expect_known(&c, ALL_NODES);
    assert_int_equal(sim_kill(f.system.sim, "two"), 0);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    for (int i = 0; i < 20; i++) { /* enough attempts for the longest pause, were there any */
        assert_int_equal(spread(&f, &c, 3, counts), 0);
        assert_int_equal(counts[1], 0);
        sim_run_for(f.system.sim, (uint64_t)SECOND);
    }
    expect_known(&c, (const char *const[]){"one:9000", "three:9000", "four:9000", NULL});
    const char *arguments[] = {"--token", f.token, NULL};
    test_probe_start(&f.system, "two", "greeter", arguments);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    (void)spread(&f, &c, 4, counts); /* connects */
    assert_int_equal(spread(&f, &c, 400, counts), 0);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(counts[i], 100);
    /* Only our own way to it is broken: it never registers anew, and is tried again with a heartbeat. */
    sim_cut(f.system.sim, sim_node_name(f.system.client), "three", false);
    sim_run_for(f.system.sim, (uint64_t)MINUTE);
    (void)spread(&f, &c, 4, counts);
    sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
    assert_int_equal(spread(&f, &c, 300, counts), 0);
    assert_int_equal(counts[2], 0);
    sim_heal_all(f.system.sim);
    sim_run_for(f.system.sim, (uint64_t)(31 * SECOND));
    (void)spread(&f, &c, 4, counts);
    assert_int_equal(spread(&f, &c, 400, counts), 0);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(counts[i], 100);
    micro_service_free(c.service);
    test_fixture_end(&f);
}

/* When the last one refuses, a call waits for it, and no longer than until it is back. */
static void all_nodes_refuse(void **state)
{
    (void)state;
    struct test_fixture f;
    struct caller c;
    struct answer a = {0};
    size_t counts[NODES];
    char name[] = "you";
    Helloworld__Request request = HELLOWORLD__REQUEST__INIT;
    begin_nodes(&f, 17, NULL);
    begin_caller(&f, &c, NULL);
    (void)spread(&f, &c, 10, counts);
    for (size_t i = 0; i < NODES; i++)
        assert_int_equal(sim_kill(f.system.sim, nodes[i]), 0);
    request.name = name;
    assert_int_equal(micro_call(c.service, "greeter", "Helloworld.Call", &request.base,
                                &helloworld__response__descriptor, (uint64_t)(60 * SECOND), on_hello, &a),
                     0);
    sim_run_for(f.system.sim, (uint64_t)(25 * SECOND)); /* the pauses have grown to five seconds */
    if (a.done)                                         /* it was on a connection that broke */
        assert_int_not_equal(a.status, GRPC_OK);
    a = (struct answer){0};
    assert_int_equal(micro_call(c.service, "greeter", "Helloworld.Call", &request.base,
                                &helloworld__response__descriptor, (uint64_t)(60 * SECOND), on_hello, &a),
                     0);
    sim_run_for(f.system.sim, (uint64_t)(20 * SECOND));
    assert_false(a.done);
    expect_known(&c, ALL_NODES);
    const char *arguments[] = {"--token", f.token, NULL};
    test_probe_start(&f.system, "two", "greeter", arguments);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_true(a.done);
    assert_int_equal(a.status, GRPC_OK);
    expect_known(&c, (const char *const[]){"two:9000", NULL});
    micro_service_free(c.service);
    test_fixture_end(&f);
}

/* Our own namespace hides "micro"; a namespace without the service falls back to it; others are never looked at. */
static void namespaces(void **state)
{
    (void)state;
    static const char *const started[] = {"registry", NULL};
    struct test_fixture f = {0};
    struct caller c;
    size_t counts[NODES];
    sim_system_init(&f.system, 7);
    sim_system_start_all(&f.system, started);
    f.token = sim_system_token(&f.system, &f.arena, "tester", "service", "micro", "service");
    const char *in_micro[] = {"--token", f.token, NULL};
    const char *in_acme[] = {"--token", f.token, "--namespace", "acme", NULL};
    const char *in_other[] = {"--token", f.token, "--namespace", "other", NULL};
    test_probe_start(&f.system, "one", "greeter", in_micro);
    test_probe_start(&f.system, "three", "greeter", in_other);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    begin_caller(&f, &c, "acme");
    assert_int_equal(spread(&f, &c, 4, counts), 0);
    assert_int_equal(counts[0], 4);
    test_probe_start(&f.system, "two", "greeter", in_acme);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(spread(&f, &c, 4, counts), 0);
    assert_int_equal(counts[1], 4);
    assert_int_equal(sim_terminate(f.system.sim, "two"), 0);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    assert_int_equal(spread(&f, &c, 4, counts), 0);
    assert_int_equal(counts[0], 4);
    micro_service_free(c.service);
    test_fixture_end(&f);
}

/* What the registry is told: version, node metadata as v3's, and the schema of the contract. */
static void registration(void **state)
{
    (void)state;
    static const char *const started[] = {"registry", NULL};
    struct test_fixture f = {0};
    struct sim_answer a = {0};
    sim_system_init(&f.system, 8);
    sim_system_start_all(&f.system, started);
    f.token = sim_system_token(&f.system, &f.arena, "tester", "service", "micro", "service");
    const char *arguments[] = {"--token", f.token, "--namespace", "acme", NULL};
    test_probe_start(&f.system, "one", "greeter", arguments);
    test_eventually(&f.system, "registry", "/registry.Registry/GetService", f.token,
                    "{\"service\":\"greeter\",\"options\":{\"domain\":\"acme\"}}", GRPC_OK, "one:9000", 5);
    sim_system_call(&f.system, "registry", "/registry.Registry/GetService", f.token,
                    "{\"service\":\"greeter\",\"options\":{\"domain\":\"acme\"}}", &a);
    assert_string_equal(sim_answer_text(&a, "services/0/version"), "v7");
    static const char *const keys[] = {"broker", "registry", "server", "transport", "protocol", "domain"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "services/0/nodes/0/metadata/%s", keys[i]);
        assert_true(sim_answer_text(&a, path)[0] != '\0');
    }
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/metadata/domain"), "acme");
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/metadata/protocol"), "grpc");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/name"), "Helloworld.Call");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/request/values/0/name"), "name");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/metadata/stream"), "");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/1/metadata/stream"), "true");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/1/metadata/client_stream"), "false");
    sim_answer_deinit(&a);
    test_expect(&f.system, "registry", "/registry.Registry/GetService", f.token, "{\"service\":\"greeter\"}",
                GRPC_NOT_FOUND, "not found");
    test_fixture_end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_name),    cmocka_unit_test(even_distribution), cmocka_unit_test(refusing_nodes),
        cmocka_unit_test(all_nodes_refuse), cmocka_unit_test(namespaces),        cmocka_unit_test(registration),
    };
    int failed = cmocka_run_group_tests_name("discovery", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
