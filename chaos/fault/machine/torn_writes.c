#include "chaos/fault/machine/cut.h"

#include "base/units.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return cut_inject(f, SIM_CRASH_TORN, err);
}

const struct chaos_fault fault_torn_writes = {
    .name = "torn-writes",
    .family = "machine",
    .summary = "the machine loses power, and every un-fsynced write of more than a sector is torn",
    .parameters = cut_parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .possible = cut_possible,
    .inject = inject,
    .verify = cut_verify,
    .heal = cut_heal,
};
