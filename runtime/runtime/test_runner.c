#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/runtime/test_runner.h"

#include "base/log.h"
#include "base/units.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text test_told;           /* the environment the last program saw */
int test_starts, test_stops;     /* of `sleeper` */
int test_failures, test_succeed; /* of `failer`: it fails while `test_succeed` is 0 */

static void tell_environment(struct world *w)
{
    static const char *const names[] = {"MICRO_SERVICE_NAME",
                                        "MICRO_SERVICE_VERSION",
                                        "MICRO_NAMESPACE",
                                        "MICRO_AUTH_ID",
                                        "MICRO_AUTH_SECRET",
                                        "MICRO_TOKEN",
                                        "MICRO_PROFILE",
                                        "MICRO_SERVICE_ADDRESS",
                                        "MICRO_AUTH_PRIVATE_KEY",
                                        "COLOUR",
                                        "PASSWORD",
                                        "LEVEL"};
    text_clear(&test_told);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = world_environment(w, names[i]);
        if (value)
            text_printf(&test_told, "%s=%s;", names[i], value);
    }
}

static void on_signal(void *arg, int number)
{
    (void)number;
    world_stop(arg);
}

static void tick(void *arg)
{
    (void)arg; /* a program that waits for nothing has ended */
}

struct sleeper {
    struct world_timer timer;
};

static int sleeper_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct sleeper *s = calloc(1, sizeof *s);
    (void)argc;
    (void)argv;
    (void)err;
    assert_non_null(s);
    test_starts++;
    tell_environment(w);
    world_timer_init(&s->timer, w, tick, s);
    (void)world_timer_start(&s->timer, (uint64_t)(1000 * HOUR));
    world_on_signal(w, on_signal, w);
    *state = s;
    return 0;
}

static void sleeper_stop(void *state)
{
    struct sleeper *s = state;
    world_timer_stop(&s->timer);
    test_stops++;
    free(s);
}

static int failer_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    if (test_succeed)
        return sleeper_start(w, argc, argv, state, err);
    test_failures++;
    return ERROR_INVALID; /* exit code 1 */
}

static void done_fire(void *arg)
{
    world_stop(arg);
}

static int done_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    int rc = sleeper_start(w, argc, argv, state, err);
    struct sleeper *s = *state;
    world_timer_stop(&s->timer);
    world_timer_init(&s->timer, w, done_fire, w);
    (void)world_timer_start(&s->timer, (uint64_t)(500 * MILLISECOND));
    return rc;
}

/* Takes longer to stop than anybody grants. */
static void deaf_signal(void *arg, int number)
{
    (void)arg;
    (void)number;
}

static int deaf_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    int rc = sleeper_start(w, argc, argv, state, err);
    world_on_signal(w, deaf_signal, w);
    return rc;
}

void test_begin(struct test_runner *f, uint64_t seed)
{
    static const struct sim_program programs[] = {
        {.name = "sleeper", .start = sleeper_start, .stop = sleeper_stop},
        {.name = "failer", .start = failer_start, .stop = sleeper_stop},
        {.name = "done", .start = done_start, .stop = sleeper_stop},
        {.name = "deaf", .start = deaf_start, .stop = sleeper_stop},
    };
    static const char *const started[] = {"registry", "store", "auth", "runtime", NULL};
    *f = (struct test_runner){0};
    test_starts = test_stops = test_failures = test_succeed = 0;
    log_set_level(LOG_OFF);
    sim_system_init(&f->system, seed);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        assert_int_equal(sim_register(f->system.sim, &programs[i]), 0);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
}

void test_end(struct test_runner *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
    text_deinit(&test_told);
    log_set_level(LOG_WARN);
}

/* ---- calls ---- */

void test_runtime(struct test_runner *f, const char *path, const char *json, int status, const char *words)
{
    test_expect(&f->system, "runtime", path, f->token, json, status, words);
}

void test_runtime_until(struct test_runner *f, const char *words, int seconds)
{
    test_eventually(&f->system, "runtime", READ, f->token, "{}", GRPC_OK, words, seconds);
}

void test_create(struct test_runner *f, const char *name, const char *program, const char *more)
{
    char json[1024];
    snprintf(json, sizeof json,
             "{\"resource\":{\"service\":{\"name\":\"%s\",\"version\":\"latest\"}},"
             "\"options\":{\"command\":[\"%s\"]%s}}",
             name, program, more);
    test_runtime(f, CREATE, json, GRPC_OK, NULL);
}

char *test_of(struct test_runner *f, const char *name)
{
    return arena_printf(&f->arena, "{\"resource\":{\"service\":{\"name\":\"%s\",\"version\":\"latest\"}}}", name);
}

/* What Read tells of the only service: a member of its metadata; "" when there is none. */
char *test_metadata(struct test_runner *f, const char *key)
{
    struct sim_answer a = {0};
    char path[96];
    sim_system_call(&f->system, "runtime", READ, f->token, "{}", &a);
    assert_int_equal(a.status, GRPC_OK);
    snprintf(path, sizeof path, "services/0/metadata/%s", key);
    char *value = arena_string(&f->arena, sim_answer_text(&a, path));
    sim_answer_deinit(&a);
    return value;
}
