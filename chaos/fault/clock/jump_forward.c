#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"by", "how far", FAULT_DURATION, MILLISECOND, 87600 * HOUR, 10 * MILLISECOND, MINUTE},
    {"monotonic", "1: the monotonic clocks too, as on a machine that was held (processes only)", FAULT_COUNT, 0, 1, 0,
     0},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    return clock_begin(f, &(struct false_clock){.offset = f->parameters[0], .monotonic = f->parameters[1] != 0}, err);
}

const struct chaos_fault fault_clock_forward = {
    CLOCK_FAULT,
    .name = "clock-forward",
    .summary = "the wall clock jumps ahead, and back to the truth later",
    .parameters = parameters,
    .inject = inject,
};
