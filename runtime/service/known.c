/* What a service knows of the others: names, and the nodes the registry told of.
 *
 * Changes and lists come by two streams and may overtake each other. Each has a revision, and the greater one is right:
 * a change the list already had is dropped; a node the list names is left out when a later change took it away; and a
 * node that only an earlier change told of is gone when the list does not name it. Nodes a registry that restarted does
 * not name yet are marked stale, and dropped when they stay so for MICRO_STALE_KEEP.
 *
 * A node that takes no connection is left out at once, without waiting for its time to live, and is back when the
 * registry tells of it again, then without the pause its channel would make; at the latest with the next heartbeat,
 * since only our own way to it may have been broken. When all nodes of a service refuse they are all kept: one of them
 * may be starting again, and calls wait for it. */
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

static bool all_refused(const struct micro_known *k)
{
    for (size_t i = 0; i < k->nodes.count; i++)
        if (!k->nodes.items[i].refused)
            return false;
    return true;
}

/* Our own domain's nodes hide those of "micro". Leaves out `except`, if that is not NULL. */
static size_t list_addresses(struct micro_service *s, const char *name, const char *except, struct text *out)
{
    const struct micro_known *k = NULL;
    for (size_t i = 0; i < s->follow_count && (!k || k->nodes.count == 0); i++)
        k = map_get(&s->follows[i].known, name);
    size_t count = 0;
    bool any = k && all_refused(k);
    for (size_t i = 0; k && i < k->nodes.count; i++) {
        const char *address = k->nodes.items[i].address;
        bool skip = (k->nodes.items[i].refused && !any) || (except && strcmp(except, address) == 0);
        for (size_t j = 0; j < i && !skip;
             j++) /* one that was restarted stands here twice until the old entry is gone */
            skip = (any || !k->nodes.items[j].refused) && strcmp(k->nodes.items[j].address, address) == 0;
        if (skip)
            continue;
        text_printf(out, "%s%s", count ? "," : "", address);
        count++;
    }
    return count;
}

size_t micro_known_addresses(struct micro_service *s, const char *name, struct text *out)
{
    return list_addresses(s, name, NULL, out);
}

static struct micro_link *link_of(struct micro_service *s, const char *name)
{
    return micro_peer_fixed(s->config.options, name) ? NULL : map_get(&s->links, name);
}

static void set_addresses(struct micro_service *s, struct micro_link *link, const char *except)
{
    struct text list = TEXT_INIT;
    (void)list_addresses(s, link->name, except, &list);
    if (text_ok(&list))
        rpc_channel_set_addresses(link->channel, text_string(&list));
    text_deinit(&list);
}

static void tell_channel(struct micro_service *s, const char *name)
{
    struct micro_link *link = link_of(s, name);
    if (link)
        set_addresses(s, link, NULL);
}

/* ---- nodes that refuse ------------------------------------------------------------------------------------------ */

void micro_known_look(struct micro_link *link)
{
    struct micro_service *s = link->service;
    const struct rpc_channel *c = link->channel;
    bool changed = false;
    if (!rpc_channel_failing(c, NULL))
        return;
    for (size_t i = 0; i < s->follow_count; i++) {
        struct micro_known *k = map_get(&s->follows[i].known, link->name);
        for (size_t n = 0; k && n < k->nodes.count; n++) {
            struct micro_node *node = &k->nodes.items[n];
            if (node->refused || !rpc_channel_failing(c, node->address))
                continue;
            node->refused = changed = true;
            micro_log(s, LOG_DEBUG, "%s takes no connection at %s: left out", link->name, node->address);
        }
    }
    if (changed)
        set_addresses(s, link, NULL);
}

/* The registry told of the address, so it is worth an attempt now, whatever the channel thinks of it. */
static void try_afresh(struct micro_service *s, const char *name, const char *address)
{
    struct micro_link *link = link_of(s, name);
    if (link && rpc_channel_failing(link->channel, address))
        set_addresses(s, link, address); /* it is put back by the caller, as one never tried */
}

/* Our own way to them may have been what was broken. */
static void give_another_chance(struct micro_follow *f)
{
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e)) {
        struct micro_known *k = map_value(e);
        bool changed = false;
        for (size_t i = 0; i < k->nodes.count; i++) {
            changed = changed || k->nodes.items[i].refused;
            k->nodes.items[i].refused = false;
        }
        if (changed)
            tell_channel(f->service, map_key(e));
    }
}

/* ---- what the registry tells --------------------------------------------------------------------------------------
 */

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

