/* The HTTP client's connection as another protocol's: a server that says what it is told to, in one piece or byte by
 * byte, and a client that does what it may. */
#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "rpc/http.h"
#include "world/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: Chat\r\n"

struct fixture {
    struct sim *sim;
    struct world *server, *client;
    struct world_listener *listener;
    struct world_stream *stream;
    const char *answer; /* to whatever comes first */
    bool trickle;       /* a byte at a time */
    struct text got;    /* by the server */
    bool server_ended;
    /* the client */
    struct http_client_call *call; /* until it is over */
    struct http_raw *raw;
    struct text in;
    int upgraded, done, ended, status, code;
    bool close_at_once, close_at_data;
};

/* ---- the server -------------------------------------------------------------------------------------------------- */

static void server_readable(void *arg, struct bytes data)
{
    struct fixture *f = arg;
    text_add(&f->got, data.data, data.len);
    const char *answer = f->answer;
    f->answer = "";
    for (size_t len; (len = strlen(answer)) != 0; answer += len) {
        len = f->trickle ? 1 : len;
        if (world_stream_write(f->stream, BYTES(answer, len)) != 0)
            return;
    }
}

static void server_ended(void *arg, int reason)
{
    struct fixture *f = arg;
    (void)reason;
    f->server_ended = true;
    world_stream_close(f->stream);
    f->stream = NULL;
}

static void on_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = server_readable, .ended = server_ended};
    struct fixture *f = arg;
    f->stream = stream;
    world_stream_accept(stream, &events, f);
}

/* ---- the client -------------------------------------------------------------------------------------------------- */

static void raw_readable(void *arg, struct bytes data)
{
    struct fixture *f = arg;
    text_add(&f->in, data.data, data.len);
    if (f->close_at_data) {
        http_raw_close(f->raw);
        f->raw = NULL;
    }
}

static void raw_ended(void *arg)
{
    struct fixture *f = arg;
    f->ended++;
    http_raw_close(f->raw);
    f->raw = NULL;
}

static void on_upgraded(void *arg, const struct http_answer *answer, struct http_raw *raw)
{
    static const struct http_raw_events events = {.readable = raw_readable, .ended = raw_ended};
    struct fixture *f = arg;
    f->call = NULL;
    f->upgraded++;
    f->status = answer->status;
    if (f->close_at_once) {
        http_raw_close(raw);
        return;
    }
    f->raw = raw;
    http_raw_listen(raw, &events, f);
    (void)http_raw_write(raw, bytes_of("hello"));
}

static void on_done(void *arg, struct http_answer *answer, struct error *err)
{
    struct fixture *f = arg;
    f->call = NULL;
    f->done++;
    f->status = answer->status;
    f->code = err->code;
    http_answer_deinit(answer);
}

static void begin(struct fixture *f, const char *answer)
{
    static const struct sim_options options = {.seed = 5};
    *f = (struct fixture){.answer = answer};
    f->sim = sim_new(&options);
    f->server = sim_node(f->sim, "server");
    f->client = sim_node(f->sim, "client");
    assert_int_equal(world_listen(f->server, "0.0.0.0:80", on_accept, f, &f->listener, NULL), 0);
}

static int fetch(struct fixture *f, const char *protocol)
{
    const struct http_fetch fetch = {.method = "GET",
                                     .url = "http://server/x",
                                     .upgrade = protocol,
                                     .upgraded = protocol ? on_upgraded : NULL,
                                     .timeout = (uint64_t)(5 * SECOND)};
    return http_fetch_start(f->client, &fetch, on_done, f, &f->call, NULL);
}

static void run(struct fixture *f)
{
    assert_int_equal(sim_run_for(f->sim, (uint64_t)(10 * SECOND)), 0);
}

