/* A recording double between a client and a real server, in the simulated world; the tape played as stubs. */
#include "fakes/record/record.h"

#include "base/test.h"

#include "base/units.h"
#include "fakes/serve/serve.h"
#include "fakes/stub/stub.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define WAIT        ((uint64_t)(60 * SECOND))
#define FLOOD       500
#define FLOOD_BYTES 20000

static const char name_a[] = "\x0a\x01"
                             "a";

struct stage {
    struct sim *sim;
    struct pb_pool *pool;
    struct world *client;
    struct fake_server *real, *double_;
    struct recorder *recorder;
    struct rpc_channel *channel;
    int asked, gone;
    struct rpc_stream *stream;
    int status, replies;
    uint64_t timeout; /* that the real server was told */
    bool finished, pause;
};

/* The real server: streams are flooded, names get a greeting or an error, pings are returned. */
static enum fake_verdict answer(void *arg, const struct fake_asked *asked, struct fake_answer *a)
{
    static const char wire[FLOOD_BYTES] = {0x0a};
    struct stage *g = arg;
    const char *name = asked->method->name;
    g->asked++;
    if (strcmp(name, "Stream") == 0) {
        for (int i = 0; i < FLOOD; i++)
            assert_true(fake_answer_add(a, BYTES(wire, sizeof wire)));
    } else if (strcmp(name, "PingPong") == 0) {
        if (asked->complete)
            return FAKE_PASSED;
        assert_true(fake_answer_add(a, fake_asked_message(asked, asked->messages - 1)));
        a->ending = FAKE_STAYS;
    } else if (bytes_is(grpc_metadata_get(asked->metadata, "x-mood"), "bad")) {
        fake_answer_fail(a, GRPC_ABORTED, "${not} today");
        assert_true(fake_answer_header(a, "x-why", bytes_of("rain"), true));
        assert_true(fake_answer_header(a, "x-raw-bin", BYTES("\0\xff", 2), true));
        assert_true(fake_answer_header(a, "x-many", bytes_of("one"), false));
        assert_true(fake_answer_header(a, "x-many", bytes_of("two"), false));
        a->delay = 20 * MILLISECOND;
        g->timeout = asked->timeout;
    } else {
        assert_true(fake_answer_add(a, BYTES("\x0a\x02hi", 4)));
    }
    return FAKE_ANSWERED;
}

static void on_gone(void *arg, struct fake_stream *stream)
{
    struct stage *g = arg;
    (void)stream;
    g->gone++;
}

static struct fake_server *serve(struct stage *g, const char *node, const struct fake_responder *r)
{
    struct fake_server *s = NULL;
    assert_int_equal(fake_server_new(sim_node(g->sim, node), &(struct fake_server_options){.pool = g->pool}, &s, NULL),
                     0);
    assert_int_equal(fake_server_add(s, pb_find_service(g->pool, "helloworld.Helloworld"), NULL), 0);
    assert_int_equal(fake_server_respond(s, r), 0);
    assert_int_equal(fake_server_listen(s, "0.0.0.0:9000", NULL), 0);
    return s;
}

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 4});
    g->client = sim_node(g->sim, "client");
    assert_int_equal(pb_pool_new(proto_set(), "proto", &g->pool, NULL), 0);
    g->real = serve(g, "real", &(struct fake_responder){.respond = answer, .gone = on_gone, .arg = g});
    assert_int_equal(recorder_new(sim_node(g->sim, "double"),
                                  &(struct recorder_options){.upstream = "real:9000", .timing = true}, &g->recorder,
                                  NULL),
                     0);
    struct fake_responder r = recorder_responder(g->recorder);
    g->double_ = serve(g, "double", &r);
    assert_int_equal(
        rpc_channel_new(g->client, &(struct rpc_channel_options){.addresses = "double:9000"}, &g->channel, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    struct stage *g = *state;
    rpc_channel_free(g->channel);
    fake_server_free(g->double_);
    recorder_free(g->recorder);
    fake_server_free(g->real);
    sim_free(g->sim);
    pb_pool_free(g->pool);
    free(g);
    return 0;
}

static void on_message(void *arg, struct bytes message)
{
    struct stage *g = arg;
    (void)message;
    g->replies++;
    if (g->pause)
        rpc_stream_pause(g->stream);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct stage *g = arg;
    g->status = reply->status;
    g->finished = true;
}

static bool is_finished(void *arg)
{
    const struct stage *g = arg;
    return g->finished;
}

static void open_call(struct stage *g, const char *path, const char *mood)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct grpc_header header = {bytes_of("x-mood"), bytes_of(mood)};
    struct rpc_request request = {.path = path,
                                  .wait_for_ready = true,
                                  .timeout = strcmp(mood, "bad") == 0 ? (uint64_t)(40 * SECOND) : 0,
                                  .metadata = {.items = &header, .count = 1}};
    g->finished = false;
    g->replies = 0;
    assert_int_equal(rpc_stream_open(g->channel, &request, &events, g, &g->stream, NULL), 0);
}

