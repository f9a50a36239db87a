/* Routing: a path is looked up whole ("store.Store/Read"), and with package_free also by what stands behind the last
 * dot of its service ("Store/Read"), which is how Micro's servers find their handlers: the part in front is the name
 * the service runs under, not its proto package. An exact match wins. */
#include "rpc/server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SHOWN_MAX 200 /* bytes of a bad path repeated in the answer */

static const char *last_part(const char *service)
{
    const char *dot = strrchr(service, '.');
    return dot ? dot + 1 : service;
}

int rpc_server_add(struct rpc_server *s, const struct rpc_service *service, void *context)
{
    if (map_get(&s->services, service->name))
        return ERROR_EXISTS;
    struct rpc_registered *r = calloc(1, sizeof *r);
    if (!r)
        return ERROR_MEMORY;
    *r = (struct rpc_registered){.service = service, .context = context};
    if (!map_put(&s->services, service->name, r)) {
        free(r);
        return ERROR_MEMORY;
    }
    struct rpc_registered **end = &s->registered; /* in the order they were added, for listings */
    while (*end)
        end = &(*end)->next;
    *end = r;
    if (!map_get(&s->short_services, last_part(service->name)) &&
        !map_put(&s->short_services, last_part(service->name), r))
        return ERROR_MEMORY;
    for (size_t i = 0; i < service->method_count; i++) {
        struct rpc_route *route = calloc(1, sizeof *route);
        if (!route)
            return ERROR_MEMORY;
        *route = (struct rpc_route){.method = &service->methods[i], .context = context};
        struct text key = TEXT_INIT;
        text_printf(&key, "%s/%s", service->name, service->methods[i].name);
        bool ok = text_ok(&key) && map_put(&s->routes, text_string(&key), route);
        if (!ok) {
            text_deinit(&key);
            free(route);
            return ERROR_MEMORY;
        }
        const char *tail = text_string(&key) + (last_part(service->name) - service->name);
        if (!map_get(&s->short_routes, tail))
            ok = map_put(&s->short_routes, tail, route);
        text_deinit(&key);
        if (!ok)
            return ERROR_MEMORY;
    }
    return 0;
}

const struct pb_pool *server_pool(struct rpc_server *s)
{
    if (!s->options.pool && s->options.make_pool)
        s->options.pool = s->options.make_pool(s->options.make_pool_arg);
    return s->options.pool;
}

void server_routes_free(struct rpc_server *s)
{
    for (struct map_entry *e = map_first(&s->routes); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&s->routes);
    map_deinit(&s->short_routes);
    while (s->registered) {
        struct rpc_registered *r = s->registered;
        s->registered = r->next;
        free(r);
    }
    map_deinit(&s->services);
    map_deinit(&s->short_services);
}

void rpc_server_set_fallback(struct rpc_server *s, const struct rpc_handler *handler, void *context)
{
    s->fallback = *handler;
    s->fallback_route = (struct rpc_route){.handler = &s->fallback, .context = context};
}

void rpc_server_set_whole_names(struct rpc_server *s)
{
    s->whole_names = true;
}

static const struct rpc_route *find_route(const struct rpc_server *s, const struct rpc_call *c)
{
    const char *key = c->path + 1;
    const struct rpc_route *route = map_get(&s->routes, key);
    if (!route && s->options.package_free && !s->whole_names)
        route = map_get(&s->short_routes, key + (last_part(c->service) - c->service));
    if (!route && s->fallback_route.handler)
        route = &s->fallback_route;
    return route;
}

/* "/service/method" into its two names. */
static bool split_path(struct rpc_call *c)
{
    const char *slash = c->path[0] == '/' ? strchr(c->path + 1, '/') : NULL;
    if (!slash || slash == c->path + 1 || slash[1] == '\0' || strchr(slash + 1, '/'))
        return false;
    c->service = arena_string_n(&c->arena, c->path + 1, (size_t)(slash - c->path - 1));
    c->method = slash + 1;
    if (!c->service)
        c->service = "";
    return true;
}

