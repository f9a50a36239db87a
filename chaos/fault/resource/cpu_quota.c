#include "chaos/fault/resource/group.h"

#include "base/units.h"

#include <stdio.h>

static const struct fault_parameter parameters[] = {
    {"share", "of one processor", FAULT_SHARE, 10000, 1000000, 20000, 200000},
    {0},
};

#define PERIOD_US 100000 /* the kernel's own unless told otherwise */

static int possible(struct target *t, struct error *err)
{
    return group_possible(t, MACHINE_CPU, err);
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct machine_cgroup g;
    char value[48];
    int code = group_enter(f, MACHINE_CPU, NULL, &g, err);
    long long quota = (long long)(PERIOD_US * f->parameters[0] / 1000000);
    snprintf(value, sizeof value, g.unified ? "%lld 100000" : "%lld", quota);
    return code != 0
               ? code
               : machine_cgroup_set(f->target->world, &g, group_file(&g, "cpu.cfs_quota_us", "cpu.max"), value, err);
}

const struct chaos_fault fault_cpu_quota = {
    .name = "cpu-quota",
    .family = "resource",
    .summary = "a share of one processor by control group, and no more",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .root = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = fault_undo,
};
