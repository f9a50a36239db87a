/* network.Network. v3 let anybody read the graph and connect nodes; here that takes an account, and an admin's to
 * change or to see routes. */
#include "runtime/network/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_SHOWN_MAX 20 /* routes without calls named by Status */

static uint32_t depth_of(uint32_t asked)
{
    return asked == 0 || asked > NETWORK_GRAPH_DEPTH ? NETWORK_GRAPH_DEPTH : asked;
}

static void reply_changed(struct network *n, struct rpc_call *call, const ProtobufCMessage *reply)
{
    char revision[24];
    int len = snprintf(revision, sizeof revision, "%llu", (unsigned long long)relay_table(n->relay)->revision);
    (void)rpc_call_add_trailer(call, "micro-revision", BYTES(revision, (size_t)len));
    rpc_call_reply(call, reply);
}

static void connect_nodes(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Connect";
    struct network *n = context;
    const Network__ConnectRequest *r = (const Network__ConnectRequest *)(const void *)message;
    struct error err = ERROR_INIT;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    if (r->n_nodes == 0) {
        micro_fail(call, 400, id, "no node is named");
        return;
    }
    int rc = 0;
    for (size_t i = 0; i < r->n_nodes && rc == 0; i++)
        rc = network_dial(n, r->nodes[i]->address, &err);
    Network__ConnectResponse reply = NETWORK__CONNECT_RESPONSE__INIT;
    if (rc)
        micro_fail(call, rc == ERROR_INVALID ? 400 : 507, id, "%s", err.message ? err.message : error_code_name(rc));
    else
        reply_changed(n, call, &reply.base);
    error_clear(&err);
}

static void graph(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Graph";
    const Network__GraphRequest *r = (const Network__GraphRequest *)(const void *)message;
    if (!micro_authorize(call, MICRO_NAMESPACE, id))
        return;
    Network__GraphResponse reply = NETWORK__GRAPH_RESPONSE__INIT;
    reply.root = network_graph(context, depth_of(r->depth), NULL, rpc_call_arena(call));
    if (reply.root)
        rpc_call_reply(call, &reply.base);
    else
        micro_fail(call, 507, id, "out of memory");
}

/* Each node once. */
static void flatten(const Network__Peer *from, struct map *seen, Network__Node **out, size_t *count)
{
    if (!map_get(seen, from->node->id) && map_put(seen, from->node->id, from->node))
        out[(*count)++] = from->node;
    for (size_t i = 0; i < from->n_peers; i++) /* no deeper than the graph that was copied */
        flatten(from->peers[i], seen, out, count);
}

static void nodes(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Nodes";
    const Network__NodesRequest *r = (const Network__NodesRequest *)(const void *)message;
    if (!micro_authorize(call, MICRO_NAMESPACE, id))
        return;
    struct arena *arena = rpc_call_arena(call);
    const Network__Peer *root = network_graph(context, depth_of(r->depth), NULL, arena);
    Network__NodesResponse reply = NETWORK__NODES_RESPONSE__INIT;
    reply.nodes = ARENA_NEW_N(arena, Network__Node *, NETWORK_GRAPH_NODES);
    if (!root || !reply.nodes) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    struct map seen = MAP_INIT;
    flatten(root, &seen, reply.nodes, &reply.n_nodes);
    map_deinit(&seen);
    rpc_call_reply(call, &reply.base);
}

static bool wanted(const char *asked, const char *value)
{
    return !asked[0] || strcmp(asked, "*") == 0 || strcmp(asked, value) == 0;
}

static void routes(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Routes";
    struct network *n = context;
    const Network__RoutesRequest *r = (const Network__RoutesRequest *)(const void *)message;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    const struct relay_routes *t = relay_table(n->relay);
    struct arena *arena = rpc_call_arena(call);
    Network__RoutesResponse reply = NETWORK__ROUTES_RESPONSE__INIT;
    const Network__Query everything = NETWORK__QUERY__INIT;
    const Network__Query *q = r->query ? r->query : &everything;
    reply.routes = ARENA_NEW_N(arena, Router__Route *, t->count + 1);
    bool ok = reply.routes != NULL;
    for (struct map_entry *e = map_first(&t->groups); e && ok; e = map_next(e)) {
        const struct relay_group *g = map_value(e);
        for (const struct relay_route *route = g->first; route && ok; route = route->next) {
            const struct relay_spec *s = &route->spec;
            if (!wanted(q->service, s->service) || !wanted(q->address, s->address) || !wanted(q->gateway, s->gateway) ||
                !wanted(q->router, s->router) || !wanted(q->network, s->network))
                continue;
            reply.routes[reply.n_routes] = network_route_message(route, arena);
            ok = reply.routes[reply.n_routes++] != NULL;
        }
    }
    if (ok)
        rpc_call_reply(call, &reply.base);
    else
        micro_fail(call, 507, id, "out of memory");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void services(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Services";
    struct network *n = context;
    (void)message;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    const struct relay_routes *t = relay_table(n->relay);
    struct arena *arena = rpc_call_arena(call);
    Network__ServicesResponse reply = NETWORK__SERVICES_RESPONSE__INIT;
    char **names = ARENA_NEW_N(arena, char *, map_count(&t->groups) + 1);
    size_t count = 0, kept = 0;
    bool ok = names != NULL;
    for (struct map_entry *e = map_first(&t->groups); e && ok; e = map_next(e)) {
        names[count] = arena_string(arena, ((const struct relay_group *)map_value(e))->service);
        ok = names[count++] != NULL;
    }
    if (!ok) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++) /* one name stands for its namespaces */
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    reply.services = names;
    reply.n_services = kept;
    rpc_call_reply(call, &reply.base);
}

static void status(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "network.Network.Status";
    struct network *n = context;
    (void)message;
    if (!micro_authorize(call, MICRO_NAMESPACE, id))
        return;
    struct relay_figures f;
    struct text text = TEXT_INIT;
    relay_figures(n->relay, &f);
    relay_describe_open(n->relay, OPEN_SHOWN_MAX, &text);
    if (n->last_error[0])
        text_printf(&text, "%slast error of a link: %s", text.len ? "\n" : "", n->last_error);
    Network__StatusResponse reply = NETWORK__STATUS_RESPONSE__INIT;
    Network__Status state = NETWORK__STATUS__INIT;
    Network__Error error = NETWORK__ERROR__INIT;
    uint64_t count = f.lost + f.open + n->peer_errors;
    error.count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    error.msg = arena_string(rpc_call_arena(call), text_string(&text));
    bool ok = text_ok(&text) && error.msg;
    text_deinit(&text);
    if (!ok) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    state.error = &error;
    reply.status = &state;
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {
    {.name = "Connect",
     .input = &network__connect_request__descriptor,
     .output = &network__connect_response__descriptor,
     .unary = connect_nodes},
    {.name = "Graph",
     .input = &network__graph_request__descriptor,
     .output = &network__graph_response__descriptor,
     .unary = graph},
    {.name = "Nodes",
     .input = &network__nodes_request__descriptor,
     .output = &network__nodes_response__descriptor,
     .unary = nodes},
    {.name = "Routes",
     .input = &network__routes_request__descriptor,
     .output = &network__routes_response__descriptor,
     .unary = routes},
    {.name = "Services",
     .input = &network__services_request__descriptor,
     .output = &network__services_response__descriptor,
     .unary = services},
    {.name = "Status",
     .input = &network__status_request__descriptor,
     .output = &network__status_response__descriptor,
     .unary = status},
};
const struct rpc_service network_network_service = {
    .name = "network.Network", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
