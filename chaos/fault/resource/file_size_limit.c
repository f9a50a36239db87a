#include "chaos/fault/resource/limit.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"size", "that a file may have", FAULT_SIZE, 0, INT64_MAX, 4096, 1 << 20},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world_foreign p;
    int code = fault_process(f, &p, err);
    return code != 0 ? code : limit_lower(f, &p, MACHINE_FILE_SIZE, (uint64_t)f->parameters[0], err);
}

const struct chaos_fault fault_file_size_limit = {
    .name = "file-size-limit",
    .family = "resource",
    .summary = "EFBIG, or death by SIGXFSZ: no file can grow beyond a size",
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
