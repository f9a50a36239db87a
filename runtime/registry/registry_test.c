/* The registry with real services around it, in the simulated world. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <string.h>

#define GET        "/registry.Registry/GetService"
#define HELLOWORLD "{\"service\":\"helloworld\"}"

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
};

static void begin(struct fixture *f, uint64_t seed)
{
    static const char *const started[] = {"registry", "helloworld", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start_all(&f->system, started);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
    test_eventually(&f->system, "registry", GET, f->token, HELLOWORLD, GRPC_OK, "helloworld:8100", 5);
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static void lookups(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1);
    struct sim_system *s = &f.system;
    test_expect(s, "registry", GET, f.token, "{\"service\":\"nobody\"}", GRPC_NOT_FOUND,
                "\"detail\":\"service not found\"");
    test_expect(s, "registry", "/registry.Registry/ListServices", f.token, "{}", GRPC_OK, "\"registry\"");
    struct sim_answer a = {0};
    sim_system_call(s, "registry", GET, f.token, HELLOWORLD, &a);
    assert_string_equal(sim_answer_text(&a, "services/0/name"), "helloworld");
    assert_string_equal(sim_answer_text(&a, "services/0/version"), "latest");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/name"), "Helloworld.Call");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/request/values/0/name"), "name");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/request/values/0/type"), "string");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/1/metadata/stream"), "true");
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/metadata/protocol"), "grpc");
    sim_answer_deinit(&a);
    end(&f);
}

static void access_rules(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct sim_system *s = &f.system;
    const char *user = sim_system_token(s, &f.arena, "u", "user", "micro", NULL);
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    const char *put = "{\"name\":\"x\",\"version\":\"1\",\"nodes\":[{\"id\":\"x-1\",\"address\":\"h:1\"}]%s}";
    char *here = arena_printf(&f.arena, "%.*s}", (int)(strlen(put) - 3), put);
    char *theirs = arena_printf(&f.arena, "%.*s,\"options\":{\"domain\":\"tenant\"}}", (int)(strlen(put) - 3), put);
    test_expect(s, "registry", GET, NULL, HELLOWORLD, GRPC_UNAUTHENTICATED, "an account is required");
    test_expect(s, "registry", GET, user, HELLOWORLD, GRPC_OK, NULL);
    test_expect(s, "registry", GET, stranger, HELLOWORLD, GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", user, here, GRPC_UNAUTHENTICATED, "Unauthorized");
    test_expect(s, "registry", "/registry.Registry/Register", stranger, here, GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", stranger, theirs, GRPC_OK, NULL);
    /* the other domain's services are not seen here, a micro admin sees all */
    test_expect(s, "registry", GET, f.token, "{\"service\":\"x\"}", GRPC_NOT_FOUND, NULL);
    test_expect(s, "registry", GET, f.token, "{\"service\":\"x\",\"options\":{\"domain\":\"*\"}}", GRPC_OK, "x-1");
    test_expect(s, "registry", GET, stranger, "{\"service\":\"x\",\"options\":{\"domain\":\"*\"}}",
                GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", f.token, "{\"name\":\"x\"}", GRPC_INVALID_ARGUMENT,
                "node");
    test_expect(s, "registry", "/registry.Registry/Register", f.token,
                "{\"name\":\"x\",\"nodes\":[{\"id\":\"a\",\"address\":\"b\"}],\"options\":{\"domain\":\"*\"}}",
                GRPC_INVALID_ARGUMENT, "domain");
    end(&f);
}

/* Killed without a word: gone when its time is over, and watchers are told. */
static void silent_death(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream watch;
    begin(&f, 3);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, HELLOWORLD);
    sim_kill(f.system.sim, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(55 * SECOND));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, NULL);
    test_stream_wait(&watch, 1);
    assert_non_null(strstr(text_string(&watch.lines), "\"delete\""));
    assert_non_null(strstr(text_string(&watch.lines), "helloworld:8100"));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_NOT_FOUND, NULL);
    test_stream_close(&watch);
    end(&f);
}

/* It lives as long as it beats. */
static void heartbeats(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream watch;
    begin(&f, 4);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, "{}");
    for (int i = 0; i < 10; i++) {
        sim_run_for(f.system.sim, (uint64_t)(60 * SECOND));
        test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, NULL);
    }
    assert_int_equal(watch.messages, 0); /* a heartbeat changes nothing */
    test_stream_close(&watch);
    end(&f);
}

static void orderly_stop(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream watch;
    begin(&f, 5);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, HELLOWORLD);
    sim_terminate(f.system.sim, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(1 * SECOND));
    assert_false(sim_running(f.system.sim, "helloworld"));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_NOT_FOUND, NULL);
    assert_int_equal(watch.messages, 1);
    /* and back: one node, not two */
    sim_system_start(&f.system, "helloworld");
    test_stream_wait(&watch, 2);
    assert_non_null(strstr(text_string(&watch.lines), "\"create\""));
    test_stream_close(&watch);
    end(&f);
}

/* A killed service that is started again replaces its old entry at once. */
static void quick_restart(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 6);
    sim_kill(f.system.sim, "helloworld");
    sim_system_start(&f.system, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    struct sim_answer a = {0};
    sim_system_call(&f.system, "registry", GET, f.token, HELLOWORLD, &a);
    assert_int_equal(a.status, GRPC_OK);
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/address"), "helloworld:8100");
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/1/address"), "");
    sim_answer_deinit(&a);
    end(&f);
}

/* The registry forgets everything when it dies; services say again where they are without waiting for their heartbeat.
 */
static void registry_restart(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 7);
    sim_crash(f.system.sim, "registry");
    sim_run_for(f.system.sim, (uint64_t)(1 * SECOND));
    sim_system_start(&f.system, "registry");
    sim_system_wait(&f.system, "registry");
    test_eventually(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, "helloworld:8100", 10);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),          cmocka_unit_test(access_rules), cmocka_unit_test(silent_death),
        cmocka_unit_test(heartbeats),       cmocka_unit_test(orderly_stop), cmocka_unit_test(quick_restart),
        cmocka_unit_test(registry_restart),
    };
    int failed = cmocka_run_group_tests_name("registry", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
