/* RESP, the client of Redis and the check of a TCP door: against servers that say what the test tells them to, in the
 * simulated world, with every allocation failing once. */
#include "base/failing_walk.h"
#include "base/units.h"
#include "rpc/redis_client.h"
#include "rpc/tcp_check.h"
#include "world/sim.h"

#include <string.h>

/* ---- RESP ---- */

static void test_replies(void **state)
{
    (void)state;
    static const char wire[] = "+OK\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n-ERR no\r\n";
    struct resp_reader *r = resp_reader_new();
    const struct resp_reply *all[5] = {NULL};
    assert_non_null(r);
    for (size_t i = 0, n = 0; i < sizeof wire - 1; i++) { /* in the smallest pieces */
        const struct resp_reply *reply = NULL;
        assert_int_equal(resp_feed(r, BYTES(wire + i, 1), NULL), 0);
        assert_int_equal(resp_next(r, &reply, NULL), 0);
        if (reply != NULL)
            all[n++] = reply;
    }
    assert_int_equal(all[0]->kind, RESP_STATUS);
    assert_true(bytes_is(all[0]->text, "OK"));
    assert_int_equal(all[1]->integer, -7);
    assert_true(bytes_equal(all[2]->text, BYTES("a\r\n", 3)));
    assert_int_equal(all[3]->kind, RESP_NIL);
    assert_int_equal(all[4]->count, 2);
    assert_true(bytes_is(all[4]->items[0]->text, "x"));
    assert_int_equal(all[4]->items[1]->items[0]->kind, RESP_ERROR);
    assert_true(bytes_is(all[4]->items[1]->items[0]->text, "ERR no"));
    resp_drop(r);
    resp_reader_free(r);
}

static void refused(const char *wire, int code, const char *message)
{
    struct resp_reader *r = resp_reader_new();
    const struct resp_reply *reply = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(resp_feed(r, bytes_of(wire), NULL), 0);
    assert_int_equal(resp_next(r, &reply, &err), code);
    assert_non_null(strstr(err.message, message));
    error_clear(&err);
    assert_int_equal(resp_feed(r, bytes_of("+OK\r\n"), NULL), code); /* it means nothing any more */
    resp_reader_free(r);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("HTTP/1.1 200 OK\r\n\r\n", ERROR_INVALID, "this is no reply of Redis: Protocol error, got \"H\"");
    refused("*1048577\r\n", ERROR_LIMIT, "more than 1048576 items");
    refused("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", ERROR_INVALID, "depth");
    struct resp_reader *r = resp_reader_new();
    struct text big = TEXT_INIT;
    struct error err = ERROR_INIT;
    text_printf(&big, "$%zu\r\n", (size_t)1 << 30);
    assert_int_equal(resp_feed(r, text_bytes(&big), NULL), 0);
    text_clear(&big);
    for (size_t i = 0; i < (size_t)1 << 20; i++)
        text_char(&big, 'x');
    int code = 0;
    for (size_t i = 0; code == 0 && i < 32; i++)
        code = resp_feed(r, text_bytes(&big), &err);
    assert_int_equal(code, ERROR_LIMIT);
    assert_string_equal(err.message, "a reply has more than 16777216 bytes");
    error_clear(&err);
    text_deinit(&big);
    resp_reader_free(r);
    assert_int_equal(resp_format(NULL, 0, &big), ERROR_LIMIT);
}

/* ---- a server with a script ---- */

#define HELLO "*1\r\n$4\r\nPING\r\n"

/* Answers `answer` to each `question` that comes; what comes otherwise is kept and not answered. */
struct server {
    struct world *world;
    struct world_listener *listener;
    struct world_stream *stream;
    const char *question, *answer;
    const char *hello; /* to the first PING of a connection; NULL: it is a question as any other */
    bool greeted;
    bool hangs_up; /* after the question */
    struct text got;
    int accepted;
};

static void on_readable(void *arg, struct bytes data)
{
    struct server *s = arg;
    text_add(&s->got, data.data, data.len);
    if (!s->greeted && s->hello != NULL && bytes_is(text_bytes(&s->got), HELLO)) {
        s->greeted = true;
        text_clear(&s->got);
        (void)world_stream_write(s->stream, bytes_of(s->hello));
        return;
    }
    if (!bytes_is(text_bytes(&s->got), s->question))
        return;
    text_clear(&s->got);
    if (s->hangs_up) {
        world_stream_abort(s->stream);
        s->stream = NULL;
    } else if (s->answer != NULL) {
        (void)world_stream_write(s->stream, bytes_of(s->answer));
    }
}

static void on_ended(void *arg, int reason)
{
    struct server *s = arg;
    (void)reason;
    world_stream_close(s->stream);
    s->stream = NULL;
}

