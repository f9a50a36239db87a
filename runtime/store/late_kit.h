/* For tests of writes that come late: two processes of one component, on nodes of their own, over one store. The way
 * from the first one to the store is cut while a call is in work, so that what it sends stalls and arrives after the
 * heal, behind whatever the second one has done meanwhile. */
#ifndef RUNTIME_STORE_LATE_KIT_H
#define RUNTIME_STORE_LATE_KIT_H

#include "runtime/server/sim_system.h"

struct late_kit {
    struct sim_system system;
    struct arena arena;
    const char *component;
    char *token;                        /* of an admin of "micro" */
    struct rpc_channel *first, *second; /* to the two processes */
    /* the call under way */
    bool answered;
    int status;
};

/* Starts registry, store, the component on its own node and on "second". */
void late_begin(struct late_kit *k, uint64_t seed, const char *component);
void late_end(struct late_kit *k);

/* A call that is waited for: its status; `text` may be NULL, else the answer's JSON or the error's, in the arena. */
int late_call(struct late_kit *k, struct rpc_channel *channel, const char *path, const char *json, const char **text);
void late_expect(struct late_kit *k, struct rpc_channel *channel, const char *path, const char *json, int status,
                 const char *words);
/* A call of the first one that is begun and left alone; after `delay` ns the way from it to the store is cut. */
void late_stall(struct late_kit *k, const char *path, const char *json, uint64_t delay);
/* Waits for the answer, heals, and lets everything arrive. */
void late_heal(struct late_kit *k);

#endif
