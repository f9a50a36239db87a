#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/fault/resource/group.h"

#include <string.h>

#define FROZEN_WITHIN ((uint64_t)(5 * SECOND))

static int possible(struct target *t, struct error *err)
{
    return group_possible(t, MACHINE_FREEZER, err);
}

static bool frozen(struct world *w, const struct machine_cgroup *g)
{
    struct text state = TEXT_INIT;
    bool is = machine_cgroup_get(w, g, g->unified ? "cgroup.events" : "freezer.state", &state, NULL) == 0 &&
              strstr(text_string(&state), g->unified ? "frozen 1" : "FROZEN") != NULL;
    text_deinit(&state);
    return is;
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct machine_cgroup g;
    struct world *w = f->target->world;
    int code = group_enter(f, MACHINE_FREEZER, NULL, &g, err);
    if (code == 0)
        code =
            machine_cgroup_set(w, &g, g.unified ? "cgroup.freeze" : "freezer.state", g.unified ? "1" : "FROZEN", err);
    for (uint64_t end = world_now(w) + FROZEN_WITHIN; code == 0 && !frozen(w, &g);)
        code = world_now(w) < end ? fault_pause(f, (uint64_t)MILLISECOND, err)
                                  : error_set(err, ERROR_TIMEOUT, "%s does not freeze", f->component);
    return code;
}

const struct chaos_fault fault_freeze = {
    .name = "freeze",
    .family = "process",
    .summary = "frozen by its control group, then thawed: no signal, nothing the process could see",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .root = true,
    .hold_min = 100 * (uint64_t)MILLISECOND,
    .hold_max = 1500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = fault_undo,
};
