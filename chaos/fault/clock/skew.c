#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"by", "how much; drawn to be too fast or too slow", FAULT_SHARE, 1, 1000000, 1000, 500000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    int64_t rate = random_below(&f->random, 2) == 0 ? f->parameters[0] : -f->parameters[0];
    return clock_begin(f, &(struct false_clock){.rate = rate}, err);
}

const struct chaos_fault fault_clock_skew = {
    .name = "clock-skew",
    .family = "clock",
    .summary = "the wall clock goes too fast or too slow",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .possible = clock_possible,
    .inject = inject,
    .verify = clock_verify,
    .heal = clock_heal,
};
