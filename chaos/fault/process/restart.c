#include "base/units.h"
#include "chaos/fault/faults.h"

#define STOP_WITHIN ((uint64_t)(10 * SECOND)) /* for the calls in flight */
#define LOOK_EVERY  ((uint64_t)MILLISECOND)

/* The signal is only half of it: injected it is when the old process has ended, or another has taken its place. */
static int inject(struct fault_injection *f, struct error *err)
{
    struct target *t = f->target;
    const char *component = f->component;
    const struct target_operations *o = t->operations;
    int64_t before = o->process(t, component);
    int code = fault_act(f, TARGET_TERMINATE, err);
    if (code != 0)
        return code;
    uint64_t end = world_now(t->world) + STOP_WITHIN;
    while (o->alive(t, component) && o->process(t, component) == before) {
        if (t->interrupted)
            return error_set(err, ERROR_CANCELLED, "interrupted");
        if (t->hurry) /* the time for an orderly end is up */
            return fault_act(f, TARGET_KILL, err);
        if (world_now(t->world) >= end)
            return error_set(err, ERROR_TIMEOUT, "%s was asked to stop and still runs after 10 s", component);
        if ((code = world_sleep(t->world, LOOK_EVERY)) != 0)
            return error_set(err, code, "%s", error_code_name(code));
    }
    return 0;
}

const struct chaos_fault fault_restart = {
    .name = "restart",
    .family = "process",
    .summary = "SIGTERM: an orderly stop, calls in flight may finish; then started again",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 200 * (uint64_t)MILLISECOND,
    .inject = inject,
    .heal = fault_start_again,
};
