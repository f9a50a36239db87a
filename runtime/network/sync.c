#include "base/text.h"
#include "runtime/network/network.h"

#include <string.h>

const char *network_route_label(const Router__Route *r, const char *key)
{
    for (size_t i = 0; i < r->n_metadata; i++)
        if (strcmp(r->metadata[i]->key, key) == 0)
            return r->metadata[i]->value;
    return NULL;
}

static bool add_label(Router__Route *m, const char *key, const char *value, struct arena *a)
{
    if (!value[0])
        return true;
    Router__Route__MetadataEntry *e = ARENA_NEW(a, Router__Route__MetadataEntry);
    if (!e)
        return false;
    router__route__metadata_entry__init(e);
    e->key = arena_string(a, key);
    e->value = arena_string(a, value);
    m->metadata[m->n_metadata++] = e;
    return e->key && e->value;
}

static Router__Route *message_of(const struct relay_spec *s, struct arena *a)
{
    Router__Route *m = ARENA_NEW(a, Router__Route);
    if (!m)
        return NULL;
    router__route__init(m);
    m->service = arena_string(a, s->service);
    m->address = arena_string(a, s->address);
    m->gateway = arena_string(a, s->gateway);
    m->network = arena_string(a, s->network);
    m->router = arena_string(a, s->router);
    m->link = arena_string(a, s->link);
    m->metric = s->metric;
    m->metadata = ARENA_NEW_N(a, Router__Route__MetadataEntry *, s->label_count + 4);
    if (!m->service || !m->address || !m->gateway || !m->network || !m->router || !m->link || !m->metadata)
        return NULL;
    bool ok = add_label(m, "domain", s->domain, a) && add_label(m, "version", s->version, a) &&
              add_label(m, "path", s->path, a);
    for (size_t i = 0; ok && i < s->label_count; i++)
        if (strcmp(s->labels[i].key, "domain") != 0)
            ok = add_label(m, s->labels[i].key, s->labels[i].value, a);
    return ok ? m : NULL;
}

Router__Route *network_route_message(const struct relay_route *r, struct arena *arena)
{
    Router__Route *m = message_of(&r->spec, arena);
    if (m && r->owner && r->owner->source == RELAY_REGISTRY && !add_label(m, "node", r->spec.node, arena))
        return NULL;
    return m;
}

/* ---- what is told ----------------------------------------------------------------------------------------------- */

static bool path_names(const char *path, const char *id)
{
    size_t len = strlen(id);
    while (*path) {
        size_t part = strcspn(path, ",");
        if (part == len && memcmp(path, id, len) == 0)
            return true;
        path += part + (path[part] == ',');
    }
    return false;
}

static bool may_tell(const struct relay_route *r, const char *to_id)
{
    if (!r->owner || component_is_core(r->spec.service))
        return false;
    return r->owner->source != RELAY_PEER || !path_names(r->spec.path, to_id);
}

/* The best of a version, once: another that is as good but stands behind it, or is worse, is not told. */
static bool is_best(const struct relay_group *g, const struct relay_route *r, const char *to_id)
{
    bool before = true;
    for (const struct relay_route *o = g->first; o; o = o->next) {
        if (o == r) {
            before = false;
            continue;
        }
        if (strcmp(o->spec.version, r->spec.version) != 0 || !may_tell(o, to_id))
            continue;
        int order = strcmp(o->spec.router, r->spec.router); /* so that the choice does not move with the calls */
        if (o->spec.metric < r->spec.metric ||
            (o->spec.metric == r->spec.metric && (order < 0 || (order == 0 && before))))
            return false;
    }
    return true;
}

/* One version's route among those already told of the group. */
static bool already(Router__Route *const *told, size_t from, size_t count, const char *version)
{
    for (size_t i = from; i < count; i++) {
        const char *known = network_route_label(told[i], "version");
        if (strcmp(known ? known : "", version) == 0)
            return true;
    }
    return false;
}

