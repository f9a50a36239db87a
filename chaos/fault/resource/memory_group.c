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
    struct machine_cgroup g;
    char value[24];
    /* What it used before it came is not counted with either version. The limit is there when it comes: the kernel
     * refuses one below what it has taken since. */
    snprintf(value, sizeof value, "%llu", (unsigned long long)f->parameters[0]);
    return group_enter(f, MACHINE_MEMORY, &(struct group_setting){"memory.limit_in_bytes", "memory.max", value}, &g,
                       err);
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
