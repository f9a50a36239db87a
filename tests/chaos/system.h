/* Micro in a simulation as a chaos target: some of its components, an admin's token, and whatever stands between the
 * clients and one of them. For the tests of this folder. */
#ifndef TESTS_CHAOS_SYSTEM_H
#define TESTS_CHAOS_SYSTEM_H

#include "chaos/workload/workload.h"
#include "rpc/target.h"
#include "runtime/server/sim_micro.h"
#include "world/sim.h"

#define SYSTEM_PARTS_MAX 8
#define CHAOS_CLIENTS    "harrow" /* the node the clients are on */

struct chaos_system {
    struct sim *sim;
    struct sim_micro *micro;
    struct arena arena;
    struct target target;
    struct target_component parts[SYSTEM_PARTS_MAX];
};
/* `names` of components, NULL-terminated, in order of need. */
void chaos_system_init(struct chaos_system *s, uint64_t seed, const char *const *names);
void chaos_system_deinit(struct chaos_system *s);
/* Clients reach `component` by way of `node` from here on. */
void chaos_system_reroute(struct chaos_system *s, const char *component, const char *address);

#endif
