/* Micro in a simulation: each component on a node of its own name, listening on v3's port there, with its token and its
 * keys, started in order of need; what dies is started again after a moment. It does what server.h does for processes.
 *
 * One node of the simulation plays the supervisor: its world holds the timers, and boot runs the loop through it. */
#ifndef RUNTIME_SERVER_SIM_MICRO_H
#define RUNTIME_SERVER_SIM_MICRO_H

#include "base/arena.h"
#include "runtime/component.h"
#include "world/sim.h"

#define SIM_MICRO_ADDRESS_MAX 128
#define SIM_MICRO_DATA        "data" /* on each node: what its component keeps */

struct sim_micro;
struct sim_micro_options {
    const char *private_key, *public_key; /* PEM: the root key; borrowed */
    const char *admin_secret;             /* borrowed; NULL: auth draws one */
    const char *const *components;        /* names, NULL-terminated; NULL: all of the table */
    const char *const *nodes;             /* where each of `components` runs; NULL: on nodes of their own names */
    /* More arguments for some: the node's name, "--key-life", "1h", ..., NULL after each one's, NULL at the end. NULL:
     * none. All strings are borrowed. */
    const char *const *const *arguments;
    const char *peers; /* "store=harness:4711,...": what is somewhere else; NULL: nothing is */
    /* For each of `components`: where the others are for it alone; what `peers` says comes after. NULL, or an entry
     * NULL: nowhere else. */
    const char *const *own_peers;
    uint64_t restart_after; /* ns; 0: what died stays dead until sim_micro_start_one() */
};
/* Registers the components' programs; nothing is started yet. */
int sim_micro_new(struct sim *s, const char *node, const struct sim_micro_options *options, struct sim_micro **out,
                  struct error *err);
void sim_micro_free(struct sim_micro *m); /* before the simulation; the components go on running */
/* Starts what is not running, in order of need, each one after those before it answer SERVING; with auth among them, in
 * the end all know the rules of access. `timeout`: of each. */
int sim_micro_boot(struct sim_micro *m, uint64_t timeout, struct error *err);
/* Without waiting. */
int sim_micro_start_all(struct sim_micro *m, struct error *err);
int sim_micro_start_one(struct sim_micro *m, const char *node, struct error *err);
int sim_micro_wait(struct sim_micro *m, const char *node, uint64_t timeout, struct error *err);
void sim_micro_set_restart(struct sim_micro *m, uint64_t after); /* 0: nothing is restarted any more */

size_t sim_micro_count(const struct sim_micro *m);
const char *sim_micro_name(const struct sim_micro *m, size_t i); /* of the i-th component's node, in start order */
void sim_micro_address(const char *component, char out[SIM_MICRO_ADDRESS_MAX]); /* its gRPC server, "store:8002" */
int sim_micro_port(const struct component *c);                                  /* of its gRPC server */
/* A token signed with the root key; `scope` may be NULL. In the arena; NULL: no memory. */
char *sim_micro_token(const struct sim_micro *m, struct arena *arena, const char *id, const char *type,
                      const char *issuer, const char *scope, int64_t seconds);

#endif
