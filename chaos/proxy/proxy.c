#include "chaos/proxy/proxy.h"

#include "chaos/proxy/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

/* Connections that are over, once nobody can be in the middle of them any more. */
static void sweep(void *arg)
{
    struct proxy *p = arg;
    while (p->over != NULL) {
        struct connection *c = p->over;
        p->over = c->next;
        transit_free(c->transit);
        text_deinit(&c->kept);
        pipe_deinit(&c->pipe[0]);
        pipe_deinit(&c->pipe[1]);
        free(c);
    }
}

struct proxy *proxy_new(struct world *w)
{
    struct proxy *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->world = w;
    world_task_init(&p->sweep, w, sweep, p);
    return p;
}

static void link_close(struct proxy_link *l)
{
    if (l->listener != NULL)
        world_listener_close(l->listener);
    l->listener = NULL;
    while (l->connections != NULL)
        connection_end(l->connections, true);
}

static void link_free(struct proxy_link *l)
{
    link_close(l);
    free(l->from);
    free(l->to);
    free(l->to_address);
    free(l->listen);
    free(l);
}

void proxy_free(struct proxy *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->links.count; i++)
        link_close(p->links.items[i]);
    world_task_cancel(&p->sweep);
    sweep(p);
    for (size_t i = 0; i < p->links.count; i++)
        link_free(p->links.items[i]);
    array_deinit(&p->links);
    free(p);
}

/* ---- links ---- */

static void accept_caller(void *arg, struct world_stream *s)
{
    connection_accept(arg, s);
}

static int open_door(struct proxy_link *l, const char *address, struct error *err)
{
    return world_listen(l->proxy->world, address, accept_caller, l, &l->listener, err);
}

int proxy_add(struct proxy *p, const char *from, const char *to, const char *to_address, const char *listen,
              struct proxy_link **out, struct error *err)
{
    struct proxy_link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    l->proxy = p;
    l->from = strdup(from);
    l->to = strdup(to);
    l->to_address = strdup(to_address);
    int code = 0;
    if (l->from == NULL || l->to == NULL || l->to_address == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = open_door(l, listen, err);
    if (code == 0 && (l->listen = strdup(world_listener_address(l->listener))) == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && !array_push(&p->links, l))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        link_free(l);
        return code;
    }
    *out = l;
    return 0;
}

size_t proxy_count(const struct proxy *p)
{
    return p->links.count;
}

struct proxy_link *proxy_link(const struct proxy *p, size_t i)
{
    return p->links.items[i];
}

const char *proxy_link_from(const struct proxy_link *l)
{
    return l->from;
}

const char *proxy_link_to(const struct proxy_link *l)
{
    return l->to;
}

const char *proxy_link_reaches(const struct proxy_link *l)
{
    return l->to_address;
}

const char *proxy_link_address(const struct proxy_link *l)
{
    return l->listen;
}

size_t proxy_link_connections(const struct proxy_link *l)
{
    return l->count;
}

uint64_t proxy_link_accepted(const struct proxy_link *l)
{
    return l->accepted;
}

uint64_t proxy_link_bytes(const struct proxy_link *l, unsigned direction)
{
    return l->bytes[direction == PROXY_UP ? 0 : 1];
}

size_t proxy_link_held(const struct proxy_link *l)
{
    size_t held = 0;
    for (const struct connection *c = l->connections; c != NULL; c = c->next)
        held += pipe_held(&c->pipe[0]) + pipe_held(&c->pipe[1]);
    return held;
}

/* ---- what is attached ---- */

static bool shuts(const struct proxy_link *l)
{
    for (size_t i = 0; i < l->effect_count; i++)
        if (l->effects[i].effect->door == PROXY_DOOR_REFUSES)
            return true;
    return false;
}

static void connections_changed(struct proxy_link *l)
{
    for (struct connection *c = l->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_changed(c);
    }
}

int proxy_attach(struct proxy_link *l, struct proxy_effect *e, unsigned directions, struct error *err)
{
    if (l->effect_count == PROXY_ATTACHED_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d effects on the link from %s to %s", PROXY_ATTACHED_MAX,
                         l->from, l->to);
    if (e->since == 0)
        e->since = world_now(l->proxy->world);
    l->effects[l->effect_count++] = (struct attached){e, directions};
    if (l->listener != NULL && shuts(l)) {
        world_listener_close(l->listener);
        l->listener = NULL;
        e->hits++;
    }
    for (struct connection *c = l->connections, *next; c != NULL; c = next) {
        next = c->next;
        if (e->bytes > 0)
            c->pipe[0].passed = c->pipe[1].passed = 0;
        if (e->after > 0)
            connection_limit(c);
    }
    connections_changed(l);
    return 0;
}

/* Whether it could spoil a connection. */
static bool spoils(const struct proxy_effect *e)
{
    return e->flip + e->repeat + e->garbage > 0 || e->lose || e->deaf || e->door == PROXY_DOOR_SILENT;
}

int proxy_detach(struct proxy_link *l, struct proxy_effect *e, struct error *err)
{
    size_t i = 0;
    while (i < l->effect_count && l->effects[i].effect != e)
        i++;
    if (i < l->effect_count) {
        memmove(&l->effects[i], &l->effects[i + 1], (l->effect_count - i - 1) * sizeof l->effects[0]);
        l->effect_count--;
        for (struct connection *c = l->connections, *next; c != NULL; c = next) {
            next = c->next;
            if (c->spoilt && spoils(e))
                connection_end(c, true);
            else if (e->after > 0)
                connection_limit(c);
        }
        connections_changed(l);
    }
    if (l->listener != NULL || shuts(l))
        return 0;
    int code = open_door(l, l->listen, err);
    return code != 0 ? error_wrap(err, "the link from %s to %s", l->from, l->to) : 0;
}

size_t proxy_reset(struct proxy_link *l)
{
    size_t count = 0;
    for (; l->connections != NULL; count++)
        connection_end(l->connections, true);
    return count;
}

size_t proxy_orphan(struct proxy_link *l, unsigned keep)
{
    const int gone = keep == PROXY_UP ? 1 : 0;
    size_t count = 0;
    for (struct connection *c = l->connections; c != NULL; c = c->next) {
        if (c->stream[gone] == NULL)
            continue;
        world_stream_abort(c->stream[gone]);
        c->stream[gone] = NULL;
        c->spoilt = true;
        count++;
    }
    return count;
}

/* ---- rules ---- */

int proxy_rule_add(struct proxy_link *l, struct proxy_rule *rule, struct error *err)
{
    if (l->rule_count == PROXY_ATTACHED_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d rules on the link from %s to %s", PROXY_ATTACHED_MAX, l->from,
                         l->to);
    l->rules[l->rule_count++] = rule;
    connections_changed(l);
    return 0;
}

void proxy_rule_remove(struct proxy_link *l, struct proxy_rule *rule)
{
    for (size_t i = 0; i < l->rule_count; i++) {
        if (l->rules[i] != rule)
            continue;
        memmove(&l->rules[i], &l->rules[i + 1], (l->rule_count - i - 1) * sizeof l->rules[0]);
        l->rule_count--;
        for (struct connection *c = l->connections; c != NULL; c = c->next)
            if (c->transit != NULL)
                transit_forget(c->transit, rule);
        return;
    }
}
