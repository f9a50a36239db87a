/* Handler http (and web): the request goes on to a node of the service as HTTP, and its answer comes back as it comes.
 * Nodes are taken in turn; where one refuses the connection the next is tried, for nothing was sent then. The node's
 * address is its metadata "http", else its address. Hop-by-hop headers stay here (RFC 9110, 7.6.1), the browser's
 * cookie and token go along: the service is the one the user talks to.
 *
 * A request for a WebSocket goes on as one; when the node agrees the two connections become a tunnel (tunnel.c), and
 * any other answer is passed on like all answers.
 *
 * Nobody knows how long an answer will be: server-sent events and downloads come this way. So a request whose caller
 * loses the grant is ended wherever it stands, refused before its answer began, else cut short. */
#include "runtime/api/passage.h"

#include <stdio.h>
#include <string.h>

#define NODES_MAX   16
#define ADDRESS_MAX 300
#define HEADERS_MAX (HTTP1_HEADERS_MAX + 8)

struct forward {
    struct passage *p;
    struct http_client_call *call;
    const char *addresses[NODES_MAX];
    size_t count, at, left; /* nodes; the next one; tries left */
    struct http1_header headers[HEADERS_MAX];
    size_t header_count;
    bool begun, paused, gone;
    bool websocket; /* asked for */
};

static bool is_hop(const struct http1_head *head, const struct http1_header *h)
{
    static const char *const hops[] = {"connection",
                                       "keep-alive",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "proxy-connection",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade",
                                       "content-length",
                                       "host",
                                       "expect"};
    char name[128];
    for (size_t i = 0; i < sizeof hops / sizeof hops[0]; i++) {
        if (http1_header_is(h, hops[i]))
            return true;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)h->name.len, (const char *)h->name.data);
    return http1_list_has(head, "connection", name); /* named there, it is for this hop only */
}

/* ---- the answer ---- */

/* The answer's headers, less those of this hop; the content type, if any. */
static const char *pass_headers(struct forward *f, const struct http1_head *head)
{
    struct arena *arena = http_arena(f->p->x);
    const char *type = NULL;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http1_header *h = &head->headers[i];
        const char *name = arena_string_n(arena, (const char *)h->name.data, h->name.len);
        const char *value = arena_string_n(arena, (const char *)h->value.data, h->value.len);
        if (!name || !value || is_hop(head, h))
            continue;
        if (http1_header_is(h, "content-type"))
            type = value;
        else
            http_add_header(f->p->x, name, value);
    }
    return type;
}

static void on_head(void *arg, const struct http1_head *head)
{
    struct forward *f = arg;
    if (f->gone)
        return;
    const char *type = pass_headers(f, head);
    f->begun = true;
    http_begin(f->p->x, head->status, type);
}

static void on_upgraded(void *arg, const struct http_answer *answer, struct http_raw *raw)
{
    struct forward *f = arg;
    const struct http1_head head = {.headers = answer->headers, .header_count = answer->header_count};
    f->call = NULL;
    (void)pass_headers(f, &head);
    if (tunnel_start(f->p, raw))
        return;
    http_raw_close(raw);
    answer_failure(f->p->x, 503, "the WebSocket cannot be passed on: out of memory, or the token has expired");
}

static void on_piece(void *arg, struct bytes piece)
{
    struct forward *f = arg;
    if (f->gone)
        return;
    http_write(f->p->x, piece);
    if (!f->paused && http_queued(f->p->x) > WORLD_WRITE_HIGH) {
        f->paused = true;
        http_fetch_pause(f->call);
    }
}

static void client_ready(void *arg)
{
    struct forward *f = arg;
    if (f->paused && f->call) {
        f->paused = false;
        http_fetch_resume(f->call);
    }
}

static void client_gone(void *arg)
{
    struct forward *f = arg;
    struct http_client_call *call = f->call;
    f->gone = true;
    f->call = NULL;
    f->p->outcome = GRPC_CANCELLED; /* also when the answer had begun */
    http_fetch_cancel(call);
    http_finish(f->p->x);
}

static void grant_ended(void *arg, int code, const char *why)
{
    struct forward *f = arg;
    struct http_client_call *call = f->call;
    f->call = NULL;
    f->p->outcome = micro_code_to_grpc(code);
    http_fetch_cancel(call);
    if (f->begun)
        http_abort(f->p->x);
    else
        answer_failure(f->p->x, code, why);
}

static void try_next(struct forward *f);

