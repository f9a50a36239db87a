/* Calls of all four kinds on a server of many doubles, in the simulated world, answered by a responder that does what
 * the test tells it. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "base/units.h"
#include "fakes/serve/exchange.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT ((uint64_t)(60 * SECOND))

static const char ping_1[] = "\x08\x01", ping_2[] = "\x08\x02"; /* {stroke: 1}, {stroke: 2} */
static const char name_a[] = "\x0a\x01"
                             "a"; /* {name: "a"} */
static const char count_3[] = "\x08\x03";

struct stage {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    struct fake_server *server;
    struct rpc_channel *channel;
    /* the responder */
    enum fake_verdict (*respond)(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer);
    struct fake_stream *held;
    int asked, gone, drained;
    char session[32];
    /* what the last call brought */
    struct rpc_stream *stream;
    int status, replies;
    size_t bytes;
    bool finished, pause;
    uint64_t began, first, ended;
    struct text last, trailer, header, message, details;
};

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct stage *g = arg;
    g->asked++;
    (void)snprintf(g->session, sizeof g->session, "%s", asked->session);
    return g->respond != NULL ? g->respond(g, asked, answer) : FAKE_PASSED;
}

static void on_gone(void *arg, struct fake_stream *stream)
{
    struct stage *g = arg;
    assert_ptr_equal(stream, g->held);
    g->held = NULL;
    g->gone++;
}

static void on_stream_drained(void *arg, struct fake_stream *stream)
{
    struct stage *g = arg;
    (void)stream;
    g->drained++;
}

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    struct error err = ERROR_INIT;
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 5});
    g->client = sim_node(g->sim, "client");
    assert_int_equal(pb_pool_new(proto_set(), "proto", &g->pool, NULL), 0);
    struct world *w = sim_node(g->sim, "doubles");
    assert_int_equal(fake_server_new(w, &(struct fake_server_options){.pool = g->pool}, &g->server, &err), 0);
    static const char *const services[] = {"helloworld.Helloworld", "store.BlobStore", "store.Store"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fake_server_add(g->server, pb_find_service(g->pool, services[i]), NULL), 0);
    assert_int_equal(fake_server_add(g->server, pb_find_service(g->pool, services[0]), NULL), ERROR_EXISTS);
    struct fake_responder r = {
        .name = "test", .respond = respond, .gone = on_gone, .drained = on_stream_drained, .late = true, .arg = g};
    assert_int_equal(fake_server_respond(g->server, &r), 0);
    assert_int_equal(fake_server_listen(g->server, "0.0.0.0:9000", &err), 0);
    assert_int_equal(
        rpc_channel_new(g->client, &(struct rpc_channel_options){.addresses = "doubles:9000"}, &g->channel, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    struct stage *g = *state;
    rpc_channel_free(g->channel);
    fake_server_free(g->server);
    sim_free(g->sim);
    pb_pool_free(g->pool);
    text_deinit(&g->last);
    text_deinit(&g->trailer);
    text_deinit(&g->header);
    text_deinit(&g->message);
    text_deinit(&g->details);
    free(g);
    return 0;
}

/* ---- the client ---- */

static void copy_of(struct text *to, struct bytes from)
{
    text_clear(to);
    text_add(to, from.data, from.len);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct stage *g = arg;
    copy_of(&g->header, grpc_metadata_get(headers, "x-colour"));
}

static void on_message(void *arg, struct bytes message)
{
    struct stage *g = arg;
    if (g->replies++ == 0)
        g->first = world_now(g->client);
    g->bytes += message.len;
    copy_of(&g->last, message);
    if (g->pause)
        rpc_stream_pause(g->stream);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct stage *g = arg;
    g->status = reply->status;
    g->finished = true;
    g->ended = world_now(g->client);
    copy_of(&g->message, reply->message);
    copy_of(&g->details, reply->details);
    copy_of(&g->trailer, grpc_metadata_get(reply->trailers, "x-colour"));
}

static bool is_finished(void *arg)
{
    const struct stage *g = arg;
    return g->finished;
}

static void open_call(struct stage *g, const char *path, const char *session)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct grpc_header header = {bytes_of(FAKE_SESSION_HEADER), bytes_of(session != NULL ? session : "")};
    struct rpc_request request = {
        .path = path, .wait_for_ready = true, .metadata = {.items = &header, .count = session != NULL ? 1 : 0}};
    g->finished = false;
    g->replies = 0;
    g->bytes = 0;
    g->status = -1;
    g->began = world_now(g->client);
    assert_int_equal(rpc_stream_open(g->channel, &request, &events, g, &g->stream, NULL), 0);
}

