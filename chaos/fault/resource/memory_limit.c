#include "chaos/fault/resource/limit.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"room", "bytes it may still map", FAULT_SIZE, 0, INT64_MAX, 0, 64 << 20},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world_foreign p;
    struct machine_status status;
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_status(f->target->world, &p, &status, err);
    if (code != 0)
        return code;
    return limit_lower(f, &p, MACHINE_ADDRESS_SPACE, status.address_space + (uint64_t)f->parameters[0], err);
}

const struct chaos_fault fault_memory_limit = {
    .name = "memory-limit",
    .family = "resource",
    .summary = "ENOMEM: hardly any more address space than it has",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = limit_heal,
};
