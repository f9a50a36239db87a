/* What a peer sends, as bytes: unpacked, its graph copied, its routes taken into a table and told on. Whatever comes,
 * the limits hold, no route names this node, and nothing that was told by the peer goes back to it. */
#include "runtime/network/network.h"

#include "wire/pb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_graph(const Network__Peer *p, unsigned depth, size_t *nodes)
{
    if (depth > NETWORK_GRAPH_DEPTH || ++*nodes > NETWORK_GRAPH_NODES || !network_node_ok(p->node))
        abort();
    for (size_t i = 0; i < p->n_peers; i++)
        check_graph(p->peers[i], depth + 1, nodes);
}

static void check_routes(const struct relay_routes *t, const struct relay_owner *o)
{
    size_t count = 0;
    for (const struct relay_route *r = o->routes; r; r = r->owner_next) {
        count++;
        if (!r->spec.service[0] || strcmp(r->spec.address, "door:1") != 0 || r->spec.metric < NETWORK_LINK_COST ||
            r->spec.metric > NETWORK_METRIC_MAX || strncmp(r->spec.path, "peer", 4) != 0 ||
            strstr(r->spec.path, ",self,"))
            abort();
    }
    if (count != t->count || count != o->count)
        abort();
}

static void tell_on(const struct relay_routes *t)
{
    struct arena arena = ARENA_INIT;
    Router__Route **routes = NULL;
    size_t count = 0;
    if (network_sync_routes(t, "self", "peer", &arena, &routes, &count) == 0 && count > 0)
        abort();
    if (network_sync_routes(t, "self", "third", &arena, &routes, &count) == 0 && count > t->count)
        abort();
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (pb_unpack(&network__sync__descriptor, BYTES(data, size), &arena, &m, NULL) != 0) {
        arena_deinit(&arena);
        return 0;
    }
    const Network__Sync *sync = (const Network__Sync *)(const void *)m;
    if (sync->peer) {
        size_t budget = NETWORK_GRAPH_NODES, nodes = 0;
        const Network__Peer *copy = network_graph_copy(sync->peer, NETWORK_SYNC_DEPTH, &budget, "self", &arena);
        if (copy)
            check_graph(copy, 0, &nodes);
    }
    struct relay_routes t;
    struct relay_owner o;
    size_t skipped = 0;
    relay_routes_init(&t);
    if (relay_owner_init(&o, RELAY_PEER, "peer") == 0) {
        for (int i = 0; i < 2; i++) { /* the same again changes nothing */
            uint64_t before = t.revision;
            int rc = network_sync_apply(&t, &o, "self", "peer", "door:1", sync->routes, sync->n_routes, &skipped);
            if (rc == 0 && skipped + t.count > sync->n_routes)
                abort();
            (void)before;
            check_routes(&t, &o);
        }
        tell_on(&t);
        relay_owner_deinit(&t, &o);
    }
    relay_routes_deinit(&t);
    arena_deinit(&arena);
    return 0;
}
