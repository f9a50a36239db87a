#include "wire/grpc_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---- */

/* The first reason is the true one. */
void grpc_conn_fail(struct grpc_conn *c, int code, const char *why)
{
    if (c->failed)
        return;
    c->failed = code;
    if (c->why.len == 0)
        text_puts(&c->why, why);
}

int grpc_session_check(struct grpc_conn *c, int rv)
{
    if (rv >= 0)
        return 0;
    int code = rv == NGHTTP2_ERR_NOMEM ? ERROR_MEMORY : ERROR_PROTOCOL;
    if (nghttp2_is_fatal(rv))
        grpc_conn_fail(c, code, nghttp2_strerror(rv));
    return code;
}

void grpc_call_fail(struct grpc_stream *s, int status, const char *format, ...)
{
    struct text why = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&why, format, args);
    va_end(args);
    if (s->conn->settings.server)
        grpc_server_fail(s, status, text_bytes(&why));
    else
        grpc_client_fail(s, status, text_bytes(&why));
    text_deinit(&why);
}

/* ---- callbacks ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_conn *c = arg;
    grpc_block_start(&c->block);
    if (!c->settings.server || frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct grpc_stream *s = grpc_stream_take(c);
    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* this stream is reset, the others go on */
    s->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct grpc_conn *c = arg;
    (void)flags;
    grpc_block_add(&c->block, BYTES(name, name_len), BYTES(value, value_len), c->settings.metadata_max);
    if (c->block.size / GRPC_BOMB_FACTOR <= c->settings.metadata_max)
        return 0;
    /* A byte of a block may stand for kilobytes of fields. nghttp2 now only decodes the rest, for the table's sake, and
     * neither checks it nor tells us. The reset it would send is the one that is there already. */
    struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s && !c->settings.server)
        grpc_client_fail(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("the headers are far larger than the limit"));
    else if (s)
        s->input_dead = true;
    int rv = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_ENHANCE_YOUR_CALM);
    return grpc_session_check(c, rv) || c->failed ? NGHTTP2_ERR_CALLBACK_FAILURE
                                                  : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *arg)
{
    struct grpc_conn *c = arg;
    (void)flags;
    struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);
    /* The connection's window only keeps bursts apart; what is held back is held back per stream. */
    int rv = nghttp2_session_consume_connection(session, len);
    if (rv == 0 && (!s || s->input_dead))
        rv = nghttp2_session_consume_stream(session, id, len);
    else if (rv == 0)
        grpc_message_feed(s, BYTES(data, len));
    return grpc_session_check(c, rv) || c->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void end_of_stream(struct grpc_stream *s)
{
    if (s->remote_closed)
        return;
    s->remote_closed = true;
    if (s->conn->settings.server)
        grpc_server_half_closed(s);
    else
        grpc_client_half_closed(s);
}

static void submit_ping(struct grpc_conn *c, const char opaque[8])
{
    grpc_session_check(c, nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, (const uint8_t *)opaque));
}

static const char drain_ping[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

void grpc_session_expel(struct grpc_conn *c, uint32_t h2_error, const char *word, const char *why)
{
    if (c->expelled)
        return;
    c->expelled = true;
    if (c->why.len == 0)
        text_puts(&c->why, why);
    grpc_session_check(c, nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                                nghttp2_session_get_last_proc_stream_id(c->session), h2_error,
                                                (const uint8_t *)word, strlen(word)));
}

int grpc_session_feed(struct grpc_conn *c, struct bytes data)
{
    if (data.len == 0)
        return 0;
    c->inside = true;
    ssize_t n = nghttp2_session_mem_recv(c->session, data.data, data.len);
    c->inside = false;
    return n < 0 ? (int)n : 0;
}

/* The second step of a drain: what came up to here is answered, what comes later is not looked at. */
void grpc_session_final_goaway(struct grpc_conn *c)
{
    if (c->drain == GRPC_DRAIN_FINAL)
        return;
    c->drain = GRPC_DRAIN_FINAL;
    grpc_session_check(c, nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                                nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                                                NULL, 0));
}

