#include "rpc/websocket_internal.h"

#include <stdio.h>
#include <stdlib.h>

void websocket_free(struct websocket *s)
{
    world_timer_stop(&s->timer);
    world_task_cancel(&s->end);
    http_raw_close(s->raw);
    world_stream_close(s->stream);
    http1_parser_free(s->parser);
    ws_frames_free(s->frames);
    tls_session_free(s->tls);
    text_deinit(&s->request);
    text_deinit(&s->out);
    text_deinit(&s->plain);
    text_deinit(&s->cipher);
    free(s);
}

static void on_end(void *arg)
{
    struct websocket *s = arg;
    if (s->tell) {
        s->tell = false;
        s->telling++;
        s->events.closed(s->arg, s->close_code, bytes_of(s->close_reason));
    }
    websocket_free(s);
}

/* Nothing more is read or sent; `closed` and the end come from the loop. */
static void die(struct websocket *s)
{
    if (s->dead)
        return;
    s->dead = true;
    world_timer_stop(&s->timer);
    world_task_post(&s->end);
}

void websocket_fail(struct websocket *s, int code, const char *reason)
{
    if (s->close_code == 0) {
        s->close_code = code;
        (void)snprintf(s->close_reason, sizeof s->close_reason, "%s", reason);
    }
    die(s);
}

int websocket_write(struct websocket *s, struct bytes data)
{
    if (s->tls == NULL)
        return s->raw != NULL ? http_raw_write(s->raw, data) : world_stream_write(s->stream, data);
    int rc = tls_session_send(s->tls, data, &s->cipher, NULL);
    if (rc == 0)
        rc = text_ok(&s->cipher) ? world_stream_write(s->stream, text_bytes(&s->cipher)) : ERROR_MEMORY;
    text_clear(&s->cipher);
    return rc;
}

static void flush(struct websocket *s)
{
    int rc = 0;
    if (s->out.len != 0 && text_ok(&s->out))
        rc = websocket_write(s, text_bytes(&s->out));
    if (!text_ok(&s->out) || rc != 0)
        websocket_fail(s, WS_ABNORMAL, "");
    text_clear(&s->out);
}

static void on_timer(void *arg)
{
    struct websocket *s = arg;
    if (s->closing || !s->open || world_now(s->world) - s->heard >= s->options.pong_wait) {
        websocket_fail(s, WS_ABNORMAL, s->open ? "nothing was heard of the peer" : "the handshake took too long");
        return;
    }
    (void)ws_frames_ping(s->frames, &s->out);
    flush(s);
    if (!s->dead && world_timer_start(&s->timer, s->options.ping_every) != 0)
        websocket_fail(s, WS_ABNORMAL, "");
}

static void on_message(void *arg, bool text, struct bytes message)
{
    struct websocket *s = arg;
    if (!s->tell || s->dead)
        return;
    s->telling++;
    s->events.message(s->arg, text, message);
    s->telling--;
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct websocket *s = arg;
    s->close_code = code;
    (void)snprintf(s->close_reason, sizeof s->close_reason, "%.*s", (int)reason.len,
                   reason.len == 0 ? "" : (const char *)reason.data);
}

static void on_mask(void *arg, uint8_t *out, size_t len)
{
    struct websocket *s = arg;
    random_bytes(world_random(s->world), out, len);
}

