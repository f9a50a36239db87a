/* Messages as HTTP requests. What v3's http proxy does, made sound: POST (or the metadata micro-method), to
 * <endpoint>/<Type>/<Method> (or <endpoint> and the metadata micro-endpoint when that begins with "/"), the message as
 * the body, the caller's metadata as headers. An answer below 300 is the message, its headers are the reply's metadata.
 * Any other is an error with the HTTP status as its code: v3 takes it for a reply.
 *
 * Who chooses the path must be let there by the rules as well: they are asked for the path, decoded and without its
 * query, as an endpoint ("/admin/list"), and for the Type.Method it is the path of ("Admin.Delete"). */
#include "runtime/wrap/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 64
#define DETAIL_MAX  512 /* bytes of an error's body that are passed on */

struct request {
    struct wrap_call *call;
    struct http_client_call *fetch;
};

/* ---- there ---- */

/* Whether a caller's metadata goes along: not what belongs to the connection, to gRPC, or is binary. */
static bool goes_along(struct bytes name)
{
    static const char *const ours[] = {"content-type", "content-length",    "connection", "te",      "host",
                                       "user-agent",   "transfer-encoding", "upgrade",    "trailer", "keep-alive",
                                       "expect",       "accept-encoding",   "timeout"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (bytes_is(name, ours[i]))
            return false;
    return name.len > 0 && name.data[0] != ':' && !(name.len > 5 && memcmp(name.data, "grpc-", 5) == 0) &&
           !(name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0);
}

static const char *verb(const struct rpc_call *call)
{
    static const char *const verbs[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    const char *wanted = rpc_call_header(call, "micro-method");
    for (size_t i = 0; wanted && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i], wanted) == 0)
            return verbs[i];
    return "POST";
}

/* The rules on a path the caller chose: 0, or the status to answer with. What two readers may take for two paths is
 * refused, or the rules would be asked about another than the endpoint serves. */
static int judge_path(const struct wrap_call *c, const char *path)
{
    struct arena *a = rpc_call_arena(c->call);
    const struct micro_account *caller = micro_caller(c->call);
    struct text plain = TEXT_INIT;
    bool decoded = http1_url_decode(BYTES(path, strcspn(path, "?")), false, &plain);
    char *whole = text_ok(&plain) ? arena_string_n(a, plain.data, plain.len) : NULL;
    bool cut = whole && strlen(whole) != plain.len; /* by a zero byte */
    text_deinit(&plain);
    if (!decoded || cut)
        return 400;
    if (!whole)
        return 507;
    for (const char *p = whole; *p;) {
        size_t len = strcspn(++p, "/");
        if ((len == 0 && p[0]) || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.') ||
            strcspn(p, "\\;") < len)
            return 400;
        p += len;
    }
    int status = wrap_judge(c->wrap, caller, whole);
    char *slash = strchr(whole + 1, '/');
    if (status || !slash)
        return status;
    *slash = '.';
    slash[1 + strcspn(slash + 1, "/")] = '\0';
    return wrap_judge(c->wrap, caller, whole + 1);
}

/* "/Greeter/Hello", or what the caller asks for. NULL: no memory, or no path. */
static const char *target(const struct wrap_call *c, const char *method)
{
    struct arena *a = rpc_call_arena(c->call);
    const char *wanted = rpc_call_header(c->call, "micro-endpoint");
    if (wanted && wanted[0] == '/') {
        struct bytes text = bytes_of(wanted);
        return http1_is_target(bytes_of("GET"), text) ? arena_string(a, wanted) : NULL;
    }
    const char *dot = strrchr(method, '.');
    return arena_printf(a, "/%.*s/%s", (int)(dot - method), method, dot + 1);
}

static size_t headers_of(struct wrap_call *c, const char *method, const char *type, struct http1_header *out)
{
    struct grpc_metadata m = rpc_call_metadata(c->call);
    size_t n = 0;
    out[n++] = (struct http1_header){bytes_of("Content-Type"), bytes_of(type)};
    out[n++] = (struct http1_header){bytes_of("Micro-Service"), bytes_of(c->wrap->options->name)};
    if (!rpc_call_header(c->call, "micro-endpoint"))
        out[n++] = (struct http1_header){bytes_of("Micro-Endpoint"), bytes_of(method)};
    for (size_t i = 0; i < m.count && n < HEADERS_MAX; i++)
        if (goes_along(m.items[i].name) && !bytes_is(m.items[i].name, "micro-service"))
            out[n++] = (struct http1_header){m.items[i].name, m.items[i].value};
    return n;
}

/* ---- and back ---- */

