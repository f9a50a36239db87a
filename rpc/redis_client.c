#include "rpc/redis_client.h"

#include <stdlib.h>
#include <string.h>

struct redis_client {
    struct world *world;
    char *address;
    struct world_stream *stream; /* NULL: none */
    struct resp_reader *reader;  /* of the stream */
    bool ready;                  /* the PING was answered */
    /* The call under way; `done` NULL: none. */
    struct text wire;
    bool sent;
    size_t commands, replied;
    const struct resp_reply *replies[REDIS_COMMANDS_MAX];
    struct world_timer limit;
    void (*done)(void *arg, const struct redis_answer *answer);
    void *arg;
};

static void disconnect(struct redis_client *c)
{
    world_stream_abort(c->stream);
    resp_reader_free(c->reader);
    c->stream = NULL;
    c->reader = NULL;
    c->ready = false;
}

/* The call is over. With a code there is no connection any more: what may still come on it would answer nothing. */
static void finish(struct redis_client *c, int code)
{
    void (*done)(void *arg, const struct redis_answer *answer) = c->done;
    const struct redis_answer answer = {
        .code = code, .sent = c->sent, .replies = code == 0 ? c->replies : NULL, .count = code == 0 ? c->replied : 0};
    c->done = NULL;
    world_timer_stop(&c->limit);
    if (code != 0)
        disconnect(c);
    done(c->arg, &answer); /* which may free the client */
}

static void on_limit(void *arg)
{
    finish(arg, ERROR_TIMEOUT);
}

static int send_wire(struct redis_client *c)
{
    c->sent = true; /* some of it, even if this fails */
    return world_stream_write(c->stream, text_bytes(&c->wire));
}

static void on_connected(void *arg)
{
    struct redis_client *c = arg;
    int code = world_stream_write(c->stream, bytes_of("*1\r\n$4\r\nPING\r\n"));
    if (code != 0)
        finish(c, code);
}

/* The first answer of a connection is the PING's. */
static int take_hello(struct redis_client *c)
{
    const struct resp_reply *reply = NULL;
    int code = resp_next(c->reader, &reply, NULL);
    if (code != 0 || reply == NULL)
        return code;
    c->ready = true;
    return send_wire(c);
}

static void on_readable(void *arg, struct bytes data)
{
    struct redis_client *c = arg;
    const struct resp_reply *reply = NULL;
    int code = c->done != NULL ? resp_feed(c->reader, data, NULL) : ERROR_INVALID;
    if (code == 0 && !c->ready)
        code = take_hello(c);
    while (c->ready && code == 0 && c->replied < c->commands && (code = resp_next(c->reader, &reply, NULL)) == 0 &&
           reply != NULL)
        c->replies[c->replied++] = reply;
    if (c->done == NULL)
        disconnect(c); /* nobody asked for that */
    else if (code != 0)
        finish(c, code);
    else if (c->replied == c->commands)
        finish(c, 0);
}

static void on_ended(void *arg, int reason)
{
    struct redis_client *c = arg;
    if (c->done != NULL)
        finish(c, reason != 0 ? reason : ERROR_CLOSED);
    else
        disconnect(c);
}

static int open_stream(struct redis_client *c, struct error *err)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    c->reader = resp_reader_new();
    if (c->reader == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = world_connect(c->world, c->address, &events, c, &c->stream, err);
    if (code != 0)
        disconnect(c);
    return code;
}

int redis_call(struct redis_client *c, const struct redis_command *commands, size_t count, uint64_t timeout,
               void (*done)(void *arg, const struct redis_answer *answer), void *arg, struct error *err)
{
    if (c->done != NULL)
        return error_set(err, ERROR_EXISTS, "a call to %s is under way", c->address);
    if (count == 0 || count > REDIS_COMMANDS_MAX)
        return error_set(err, ERROR_LIMIT, "a call has 1 to %d commands", REDIS_COMMANDS_MAX);
    text_clear(&c->wire);
    c->sent = false;
    c->commands = count;
    c->replied = 0;
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = resp_format(commands[i].words, commands[i].count, &c->wire);
    if (code != 0)
        return error_set(err, code, "a command cannot be put together: %s", error_code_name(code));
    if (c->stream == NULL)
        code = open_stream(c, err);
    else
        resp_drop(c->reader);
    if (code == 0 && (code = world_timer_start(&c->limit, timeout)) == 0 && c->ready)
        code = send_wire(c);
    if (code != 0) {
        world_timer_stop(&c->limit);
        disconnect(c);
        return error_set(err, code, "%s cannot be asked: %s", c->address, error_code_name(code));
    }
    c->done = done;
    c->arg = arg;
    return 0;
}

int redis_client_new(struct world *w, const char *address, struct redis_client **out, struct error *err)
{
    struct redis_client *c = calloc(1, sizeof *c);
    if (c != NULL && (c->address = strdup(address)) == NULL) {
        free(c);
        c = NULL;
    }
    if (c == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->world = w;
    world_timer_init(&c->limit, w, on_limit, c);
    *out = c;
    return 0;
}

void redis_client_free(struct redis_client *c)
{
    if (c == NULL)
        return;
    world_timer_stop(&c->limit);
    disconnect(c);
    text_deinit(&c->wire);
    free(c->address);
    free(c);
}
