/* Doubles register at the registry, which is a double itself, in the simulated world. */
#include "fakes/serve/register.h"

#include "base/test.h"

#include "base/units.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct pb_pool *pool;
    struct fake *registry;
    struct fake_server *registry_server, *server;
    struct world *world;
    struct text told;
};

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    struct error err = ERROR_INIT;
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 3});
    assert_int_equal(pb_pool_new(proto_set(), "proto", &g->pool, &err), 0);
    struct fake_server_options options = {.pool = g->pool};
    assert_int_equal(fake_new(pb_find_service(g->pool, "registry.Registry"), &g->registry), 0);
    assert_int_equal(fake_server_new(sim_node(g->sim, "registry"), &options, &g->registry_server, &err), 0);
    assert_int_equal(fake_server_add(g->registry_server, pb_find_service(g->pool, "registry.Registry"), g->registry),
                     0);
    assert_int_equal(fake_server_listen(g->registry_server, "0.0.0.0:8000", &err), 0);
    g->world = sim_node(g->sim, "doubles");
    assert_int_equal(fake_server_new(g->world, &options, &g->server, &err), 0);
    static const char *const services[] = {"store.Store", "helloworld.Helloworld", "store.BlobStore"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fake_server_add(g->server, pb_find_service(g->pool, services[i]), NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    struct stage *g = *state;
    fake_server_free(g->server);
    fake_server_free(g->registry_server);
    fake_free(g->registry);
    sim_free(g->sim);
    pb_pool_free(g->pool);
    text_deinit(&g->told);
    free(g);
    return 0;
}

static void told(void *arg, const char *why)
{
    struct stage *g = arg;
    text_printf(&g->told, "%s.", why != NULL ? why : "registered");
}

static struct registering *begin(struct stage *g)
{
    struct registering *r = NULL;
    struct register_options options = {
        .registry = "registry:8000", .advertised = "doubles:9000", .token = "abc", .told = told, .arg = g};
    assert_int_equal(register_start(g->server, &options, &r, NULL), 0);
    world_sleep(g->world, (uint64_t)SECOND);
    return r;
}

static void packages_are_registered_and_renewed(void **state)
{
    struct stage *g = *state;
    struct text json = TEXT_INIT;
    struct registering *r = begin(g);
    assert_true(register_done(r));
    assert_string_equal(text_string(&g->told), "registered.");
    assert_int_equal(fake_count(g->registry, "Register"), 2); /* store once, for both of its services */
    assert_int_equal(fake_request_json(g->registry, "Register", 0, &json, NULL), 0);
    json_t *tree = json_loads(text_string(&json), 0, NULL);
    assert_non_null(tree);
    assert_string_equal(json_string_value(json_object_get(tree, "name")), "store");
    assert_int_equal(json_array_size(json_object_get(tree, "endpoints")),
                     pb_find_service(g->pool, "store.Store")->method_count +
                         pb_find_service(g->pool, "store.BlobStore")->method_count);
    const json_t *node = json_array_get(json_object_get(tree, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "address")), "doubles:9000");
    assert_string_equal(json_string_value(json_object_get(json_object_get(tree, "options"), "ttl")), "90");
    json_decref(tree);
    /* Again before their time is over. */
    world_sleep(g->world, (uint64_t)(65 * SECOND));
    assert_int_equal(fake_count(g->registry, "Register"), 6);
    register_stop(r);
    assert_int_equal(fake_count(g->registry, "Deregister"), 2);
    world_sleep(g->world, (uint64_t)(60 * SECOND));
    assert_int_equal(fake_count(g->registry, "Register"), 6);
    text_deinit(&json);
}

static void a_registry_that_refuses_is_asked_again(void **state)
{
    struct stage *g = *state;
    fake_fails(g->registry, "Register", -1, GRPC_UNAUTHENTICATED, "who?");
    struct registering *r = begin(g);
    assert_false(register_done(r));
    assert_string_equal(text_string(&g->told), "UNAUTHENTICATED: who?.");
    fake_reset(g->registry);
    world_sleep(g->world, (uint64_t)(3 * SECOND));
    assert_true(register_done(r));
    assert_string_equal(text_string(&g->told), "UNAUTHENTICATED: who?.registered.");
    /* It goes away, and the doubles do not wait for it for ever. */
    sim_cut(g->sim, "registry", NULL, false);
    uint64_t before = world_now(g->world);
    register_stop(r);
    assert_true(world_now(g->world) - before < (uint64_t)(5 * SECOND));
    sim_heal_all(g->sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packages_are_registered_and_renewed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_registry_that_refuses_is_asked_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
