#include "rpc/http_internal.h"

#include <stdlib.h>

int http_upgrade(struct http_exchange *x, const char *protocol, const struct http_raw_events *events, void *arg,
                 struct http_raw **out)
{
    struct http_connection *c = x->connection;
    if (c == NULL)
        return ERROR_CLOSED;
    if (!x->head.upgrade || x->begun)
        return ERROR_PROTOCOL;
    struct http_raw *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ERROR_MEMORY;
    *r = (struct http_raw){.connection = c, .events = *events, .arg = arg};
    http1_write_response(&c->out, 101);
    if (!x->dated)
        (void)http1_write_header(&c->out, "Date", bytes_of(http_server_date(c->server)));
    text_add(&c->out, x->headers.data, x->headers.len);
    (void)http1_write_header(&c->out, "Upgrade", bytes_of(protocol));
    (void)http1_write_header(&c->out, "Connection", bytes_of("Upgrade"));
    http1_write_end(&c->out);
    x->status = 101;
    http_exchange_free(x);
    c->raw = r;
    c->exchange = NULL;
    http_connection_written(c); /* its task delivers what is pending */
    *out = r;
    return 0;
}

void http_raw_listen(struct http_raw *r, const struct http_raw_events *events, void *arg)
{
    r->events = *events;
    r->arg = arg;
}

int http_raw_write(struct http_raw *r, struct bytes data)
{
    struct http_connection *c = r->connection;
    if (r->call != NULL)
        return http_client_raw_write(r->call, data);
    if (c == NULL || c->dead)
        return ERROR_CLOSED;
    text_add(&c->out, data.data, data.len);
    http_connection_written(c);
    return text_ok(&c->out) ? 0 : ERROR_MEMORY;
}

size_t http_raw_queued(const struct http_raw *r)
{
    const struct http_connection *c = r->connection;
    if (r->call != NULL)
        return http_client_raw_queued(r->call);
    return c == NULL ? 0 : c->out.len + world_stream_queued(c->stream);
}

void http_raw_pause(struct http_raw *r)
{
    struct http_connection *c = r->connection;
    r->paused = true;
    if (r->call != NULL)
        http_fetch_pause(r->call);
    if (c != NULL && c->reading) {
        world_stream_pause(c->stream);
        c->reading = false;
    }
}

void http_raw_resume(struct http_raw *r)
{
    r->paused = false;
    if (r->call != NULL)
        http_fetch_resume(r->call);
    if (r->connection != NULL)
        world_task_post(&r->connection->task); /* delivers what is pending, then reads on */
}

void http_raw_close(struct http_raw *r)
{
    if (r == NULL)
        return;
    if (r->connection != NULL) {
        r->connection->raw = NULL;
        r->connection->last = true;
        world_task_post(&r->connection->task);
    }
    if (r->call != NULL)
        http_client_raw_close(r->call);
    free(r);
}
