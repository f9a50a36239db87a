#include "rpc/http_internal.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define FETCH_TIMEOUT_DEFAULT (30 * (uint64_t)SECOND)

struct http_client_call {
    struct world *world;
    struct world_stream *stream;
    struct http1_parser *parser;
    struct world_timer timer;
    struct tls_session *tls; /* NULL: plaintext */
    struct text request, body, cipher, plain;
    struct http_pool *pool; /* NULL: the connection ends with the call */
    struct text address;    /* of the connection, when there is a pool */
    struct http_answer answer;
    struct error err;
    uint64_t started, timeout;
    bool complete, over; /* the answer is whole; `done` was or is being called */
    bool sent;           /* the request is on its way */
    bool kept, answered; /* the connection was kept from an earlier call; something has come by it */
    bool keep_alive;     /* the server says that it stays open */
    bool calling;        /* the user of `raw` is on the stack: it is freed when he is back */
    const char *upgrade; /* asked for; NULL: none. In the arena of the answer */
    struct bytes rest;   /* what came behind the head of the answer 101 */
    struct http_raw *raw;
    void (*upgraded)(void *arg, const struct http_answer *answer, struct http_raw *raw);
    void (*head)(void *arg, const struct http1_head *head);
    void (*piece)(void *arg, struct bytes piece);
    void (*done)(void *arg, struct http_answer *answer, struct error *err);
    void *arg;
};

/* ---- the answer ------------------------------------------------------------------------------------------------ */

static void call_free(struct http_client_call *c)
{
    world_timer_stop(&c->timer);
    world_stream_close(c->stream);
    http1_parser_free(c->parser);
    text_deinit(&c->request);
    text_deinit(&c->address);
    text_deinit(&c->body);
    text_deinit(&c->cipher);
    text_deinit(&c->plain);
    tls_session_free(c->tls);
    error_clear(&c->err);
    http_answer_deinit(&c->answer);
    free(c);
}

/* Never from inside the parser. */
static void finish(struct http_client_call *c)
{
    c->over = true;
    struct http_answer answer = c->answer;
    c->answer = (struct http_answer){0};
    if (c->complete && c->err.code == 0) {
        const uint8_t *body = arena_copy(&answer.arena, text_bytes(&c->body).data, c->body.len);
        answer.body = BYTES(body, c->body.len);
        if (body == NULL && c->body.len != 0)
            (void)error_set(&c->err, ERROR_MEMORY, "out of memory");
    }
    if (c->err.code != 0) {
        answer.status = 0;
        answer.headers = NULL;
        answer.header_count = 0;
        answer.body = BYTES_NONE;
    }
    answer.duration = world_now(c->world) - c->started;
    if (c->pool != NULL && c->complete && c->keep_alive && http1_parser_unread(c->parser).len == 0) {
        http_pool_keep(c->pool, text_string(&c->address), c->stream);
        c->stream = NULL;
    }
    struct error err = c->err;
    c->err = ERROR_INIT;
    void (*done)(void *arg, struct http_answer *answer, struct error *err) = c->done;
    void *arg = c->arg;
    call_free(c);
    done(arg, &answer, &err);
    error_clear(&err);
}

static void on_head(void *arg, const struct http1_head *head)
{
    struct http_client_call *c = arg;
    bool upgraded = head->status == 101;
    if ((head->status / 100 == 1 && !upgraded) || c->complete || c->err.code != 0)
        return; /* interim, or more than was asked for */
    if (upgraded && (c->upgrade == NULL || !head->upgrade || !http1_list_has(head, "upgrade", c->upgrade))) {
        (void)error_set(&c->err, ERROR_PROTOCOL, "the server changed to a protocol it was not asked for");
        return;
    }
    struct arena *a = &c->answer.arena;
    struct http1_header *headers = ARENA_NEW_N(a, struct http1_header, head->header_count + 1);
    for (size_t i = 0; headers != NULL && i < head->header_count; i++) {
        const struct http1_header *h = &head->headers[i];
        const char *name = arena_string_n(a, (const char *)h->name.data, h->name.len);
        const char *value = arena_string_n(a, (const char *)h->value.data, h->value.len);
        headers[i] = (struct http1_header){BYTES(name, h->name.len), BYTES(value, h->value.len)};
        if (name == NULL || value == NULL)
            headers = NULL;
    }
    if (headers == NULL) {
        (void)error_set(&c->err, ERROR_MEMORY, "out of memory");
        return;
    }
    c->answer.status = head->status;
    c->keep_alive = head->keep_alive;
    c->answer.headers = headers;
    c->answer.header_count = head->header_count;
    if (upgraded) {
        http1_parser_upgrade(c->parser, &c->rest);
    } else if (c->head != NULL) {
        world_timer_stop(&c->timer);
        c->head(c->arg, head);
    }
}