static void wait_end(struct stage *g)
{
    assert_int_equal(world_run_until(g->client, is_finished, g, WAIT), 0);
}

/* One request, to the end. */
static int call(struct stage *g, const char *path, const char *request, size_t len)
{
    open_call(g, path, NULL);
    assert_int_equal(rpc_stream_send(g->stream, BYTES(request, len)), 0);
    assert_int_equal(rpc_stream_half_close(g->stream), 0);
    wait_end(g);
    return g->status;
}

static const struct call_log_entry *entry(struct stage *g, size_t i)
{
    const struct call_log_block *b = call_log_first(fake_server_journal(g->server));
    while (b != NULL && i-- > 0)
        b = call_log_next(b);
    assert_non_null(b);
    return call_log_entry(b);
}

/* ---- tests ---- */

static void nobody_answers(void **state)
{
    struct stage *g = *state;
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", name_a, 3), GRPC_OK);
    assert_int_equal(g->replies, 1);
    assert_int_equal(g->last.len, 0);
    assert_int_equal(call(g, "/store.BlobStore/Read", name_a, 3), GRPC_OK);
    assert_int_equal(g->replies, 1);
    const struct call_log_entry *e = entry(g, 0);
    assert_string_equal(e->by, "");
    assert_string_equal(e->method->name, "Call");
    assert_int_equal(e->requests, 1);
    assert_memory_equal(e->request.data, name_a, 3);
    assert_int_equal(e->replies, 1);
    assert_int_equal(e->status, GRPC_OK);
    assert_int_equal(entry(g, 1)->sequence, 1);
    assert_int_equal(entry(g, 1)->index, 0);
    /* By the last part under another prefix; not what is not there. */
    assert_int_equal(call(g, "/go.micro.srv.Helloworld/Call", name_a, 3), GRPC_OK);
    assert_int_equal(entry(g, 2)->index, 1);
    assert_int_equal(call(g, "/helloworld.Helloworld/Cal", name_a, 3), GRPC_UNIMPLEMENTED);
    assert_string_equal(text_string(&g->message), "unknown method Cal of helloworld.Helloworld; did you mean Call?");
    assert_int_equal(call(g, "/store.Stroe/Read", name_a, 3), GRPC_UNIMPLEMENTED);
    assert_string_equal(text_string(&g->message), "unknown service store.Stroe; did you mean store.Store?");
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", "\x0a\x05", 2), GRPC_INVALID_ARGUMENT);
    assert_non_null(strstr(text_string(&g->message), "not a valid helloworld.Request"));
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 4); /* the malformed one is a call */
}

static enum fake_verdict fails_in_full(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)g;
    assert_true(asked->complete);
    assert_string_equal(asked->caller[0] != '\0' ? "named" : "", "named");
    fake_answer_fail(answer, GRPC_NOT_FOUND, "no %s", "such");
    text_puts(&answer->details, "\x08\x05");
    assert_true(fake_answer_header(answer, "x-colour", bytes_of("blue"), false));
    assert_true(fake_answer_header(answer, "x-colour", bytes_of("red"), true));
    answer->delay = (uint64_t)(2 * SECOND);
    answer->by = "a test";
    return FAKE_ANSWERED;
}

static void failures_are_told_whole(void **state)
{
    struct stage *g = *state;
    g->respond = fails_in_full;
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", name_a, 3), GRPC_NOT_FOUND);
    assert_string_equal(text_string(&g->message), "no such");
    assert_string_equal(text_string(&g->details), "\x08\x05");
    assert_string_equal(text_string(&g->header), "blue");
    assert_string_equal(text_string(&g->trailer), "red");
    assert_in_range(g->ended - g->began, 2 * SECOND, 2 * SECOND + 100 * MILLISECOND);
    assert_string_equal(entry(g, 0)->by, "a test");
    assert_true(bytes_is(entry(g, 0)->message, "no such"));
    assert_in_range(entry(g, 0)->duration, 2 * SECOND, 2 * SECOND + 100 * MILLISECOND);
}