static void on_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = on_readable, .ended = on_ended};
    struct server *s = arg;
    world_stream_close(s->stream);
    s->accepted++;
    s->stream = stream;
    s->greeted = false;
    text_clear(&s->got);
    world_stream_accept(stream, &events, s);
}

struct stage {
    struct sim *sim;
    struct world *world;
    struct server server;
    struct redis_client *client;
};

static int stage_open(struct stage *t, const char *question, const char *answer)
{
    *t = (struct stage){.sim = sim_new(&(struct sim_options){.seed = 1})};
    if (t->sim == NULL)
        return ERROR_MEMORY;
    struct world *there = sim_node(t->sim, "redis");
    t->world = sim_node(t->sim, "client");
    t->server = (struct server){.world = there, .question = question, .answer = answer, .hello = "+PONG\r\n"};
    if (there == NULL || t->world == NULL)
        return ERROR_MEMORY;
    int code = world_listen(there, "0.0.0.0:6379", on_accept, &t->server, &t->server.listener, NULL);
    return code == 0 ? redis_client_new(t->world, "redis:6379", &t->client, NULL) : code;
}

static void stage_close(struct stage *t)
{
    redis_client_free(t->client);
    world_stream_close(t->server.stream);
    if (t->server.listener != NULL)
        world_listener_close(t->server.listener);
    sim_free(t->sim);
    text_deinit(&t->server.got);
}

/* ---- the client ---- */

struct told {
    int times, code;
    bool sent;
    char text[128];
};

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct told *t = arg;
    t->times++;
    t->code = answer->code;
    t->sent = answer->sent;
    t->text[0] = '\0';
    for (size_t i = 0; i < answer->count; i++) {
        size_t len = strlen(t->text);
        const struct resp_reply *r = answer->replies[i];
        snprintf(t->text + len, sizeof t->text - len, "%s%.*s;", resp_kind_name(r->kind), (int)r->text.len,
                 (const char *)r->text.data);
    }
}

static bool is_told(void *arg)
{
    return ((const struct told *)arg)->times > 0;
}

static const struct bytes get[] = {{(const uint8_t *)"GET", 3}, {(const uint8_t *)"k", 1}};
static const struct bytes ping[] = {{(const uint8_t *)"PING", 4}};
static const struct redis_command both[] = {{get, 2}, {ping, 1}};
#define BOTH "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n"

static int ask(struct stage *t, struct told *told)
{
    *told = (struct told){0};
    int code = redis_call(t->client, both, 2, (uint64_t)SECOND, on_answer, told, NULL);
    return code == 0 ? world_run_until(t->world, is_told, told, (uint64_t)(5 * SECOND)) : code;
}

static void test_calls(void **state)
{
    (void)state;
    struct stage t;
    struct told told, second = {0};
    assert_int_equal(stage_open(&t, BOTH, "$2\r\n17\r\n+PONG\r\n"), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(&t, &told), 0);
        assert_int_equal(told.code, 0);
        assert_string_equal(told.text, "a text17;a statusPONG;");
    }
    assert_int_equal(t.server.accepted, 1); /* one connection is kept */
    assert_int_equal(redis_call(t.client, both, 2, (uint64_t)SECOND, on_answer, &told, NULL), 0);
    assert_int_equal(redis_call(t.client, both, 2, (uint64_t)SECOND, on_answer, &second, NULL), ERROR_EXISTS);
    assert_int_equal(redis_call(t.client, both, 0, (uint64_t)SECOND, on_answer, &second, NULL), ERROR_EXISTS);
    stage_close(&t); /* in the middle of a call: nobody is called back */
    assert_int_equal(second.times, 0);
}

/* However a call ends, the next one has a connection of its own, and what may still come belongs to nobody. */
static void test_losses(void **state)
{
    (void)state;
    struct stage t;
    struct told told;
    assert_int_equal(stage_open(&t, BOTH, NULL), 0);
    assert_int_equal(ask(&t, &told), 0); /* no answer at all */
    assert_int_equal(told.code, ERROR_TIMEOUT);
    assert_true(told.sent);
    t.server.answer = "+half";
    assert_int_equal(ask(&t, &told), 0);
    assert_int_equal(told.code, ERROR_TIMEOUT);
    assert_int_equal(t.server.accepted, 2);
    t.server.answer = "no RESP\r\n";
    assert_int_equal(ask(&t, &told), 0);
    assert_int_equal(told.code, ERROR_INVALID);
    assert_true(told.sent);
    t.server.hangs_up = true;
    assert_int_equal(ask(&t, &told), 0);
    assert_true(told.code == ERROR_RESET || told.code == ERROR_CLOSED);
    assert_true(told.sent);
    t.server.hello = "-LOADING\r\n"; /* which is an answer, too: what Redis says to the call is for the caller */
    assert_int_equal(ask(&t, &told), 0);
    assert_true(told.sent);
    t.server.question = HELLO; /* it takes the connection, and hangs up at the first word */
    t.server.hello = NULL;
    assert_int_equal(ask(&t, &told), 0);
    assert_int_not_equal(told.code, 0);
    assert_false(told.sent);
    world_listener_close(t.server.listener);
    t.server.listener = NULL;
    assert_int_equal(ask(&t, &told), 0);
    assert_int_equal(told.code, ERROR_REFUSED);
    assert_false(told.sent); /* which is the point of telling */
    stage_close(&t);
}

