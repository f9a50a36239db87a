#include "base/units.h"
#include "chaos/fault/fault.h"

static int inject(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_KILL, err);
}

const struct chaos_fault fault_kill = {
    .name = "kill",
    .summary = "SIGKILL: the process is gone in mid-work; its supervisor starts it again",
    .hold_min = 0,
    .hold_max = 200 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