static void on_body(void *arg, struct bytes piece)
{
    struct http_client_call *c = arg;
    if (c->piece != NULL)
        c->piece(c->arg, piece);
    else
        text_add(&c->body, piece.data, piece.len);
}

static void on_complete(void *arg)
{
    struct http_client_call *c = arg;
    if (c->answer.status == 0)
        return; /* interim */
    c->complete = true;
    http1_parser_pause(c->parser);
}

static void broken(struct http_client_call *c, int rc, const char *what)
{
    if (c->err.code == 0)
        (void)error_set(&c->err, rc, "%s: %s", what, error_code_name(rc));
    finish(c);
}

/* What the session wants the server to get. */
static int send_cipher(struct http_client_call *c)
{
    int rc = text_ok(&c->cipher) ? 0 : ERROR_MEMORY;
    if (rc == 0 && c->cipher.len != 0)
        rc = world_stream_write(c->stream, text_bytes(&c->cipher));
    text_clear(&c->cipher);
    return rc;
}

static int send_request(struct http_client_call *c)
{
    c->sent = true;
    if (c->tls == NULL)
        return world_stream_write(c->stream, text_bytes(&c->request));
    int rc = tls_session_send(c->tls, text_bytes(&c->request), &c->cipher, &c->err);
    return rc == 0 ? send_cipher(c) : rc;
}

/* ---- another protocol ------------------------------------------------------------------------------------------ */

/* The connection is gone. */
static void raw_over(struct http_client_call *c)
{
    struct http_raw *raw = c->raw;
    raw->call = NULL;
    call_free(c);
    raw->events.ended(raw->arg);
}

static void raw_deliver(struct http_client_call *c, struct bytes data, bool over)
{
    c->calling = true;
    if (data.len != 0)
        c->raw->events.readable(c->raw->arg, data);
    c->calling = false;
    if (c->raw == NULL)
        call_free(c);
    else if (over)
        raw_over(c);
}

static void hand_over(struct http_client_call *c)
{
    struct http_raw *raw = calloc(1, sizeof *raw);
    if (raw == NULL) {
        broken(c, ERROR_MEMORY, "the answer");
        return;
    }
    world_timer_stop(&c->timer);
    c->over = true;
    raw->call = c;
    c->raw = raw;
    c->calling = true;
    c->upgraded(c->arg, &c->answer, raw);
    c->calling = false;
    if (c->raw == NULL)
        call_free(c);
    else
        raw_deliver(c, c->rest, false);
}

int http_client_raw_write(struct http_client_call *c, struct bytes data)
{
    if (world_stream_queued(c->stream) > HTTP_QUEUE_MAX)
        return ERROR_LIMIT;
    if (c->tls == NULL)
        return world_stream_write(c->stream, data);
    int rc = tls_session_send(c->tls, data, &c->cipher, NULL);
    return rc == 0 ? send_cipher(c) : rc;
}

size_t http_client_raw_queued(const struct http_client_call *c)
{
    return world_stream_queued(c->stream);
}

void http_client_raw_close(struct http_client_call *c)
{
    c->raw = NULL;
    if (c->calling)
        return;
    if (c->tls != NULL) {
        tls_session_end(c->tls, &c->cipher);
        (void)send_cipher(c);
    }
    call_free(c);
}

