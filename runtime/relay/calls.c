/* One relayed call. It lives in the arena of the server's call and ends with it: the server's call is finished only
 * when the stream to the node has told its end, whoever ended it. */
#include "base/log.h"
#include "runtime/relay/internal.h"
#include "runtime/service/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HEADERS_OURS 6                                        /* added to the caller's at most */
#define JSON_FLAGS   (PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS) /* as the servers of services answer */

struct relay_call {
    struct relay *relay;
    struct relay_call *next, **at; /* of the relay's */
    struct rpc_call *call;         /* the caller's side */
    struct rpc_stream *stream;     /* the node's; NULL: none */
    struct relay_route *route;
    struct relay_route *tried[RELAY_TRIES_MAX]; /* all given back at the end */
    size_t tried_count;
    struct relay_target target;
    char service[RELAY_NAME_MAX + 1];
    const char *content_type;
    struct text kept; /* messages so far, each behind its length, while the call may be made again */
    bool keeping, half_closed, probe, gone, failed;
    const struct pb_method *method; /* the caller speaks JSON, the node binary; NULL: both the same */
    const char *bad;                /* a request that is none: why; the call's arena. NULL: none was */
    bool gzip;
    unsigned hops;
};

static void on_headers(void *arg, struct grpc_metadata headers);
static void on_message(void *arg, struct bytes message);
static void on_writable(void *arg);
void relay_pass_trailers(struct rpc_call *call, const struct rpc_reply *reply)
{
    for (size_t i = 0; i < reply->trailers.count; i++) {
        const struct grpc_header *h = &reply->trailers.items[i];
        const char *name = arena_string_n(rpc_call_arena(call), (const char *)h->name.data, h->name.len);
        if (name) /* without memory the status still goes through */
            (void)rpc_call_add_trailer(call, name, h->value);
    }
}

void relay_pass_end(struct rpc_call *call, const struct rpc_reply *reply)
{
    relay_pass_trailers(call, reply);
    rpc_call_finish_details(call, reply->status, reply->message, reply->details);
}

static void on_finished(void *arg, const struct rpc_reply *reply);
static const struct rpc_stream_events stream_events = {
    .headers = on_headers, .message = on_message, .writable = on_writable, .finished = on_finished};

static void stop_keeping(struct relay_call *c)
{
    c->keeping = false;
    text_deinit(&c->kept);
}

/* The relay is done with the call; the caller's side is finished right after. */
static void let_go(struct relay_call *c)
{
    stop_keeping(c);
    for (size_t i = 0; i < c->tried_count; i++)
        relay_routes_give_back(&c->relay->routes, c->tried[i]);
    c->tried_count = 0;
    c->relay->figures.under_way--;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    rpc_call_set_user(c->call, NULL);
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

static bool is(struct bytes name, const char *text)
{
    return bytes_is(name, text);
}

static size_t add_header(struct grpc_header *items, size_t n, const char *name, const char *value)
{
    if (value)
        items[n++] = (struct grpc_header){.name = bytes_of(name), .value = bytes_of(value)};
    return n;
}

/* The caller's metadata less what is between networks, with the time that is left in Micro's own header too. */
static int build_metadata(struct relay_call *c, uint64_t left, struct grpc_metadata *out)
{
    struct arena *a = rpc_call_arena(c->call);
    struct grpc_metadata from = rpc_call_metadata(c->call);
    struct grpc_header *items = ARENA_NEW_N(a, struct grpc_header, from.count + HEADERS_OURS);
    const struct micro_caller *caller = rpc_call_guard_data(c->call); /* NULL: from a peer, who keeps its trace */
    bool traced = caller && caller->traced;
    bool to_peer = c->route->owner && c->route->owner->source == RELAY_PEER, namespace = false;
    size_t n = 0;
    if (!items)
        return ERROR_MEMORY;
    for (size_t i = 0; i < from.count; i++) {
        struct bytes name = from.items[i].name;
        if (is(name, RELAY_TOKEN_HEADER) || is(name, RELAY_HOPS_HEADER) || (left && is(name, "timeout")) ||
            (traced && (is(name, "micro-trace-id") || is(name, "micro-span-id"))))
            continue;
        namespace = namespace || is(name, "micro-namespace");
        items[n++] = from.items[i];
    }
    if (traced) {
        n = add_header(items, n, "micro-trace-id", caller->trace);
        n = add_header(items, n, "micro-span-id", caller->id);
    }
    if (left && grpc_metadata_get(from, "timeout").data) {
        const char *text = arena_printf(a, "%llu", (unsigned long long)left);
        if (!text)
            return ERROR_MEMORY;
        n = add_header(items, n, "timeout", text);
    }
    if (to_peer) {
        const char *hops = arena_printf(a, "%u", c->hops + 1);
        if (!hops)
            return ERROR_MEMORY;
        n = add_header(items, n, RELAY_HOPS_HEADER, hops);
        n = add_header(items, n, RELAY_TOKEN_HEADER, c->relay->config.peer_token);
        if (!namespace)
            n = add_header(items, n, "micro-namespace", c->target.domain);
    }
    *out = (struct grpc_metadata){.items = items, .count = n};
    return 0;
}

static int send_kept(struct relay_call *c)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < c->kept.len;) {
        uint64_t len;
        memcpy(&len, c->kept.data + at, sizeof len);
        at += sizeof len;
        rc = rpc_stream_send(c->stream, BYTES(c->kept.data + at, (size_t)len));
        at += (size_t)len;
    }
    if (rc == 0 && c->half_closed)
        rc = rpc_stream_half_close(c->stream);
    return rc == ERROR_CLOSED ? 0 : rc; /* its end will tell */
}

