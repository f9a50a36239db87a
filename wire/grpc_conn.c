#include "wire/grpc_internal.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

void grpc_settings_init(struct grpc_settings *s, bool server)
{
    *s = (struct grpc_settings){
        .server = server,
        .message_max = GRPC_MESSAGE_MAX_DEFAULT,
        .metadata_max = GRPC_METADATA_MAX_DEFAULT,
        .streams_max = GRPC_STREAMS_MAX_DEFAULT,
        .queue_max = GRPC_QUEUE_MAX_DEFAULT,
        .window = GRPC_WINDOW_DEFAULT,
        .keepalive_timeout = GRPC_KEEPALIVE_TIMEOUT,
        .gzip = true,
    };
}

/* ---- life ---- */

int grpc_conn_new(const struct grpc_settings *settings, const struct grpc_events *events, void *arg, uint64_t now,
                  struct grpc_conn **out)
{
    struct grpc_conn *c = calloc(1, sizeof *c);
    if (!c)
        return ERROR_MEMORY;
    int rc = ERROR_MEMORY;
    c->settings = *settings;
    c->events = *events;
    c->arg = arg;
    c->now = c->last_read = c->reset_at = now;
    c->last_peer_ping = UINT64_MAX;
    c->reset_tokens = GRPC_RESET_BURST * UINT64_C(1000000000);
    if (c->settings.message_max == 0)
        c->settings.message_max = GRPC_MESSAGE_MAX_DEFAULT;
    if (c->settings.metadata_max == 0)
        c->settings.metadata_max = GRPC_METADATA_MAX_DEFAULT;
    if (c->settings.streams_max == 0)
        c->settings.streams_max = GRPC_STREAMS_MAX_DEFAULT;
    if (c->settings.queue_max == 0)
        c->settings.queue_max = GRPC_QUEUE_MAX_DEFAULT;
    if (c->settings.window == 0 || c->settings.window > NGHTTP2_MAX_WINDOW_SIZE)
        c->settings.window = GRPC_WINDOW_DEFAULT;
    if (c->settings.keepalive_timeout == 0)
        c->settings.keepalive_timeout = GRPC_KEEPALIVE_TIMEOUT;
    c->hold_max = c->settings.window / 4;
    hpack_init(&c->encoder);
    grpc_watch_init(&c->watch, now);
    c->settings.authority = c->settings.user_agent = NULL;
    if (!c->settings.server) {
        c->authority = strdup(settings->authority ? settings->authority : "localhost");
        c->user_agent = strdup(settings->user_agent ? settings->user_agent : "grpc-c-harrow/0.1");
        if (!c->authority || !c->user_agent)
            goto out;
    }
    rc = grpc_session_open(c);
out:
    if (rc) {
        grpc_conn_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void grpc_conn_free(struct grpc_conn *c)
{
    if (!c)
        return;
    c->dying = true;
    while (c->streams) {
        struct grpc_stream *s = c->streams;
        s->remote_closed = s->input_dead = true;
        if (c->settings.server)
            grpc_server_closed(s);
        else
            grpc_client_closed(s, NGHTTP2_NO_ERROR);
        grpc_stream_release(s);
    }
    nghttp2_session_del(c->session);
    while (c->idle) {
        struct grpc_stream *s = c->idle;
        c->idle = s->next;
        text_deinit(&s->in);
        text_deinit(&s->out);
        text_deinit(&s->head);
        text_deinit(&s->tail);
        free(s);
    }
    grpc_block_deinit(&c->block);
    hpack_deinit(&c->encoder);
    grpc_gzip_free(c->gzip);
    text_deinit(&c->scratch);
    text_deinit(&c->message);
    text_deinit(&c->details);
    text_deinit(&c->unpacked);
    text_deinit(&c->packed);
    text_deinit(&c->why);
    free(c->authority);
    free(c->user_agent);
    free(c);
}

/* ---- bytes ---- */

/* "GET / HTTP/1.1": the first line of what came instead of HTTP/2. */
static int not_http2(struct grpc_conn *c, struct error *err)
{
    size_t len = 0;
    while (len < c->seen_len && c->seen[len] != '\r' && c->seen[len] != '\n')
        len++;
    text_clear(&c->why);
    text_puts(&c->why,
              c->settings.server ? "not an HTTP/2 preface: got \"" : "the server does not speak HTTP/2: got \"");
    text_printable(&c->why, c->seen, len, GRPC_PREFACE_SHOWN);
    text_char(&c->why, '"');
    c->failed = ERROR_PROTOCOL;
    return error_set(err, ERROR_PROTOCOL, "%s", text_string(&c->why));
}

static void remember_first(struct grpc_conn *c, struct bytes data)
{
    size_t room = sizeof c->seen - c->seen_len;
    size_t n = data.len < room ? data.len : room;
    memcpy(c->seen + c->seen_len, data.data, n);
    c->seen_len += n;
}

static int failure(struct grpc_conn *c, struct error *err)
{
    return error_set(err, c->failed ? c->failed : ERROR_PROTOCOL, "%s",
                     c->why.len > 0 ? text_string(&c->why) : "the HTTP/2 connection failed");
}

int grpc_conn_receive(struct grpc_conn *c, struct bytes data, uint64_t now, struct error *err)
{
    if (c->inside)
        return error_set(err, ERROR_INVALID, "grpc_conn_receive() called from inside a callback");
    c->now = now;
    if (c->failed || c->expelled || c->terminated)
        return failure(c, err);
    if (data.len == 0)
        return 0;
    if (!c->greeted) {
        remember_first(c, data);
        if (!c->settings.server && c->seen_len >= 5 && memcmp(c->seen, "HTTP/", 5) == 0)
            return not_http2(c, err);
    }
    int rv = c->settings.server ? grpc_watch_receive(c, data) : grpc_session_feed(c, data);
    if (rv == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        return not_http2(c, err);
    if (rv == NGHTTP2_ERR_FLOODED)
        grpc_session_expel(c, NGHTTP2_ENHANCE_YOUR_CALM, "flooded", "the peer asks faster than it reads our answers");
    else
        grpc_session_check(c, rv);
    return c->failed || c->expelled ? failure(c, err) : 0;
}

size_t grpc_conn_send(struct grpc_conn *c, struct text *out, size_t max)
{
    size_t start = out->len;
    if (c->inside || c->failed)
        return 0;
    while (out->len - start < max) {
        const uint8_t *piece;
        c->inside = true;
        c->sending = out;
        ssize_t n = nghttp2_session_mem_send(c->session, &piece);
        c->sending = NULL;
        c->inside = false;
        if (n < 0) {
            grpc_session_check(c, (int)n);
            break;
        }
        if (n > 0 && c->block_sent)
            c->block_sent = false;
        else if (n > 0)
            text_add(out, piece, (size_t)n);
        if (!text_ok(out)) {
            grpc_conn_fail(c, ERROR_MEMORY, "out of memory");
            break;
        }
        if (n == 0 && !grpc_conn_tell_writable(c))
            break;
    }
    return out->len - start;
}

bool grpc_conn_wants_send(const struct grpc_conn *c)
{
    return !c->failed && (c->pending || nghttp2_session_want_write(c->session));
}

bool grpc_conn_done(const struct grpc_conn *c)
{
    if (c->failed || c->terminated)
        return true;
    if (!c->settings.server && c->going_away && c->stream_count == 0)
        return !nghttp2_session_want_write(c->session);
    return !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session);
}

size_t grpc_conn_stream_count(const struct grpc_conn *c)
{
    return c->stream_count;
}

const char *grpc_conn_reason(const struct grpc_conn *c)
{
    return text_string(&c->why);
}

/* ---- time ---- */

static uint64_t later(uint64_t at, uint64_t by)
{
    return by > UINT64_MAX - at ? UINT64_MAX : at + by;
}

/* A client without calls has nothing to lose, and servers count its PINGs against it. */
static bool keepalive_on(const struct grpc_conn *c)
{
    return c->settings.keepalive_every > 0 && (c->settings.server || c->stream_count > 0);
}

uint64_t grpc_conn_half_here(const struct grpc_conn *c)
{
    return c->settings.server ? c->watch.since : UINT64_MAX;
}

bool grpc_conn_greeted(const struct grpc_conn *c)
{
    return c->greeted;
}

uint64_t grpc_conn_wakeup(const struct grpc_conn *c)
{
    uint64_t at = UINT64_MAX;
    if (c->failed)
        return at;
    if (c->ping_out)
        at = later(c->ping_at, c->settings.keepalive_timeout);
    else if (keepalive_on(c))
        at = later(c->last_read, c->settings.keepalive_every);
    if (c->drain == GRPC_DRAIN_ASKED || c->drain == GRPC_DRAIN_PINGED) {
        uint64_t end = later(c->drain_at, c->settings.keepalive_timeout);
        at = end < at ? end : at;
    }
    return at;
}

int grpc_conn_tick(struct grpc_conn *c, uint64_t now)
{
    if (c->failed)
        return c->failed;
    c->now = now;
    if ((c->drain == GRPC_DRAIN_ASKED || c->drain == GRPC_DRAIN_PINGED) &&
        now >= later(c->drain_at, c->settings.keepalive_timeout))
        grpc_session_final_goaway(c);
    if (c->ping_out) {
        uint64_t end = later(c->ping_at, c->settings.keepalive_timeout);
        if (now < end)
            return 0;
        /* Who is late himself, for he was stopped or had no processor, reads first what may have come meanwhile. */
        if (now > end && !c->ping_late) {
            c->ping_late = true;
            c->ping_at += now - end + (uint64_t)MILLISECOND;
            return 0;
        }
        grpc_conn_fail(c, ERROR_TIMEOUT, "the peer did not answer a keepalive PING");
        return ERROR_TIMEOUT;
    }
    if (!keepalive_on(c) || now < later(c->last_read, c->settings.keepalive_every))
        return 0;
    static const uint8_t alive[8] = {'a', 'l', 'i', 'v', 'e', '?', 0, 0};
    int rc = grpc_session_check(c, nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, alive));
    if (rc)
        return rc;
    c->ping_out = true;
    c->ping_late = false;
    c->ping_at = now;
    return 0;
}

/* A client told to drain makes no new calls. A server says GOAWAY twice: a notice that promises nothing yet, so that
 * calls already under way to it are not lost, and, when a PING made after the notice has come back, the real one. */
void grpc_conn_drain(struct grpc_conn *c)
{
    if (c->failed || c->dying || c->drain != GRPC_DRAIN_NONE)
        return;
    if (!c->settings.server) {
        c->going_away = true;
        return;
    }
    c->drain = GRPC_DRAIN_ASKED;
    c->drain_at = c->now;
    grpc_session_check(c, nghttp2_submit_shutdown_notice(c->session));
}