static void put_node(struct micro_follow *f, const char *name, struct micro_known *k, const Registry__Node *n,
                     uint64_t revision)
{
    struct micro_node fresh = {.id = strdup(n->id), .address = node_address(n), .revision = revision, .list = f->lists};
    struct micro_node *old = find_node(k, n->id);
    bool ok = fresh.id && fresh.address;
    if (ok)
        try_afresh(f->service, name, fresh.address);
    if (ok && old) {
        node_free(old);
        *old = fresh;
    } else if (!ok || !array_push(&k->nodes, fresh)) {
        node_free(&fresh);
        f->missed = true;
    }
}

/* A list under way may still name the node. */
static void remember_gone(struct micro_follow *f, const char *id, uint64_t revision)
{
    if (!f->listing)
        return;
    struct micro_gone gone = {.id = strdup(id), .revision = revision};
    if (gone.id && f->gone.count < MICRO_GONE_MAX && array_push(&f->gone, gone))
        return;
    free(gone.id);
    f->missed = true;
}

void micro_known_forget_gone(struct micro_follow *f)
{
    for (size_t i = 0; i < f->gone.count; i++)
        free(f->gone.items[i].id);
    array_deinit(&f->gone);
}

/* Whether a change after the list of `revision` took the node away. */
static bool went_since(const struct micro_follow *f, const char *id, uint64_t revision)
{
    for (size_t i = 0; i < f->gone.count; i++) {
        const struct micro_gone *g = &f->gone.items[i];
        if ((!revision || !g->revision || g->revision > revision) && strcmp(g->id, id) == 0)
            return true;
    }
    return false;
}

static void came_back(struct micro_follow *f, const char *id)
{
    for (size_t i = f->gone.count; i-- > 0;)
        if (strcmp(f->gone.items[i].id, id) == 0) {
            free(f->gone.items[i].id);
            array_remove(&f->gone, i);
        }
}

static struct micro_known *known_of(struct micro_follow *f, const char *name)
{
    struct micro_known *k = map_get(&f->known, name);
    if (k)
        return k;
    k = calloc(1, sizeof *k);
    if (!k || !map_put(&f->known, name, k)) {
        free(k);
        f->missed = true;
        return NULL;
    }
    return k;
}

void micro_known_change(struct micro_follow *f, const Registry__Service *service, bool remove, uint64_t revision)
{
    if (revision && revision <= f->listed) /* the list had it */
        return;
    struct micro_known *k = remove ? map_get(&f->known, service->name) : known_of(f, service->name);
    for (size_t i = 0; i < service->n_nodes; i++) {
        const Registry__Node *node = service->nodes[i];
        struct micro_node *n = k ? find_node(k, node->id) : NULL;
        if (remove) {
            remember_gone(f, node->id, revision);
            if (n)
                remove_node(k, n);
        } else if (k) {
            came_back(f, node->id);
            put_node(f, service->name, k, node, revision);
        }
    }
    tell_channel(f->service, service->name);
}

static void take_listed(struct micro_follow *f, const Registry__Service *service, uint64_t revision)
{
    struct micro_known *k = known_of(f, service->name);
    for (size_t i = 0; k && i < service->n_nodes; i++) {
        const Registry__Node *node = service->nodes[i];
        struct micro_node *n = find_node(k, node->id);
        if (n && !n->stale_since && revision && n->revision > revision)
            n->list = f->lists; /* what we know is newer */
        else if (!went_since(f, node->id, revision))
            put_node(f, service->name, k, node, revision);
    }
}

/* Told of by a change the list was made after, and not in the list: the change that took it away is in the list too. */
static void remove_unlisted(struct micro_follow *f, struct micro_known *k, uint64_t revision)
{
    for (size_t i = k->nodes.count; i-- > 0;) {
        struct micro_node *n = &k->nodes.items[i];
        if (!n->stale_since && n->list != f->lists && n->revision && n->revision <= revision)
            remove_node(k, n);
    }
}

void micro_known_list(struct micro_follow *f, const Registry__ListResponse *list, uint64_t revision)
{
    f->lists++;
    f->listed = revision;
    for (size_t i = 0; i < list->n_services; i++)
        take_listed(f, list->services[i], revision);
    for (struct map_entry *e = map_first(&f->known); e; e = map_next(e)) {
        remove_unlisted(f, map_value(e), revision);
        tell_channel(f->service, map_key(e));
    }
    micro_known_forget_gone(f);
}

/* ---- a registry that restarted ------------------------------------------------------------------------------------
 */

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
    give_another_chance(f);
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