static enum fake_verdict three_a_second_apart(struct stage *g, const struct fake_asked *asked,
                                              struct fake_answer *answer)
{
    (void)g;
    (void)asked;
    for (int i = 1; i <= 3; i++) {
        text_char(&answer->replies, 8);
        text_char(&answer->replies, (char)i);
        assert_true(fake_answer_mark(answer, (uint64_t)SECOND));
    }
    return FAKE_ANSWERED;
}

static void replies_keep_their_distance(void **state)
{
    struct stage *g = *state;
    g->respond = three_a_second_apart;
    assert_int_equal(call(g, "/helloworld.Helloworld/Stream", count_3, 2), GRPC_OK);
    assert_int_equal(g->replies, 3);
    assert_memory_equal(g->last.data, "\x08\x03", 2);
    assert_in_range(g->first - g->began, SECOND, SECOND + 100 * MILLISECOND);
    assert_in_range(g->ended - g->began, 3 * SECOND, 3 * SECOND + 100 * MILLISECOND);
    assert_int_equal(entry(g, 0)->replies, 3);
    assert_true(bytes_equal(call_log_reply(entry(g, 0), 1), BYTES("\x08\x02", 2)));
    /* Of a method that answers with one, three are a mistake of who wrote them. */
    assert_int_equal(call(g, "/helloworld.Helloworld/Call", name_a, 3), GRPC_INTERNAL);
    assert_non_null(strstr(text_string(&g->message), "3 replies"));
}

static enum fake_verdict echoes(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer)
{
    g->held = asked->stream;
    if (asked->complete) {
        g->held = NULL;
        return FAKE_PASSED;
    }
    assert_int_equal(asked->messages, (size_t)g->asked);
    assert_true(fake_answer_add(answer, fake_asked_message(asked, asked->messages - 1)));
    answer->ending = FAKE_STAYS;
    return FAKE_ANSWERED;
}

static bool two_replies(void *arg)
{
    const struct stage *g = arg;
    return g->replies == 2;
}

static void both_ways_message_by_message(void **state)
{
    struct stage *g = *state;
    g->respond = echoes;
    open_call(g, "/helloworld.Helloworld/PingPong", "s1");
    rpc_stream_send(g->stream, BYTES(ping_1, 2));
    rpc_stream_send(g->stream, BYTES(ping_2, 2));
    assert_int_equal(world_run_until(g->client, two_replies, g, WAIT), 0);
    assert_memory_equal(g->last.data, ping_2, 2);
    assert_string_equal(g->session, "s1");
    assert_false(g->finished);
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 1); /* one call, asked twice */
    /* It stays open past the client's end, since its holder says nothing of an end; then the holder ends it. */
    struct fake_stream *held = g->held;
    rpc_stream_half_close(g->stream);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->asked, 3);
    assert_false(g->finished);
    assert_int_equal(fake_stream_send(held, BYTES(ping_1, 2)), 0);
    fake_stream_finish(held, GRPC_ABORTED, "enough");
    wait_end(g);
    assert_int_equal(g->replies, 3);
    assert_int_equal(g->status, GRPC_ABORTED);
    assert_int_equal(g->gone, 0);
    assert_int_equal(entry(g, 0)->requests, 2);
    assert_int_equal(entry(g, 0)->replies, 3);
    assert_string_equal(entry(g, 0)->session, "s1");
}

static void holders_hear_of_the_end(void **state)
{
    struct stage *g = *state;
    g->respond = echoes;
    open_call(g, "/helloworld.Helloworld/PingPong", NULL);
    rpc_stream_send(g->stream, BYTES(ping_1, 2));
    world_sleep(g->client, (uint64_t)SECOND);
    struct fake_stream *held = g->held;
    assert_non_null(held);
    rpc_stream_cancel(g->stream);
    wait_end(g);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->gone, 1);
    assert_int_equal(entry(g, 0)->status, FAKE_UNANSWERED);
    assert_int_equal(entry(g, 0)->replies, 1);
}

static enum fake_verdict later(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer)
{
    g->held = asked->stream;
    answer->ending = FAKE_STAYS;
    return FAKE_ANSWERED;
}

