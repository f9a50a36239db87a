/* Blocks of ports: every door of the runtime is looked at before anything starts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/component.h"
#include "runtime/server/ports.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

#define BASE 20000

static void nobody(void *arg, struct world_stream *s)
{
    (void)arg;
    world_stream_close(s);
}

static void every_door(void **state)
{
    (void)state;
    static const struct {
        int offset;
        const char *words;
    } doors[] = {
        {0, "registry"}, {1, "config"}, {2, "store"},     {3, "broker"},       {4, "events"},
        {10, "auth"},    {80, "api"},   {81, "proxy"},    {84, "TLS door"},    {85, "peers"},
        {88, "runtime"}, {89, "gRPC"},  {443, "network"}, {100, "helloworld"}, {101, "notes"},
    };
    const struct sim_options options = {.seed = 1};
    struct sim *sim = sim_new(&options);
    struct world *w = sim_node(sim, "node");
    struct error err = ERROR_INIT;
    assert_int_equal(server_ports_check(w, "0.0.0.0", BASE, &err), 0);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        char address[64], port[16];
        struct world_listener *taken = NULL;
        snprintf(address, sizeof address, "0.0.0.0:%d", BASE + doors[i].offset);
        snprintf(port, sizeof port, ":%d", BASE + doors[i].offset);
        assert_int_equal(world_listen(w, address, nobody, NULL, &taken, NULL), 0);
        assert_int_equal(server_ports_check(w, "0.0.0.0", BASE, &err), ERROR_IN_USE);
        if (!strstr(err.message, doors[i].words) || !strstr(err.message, port))
            fail_msg("%s; wanted %s and %s", err.message, doors[i].words, port);
        error_clear(&err);
        world_listener_close(taken);
    }
    assert_int_equal(server_ports_check(w, "0.0.0.0", BASE, &err), 0);
    /* the highest base there is room for, and one more */
    assert_int_equal(server_ports_check(w, "0.0.0.0", 65535 - MICRO_OFFSET_MAX, &err), 0);
    assert_int_equal(server_ports_check(w, "0.0.0.0", 65535 - MICRO_OFFSET_MAX + 1, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "above 65535"));
    error_clear(&err);
    sim_free(sim);
}

static void a_free_block(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 2};
    struct sim *sim = sim_new(&options);
    struct world *w = sim_node(sim, "node");
    struct error err = ERROR_INIT;
    for (int i = 0; i < 200; i++) {
        int base = 0;
        assert_int_equal(server_ports_find(w, "0.0.0.0", &base, &err), 0);
        assert_true(base >= 20000 && base + MICRO_OFFSET_MAX < 32768); /* below those the system hands out */
    }
    sim_free(sim);
}

/* The option stands at the same limit as the check. */
static void the_option(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        int rc;
    } cases[] = {{"65092", 0}, {"65093", ERROR_LIMIT}, {"0", 0}, {"-1", ERROR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *argv[] = {"micro", "store", "--base-port", cases[i].base};
        struct micro_options_storage *storage = NULL;
        const struct micro_options *o = NULL;
        int rc = micro_options_parse(4, argv, NULL, &storage, &o, NULL);
        if ((rc != 0) != (cases[i].rc != 0))
            fail_msg("%s: %s", cases[i].base, error_code_name(rc));
        micro_options_free(storage);
    }
}

int main(void)
{
    component_use_all();
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_door), cmocka_unit_test(a_free_block),
                                       cmocka_unit_test(the_option)};
    return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
