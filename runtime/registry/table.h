/* The registry's data: domains hold services, services hold versions, versions hold nodes, nodes expire. In memory
 * only; every service says again where it is within its heartbeat.
 *
 * Every change that a reader could see is told to `changed`, expiry included: "create" for a version nobody had, and
 * "update" when its nodes, endpoints or metadata became others, each with the version as it is now; "delete" with the
 * nodes that went away. A node whose address another node of the same service and version now registers is gone: two
 * processes cannot hold one address.
 *
 * The table owns copies of everything. Views handed out borrow from it until the next change. */
#ifndef RUNTIME_REGISTRY_TABLE_H
#define RUNTIME_REGISTRY_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/registry/due.h"

#include <stdint.h>

#define REGISTRY_VERSIONS_MAX 100000 /* in all domains together */
#define REGISTRY_NODES_MAX    10000  /* of one version */
#define REGISTRY_NAME_MAX     256    /* bytes of a domain, and of a service's name, version, node id, address */
#define REGISTRY_TTL_MAX      INT64_C(31536000) /* seconds: a year */

struct registry_table {
    struct map groups;   /* domain NUL name -> struct registry_group */
    struct due expiring; /* nodes */
    size_t versions;
    uint64_t revision; /* counts changes; set by the owner before the first, so that a later life counts on */
    void (*changed)(void *arg, const char *action, const char *domain, Registry__Service *service);
    void *arg;
};

void registry_table_init(struct registry_table *t,
                         void (*changed)(void *arg, const char *action, const char *domain, Registry__Service *service),
                         void *arg);
void registry_table_deinit(struct registry_table *t);

/* `ttl` in seconds, 0: forever. ERROR_INVALID (what is wrong is said), ERROR_LIMIT, ERROR_MEMORY. */
int registry_table_register(struct registry_table *t, const char *domain, const Registry__Service *service, int64_t ttl,
                            uint64_t now, struct error *err);
/* The nodes named, or all of the version's. Nothing there is fine. */
int registry_table_deregister(struct registry_table *t, const char *domain, const Registry__Service *service,
                              struct error *err);
/* Takes out what is due; when something is due next, UINT64_MAX: nothing. */
uint64_t registry_table_expire(struct registry_table *t, uint64_t now);

/* Versions of a service (NULL: of all) in a domain ("*": in all), as an array in the arena. */
int registry_table_read(struct registry_table *t, const char *domain, const char *name, struct arena *arena,
                        Registry__Service ***out, size_t *count);
/* All of a domain, appended as the bytes of a ListResponse. What did not change since the last time is not packed
 * again. */
int registry_table_pack(struct registry_table *t, const char *domain, struct text *out);

#endif