static void on_drained(void *arg)
{
    struct http_client_call *c = arg;
    if (c->raw != NULL && c->raw->events.drained != NULL)
        c->raw->events.drained(c->raw->arg);
}

/* ---- the stream ------------------------------------------------------------------------------------------------ */

static void on_connected(void *arg)
{
    struct http_client_call *c = arg;
    int rc = c->tls == NULL ? send_request(c) : tls_session_start(c->tls, &c->cipher, &c->err);
    if (rc == 0 && c->tls != NULL)
        rc = send_cipher(c);
    if (rc != 0)
        broken(c, rc, "the request could not be sent");
}

static void on_readable(void *arg, struct bytes data)
{
    struct http_client_call *c = arg;
    struct error err = ERROR_INIT;
    int rc = 0;
    c->answered = true;
    if (c->tls != NULL) {
        text_clear(&c->plain);
        rc = tls_session_receive(c->tls, data, &c->plain, &c->cipher, &err);
        int sent = send_cipher(c);
        if (c->raw != NULL) {
            error_clear(&err);
            raw_deliver(c, text_bytes(&c->plain), rc != 0 || sent != 0 || !text_ok(&c->plain));
            return;
        }
        bool ended = rc == ERROR_CLOSED && c->answer.status != 0; /* the end of a body without a length */
        rc = rc != 0 && !ended ? rc : sent != 0 ? sent : text_ok(&c->plain) ? 0 : ERROR_MEMORY;
        if (rc == 0 && !c->sent && tls_session_ready(c->tls))
            rc = send_request(c);
        if (rc != 0) {
            error_move(&c->err, &err);
            broken(c, rc, "TLS");
            return;
        }
        error_clear(&err);
        data = text_bytes(&c->plain);
    } else if (c->raw != NULL) {
        raw_deliver(c, data, false);
        return;
    }
    rc = http1_parser_feed(c->parser, data, NULL, &err);
    if (rc == 0 && !text_ok(&c->body))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc != 0 && !c->complete)
        error_move(&c->err, &err);
    error_clear(&err);
    if (c->err.code != 0 || c->complete)
        finish(c);
    else if (c->answer.status == 101)
        hand_over(c);
}

static int connect_call(struct http_client_call *c, struct error *err);

/* The server closed the kept connection before it saw the request. */
static bool connect_again(struct http_client_call *c, int reason)
{
    if (!c->kept || c->answered || (reason != 0 && reason != ERROR_RESET && reason != ERROR_CLOSED))
        return false;
    world_stream_close(c->stream);
    c->stream = NULL;
    if (connect_call(c, &c->err) != 0)
        finish(c);
    return true;
}

static void on_ended(void *arg, int reason)
{
    struct http_client_call *c = arg;
    if (connect_again(c, reason))
        return;
    if (c->raw != NULL) {
        raw_over(c);
        return;
    }
    if (reason == 0 && c->answer.status != 0)
        (void)http1_parser_end(c->parser, &c->err);
    else if (reason == 0)
        (void)error_set(&c->err, ERROR_CLOSED, "the server closed the connection without an answer");
    else
        (void)error_set(&c->err, reason, "%s", error_code_name(reason));
    finish(c);
}

static void on_timeout(void *arg)
{
    struct http_client_call *c = arg;
    char timeout[32];
    units_format_duration((int64_t)c->timeout, timeout, sizeof timeout);
    (void)error_set(&c->err, ERROR_TIMEOUT, "no answer within %s", timeout);
    finish(c);
}

static const struct world_stream_events stream_events = {
    .connected = on_connected, .readable = on_readable, .drained = on_drained, .ended = on_ended};

/* A connection kept from before, or a new one. */
static int connect_call(struct http_client_call *c, struct error *err)
{
    while (c->pool != NULL && !c->kept && (c->stream = http_pool_take(c->pool, text_string(&c->address))) != NULL) {
        world_stream_accept(c->stream, &stream_events, c);
        if (send_request(c) == 0) {
            c->kept = true;
            return 0;
        }
        world_stream_close(c->stream);
    }
    c->kept = false;
    return world_connect(c->world, text_string(&c->address), &stream_events, c, &c->stream, err);
}

