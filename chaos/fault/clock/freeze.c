#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return clock_begin(f, &(struct false_clock){.rate = -1000000}, err);
}

const struct chaos_fault fault_clock_freeze = {
    .name = "clock-freeze",
    .family = "clock",
    .summary = "the wall clock stands still, and jumps to the truth later",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .possible = clock_possible,
    .inject = inject,
    .verify = clock_verify,
    .heal = clock_heal,
};
