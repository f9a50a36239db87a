#include "chaos/fault/faults.h"

#include "base/units.h"

static int inject(struct fault_injection *f, struct error *err)
{
    struct undo before = {.kind = UNDO_SCHEDULE};
    struct machine_schedule after = {0};
    int code = fault_process(f, &before.process, err);
    if (code == 0)
        code = machine_schedule(f->target->world, &before.process, &before.schedule, err);
    if (code == 0)
        code = fault_note(f, &before, err);
    struct machine_schedule one = before.schedule;
    one.cpus = machine_cpus_one(machine_cpus_first(&before.schedule.cpus));
    if (code == 0)
        code = machine_schedule_set(f->target->world, &before.process, &one, err);
    if (code == 0)
        code = machine_schedule(f->target->world, &before.process, &after, err);
    if (code == 0 && machine_cpus_count(&after.cpus) != 1)
        code = error_set(err, ERROR_IO, "%s is not on one processor", f->component);
    return code;
}

const struct chaos_fault fault_one_core = {
    .name = "one-core",
    .family = "resource",
    .summary = "all its threads on one processor",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_undo,
};
