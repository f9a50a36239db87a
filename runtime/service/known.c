/* What a service knows of the others: names, and the nodes the registry told of. Nodes a registry that restarted does
 * not name yet are marked stale, and dropped when they stay so for MICRO_STALE_KEEP. */
#include "runtime/service/internal.h"

static void node_free(struct micro_node *n)
{
    free(n->id);
    free(n->address);
}

static void known_free(struct micro_known *k)
{
    for (size_t i = 0; i < k->nodes.count; i++)
        node_free(&k->nodes.items[i]);
    array_deinit(&k->nodes);
    free(k);
}

/* Our own domain's nodes hide those of "micro". */
size_t micro_known_addresses(struct micro_service *s, const char *name, struct text *out)
{
    const struct micro_known *k = NULL;
    for (size_t i = 0; i < s->follow_count && (!k || k->nodes.count == 0); i++)
        k = map_get(&s->follows[i].known, name);
    size_t count = 0;
    for (size_t i = 0; k && i < k->nodes.count; i++) {
        const char *address = k->nodes.items[i].address;
        bool repeated = false; /* one that was restarted stands here twice until the old entry is gone */
        for (size_t j = 0; j < i && !repeated; j++)
            repeated = strcmp(k->nodes.items[j].address, address) == 0;
        if (repeated)
            continue;
        text_printf(out, "%s%s", count ? "," : "", address);
        count++;
    }
    return count;
}

static void tell_channel(struct micro_service *s, const char *name)
{
    struct micro_link *link = map_get(&s->links, name);
    if (!link || micro_peer_fixed(s->config.options, name))
        return;
    struct text list = TEXT_INIT;
    (void)micro_known_addresses(s, name, &list);
    if (text_ok(&list))
        rpc_channel_set_addresses(link->channel, text_string(&list));
    text_deinit(&list);
}

static struct micro_node *find_node(struct micro_known *k, const char *id)
{
    for (size_t i = 0; i < k->nodes.count; i++)
        if (strcmp(k->nodes.items[i].id, id) == 0)
            return &k->nodes.items[i];
    return NULL;
}

static void remove_node(struct micro_known *k, struct micro_node *n)
{
    node_free(n);
    array_remove(&k->nodes, (size_t)(n - k->nodes.items));
}

static char *node_address(const Registry__Node *n)
{
    char *out = NULL;
    if (n->port > 0 && !strrchr(n->address, ':'))
        return asprintf(&out, "%s:%lld", n->address, (long long)n->port) < 0 ? NULL : out;
    return strdup(n->address);
}

static void put_node(struct micro_known *k, const Registry__Node *n)
{
    char *address = node_address(n), *id = strdup(n->id);
    struct micro_node *old = find_node(k, n->id);
    if (!address || !id) {
        free(address);
        free(id);
        return; /* the next heartbeat's refresh tells again */
    }
    if (old) {
        node_free(old);
        *old = (struct micro_node){.id = id, .address = address};
    } else if (!array_push(&k->nodes, ((struct micro_node){.id = id, .address = address}))) {
        free(address);
        free(id);
    }
}

static bool went_meanwhile(const struct micro_follow *f, const char *id)
{
    for (size_t i = 0; i < f->deleted.count; i++)
        if (strcmp(f->deleted.items[i], id) == 0)
            return true;
    return false;
}

/* A list under way may still name the node. */
static void remember_deleted(struct micro_follow *f, const char *id)
{
    char *copy = f->listing ? strdup(id) : NULL;
    if (copy && !array_push(&f->deleted, copy))
        free(copy);
}

static void forget_one_deleted(struct micro_follow *f, const char *id)
{
    for (size_t i = f->deleted.count; i-- > 0;)
        if (strcmp(f->deleted.items[i], id) == 0) {
            free(f->deleted.items[i]);
            array_remove(&f->deleted, i);
        }
}

void micro_known_apply(struct micro_follow *f, const Registry__Service *service, bool remove, bool listed)
{
    struct micro_known *k = map_get(&f->known, service->name);
    if (!remove && !k) {
        k = calloc(1, sizeof *k);
        if (!k || !map_put(&f->known, service->name, k)) {
            free(k);
            return;
        }
    }
    for (size_t i = 0; i < service->n_nodes; i++) {
        const Registry__Node *node = service->nodes[i];
        struct micro_node *n = k ? find_node(k, node->id) : NULL;
        if (remove) {
            remember_deleted(f, node->id);
            if (n)
                remove_node(k, n);
        } else if (!listed || !went_meanwhile(f, node->id)) {
            if (!listed)
                forget_one_deleted(f, node->id);
            put_node(k, node);
        }
    }
    tell_channel(f->service, service->name);
}

void micro_known_mark_stale(struct micro_follow *f)
{
    uint64_t now = world_now(f->service->world);
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e)) {
        struct micro_known *k = map_value(e);
        for (size_t i = 0; i < k->nodes.count; i++)
            if (!k->nodes.items[i].stale_since)
                k->nodes.items[i].stale_since = now ? now : 1;
    }
}

void micro_known_count_from_now(struct micro_follow *f)
{
    uint64_t now = world_now(f->service->world);
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e)) {
        struct micro_known *k = map_value(e);
        for (size_t i = 0; i < k->nodes.count; i++)
            if (k->nodes.items[i].stale_since)
                k->nodes.items[i].stale_since = now ? now : 1;
    }
}

void micro_known_prune(struct micro_follow *f)
{
    uint64_t now = world_now(f->service->world);
    if (!f->watch || f->listing) /* nobody can confirm anything now */
        return;
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e)) {
        struct micro_known *k = map_value(e);
        size_t before = k->nodes.count;
        for (size_t i = k->nodes.count; i-- > 0;) {
            struct micro_node *n = &k->nodes.items[i];
            if (n->stale_since && now - n->stale_since > (uint64_t)MICRO_STALE_KEEP)
                remove_node(k, n);
        }
        if (k->nodes.count != before)
            tell_channel(f->service, map_key(e));
    }
}

void micro_known_free(struct micro_follow *f)
{
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e))
        known_free(map_value(e));
    map_deinit(&f->known);
}
