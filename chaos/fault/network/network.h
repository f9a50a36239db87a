/* What the faults of links share: an effect (chaos/proxy/proxy.h) on the links of a component, or on those between
 * groups of components. The same in both drivers, since the same proxy stands between processes and between nodes.
 *
 * What is attached is the injection's `state`; network_heal() takes it away and frees it. Nothing of it is outside this
 * process: when the harness is killed, its doors and everything behind them close. */
#ifndef CHAOS_FAULT_NETWORK_H
#define CHAOS_FAULT_NETWORK_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/proxy/proxy.h"

#define NETWORK_DRIVERS   (FAULT_ON_PROCESSES | FAULT_ON_SIM)
#define NETWORK_HOLD_MIN  ((uint64_t)(300 * MILLISECOND))
#define NETWORK_HOLD_MAX  ((uint64_t)(3 * SECOND))
#define NETWORK_GROUP_MAX 256 /* components that can be divided into groups */

/* Directions of a link as its component sees them. */
enum { NETWORK_SAYS = 1, NETWORK_HEARS = 2, NETWORK_BOTH = 3 };

int network_possible(struct target *t, struct error *err);         /* there are links */
int network_between_possible(struct target *t, struct error *err); /* and some of them between components */

/* On every link between the injection's component and its peer, or all others and the clients. */
int network_inject(struct fault_injection *f, const struct proxy_effect *shape, unsigned sides, struct error *err);
/* On every link between components for which `apart` says so; the clients keep theirs. */
int network_divide(struct fault_injection *f, bool (*apart)(const void *arg, size_t a, size_t b), const void *arg,
                   const char *const *components, size_t count, struct error *err);
/* All components in an order drawn for the injection; how many. */
size_t network_shuffle(struct fault_injection *f, const char *out[NETWORK_GROUP_MAX]);
/* Calls for each link of the component (and peer); how many there were. */
size_t network_each(const struct fault_injection *f, const char *component,
                    void (*each)(void *arg, struct proxy_link *l, bool calls), void *arg);
int network_verify(struct fault_injection *f, struct error *err);
int network_heal(struct fault_injection *f, struct error *err);

/* The rest of a fault of one component's links. */
#define NETWORK_FAULT                                                                                                  \
    .family = "network", .drivers = NETWORK_DRIVERS, .scope = FAULT_OF_LINK, .hold_min = NETWORK_HOLD_MIN,             \
    .hold_max = NETWORK_HOLD_MAX, .down_from_heal = true, .possible = network_possible, .verify = network_verify,      \
    .heal = network_heal

/* Takes an effect from every link; doors that were shut are opened again, for which their ports may have to be waited
 * for. */
int network_release(struct fault_injection *f, struct proxy_effect *e, struct error *err);

#endif
