#include "base/units.h"
#include "chaos/fault/fault.h"

static int inject(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_STOP, err);
}

static int heal(struct target *t, const char *component, struct error *err)
{
    return t->operations->act(t, component, TARGET_CONTINUE, err);
}

const struct chaos_fault fault_stop = {
    .name = "stop",
    .summary = "SIGSTOP, then SIGCONT: the process hangs for a while with its connections open",
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 1500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = heal,
};
