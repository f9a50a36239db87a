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

static void on_accept(void *arg, struct world_stream *stream)
{
    struct http_server *s = arg;
    bool full = s->connection_count >= s->options.connections_max;
    if (full && !s->told_full)
        log_warn("http", "%u connections are open: further ones are turned away", (unsigned)s->connection_count);
    s->told_full = full;
    /* Somebody turned away is told so, as long as that costs no handshake and not too many are being told at once. */
    if (full &&
        (s->options.tls != NULL || s->connection_count >= s->options.connections_max + HTTP_CONNECTIONS_SPARE)) {
        world_stream_abort(stream);
        return;
    }
    struct http_connection *c = http_connection_new(s, stream);
    if (c == NULL) {
        log_warn("http", "no memory for a connection");
        world_stream_abort(stream);
    } else if (full) {
        http_connection_refuse(c, 503, "too many connections");
    }
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

static void on_drained(void *arg)
{
    struct http_server *s = arg;
    void (*done)(void *arg) = s->drained;
    s->drained = NULL;
    world_timer_stop(&s->drain_timer);
    if (done != NULL)
        done(s->drained_arg); /* may free the server */
}

static void on_grace_over(void *arg)
{
    struct http_server *s = arg;
    for (struct http_connection *c = s->connections, *next; c != NULL; c = next) {
        next = c->next;
        http_connection_free(c);
    }
    world_task_post(&s->drained_task);
}

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
    world_timer_init(&s->drain_timer, w, on_grace_over, s);
    world_task_init(&s->drained_task, w, on_drained, s);
    if (options != NULL)
        s->options = *options;
    if (s->options.body_max == 0)
        s->options.body_max = HTTP_BODY_MAX_DEFAULT;
    if (s->options.head_timeout == 0)
        s->options.head_timeout = HTTP_HEAD_TIMEOUT_DEFAULT;
    if (s->options.body_timeout == 0)
        s->options.body_timeout = HTTP_BODY_TIMEOUT_DEFAULT;
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
        http_connection_free(c);
    }
    world_timer_stop(&s->drain_timer);
    world_task_cancel(&s->drained_task);
    free(s);
}

void http_server_drain(struct http_server *s, uint64_t grace, void (*done)(void *arg), void *arg)
{
    s->draining = true;
    s->drained = done;
    s->drained_arg = arg;
    for (size_t i = 0; i < s->listener_count; i++)
        world_listener_close(s->listeners[i]);
    s->listener_count = 0;
    for (struct http_connection *c = s->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (c->raw != NULL && c->raw->events.draining != NULL)
            c->raw->events.draining(c->raw->arg);
        world_task_post(&c->task);
    }
    if (s->connection_count == 0)
        world_task_post(&s->drained_task);
    else if (world_timer_start(&s->drain_timer, grace) != 0)
        on_grace_over(s);
}

bool http_server_draining(const struct http_server *s)
{
    return s->draining;
}
