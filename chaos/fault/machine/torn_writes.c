#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/sim.h"

static int inject(struct fault_injection *f, struct error *err)
{
    int code = sim_running(fault_sim(f), f->component) ? sim_crash_with(fault_sim(f), f->component, SIM_CRASH_TORN)
                                                       : ERROR_NOT_FOUND;
    return code == 0 ? 0 : error_set(err, code, "the machine of %s: %s", f->component, error_code_name(code));
}

const struct chaos_fault fault_torn_writes = {
    .name = "torn-writes",
    .family = "machine",
    .summary = "the machine loses power, and every un-fsynced write of more than a sector is torn",
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
