/* One request, one answer: by the HTTP client, by a connection of its own for bytes no client sends, or by gRPC. */
#include "fuzz/gateway/gateway.h"

#include "base/units.h"
#include "fuzz/gateway/compare.h"
#include "rpc/http.h"
#include "rpc/rpc.h"
#include "wire/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT ((uint64_t)(5 * SECOND))

struct gateway_exchange {
    struct world *world;
    struct gateway_answer answer;
    void (*done)(void *arg, struct gateway_answer *a);
    void *arg;
    struct http_client_call *call; /* proper requests */
    struct rpc_stream *rpc;        /* those by gRPC */
    bool cancelled;                /* nobody waits any more; freed when the call has ended */
    struct world_stream *stream;   /* others */
    struct world_timer limit;
    struct http1_parser *parser;
    uint8_t *raw; /* to be sent when connected */
    size_t raw_len;
    bool cut, complete;
    uint64_t started;
};

static void release(struct gateway_exchange *x)
{
    world_timer_stop(&x->limit);
    if (x->rpc != NULL) { /* its end comes from the loop */
        x->cancelled = true;
        rpc_stream_cancel(x->rpc);
        return;
    }
    http_fetch_cancel(x->call);
    if (x->stream != NULL)
        world_stream_abort(x->stream);
    http1_parser_free(x->parser);
    free(x->raw);
    gateway_answer_deinit(&x->answer);
    free(x);
}

static void finish(struct gateway_exchange *x)
{
    struct gateway_answer answer = x->answer;
    void (*done)(void *arg, struct gateway_answer *a) = x->done;
    void *arg = x->arg;
    answer.duration = world_now(x->world) - x->started;
    x->answer = (struct gateway_answer){.status = 0};
    release(x);
    done(arg, &answer);
}

static void on_limit(void *arg)
{
    struct gateway_exchange *x = arg;
    x->answer.timed_out = true;
    finish(x);
}

/* ---- over a connection of its own ---- */

/* An interim answer (100) comes before the one that counts. */
static void on_head(void *arg, const struct http1_head *head)
{
    struct gateway_exchange *x = arg;
    if (head->status < 200 && head->status != 101)
        return;
    x->answer.status = head->status;
    struct bytes type = http1_find(head, "content-type");
    text_add(&x->answer.type, type.data, type.len);
}

static void on_body(void *arg, struct bytes piece)
{
    struct gateway_exchange *x = arg;
    size_t room = GATEWAY_ANSWER_MAX - x->answer.body.len;
    text_add(&x->answer.body, piece.data, piece.len < room ? piece.len : room);
}

static void on_complete(void *arg)
{
    struct gateway_exchange *x = arg;
    if (x->answer.status == 0)
        return;
    x->complete = true;
    http1_parser_pause(x->parser);
}

static void on_connected(void *arg)
{
    struct gateway_exchange *x = arg;
    (void)world_stream_write(x->stream, BYTES(x->raw, x->raw_len));
    if (x->cut)
        world_stream_shutdown(x->stream);
}

static void on_readable(void *arg, struct bytes data)
{
    struct gateway_exchange *x = arg;
    int suggested;
    if (http1_parser_feed(x->parser, data, &suggested, NULL) != 0) {
        x->answer.broken = true;
        finish(x);
    } else if (x->complete || x->answer.status == 101) {
        finish(x);
    }
}

static void on_ended(void *arg, int reason)
{
    struct gateway_exchange *x = arg;
    (void)reason;
    /* Also the end of a body that has no other. */
    if (x->answer.status != 0 && !x->complete && http1_parser_end(x->parser, NULL) != 0)
        x->answer.broken = true;
    x->answer.ended = true;
    finish(x);
}

