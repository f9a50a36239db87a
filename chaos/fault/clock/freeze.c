#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static int verify(struct fault_injection *f, struct error *err)
{
    (void)err;
    f->hits += sim_clock_offset(fault_sim(f), f->component) != 0 ? 1 : 0;
    return 0;
}

static int inject(struct fault_injection *f, struct error *err)
{
    (void)err;
    sim_clock_rate(fault_sim(f), f->component, -1000000);
    return 0;
}

const struct chaos_fault fault_clock_freeze = {
    .name = "clock-freeze",
    .family = "clock",
    .summary = "the wall clock stands still, and jumps to the truth later",
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .inject = inject,
    .verify = verify,
    .heal = clock_set_right,
};
