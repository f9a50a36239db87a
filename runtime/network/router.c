/* router.Router and router.Table over the relay's routes. Routes an administrator makes are in memory: they are gone
 * with the process. The watch sends its header at once: what is looked up after that came is complete, and every later
 * change follows. */
#include "runtime/network/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHERS_MAX 1000
#define LABELS_MAX   64 /* of a route that is made */

struct network_watcher {
    struct rpc_call *call;
    struct network_watcher *next, **link;
};

/* ---- making and changing ---------------------------------------------------------------------------------------- */

static const char *domain_of(const Router__Route *r)
{
    const char *domain = network_route_label(r, "domain");
    return domain && domain[0] ? domain : MICRO_NAMESPACE;
}

/* What tells one route to a service from another, as in v3. */
static const char *identity(const Router__Route *r, struct arena *a)
{
    return arena_printf(a, "%s|%s|%s|%s|%s", r->address, r->gateway, r->network, r->router, r->link);
}

/* Its texts as a spec; false: the call was finished. */
static bool spec_of(struct rpc_call *call, const Router__Route *r, const char *id, struct relay_label *labels,
                    struct relay_spec *out)
{
    const char *version = network_route_label(r, "version");
    const char *node = identity(r, rpc_call_arena(call));
    const char *colon = strrchr(r->address, ':');
    size_t count = 0;
    if (!node) {
        micro_fail(call, 507, id, "out of memory");
        return false;
    }
    if (!r->service[0] || strlen(r->service) > RELAY_NAME_MAX || strlen(domain_of(r)) > RELAY_NAME_MAX) {
        micro_fail(call, 400, id, "a service is needed, with a name of at most %d bytes", RELAY_NAME_MAX);
        return false;
    }
    if (!colon || colon == r->address || !colon[1] || r->metric < 0 || r->metric > NETWORK_METRIC_MAX ||
        r->n_metadata > LABELS_MAX) {
        micro_fail(call, 400, id, "a route needs an address host:port, a metric from 0 to %d, and at most %d labels",
                   NETWORK_METRIC_MAX, LABELS_MAX);
        return false;
    }
    for (size_t i = 0; i < r->n_metadata; i++)
        if (strcmp(r->metadata[i]->key, "domain") != 0 && strcmp(r->metadata[i]->key, "version") != 0)
            labels[count++] = (struct relay_label){.key = r->metadata[i]->key, .value = r->metadata[i]->value};
    *out = (struct relay_spec){.domain = domain_of(r),
                               .service = r->service,
                               .version = version,
                               .node = node,
                               .address = r->address,
                               .gateway = r->gateway,
                               .network = r->network,
                               .router = r->router,
                               .link = r->link[0] ? r->link : "local",
                               .metric = r->metric,
                               .labels = labels,
                               .label_count = count};
    return true;
}

static void reply_changed(struct network *n, struct rpc_call *call, const ProtobufCMessage *reply)
{
    char revision[24];
    int len = snprintf(revision, sizeof revision, "%llu", (unsigned long long)relay_table(n->relay)->revision);
    (void)rpc_call_add_trailer(call, "micro-revision", BYTES(revision, (size_t)len));
    rpc_call_reply(call, reply);
}

static void put(struct rpc_call *call, const ProtobufCMessage *message, struct network *n, const char *id, bool fresh)
{
    const Router__Route *r = (const Router__Route *)(const void *)message;
    struct relay_label labels[LABELS_MAX];
    struct relay_spec spec;
    struct relay_routes *t = relay_table(n->relay);
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id) || !spec_of(call, r, id, labels, &spec))
        return;
    if (fresh && relay_routes_get(t, &n->statics, &spec)) {
        micro_fail(call, 409, id, "the route exists already");
        return;
    }
    int rc = relay_routes_put(t, &n->statics, &spec);
    Router__CreateResponse created = ROUTER__CREATE_RESPONSE__INIT;
    Router__UpdateResponse updated = ROUTER__UPDATE_RESPONSE__INIT;
    if (rc)
        micro_fail(call, rc == ERROR_INVALID ? 400 : 507, id, "the route is not taken: %s", error_code_name(rc));
    else
        reply_changed(n, call, fresh ? &created.base : &updated.base);
}