static void received_ping(struct grpc_conn *c, const nghttp2_frame *frame)
{
    if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
        if (c->drain == GRPC_DRAIN_PINGED && memcmp(frame->ping.opaque_data, drain_ping, sizeof drain_ping) == 0)
            grpc_session_final_goaway(c); /* the peer has read the notice */
        return;
    }
    if (!c->settings.server || c->settings.ping_min == 0)
        return;
    bool early = c->last_peer_ping != UINT64_MAX && c->now - c->last_peer_ping < c->settings.ping_min;
    c->last_peer_ping = c->now;
    if (!early || ++c->strikes < GRPC_PING_STRIKES)
        return;
    grpc_session_expel(c, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings",
                       "the client sends PINGs too often (too_many_pings)");
}

static void received_goaway(struct grpc_conn *c, const nghttp2_frame *frame)
{
    struct bytes debug = BYTES(frame->goaway.opaque_data, frame->goaway.opaque_data_len);
    if (frame->goaway.error_code != NGHTTP2_NO_ERROR && c->why.len == 0) {
        text_printf(&c->why, "the peer ended the connection: %s", nghttp2_http2_strerror(frame->goaway.error_code));
        if (debug.len > 0) {
            text_puts(&c->why, ": ");
            text_printable(&c->why, debug.data, debug.len, 128);
        }
    }
    bool first = !c->going_away;
    c->going_away = true;
    if (first && !c->settings.server && c->events.going_away)
        c->events.going_away(c->arg, frame->goaway.error_code, debug);
}

/* A client that opens streams only to have them reset, by itself or by us for what it does wrong on them, costs us more
 * than it costs itself. nghttp2's own limit sees the former only and reads the system's clock, which a simulated world
 * must not see; so it is off and this one counts by the time we are given. */
void grpc_session_charge(struct grpc_conn *c)
{
    const uint64_t one = UINT64_C(1000000000), full = GRPC_RESET_BURST * one;
    uint64_t passed = c->now - c->reset_at;
    c->reset_at = c->now;
    uint64_t gained = passed > full ? full : passed * GRPC_RESET_RATE;
    c->reset_tokens = gained > full - c->reset_tokens ? full : c->reset_tokens + gained;
    if (c->reset_tokens >= one) {
        c->reset_tokens -= one;
        return;
    }
    grpc_session_expel(c, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets",
                       "the client has streams reset too often (too_many_resets)");
}

/* Of a client's stream not a word was said but its reset: it was above the limit. A server's answer that is no HTTP/2
 * is reset by nghttp2, not by the server, and that is what is told. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
    struct grpc_conn *c = arg;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (c->settings.server && code == NGHTTP2_ERR_REFUSED_STREAM) {
        grpc_watch_forgive(&c->watch, frame->hd.stream_id);
    } else if (!c->settings.server && s && (code == NGHTTP2_ERR_HTTP_HEADER || code == NGHTTP2_ERR_HTTP_MESSAGING)) {
        s->reset = s->input_dead = true;
        text_clear(&c->message);
        text_printf(&c->message, "the server's answer breaks HTTP/2: %s", nghttp2_strerror(code));
        grpc_client_fail(s, GRPC_INTERNAL, text_bytes(&c->message));
    }
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_conn *c = arg;
    struct grpc_stream *s = NULL;
    c->greeted = true;
    /* Whoever sends is alive; but whole frames, since a byte now and then would hold the connection for ever. In the
     * middle of a frame nobody can answer our PING, so a frame must be complete before that is given up. */
    c->last_read = c->now;
    c->ping_out = false;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s)
            break;
        bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
        if (c->settings.server) {
            if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
                grpc_server_headers(s, end);
        } else {
            grpc_client_headers(s, end);
        }
        if (end)
            end_of_stream(s);
        break;
    case NGHTTP2_DATA:
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            break;
        s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (s)
            end_of_stream(s);
        break;
    case NGHTTP2_RST_STREAM:
        if (c->settings.server)
            grpc_session_charge(c);
        break;
    case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            break;
        c->settled = true;
        for (size_t i = 0; i < frame->settings.niv; i++)
            if (frame->settings.iv[i].settings_id == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
                hpack_resize(&c->encoder, frame->settings.iv[i].value);
        break;
    case NGHTTP2_PING:
        received_ping(c, frame);
        break;
    case NGHTTP2_GOAWAY:
        received_goaway(c, frame);
        break;
    default:
        break;
    }
    return c->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* nghttp2 made an empty HEADERS frame and is about to hand it out: here goes the true one. */