void server_dispatch(struct rpc_call *c)
{
    struct rpc_server *s = c->server;
    if (!split_path(c)) {
        rpc_call_fail(c, s->options.package_free ? GRPC_INVALID_ARGUMENT : GRPC_UNIMPLEMENTED,
                      "malformed path \"%.*s\": expected /service/method", PATH_SHOWN_MAX, c->path);
        return;
    }
    struct rpc_call *before = server_call_enter(c);
    bool may = !s->guard || s->guard(c, s->guard_context);
    server_call_leave(c, before);
    if (!may) {
        server_call_release(c);
        return;
    }
    if (c->finished || c->cancelled) { /* a guard that finished and still said yes */
        server_call_release(c);
        return;
    }
    const struct rpc_route *route = find_route(s, c);
    if (!route) {
        bool known = map_get(&s->services, c->service) ||
                     (s->options.package_free && map_get(&s->short_services, last_part(c->service)));
        if (known)
            rpc_call_fail(c, GRPC_UNIMPLEMENTED, "unknown method %.*s", PATH_SHOWN_MAX, c->method);
        else
            rpc_call_fail(c, GRPC_UNIMPLEMENTED, "unknown service %.*s", PATH_SHOWN_MAX, c->service);
        return;
    }
    c->route = *route;
    if (c->json && route->method && !server_pool(s)) {
        rpc_call_fail(c, GRPC_UNIMPLEMENTED, "this server speaks application/grpc+proto only");
        return;
    }
    void (*begin)(struct rpc_call *, void *) = route->method ? route->method->open : route->handler->open;
    if (!begin)
        return;
    c->handed = true;
    before = server_call_enter(c);
    begin(c, c->route.context);
    server_call_leave(c, before);
    server_call_release(c);
}

static int decode(struct rpc_call *c, const ProtobufCMessageDescriptor *type, struct bytes message, struct arena *arena,
                  ProtobufCMessage **out, struct error *err)
{
    if (!c->json)
        return pb_unpack(type, message, arena, out, err);
    const struct pb_pool *pool = server_pool(c->server);
    const struct pb_type *known = pool ? pb_find_type(pool, type->name) : NULL;
    if (!known)
        return error_set(err, ERROR_NOT_FOUND, "type %s is not in the server's descriptors", type->name);
    struct text wire = TEXT_INIT;
    int rc = pb_json_to_wire(known, message, 0, &wire, err);
    if (rc == 0)
        rc = text_ok(&wire) ? pb_unpack(type, text_bytes(&wire), arena, out, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&wire);
    return rc;
}

/* Depth is held by the caller, so the call survives whatever happens below. */
void server_deliver_message(struct rpc_call *c, struct bytes message)
{
    if (c->finished || c->cancelled)
        return;
    if (c->route.handler) {
        if (c->route.handler->message)
            c->route.handler->message(c, message, c->route.context);
        return;
    }
    const struct rpc_method *method = c->route.method;
    if (!method)
        return;
    if (method->unary && c->request) {
        server_call_abort(c, GRPC_UNIMPLEMENTED, "the method takes one request, more were sent");
        return;
    }
    struct error err = ERROR_INIT;
    ProtobufCMessage *m = NULL;
    const ProtobufCMessageDescriptor *type = c->first_taken && method->later ? method->later : method->input;
    c->first_taken = true;
    int rc = decode(c, type, message, method->unary ? &c->arena : &c->message_arena, &m, &err);
    if (rc) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        error_clear(&err);
        int status = rc == ERROR_MEMORY      ? GRPC_RESOURCE_EXHAUSTED
                     : rc == ERROR_NOT_FOUND ? GRPC_INTERNAL
                                             : GRPC_INVALID_ARGUMENT;
        struct text full = TEXT_INIT;
        text_printf(&full, "the request is not a valid %s: %s", type->name, text_string(&why));
        server_call_abort(c, status, text_string(&full));
        text_deinit(&full);
        text_deinit(&why);
        return;
    }
    if (method->unary) {
        c->request = m;
        return;
    }
    if (method->message) {
        c->handed = true;
        method->message(c, m, c->route.context);
    }
    if (c->message_arena.used > RPC_CALL_ARENA_KEEP)
        arena_deinit(&c->message_arena);
    else
        arena_reset(&c->message_arena);
}

void server_deliver_half_close(struct rpc_call *c)
{
    if (c->finished || c->cancelled)
        return;
    if (c->route.handler) {
        if (c->route.handler->half_closed)
            c->route.handler->half_closed(c, c->route.context);
        return;
    }
    const struct rpc_method *method = c->route.method;
    if (!method)
        return;
    if (method->unary) {
        if (!c->request) {
            server_call_abort(c, GRPC_UNIMPLEMENTED, "the method takes one request, none was sent");
            return;
        }
        c->handed = true;
        method->unary(c, c->request, c->route.context);
    } else if (method->half_closed) {
        c->handed = true;
        method->half_closed(c, c->route.context);
    }
}
