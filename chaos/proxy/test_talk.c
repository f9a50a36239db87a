#include "chaos/proxy/test_talk.h"

#include <stdio.h>

static void end_connected(void *arg)
{
    ((struct end *)arg)->connected++;
}

static void end_readable(void *arg, struct bytes data)
{
    struct end *e = arg;
    e->reads++;
    if (data.len > e->largest)
        e->largest = data.len;
    text_add(&e->got, data.data, data.len);
    if (e->echo)
        (void)world_stream_write(e->stream, data);
}

static void end_ended(void *arg, int reason)
{
    struct end *e = arg;
    e->ended++;
    e->reason = reason;
}

static void end_finished(void *arg)
{
    struct end *e = arg;
    e->finished++;
    if (!e->late)
        return;
    assert_int_equal(world_stream_write(e->stream, bytes_of("late")), 0);
    world_stream_shutdown(e->stream);
}

static const struct world_stream_events events = {
    .connected = end_connected, .readable = end_readable, .ended = end_ended, .finished = end_finished};

static void accepted(void *arg, struct world_stream *s)
{
    struct talk *t = arg;
    if (t->accepted == TALK_ENDS)
        return;
    struct end *e = &t->server[t->accepted++];
    e->stream = s;
    e->echo = t->server[0].echo;
    world_stream_accept(s, &events, e);
}

void talk_start(struct talk *t, struct fixture *f, bool echo)
{
    struct error err = ERROR_INIT;
    char address[64];
    *t = (struct talk){.f = f, .server_world = f->sim ? sim_node(f->sim, "server") : f->world};
    t->server[0].echo = echo;
    assert_int_equal(world_listen(t->server_world, "127.0.0.1:0", accepted, t, &t->listener, &err), 0);
    snprintf(address, sizeof address, "%s:%d", f->sim ? "server" : "127.0.0.1", world_listener_port(t->listener));
    t->proxy = proxy_new(f->world);
    assert_non_null(t->proxy);
    if (proxy_add(t->proxy, PROXY_CLIENT, "server", address, fixture_listen(f), &t->link, &err) != 0)
        fail_msg("%s", err.message);
}

void talk_stop(struct talk *t)
{
    for (size_t i = 0; i < TALK_ENDS; i++) {
        world_stream_close(t->client[i].stream);
        world_stream_close(t->server[i].stream);
        text_deinit(&t->client[i].got);
        text_deinit(&t->server[i].got);
    }
    proxy_free(t->proxy);
    world_listener_close(t->listener);
    assert_int_equal(world_run(t->f->world), 0); /* nothing keeps the loop alive */
}

struct end *talk_connect(struct talk *t)
{
    struct error err = ERROR_INIT;
    assert_true(t->clients < TALK_ENDS);
    struct end *e = &t->client[t->clients++];
    if (world_connect(t->f->world, proxy_link_address(t->link), &events, e, &e->stream, &err) != 0)
        fail_msg("%s", err.message);
    return e;
}

void talk_say(struct end *e, const char *words)
{
    assert_int_equal(world_stream_write(e->stream, bytes_of(words)), 0);
}

struct wait {
    const size_t *counter;
    size_t value;
};

static bool reached(void *arg)
{
    const struct wait *w = arg;
    return *w->counter >= w->value;
}

bool talk_reaches(struct talk *t, const size_t *counter, size_t value, uint64_t within)
{
    struct wait w = {counter, value};
    return world_run_until(t->f->world, reached, &w, within) == 0;
}

void talk_until(struct talk *t, const size_t *counter, size_t value)
{
    if (!talk_reaches(t, counter, value, FIXTURE_LIMIT))
        fail_msg("waited for %zu, have %zu", value, *counter);
}

struct end *talk_greeted(struct talk *t)
{
    struct end *e = talk_connect(t);
    talk_say(e, "hello");
    talk_until(t, &e->got.len, strlen("hello"));
    return e;
}

void talk_attach(struct talk *t, struct proxy_effect *e, unsigned directions)
{
    random_seed(&e->random, 3);
    assert_int_equal(proxy_attach(t->link, e, directions, NULL), 0);
}

void talk_detach(struct talk *t, struct proxy_effect *e)
{
    assert_int_equal(proxy_detach(t->link, e, NULL), 0);
}

void talk_works(struct talk *t)
{
    struct end *e = talk_greeted(t);
    assert_string_equal(text_string(&e->got), "hello");
}
