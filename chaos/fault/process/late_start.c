#include "base/units.h"
#include "chaos/fault/faults.h"

#define ALIVE_WITHIN ((uint64_t)(5 * SECOND))

static int inject(struct fault_injection *f, struct error *err)
{
    /* Who is just being started would not be found, and nobody could go on starting it. */
    int code = fault_wait_alive(f, f->component, true, ALIVE_WITHIN, err);
    if (code == 0)
        code = fault_hold(f, true, err);
    return code != 0 ? code : fault_act(f, TARGET_KILL, err);
}

static int heal(struct fault_injection *f, struct error *err)
{
    int code = fault_hold(f, false, err), noted = fault_undo(f, NULL);
    if (code == 0)
        code = fault_start_again(f, err);
    return code != 0 ? code : noted;
}

const struct chaos_fault fault_late_start = {
    .name = "late-start",
    .family = "process",
    .summary = "SIGKILL, and nobody starts it again for a while: its supervisor is held back",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .alone = true,
    .hold_min = 500 * (uint64_t)MILLISECOND,
    .hold_max = 4000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = fault_hold_possible,
    .inject = inject,
    .heal = heal,
};
