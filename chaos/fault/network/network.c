#include "chaos/fault/network/network.h"

#include <stdlib.h>
#include <string.h>

#define REOPEN_WITHIN ((uint64_t)(2 * SECOND))
#define REOPEN_EVERY  ((uint64_t)(20 * MILLISECOND))

int network_possible(struct target *t, struct error *err)
{
    if (t->proxy != NULL)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "there are no links between the parts of %s: harrow chaos makes them "
                     "unless it is called with --direct or --network namespaces",
                     t->system);
}

int network_between_possible(struct target *t, struct error *err)
{
    int code = network_possible(t, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < proxy_count(t->proxy); i++)
        if (strcmp(proxy_link_from(proxy_link(t->proxy, i)), PROXY_CLIENT) != 0)
            return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "the components of %s reach each other directly: its manifest names neither ${peers} nor "
                     "${via.NAME}, so that only what clients say goes over links",
                     t->system);
}

/* ---- links ---- */

static bool is_peer(const struct fault_injection *f, const char *name)
{
    return f->peer == NULL || strcmp(f->peer, name) == 0;
}

size_t network_each(const struct fault_injection *f, const char *component,
                    void (*each)(void *arg, struct proxy_link *l, bool calls), void *arg)
{
    size_t count = 0;
    for (size_t i = 0; i < proxy_count(f->target->proxy); i++) {
        struct proxy_link *l = proxy_link(f->target->proxy, i);
        bool calls = strcmp(proxy_link_from(l), component) == 0 && is_peer(f, proxy_link_to(l));
        bool called = strcmp(proxy_link_to(l), component) == 0 && is_peer(f, proxy_link_from(l));
        if (!calls && !called)
            continue;
        each(arg, l, calls);
        count++;
    }
    return count;
}

struct attaching {
    struct proxy_effect *effect;
    unsigned sides;
    int code;
    struct error *err;
};

static void attach_one(void *arg, struct proxy_link *l, bool calls)
{
    struct attaching *a = arg;
    unsigned says = calls ? PROXY_UP : PROXY_DOWN, hears = calls ? PROXY_DOWN : PROXY_UP;
    unsigned directions = ((a->sides & NETWORK_SAYS) != 0 ? says : 0) | ((a->sides & NETWORK_HEARS) != 0 ? hears : 0);
    if (a->code == 0)
        a->code = proxy_attach(l, a->effect, directions, a->err);
}

static struct proxy_effect *make_state(struct fault_injection *f, const struct proxy_effect *shape, struct error *err)
{
    struct proxy_effect *e = malloc(sizeof *e);
    if (e == NULL) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *e = *shape;
    random_fork(&f->random, "network", &e->random);
    f->state = e;
    return e;
}

int network_inject(struct fault_injection *f, const struct proxy_effect *shape, unsigned sides, struct error *err)
{
    struct attaching a = {.sides = sides, .err = err, .effect = make_state(f, shape, err)};
    if (a.effect == NULL)
        return ERROR_MEMORY;
    if (network_each(f, f->component, attach_one, &a) == 0)
        return error_set(err, ERROR_NOT_FOUND, "no link leads to or from %s%s%s", f->component,
                         f->peer != NULL ? " with " : "", f->peer != NULL ? f->peer : "");
    return a.code;
}

/* ---- groups ---- */

size_t network_shuffle(struct fault_injection *f, const char *out[NETWORK_GROUP_MAX])
{
    size_t count = f->target->component_count < NETWORK_GROUP_MAX ? f->target->component_count : NETWORK_GROUP_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)random_below(&f->random, i + 1);
        out[i] = out[at];
        out[at] = f->target->components[i].name;
    }
    return count;
}

static size_t index_of(const char *const *components, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(components[i], name) != 0)
        i++;
    return i;
}

int network_divide(struct fault_injection *f, bool (*apart)(const void *arg, size_t a, size_t b), const void *arg,
                   const char *const *components, size_t count, struct error *err)
{
    const struct proxy_effect shape = {.hold = true};
    struct proxy_effect *e = make_state(f, &shape, err);
    size_t cut = 0;
    int code = e == NULL ? ERROR_MEMORY : 0;
    for (size_t i = 0; code == 0 && i < proxy_count(f->target->proxy); i++) {
        struct proxy_link *l = proxy_link(f->target->proxy, i);
        size_t from = index_of(components, count, proxy_link_from(l));
        size_t to = index_of(components, count, proxy_link_to(l));
        if (from == count || to == count || !apart(arg, from, to))
            continue;
        code = proxy_attach(l, e, PROXY_BOTH, err);
        cut++;
    }
    if (code == 0 && cut == 0)
        code = error_set(err, ERROR_NOT_FOUND, "%s has too few components to be divided like this", f->target->system);
    return code;
}

/* ---- afterwards ---- */

int network_verify(struct fault_injection *f, struct error *err)
{
    const struct proxy_effect *e = f->state;
    (void)err;
    if (e != NULL)
        f->hits = e->hits;
    return 0;
}

static int detach_all(struct proxy *p, struct proxy_effect *e, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < proxy_count(p); i++) {
        int one = proxy_detach(proxy_link(p, i), e, code == 0 ? err : NULL);
        if (code == 0)
            code = one;
    }
    return code;
}

int network_release(struct fault_injection *f, struct proxy_effect *e, struct error *err)
{
    uint64_t end = world_now(f->target->world) + REOPEN_WITHIN;
    int code = detach_all(f->target->proxy, e, err);
    while (code == ERROR_IN_USE && world_now(f->target->world) < end) {
        (void)world_sleep(f->target->world, REOPEN_EVERY);
        error_clear(err);
        code = detach_all(f->target->proxy, e, err);
    }
    return code;
}

int network_heal(struct fault_injection *f, struct error *err)
{
    int code = f->state != NULL ? network_release(f, f->state, err) : 0;
    free(f->state);
    f->state = NULL;
    return code;
}