struct websocket *websocket_make(struct world *w, bool client, const struct websocket_options *options,
                                 const struct websocket_events *events, void *arg)
{
    static const struct ws_events frame_events = {on_message, on_closed};
    struct websocket *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->world = w;
    if (options != NULL)
        s->options = *options;
    if (s->options.ping_every == 0)
        s->options.ping_every = WEBSOCKET_PING_EVERY;
    if (s->options.pong_wait == 0)
        s->options.pong_wait = WEBSOCKET_PONG_WAIT;
    s->events = *events;
    s->arg = arg;
    s->tell = true;
    world_timer_init(&s->timer, w, on_timer, s);
    world_task_init(&s->end, w, on_end, s);
    const struct ws_options frames = {.client = client, .message_max = s->options.message_max, .mask = on_mask};
    if (ws_frames_new(&frames, &frame_events, s, &s->frames) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

/* An event without more to it; NULL is fine. */
static void tell(struct websocket *s, void (*event)(void *arg))
{
    if (!s->tell || s->dead || event == NULL)
        return;
    s->telling++;
    event(s->arg);
    s->telling--;
}

void websocket_opened(struct websocket *s)
{
    s->open = true;
    s->heard = world_now(s->world);
    if (world_timer_start(&s->timer, s->options.ping_every) != 0)
        websocket_fail(s, WS_ABNORMAL, "");
    else
        tell(s, s->events.opened);
}

void websocket_receive(struct websocket *s, struct bytes data)
{
    if (s->dead)
        return;
    s->heard = world_now(s->world);
    int rc = ws_frames_receive(s->frames, data, &s->out);
    flush(s);
    if (rc != 0 || s->close_code != 0 || ws_frames_over(s->frames))
        die(s);
}

void websocket_drained(struct websocket *s)
{
    tell(s, s->events.drained);
}

void websocket_lost(struct websocket *s)
{
    websocket_fail(s, WS_ABNORMAL, "");
}

int websocket_send(struct websocket *s, bool text, struct bytes message)
{
    if (s->dead || s->closing || !s->open)
        return ERROR_CLOSED;
    int rc = ws_frames_send(s->frames, text, message, &s->out);
    flush(s);
    return rc;
}

size_t websocket_queued(const struct websocket *s)
{
    return s->raw != NULL ? http_raw_queued(s->raw) : s->stream != NULL ? world_stream_queued(s->stream) : 0;
}

void websocket_pause(struct websocket *s)
{
    if (s->raw != NULL)
        http_raw_pause(s->raw);
    else if (s->stream != NULL)
        world_stream_pause(s->stream);
}

void websocket_resume(struct websocket *s)
{
    if (s->raw != NULL)
        http_raw_resume(s->raw);
    else if (s->stream != NULL)
        world_stream_resume(s->stream);
}

void websocket_goodbye(struct websocket *s, int code, const char *reason)
{
    if (s->dead || s->closing)
        return; /* `closed` comes in any case */
    if (!s->open) {
        websocket_fail(s, code, reason);
        return;
    }
    s->closing = true;
    (void)ws_frames_close(s->frames, code, reason, &s->out);
    flush(s);
    websocket_resume(s); /* or the peer's goodbye would not be read */
    if (world_timer_start(&s->timer, WEBSOCKET_CLOSE_WAIT) != 0)
        die(s);
}

void websocket_close(struct websocket *s, int code, const char *reason)
{
    if (s == NULL)
        return;
    if (s->dead || !s->open) {
        websocket_abort(s);
        return;
    }
    s->tell = false;
    websocket_goodbye(s, code, reason);
}

void websocket_abort(struct websocket *s)
{
    if (s == NULL)
        return;
    s->tell = false;
    if (s->telling > 0)
        die(s);
    else
        websocket_free(s); /* at once: its world may not go on */
}

int websocket_status(const struct websocket *s)
{
    return s->status;
}

/* ---- the server's side ----------------------------------------------------------------------------------------- */

static void raw_readable(void *arg, struct bytes data)
{
    websocket_receive(arg, data);
}

static void raw_drained(void *arg)
{
    websocket_drained(arg);
}

static void raw_draining(void *arg)
{
    struct websocket *s = arg;
    tell(s, s->events.draining);
}

/* At once and not from the loop: the server may be on its way out, and its world with it. */
static void raw_ended(void *arg)
{
    struct websocket *s = arg;
    websocket_lost(s);
    on_end(s);
}

int websocket_accept(struct http_exchange *x, const struct websocket_options *options,
                     const struct websocket_events *events, void *arg, struct websocket **out, int *status,
                     const char **why)
{
    static const struct http_raw_events raw_events = {raw_readable, raw_drained, raw_draining, raw_ended};
    char accept[WS_ACCEPT_SIZE];
    int rc = ws_check_request(http_head(x), accept, status, why);
    if (rc != 0)
        return rc;
    struct websocket *s = websocket_make(http_world(x), false, options, events, arg);
    *status = 503;
    *why = "out of memory";
    if (s == NULL)
        return ERROR_MEMORY;
    http_add_header(x, "Sec-WebSocket-Accept", accept);
    rc = http_upgrade(x, "websocket", &raw_events, s, &s->raw);
    if (rc != 0) {
        *why = error_code_name(rc);
        websocket_free(s);
        return rc;
    }
    websocket_opened(s);
    *out = s;
    return 0;
}
