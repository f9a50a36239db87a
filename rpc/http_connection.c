#include "rpc/http_internal.h"

#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>

/* ---- the life of a connection ---------------------------------------------------------------------------------- */

/* Never while the parser or a handler is on the stack. */
void http_connection_free(struct http_connection *c)
{
    struct http_server *s = c->server;
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        s->connections = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    s->connection_count--;
    world_timer_stop(&c->timer);
    world_task_cancel(&c->task);
    if (c->cut)
        world_stream_abort(c->stream);
    else
        world_stream_close(c->stream);
    struct http_exchange *x = c->exchange;
    struct http_raw *raw = c->raw;
    tls_session_free(c->tls);
    http1_parser_free(c->parser);
    text_deinit(&c->out);
    text_deinit(&c->cipher);
    text_deinit(&c->plain);
    text_deinit(&c->pending);
    free(c);
    if (s->draining && s->connection_count == 0)
        world_task_post(&s->drained_task);
    if (raw != NULL) {
        raw->connection = NULL;
        raw->events.ended(raw->arg);
    }
    if (x == NULL)
        return;
    x->connection = NULL;
    if (!x->handed)
        http_exchange_free(x);
    else if (x->cancelled != NULL)
        x->cancelled(x->cancelled_arg); /* may finish, and so free, the exchange */
}

static bool wait_for(struct http_connection *c, enum http_wait what, uint64_t delay)
{
    c->waiting = what;
    c->waiting_requests = c->requests;
    c->queued_before = world_stream_queued(c->stream);
    return world_timer_start(&c->timer, delay) == 0;
}

/* What may take how long now. A head is timed from its first byte, or from the start of TLS, and gets no extension by
 * trickling; a body must keep up a pace; a handler, and a protocol that has taken over, take their own time. */
static void arm(struct http_connection *c)
{
    const struct http_server_options *o = &c->server->options;
    bool ok = true;
    if (c->lingering || c->dead)
        return;
    if (c->raw != NULL || (c->exchange != NULL && c->exchange->handed)) {
        world_timer_stop(&c->timer);
        c->waiting = HTTP_WAIT_NOTHING;
    } else if (c->exchange != NULL) {
        if (c->waiting != HTTP_WAIT_BODY || c->waiting_requests != c->requests) {
            c->body_before = c->exchange->body.len;
            ok = wait_for(c, HTTP_WAIT_BODY, o->body_timeout);
        }
    } else if ((c->tls != NULL && !tls_session_ready(c->tls)) || !http1_parser_idle(c->parser)) {
        if (c->waiting != HTTP_WAIT_HEAD || c->waiting_requests != c->requests)
            ok = wait_for(c, HTTP_WAIT_HEAD, o->head_timeout);
    } else if (c->waiting != HTTP_WAIT_REQUEST || c->waiting_requests != c->requests) {
        /* Bytes that make no request, such as half a TLS record or blank lines, win no time. */
        ok = wait_for(c, HTTP_WAIT_REQUEST, o->idle_timeout);
    }
    if (!ok) {
        c->dead = true; /* no memory for a timer: better no connection than one nobody watches */
        world_task_post(&c->task);
    }
}

static void flush(struct http_connection *c)
{
    int rc = 0;
    if (c->dead) {
        text_clear(&c->out);
        return;
    }
    if (!text_ok(&c->out)) {
        rc = ERROR_MEMORY;
    } else if (c->tls != NULL) {
        if (c->out.len != 0)
            rc = tls_session_send(c->tls, text_bytes(&c->out), &c->cipher, NULL);
        if (rc == 0 && c->cipher.len != 0)
            rc = text_ok(&c->cipher) ? world_stream_write(c->stream, text_bytes(&c->cipher)) : ERROR_MEMORY;
        text_clear(&c->cipher);
    } else if (c->out.len != 0) {
        rc = world_stream_write(c->stream, text_bytes(&c->out));
    }
    if (c->out.capacity > HTTP_FLUSH_AT)
        text_deinit(&c->out);
    else
        text_clear(&c->out);
    if (rc != 0) {
        c->dead = true;
        world_task_post(&c->task);
    }
}

void http_connection_written(struct http_connection *c)
{
    if (c->out.len >= HTTP_FLUSH_AT)
        flush(c);
    c->high = c->high || c->out.len + world_stream_queued(c->stream) > WORLD_WRITE_HIGH;
    if (world_stream_queued(c->stream) > HTTP_QUEUE_MAX && !c->dead) {
        log_warn("http", "a client does not read its answer: its connection is cut");
        c->dead = true;
    }
    world_task_post(&c->task);
}

void http_connection_done(struct http_connection *c, bool close)
{
    c->exchange = NULL;
    c->last = c->last || close;
    world_task_post(&c->task);
}

