#include "chaos/fault/clock/clock.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return clock_begin(f, &(struct false_clock){.rate = -1000000}, err);
}

const struct chaos_fault fault_clock_freeze = {
    CLOCK_FAULT,
    .name = "clock-freeze",
    .summary = "the wall clock stands still, and jumps to the truth later",
    .inject = inject,
};