static int start_raw(struct gateway_exchange *x, const struct gateway_door *d, const struct gateway_request *r,
                     struct error *err)
{
    static const struct world_stream_events stream_events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    static const struct http1_events parser_events = {.head = on_head, .body = on_body, .complete = on_complete};
    x->raw = malloc(r->raw.len + 1);
    if (x->raw == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    memcpy(x->raw, text_string(&r->raw), r->raw.len);
    x->raw_len = r->raw.len;
    x->cut = r->cut;
    int rc = http1_parser_new(true, HTTP_ANSWER_MAX, &parser_events, x, &x->parser);
    if (rc != 0)
        return error_set(err, rc, "out of memory");
    if (r->raw.len >= 5 && memcmp(x->raw, "HEAD ", 5) == 0)
        http1_parser_no_body(x->parser);
    rc = world_timer_start(&x->limit, d->timeout != 0 ? d->timeout : TIMEOUT);
    if (rc != 0)
        return error_set(err, rc, "out of memory");
    return world_connect(d->world, d->address, &stream_events, x, &x->stream, err);
}

/* ---- by the client ---- */

static void on_answer(void *arg, struct http_answer *answer, struct error *err)
{
    struct gateway_exchange *x = arg;
    x->call = NULL;
    x->answer.status = answer->status;
    x->answer.timed_out = answer->status == 0 && err->code == ERROR_TIMEOUT;
    x->answer.broken = answer->status == 0 && err->code == ERROR_PROTOCOL;
    x->answer.ended = answer->status == 0 && !x->answer.timed_out;
    text_add(&x->answer.body, answer->body.data,
             answer->body.len < GATEWAY_ANSWER_MAX ? answer->body.len : GATEWAY_ANSWER_MAX);
    for (size_t i = 0; i < answer->header_count; i++)
        if (http1_header_is(&answer->headers[i], "content-type"))
            text_add(&x->answer.type, answer->headers[i].value.data, answer->headers[i].value.len);
    http_answer_deinit(answer);
    finish(x);
}

static struct bytes trimmed(const char *from, const char *to)
{
    while (from < to && *from == ' ')
        from++;
    return BYTES(from, (size_t)(to - from));
}

/* Lines that are none, and those beyond the limit, are left out. */
static size_t add_lines(struct bytes lines, struct http1_header *headers, size_t count)
{
    const char *at = (const char *)lines.data, *end = at + lines.len;
    while (at < end && count < GATEWAY_HEADERS_MAX) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *colon = memchr(at, ':', (size_t)(stop - at));
        if (colon != NULL && colon > at)
            headers[count++] = (struct http1_header){BYTES(at, (size_t)(colon - at)), trimmed(colon + 1, stop)};
        at = stop + 1;
    }
    return count;
}

static int start_fetch(struct gateway_exchange *x, const struct gateway_door *d, const struct gateway_request *r,
                       struct error *err)
{
    struct http1_header headers[GATEWAY_HEADERS_MAX];
    size_t count = 0;
    char method[16] = "";
    const char *line = text_string(&r->line), *blank = strchr(line, ' ');
    if (blank == NULL || (size_t)(blank - line) >= sizeof method)
        return error_set(err, ERROR_INVALID, "\"%s\" is no request: expected \"POST /path\"", line);
    memcpy(method, line, (size_t)(blank - line));
    for (size_t i = 0; !r->no_token && i < d->header_count && count < GATEWAY_HEADERS_MAX; i++)
        headers[count++] = d->headers[i];
    count = add_lines(text_bytes(&r->headers), headers, count);
    struct text url = TEXT_INIT;
    text_printf(&url, "http://%s%s", d->address, blank + 1);
    const struct http_fetch fetch = {.method = method,
                                     .url = text_string(&url),
                                     .headers = headers,
                                     .header_count = count,
                                     .body = text_bytes(&r->body),
                                     .timeout = d->timeout != 0 ? d->timeout : TIMEOUT};
    int rc = text_ok(&url) ? http_fetch_start(d->world, &fetch, on_answer, x, &x->call, err)
                           : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&url);
    return rc;
}

