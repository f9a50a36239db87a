#include "rpc/tcp_check.h"

#include <stdlib.h>
#include <string.h>

struct tcp_check {
    struct world_stream *stream;
    struct world_timer limit;
    const struct target_tcp *door;
    size_t expected, got;
    void (*done)(void *arg, bool answers);
    void *arg;
};

void tcp_check_cancel(struct tcp_check *c)
{
    if (c == NULL)
        return;
    world_timer_stop(&c->limit);
    world_stream_abort(c->stream);
    free(c);
}

static void finish(struct tcp_check *c, bool answers)
{
    void (*done)(void *arg, bool answers) = c->done;
    void *arg = c->arg;
    tcp_check_cancel(c);
    done(arg, answers);
}

static void on_limit(void *arg)
{
    finish(arg, false);
}

static void on_connected(void *arg)
{
    struct tcp_check *c = arg;
    if (world_stream_write(c->stream, bytes_of(c->door->send)) != 0)
        finish(c, false);
}

static void on_readable(void *arg, struct bytes data)
{
    struct tcp_check *c = arg;
    size_t len = data.len < c->expected - c->got ? data.len : c->expected - c->got;
    if (memcmp(data.data, c->door->expect + c->got, len) != 0) {
        finish(c, false);
        return;
    }
    c->got += len;
    if (c->got == c->expected)
        finish(c, true);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    finish(arg, false);
}

int tcp_check_start(struct world *w, const struct target_tcp *door, uint64_t timeout,
                    void (*done)(void *arg, bool answers), void *arg, struct tcp_check **out, struct error *err)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    size_t expected = strlen(door->expect);
    if (expected == 0 || expected > TCP_CHECK_EXPECT_MAX)
        return error_set(err, ERROR_INVALID, "an answer is expected of 1 to %d bytes", TCP_CHECK_EXPECT_MAX);
    struct tcp_check *c = malloc(sizeof *c);
    if (c == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *c = (struct tcp_check){.door = door, .expected = expected, .done = done, .arg = arg};
    world_timer_init(&c->limit, w, on_limit, c);
    int code = world_timer_start(&c->limit, timeout);
    if (code != 0)
        error_set(err, code, "out of memory");
    else
        code = world_connect(w, door->address, &events, c, &c->stream, err);
    if (code != 0) {
        world_timer_stop(&c->limit);
        free(c);
        return code;
    }
    *out = c;
    return 0;
}
