#include "chaos/fault/machine/cut.h"

static int inject(struct fault_injection *f, struct error *err)
{
    return cut_inject(f, SIM_CRASH_TORN, err);
}

const struct chaos_fault fault_torn_writes = {
    CUT_FAULT,
    .name = "torn-writes",
    .summary = "the machine loses power, and every un-fsynced write of more than a sector is torn",
    .inject = inject,
};