/* Ends what could not be begun. */
static void fail(struct relay_call *c, int code, const char *why)
{
    struct rpc_call *call = c->call;
    let_go(c);
    micro_fail(call, code, RELAY_ERROR_ID, "%s", why);
}

static void report(struct relay_call *c, enum relay_outcome outcome)
{
    struct relay_route *route = c->route;
    struct relay *r = c->relay;
    if (!relay_breaker_end(&route->breaker, outcome, c->probe, world_now(r->world)))
        return;
    if (route->breaker.state == RELAY_OPEN && outcome != RELAY_UNKNOWN)
        r->figures.openings++;
    log_info(r->config.name, "%s at %s: breaker %s", route->spec.service, route->spec.address,
             relay_state_name(route->breaker.state));
}

/* "/greeter.Say/Hello" becomes "/helloworld.v1.Say/Hello"; NULL: no memory. */
static const char *path_there(struct relay_call *c)
{
    const char *path = rpc_call_path(c->call), *package = c->relay->config.package;
    if (!package)
        return path;
    return arena_printf(rpc_call_arena(c->call), "/%s%s", package, path + strlen("/") + strlen(c->service));
}

/* To the route that was taken. */
static void begin(struct relay_call *c)
{
    struct relay *r = c->relay;
    struct rpc_channel *channel = relay_endpoint_channel(r, c->route);
    uint64_t deadline = rpc_call_deadline(c->call), now = world_now(r->world);
    uint64_t left = deadline == UINT64_MAX ? 0 : deadline > now ? deadline - now : 1;
    struct rpc_request request = {
        .path = path_there(c), .timeout = left, .content_type = c->content_type, .gzip = c->gzip};
    struct error err = ERROR_INIT;
    c->probe = relay_breaker_begin(&c->route->breaker);
    int rc = channel && request.path ? build_metadata(c, left, &request.metadata) : ERROR_MEMORY;
    if (rc == 0)
        rc = rpc_stream_open(channel, &request, &stream_events, c, &c->stream, &err);
    if (rc) {
        c->stream = NULL;
        report(c, RELAY_UNKNOWN);
        fail(c,
             rc == ERROR_INVALID ? 400
             : r->stopping       ? 503
                                 : 507,
             err.message   ? err.message
             : r->stopping ? "shutting down"
                           : error_code_name(rc));
        error_clear(&err);
        return;
    }
    rc = send_kept(c);
    if (rc) {
        c->failed = true;
        rpc_stream_cancel(c->stream);
    } else if (rpc_stream_busy(c->stream)) {
        rpc_call_pause(c->call);
    } else {
        rpc_call_resume(c->call); /* an earlier node's stream may have held it up */
    }
}

static struct relay_route *take(struct relay_call *c, const struct relay_target *target, enum relay_none *why)
{
    if (c->tried_count >= RELAY_TRIES_MAX) {
        *why = RELAY_ALL_TRIED;
        return NULL;
    }
    struct relay_route *route =
        relay_routes_take(&c->relay->routes, target, c->tried, c->tried_count, world_now(c->relay->world), why);
    if (route)
        c->tried[c->tried_count++] = route;
    return route;
}