static int before_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_conn *c = arg;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!s)
        return NGHTTP2_ERR_CANCEL; /* nobody's any more */
    s->id = frame->hd.stream_id;
    int rc = grpc_block_send(s, frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (rc) {
        grpc_conn_fail(c, rc, "out of memory");
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    c->block_sent = true;
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct grpc_conn *c = arg;
    struct grpc_stream *s;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        c->strikes = 0;
        c->last_peer_ping = UINT64_MAX;
        s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s)
            break;
        s->request_out = true;
        /* The answer is complete and the client still sends: it may stop, nobody will look. */
        if (c->settings.server && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !s->remote_closed)
            grpc_stream_rst(s, NGHTTP2_NO_ERROR);
        break;
    case NGHTTP2_DATA:
        c->strikes = 0;
        c->last_peer_ping = UINT64_MAX;
        break;
    case NGHTTP2_RST_STREAM:
        if (!c->settings.server || frame->rst_stream.error_code == NGHTTP2_NO_ERROR ||
            frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM)
            break; /* no fault of the client's, who cannot have known the limit when it was refused */
        s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s || !s->reset) /* not by our owner's will */
            grpc_session_charge(c);
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
            c->terminated = true;
            if (c->why.len == 0) {
                text_printf(&c->why, "the peer broke the protocol: %s",
                            nghttp2_http2_strerror(frame->goaway.error_code));
                if (frame->goaway.opaque_data_len > 0) {
                    text_puts(&c->why, ": ");
                    text_printable(&c->why, frame->goaway.opaque_data, frame->goaway.opaque_data_len, 128);
                }
            }
        } else if (c->drain == GRPC_DRAIN_ASKED) {
            /* PINGs overtake GOAWAY in nghttp2's queues, so this one is made only now. */
            c->drain = GRPC_DRAIN_PINGED;
            submit_ping(c, drain_ping);
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *arg)
{
    (void)session;
    (void)arg;
    (void)frame;
    return grpc_stream_send_data(source->ptr, head, len) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t h2_error, void *arg)
{
    struct grpc_conn *c = arg;
    struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (c->settings.server && (!s || !s->remote_closed))
        grpc_watch_forgive(&c->watch, id);
    if (!s)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    s->remote_closed = s->input_dead = true;
    if (c->settings.server)
        grpc_server_closed(s);
    else
        grpc_client_closed(s, h2_error);
    grpc_stream_release(s);
    return 0;
}

/* ---- set-up ---- */

/* Through plain malloc, so that tests which let the n-th allocation fail reach nghttp2's too. */
static void *mem_malloc(size_t size, void *arg)
{
    (void)arg;
    return malloc(size);
}

static void *mem_calloc(size_t count, size_t size, void *arg)
{
    (void)arg;
    return calloc(count, size);
}

static void *mem_realloc(void *p, size_t size, void *arg)
{
    (void)arg;
    return realloc(p, size);
}

static void mem_free(void *p, void *arg)
{
    (void)arg;
    free(p);
}

static int submit_settings(struct grpc_conn *c)
{
    const struct grpc_settings *s = &c->settings;
    nghttp2_settings_entry entries[5];
    size_t n = 0;
    entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, s->window};
    if (s->metadata_max < UINT32_MAX)
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)s->metadata_max};
    if (s->server) {
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->streams_max};
    } else {
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0};
    }
    int rv = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, entries, n);
    if (rv == 0) {
        int32_t window = s->window > (uint32_t)GRPC_WINDOW_CONNECTION ? (int32_t)s->window : GRPC_WINDOW_CONNECTION;
        rv = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, window);
    }
    return rv;
}

int grpc_session_open(struct grpc_conn *c)
{
    static nghttp2_mem mem = {NULL, mem_malloc, mem_free, mem_calloc, mem_realloc};
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    int rc = ERROR_MEMORY;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        goto out;
    if (nghttp2_option_new(&option) != 0)
        goto out;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, before_frame_send);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);

    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_peer_max_concurrent_streams(option, GRPC_STREAMS_ASSUMED);
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, 0); /* ours is used */
    /* gRPC's libraries send a status text as it is, also with a space at its end, and take such a one. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, !c->settings.server);

    int rv = c->settings.server ? nghttp2_session_server_new3(&c->session, callbacks, c, option, &mem)
                                : nghttp2_session_client_new3(&c->session, callbacks, c, option, &mem);
    if (rv == 0)
        rv = submit_settings(c);
    rc = rv == 0 ? 0 : rv == NGHTTP2_ERR_NOMEM ? ERROR_MEMORY : ERROR_INVALID;
out:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}