static void done(void *arg, struct http_answer *answer, struct error *err)
{
    struct forward *f = arg;
    int code = err->code;
    f->call = NULL;
    http_answer_deinit(answer);
    if (f->begun && code == 0) {
        http_finish(f->p->x);
    } else if (f->begun) {
        f->p->outcome = GRPC_UNAVAILABLE;
        http_abort(f->p->x); /* cut short: the client must not take it for whole */
    } else if (code == ERROR_REFUSED && f->left > 0) {
        try_next(f);
    } else {
        char detail[512];
        (void)snprintf(detail, sizeof detail, "%s: %s", f->p->target.service,
                       err->message ? err->message : "no answer");
        answer_failure(f->p->x, code == ERROR_TIMEOUT ? 504 : code == ERROR_REFUSED ? 503 : 502, detail);
    }
}

/* ---- the request ---- */

static void try_next(struct forward *f)
{
    struct http_exchange *x = f->p->x;
    struct error err = ERROR_INIT;
    const struct http1_head *head = http_head(x);
    const char *target = (const char *)head->target.data;
    const char *address = f->addresses[f->at++ % f->count];
    f->left--;
    if (target[0] != '/') /* the absolute form: ours, not the node's */
        target = arena_printf(http_arena(x), "%s%s%s", http_path(x), http_query(x)[0] ? "?" : "", http_query(x));
    const struct http_fetch fetch = {.method = http_method(x),
                                     .url = target ? arena_printf(http_arena(x), "http://%s%s", address, target) : NULL,
                                     .headers = f->headers,
                                     .header_count = f->header_count,
                                     .body = http_body(x),
                                     .timeout = f->p->timeout ? f->p->timeout : GATEWAY_TIMEOUT,
                                     .head = on_head,
                                     .piece = on_piece,
                                     .upgrade = f->websocket ? "websocket" : NULL,
                                     .upgraded = on_upgraded};
    int rc = fetch.url ? http_fetch_start(http_world(x), &fetch, done, f, &f->call, &err) : ERROR_MEMORY;
    if (rc != 0)
        answer_failure(x, 502, err.message ? err.message : error_code_name(rc));
    error_clear(&err);
}

static void add(struct forward *f, const char *name, const char *value)
{
    if (value && f->header_count < HEADERS_MAX)
        f->headers[f->header_count++] = (struct http1_header){bytes_of(name), bytes_of(value)};
}

static void collect_headers(struct forward *f)
{
    struct passage *p = f->p;
    const struct http1_head *head = http_head(p->x);
    static const char *const ours[] = {"x-forwarded-host", "x-forwarded-proto", "x-request-id",
                                       "micro-namespace",  "micro-trace-id",    "micro-span-id"};
    for (size_t i = 0; i < head->header_count && i < HTTP1_HEADERS_MAX; i++) {
        bool own = access_is_origin(p, &head->headers[i]);
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
            own = own || http1_header_is(&head->headers[i], ours[k]);
        if (!own && !is_hop(head, &head->headers[i]))
            f->headers[f->header_count++] = head->headers[i];
    }
    add(f, "X-Forwarded-For", access_forwarded_for(p));
    add(f, "X-Forwarded-Host", http_request_header(p->x, "host"));
    add(f, "X-Forwarded-Proto", p->gateway->settings->tls ? "https" : "http");
    add(f, "X-Request-Id", p->request_id);
    add(f, "Micro-Namespace", p->namespace);
    add(f, "Micro-Trace-Id", p->span.trace);
    add(f, "Micro-Span-Id", p->span.id);
}

static const char *node_address(struct arena *arena, const Registry__Node *node)
{
    char address[ADDRESS_MAX];
    for (size_t i = 0; i < node->n_metadata; i++) {
        if (strcmp(node->metadata[i]->key, "http") == 0)
            return arena_string(arena, node->metadata[i]->value);
    }
    return api_routes_node_address(node, address, sizeof address) ? arena_string(arena, address) : NULL;
}

void forward_start(struct passage *p, const struct api_route *route)
{
    struct arena *arena = http_arena(p->x);
    struct forward *f = ARENA_NEW(arena, struct forward);
    if (!f) {
        answer_failure(p->x, 503, "out of memory");
        return;
    }
    f->p = p;
    for (size_t i = 0; route->found && i < route->found->n_services; i++) {
        for (size_t k = 0; k < route->found->services[i]->n_nodes && f->count < NODES_MAX; k++) {
            f->addresses[f->count] = node_address(arena, route->found->services[i]->nodes[k]);
            f->count += f->addresses[f->count] != NULL;
        }
    }
    if (f->count == 0) {
        answer_failure(p->x, 503, "the service has no node that speaks HTTP");
        return;
    }
    f->websocket = tunnel_wanted(p);
    if (f->websocket && p->gateway->tunnels >= GATEWAY_TUNNELS_MAX) {
        answer_failure(p->x, 503, "too many WebSockets are open, try again later");
        return;
    }
    collect_headers(f);
    f->at = p->gateway->turn++;
    f->left = f->count;
    http_on_cancel(p->x, client_gone, f);
    http_on_drained(p->x, client_ready, f);
    p->grant.lost = grant_ended;
    p->grant.arg = f;
    try_next(f);
}
