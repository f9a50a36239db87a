#include "chaos/fault/resource/hogs.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"hogs", "how many spin there", FAULT_COUNT, 1, HOG_SPINNERS_MAX, 1, 4},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = f->target->world;
    struct undo before = {.kind = UNDO_SCHEDULE};
    struct machine_hog *hog = NULL;
    int code = fault_process(f, &before.process, err);
    if (code == 0)
        code = machine_schedule(w, &before.process, &before.schedule, err);
    if (code == 0)
        code = fault_note(f, &before, err);
    struct machine_schedule one = before.schedule;
    one.cpus = machine_cpus_one(machine_cpus_first(&before.schedule.cpus));
    if (code == 0)
        code = machine_schedule_set(w, &before.process, &one, err);
    if (code == 0)
        code = machine_hog_cpu(w, &one.cpus, (int)f->parameters[0], &hog, err);
    f->state = hog;
    return code != 0 ? code : hog_note(f, hog, err);
}

const struct chaos_fault fault_cpu_hog = {
    .name = "cpu-hog",
    .family = "resource",
    .summary = "all its threads on one processor, which others keep busy",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .verify = hog_verify,
    .heal = hog_heal,
};
