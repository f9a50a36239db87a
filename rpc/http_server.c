#include "rpc/http_internal.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char *http_server_date(struct http_server *s)
{
    int64_t second = world_wall(s->world) / 1000000000;
    if (second != s->date_second || s->date[0] == 0) {
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct tm tm = {0};
        time_t at = (time_t)second;
        gmtime_r(&at, &tm);
        (void)snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7],
                       tm.tm_mday % 100, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour % 100,
                       tm.tm_min % 100, tm.tm_sec % 100);
        s->date_second = second;
    }
    return s->date;
}

/* ---- the life of a connection ---------------------------------------------------------------------------------- */

/* Never while the parser or a handler is on the stack. */
static void connection_free(struct http_connection *c)
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
    world_stream_close(c->stream);
    struct http_exchange *x = c->exchange;
    tls_session_free(c->tls);
    http1_parser_free(c->parser);
    text_deinit(&c->out);
    text_deinit(&c->cipher);
    text_deinit(&c->plain);
    text_deinit(&c->pending);
    free(c);
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
 * trickling; a body by its pieces; a handler takes its own time. */
static void arm(struct http_connection *c)
{
    const struct http_server_options *o = &c->server->options;
    bool ok = true;
    if (c->lingering || c->dead)
        return;
    if (c->exchange != NULL && c->exchange->handed) {
        world_timer_stop(&c->timer);
        c->waiting = HTTP_WAIT_NOTHING;
    } else if (c->exchange != NULL) {
        ok = wait_for(c, HTTP_WAIT_BODY, o->idle_timeout);
    } else if ((c->tls != NULL && !tls_session_ready(c->tls)) || !http1_parser_idle(c->parser)) {
        if (c->waiting != HTTP_WAIT_HEAD || c->waiting_requests != c->requests)
            ok = wait_for(c, HTTP_WAIT_HEAD, o->head_timeout);
    } else {
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
static void refuse(struct http_connection *c, int status, const char *why)
{
    if (c->exchange != NULL && !c->exchange->handed) {
        http_exchange_free(c->exchange);
        c->exchange = NULL;
    }
    struct text body = TEXT_INIT;
    text_printf(&body, "%d %s%s%s\n", status, http1_reason(status), why[0] == 0 ? "" : ": ", why);
    http1_write_response(&c->out, status);
    (void)http1_write_header(&c->out, "Date", bytes_of(http_server_date(c->server)));
    text_printf(&c->out, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                body.len);
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
    return !busy && !c->last && !c->dead && world_stream_queued(c->stream) <= WORLD_WRITE_HIGH;
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
            refuse(c, status, err.message == NULL ? "" : err.message);
        else if (c->refuse != 0)
            refuse(c, c->refuse, c->refuse == 400 ? "the path is not properly percent-encoded" : "");
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

static void on_task(void *arg)
{
    struct http_connection *c = arg;
    flush(c);
    if (c->dead) {
        connection_free(c);
        return;
    }
    if (c->lingering)
        return;
    if (c->pending.len != 0 && may_parse(c)) {
        struct text pending = c->pending;
        c->pending = TEXT_INIT;
        parse(c, text_bytes(&pending));
        text_deinit(&pending);
    } else {
        arm(c);
    }
    if (!c->reading && c->pending.len <= HTTP_PENDING_MAX) {
        c->reading = true;
        world_stream_resume(c->stream);
    }
    if (c->last && c->exchange == NULL && c->out.len == 0) {
        /* Closing with bytes unread would reset the connection and may take the answer along: say the end, then
         * swallow for a moment what is still on its way. */
        if (c->tls != NULL) {
            tls_session_end(c->tls, &c->cipher);
            flush(c);
        }
        c->lingering = true;
        text_deinit(&c->pending);
        if (!wait_for(c, HTTP_WAIT_LINGER, HTTP_LINGER)) {
            connection_free(c);
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
    case HTTP_WAIT_HEAD:
    case HTTP_WAIT_BODY:
        if (c->tls != NULL && !tls_session_ready(c->tls))
            connection_free(c);
        else
            refuse(c, 408, c->waiting == HTTP_WAIT_HEAD ? "the request's head took too long" : "the body stalled");
        return;
    case HTTP_WAIT_REQUEST:
    case HTTP_WAIT_LINGER:
        if (queued != 0 && queued < c->queued_before) {
            if (!wait_for(c, c->waiting,
                          c->waiting == HTTP_WAIT_LINGER ? HTTP_LINGER : c->server->options.idle_timeout))
                connection_free(c);
            return;
        }
        connection_free(c);
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
    if (c->exchange != NULL && c->exchange->drained != NULL)
        c->exchange->drained(c->exchange->drained_arg);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    connection_free(arg);
}

static void on_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {
        .readable = on_readable, .drained = on_drained, .ended = on_ended};
    static const struct http1_events parsed = {on_head, on_body, on_complete};
    struct http_server *s = arg;
    struct http_connection *c = NULL;
    if (s->connection_count >= s->options.connections_max) {
        if (!s->told_full)
            log_warn("http", "%u connections are open: further ones are turned away", (unsigned)s->connection_count);
        s->told_full = true;
        world_stream_abort(stream);
        return;
    }
    s->told_full = false;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        goto fail;
    if (http1_parser_new(false, s->options.body_max, &parsed, c, &c->parser) != 0)
        goto fail;
    if (s->options.tls != NULL && tls_session_new(s->options.tls, NULL, &c->tls, NULL) != 0)
        goto fail;
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
    return;

fail:
    log_warn("http", "no memory for a connection");
    if (c != NULL)
        http1_parser_free(c->parser);
    free(c);
    world_stream_abort(stream);
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

int http_server_new(struct world *w, const struct http_server_options *options,
                    void (*handle)(void *arg, struct http_exchange *x), void *arg, struct http_server **out,
                    struct error *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->handle = handle;
    s->arg = arg;
    if (options != NULL)
        s->options = *options;
    if (s->options.body_max == 0)
        s->options.body_max = HTTP_BODY_MAX_DEFAULT;
    if (s->options.head_timeout == 0)
        s->options.head_timeout = HTTP_HEAD_TIMEOUT_DEFAULT;
    if (s->options.idle_timeout == 0)
        s->options.idle_timeout = HTTP_IDLE_TIMEOUT_DEFAULT;
    if (s->options.connections_max == 0)
        s->options.connections_max = HTTP_CONNECTIONS_MAX_DEFAULT;
    *out = s;
    return 0;
}

int http_server_listen(struct http_server *s, const char *address, struct error *err)
{
    if (s->listener_count == HTTP_LISTENERS_MAX)
        return error_set(err, ERROR_LIMIT, "an HTTP server listens on at most %d addresses", HTTP_LISTENERS_MAX);
    int rc = world_listen(s->world, address, on_accept, s, &s->listeners[s->listener_count], err);
    if (rc == 0)
        s->listener_count++;
    return rc;
}

int http_server_port(const struct http_server *s)
{
    return s->listener_count == 0 ? 0 : world_listener_port(s->listeners[0]);
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->listener_count; i++)
        world_listener_close(s->listeners[i]);
    for (struct http_connection *c = s->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_free(c);
    }
    free(s);
}
