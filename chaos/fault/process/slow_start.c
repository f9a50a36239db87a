#include "base/units.h"
#include "chaos/fault/faults.h"

#define BACK_WITHIN ((uint64_t)(30 * SECOND))
#define TURN        ((uint64_t)(20 * MILLISECOND)) /* one stop and one go */

static const struct fault_parameter parameters[] = {
    {"for", "how long it is slow", FAULT_DURATION, 40 * MILLISECOND, HOUR, 200 * MILLISECOND, 2 * SECOND},
    {"runs", "share of that time in which it runs", FAULT_SHARE, 50000, 950000, 100000, 400000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = f->target->world;
    int code = fault_act(f, TARGET_KILL, err);
    if (code == 0)
        code = fault_start_again(f, err);
    if (code == 0)
        code = fault_wait_alive(f, f->component, true, BACK_WITHIN, err);
    uint64_t runs = TURN * (uint64_t)f->parameters[1] / 1000000, end = world_now(w) + (uint64_t)f->parameters[0];
    while (code == 0 && world_now(w) < end) {
        code = fault_act(f, TARGET_STOP, err);
        if (code == 0)
            code = fault_pause(f, TURN - runs, err);
        int on = fault_continue(f, code == 0 ? err : NULL);
        code = code != 0 ? code : on;
        if (code == 0)
            code = fault_pause(f, runs, err);
    }
    return code;
}

const struct chaos_fault fault_slow_start = {
    .name = "slow-start",
    .family = "process",
    .summary = "SIGKILL, and once started again it only runs for a part of the time",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 0,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_start_again,
};