/* What comes unasked ends the connection, before it can be taken for an answer. */
static void test_unasked(void **state)
{
    (void)state;
    struct stage t;
    struct told told;
    assert_int_equal(stage_open(&t, BOTH, "$2\r\n17\r\n+PONG\r\n"), 0);
    assert_int_equal(ask(&t, &told), 0);
    assert_int_equal(world_stream_write(t.server.stream, bytes_of("+OK\r\n")), 0);
    assert_int_equal(world_sleep(t.world, (uint64_t)(100 * MILLISECOND)), 0);
    assert_int_equal(ask(&t, &told), 0);
    assert_string_equal(told.text, "a text17;a statusPONG;");
    assert_int_equal(t.server.accepted, 2);
    stage_close(&t);
}

static int call_scenario(void)
{
    struct stage t;
    struct told told = {0};
    int code = stage_open(&t, BOTH, "*2\r\n$2\r\n17\r\n*1\r\n:1\r\n+PONG\r\n");
    if (code == 0)
        code = ask(&t, &told);
    /* Whoever has no memory, the server included: the call ends. */
    if (code == 0 && told.code == 0)
        assert_string_equal(told.text, "a list;a statusPONG;");
    else if (code == 0 && !failing_hit())
        code = told.code;
    stage_close(&t);
    return code;
}

static int reader_scenario(void)
{
    struct resp_reader *r = resp_reader_new();
    struct text wire = TEXT_INIT;
    const struct resp_reply *reply = NULL;
    int code = r == NULL ? ERROR_MEMORY : resp_format(get, 2, &wire);
    if (code == 0)
        code = resp_feed(r, text_bytes(&wire), NULL);
    if (code == 0)
        code = resp_next(r, &reply, NULL);
    if (code == 0 && (reply == NULL || reply->count != 2))
        code = ERROR_INVALID;
    text_deinit(&wire);
    resp_reader_free(r);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    /* What hiredis asks for itself is not ours to fail. */
    assert_true(failing_walk(reader_scenario, FAILING_IS_TOLD) > 3);
}

/* ---- the check of a door ---- */

struct checked {
    int times;
    bool answers;
};

static void on_checked(void *arg, bool answers)
{
    struct checked *c = arg;
    c->times++;
    c->answers = answers;
}

static bool is_checked(void *arg)
{
    return ((const struct checked *)arg)->times > 0;
}

static bool door_answers(struct stage *t)
{
    static const struct target_tcp door = {.address = "redis:6379", .send = "PING\r\n", .expect = "+PONG"};
    struct checked checked = {0};
    struct tcp_check *check = NULL;
    assert_int_equal(tcp_check_start(t->world, &door, (uint64_t)SECOND, on_checked, &checked, &check, NULL), 0);
    assert_int_equal(world_run_until(t->world, is_checked, &checked, (uint64_t)(5 * SECOND)), 0);
    assert_int_equal(checked.times, 1);
    return checked.answers;
}

static void test_door(void **state)
{
    (void)state;
    struct stage t;
    assert_int_equal(stage_open(&t, "PING\r\n", "+PONG\r\n"), 0);
    assert_true(door_answers(&t));
    t.server.answer = "-LOADING Redis is loading the dataset in memory\r\n";
    assert_false(door_answers(&t));
    t.server.answer = NULL;
    assert_false(door_answers(&t));
    t.server.hangs_up = true;
    assert_false(door_answers(&t));
    world_listener_close(t.server.listener);
    t.server.listener = NULL;
    assert_false(door_answers(&t));
    const struct target_tcp silent = {.address = "redis:6379", .send = "", .expect = ""};
    struct tcp_check *check = NULL;
    assert_int_equal(tcp_check_start(t.world, &silent, 1, on_checked, NULL, &check, NULL), ERROR_INVALID);
    stage_close(&t);
}

/* A client that cannot be made, or has no memory for a call, says so, and nothing leaks. */
static void test_client_memory(void **state)
{
    (void)state;
    assert_int_equal(call_scenario(), 0);
    assert_true(failing_walk(call_scenario, FAILING_MAY_BE_BORNE) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replies),       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_calls),         cmocka_unit_test(test_losses),
                                       cmocka_unit_test(test_unasked),       cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_client_memory), cmocka_unit_test(test_door)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
