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

/* Nothing of a block listens yet when the next one looks: it takes another one, down to the last. No door of one block
 * is a door of another. */
static void a_free_block(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 2};
    struct sim *sim = sim_new(&options);
    struct world *w = sim_node(sim, "node");
    struct world_listener *claims[100] = {NULL}, *doors[2000] = {NULL};
    struct error err = ERROR_INIT;
    size_t count = 0, door_count = 0;
    int bases[100], rc = 0;
    while (count < 100 && (rc = server_ports_find(w, "0.0.0.0", &bases[count], &claims[count], &err)) == 0) {
        assert_true(bases[count] >= 29000 && bases[count] + SERVER_CLAIM_OFFSET < 32768); /* below the system's own */
        count++;
    }
    assert_int_equal(rc, ERROR_IN_USE);
    assert_non_null(strstr(err.message, "no free block"));
    error_clear(&err);
    assert_true(count >= 50);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(server_ports_check(w, "0.0.0.0", bases[i], &err), 0);
        for (const struct component *c = components; c->name; c++) {
            char address[64];
            snprintf(address, sizeof address, "0.0.0.0:%d", bases[i] + c->port_offset);
            assert_int_equal(world_listen(w, address, nobody, NULL, &doors[door_count++], NULL), 0);
        }
    }
    for (size_t i = 0; i < door_count; i++)
        world_listener_close(doors[i]);
    world_listener_close(claims[7]);
    int again = 0;
    assert_int_equal(server_ports_find(w, "0.0.0.0", &again, &claims[7], &err), 0);
    assert_int_equal(again, bases[7]); /* the only one there is */
    for (size_t i = 0; i < count; i++)
        world_listener_close(claims[i]);
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
