#include "chaos/fault/resource/group.h"
#include "chaos/fault/resource/limit.h"

#include "base/units.h"

#include <stdio.h>

static int possible(struct target *t, struct error *err)
{
    return machine_is_root() ? group_possible(t, MACHINE_PIDS, err) : 0;
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct world_foreign p;
    struct machine_status status;
    struct machine_cgroup g;
    char value[24];
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_status(f->target->world, &p, &status, err);
    if (code != 0)
        return code;
    if (status.user != 0)
        return limit_lower(f, &p, MACHINE_PROCESSES, 1, err);
    /* The limit of a user's processes does not bind root. */
    snprintf(value, sizeof value, "%llu", (unsigned long long)status.threads);
    return group_enter(f, MACHINE_PIDS, &(struct group_setting){"pids.max", "pids.max", value}, &g, err);
}

const struct chaos_fault fault_process_limit = {
    .name = "process-limit",
    .family = "resource",
    .summary = "EAGAIN: it can start no thread and no process any more",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = limit_heal,
};
