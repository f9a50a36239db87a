/* A user's service gets its access token from auth and keeps it fresh, whatever happens to clocks and to auth. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_auth.h"
#include "runtime/service/test_probe.h"

#include <string.h>

#define LOCKED                                                                                                         \
    "{\"rules\":[{\"namespace\":\"micro\",\"rules\":[{\"id\":\"r\",\"scope\":\"*\",\"access\":\"GRANTED\","            \
    "\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"}}]}]}"
#define RELAY "{\"name\":\"relay back you\"}"

struct fixture {
    struct sim_system system;
    struct test_auth auth;
    struct arena arena;
    char *component;
};

/* "front" has an account, "back" lets only accounts in. */
static void begin(struct fixture *f, uint64_t seed)
{
    static const char *const started[] = {"registry", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    test_auth_start(&f->auth, &f->system);
    test_auth_policy(&f->auth, LOCKED);
    sim_system_start_all(&f->system, started);
    f->component = sim_system_token(&f->system, &f->arena, "api", "service", "micro", "service");
    const char *back[] = {"--token", f->component, NULL};
    test_probe_start(&f->system, "back", "back", back);
}

static void start_front(struct fixture *f)
{
    static const char *const front[] = {"--auth-id", "front-v7", "--auth-secret", "its secret", NULL};
    test_probe_start(&f->system, "front", "front", front);
}

static void end(struct fixture *f)
{
    test_auth_deinit(&f->auth);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

/* Two calls of front's to back. */
static void relay(struct fixture *f, const char *words)
{
    char *token = sim_system_token(&f->system, &f->arena, "api", "service", "micro", "service");
    test_probe_expect(&f->system, "front", "/front.Helloworld/Call", token, NULL, RELAY, GRPC_OK, words);
}

static void got_used_and_renewed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 31);
    start_front(&f);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(f.auth.tokens_given, 1);
    relay(&f, "Hello you");
    test_eventually(&f.system, "registry", "/registry.Registry/GetService", f.component, "{\"service\":\"front\"}",
                    GRPC_OK, "front:9000", 5);
    assert_int_equal(f.auth.tokens_given, 1);
    /* 15 minutes of life: renewed every 10 */
    sim_run_for(f.system.sim, (uint64_t)(9 * MINUTE));
    assert_int_equal(f.auth.tokens_given, 1);
    sim_run_for(f.system.sim, (uint64_t)(2 * MINUTE));
    assert_int_equal(f.auth.tokens_given, 2);
    relay(&f, "Hello you");
    sim_run_for(f.system.sim, (uint64_t)(2 * HOUR));
    assert_true(f.auth.tokens_given >= 13 && f.auth.tokens_given <= 15);
    relay(&f, "Hello you");
    end(&f);
}

/* Auth comes later than the service: calls made so long wait for the token. */
static void auth_comes_late(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 32);
    test_auth_stop(&f.auth);
    start_front(&f);
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    relay(&f, "DEADLINE_EXCEEDED: no access token");
    test_auth_restart(&f.auth);
    relay(&f, "Hello you");
    end(&f);
}

/* The machine slept for a day: timers did not run, the token has expired. */
static void clock_jumps(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 33);
    start_front(&f);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    relay(&f, "Hello you");
    static const char *const nodes[] = {"front", "back", "auth", "registry", "client"};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        sim_clock_jump(f.system.sim, nodes[i], (int64_t)(24 * HOUR));
    unsigned before = f.auth.tokens_given;
    relay(&f, "Hello you");
    assert_int_equal(f.auth.tokens_given, before + 1);
    /* set back: the new token would be believed for a day too long */
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        sim_clock_jump(f.system.sim, nodes[i], -(int64_t)(24 * HOUR));
    relay(&f, "Hello you");
    assert_int_equal(f.auth.tokens_given, before + 2);
    end(&f);
}

/* A token that is good by our clock and refused all the same: once more with a fresh one. */
static void refused_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 34);
    start_front(&f);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    relay(&f, "Hello you");
    test_auth_change(&f.auth,
                     "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"front-v7\",\"generation\":\"1\"}]}");
    relay(&f, "Hello you");
    assert_int_equal(f.auth.tokens_given, 2);
    /* refused again and again: said, not tried for ever */
    for (int i = 2; i < 10; i++) {
        char change[200];
        snprintf(change, sizeof change,
                 "{\"revocations\":[{\"namespace\":\"micro\",\"account\":\"front-v7\",\"generation\":\"%d\"}]}", i);
        test_auth_change(&f.auth, change);
    }
    unsigned before = f.auth.tokens_given;
    relay(&f, "UNAUTHENTICATED");
    assert_true(f.auth.tokens_given <= before + 4);
    end(&f);
}

/* Auth refuses for a while: asked again with pauses, not in a loop. */
static void auth_refuses(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 35);
    f.auth.refuse = true;
    start_front(&f);
    sim_run_for(f.system.sim, (uint64_t)(30 * SECOND));
    f.auth.refuse = false;
    relay(&f, "Hello you");
    assert_int_equal(f.auth.tokens_given, 1);
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(got_used_and_renewed), cmocka_unit_test(auth_comes_late), cmocka_unit_test(clock_jumps),
        cmocka_unit_test(refused_once),         cmocka_unit_test(auth_refuses),
    };
    int failed = cmocka_run_group_tests_name("own token", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
