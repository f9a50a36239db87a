#include "rpc/http_internal.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- the request ----------------------------------------------------------------------------------------------- */

static bool copy_bytes(struct arena *a, struct bytes from, struct bytes *to)
{
    const char *copy = arena_string_n(a, (const char *)from.data, from.len);
    *to = BYTES(copy, from.len);
    return copy != NULL;
}

static bool copy_head(struct arena *a, const struct http1_head *from, struct http1_head *to)
{
    struct http1_header *headers = ARENA_NEW_N(a, struct http1_header, from->header_count + 1);
    if (headers == NULL)
        return false;
    *to = *from;
    to->headers = headers;
    for (size_t i = 0; i < from->header_count; i++)
        if (!copy_bytes(a, from->headers[i].name, &headers[i].name) ||
            !copy_bytes(a, from->headers[i].value, &headers[i].value))
            return false;
    to->reason = BYTES_NONE;
    return copy_bytes(a, from->method, &to->method) && copy_bytes(a, from->target, &to->target);
}

/* Path and query out of a target in any of its forms. */
static int split_target(struct http_exchange *x)
{
    struct bytes target = x->head.target;
    if (target.data[0] != '/' && !bytes_is(target, "*") && !bytes_is(x->head.method, "CONNECT")) {
        const uint8_t *authority = (const uint8_t *)strstr((const char *)target.data, "://") + 3;
        size_t skip = (size_t)(authority - target.data);
        skip += strcspn((const char *)authority, "/?");
        target = BYTES(target.data + skip, target.len - skip);
    }
    size_t len = strcspn((const char *)target.data, "?");
    x->query = len < target.len ? (const char *)target.data + len + 1 : "";
    struct text path = TEXT_INIT;
    int status = 0;
    if (!http1_url_decode(BYTES(target.data, len), false, &path) ||
        (path.len != 0 && memchr(path.data, 0, path.len) != NULL))
        status = 400;
    else if (!text_ok(&path) || (x->path = arena_string(&x->arena, path.len == 0 ? "/" : text_string(&path))) == NULL)
        status = 503;
    text_deinit(&path);
    return status;
}

struct http_exchange *http_exchange_new(struct http_connection *c, const struct http1_head *head, int *refuse)
{
    struct http_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->connection = c;
    x->world = c->server->world;
    x->close = !head->keep_alive;
    if (!copy_head(&x->arena, head, &x->head))
        goto out_of_memory;
    x->method = (const char *)x->head.method.data;
    x->peer = arena_string(&x->arena, world_stream_peer(c->stream));
    if (x->peer == NULL)
        goto out_of_memory;
    *refuse = split_target(x);
    if (head->length > 0 &&
        !text_reserve(&x->body,
                      (uint64_t)head->length < HTTP_BODY_RESERVE_MAX ? (size_t)head->length : HTTP_BODY_RESERVE_MAX))
        goto out_of_memory;
    return x;

out_of_memory:
    http_exchange_free(x);
    return NULL;
}

void http_exchange_free(struct http_exchange *x)
{
    if (x == NULL)
        return;
    if (x->ended != NULL)
        x->ended(x->ended_arg, x->status);
    text_deinit(&x->body);
    text_deinit(&x->headers);
    arena_deinit(&x->arena);
    free(x);
}

struct world *http_world(const struct http_exchange *x)
{
    return x->world;
}

struct arena *http_arena(struct http_exchange *x)
{
    return &x->arena;
}

const struct http1_head *http_head(const struct http_exchange *x)
{
    return &x->head;
}

const char *http_method(const struct http_exchange *x)
{
    return x->method;
}

const char *http_path(const struct http_exchange *x)
{
    return x->path;
}

const char *http_query(const struct http_exchange *x)
{
    return x->query;
}

const char *http_request_header(const struct http_exchange *x, const char *name)
{
    /* Copied with a NUL behind it, and the parser lets no NUL into a value. */
    return (const char *)http1_find(&x->head, name).data;
}

struct bytes http_body(const struct http_exchange *x)
{
    return text_bytes(&x->body);
}

const char *http_peer(const struct http_exchange *x)
{
    return x->peer;
}

void http_on_cancel(struct http_exchange *x, void (*cancelled)(void *arg), void *arg)
{
    x->cancelled = cancelled;
    x->cancelled_arg = arg;
}

void http_on_end(struct http_exchange *x, void (*ended)(void *arg, int status), void *arg)
{
    x->ended = ended;
    x->ended_arg = arg;
}

void http_set_user(struct http_exchange *x, void *user)
{
    x->user = user;
}