/* The caller's namespace first, then the platform's own. */
static struct relay_route *find(struct relay_call *c, enum relay_none *why)
{
    const struct relay_config *config = &c->relay->config;
    if (config->endpoint) {
        const struct relay_target all = {.domain = "*", .service = "*"};
        return take(c, &all, why);
    }
    struct relay_target target = c->target;
    if (!relay_routes_group(&c->relay->routes, target.domain, target.service))
        target.domain = MICRO_NAMESPACE;
    struct relay_route *route = take(c, &target, why);
    if (!route && config->elsewhere && (*why == RELAY_NO_SERVICE || *why == RELAY_NO_MATCH) &&
        strcmp(c->service, config->elsewhere) != 0) {
        const struct relay_target other = {.domain = MICRO_NAMESPACE, .service = config->elsewhere};
        enum relay_none ignored;
        route = take(c, &other, &ignored);
    }
    return route;
}

static void begin_first(struct relay_call *c)
{
    enum relay_none why;
    c->route = find(c, &why);
    if (c->route) {
        c->relay->figures.calls++;
        begin(c);
        return;
    }
    struct rpc_call *call = c->call;
    c->relay->figures.refused++;
    let_go(c);
    switch (why) {
    case RELAY_NO_SERVICE:
        if (c->relay->synced)
            micro_fail(call, 404, RELAY_ERROR_ID, "service not found");
        else
            micro_fail(call, 503, RELAY_ERROR_ID, "the registry has not been read yet");
        break;
    case RELAY_NO_MATCH:
        micro_fail(call, 404, RELAY_ERROR_ID,
                   "service not found: no node of %s has the version, route or labels asked for", c->service);
        break;
    case RELAY_ALL_OPEN:
    case RELAY_ALL_TRIED:
        micro_fail(call, 503, RELAY_ERROR_ID, "no node of %s can be reached at the moment", c->service);
        break;
    }
}

/* ---- the caller's side ------------------------------------------------------------------------------------------ */

static bool is_own(const struct relay *r, const char *service)
{
    for (const char *const *own = r->config.own; own && *own; own++)
        if (strcmp(*own, service) == 0)
            return true;
    return false;
}

/* A service's own helpers, whatever it is called, and what stands under its own names. */
static bool for_us(const struct relay *r, const struct rpc_call *call)
{
    char service[RELAY_NAME_MAX + 1];
    return strncmp(rpc_call_service(call), "grpc.", 5) == 0 ||
           relay_path_service(rpc_call_path(call), service, sizeof service) != 0 || is_own(r, service);
}

static int code_of(int rc)
{
    return rc == ERROR_DENIED ? 401 : rc == ERROR_CLOSED ? 503 : rc == ERROR_MEMORY ? 507 : 500;
}

bool relay_guard(struct rpc_call *call, void *relay)
{
    struct relay *r = relay;
    const char *header = rpc_call_header(call, "authorization");
    bool shown = header && *header;
    if (shown && strncasecmp(header, "Bearer ", 7) != 0) {
        micro_fail(call, 401, RELAY_ERROR_ID, "invalid authorization header: expected Bearer and a token");
        return false;
    }
    if (for_us(r, call))
        return micro_guard(call, r->config.service);
    struct micro_caller *caller = ARENA_NEW(rpc_call_arena(call), struct micro_caller);
    struct error err = ERROR_INIT;
    int rc = caller ? 0 : error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0) {
        rpc_call_set_guard_data(call, caller);
        micro_trace_begin(call, caller);
    }
    if (rc == 0 && shown)
        rc = micro_service_account(r->config.service, header + 7 + strspn(header + 7, " "), rpc_call_arena(call),
                                   &caller->account, &err);
    if (rc)
        micro_fail(call, code_of(rc), RELAY_ERROR_ID, "%s", err.message ? err.message : "invalid token");
    error_clear(&err);
    return rc == 0;
}

/* An abort ends no other call: what is behind it is told from the loop. */
void relay_judge(void *relay)
{
    struct relay *r = relay;
    struct text words = TEXT_INIT;
    for (struct relay_call *c = r->first_call, *next; c; c = next) {
        const struct micro_caller *caller = rpc_call_guard_data(c->call);
        next = c->next;
        if (c->gone || !caller || !micro_service_account_ended(r->config.service, caller->account))
            continue;
        text_clear(&words);
        micro_error_json(&words, 401, RELAY_ERROR_ID, "the token was revoked, or the key withdrawn that signed it");
        rpc_call_abort(c->call, GRPC_UNAUTHENTICATED, text_string(&words));
    }
    text_deinit(&words);
}

static unsigned hops_of(const struct rpc_call *call)
{
    const char *text = rpc_call_header(call, RELAY_HOPS_HEADER);
    unsigned hops = 0;
    for (; text && *text >= '0' && *text <= '9' && hops <= RELAY_HOPS_MAX; text++)
        hops = hops * 10 + (unsigned)(*text - '0');
    return text && *text ? RELAY_HOPS_MAX : hops; /* what is no number has come far enough */
}

