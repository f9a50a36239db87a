#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"by", "how far", FAULT_DURATION, MILLISECOND, 87600 * HOUR, 10 * MILLISECOND, MINUTE},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return clock_begin(f, &(struct false_clock){.offset = -f->parameters[0]}, err);
}

const struct chaos_fault fault_clock_back = {
    CLOCK_FAULT,
    .name = "clock-back",
    .summary = "the wall clock jumps back, and ahead to the truth later",
    .parameters = parameters,
    .inject = inject,
};
