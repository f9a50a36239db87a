#include "base/units.h"
#include "chaos/fault/faults.h"

#define BACK_WITHIN ((uint64_t)(30 * SECOND)) /* supervisors wait longer each time */

static const struct fault_parameter parameters[] = {
    {"times", "how often it is killed", FAULT_COUNT, 2, 100, 2, 3},
    {0},
};

/* All but the last, after which it is held like a single kill. */
static int inject(struct fault_injection *f, struct error *err)
{
    int code = fault_act(f, TARGET_KILL, err);
    for (int64_t i = 1; code == 0 && i < f->parameters[0]; i++) {
        code = fault_start_again(f, err);
        if (code == 0)
            code = fault_wait_alive(f, f->component, true, BACK_WITHIN, err);
        if (code == 0)
            code = fault_act(f, TARGET_KILL, err);
    }
    return code;
}

const struct chaos_fault fault_crash_loop = {
    .name = "crash-loop",
    .family = "process",
    .summary = "SIGKILL, and again each time it has come back",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 200 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_start_again,
};
