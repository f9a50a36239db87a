/* What a case does to the simulation around its calls. Private to fuzz/simulated; door.h has the list. */
#ifndef FUZZ_SIMULATED_ENVIRONMENT_H
#define FUZZ_SIMULATED_ENVIRONMENT_H

#include "fuzz/simulated/door.h"

struct environment {
    struct sim *sim;
    struct target *target;
    const struct simulated_options *options;
    struct sim_network network;
    bool disturbed;
    uint64_t repeats;
};

/* EVENT_FAULT and EVENT_ENVIRONMENT. False: it was not done. */
bool environment_fault(struct environment *v, struct bytes component, uint64_t action);
bool environment_turn(struct environment *v, struct bytes name, uint64_t number);
void environment_heal(struct environment *v);

#endif
