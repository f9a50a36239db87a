#include "chaos/fault/faults.h"

#include "base/units.h"

#define NICE_LOWEST 19

static int inject(struct fault_injection *f, struct error *err)
{
    struct undo before = {.kind = UNDO_SCHEDULE};
    int code = fault_process(f, &before.process, err);
    if (code == 0)
        code = machine_schedule(f->target->world, &before.process, &before.schedule, err);
    if (code == 0)
        code = fault_note(f, &before, err);
    struct machine_schedule idle = before.schedule;
    idle.idle = true;
    idle.nice = NICE_LOWEST;
    return code != 0 ? code : machine_schedule_set(f->target->world, &before.process, &idle, err);
}

const struct chaos_fault fault_idle_class = {
    .name = "idle-class",
    .family = "resource",
    .summary = "SCHED_IDLE: it runs when nobody else wants to",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .root = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_undo,
};
