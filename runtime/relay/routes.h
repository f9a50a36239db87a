/* Routes: which address answers for a service, in memory. The relay picks from them, the network shows, exchanges and
 * watches them.
 *
 * Routes come from owners: one version of a service at the registry, an administrator, a peer of the network. An owner
 * tells its routes anew (begin, put each, sweep) or one by one. Routes to one service of one namespace form a group. In
 * it they stand in the order they are to be taken: a call takes the first one that will do and puts it at the end. So
 * every node gets its turn, exactly, also when calls ask for only some of them, and when nodes come and go. Cheaper
 * routes (less metric) go before all others.
 *
 * A route that is taken out stays as memory until the calls on it have ended. The table owns copies of everything. */
#ifndef RUNTIME_RELAY_ROUTES_H
#define RUNTIME_RELAY_ROUTES_H

#include "base/map.h"
#include "runtime/relay/breaker.h"
#include "runtime/relay/target.h"

#include <stddef.h>

#define RELAY_ROUTES_MAX 50000 /* in one table */
#define RELAY_TEXT_MAX   1024  /* bytes of one text of a route */

enum relay_source { RELAY_REGISTRY, RELAY_STATIC, RELAY_PEER };

/* A route as told. Texts may be NULL for "". */
struct relay_spec {
    const char *domain, *service, *version, *node; /* node: what tells two routes of an owner to one service apart */
    const char *address, *gateway, *network, *router, *link;
    const char *path; /* peers: the nodes it has come by, "a,b,c"; this side of it first */
    int64_t metric;
    const struct relay_label *labels;
    size_t label_count;
};

struct relay_owner;
struct relay_group;
struct relay_endpoint;

struct relay_route {
    struct relay_spec spec; /* owned texts, never NULL */
    struct relay_owner *owner;
    struct relay_group *group;                    /* NULL once it was taken out */
    struct relay_route *next, *before;            /* in the group */
    struct relay_route *owner_next, **owner_back; /* of the owner */
    uint64_t generation;                          /* when its owner last told it */
    struct relay_breaker breaker;
    struct relay_endpoint *endpoint; /* the relay's; NULL: never called */
    uint64_t calls;                  /* begun */
    uint32_t uses;                   /* calls on it now */
    const char *key;                 /* in the table's map */
    size_t key_len;
};

struct relay_owner {
    enum relay_source source;
    char *key;
    struct relay_route *routes;
    size_t count;
    uint64_t generation;
    uint64_t stale_since; /* the follower's: 0: the registry confirmed it */
};

struct relay_group {
    char *key; /* domain NUL service NUL, behind the struct */
    size_t key_len;
    const char *domain, *service;
    struct relay_route *first, *last;
    size_t count;
    int64_t best; /* the least metric of all */
};

enum relay_change { RELAY_CREATED, RELAY_DELETED, RELAY_UPDATED };

struct relay_routes {
    struct map groups; /* domain NUL service -> struct relay_group */
    struct map known;  /* owner NUL domain NUL service NUL version NUL node -> struct relay_route */
    size_t count;
    uint64_t revision; /* counts changes */
    /* Either may be NULL. `released`: the memory goes, let go of the endpoint. */
    void (*changed)(void *arg, enum relay_change what, const struct relay_route *route);
    void (*released)(void *arg, struct relay_route *route);
    void *changed_arg, *released_arg;
};

void relay_routes_init(struct relay_routes *t);
void relay_routes_deinit(struct relay_routes *t); /* all owners are gone already */

int relay_owner_init(struct relay_owner *o, enum relay_source source, const char *key);
void relay_owner_deinit(struct relay_routes *t, struct relay_owner *o); /* takes its routes out */
void relay_owner_begin(struct relay_owner *o);
void relay_owner_sweep(struct relay_routes *t, struct relay_owner *o);

/* Adds or replaces. ERROR_INVALID: a text is too long or the address is missing; ERROR_LIMIT: the table is full. */
int relay_routes_put(struct relay_routes *t, struct relay_owner *o, const struct relay_spec *spec);
struct relay_route *relay_routes_get(const struct relay_routes *t, const struct relay_owner *o,
                                     const struct relay_spec *spec); /* NULL: not there */
void relay_routes_remove(struct relay_routes *t, struct relay_route *r);

const struct relay_group *relay_routes_group(const struct relay_routes *t, const char *domain, const char *service);
bool relay_route_matches(const struct relay_route *r, const struct relay_target *target);

/* The next route for a call, which counts as used from now; NULL with the reason. `tried` are not taken again. */
enum relay_none { RELAY_NO_SERVICE, RELAY_NO_MATCH, RELAY_ALL_OPEN, RELAY_ALL_TRIED };
struct relay_route *relay_routes_take(struct relay_routes *t, const struct relay_target *target,
                                      struct relay_route *const *tried, size_t tried_count, uint64_t now,
                                      enum relay_none *why);
/* A call on it has ended; it may be gone afterwards. */
void relay_routes_give_back(struct relay_routes *t, struct relay_route *r);

#endif
