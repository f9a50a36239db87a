#include "chaos/fault/resource/limit.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"room", "descriptors it may still open", FAULT_COUNT, 0, 1000000, 0, 8},
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
    /* The limit is of the highest number, and below it some may be free. */
    uint64_t room = status.descriptors + (uint64_t)f->parameters[0];
    return limit_lower(f, &p, MACHINE_OPEN_FILES, room, err);
}

const struct chaos_fault fault_descriptor_limit = {
    .name = "descriptor-limit",
    .family = "resource",
    .summary = "EMFILE: hardly any more descriptors than it has open",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = limit_heal,
};
