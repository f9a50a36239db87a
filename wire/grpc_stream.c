#include "wire/grpc_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- structs ---- */

static void trim(struct text *t)
{
    if (t->capacity > GRPC_BUFFER_KEEP)
        text_deinit(t);
    else
        text_clear(t);
}

static size_t queued(const struct grpc_stream *s)
{
    return s->out.len - s->out_at;
}

/* A fresh stream from the idle ones, which keep their buffers. */
struct grpc_stream *grpc_stream_take(struct grpc_conn *c)
{
    struct grpc_stream *s = c->idle;
    if (s) {
        c->idle = s->next;
        c->idle_count--;
        struct text in = s->in, out = s->out, head = s->head, tail = s->tail;
        memset(s, 0, offsetof(struct grpc_stream, content_type) + 1);
        s->in = in;
        s->out = out;
        s->head = head;
        s->tail = tail;
    } else {
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
    }
    s->conn = c;
    s->next = c->streams;
    if (s->next)
        s->next->prev = s;
    c->streams = s;
    c->stream_count++;
    return s;
}

void grpc_stream_release(struct grpc_stream *s)
{
    struct grpc_conn *c = s->conn;
    if (s->pending) {
        struct grpc_stream **link = &c->pending;
        while (*link != s)
            link = &(*link)->pending_next;
        *link = s->pending_next;
    }
    if (s->prev)
        s->prev->next = s->next;
    else
        c->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    c->stream_count--;
    c->queued -= queued(s);
    if (c->idle_count >= GRPC_STREAMS_KEEP || c->dying) {
        text_deinit(&s->in);
        text_deinit(&s->out);
        text_deinit(&s->head);
        text_deinit(&s->tail);
        free(s);
        return;
    }
    trim(&s->in);
    trim(&s->out);
    trim(&s->head);
    trim(&s->tail);
    s->next = c->idle;
    c->idle = s;
    c->idle_count++;
}

void grpc_stream_drop_queue(struct grpc_stream *s)
{
    s->conn->queued -= queued(s);
    trim(&s->out);
    s->out_at = 0;
}

void grpc_stream_rst(struct grpc_stream *s, uint32_t h2_error)
{
    struct grpc_conn *c = s->conn;
    if (s->reset || c->dying || c->failed)
        return;
    s->reset = s->input_dead = true;
    grpc_session_check(c, nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, h2_error));
}

/* ---- the queue ---- */

/* nghttp2 asks how much of the queue goes into the next DATA frame; grpc_stream_send_data() then writes it. */
static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t max, uint32_t *flags,
                       nghttp2_data_source *source, void *arg)
{
    struct grpc_stream *s = source->ptr;
    (void)session;
    (void)id;
    (void)buffer;
    (void)arg;
    size_t have = queued(s);
    if (s->reset || (have == 0 && !s->local_end)) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (have > max)
        have = max;
    if (have > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (have == queued(s) && s->local_end) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        s->local_closed = true;
        if (s->conn->settings.server && !s->bare) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (nghttp2_submit_trailer(s->conn->session, s->id, NULL, 0) != 0)
                return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)have;
}

nghttp2_data_provider grpc_stream_provider(struct grpc_stream *s)
{
    return (nghttp2_data_provider){.source.ptr = s, .read_callback = on_read};
}

/* Many streams, each with less than its own limit, may hold a lot together. */
static bool crowded(const struct grpc_conn *c)
{
    return c->settings.server && c->queued > c->settings.queue_max / GRPC_CROWDED_PART;
}

int grpc_stream_send_data(struct grpc_stream *s, const uint8_t *frame_head, size_t len)
{
    struct grpc_conn *c = s->conn;
    if (!text_reserve(c->sending, GRPC_FRAME_HEAD + len))
        return ERROR_MEMORY;
    text_add(c->sending, frame_head, GRPC_FRAME_HEAD);
    text_add(c->sending, s->out.data + s->out_at, len);
    s->out_at += len;
    c->queued -= len;
    if (s->out_at == s->out.len)
        grpc_stream_drop_queue(s);
    if (s->above_high && queued(s) < GRPC_WRITE_LOW && (queued(s) == 0 || !crowded(c))) {
        s->above_high = false;
        if (!s->pending) {
            s->pending = true;
            s->pending_next = c->pending;
            c->pending = s;
        }
    }
    return 0;
}

/* Not from inside on_read, where the owner's answer would change the queue under nghttp2's feet. */
bool grpc_conn_tell_writable(struct grpc_conn *c)
{
    bool told = false;
    while (c->pending) {
        struct grpc_stream *s = c->pending;
        c->pending = s->pending_next;
        s->pending = false;
        /* What was said since may have filled the queue again: then its turn comes when that has gone. */
        if (s->above_high || s->reset || s->local_end || s->finished || !c->events.writable)
            continue;
        c->events.writable(c->arg, s);
        told = true;
    }
    return told;
}