/* ---- by gRPC ---- */

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct gateway_exchange *x = arg;
    x->rpc = NULL;
    if (x->cancelled) {
        release(x);
        return;
    }
    x->answer.ended = reply->lost;
    x->answer.status = reply->lost ? 0 : gateway_status_of(reply->status, reply->message);
    struct bytes said = reply->status == GRPC_OK ? reply->body : reply->message;
    text_add(&x->answer.body, said.data, said.len < GATEWAY_ANSWER_MAX ? said.len : GATEWAY_ANSWER_MAX);
    finish(x);
}

static int start_call(struct gateway_exchange *x, const struct gateway_door *d, const struct gateway_request *r,
                      struct error *err)
{
    struct grpc_header headers[GATEWAY_HEADERS_MAX];
    size_t count = 0;
    struct bytes path = gateway_request_path(r);
    struct rpc_channel *channel = path.len > 0 ? d->channel(d->arg, path) : NULL;
    if (channel == NULL)
        return error_set(err, ERROR_INVALID, "\"%s\" is no call of anybody here", text_string(&r->line));
    for (size_t i = 0; !r->no_token && i < d->header_count && count < GATEWAY_HEADERS_MAX; i++)
        headers[count++] = (struct grpc_header){.name = d->headers[i].name, .value = d->headers[i].value};
    const struct rpc_request request = {.path = (const char *)path.data,
                                        .metadata = {.items = headers, .count = count},
                                        .content_type = GATEWAY_RPC_JSON,
                                        .wait_for_ready = true,
                                        .message = text_bytes(&r->body),
                                        .has_message = true};
    int rc = world_timer_start(&x->limit, d->timeout != 0 ? d->timeout : TIMEOUT);
    return rc != 0 ? error_set(err, rc, "out of memory") : rpc_unary(channel, &request, on_reply, x, &x->rpc, err);
}

int gateway_start(const struct gateway_door *d, const struct gateway_request *r,
                  void (*done)(void *arg, struct gateway_answer *a), void *arg, struct gateway_exchange **out,
                  struct error *err)
{
    if (out != NULL)
        *out = NULL;
    if (!text_ok(&r->line) || !text_ok(&r->headers) || !text_ok(&r->body) || !text_ok(&r->raw))
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct gateway_exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    x->world = d->world;
    x->done = done;
    x->arg = arg;
    x->started = world_now(d->world);
    world_timer_init(&x->limit, d->world, on_limit, x);
    int rc = r->line.len == 0                          ? start_raw(x, d, r, err)
             : d->channel != NULL && gateway_is_rpc(r) ? start_call(x, d, r, err)
                                                       : start_fetch(x, d, r, err);
    if (rc != 0) {
        release(x);
        return rc;
    }
    if (out != NULL)
        *out = x;
    return 0;
}

void gateway_cancel(struct gateway_exchange *x)
{
    if (x != NULL)
        release(x);
}

struct waiting {
    struct gateway_answer *answer;
    bool over;
};

static void keep_answer(void *arg, struct gateway_answer *a)
{
    struct waiting *w = arg;
    *w->answer = *a;
    w->over = true;
}

static bool is_over(void *arg)
{
    const struct waiting *w = arg;
    return w->over;
}

int gateway_wait(const struct gateway_door *d, const struct gateway_request *r, struct gateway_answer *out,
                 struct error *err)
{
    struct waiting w = {.answer = out};
    struct gateway_exchange *x;
    *out = (struct gateway_answer){.status = 0};
    int rc = gateway_start(d, r, keep_answer, &w, &x, err);
    if (rc != 0)
        return rc;
    rc = world_run_until(d->world, is_over, &w, 0);
    if (rc != 0) {
        gateway_cancel(x);
        return error_set(err, rc, "no answer from %s: %s", d->address, error_code_name(rc));
    }
    return 0;
}
