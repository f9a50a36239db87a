#include "base/units.h"
#include "chaos/fault/faults.h"

static const struct fault_parameter parameters[] = {
    {"times", "how often it is stopped", FAULT_COUNT, 1, 10000, 5, 40},
    {"off", "how long it is stopped", FAULT_DURATION, MILLISECOND, MINUTE, 2 * MILLISECOND, 60 * MILLISECOND},
    {"on", "how long it runs in between", FAULT_DURATION, MILLISECOND, MINUTE, MILLISECOND, 20 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    int code = fault_act(f, TARGET_STOP, err);
    for (int64_t i = 1; code == 0 && i < f->parameters[0]; i++) {
        code = fault_pause(f, (uint64_t)f->parameters[1], err);
        if (code == 0)
            code = fault_continue(f, err);
        if (code == 0)
            code = fault_pause(f, (uint64_t)f->parameters[2], err);
        if (code == 0)
            code = fault_act(f, TARGET_STOP, err);
    }
    return code;
}

const struct chaos_fault fault_stutter = {
    .name = "stutter",
    .family = "process",
    .summary = "SIGSTOP and SIGCONT in quick turns: the process runs in short pieces",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 50 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_continue,
};
