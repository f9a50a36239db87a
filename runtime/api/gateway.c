#include "runtime/api/passage.h"

#include <stdio.h>
#include <string.h>

/* The client's own when it can be passed on, else a fresh one. */
static const char *request_id(struct passage *p)
{
    const char *given = http_request_header(p->x, "x-request-id");
    if (given && given[0] && strlen(given) <= GATEWAY_REQUEST_ID_MAX && answer_printable(given))
        return given;
    struct random *r = world_random(p->gateway->world);
    return arena_printf(http_arena(p->x), "%016llx%016llx", (unsigned long long)random_next(r),
                        (unsigned long long)random_next(r));
}

/* Where the service was found its rules are. False: the exchange was answered. */
static bool own_rules_grant(struct passage *p, const char *domain)
{
    if (p->domain[0] || strcmp(domain, p->namespace) == 0)
        return true;
    (void)snprintf(p->domain, sizeof p->domain, "%s", domain);
    return access_granted(p);
}

static void route_found(void *arg, const struct api_route *route)
{
    struct passage *p = arg;
    if (http_gone(p->x)) {
        http_finish(p->x);
        return;
    }
    if (p->grant.code) { /* while the service was looked for */
        answer_failure(p->x, p->grant.code, p->grant.why);
        return;
    }
    if (route->code != 200) {
        char detail[API_NAME_MAX + 600];
        (void)snprintf(detail, sizeof detail, "%s: %s", p->target.service, route->detail);
        answer_failure(p->x, route->code, detail);
        return;
    }
    bool socket = http_head(p->x)->upgrade && (route->streams || route->elsewhere);
    if (p->handler == API_HTTP && route->elsewhere)
        answer_failure(p->x, 404, "service not found: what peers have is reached by gRPC, not by handler http");
    else if (p->handler == API_HTTP && !own_rules_grant(p, route->domain)) {
        /* it was answered */
    } else if (p->handler == API_HTTP)
        forward_start(p, route);
    else if (p->handler == API_API)
        envelope_start(p, route);
    else if (socket)
        socket_start(p, route);
    else
        call_start(p, route); /* a server may pass over an upgrade it has no use for */
}

/* A route some service asked for; its variables go along as a query. False: there is none. */
static bool find_declared(struct passage *p)
{
    struct arena *arena = http_arena(p->x);
    const struct http1_head *head = http_head(p->x);
    const char *raw = (const char *)head->target.data, *host = http_request_header(p->x, "host");
    struct custom_match match;
    if (raw[0] != '/')
        raw = http_path(p->x);
    if (!api_custom_match(&p->gateway->custom, p->namespace, http_method(p->x), host ? host : "", raw,
                          strcspn(raw, "?"), arena, &match))
        return false;
    p->declared = true;
    p->handler = match.handler == API_META ? API_RPC : match.handler;
    p->topic = match.topic[0] ? arena_string(arena, match.topic) : NULL;
    (void)snprintf(p->domain, sizeof p->domain, "%s", match.namespace);
    (void)snprintf(p->target.service, sizeof p->target.service, "%s", match.service);
    (void)snprintf(p->target.endpoint, sizeof p->target.endpoint, "%s", match.endpoint);
    for (size_t i = 0; i < match.value_count; i++) {
        p->variables[i] = match.values[i];
        p->variables[i].name = arena_string(arena, match.values[i].name);
        if (!p->variables[i].name)
            return true;
        p->variable_count = i + 1;
    }
    return true;
}

/* Where to, by the path alone. False: the exchange was answered. */
static bool find_by_path(struct passage *p)
{
    struct error err = ERROR_INIT;
    enum api_handler handler = p->gateway->settings->handler;
    p->handler = handler == API_META ? API_RPC : handler;
    int rc = p->handler == API_HTTP ? api_path_web(http_path(p->x), &p->target, &err)
                                    : api_path_parse(http_path(p->x), &p->target, &err);
    if (rc < 0)
        answer_failure(p->x, 404, err.message ? err.message : "not found");
    error_clear(&err);
    return rc == 0;
}

static void respond_health(struct passage *p)
{
    bool draining = http_server_draining(p->gateway->http);
    http_add_header(p->x, "Cache-Control", "no-store");
    answer_plain(p->x, draining ? 503 : 200, draining ? "draining\n" : "ok\n");
}

static bool is_method(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(method, methods[i]) == 0)
            return true;
    }
    return false;
}

void gateway_handle(void *arg, struct http_exchange *x)
{
    struct gateway *g = arg;
    struct passage *p = ARENA_NEW(http_arena(x), struct passage);
    if (p) {
        p->gateway = g;
        p->x = x;
        p->request_id = request_id(p);
    }
    if (!p || !p->request_id) {
        answer_failure(x, 503, "out of memory");
        return;
    }
    http_add_header(x, "X-Request-Id", p->request_id);
    cors_headers(p);
    if (strcmp(http_method(x), "OPTIONS") == 0) {
        cors_preflight(p);
        return;
    }
    if (!is_method(http_method(x))) {
        http_add_header(x, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        answer_failure(x, 405, "method not allowed");
        return;
    }
    if (strcmp(http_path(x), GATEWAY_HEALTH_PATH) == 0) {
        respond_health(p);
        return;
    }
    if (!access_caller(p) || !metadata_timeout(p))
        return;
    bool declared = find_declared(p);
    if (!declared && strcmp(http_path(x), "/") == 0) {
        http_respond(x, 200, "application/json", bytes_of("{\"version\":\"" GATEWAY_VERSION "\"}"));
        return;
    }
    if (!declared && !find_by_path(p))
        return;
    span_begin(p);
    if (!access_granted(p))
        return;
    grant_open(&p->grant, p);
    if (p->handler == API_EVENT)
        event_start(p);
    else
        api_routes_find(&g->routes, p->namespace, &p->target, route_found, p);
}