static void end(struct fixture *f)
{
    http_raw_close(f->raw);
    http_fetch_cancel(f->call); /* a simulation without memory forgets things */
    world_stream_close(f->stream);
    world_listener_close(f->listener);
    text_deinit(&f->got);
    text_deinit(&f->in);
    sim_free(f->sim);
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static void both_ways(struct fixture *f)
{
    assert_int_equal(fetch(f, "chat"), 0);
    run(f);
    assert_int_equal(f->upgraded, 1);
    assert_int_equal(f->status, 101);
    assert_int_equal(f->done, 0);
    assert_string_equal(text_string(&f->in), "early bytes"); /* in the same piece as the head, or not */
    assert_non_null(strstr(text_string(&f->got), "\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nhello"));
    assert_int_equal(http_raw_queued(f->raw), 0);
    http_raw_pause(f->raw);
    assert_int_equal(world_stream_write(f->stream, bytes_of(", late ones")), 0);
    run(f); /* and no time limit is left of the request's */
    assert_string_equal(text_string(&f->in), "early bytes");
    http_raw_resume(f->raw);
    run(f);
    assert_string_equal(text_string(&f->in), "early bytes, late ones");
    world_stream_close(f->stream);
    f->stream = NULL;
    run(f);
    assert_int_equal(f->ended, 1);
}

static void agreed(void **state)
{
    struct fixture f;
    (void)state;
    for (int trickle = 0; trickle < 2; trickle++) {
        begin(&f, SWITCHED "\r\nearly bytes");
        f.trickle = trickle;
        both_ways(&f);
        end(&f);
    }
}

/* Our end, whenever it comes. */
static void closed_by_us(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, SWITCHED "\r\nearly bytes");
    f.close_at_once = true;
    assert_int_equal(fetch(&f, "chat"), 0);
    run(&f);
    assert_true(f.server_ended);
    assert_int_equal(f.in.len, 0);
    end(&f);
    begin(&f, SWITCHED "\r\nearly bytes");
    f.close_at_data = true;
    assert_int_equal(fetch(&f, "chat"), 0);
    run(&f);
    assert_true(f.server_ended);
    assert_string_equal(text_string(&f.in), "early bytes");
    assert_non_null(strstr(text_string(&f.got), "\r\n\r\nhello")); /* what was written is still sent */
    end(&f);
    begin(&f, SWITCHED "\r\n");
    assert_int_equal(fetch(&f, "chat"), 0);
    run(&f);
    assert_int_equal(http_raw_write(f.raw, bytes_of(" and bye")), 0);
    http_raw_close(f.raw);
    f.raw = NULL;
    run(&f);
    assert_true(f.server_ended);
    assert_non_null(strstr(text_string(&f.got), "\r\n\r\nhello and bye"));
    assert_int_equal(f.ended, 0);
    end(&f);
}

static void not_agreed(void **state)
{
    static const struct {
        const char *protocol, *answer;
        int status, code;
    } cases[] = {
        {"chat", "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno", 426, 0},
        {"chat", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0},
        {"other", SWITCHED "\r\n", 0, ERROR_PROTOCOL},
        {NULL, SWITCHED "\r\n", 0, ERROR_PROTOCOL},
        {"chat", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, ERROR_PROTOCOL},
        {"chat", "HTTP/1.1 101 Switching", 0, ERROR_TIMEOUT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        begin(&f, cases[i].answer);
        assert_int_equal(fetch(&f, cases[i].protocol), 0);
        run(&f);
        if (f.upgraded != 0 || f.done != 1 || f.status != cases[i].status || f.code != cases[i].code)
            fail_msg("case %zu: upgraded %d, done %d, status %d, %s", i, f.upgraded, f.done, f.status,
                     error_code_name(f.code));
        end(&f);
    }
}

/* Without memory at any one place the client says so, and nothing is lost or used twice. */
static void without_memory(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct fixture f;
        begin(&f, SWITCHED "\r\nearly bytes");
        failing_arm(n);
        int rc = fetch(&f, "chat");
        if (rc == 0)
            (void)sim_run_for(f.sim, (uint64_t)(10 * SECOND));
        hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || rc == ERROR_MEMORY);
        assert_true(hit || f.upgraded == 1);
        end(&f);
    }
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(agreed), cmocka_unit_test(closed_by_us),
                                       cmocka_unit_test(not_agreed), cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
