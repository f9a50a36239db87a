/* The runtime component under crashes: in the middle of updates, and random changes with random trouble. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "runtime/runtime/runner.h"
#include "runtime/runtime/test_runner.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A crash at any moment of an update leaves a service that runs. */
static void crashes(void **state)
{
    (void)state;
    for (uint64_t after = 0; after < 14; after++) {
        struct test_runner f;
        test_begin(&f, 100 + after);
        test_create(&f, "one", "sleeper", "");
        test_runtime_until(&f, "\"status\":4", 3);
        struct test_stream t;
        test_stream_open(&t, &f.system, "runtime", UPDATE, f.token,
                         "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"instances\":2}}");
        sim_run_for(f.system.sim, after * after * (uint64_t)(10 * MILLISECOND));
        assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
        test_stream_wait(&t, 0);
        bool updated = t.status == GRPC_OK;
        test_stream_close(&t);
        sim_system_start(&f.system, "runtime");
        sim_system_wait(&f.system, "runtime");
        if (updated) /* was answered: it comes */
            test_runtime_until(&f, "\"2/2\"", 10);
        sim_run_for(f.system.sim, (uint64_t)(10 * SECOND));
        assert_string_equal(test_metadata(&f, "status"), "running");
        assert_true(strcmp(test_metadata(&f, "instances"), "2/2") == 0 || !updated);
        test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
        assert_int_equal(test_starts, test_stops);
        test_end(&f);
    }
}

/* Random changes while components die. What was answered holds, whatever was answered with 503 is one or the other, and
 * in the end as many processes run as Read tells, and none when everything is deleted. */
#define SOAK_NAMES 3
#define SOAK_SEEDS 12
#define SOAK_STEPS 25

enum belief { GONE, THERE, UNKNOWN };

static void soak_change(struct test_runner *f, struct random *random, enum belief *belief)
{
    size_t which = (size_t)random_below(random, SOAK_NAMES);
    uint64_t kind = random_below(random, 4);
    struct sim_answer a = {0};
    char *name = arena_printf(&f->arena, "s%zu", which), *json = test_of(f, name);
    if (kind < 2)
        json = arena_printf(
            &f->arena, "{\"resource\":{\"service\":{\"name\":\"%s\"}},\"options\":{\"command\":[\"sleeper\"]}}", name);
    else if (kind == 2)
        json = arena_printf(&f->arena, "{\"resource\":{\"service\":{\"name\":\"%s\"}},\"options\":{\"instances\":%d}}",
                            name, 1 + (int)random_below(random, 2));
    sim_system_call(&f->system, "runtime", kind < 2 ? CREATE : kind == 2 ? UPDATE : DELETE, f->token, json, &a);
    if (a.status == GRPC_OK) {
        assert_true(kind >= 2 || belief[which] != THERE);
        assert_true(kind < 2 || belief[which] != GONE);
        belief[which] = kind == 3 ? GONE : THERE;
    } else if (a.status == GRPC_ALREADY_EXISTS) {
        assert_true(kind < 2 && belief[which] != GONE);
        belief[which] = THERE;
    } else if (a.status == GRPC_NOT_FOUND) {
        assert_true(kind >= 2 && belief[which] != THERE);
        belief[which] = GONE;
    } else if (kind != 2) { /* an update alone makes nothing come or go */
        belief[which] = UNKNOWN;
    }
    sim_answer_deinit(&a);
}

static void soak_trouble(struct test_runner *f, struct random *random)
{
    static const char *const nodes[] = {"runtime", "store", "auth"};
    const char *node = nodes[random_below(random, 3)];
    if (!sim_running(f->system.sim, node))
        sim_system_start(&f->system, node);
    else if (random_below(random, 2))
        assert_int_equal(sim_crash(f->system.sim, node), 0);
    else
        assert_int_equal(sim_kill(f->system.sim, node), 0);
}

static void soak_run(uint64_t seed)
{
    static const char *const nodes[] = {"store", "auth", "runtime"};
    enum belief belief[SOAK_NAMES] = {GONE};
    struct test_runner f;
    struct random random;
    test_begin(&f, seed);
    random_seed(&random, seed);
    for (int step = 0; step < SOAK_STEPS; step++) {
        if (random_below(&random, 3) == 0)
            soak_trouble(&f, &random);
        else
            soak_change(&f, &random, belief);
        sim_run_for(f.system.sim, random_below(&random, (uint64_t)(2 * SECOND)));
    }
    for (size_t i = 0; i < 3; i++)
        if (!sim_running(f.system.sim, nodes[i]))
            sim_system_start(&f.system, nodes[i]);
    for (size_t i = 0; i < 3; i++)
        sim_system_wait(&f.system, nodes[i]);
    sim_run_for(f.system.sim, (uint64_t)(60 * SECOND));
    struct sim_answer a = {0};
    sim_system_call(&f.system, "runtime", READ, f.token, "{}", &a);
    assert_int_equal(a.status, GRPC_OK);
    const json_t *services = json_object_get(a.body, "services"), *service;
    size_t i;
    int running = 0;
    bool listed[SOAK_NAMES] = {false};
    json_array_foreach(services, i, service)
    {
        const json_t *m = json_object_get(service, "metadata");
        const char *instances = json_string_value(json_object_get(m, "instances"));
        assert_string_equal(json_string_value(json_object_get(m, "status")), "running");
        assert_true(instances[0] == instances[2]);
        running += instances[0] - '0';
        listed[json_string_value(json_object_get(service, "name"))[1] - '0'] = true;
    }
    sim_answer_deinit(&a);
    for (i = 0; i < SOAK_NAMES; i++)
        if (belief[i] != UNKNOWN && listed[i] != (belief[i] == THERE))
            fail_msg("seed %llu: s%zu is %s", (unsigned long long)seed, i, listed[i] ? "there" : "gone");
    if (test_starts - test_stops != running)
        fail_msg("seed %llu: %d processes, %d told", (unsigned long long)seed, test_starts - test_stops, running);
    for (i = 0; i < SOAK_NAMES; i++)
        if (listed[i])
            test_runtime(&f, DELETE, test_of(&f, arena_printf(&f.arena, "s%zu", i)), GRPC_OK, NULL);
    assert_int_equal(test_starts, test_stops);
    test_expect(&f.system, "auth", "/auth.Auth/Generate", f.token, "{\"id\":\"s0-latest\"}", GRPC_OK, NULL);
    test_end(&f);
}

static void soak(void **state)
{
    (void)state;
    const char *first = getenv("RUNNER_SOAK_SEED"), *count = getenv("RUNNER_SOAK_SEEDS");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1000;
    uint64_t seeds = count ? strtoull(count, NULL, 10) : SOAK_SEEDS;
    for (uint64_t seed = from; seed < from + seeds; seed++)
        soak_run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crashes), cmocka_unit_test(soak)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