static void resume(struct grpc_stream *s)
{
    if (!s->deferred)
        return;
    s->deferred = false;
    int rv = nghttp2_session_resume_data(s->conn->session, s->id);
    if (rv != NGHTTP2_ERR_INVALID_ARGUMENT)
        grpc_session_check(s->conn, rv);
}

static void added(struct grpc_stream *s, size_t len)
{
    s->conn->queued += len;
    if (queued(s) > GRPC_WRITE_HIGH || crowded(s->conn))
        s->above_high = true;
}

/* Makes room for `extra` bytes without losing the queue when there is none. */
static int make_room(struct grpc_stream *s, size_t extra)
{
    if (s->out_at > GRPC_BUFFER_KEEP && s->out_at > s->out.len / 2) {
        text_consume(&s->out, s->out_at);
        s->out_at = 0;
    }
    if (text_reserve(&s->out, extra))
        return 0;
    s->out.failed = false;
    return ERROR_MEMORY;
}

static int enqueue(struct grpc_stream *s, struct bytes message)
{
    struct grpc_conn *c = s->conn;
    bool compressed = false;
    if (s->gzip && s->gzip_announced && message.len > 0) {
        text_clear(&c->packed);
        int rc = grpc_gzip_compress(&c->gzip, message, &c->packed);
        if (rc) {
            trim(&c->packed);
            return rc;
        }
        compressed = c->packed.len < message.len; /* what does not shrink goes as it is */
        if (compressed)
            message = text_bytes(&c->packed);
    }
    int rc = make_room(s, GRPC_PREFIX_SIZE + message.len);
    if (rc == 0) {
        uint32_t len = (uint32_t)message.len;
        uint8_t prefix[GRPC_PREFIX_SIZE] = {compressed, (uint8_t)(len >> 24), (uint8_t)(len >> 16 & 0xff),
                                            (uint8_t)(len >> 8 & 0xff), (uint8_t)(len & 0xff)};
        text_add(&s->out, prefix, sizeof prefix);
        text_add(&s->out, message.data, message.len);
        added(s, sizeof prefix + message.len);
    }
    trim(&c->packed);
    return rc;
}

/* ---- what the owner says ---- */

void grpc_stream_set_user(struct grpc_stream *s, void *user)
{
    s->user = user;
}

void *grpc_stream_user(const struct grpc_stream *s)
{
    return s->user;
}

uint32_t grpc_stream_id(const struct grpc_stream *s)
{
    return (uint32_t)s->id;
}

size_t grpc_stream_queued(const struct grpc_stream *s)
{
    return queued(s);
}

bool grpc_stream_busy(const struct grpc_stream *s)
{
    return s->above_high;
}

bool grpc_conn_full(const struct grpc_conn *c)
{
    return c->settings.server && c->queued > c->settings.queue_max;
}

struct bytes grpc_stream_content_type(const struct grpc_stream *s)
{
    return bytes_of(s->content_type);
}

bool grpc_stream_peer_gzip(const struct grpc_stream *s)
{
    return s->peer_gzip;
}

void grpc_stream_set_gzip(struct grpc_stream *s, bool on)
{
    s->gzip = on;
}

static bool over(const struct grpc_stream *s)
{
    return s->conn->dying || s->conn->failed || s->reset || s->finished || s->local_end;
}

static int send_headers(struct grpc_stream *s, struct grpc_metadata metadata)
{
    struct grpc_conn *c = s->conn;
    int rc = grpc_records_add_metadata(&s->head, metadata, c->settings.metadata_max, NULL);
    nghttp2_data_provider provider = grpc_stream_provider(s);
    if (rc == 0)
        rc = grpc_session_check(c, nghttp2_submit_response(c->session, s->id, NULL, 0, &provider));
    if (rc) {
        text_clear(&s->head);
        return rc;
    }
    s->gzip_announced = s->gzip && s->gzip_allowed;
    s->headers_sent = true;
    return 0;
}

int grpc_stream_send_headers(struct grpc_stream *s, struct grpc_metadata metadata)
{
    if (over(s))
        return ERROR_CLOSED;
    if (!s->conn->settings.server || s->headers_sent)
        return ERROR_INVALID;
    return send_headers(s, metadata);
}

int grpc_stream_send_message(struct grpc_stream *s, struct bytes message)
{
    if (over(s))
        return ERROR_CLOSED;
    if (message.len > s->conn->settings.message_max || message.len > UINT32_MAX)
        return ERROR_LIMIT;
    if (grpc_conn_full(s->conn)) {
        s->incomplete = true;
        return ERROR_LIMIT;
    }
    if (!s->headers_sent) {
        int rc = send_headers(s, (struct grpc_metadata){NULL, 0});
        if (rc)
            return rc;
    }
    int rc = enqueue(s, message);
    if (rc == 0)
        resume(s);
    return rc;
}

