#include "runtime/network/network.h"

#include <string.h>

bool network_node_ok(const Network__Node *node)
{
    if (!node || !node->id[0] || strlen(node->id) > NETWORK_ID_MAX || strlen(node->network) > RELAY_NAME_MAX ||
        strlen(node->address) >= sizeof((struct network_peer *)0)->address)
        return false;
    for (const char *p = node->id; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == ',' || *p == 0x7f)
            return false;
    return true;
}

static Network__Node *copy_node(const Network__Node *from, struct arena *a)
{
    Network__Node *to = ARENA_NEW(a, Network__Node);
    size_t count = from->n_metadata < NETWORK_LABELS_MAX ? from->n_metadata : NETWORK_LABELS_MAX;
    Network__Node__MetadataEntry **entries = ARENA_NEW_N(a, Network__Node__MetadataEntry *, count + 1);
    if (!to || !entries)
        return NULL;
    network__node__init(to);
    to->id = arena_string(a, from->id);
    to->address = arena_string(a, from->address);
    to->network = arena_string(a, from->network);
    to->metadata = entries;
    for (size_t i = 0; i < count; i++) {
        Network__Node__MetadataEntry *e = ARENA_NEW(a, Network__Node__MetadataEntry);
        if (!e || strlen(from->metadata[i]->key) > RELAY_NAME_MAX || strlen(from->metadata[i]->value) > RELAY_TEXT_MAX)
            continue;
        network__node__metadata_entry__init(e);
        e->key = arena_string(a, from->metadata[i]->key);
        e->value = arena_string(a, from->metadata[i]->value);
        if (!e->key || !e->value)
            return NULL;
        entries[to->n_metadata++] = e;
    }
    return to->id && to->address && to->network ? to : NULL;
}

/* The nodes from the root down to here: a cycle ends where it would begin again. */
struct above {
    const char *id;
    const struct above *up;
};

static bool stands_above(const struct above *above, const char *id)
{
    for (; above; above = above->up)
        if (strcmp(above->id, id) == 0)
            return true;
    return false;
}

static Network__Peer *copy(const Network__Peer *from, unsigned depth, size_t *budget, const char *skip,
                           const struct above *above, struct arena *a)
{
    if (!network_node_ok(from->node) || *budget == 0 || stands_above(above, from->node->id) ||
        (skip && strcmp(skip, from->node->id) == 0))
        return NULL;
    --*budget;
    Network__Peer *to = ARENA_NEW(a, Network__Peer);
    if (!to)
        return NULL;
    network__peer__init(to);
    to->node = copy_node(from->node, a);
    size_t count = from->n_peers < *budget ? from->n_peers : *budget;
    to->peers = ARENA_NEW_N(a, Network__Peer *, count + 1);
    if (!to->node || !to->peers)
        return NULL;
    const struct above here = {.id = from->node->id, .up = above};
    for (size_t i = 0; depth > 0 && i < from->n_peers && to->n_peers < count; i++) {
        Network__Peer *below = copy(from->peers[i], depth - 1, budget, skip, &here, a);
        if (below)
            to->peers[to->n_peers++] = below;
    }
    return to;
}

Network__Peer *network_graph_copy(const Network__Peer *from, unsigned depth, size_t *budget, const char *skip,
                                  struct arena *arena)
{
    return copy(from, depth < NETWORK_GRAPH_DEPTH ? depth : NETWORK_GRAPH_DEPTH, budget, skip, NULL, arena);
}

Network__Peer *network_graph(struct network *n, unsigned depth, const char *skip, struct arena *arena)
{
    union {
        const char *in;
        char *out;
    } id = {.in = n->id}, address = {.in = n->advertised}, name = {.in = n->name}, gateway = {.in = n->gateway};
    char key[] = "gateway";
    Network__Node__MetadataEntry entry = NETWORK__NODE__METADATA_ENTRY__INIT;
    Network__Node__MetadataEntry *entries[] = {&entry};
    Network__Node self = NETWORK__NODE__INIT;
    Network__Peer root = NETWORK__PEER__INIT;
    Network__Peer *peers[NETWORK_PEERS_MAX];
    size_t budget = NETWORK_GRAPH_NODES;
    self.id = id.out;
    self.address = address.out;
    self.network = name.out;
    if (gateway.in && gateway.in[0]) {
        entry.key = key;
        entry.value = gateway.out;
        self.metadata = entries;
        self.n_metadata = 1;
    }
    root.node = &self;
    root.peers = peers;
    for (struct network_peer *p = n->peers; p && root.n_peers < NETWORK_PEERS_MAX; p = p->next)
        if (p->graph)
            peers[root.n_peers++] = p->graph;
    return network_graph_copy(&root, depth, &budget, skip, arena);
}
