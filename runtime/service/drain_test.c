/* An orderly stop: nobody new, everybody's answer, and no endless streams. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_probe.h"

#define CALLS 100

struct tally {
    size_t answered, failed;
};

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct tally *t = arg;
    if (reply->status == GRPC_OK && memmem(reply->body.data, reply->body.len, "Hello", 5))
        t->answered++;
    else
        t->failed++;
}

static bool all_in(void *arg)
{
    const struct tally *t = arg;
    return t->answered + t->failed == CALLS;
}

static void begin(struct sim_system *s, struct arena *arena, uint64_t seed)
{
    static const char *const started[] = {"registry", NULL};
    sim_system_init(s, seed);
    sim_system_start_all(s, started);
    const char *arguments[] = {"--token", sim_system_token(s, arena, "x", "service", "micro", "service"), "--peers",
                               "registry=registry:8000,auth=auth:8010,policy=none", NULL};
    test_probe_start(s, "probe", "probe", arguments);
    sim_run_for(s->sim, (uint64_t)SECOND);
}

static void no_call_is_lost(void **state)
{
    (void)state;
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    struct tally tally = {0};
    struct rpc_channel *channel = NULL;
    begin(&s, &arena, 41);
    const char *token = sim_system_token(&s, &arena, "x", "service", "micro", "service");
    assert_int_equal(
        rpc_channel_new(s.client, &(struct rpc_channel_options){.addresses = "probe:9000"}, &channel, NULL), 0);
    const struct rpc_request request = {.path = "/probe.Helloworld/Call",
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of("{\"name\":\"slow you\"}"),
                                        .has_message = true};
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(rpc_unary(channel, &request, on_reply, &tally, NULL, NULL), 0);
        sim_run_for(s.sim, (uint64_t)(5 * MILLISECOND));
    }
    assert_int_equal(tally.answered, 0);
    sim_run_for(s.sim, (uint64_t)(10 * MILLISECOND));
    assert_int_equal(sim_terminate(s.sim, "probe"), 0);
    /* gone from the registry while it still works */
    test_eventually(&s, "registry", "/registry.Registry/GetService", token, "{\"service\":\"probe\"}", GRPC_NOT_FOUND,
                    NULL, 1);
    assert_true(tally.answered < CALLS);
    assert_int_equal(world_run_until(s.client, all_in, &tally, TEST_CALL_LIMIT), 0);
    assert_int_equal(tally.answered, CALLS);
    sim_run_for(s.sim, (uint64_t)SECOND);
    assert_false(sim_running(s.sim, "probe"));
    rpc_channel_free(channel);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

struct ending {
    bool over;
    int status;
    struct text message;
};

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct ending *e = arg;
    e->over = true;
    e->status = reply->status;
    text_add(&e->message, reply->message.data, reply->message.len);
}

static bool is_over(void *arg)
{
    return ((const struct ending *)arg)->over;
}

/* A stream nobody would end: told at the end of the grace, and the service is gone in time. */
static void streams_are_told(void **state)
{
    (void)state;
    static const struct rpc_stream_events events = {.finished = on_finished};
    struct sim_system s;
    struct arena arena = ARENA_INIT;
    struct ending ending = {0};
    struct rpc_channel *channel = NULL;
    struct rpc_stream *stream = NULL;
    begin(&s, &arena, 42);
    assert_int_equal(
        rpc_channel_new(s.client, &(struct rpc_channel_options){.addresses = "probe:9000"}, &channel, NULL), 0);
    const struct rpc_request request = {.path = "/probe.Helloworld/Stream",
                                        .content_type = "application/grpc+json",
                                        .message = bytes_of("{}"),
                                        .has_message = true};
    assert_int_equal(rpc_stream_open(channel, &request, &events, &ending, &stream, NULL), 0);
    sim_run_for(s.sim, (uint64_t)(100 * MILLISECOND));
    uint64_t from = sim_now(s.sim);
    assert_int_equal(sim_terminate(s.sim, "probe"), 0);
    assert_int_equal(world_run_until(s.client, is_over, &ending, TEST_CALL_LIMIT), 0);
    assert_int_equal(ending.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(text_string(&ending.message), "shutting down"));
    uint64_t took = sim_now(s.sim) - from;
    assert_true(took > (uint64_t)(4 * SECOND) && took < (uint64_t)(7 * SECOND));
    sim_run_for(s.sim, (uint64_t)SECOND);
    assert_false(sim_running(s.sim, "probe"));
    text_deinit(&ending.message);
    rpc_channel_free(channel);
    arena_deinit(&arena);
    sim_system_deinit(&s);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_call_is_lost), cmocka_unit_test(streams_are_told)};
    int failed = cmocka_run_group_tests_name("drain", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
