/* Connections kept between requests, in both worlds, against a server that counts them and says what it is told to. */
#include "base/failing.h"
#include "base/test.h"
#include "base/units.h"
#include "rpc/http.h"
#include "world/real.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

#define STREAMS_MAX 8
#define FINE        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LAST        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
#define TO_THE_END  "HTTP/1.1 200 OK\r\n\r\nok"

struct server {
    struct sim *sim; /* NULL: the real world */
    struct world *world, *client;
    struct world_listener *listener;
    struct world_stream *streams[STREAMS_MAX];
    int accepted, requests;
    const char *says; /* NULL: the connection is cut */
    bool ends;        /* and closes behind it */
    struct http_pool *pool;
    char url[80];
};

struct side {
    struct server *server;
    int number;
    bool blank; /* nothing stands in the line so far */
};

static struct side sides[STREAMS_MAX];

static void cut(struct server *s, int i)
{
    world_stream_close(s->streams[i]);
    s->streams[i] = NULL;
}

static void on_request(void *arg, struct bytes data)
{
    struct side *side = arg;
    struct server *s = side->server;
    bool whole = false; /* the requests have no body: a blank line ends them */
    for (size_t i = 0; i < data.len; i++) {
        whole = whole || (data.data[i] == '\n' && side->blank);
        side->blank = data.data[i] == '\n' || (side->blank && data.data[i] == '\r');
    }
    if (!whole)
        return;
    side->blank = false;
    s->requests++;
    if (s->says != NULL)
        (void)world_stream_write(s->streams[side->number], bytes_of(s->says));
    if (s->says == NULL || s->ends)
        cut(s, side->number);
}

static void on_end(void *arg, int reason)
{
    struct side *side = arg;
    (void)reason;
    cut(side->server, side->number);
}

static void on_drained(void *arg)
{
    (void)arg;
}

static void on_stream(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = on_request, .drained = on_drained, .ended = on_end};
    struct server *s = arg;
    int i = s->accepted++ % STREAMS_MAX;
    assert_null(s->streams[i]);
    s->streams[i] = stream;
    sides[i] = (struct side){.server = s, .number = i};
    world_stream_accept(stream, &events, &sides[i]);
}

static void setup(struct server *s, bool simulated)
{
    *s = (struct server){.says = FINE};
    if (simulated) {
        s->sim = sim_new(&(struct sim_options){.seed = 7});
        assert_non_null(s->sim);
        s->world = sim_node(s->sim, "web");
        s->client = sim_node(s->sim, "user");
    } else {
        assert_int_equal(world_real_new(1, &s->client, NULL), 0);
        s->world = s->client;
    }
    assert_int_equal(world_listen(s->world, "127.0.0.1:0", on_stream, s, &s->listener, NULL), 0);
    (void)snprintf(s->url, sizeof s->url, "http://%s:%d/", simulated ? "web" : "127.0.0.1",
                   world_listener_port(s->listener));
    assert_int_equal(http_pool_new(&s->pool, NULL), 0);
}

static void teardown(struct server *s)
{
    http_pool_free(s->pool);
    for (int i = 0; i < STREAMS_MAX; i++)
        world_stream_close(s->streams[i]);
    world_listener_close(s->listener);
    if (s->sim != NULL)
        sim_free(s->sim);
    else
        world_real_free(s->client);
}

static int ask(struct server *s, const char *method, int status, struct error *err)
{
    const struct http_fetch fetch = {
        .method = method, .url = s->url, .pool = s->pool, .timeout = 20 * (uint64_t)SECOND};
    struct http_answer a;
    int code = http_fetch_wait(s->client, &fetch, &a, err);
    if (code == 0)
        assert_int_equal(a.status, status);
    http_answer_deinit(&a);
    return code;
}

static void expect(struct server *s, const char *says, int accepted)
{
    s->says = says;
    assert_int_equal(ask(s, "GET", 200, NULL), 0);
    assert_int_equal(s->accepted, accepted);
}

static void kept(struct server *s)
{
    expect(s, FINE, 1);
    expect(s, FINE, 1);
    s->says = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_int_equal(ask(s, "DELETE", 204, NULL), 0);
    s->says = "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n";
    assert_int_equal(ask(s, "HEAD", 200, NULL), 0);
    expect(s,
           "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
           1);
    expect(s, FINE, 1);
    assert_int_equal(s->requests, 6);
}

static void not_kept(struct server *s)
{
    expect(s, LAST, 1);
    expect(s, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 2);
    expect(s, FINE "HTTP/1.1 500 Nobody Asked\r\n\r\n", 3); /* whatever that is, it is not the next answer */
    s->ends = true;
    expect(s, TO_THE_END, 4);
    expect(s, FINE, 5);
    s->ends = false;
    expect(s, FINE, 6);
}

/* The server closes a kept connection: seen before the next request, or only when that was sent. */
static void closed_meanwhile(struct server *s)
{
    expect(s, FINE, 1);
    cut(s, 0);
    assert_int_equal(world_sleep(s->client, 20 * (uint64_t)MILLISECOND), 0);
    expect(s, FINE, 2);
    cut(s, 1);
    expect(s, FINE, 3);
    assert_int_equal(s->requests, 3);
}

/* A server that answers no request is asked once more, not for ever; and what has begun to answer is not asked again.
 */
static void cut_off(struct server *s)
{
    struct error err = ERROR_INIT;
    expect(s, FINE, 1);
    s->says = NULL;
    assert_int_equal(ask(s, "GET", 0, &err), ERROR_CLOSED);
    assert_int_equal(s->requests, 3);
    assert_int_equal(s->accepted, 2);
    expect(s, FINE, 3);
    s->ends = true;
    s->says = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    assert_true(ask(s, "GET", 0, &err) != 0);
    assert_int_equal(s->requests, 5);
    assert_int_equal(s->accepted, 3);
    s->ends = false;
    world_listener_close(s->listener);
    s->listener = NULL;
    assert_int_equal(ask(s, "GET", 0, &err), ERROR_REFUSED);
    error_clear(&err);
}

static void out_of_memory(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct server s;
        struct error err = ERROR_INIT;
        setup(&s, true);
        expect(&s, FINE, 1);
        failing_arm(n);
        (void)ask(&s, "GET", 200, &err);
        hit = failing_hit();
        failing_disarm();
        error_clear(&err);
        teardown(&s);
    }
}

static void in(bool simulated, void (*scenario)(struct server *s))
{
    struct server s;
    setup(&s, simulated);
    scenario(&s);
    teardown(&s);
}

#define BOTH(scenario)                                                                                                 \
    static void scenario##_test(void **state)                                                                          \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        in(true, scenario);                                                                                            \
        in(false, scenario);                                                                                           \
    }
BOTH(kept)
BOTH(not_kept)
BOTH(closed_meanwhile)
BOTH(cut_off)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_test), cmocka_unit_test(not_kept_test),
                                       cmocka_unit_test(closed_meanwhile_test), cmocka_unit_test(cut_off_test),
                                       cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
