#include "base/units.h"
#include "chaos/fault/faults.h"
#include "world/sim.h"

static const struct fault_parameter parameters[] = {
    {"nth", "which hit of any named point from then on", FAULT_COUNT, 1, 1000000, 1, 60},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = sim_node(fault_sim(f), f->component);
    int code =
        w != NULL ? world_point_arm(w, WORLD_POINT_ANY, POINT_CRASH, (uint64_t)f->parameters[0], false) : ERROR_MEMORY;
    return code == 0 ? 0 : error_set(err, code, "the points of %s cannot be armed", f->component);
}

static int verify(struct fault_injection *f, struct error *err)
{
    (void)err;
    f->hits += f->target->operations->alive(f->target, f->component) ? 0 : 1;
    return 0;
}

static int heal(struct fault_injection *f, struct error *err)
{
    struct world *w = sim_node(fault_sim(f), f->component);
    if (w != NULL)
        (void)world_point_arm(w, WORLD_POINT_ANY, POINT_NONE, 1, false);
    return fault_start_again(f, err);
}

const struct chaos_fault fault_crash_at_point = {
    .name = "crash-at-point",
    .family = "process",
    .summary = "the machine loses power when the program comes to the n-th of its named points (world_point)",
    .parameters = parameters,
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .verify = verify,
    .heal = heal,
};