static void unary_calls_may_be_answered_later(void **state)
{
    struct stage *g = *state;
    g->respond = later;
    open_call(g, "/helloworld.Helloworld/Call", NULL);
    rpc_stream_send(g->stream, BYTES(name_a, 3));
    rpc_stream_half_close(g->stream);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_false(g->finished);
    assert_int_equal(fake_stream_send(g->held, BYTES(name_a, 3)), 0);
    assert_int_equal(fake_stream_send(g->held, BYTES(name_a, 3)), ERROR_INVALID); /* it answers with one */
    fake_stream_finish(g->held, GRPC_OK, NULL);
    wait_end(g);
    assert_int_equal(g->status, GRPC_OK);
    assert_int_equal(g->replies, 1);
}

static enum fake_ending wanted_ending;

static enum fake_verdict one_then_breaks(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)g;
    (void)asked;
    assert_true(fake_answer_add(answer, BYTES(count_3, 2)));
    answer->ending = wanted_ending;
    return FAKE_ANSWERED;
}

static void calls_break_off(void **state)
{
    struct stage *g = *state;
    g->respond = one_then_breaks;
    wanted_ending = FAKE_RESETS;
    assert_int_equal(call(g, "/helloworld.Helloworld/Stream", count_3, 2), GRPC_INTERNAL);
    assert_int_equal(g->replies, 1); /* what was said comes first */
    wanted_ending = FAKE_DISCONNECTS;
    assert_int_equal(call(g, "/helloworld.Helloworld/Stream", count_3, 2), GRPC_UNAVAILABLE);
    assert_int_equal(g->replies, 1);
    assert_int_equal(entry(g, 0)->status, FAKE_UNANSWERED);
    assert_int_equal(entry(g, 1)->replies, 1);
    wanted_ending = FAKE_ENDS; /* and the server goes on */
    assert_int_equal(call(g, "/helloworld.Helloworld/Stream", count_3, 2), GRPC_OK);
}

#define FLOOD       2000
#define FLOOD_BYTES 20000

static enum fake_verdict floods(struct stage *g, const struct fake_asked *asked, struct fake_answer *answer)
{
    static const char wire[FLOOD_BYTES] = {0x0a};
    (void)g;
    (void)asked;
    for (int i = 0; i < FLOOD; i++)
        assert_true(fake_answer_add(answer, BYTES(wire, sizeof wire)));
    return FAKE_ANSWERED;
}

/* A client that does not read: what is not taken stays with the double, and all of it arrives in the end. */
static void slow_readers_are_waited_for(void **state)
{
    struct stage *g = *state;
    g->respond = floods;
    g->pause = true;
    open_call(g, "/helloworld.Helloworld/Stream", NULL);
    rpc_stream_send(g->stream, BYTES(count_3, 2));
    rpc_stream_half_close(g->stream);
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->replies, 1);
    assert_true(g->server->open->said_count < FLOOD / 2);
    assert_true(fake_stream_busy(g->server->open));
    g->pause = false;
    rpc_stream_resume(g->stream);
    wait_end(g);
    assert_int_equal(g->status, GRPC_OK);
    assert_int_equal(g->replies, FLOOD);
    assert_true(entry(g, 0)->cut);
    assert_int_equal(entry(g, 0)->replies, FLOOD);
    assert_true(entry(g, 0)->reply.len <= CALL_LOG_CALL_MAX);
}

static void a_stream_of_the_clients(void **state)
{
    struct stage *g = *state;
    open_call(g, "/store.BlobStore/Write", "first");
    rpc_stream_send(g->stream, BYTES(name_a, 3));
    rpc_stream_send(g->stream, BYTES(name_a, 3));
    world_sleep(g->client, (uint64_t)SECOND);
    assert_int_equal(g->asked, 0); /* not before it is complete */
    rpc_stream_half_close(g->stream);
    wait_end(g);
    assert_int_equal(g->asked, 1);
    assert_int_equal(entry(g, 0)->requests, 2);
    /* Forgetting one session leaves the others, and the counts. */
    open_call(g, "/store.BlobStore/Write", "second");
    rpc_stream_half_close(g->stream);
    wait_end(g);
    fake_server_reset(g->server, "first");
    assert_string_equal(entry(g, 0)->session, "second");
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 2);
    fake_server_reset(g->server, "");
    assert_null(call_log_first(fake_server_journal(g->server)));
    assert_int_equal(call_log_total(fake_server_journal(g->server)), 0);
    char long_name[FAKE_SESSION_MAX + 2];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    open_call(g, "/store.BlobStore/Write", long_name);
    wait_end(g);
    assert_int_equal(g->status, GRPC_INVALID_ARGUMENT);
}