void *http_user(const struct http_exchange *x)
{
    return x->user;
}

bool http_gone(const struct http_exchange *x)
{
    return x->connection == NULL;
}

size_t http_queued(const struct http_exchange *x)
{
    const struct http_connection *c = x->connection;
    return c == NULL ? 0 : c->out.len + world_stream_queued(c->stream);
}

void http_on_drained(struct http_exchange *x, void (*drained)(void *arg), void *arg)
{
    x->drained = drained;
    x->drained_arg = arg;
}

/* ---- the answer ------------------------------------------------------------------------------------------------ */

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    /* Framing is ours: a second opinion about it is how responses get split. */
    if (strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0)
        return;
    if (strcasecmp(name, "connection") == 0) {
        x->close = x->close || strcasecmp(value, "close") == 0;
        return;
    }
    if (http1_write_header(&x->headers, name, bytes_of(value)))
        x->dated = x->dated || strcasecmp(name, "date") == 0;
    else
        log_warn("http", "an answer's header was left out: its name or value would break the message");
}

/* `length` -1: not known yet. */
static void write_head(struct http_exchange *x, int status, const char *content_type, int64_t length)
{
    struct text *out = &x->connection->out;
    bool no_length = status / 100 == 1 || status == 204; /* RFC 9110, 8.6 */
    x->begun = true;
    x->status = status;
    x->close = x->close || x->connection->server->draining;
    x->bodiless = no_length || status == 304 || bytes_is(x->head.method, "HEAD");
    http1_write_response(out, status);
    if (!x->dated)
        (void)http1_write_header(out, "Date", bytes_of(http_server_date(x->connection->server)));
    if (content_type != NULL && !http1_write_header(out, "Content-Type", bytes_of(content_type)))
        log_warn("http", "an answer's content type was left out: it would break the message");
    text_add(out, x->headers.data, x->headers.len);
    if (length >= 0 && !no_length && (status != 304 || length != 0)) {
        text_printf(out, "Content-Length: %lld\r\n", (long long)length);
    } else if (length < 0 && !no_length) {
        x->chunked = x->head.minor >= 1;
        if (x->chunked)
            text_puts(out, "Transfer-Encoding: chunked\r\n");
        else
            x->close = true; /* the end of the connection ends the body */
    }
    if (x->close)
        text_puts(out, "Connection: close\r\n");
    else if (x->head.minor == 0)
        text_puts(out, "Connection: keep-alive\r\n");
    http1_write_end(out);
}

/* The exchange's end: it is freed, its connection may go on. */
static void release(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    bool close = x->close;
    http_exchange_free(x);
    if (c != NULL)
        http_connection_done(c, close);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, struct bytes body)
{
    if (x->begun) {
        log_error("http", "http_respond() for an answer that has begun: %s %s", x->method, x->path);
    } else if (x->connection != NULL) {
        write_head(x, status, content_type, (int64_t)body.len);
        if (!x->bodiless)
            text_add(&x->connection->out, body.data, body.len);
        http_connection_written(x->connection);
        x->chunked = false;
    }
    http_finish(x);
}

void http_begin(struct http_exchange *x, int status, const char *content_type)
{
    if (x->begun) {
        log_error("http", "http_begin() for an answer that has begun: %s %s", x->method, x->path);
        return;
    }
    if (x->connection == NULL) {
        x->begun = true;
        return;
    }
    write_head(x, status, content_type, -1);
    http_connection_written(x->connection);
}

void http_write(struct http_exchange *x, struct bytes piece)
{
    if (!x->begun)
        http_begin(x, 200, NULL);
    if (x->connection == NULL || x->bodiless || piece.len == 0) /* an empty chunk would end the body */
        return;
    if (x->chunked)
        http1_write_chunk(&x->connection->out, piece);
    else
        text_add(&x->connection->out, piece.data, piece.len);
    http_connection_written(x->connection);
}

void http_finish(struct http_exchange *x)
{
    if (x->connection != NULL) {
        if (!x->begun) {
            log_error("http", "a handler finished without an answer: %s %s", x->method, x->path);
            x->begun = true;
            write_head(x, 500, NULL, 0);
        }
        if (x->chunked && !x->bodiless)
            http1_write_chunk(&x->connection->out, BYTES_NONE);
        http_connection_written(x->connection);
    }
    release(x);
}

void http_abort(struct http_exchange *x)
{
    if (x->connection != NULL)
        x->connection->dead = x->connection->cut = true; /* its task frees it */
    x->begun = true;
    x->chunked = false;
    http_finish(x);
}