static int call(struct stage *g, const char *path, const char *mood)
{
    open_call(g, path, mood);
    rpc_stream_send(g->stream, BYTES(name_a, 3));
    rpc_stream_half_close(g->stream);
    assert_int_equal(world_run_until(g->client, is_finished, g, WAIT), 0);
    return g->status;
}

static void what_was_said_is_a_stub(void **state)
{
    struct stage *g = *state;
    struct text yaml = TEXT_INIT;
    struct stub_set *stubs;
    struct error err = ERROR_INIT;
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", "good"), GRPC_OK);
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", "good"), GRPC_OK); /* the same again is no news */
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", "bad"), GRPC_ABORTED);
    open_call(g, "/helloworld.Helloworld/PingPong", "good");
    rpc_stream_send(g->stream, BYTES("\x08\x01", 2));
    world_sleep(g->client, (uint64_t)SECOND);
    rpc_stream_send(g->stream, BYTES("\x08\x02", 2));
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->replies, 2);
    rpc_stream_cancel(g->stream);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->gone, 1);
    assert_int_equal(recorder_calls(g->recorder), 4);
    assert_int_equal(recorder_lost(g->recorder), 0);
    assert_int_equal(tape_write(recorder_tape(g->recorder), &yaml), 0);
    assert_non_null(strstr(text_string(&yaml), "$${not} today"));
    assert_non_null(strstr(text_string(&yaml), "\"x-why\": \"rain\""));
    assert_non_null(strstr(text_string(&yaml), "\"x-raw-bin\": {$base64: \"AP8=\"}"));
    assert_non_null(strstr(text_string(&yaml), "\"x-many\": [\"one\", \"two\"]"));
    assert_non_null(strstr(text_string(&yaml), "delay: 2"));       /* twenty milliseconds and the way */
    assert_non_null(strstr(text_string(&yaml), "[{\"$delay\": ")); /* of the stream's reply */
    assert_in_range(g->timeout, (uint64_t)(39 * SECOND), (uint64_t)(40 * SECOND));
    assert_int_equal(stub_set_new(g->pool, 1, &stubs, &err), 0);
    if (stub_set_add_yaml(stubs, text_bytes(&yaml), "recorded.yaml", NULL, &err) < 0)
        fail_msg("%s\n%s", err.message, text_string(&yaml));
    assert_int_equal(stub_set_count(stubs), tape_count(recorder_tape(g->recorder)));
    assert_int_equal(stub_set_count(stubs), 2); /* the call with its two answers, and the stream's first turn */
    stub_set_free(stubs);
    text_deinit(&yaml);
}

/* Neither the double nor the real server runs ahead of a client that does not read. */
static void slow_clients_are_waited_for_on_both_sides(void **state)
{
    struct stage *g = *state;
    g->pause = true;
    open_call(g, "/helloworld.Helloworld/Stream", "good");
    rpc_stream_send(g->stream, BYTES("\x08\x01", 2));
    rpc_stream_half_close(g->stream);
    world_sleep(g->client, (uint64_t)(2 * SECOND));
    assert_int_equal(g->replies, 1);
    assert_int_equal(call_log_total(fake_server_journal(g->real)), 1);
    assert_null(call_log_first(fake_server_journal(g->real))); /* it could not say all of it yet */
    g->pause = false;
    rpc_stream_resume(g->stream);
    assert_int_equal(world_run_until(g->client, is_finished, g, WAIT), 0);
    assert_int_equal(g->status, GRPC_OK);
    assert_int_equal(g->replies, FLOOD);
}

static void a_server_that_is_not_there_is_no_answer(void **state)
{
    struct stage *g = *state;
    fake_server_free(g->real);
    g->real = NULL;
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", "good"), GRPC_UNAVAILABLE);
    assert_int_equal(tape_count(recorder_tape(g->recorder)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_said_is_a_stub, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_clients_are_waited_for_on_both_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_not_there_is_no_answer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