static void pass_headers(struct rpc_call *call, const struct http_answer *answer)
{
    struct arena *a = rpc_call_arena(call);
    for (size_t i = 0; i < answer->header_count && i < HEADERS_MAX; i++) {
        const struct http1_header *h = &answer->headers[i];
        char *name = arena_string_n(a, (const char *)h->name.data, h->name.len);
        if (!name)
            return;
        for (char *p = name; *p; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 'a' - 'A' : *p);
        if (goes_along(bytes_of(name)) && strcmp(name, "date") != 0 && strcmp(name, "server") != 0)
            (void)rpc_call_send_header(call, name, h->value); /* one that is none for gRPC is left out */
    }
}

/* An error of micro's own shape keeps its words and its code; any other body is its text. */
static void fail(struct wrap_call *c, const struct http_answer *answer)
{
    json_t *body = answer->body.len > 0 ? json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL) : NULL;
    const char *detail = json_string_value(json_object_get(body, "detail"));
    json_int_t code = json_integer_value(json_object_get(body, "code"));
    int status = detail && code >= 400 && code <= 599 ? (int)code : answer->status;
    struct text shown = TEXT_INIT;
    if (detail)
        text_puts(&shown, detail);
    else
        text_printable(&shown, (const char *)answer->body.data, answer->body.len, DETAIL_MAX);
    if (answer->status < 400)
        wrap_fail(c, 502, "the endpoint answered %d %s, which is no reply", answer->status,
                  http1_reason(answer->status));
    else
        wrap_fail(c, status, "%s", shown.len > 0 ? text_string(&shown) : http1_reason(answer->status));
    text_deinit(&shown);
    json_decref(body);
}

static void done(void *arg, struct http_answer *answer, struct error *err)
{
    struct request *r = arg;
    struct wrap_call *c = r->call;
    bool none = answer->body.len == 0;
    if (answer->status == 0)
        wrap_fail(c,
                  err->code == ERROR_TIMEOUT ? 504
                  : err->code == ERROR_LIMIT ? 507
                                             : 503,
                  "%s: %s", c->wrap->endpoint.address, err->message ? err->message : "no answer");
    else if (answer->status >= 300)
        fail(c, answer);
    else if (answer->body.len > WRAP_ANSWER_MAX)
        wrap_fail(c, 507, "the endpoint's answer is larger than %zu MB", WRAP_ANSWER_MAX >> 20);
    else {
        pass_headers(c->call, answer);
        wrap_answer(c, none && rpc_call_json(c->call) ? bytes_of("{}") : none ? BYTES("", 0) : answer->body);
    }
    http_answer_deinit(answer);
}

static void begin(struct wrap_call *c, struct bytes message)
{
    const struct wrap_endpoint *e = &c->wrap->endpoint;
    struct arena *a = rpc_call_arena(c->call);
    struct request *r = ARENA_NEW(a, struct request);
    struct http1_header headers[HEADERS_MAX];
    struct error err = ERROR_INIT;
    const char *method = wrap_method(c), *where = method ? target(c, method) : NULL;
    const char *verb_word = verb(c->call), *url = NULL;
    if (where)
        url = arena_printf(a, "%s://%s%s%s", e->tls ? "https" : "http", e->address, e->path, where);
    if (!r || !url) {
        wrap_fail(c, method && !where ? 400 : 507, method && !where ? "micro-endpoint is no path" : "out of memory");
        return;
    }
    const char *chosen = rpc_call_header(c->call, "micro-endpoint");
    int refused = chosen && chosen[0] == '/' ? judge_path(c, chosen) : 0;
    if (refused) {
        wrap_fail(c, refused,
                  refused == 400   ? "micro-endpoint is no plain path"
                  : refused == 503 ? "access rules are not known yet: auth was not heard"
                  : refused == 507 ? "out of memory"
                                   : "micro-endpoint is a path the caller may not choose");
        return;
    }
    r->call = c;
    bool bodiless = strcmp(verb_word, "GET") == 0 || strcmp(verb_word, "HEAD") == 0;
    const struct http_fetch fetch = {
        .method = verb_word,
        .url = url,
        .tls = c->wrap->tls,
        .headers = headers,
        .header_count =
            headers_of(c, method, rpc_call_json(c->call) ? "application/json" : "application/protobuf", headers),
        .body = bodiless ? BYTES_NONE : message,
        .timeout = wrap_time_left(c),
    };
    c->work = r;
    if (http_fetch_start(c->wrap->world, &fetch, done, r, &r->fetch, &err) < 0)
        wrap_fail(c, 503, "%s", err.message ? err.message : "the request cannot be made");
    error_clear(&err);
}

static void cancel(struct wrap_call *c)
{
    const struct request *r = c->work;
    c->work = NULL;
    http_fetch_cancel(r->fetch);
}

const struct wrap_backend wrap_http = {.begin = begin, .cancel = cancel};