static void open_call(struct rpc_call *call, struct relay *r, bool from_peer)
{
    char service[RELAY_NAME_MAX + 1];
    int rc = relay_path_service(rpc_call_path(call), service, sizeof service);
    if (rc) {
        micro_fail(call, 400, RELAY_ERROR_ID,
                   rc == ERROR_LIMIT ? "the service's name is too long"
                                     : "service name is blank: expected a path like /service.Type/Method");
        return;
    }
    if (is_own(r, service)) {
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "unknown method %s", rpc_call_path(call));
        return;
    }
    if (r->stopping || r->figures.under_way >= r->config.calls_max) {
        micro_fail(call, 503, RELAY_ERROR_ID,
                   r->stopping ? "shutting down" : "too many calls are under way, try again later");
        return;
    }
    struct arena *arena = rpc_call_arena(call);
    struct relay_call *c = ARENA_NEW(arena, struct relay_call);
    struct bytes type = rpc_call_content_type(call);
    if (!c || (type.len && !(c->content_type = arena_string_n(arena, (const char *)type.data, type.len)))) {
        micro_fail(call, 507, RELAY_ERROR_ID, "out of memory");
        return;
    }
    c->relay = r;
    c->call = call;
    c->keeping = true;
    c->gzip = rpc_call_gzip(call);
    c->hops = from_peer ? hops_of(call) : 0;
    memcpy(c->service, service, sizeof service);
    c->target.service = c->service;
    c->target.domain = micro_call_namespace(call);
    if (c->hops >= RELAY_HOPS_MAX) {
        micro_fail(call, 503, RELAY_ERROR_ID, "the call went through %u networks and found no node", c->hops);
        return;
    }
    if (relay_target_read(&c->target, rpc_call_metadata(call)) != 0) {
        micro_fail(call, 400, RELAY_ERROR_ID, "at most %d labels can be asked for", RELAY_LABELS_MAX);
        return;
    }
    if (r->config.pool && rpc_call_json(call)) {
        const char *path = path_there(c);
        c->method = path ? pb_find_method(r->config.pool, path, true) : NULL;
        c->content_type = c->method ? NULL : c->content_type;
    }
    r->figures.under_way++;
    c->next = r->first_call;
    c->at = &r->first_call;
    if (c->next)
        c->next->at = &c->next;
    r->first_call = c;
    rpc_call_set_user(call, c);
    begin_first(c);
}

static void call_open(struct rpc_call *call, void *relay)
{
    open_call(call, relay, false);
}

static void call_open_from_peer(struct rpc_call *call, void *relay)
{
    open_call(call, relay, true);
}

static void keep(struct relay_call *c, struct bytes message)
{
    uint64_t len = message.len;
    if (c->kept.len + sizeof len + message.len > RELAY_KEEP_MAX) {
        stop_keeping(c);
        return;
    }
    text_add(&c->kept, &len, sizeof len);
    text_add(&c->kept, message.data, message.len);
    if (!text_ok(&c->kept))
        stop_keeping(c);
}

static void pass_message(struct relay_call *c, struct bytes message)
{
    struct rpc_call *call = c->call;
    if (c->keeping)
        keep(c, message);
    int rc = rpc_stream_send(c->stream, message);
    if (rc && rc != ERROR_CLOSED) {
        c->failed = true;
        rpc_stream_cancel(c->stream);
    } else if (rpc_stream_busy(c->stream)) {
        rpc_call_pause(call);
    }
}

static void call_message(struct rpc_call *call, struct bytes message, void *relay)
{
    struct relay_call *c = rpc_call_user(call);
    struct text wire = TEXT_INIT;
    struct error err = ERROR_INIT;
    (void)relay;
    if (!c || c->gone || c->failed)
        return;
    if (!c->method) {
        pass_message(c, message);
        return;
    }
    int rc = pb_json_to_wire(c->method->input, message, 0, &wire, &err);
    if (rc == 0 && text_ok(&wire)) {
        pass_message(c, wire.len ? text_bytes(&wire) : BYTES("", 0));
    } else {
        if (rc && rc != ERROR_MEMORY)
            c->bad = arena_string(rpc_call_arena(call), err.message ? err.message : error_code_name(rc));
        c->failed = true;
        rpc_stream_cancel(c->stream);
    }
    error_clear(&err);
    text_deinit(&wire);
}