static void table_create(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    put(call, message, context, "router.Table.Create", true);
}

static void table_update(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    put(call, message, context, "router.Table.Update", false);
}

static void table_delete(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "router.Table.Delete";
    struct network *n = context;
    struct relay_label labels[LABELS_MAX];
    struct relay_spec spec;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id) ||
        !spec_of(call, (const Router__Route *)(const void *)message, id, labels, &spec))
        return;
    struct relay_route *route = relay_routes_get(relay_table(n->relay), &n->statics, &spec);
    if (!route) {
        micro_fail(call, 404, id, "route not found");
        return;
    }
    relay_routes_remove(relay_table(n->relay), route);
    Router__DeleteResponse reply = ROUTER__DELETE_RESPONSE__INIT;
    reply_changed(n, call, &reply.base);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool like(const char *asked, const char *value)
{
    return !asked[0] || strcmp(asked, "*") == 0 || strcmp(asked, value) == 0;
}

static int by_metric(const void *a, const void *b)
{
    const Router__Route *x = *(Router__Route *const *)a, *y = *(Router__Route *const *)b;
    int order = (x->metric > y->metric) - (x->metric < y->metric);
    return order ? order : strcmp(x->address, y->address);
}

/* Routes to a service (blank: all) with these values, cheapest first. False: the call was finished. */
static bool collect(struct rpc_call *call, struct network *n, const char *service, const Router__LookupOptions *options,
                    const char *id, Router__Route ***out, size_t *count)
{
    const struct relay_routes *t = relay_table(n->relay);
    const Router__LookupOptions any = ROUTER__LOOKUP_OPTIONS__INIT;
    const Router__LookupOptions *o = options ? options : &any;
    struct arena *arena = rpc_call_arena(call);
    Router__Route **list = ARENA_NEW_N(arena, Router__Route *, t->count + 1);
    size_t found = 0;
    bool ok = list != NULL;
    for (struct map_entry *e = map_first(&t->groups); e && ok; e = map_next(e)) {
        const struct relay_group *g = map_value(e);
        if (service[0] && strcmp(g->service, service) != 0)
            continue;
        for (const struct relay_route *r = g->first; r && ok; r = r->next) {
            if (!like(o->address, r->spec.address) || !like(o->gateway, r->spec.gateway) ||
                !like(o->network, r->spec.network) || !like(o->router, r->spec.router) || !like(o->link, r->spec.link))
                continue;
            list[found] = network_route_message(r, arena);
            ok = list[found++] != NULL;
        }
    }
    if (!ok) {
        micro_fail(call, 507, id, "out of memory");
        return false;
    }
    if (found == 0 && service[0]) {
        micro_fail(call, 404, id, "route not found");
        return false;
    }
    qsort(list, found, sizeof *list, by_metric);
    *out = list;
    *count = found;
    return true;
}

static void table_read(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "router.Table.Read";
    const Router__ReadRequest *r = (const Router__ReadRequest *)(const void *)message;
    Router__ReadResponse reply = ROUTER__READ_RESPONSE__INIT;
    if (micro_authorize_admin(call, MICRO_NAMESPACE, id) &&
        collect(call, context, r->service, NULL, id, &reply.routes, &reply.n_routes))
        rpc_call_reply(call, &reply.base);
}