int grpc_stream_send_raw(struct grpc_stream *s, struct bytes data)
{
    if (over(s))
        return ERROR_CLOSED;
    if (s->conn->settings.server && !s->headers_sent)
        return ERROR_INVALID;
    int rc = make_room(s, data.len);
    if (rc)
        return rc;
    text_add(&s->out, data.data, data.len);
    added(s, data.len);
    resume(s);
    return 0;
}

int grpc_stream_half_close(struct grpc_stream *s)
{
    if (s->conn->settings.server)
        return ERROR_INVALID;
    if (over(s))
        return ERROR_CLOSED;
    s->local_end = true;
    resume(s);
    return 0;
}

/* Cut at a character's start, so that the rest stays UTF-8. */
static struct bytes status_text(struct bytes message)
{
    if (message.len <= GRPC_STATUS_TEXT_MAX)
        return message;
    size_t len = GRPC_STATUS_TEXT_MAX;
    while (len > GRPC_STATUS_TEXT_MAX - 4 && (message.data[len] & 0xc0) == 0x80)
        len--;
    return BYTES(message.data, len);
}

static int build_tail(struct grpc_stream *s, struct bytes message, struct bytes details, struct grpc_metadata trailers)
{
    struct text *scratch = &s->conn->scratch;
    int rc = 0;
    text_clear(&s->tail);
    if (message.len > 0) {
        text_clear(scratch);
        grpc_percent_encode(status_text(message), scratch);
        rc =
            text_ok(scratch) ? grpc_records_add(&s->tail, bytes_of("grpc-message"), text_bytes(scratch)) : ERROR_MEMORY;
    }
    if (rc == 0 && details.len > 0) {
        if (details.len > s->conn->settings.metadata_max)
            return ERROR_LIMIT;
        text_clear(scratch);
        base64_encode_bare(scratch, details);
        rc = text_ok(scratch) ? grpc_records_add(&s->tail, bytes_of("grpc-status-details-bin"), text_bytes(scratch))
                              : ERROR_MEMORY;
    }
    if (rc == 0 && trailers.count > 0)
        rc = grpc_records_add_metadata(&s->tail, trailers, s->conn->settings.metadata_max, NULL);
    return rc;
}

/* Whatever is wrong with the trailers, the call must end: then as INTERNAL, saying why, and the caller hears it too. */
int grpc_stream_finish(struct grpc_stream *s, int status, struct bytes message, struct bytes details,
                       struct grpc_metadata trailers)
{
    struct grpc_conn *c = s->conn;
    if (over(s))
        return ERROR_CLOSED;
    if (!c->settings.server)
        return ERROR_INVALID;
    if (s->incomplete && status == GRPC_OK) { /* an owner that did not look; its client must not take it for all */
        status = GRPC_RESOURCE_EXHAUSTED;
        message = bytes_of("a message was not sent: too much waits to be read on this connection");
    }
    int rc = build_tail(s, message, details, trailers);
    if (rc) {
        static const char bad[] = "the server's trailers are not valid metadata";
        static const char large[] = "the server's trailers are too large";
        struct bytes why = rc == ERROR_LIMIT ? bytes_of(large) : bytes_of(bad);
        status = rc == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL;
        s->tail.failed = false;
        if (rc == ERROR_MEMORY || build_tail(s, why, BYTES_NONE, (struct grpc_metadata){NULL, 0}) != 0)
            text_deinit(&s->tail); /* a status alone needs no memory */
    }
    s->status = status;
    s->finished = s->local_end = s->input_dead = true;
    if (s->headers_sent) {
        resume(s);
        return rc;
    }
    int rv = nghttp2_submit_response(c->session, s->id, NULL, 0, NULL);
    s->headers_sent = s->local_closed = true;
    if (rv != 0) {
        grpc_session_check(c, rv);
        grpc_conn_fail(c, ERROR_MEMORY, "out of memory");
        return ERROR_MEMORY;
    }
    return rc;
}

int grpc_stream_end_bare(struct grpc_stream *s)
{
    if (over(s))
        return ERROR_CLOSED;
    if (!s->conn->settings.server)
        return ERROR_INVALID;
    int rc = s->headers_sent ? 0 : send_headers(s, (struct grpc_metadata){NULL, 0});
    if (rc)
        return rc;
    s->bare = s->finished = s->local_end = s->input_dead = true;
    resume(s);
    return 0;
}

void grpc_stream_reset(struct grpc_stream *s, uint32_t h2_error)
{
    if (s->reset || s->conn->dying || s->conn->failed)
        return;
    if (s->conn->settings.server)
        s->finished = true; /* the owner ended it: no `cancelled` */
    grpc_stream_drop_queue(s);
    grpc_stream_rst(s, h2_error);
}

void grpc_stream_consumed(struct grpc_stream *s, size_t window_cost)
{
    struct grpc_conn *c = s->conn;
    if (window_cost == 0 || s->remote_closed || s->reset || c->dying || c->failed)
        return;
    grpc_session_check(c, nghttp2_session_consume_stream(c->session, s->id, window_cost));
}