static void call_half_closed(struct rpc_call *call, void *relay)
{
    struct relay_call *c = rpc_call_user(call);
    (void)relay;
    if (!c || c->gone || c->failed)
        return;
    c->half_closed = true;
    int rc = rpc_stream_half_close(c->stream);
    if (rc && rc != ERROR_CLOSED) {
        c->failed = true;
        rpc_stream_cancel(c->stream);
    }
}

static void call_cancelled(struct rpc_call *call, void *relay)
{
    struct relay_call *c = rpc_call_user(call);
    (void)relay;
    if (!c) {
        rpc_call_finish(call, GRPC_CANCELLED, "");
        return;
    }
    c->gone = true;
    stop_keeping(c);
    rpc_stream_cancel(c->stream);
}

static void call_writable(struct rpc_call *call, void *relay)
{
    struct relay_call *c = rpc_call_user(call);
    (void)relay;
    if (c)
        rpc_stream_resume(c->stream);
}

const struct rpc_handler relay_handler = {.open = call_open,
                                          .message = call_message,
                                          .half_closed = call_half_closed,
                                          .cancelled = call_cancelled,
                                          .writable = call_writable};
const struct rpc_handler relay_peer_handler = {.open = call_open_from_peer,
                                               .message = call_message,
                                               .half_closed = call_half_closed,
                                               .cancelled = call_cancelled,
                                               .writable = call_writable};

/* ---- the node's side -------------------------------------------------------------------------------------------- */

static void give_up(struct relay_call *c)
{
    c->failed = true;
    rpc_stream_cancel(c->stream);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct relay_call *c = arg;
    stop_keeping(c);
    int rc = 0;
    for (size_t i = 0; i < headers.count && rc == 0; i++)
        rc = rpc_call_send_header(c->call, (const char *)headers.items[i].name.data, headers.items[i].value);
    if (rc == 0)
        rc = rpc_call_send_headers(c->call);
    if (rc && rc != ERROR_CANCELLED)
        give_up(c);
}

static void on_message(void *arg, struct bytes message)
{
    struct relay_call *c = arg;
    struct text json = TEXT_INIT;
    stop_keeping(c);
    int rc = c->method ? pb_wire_to_json(c->method->output, message, JSON_FLAGS, &json, NULL) : 0;
    if (rc == 0)
        rc = text_ok(&json) ? rpc_call_send_bytes(c->call, c->method ? text_bytes(&json) : message) : ERROR_MEMORY;
    text_deinit(&json);
    if (rc && rc != ERROR_CANCELLED)
        give_up(c);
    else if (rpc_call_busy(c->call))
        rpc_stream_pause(c->stream);
}

static void on_writable(void *arg)
{
    struct relay_call *c = arg;
    rpc_call_resume(c->call);
}

static enum relay_outcome outcome_of(const struct rpc_reply *reply)
{
    if (reply->status == GRPC_CANCELLED || reply->status == GRPC_DEADLINE_EXCEEDED)
        return RELAY_UNKNOWN;
    if (reply->lost)
        return reply->unseen ? RELAY_REFUSED : RELAY_LOST;
    return reply->status == GRPC_UNAVAILABLE ? RELAY_UNAVAILABLE : RELAY_ANSWERED;
}

/* At another node. */
static bool make_again(struct relay_call *c)
{
    enum relay_none why;
    struct relay_route *route = find(c, &why);
    if (!route)
        return false;
    c->route = route;
    c->relay->figures.again++;
    begin(c);
    return true;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct relay_call *c = arg;
    struct rpc_call *call = c->call;
    c->stream = NULL;
    report(c, c->gone || c->failed ? RELAY_UNKNOWN : outcome_of(reply));
    if (c->gone) {
        let_go(c);
        rpc_call_finish(call, GRPC_CANCELLED, "");
        return;
    }
    if (c->bad) {
        fail(c, 400, c->bad);
        return;
    }
    if (c->failed) {
        fail(c, 507, "a message is too large to be passed on, or there is no memory for it");
        return;
    }
    bool ours = reply->lost && reply->status == GRPC_UNAVAILABLE;
    if (c->relay->stopping && (ours || reply->status == GRPC_CANCELLED)) {
        fail(c, 503, "shutting down");
        return;
    }
    if (ours && reply->unseen && c->keeping && make_again(c))
        return;
    let_go(c);
    if (ours) {
        c->relay->figures.lost++;
        micro_fail(call, 503, RELAY_ERROR_ID, "%.*s", (int)reply->message.len,
                   reply->message.data ? (const char *)reply->message.data : "");
        return;
    }
    relay_pass_end(call, reply);
}
