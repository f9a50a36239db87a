#include "base/units.h"
#include "chaos/fault/faults.h"

#include <signal.h>

#define GONE_WITHIN ((uint64_t)(5 * SECOND))

static int possible(struct target *t, struct error *err)
{
    const struct target_operations *o = t->operations;
    return o->supervisor != NULL && o->supervisor(t) != 0
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, "no process but the harness starts the components of %s", t->system);
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct target *t = f->target;
    struct world_foreign p;
    int code = possible(t, err);
    if (code == 0)
        code = world_foreign_by_id(t->world, t->operations->supervisor(t), &p, err);
    if (code == 0 && (code = world_foreign_signal(t->world, &p, SIGKILL)) != 0)
        error_set(err, code, "the supervisor cannot be killed: %s", error_code_name(code));
    for (uint64_t end = world_now(t->world) + GONE_WITHIN; code == 0 && world_foreign_state(t->world, &p) != 0;)
        code = world_now(t->world) < end ? fault_pause(f, (uint64_t)MILLISECOND, err)
                                         : error_set(err, ERROR_TIMEOUT, "the supervisor was killed and does not end");
    return code;
}

static int heal(struct fault_injection *f, struct error *err)
{
    return fault_start_one(f, NULL, err);
}

const struct chaos_fault fault_kill_supervisor = {
    .name = "kill-supervisor",
    .family = "process",
    .summary = "SIGKILL to the process that starts the components; it is started again by the harness",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_SYSTEM,
    .asked_only = true,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = heal,
};
