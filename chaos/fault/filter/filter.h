/* What the faults of the packet filter share: a table of nftables (nft(8)) of our own, in which packets to the ports of
 * one component are dropped, answered with a reset, or let through at a rate only. In the network of the component
 * where it has one of its own; else in this machine's, where they come to its ports whoever sends them.
 *
 * Unlike a proxy this is the kernel's doing: connecting is refused, or gets no answer at all, and established
 * connections are hit as well. A table in the machine's network stands in the journal before it is made. */
#ifndef CHAOS_FAULT_FILTER_H
#define CHAOS_FAULT_FILTER_H

#include "base/units.h"
#include "chaos/fault/faults.h"

#define FILTER_HOLD_MIN ((uint64_t)(300 * MILLISECOND))
#define FILTER_HOLD_MAX ((uint64_t)(3 * SECOND))

int filter_possible(struct target *t, struct error *err);
/* `match` picks packets among those to the component's ports, `verdict` says what becomes of them: as nft(8) writes
 * rules. */
int filter_inject(struct fault_injection *f, const char *match, const char *verdict, struct error *err);
int filter_verify(struct fault_injection *f, struct error *err);
int filter_heal(struct fault_injection *f, struct error *err);

/* The rest of a fault of this family. */
#define FILTER_FAULT                                                                                                   \
    .family = "filter", .drivers = FAULT_ON_PROCESSES, .scope = FAULT_OF_COMPONENT, .root = true,                      \
    .hold_min = FILTER_HOLD_MIN, .hold_max = FILTER_HOLD_MAX, .down_from_heal = true, .possible = filter_possible,     \
    .verify = filter_verify, .heal = filter_heal

#endif