/* The answer to what never became an exchange. Nothing after it can be trusted to begin a message. */
void http_connection_refuse(struct http_connection *c, int status, const char *why)
{
    if (c->exchange != NULL && !c->exchange->handed) {
        http_exchange_free(c->exchange);
        c->exchange = NULL;
    }
    const struct http_server_options *o = &c->server->options;
    const char *type = o->refusal == NULL ? "text/plain; charset=utf-8" : o->refusal_type;
    struct text body = TEXT_INIT;
    if (o->refusal != NULL)
        o->refusal(status, why, &body);
    else
        text_printf(&body, "%d %s%s%s\n", status, http1_reason(status), why[0] == 0 ? "" : ": ", why);
    http1_write_response(&c->out, status);
    (void)http1_write_header(&c->out, "Date", bytes_of(http_server_date(c->server)));
    if (status == 503)
        (void)http1_write_header(&c->out, "Retry-After", bytes_of("1"));
    text_printf(&c->out, "Content-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", type, body.len);
    text_add(&c->out, body.data, body.len);
    text_deinit(&body);
    c->last = true;
    world_task_post(&c->task);
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void on_head(void *arg, const struct http1_head *head)
{
    struct http_connection *c = arg;
    c->requests++;
    int status = 0;
    c->exchange = http_exchange_new(c, head, &status);
    c->refuse = c->exchange == NULL ? 503 : status;
    if (c->refuse == 0 && head->expects_continue && head->length != 0) {
        text_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        world_task_post(&c->task);
    }
}

static void on_body(void *arg, struct bytes piece)
{
    struct http_connection *c = arg;
    if (c->refuse != 0)
        return;
    text_add(&c->exchange->body, piece.data, piece.len);
    if (!text_ok(&c->exchange->body))
        c->refuse = 503;
}

static void on_complete(void *arg)
{
    struct http_connection *c = arg;
    http1_parser_pause(c->parser);
    if (c->refuse != 0)
        return;
    c->exchange->handed = true;
    c->server->handle(c->server->arg, c->exchange);
}

static bool may_parse(struct http_connection *c)
{
    bool busy = c->exchange != NULL && c->exchange->handed;
    return !busy && c->raw == NULL && !c->last && !c->dead && world_stream_queued(c->stream) <= WORLD_WRITE_HIGH;
}

/* Parses as far as the handler and the peer's reading allow; the rest waits. */
static void parse(struct http_connection *c, struct bytes data)
{
    while (data.len != 0 && may_parse(c)) {
        struct error err = ERROR_INIT;
        int status = 400;
        int rc = http1_parser_feed(c->parser, data, &status, &err);
        data = http1_parser_unread(c->parser);
        if (rc == ERROR_MEMORY)
            status = 503;
        if (rc != 0)
            http_connection_refuse(c, status, err.message == NULL ? "" : err.message);
        else if (c->refuse != 0)
            http_connection_refuse(c, c->refuse, c->refuse == 400 ? "the path is not properly percent-encoded" : "");
        error_clear(&err);
        if (c->out.len >= HTTP_FLUSH_AT)
            flush(c);
    }
    if (data.len != 0 && !c->last && !c->dead) {
        text_add(&c->pending, data.data, data.len);
        if (!text_ok(&c->pending)) {
            c->dead = true;
            world_task_post(&c->task);
        }
    }
    if (c->reading && c->pending.len > HTTP_PENDING_MAX) {
        world_stream_pause(c->stream);
        c->reading = false;
    }
    arm(c);
}

/* A kept-alive connection between two requests has no say in when the server ends. */
static bool is_idle(const struct http_connection *c)
{
    return c->exchange == NULL && c->raw == NULL && c->pending.len == 0 && http1_parser_idle(c->parser);
}

static void tell_drained(struct http_connection *c)
{
    c->high = false;
    if (c->exchange != NULL && c->exchange->drained != NULL)
        c->exchange->drained(c->exchange->drained_arg);
    if (c->raw != NULL && c->raw->events.drained != NULL)
        c->raw->events.drained(c->raw->arg);
}

static void on_task(void *arg)
{
    struct http_connection *c = arg;
    flush(c);
    /* What was too much together with `out` may never have been too much for the stream, which then tells nothing. */
    if (c->high && !c->dead && world_stream_queued(c->stream) <= WORLD_WRITE_HIGH)
        tell_drained(c);
    if (c->dead) {
        http_connection_free(c);
        return;
    }
    if (c->lingering)
        return;
    if (c->server->draining && is_idle(c))
        c->last = true;
    struct text pending = TEXT_INIT;
    if (c->pending.len != 0 && c->raw != NULL && !c->raw->paused) {
        pending = c->pending;
        c->pending = TEXT_INIT;
        c->raw->events.readable(c->raw->arg, text_bytes(&pending));
    } else if (c->pending.len != 0 && may_parse(c)) {
        pending = c->pending;
        c->pending = TEXT_INIT;
        parse(c, text_bytes(&pending));
    } else {
        arm(c);
    }
    text_deinit(&pending);
    if (!c->reading && c->pending.len <= HTTP_PENDING_MAX && (c->raw == NULL || !c->raw->paused)) {
        c->reading = true;
        world_stream_resume(c->stream);
    }
    if (c->last && c->exchange == NULL && c->raw == NULL && c->out.len == 0) {
        /* Closing with bytes unread would reset the connection and may take the answer along: say the end, then
         * swallow for a moment what is still on its way. */
        if (c->tls != NULL) {
            tls_session_end(c->tls, &c->cipher);
            flush(c);
        }
        c->lingering = true;
        text_deinit(&c->pending);
        if (!wait_for(c, HTTP_WAIT_LINGER, HTTP_LINGER)) {
            http_connection_free(c);
            return;
        }
        world_stream_shutdown(c->stream);
    } else if (c->out.len != 0) {
        world_task_post(&c->task);
    }
}

static void on_timer(void *arg)
{
    struct http_connection *c = arg;
    size_t queued = world_stream_queued(c->stream);
    switch (c->waiting) {
    case HTTP_WAIT_BODY:
        if ((c->exchange->body.len - c->body_before) * (uint64_t)SECOND >=
            HTTP_BODY_RATE_MIN * c->server->options.body_timeout) {
            c->body_before = c->exchange->body.len;
            if (wait_for(c, HTTP_WAIT_BODY, c->server->options.body_timeout))
                return;
        }
        __attribute__((fallthrough));
    case HTTP_WAIT_HEAD:
        if (c->tls != NULL && !tls_session_ready(c->tls))
            http_connection_free(c);
        else
            http_connection_refuse(
                c, 408, c->waiting == HTTP_WAIT_HEAD ? "the request's head took too long" : "the body came too slowly");
        return;
    case HTTP_WAIT_REQUEST:
    case HTTP_WAIT_LINGER:
        if (queued < c->queued_before) { /* it still read the answer */
            if (!wait_for(c, c->waiting,
                          c->waiting == HTTP_WAIT_LINGER ? HTTP_LINGER : c->server->options.idle_timeout))
                http_connection_free(c);
            return;
        }
        http_connection_free(c);
        return;
    case HTTP_WAIT_NOTHING:
        return;
    }
}

/* ---- the stream ------------------------------------------------------------------------------------------------ */

static void on_readable(void *arg, struct bytes data)
{
    struct http_connection *c = arg;
    if (c->lingering || c->dead || c->last)
        return;
    if (c->tls != NULL) {
        text_clear(&c->plain);
        int rc = tls_session_receive(c->tls, data, &c->plain, &c->cipher, NULL);
        if (rc == 0 && !text_ok(&c->plain))
            rc = ERROR_MEMORY;
        if (rc != 0) {
            flush(c); /* the alert that says why */
            c->dead = true;
        }
        world_task_post(&c->task);
        if (rc != 0)
            return;
        data = text_bytes(&c->plain);
    }
    if (data.len == 0)
        return;
    if (c->pending.len == 0 && c->raw != NULL && !c->raw->paused) {
        c->raw->events.readable(c->raw->arg, data);
        return;
    }
    if (c->pending.len == 0) {
        parse(c, data);
        return;
    }
    text_add(&c->pending, data.data, data.len);
    if (!text_ok(&c->pending)) {
        c->dead = true;
        world_task_post(&c->task);
    } else if (c->reading && c->pending.len > HTTP_PENDING_MAX) {
        world_stream_pause(c->stream);
        c->reading = false;
    }
}

static void on_drained(void *arg)
{
    struct http_connection *c = arg;
    world_task_post(&c->task);
    tell_drained(c);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    http_connection_free(arg);
}

struct http_connection *http_connection_new(struct http_server *s, struct world_stream *stream)
{
    static const struct world_stream_events events = {
        .readable = on_readable, .drained = on_drained, .ended = on_ended};
    static const struct http1_events parsed = {on_head, on_body, on_complete};
    struct http_connection *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    if (http1_parser_new(false, s->options.body_max, &parsed, c, &c->parser) != 0 ||
        (s->options.tls != NULL && tls_session_new(s->options.tls, NULL, &c->tls, NULL) != 0)) {
        http1_parser_free(c->parser);
        free(c);
        return NULL;
    }
    c->server = s;
    c->stream = stream;
    c->reading = true;
    world_timer_init(&c->timer, s->world, on_timer, c);
    world_task_init(&c->task, s->world, on_task, c);
    c->next = s->connections;
    if (c->next != NULL)
        c->next->previous = c;
    s->connections = c;
    s->connection_count++;
    world_stream_accept(stream, &events, c);
    arm(c);
    return c;
}
