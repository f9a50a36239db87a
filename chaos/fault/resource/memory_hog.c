#include "chaos/fault/resource/hogs.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"size", "how much; at most half of what there is", FAULT_SIZE, 1 << 20, INT64_MAX, 64 << 20, 512 << 20},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = f->target->world;
    struct machine_hog *hog = NULL;
    uint64_t available;
    int code = hog_memory_available(w, &available, err);
    if (code == 0 && (uint64_t)f->parameters[0] > available / 2)
        code = error_set(err, ERROR_LIMIT, "that is more than half of the memory there is");
    if (code == 0)
        code = machine_hog_memory(w, (uint64_t)f->parameters[0], &hog, err);
    f->state = hog;
    return code != 0 ? code : hog_note(f, hog, err);
}

const struct chaos_fault fault_memory_hog = {
    .name = "memory-hog",
    .family = "resource",
    .summary = "another process takes so much memory of the machine",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_SYSTEM,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .verify = hog_verify,
    .heal = hog_heal,
};