static int tell(const struct relay_route *r, const char *own_id, struct arena *a, Router__Route **out)
{
    bool theirs = r->owner->source == RELAY_PEER;
    const struct relay_spec spec = {
        .domain = r->spec.domain,
        .service = r->spec.service,
        .version = r->spec.version,
        .address = "-", /* the receiver knows ours */
        .gateway = r->spec.gateway,
        .network = r->spec.network,
        .router = theirs ? r->spec.router : own_id,
        .link = "network",
        .metric = r->spec.metric,
        .path = theirs ? arena_printf(a, "%s,%s", own_id, r->spec.path) : own_id,
    };
    *out = spec.path ? message_of(&spec, a) : NULL;
    return *out ? 0 : ERROR_MEMORY;
}

int network_sync_routes(const struct relay_routes *t, const char *own_id, const char *to_id, struct arena *arena,
                        Router__Route ***out, size_t *count)
{
    size_t room = t->count < NETWORK_ROUTES_MAX ? t->count : NETWORK_ROUTES_MAX;
    Router__Route **list = ARENA_NEW_N(arena, Router__Route *, room + 1);
    size_t n = 0;
    int rc = list ? 0 : ERROR_MEMORY;
    for (struct map_entry *e = map_first(&t->groups); e && rc == 0; e = map_next(e)) {
        const struct relay_group *g = map_value(e);
        size_t first = n;
        for (const struct relay_route *r = g->first; r && rc == 0 && n < room; r = r->next) {
            if (!may_tell(r, to_id) || already(list, first, n, r->spec.version) || !is_best(g, r, to_id))
                continue;
            rc = tell(r, own_id, arena, &list[n]);
            n += rc == 0;
        }
    }
    *out = list;
    *count = rc ? 0 : n;
    return rc;
}

/* ---- what was told ---------------------------------------------------------------------------------------------- */

static unsigned path_length(const char *path)
{
    unsigned n = *path != '\0';
    for (; *path; path++)
        n += *path == ',';
    return n;
}

static bool acceptable(const Router__Route *r, const char *own_id, const char *peer_id, const char *path)
{
    size_t len = strlen(peer_id);
    return r->service[0] && strlen(r->service) <= RELAY_NAME_MAX && r->metric >= 0 && r->metric < NETWORK_METRIC_MAX &&
           strncmp(path, peer_id, len) == 0 && (path[len] == '\0' || path[len] == ',') &&
           path_length(path) < RELAY_HOPS_MAX && !path_names(path, own_id) && !component_is_core(r->service);
}

int network_sync_apply(struct relay_routes *t, struct relay_owner *o, const char *own_id, const char *peer_id,
                       const char *peer_address, Router__Route *const *routes, size_t count, size_t *skipped)
{
    *skipped = 0;
    if (count > NETWORK_ROUTES_MAX)
        return ERROR_LIMIT;
    int rc = 0;
    relay_owner_begin(o);
    for (size_t i = 0; i < count && rc != ERROR_MEMORY; i++) {
        const Router__Route *r = routes[i];
        const char *path = network_route_label(r, "path"), *domain = network_route_label(r, "domain");
        if (!path || !acceptable(r, own_id, peer_id, path)) {
            ++*skipped;
            continue;
        }
        const struct relay_spec spec = {.domain = domain ? domain : MICRO_NAMESPACE,
                                        .service = r->service,
                                        .version = network_route_label(r, "version"),
                                        .node = r->router,
                                        .address = peer_address,
                                        .gateway = r->gateway,
                                        .network = r->network,
                                        .router = r->router,
                                        .link = "network",
                                        .path = path,
                                        .metric = r->metric + NETWORK_LINK_COST};
        rc = relay_routes_put(t, o, &spec);
        *skipped += rc == ERROR_INVALID || rc == ERROR_LIMIT;
    }
    relay_owner_sweep(t, o);
    return rc == ERROR_MEMORY ? rc : 0;
}