static void router_lookup(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "router.Router.Lookup";
    const Router__LookupRequest *r = (const Router__LookupRequest *)(const void *)message;
    Router__LookupResponse reply = ROUTER__LOOKUP_RESPONSE__INIT;
    if (micro_authorize_admin(call, MICRO_NAMESPACE, id) &&
        collect(call, context, r->service, r->options, id, &reply.routes, &reply.n_routes))
        rpc_call_reply(call, &reply.base);
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

static void watcher_remove(struct network *n, struct network_watcher *w)
{
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    n->watcher_count--;
    rpc_call_set_user(w->call, NULL);
}

static void router_watch(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "router.Router.Watch";
    struct network *n = context;
    (void)message;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    if (n->stopping || n->watcher_count >= WATCHERS_MAX) {
        micro_fail(call, 503, id, n->stopping ? "shutting down" : "too many watchers");
        return;
    }
    struct network_watcher *w = ARENA_NEW(rpc_call_arena(call), struct network_watcher);
    if (!w || rpc_call_send_headers(call) == ERROR_MEMORY) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    *w = (struct network_watcher){.call = call, .next = n->watchers, .link = &n->watchers};
    if (w->next)
        w->next->link = &w->next;
    n->watchers = w;
    n->watcher_count++;
    rpc_call_set_user(call, w);
}

static void watch_cancelled(struct rpc_call *call, void *context)
{
    struct network_watcher *w = rpc_call_user(call);
    if (w)
        watcher_remove(context, w);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

void network_watchers_dismiss(struct network *n)
{
    while (n->watchers) {
        struct rpc_call *call = n->watchers->call;
        watcher_remove(n, n->watchers);
        rpc_call_finish(call, GRPC_OK, "");
    }
}

static void tell_watchers(struct network *n, enum relay_change what, const struct relay_route *route)
{
    static const Router__EventType types[] = {[RELAY_CREATED] = ROUTER__EVENT_TYPE__Create,
                                              [RELAY_DELETED] = ROUTER__EVENT_TYPE__Delete,
                                              [RELAY_UPDATED] = ROUTER__EVENT_TYPE__Update};
    struct arena arena = ARENA_INIT;
    Router__Event event = ROUTER__EVENT__INIT;
    event.id = arena_printf(&arena, "%s-%llu", n->id, (unsigned long long)relay_table(n->relay)->revision);
    event.type = types[what];
    event.timestamp = world_wall(n->world);
    event.route = network_route_message(route, &arena);
    bool ok = event.id && event.route;
    for (struct network_watcher *w = n->watchers, *next; w; w = next) {
        next = w->next;
        if (!ok || rpc_call_busy(w->call) || rpc_call_send(w->call, &event.base) != 0) {
            struct rpc_call *call = w->call;
            watcher_remove(n, w);
            micro_fail(call, 503, "router.Router.Watch", "the watcher reads too slowly: look up and watch again");
        }
    }
    arena_deinit(&arena);
}

void network_route_changed(void *network, enum relay_change what, const struct relay_route *route)
{
    struct network *n = network;
    if (n->watchers)
        tell_watchers(n, what, route);
    network_changed(n);
}

static const struct rpc_method router_methods[] = {
    {.name = "Lookup",
     .input = &router__lookup_request__descriptor,
     .output = &router__lookup_response__descriptor,
     .unary = router_lookup},
    {.name = "Watch",
     .input = &router__watch_request__descriptor,
     .output = &router__event__descriptor,
     .unary = router_watch,
     .cancelled = watch_cancelled},
};
const struct rpc_service network_router_service = {.name = "router.Router",
                                                   .methods = router_methods,
                                                   .method_count = sizeof router_methods / sizeof router_methods[0]};

static const struct rpc_method table_methods[] = {
    {.name = "Create",
     .input = &router__route__descriptor,
     .output = &router__create_response__descriptor,
     .unary = table_create},
    {.name = "Delete",
     .input = &router__route__descriptor,
     .output = &router__delete_response__descriptor,
     .unary = table_delete},
    {.name = "Update",
     .input = &router__route__descriptor,
     .output = &router__update_response__descriptor,
     .unary = table_update},
    {.name = "Read",
     .input = &router__read_request__descriptor,
     .output = &router__read_response__descriptor,
     .unary = table_read},
};
const struct rpc_service network_table_service = {
    .name = "router.Table", .methods = table_methods, .method_count = sizeof table_methods / sizeof table_methods[0]};