/* The server goes while calls of every kind are under way. */
static void the_server_goes(void **state)
{
    struct stage *g = *state;
    g->respond = later;
    open_call(g, "/helloworld.Helloworld/Call", NULL);
    rpc_stream_send(g->stream, BYTES(name_a, 3));
    rpc_stream_half_close(g->stream);
    world_sleep(g->client, (uint64_t)SECOND);
    fake_server_free(g->server);
    g->server = NULL;
    wait_end(g);
    assert_int_equal(g->status, GRPC_UNAVAILABLE);
    assert_int_equal(g->gone, 1);
}

/* ---- memory ---- */

struct wire {
    int said, status;
    bool over;
};

static int wire_send(void *carried, struct bytes reply)
{
    struct wire *w = carried;
    (void)reply;
    w->said++;
    return 0;
}

static bool wire_busy(const void *carried)
{
    (void)carried;
    return false;
}

static size_t wire_queued(const void *carried)
{
    (void)carried;
    return 0;
}

static void wire_put(void *carried, const char *name, struct bytes value)
{
    (void)carried;
    (void)name;
    (void)value;
}

static void wire_end(void *carried, int status, struct bytes message, struct bytes details)
{
    struct wire *w = carried;
    (void)message;
    (void)details;
    w->over = true;
    w->status = status;
}

static struct world *failing_world;
static struct pb_pool *failing_pool;

static enum fake_verdict says_hello(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)arg;
    (void)asked;
    if (!fake_answer_add(answer, BYTES(name_a, 3)) || !fake_answer_header(answer, "x-a", bytes_of("b"), false))
        fake_answer_fail(answer, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    return FAKE_ANSWERED;
}

static int short_of_memory(void)
{
    static const struct carrier carrier = {.header = wire_put,
                                           .trailer = wire_put,
                                           .send = wire_send,
                                           .busy = wire_busy,
                                           .queued = wire_queued,
                                           .finish = wire_end};
    struct fake_server *s = NULL;
    struct wire w = {0};
    int code = fake_server_new(failing_world, &(struct fake_server_options){.pool = failing_pool}, &s, NULL);
    if (code == 0)
        code = fake_server_add(s, pb_find_service(failing_pool, "helloworld.Helloworld"), NULL);
    if (code == 0)
        code = fake_server_respond(s, &(struct fake_responder){.respond = says_hello});
    struct served_method *m = code == 0 ? server_method(s, "helloworld.Helloworld/Call") : NULL;
    struct fake_stream *x = m != NULL ? exchange_open(s, &(struct exchange_call){.method = m,
                                                                                 .carrier = &carrier,
                                                                                 .carried = &w,
                                                                                 .caller = "somebody",
                                                                                 .deadline = UINT64_MAX})
                                      : NULL;
    if (code == 0 && x == NULL)
        code = ERROR_MEMORY;
    if (code == 0) {
        exchange_message(x, BYTES(name_a, 3));
        if (!w.over)
            exchange_complete(x);
        assert_true(w.over);
        code = w.status == GRPC_OK ? 0 : ERROR_MEMORY;
        if (w.status == GRPC_OK)
            assert_int_equal(w.said, 1);
    }
    fake_server_free(s);
    return code;
}

static void without_memory(void **state)
{
    (void)state;
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    failing_world = sim_node(sim, "doubles");
    assert_int_equal(pb_pool_new(proto_set(), "proto", &failing_pool, NULL), 0);
    assert_true(failing_walk(short_of_memory, FAILING_MAY_BE_BORNE) > 20);
    pb_pool_free(failing_pool);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_told_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(replies_keep_their_distance, setup, teardown),
        cmocka_unit_test_setup_teardown(both_ways_message_by_message, setup, teardown),
        cmocka_unit_test_setup_teardown(holders_hear_of_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(unary_calls_may_be_answered_later, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_break_off, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_readers_are_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_of_the_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_goes, setup, teardown),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
