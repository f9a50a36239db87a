/* Changes that reach the store late, and two config processes over one store: what was acknowledged stays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/store/late_kit.h"

#include <stdio.h>

#define SET    "/config.Config/Set"
#define GET    "/config.Config/Get"
#define DELETE "/config.Config/Delete"
#define STEP   ((uint64_t)(100 * MICROSECOND)) /* between the moments of the cut */
#define STEPS  30                              /* a Set takes less than so many */

/* Whatever the moment of the cut: the stalled Set never takes away what was set after it was given up. */
static void late_set(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        late_begin(&k, i + 1, "config");
        late_expect(&k, k.first, SET, "{\"path\":\"base\",\"value\":{\"data\":\"0\"}}", GRPC_OK, NULL);
        late_stall(&k, SET, "{\"path\":\"a\",\"value\":{\"data\":\"1\"}}", i * STEP);
        late_expect(&k, k.second, SET, "{\"path\":\"b\",\"value\":{\"data\":\"2\"}}", GRPC_OK, NULL);
        late_expect(&k, k.second, SET, "{\"path\":\"base\",\"value\":{\"data\":\"3\"}}", GRPC_OK, NULL);
        late_heal(&k);
        late_expect(&k, k.second, GET, "{\"path\":\"b\"}", GRPC_OK, "\"2\"");
        late_expect(&k, k.second, GET, "{\"path\":\"base\"}", GRPC_OK, "\"3\"");
        late_expect(&k, k.second, GET, "{\"path\":\"a\"}", GRPC_OK, k.status == GRPC_OK ? "\"1\"" : "");
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);         /* there were late ones */
    assert_true(lost < STEPS - 3); /* and others */
}

/* A tree that was not there, then was made and deleted: a late Set does not bring it back. */
static void late_set_after_delete(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        struct late_kit k;
        late_begin(&k, i + 100, "config");
        late_stall(&k, SET, "{\"path\":\"a\",\"value\":{\"data\":\"1\"}}", i * STEP);
        late_expect(&k, k.second, SET, "{\"path\":\"b\",\"value\":{\"data\":\"2\"}}", GRPC_OK, NULL);
        late_expect(&k, k.second, DELETE, "{}", GRPC_OK, NULL);
        late_heal(&k);
        late_expect(&k, k.second, GET, "{}", GRPC_NOT_FOUND, NULL);
        lost += k.status != GRPC_OK;
        late_end(&k);
    }
    assert_true(lost > 3);
}

struct many {
    size_t answered, ok;
};

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    m->answered++;
    m->ok += reply->status == GRPC_OK;
}

static bool all_answered(void *arg)
{
    const struct many *m = arg;
    return m->answered == 60;
}

/* Two processes change one namespace at once: no change is lost. */
static void two_processes(void **state)
{
    (void)state;
    struct late_kit k;
    struct many m = {0};
    late_begin(&k, 7, "config");
    const struct grpc_header header = {bytes_of("authorization"),
                                       bytes_of(arena_printf(&k.arena, "Bearer %s", k.token))};
    for (int i = 0; i < 60; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"path\":\"many.k%d\",\"value\":{\"data\":\"%d\"}}", i, i);
        const struct rpc_request request = {.path = SET,
                                            .metadata = {&header, 1},
                                            .timeout = (uint64_t)(60 * SECOND),
                                            .content_type = "application/grpc+json",
                                            .message = bytes_of(json),
                                            .has_message = true,
                                            .wait_for_ready = true};
        assert_int_equal(rpc_unary(i % 2 ? k.first : k.second, &request, on_answer, &m, NULL, NULL), 0);
    }
    assert_int_equal(world_run_until(k.system.client, all_answered, &m, (uint64_t)(60 * SECOND)), 0);
    assert_int_equal(m.ok, 60);
    for (int i = 0; i < 60; i++) {
        char json[40], want[24];
        snprintf(json, sizeof json, "{\"path\":\"many.k%d\"}", i);
        snprintf(want, sizeof want, "\"data\":\"%d\"", i);
        late_expect(&k, k.second, GET, json, GRPC_OK, want);
    }
    late_end(&k);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_set),
        cmocka_unit_test(late_set_after_delete),
        cmocka_unit_test(two_processes),
    };
    int failed = cmocka_run_group_tests_name("config, late writes", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
