#include "chaos/fault/clock/clock.h"

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
    CLOCK_FAULT,
    .name = "clock-skew",
    .summary = "the wall clock goes too fast or too slow",
    .parameters = parameters,
    .inject = inject,
};
