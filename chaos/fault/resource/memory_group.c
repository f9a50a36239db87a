#include "chaos/fault/resource/group.h"

#include "base/units.h"

#include <stdio.h>

static const struct fault_parameter parameters[] = {
    {"room", "bytes it may still use", FAULT_SIZE, 0, INT64_MAX, 1 << 20, 16 << 20},
    {0},
};

static int possible(struct target *t, struct error *err)
{
    return group_possible(t, MACHINE_MEMORY, err);
}

static int heal(struct fault_injection *f, struct error *err)
{
    int code = fault_undo(f, err);
    return code != 0 ? code : fault_start_again(f, err);
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
    if (code == 0)
        code = group_enter(f, MACHINE_MEMORY, NULL, NULL, &g, err);
    if (code != 0)
        return code;
    /* What it used before it came is not counted here with either version. */
    snprintf(value, sizeof value, "%llu", (unsigned long long)f->parameters[0]);
    return machine_cgroup_set(f->target->world, &g, group_file(&g, "memory.limit_in_bytes", "memory.max"), value, err);
}

const struct chaos_fault fault_memory_group = {
    .name = "out-of-memory",
    .family = "resource",
    .summary = "a memory limit by control group: past it the kernel kills it",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .root = true,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = heal,
};