int http_fetch_start(struct world *w, const struct http_fetch *fetch,
                     void (*done)(void *arg, struct http_answer *answer, struct error *err), void *arg,
                     struct http_client_call **out, struct error *err)
{
    static const struct http1_events parser_events = {on_head, on_body, on_complete};
    struct http_url u = {0};
    struct http_client_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->world = w;
    c->done = done;
    c->arg = arg;
    c->started = world_now(w);
    c->timeout = fetch->timeout == 0 ? FETCH_TIMEOUT_DEFAULT : fetch->timeout;
    c->head = fetch->head;
    c->piece = fetch->piece;
    c->upgraded = fetch->upgraded;
    if (fetch->upgrade != NULL && (c->upgrade = arena_string(&c->answer.arena, fetch->upgrade)) == NULL) {
        call_free(c);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    world_timer_init(&c->timer, w, on_timeout, c);
    int rc = http_url_parse(fetch->url, &u, err);
    if (rc == 0 && u.secure && fetch->tls == NULL)
        rc = error_set(err, ERROR_INVALID, "'%s' is not a URL this client can fetch: it has nothing to trust by",
                       fetch->url);
    if (rc == 0 && u.secure)
        rc = tls_session_new(fetch->tls, text_string(&u.host), &c->tls, err);
    if (rc == 0)
        rc = http_request_write(&c->request, fetch, &u, err);
    if (rc == 0)
        rc = http1_parser_new(true, fetch->piece == NULL ? HTTP_ANSWER_MAX : SIZE_MAX, &parser_events, c, &c->parser);
    if (rc == 0)
        rc = world_timer_start(&c->timer, c->timeout);
    if (rc == ERROR_MEMORY)
        (void)error_set(err, rc, "out of memory");
    if (rc == 0 && fetch->method != NULL && strcmp(fetch->method, "HEAD") == 0)
        http1_parser_no_body(c->parser);
    c->address = u.address;
    u.address = TEXT_INIT;
    c->pool = u.secure || fetch->upgrade != NULL ? NULL : fetch->pool;
    if (rc == 0)
        rc = connect_call(c, err);
    http_url_deinit(&u);
    if (rc != 0)
        call_free(c);
    else if (out != NULL)
        *out = c;
    return rc;
}

void http_fetch_pause(struct http_client_call *call)
{
    world_stream_pause(call->stream);
}

void http_fetch_resume(struct http_client_call *call)
{
    world_stream_resume(call->stream);
}

void http_fetch_cancel(struct http_client_call *call)
{
    if (call == NULL || call->over)
        return;
    world_stream_abort(call->stream); /* the server must not take half an upload for all there is */
    call->stream = NULL;
    call_free(call);
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

struct wait {
    struct http_answer *answer;
    struct error *err;
    int code;
    bool over;
};

static void on_answer(void *arg, struct http_answer *answer, struct error *err)
{
    struct wait *wait = arg;
    *wait->answer = *answer;
    wait->code = err->code;
    wait->over = true;
    error_move(wait->err, err);
}

static bool is_over(void *arg)
{
    return ((struct wait *)arg)->over;
}

int http_fetch_wait(struct world *w, const struct http_fetch *fetch, struct http_answer *out, struct error *err)
{
    struct wait wait = {.answer = out, .err = err};
    struct http_client_call *call = NULL;
    *out = (struct http_answer){0};
    int rc = http_fetch_start(w, fetch, on_answer, &wait, &call, err);
    if (rc != 0)
        return rc;
    rc = world_run_until(w, is_over, &wait, 0);
    if (wait.over)
        return wait.code;
    http_fetch_cancel(call);
    return error_set(err, rc, "the wait for an answer ended early: %s", error_code_name(rc));
}

void http_answer_deinit(struct http_answer *a)
{
    arena_deinit(&a->arena);
    *a = (struct http_answer){0};
}
