/* What the faults of packets share: an effect (chaos/packet/relay.h) on what a component says to others over the
 * network of its own, and on what it hears. They are the faults a wire has, below TCP, which is left to cope: it sends
 * again, slows down, puts in order, throws away what is broken. Only where every part has a network of its own.
 *
 * What is attached is the injection's `state`; packet_heal() takes it away and frees it. Nothing of it is outside this
 * process: when the harness is killed, the networks go with it (world/network.h). */
#ifndef CHAOS_FAULT_PACKET_H
#define CHAOS_FAULT_PACKET_H

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/packet/relay.h"

#define PACKET_HOLD_MIN ((uint64_t)(300 * MILLISECOND))
#define PACKET_HOLD_MAX ((uint64_t)(3 * SECOND))

int packet_possible(struct target *t, struct error *err);
/* Between the injection's component and its peer, or everybody. */
int packet_inject(struct fault_injection *f, const struct packet_effect *shape, unsigned sides, struct error *err);
int packet_verify(struct fault_injection *f, struct error *err);
int packet_heal(struct fault_injection *f, struct error *err);

/* The rest of a fault of this family. */
#define PACKET_FAULT                                                                                                   \
    .family = "packet", .drivers = FAULT_ON_PROCESSES, .scope = FAULT_OF_LINK, .root = true,                           \
    .with = "--network namespaces", .hold_min = PACKET_HOLD_MIN, .hold_max = PACKET_HOLD_MAX, .down_from_heal = true,  \
    .possible = packet_possible, .verify = packet_verify, .heal = packet_heal

#endif
