#include "runtime/relay/routes.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS 10 /* of a route */

static const char *given(const char *text)
{
    return text ? text : "";
}

static void texts_of(const struct relay_spec *s, const char *out[TEXTS])
{
    const char *const all[TEXTS] = {s->domain,  s->service, s->version, s->node, s->address,
                                    s->gateway, s->network, s->router,  s->link, s->path};
    for (size_t i = 0; i < TEXTS; i++)
        out[i] = given(all[i]);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

#define GROUP_KEY_MAX (2 * (RELAY_TEXT_MAX + 1))

static size_t group_key(char key[GROUP_KEY_MAX], const char *domain, const char *service)
{
    size_t a = strlen(domain) + 1, b = strlen(service) + 1;
    if (a > RELAY_TEXT_MAX + 1 || b > RELAY_TEXT_MAX + 1)
        return 0;
    memcpy(key, domain, a);
    memcpy(key + a, service, b);
    return a + b;
}

static void add_part(struct text *key, const char *part)
{
    text_add(key, part, strlen(part) + 1);
}

static bool route_key(struct text *key, const struct relay_owner *o, const struct relay_spec *s)
{
    add_part(key, o->key);
    add_part(key, given(s->domain));
    add_part(key, given(s->service));
    add_part(key, given(s->version));
    add_part(key, given(s->node));
    return text_ok(key);
}

/* ---- memory of a route: one block ------------------------------------------------------------------------------- */

static char *place(char **at, const char *text)
{
    char *start = *at;
    size_t len = strlen(text) + 1;
    memcpy(start, text, len);
    *at += len;
    return start;
}

static struct relay_route *route_new(const struct relay_spec *s, const struct text *key)
{
    const char *texts[TEXTS];
    texts_of(s, texts);
    size_t size = s->label_count * sizeof(struct relay_label) + key->len;
    for (size_t i = 0; i < TEXTS; i++)
        size += strlen(texts[i]) + 1;
    for (size_t i = 0; i < s->label_count; i++)
        size += strlen(s->labels[i].key) + strlen(s->labels[i].value) + 2;
    struct relay_route *r = calloc(1, sizeof *r + size);
    if (!r)
        return NULL;
    struct relay_label *labels = (struct relay_label *)(void *)(r + 1);
    char *at = (char *)(labels + s->label_count);
    r->spec = (struct relay_spec){
        .domain = place(&at, texts[0]),
        .service = place(&at, texts[1]),
        .version = place(&at, texts[2]),
        .node = place(&at, texts[3]),
        .address = place(&at, texts[4]),
        .gateway = place(&at, texts[5]),
        .network = place(&at, texts[6]),
        .router = place(&at, texts[7]),
        .link = place(&at, texts[8]),
        .path = place(&at, texts[9]),
        .metric = s->metric,
        .labels = labels,
        .label_count = s->label_count,
    };
    for (size_t i = 0; i < s->label_count; i++)
        labels[i] = (struct relay_label){.key = place(&at, s->labels[i].key), .value = place(&at, s->labels[i].value)};
    memcpy(at, key->data, key->len);
    r->key = at;
    r->key_len = key->len;
    return r;
}

static bool same(const struct relay_spec *a, const struct relay_spec *b)
{
    const char *x[TEXTS], *y[TEXTS];
    texts_of(a, x);
    texts_of(b, y);
    bool equal = a->metric == b->metric && a->label_count == b->label_count;
    for (size_t i = 0; equal && i < TEXTS; i++)
        equal = strcmp(x[i], y[i]) == 0;
    for (size_t i = 0; equal && i < a->label_count; i++)
        equal = strcmp(a->labels[i].key, b->labels[i].key) == 0 && strcmp(a->labels[i].value, b->labels[i].value) == 0;
    return equal;
}

static void route_release(struct relay_routes *t, struct relay_route *r)
{
    if (r->group || r->uses > 0)
        return;
    if (t->released)
        t->released(t->released_arg, r);
    free(r);
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static struct relay_group *find_group(const struct relay_routes *t, const char *domain, const char *service)
{
    char key[GROUP_KEY_MAX];
    size_t len = group_key(key, domain, service);
    return len ? map_get_n(&t->groups, key, len) : NULL;
}

const struct relay_group *relay_routes_group(const struct relay_routes *t, const char *domain, const char *service)
{
    return find_group(t, domain, service);
}

static struct relay_group *need_group(struct relay_routes *t, const char *domain, const char *service)
{
    char key[GROUP_KEY_MAX];
    size_t len = group_key(key, domain, service);
    struct relay_group *g = map_get_n(&t->groups, key, len);
    if (g)
        return g;
    g = calloc(1, sizeof *g + len);
    if (!g)
        return NULL;
    g->key = (char *)(g + 1);
    g->key_len = len;
    memcpy(g->key, key, len);
    g->domain = g->key;
    g->service = g->key + strlen(domain) + 1;
    g->best = INT64_MAX;
    if (map_put_n(&t->groups, g->key, len, g))
        return g;
    free(g);
    return NULL;
}

static void drop_group_if_empty(struct relay_routes *t, struct relay_group *g)
{
    if (g->count > 0)
        return;
    map_remove_n(&t->groups, g->key, g->key_len);
    free(g);
}

/* After one with that metric left. */
static void find_best(struct relay_group *g, int64_t left)
{
    if (left != g->best)
        return;
    int64_t best = INT64_MAX;
    for (const struct relay_route *r = g->first; r && best > left; r = r->next)
        if (r->spec.metric < best)
            best = r->spec.metric;
    g->best = best;
}

/* In front of `at`; NULL: at the end. */
static void join(struct relay_group *g, struct relay_route *r, struct relay_route *at)
{
    r->group = g;
    r->next = at;
    r->before = at ? at->before : g->last;
    *(r->before ? &r->before->next : &g->first) = r;
    *(at ? &at->before : &g->last) = r;
    g->count++;
    if (r->spec.metric < g->best)
        g->best = r->spec.metric;
}

static void leave(struct relay_route *r)
{
    struct relay_group *g = r->group;
    *(r->before ? &r->before->next : &g->first) = r->next;
    *(r->next ? &r->next->before : &g->last) = r->before;
    r->next = r->before = NULL;
    r->group = NULL;
    g->count--;
}

/* ---- owners ----------------------------------------------------------------------------------------------------- */

static void own(struct relay_owner *o, struct relay_route *r)
{
    r->owner = o;
    r->owner_next = o->routes;
    if (o->routes)
        o->routes->owner_back = &r->owner_next;
    r->owner_back = &o->routes;
    o->routes = r;
    o->count++;
}

static void disown(struct relay_route *r)
{
    *r->owner_back = r->owner_next;
    if (r->owner_next)
        r->owner_next->owner_back = r->owner_back;
    r->owner->count--;
    r->owner = NULL;
}

int relay_owner_init(struct relay_owner *o, enum relay_source source, const char *key)
{
    *o = (struct relay_owner){.source = source, .key = strdup(key)};
    return o->key ? 0 : ERROR_MEMORY;
}

void relay_owner_deinit(struct relay_routes *t, struct relay_owner *o)
{
    while (o->routes)
        relay_routes_remove(t, o->routes);
    free(o->key);
    o->key = NULL;
}

void relay_owner_begin(struct relay_owner *o)
{
    o->generation++;
}

void relay_owner_sweep(struct relay_routes *t, struct relay_owner *o)
{
    for (struct relay_route *r = o->routes, *next; r; r = next) {
        next = r->owner_next;
        if (r->generation != o->generation)
            relay_routes_remove(t, r);
    }
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

void relay_routes_init(struct relay_routes *t)
{
    *t = (struct relay_routes){0};
}

void relay_routes_deinit(struct relay_routes *t)
{
    for (struct map_entry *e = map_first(&t->groups); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&t->groups);
    map_deinit(&t->known);
}

static void tell(struct relay_routes *t, enum relay_change what, const struct relay_route *r)
{
    t->revision++;
    if (t->changed)
        t->changed(t->changed_arg, what, r);
}

struct relay_route *relay_routes_get(const struct relay_routes *t, const struct relay_owner *o,
                                     const struct relay_spec *spec)
{
    struct text key = TEXT_INIT;
    struct relay_route *r = NULL;
    if (route_key(&key, o, spec)) {
        r = map_get_n(&t->known, key.data, key.len);
    } else { /* without memory for the key: the long way, so that "not there" is always true */
        for (r = o->routes; r; r = r->owner_next)
            if (strcmp(r->spec.domain, given(spec->domain)) == 0 &&
                strcmp(r->spec.service, given(spec->service)) == 0 &&
                strcmp(r->spec.version, given(spec->version)) == 0 && strcmp(r->spec.node, given(spec->node)) == 0)
                break;
    }
    text_deinit(&key);
    return r;
}

static int check(const struct relay_spec *s)
{
    const char *texts[TEXTS];
    texts_of(s, texts);
    if (!texts[1][0] || !texts[4][0] || s->label_count > SIZE_MAX / 64)
        return ERROR_INVALID;
    for (size_t i = 0; i < TEXTS; i++)
        if (strlen(texts[i]) > RELAY_TEXT_MAX)
            return ERROR_INVALID;
    return 0;
}

int relay_routes_put(struct relay_routes *t, struct relay_owner *o, const struct relay_spec *spec)
{
    int rc = check(spec);
    if (rc)
        return rc;
    struct text key = TEXT_INIT;
    if (!route_key(&key, o, spec)) {
        text_deinit(&key);
        return ERROR_MEMORY;
    }
    struct relay_route *old = map_get_n(&t->known, key.data, key.len);
    if ((old && same(&old->spec, spec)) || (!old && t->count >= RELAY_ROUTES_MAX)) {
        text_deinit(&key);
        if (!old)
            return ERROR_LIMIT;
        old->generation = o->generation;
        return 0;
    }
    struct relay_group *g = need_group(t, given(spec->domain), given(spec->service));
    struct relay_route *r = g ? route_new(spec, &key) : NULL;
    text_deinit(&key);
    if (!r || !map_put_n(&t->known, r->key, r->key_len, r)) {
        free(r);
        if (g)
            drop_group_if_empty(t, g);
        return ERROR_MEMORY;
    }
    r->generation = o->generation;
    own(o, r);
    if (old) { /* takes its place; what is known of the node stays true while its address does */
        if (strcmp(old->spec.address, r->spec.address) == 0)
            r->breaker = old->breaker;
        if (r->breaker.state == RELAY_HALF_OPEN) /* the probe reports to the old one */
            r->breaker.state = RELAY_OPEN;
        join(g, r, old);
        disown(old);
        leave(old);
        find_best(g, old->spec.metric);
    } else {
        join(g, r, g->first); /* who is new has waited longest */
        t->count++;
    }
    tell(t, old ? RELAY_UPDATED : RELAY_CREATED, r);
    if (old)
        route_release(t, old);
    return 0;
}

void relay_routes_remove(struct relay_routes *t, struct relay_route *r)
{
    struct relay_group *g = r->group;
    map_remove_n(&t->known, r->key, r->key_len);
    t->count--;
    leave(r);
    find_best(g, r->spec.metric);
    tell(t, RELAY_DELETED, r); /* who hears it may still ask for the owner */
    disown(r);
    drop_group_if_empty(t, g);
    route_release(t, r);
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

static bool label_matches(const struct relay_route *r, const struct relay_label *wanted)
{
    for (size_t i = 0; i < r->spec.label_count; i++)
        if (strcmp(r->spec.labels[i].key, wanted->key) == 0)
            return strcmp(r->spec.labels[i].value, wanted->value) == 0;
    return false;
}

bool relay_route_matches(const struct relay_route *r, const struct relay_target *target)
{
    if ((target->version && strcmp(target->version, r->spec.version) != 0) ||
        (target->router && strcmp(target->router, r->spec.router) != 0) ||
        (target->gateway && strcmp(target->gateway, r->spec.gateway) != 0))
        return false;
    if (r->owner && r->owner->source == RELAY_PEER)
        return true; /* a peer knows the labels of its nodes */
    for (size_t i = 0; i < target->label_count; i++)
        if (!label_matches(r, &target->labels[i]))
            return false;
    return true;
}

struct relay_route *relay_routes_take(struct relay_routes *t, const struct relay_target *target,
                                      struct relay_route *const *tried, size_t tried_count, uint64_t now,
                                      enum relay_none *why)
{
    struct relay_group *g = find_group(t, target->domain, target->service);
    struct relay_route *best = NULL;
    *why = g ? RELAY_NO_MATCH : RELAY_NO_SERVICE;
    for (struct relay_route *r = g ? g->first : NULL; r && (!best || best->spec.metric > g->best); r = r->next) {
        if (!relay_route_matches(r, target))
            continue;
        bool again = false;
        for (size_t i = 0; i < tried_count && !again; i++)
            again = tried[i] == r;
        if (again) {
            *why = *why == RELAY_NO_MATCH ? RELAY_ALL_TRIED : *why;
            continue;
        }
        *why = RELAY_ALL_OPEN;
        if (relay_breaker_allows(&r->breaker, now) && (!best || r->spec.metric < best->spec.metric))
            best = r;
    }
    if (!best)
        return NULL;
    leave(best);
    join(g, best, NULL);
    best->uses++;
    best->calls++;
    return best;
}

void relay_routes_give_back(struct relay_routes *t, struct relay_route *r)
{
    r->uses--;
    route_release(t, r);
}
