#include "chaos/fault/faults.h"

struct dropping {
    struct world *world;
    uint64_t before, after; /* pages in memory */
};

static void drop(void *arg, const char *path)
{
    struct dropping *d = arg;
    uint64_t before, after, pages;
    if (machine_file_cache(d->world, path, false, &before, &pages, NULL) == 0 &&
        machine_file_cache(d->world, path, true, &after, &pages, NULL) == 0) {
        d->before += before;
        d->after += after;
    }
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct dropping d = {.world = f->target->world};
    struct world_foreign p;
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_open_files(d.world, &p, false, drop, &d, err);
    if (code == 0 && d.after >= d.before)
        code = error_set(err, ERROR_UNSUPPORTED, "no page of what %s has open can be let go of", f->component);
    return code;
}

static int heal(struct fault_injection *f, struct error *err)
{
    (void)f;
    (void)err;
    return 0;
}

const struct chaos_fault fault_cold_cache = {
    .name = "cold-cache",
    .family = "resource",
    .summary = "the pages of its open files are written and dropped from memory: the next reads go to the disk",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .inject = inject,
    .heal = heal,
};
