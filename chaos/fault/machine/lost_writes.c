#include "chaos/fault/machine/cut.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return cut_inject(f, SIM_CRASH_NOTHING, err);
}

const struct chaos_fault fault_lost_writes = {
    CUT_FAULT,
    .name = "lost-writes",
    .summary = "the machine loses power, and of what was not fsynced nothing is kept",
    .inject = inject,
};
