#include "base/units.h"
#include "chaos/fault/faults.h"

#define COMPONENTS_MAX 256

static const struct fault_parameter parameters[] = {
    {"gap", "between two starts", FAULT_DURATION, 0, MINUTE, 0, 300 * MILLISECOND},
    {0},
};

/* A supervisor of the system's own has an order of its own. */
static int possible(struct target *t, struct error *err)
{
    const struct target_operations *o = t->operations;
    if (o->supervisor != NULL && o->supervisor(t) != 0)
        return error_set(err, ERROR_UNSUPPORTED, "%s starts its components itself, in its order", t->system);
    return fault_hold_possible(t, err);
}

static int inject(struct fault_injection *f, struct error *err)
{
    int code = fault_hold(f, true, err);
    return code != 0 ? code : fault_act_on_all(f, TARGET_KILL, err);
}

static int heal(struct fault_injection *f, struct error *err)
{
    size_t order[COMPONENTS_MAX], count = f->target->component_count;
    int code = 0;
    if (count > COMPONENTS_MAX)
        count = COMPONENTS_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)random_below(&f->random, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < count; i++) {
        int one = fault_start_one(f, f->target->components[order[i]].name, code == 0 ? err : NULL);
        code = code != 0 ? code : one;
        if (f->parameters[0] > 0 && i + 1 < count)
            (void)fault_pause(f, (uint64_t)f->parameters[0], NULL);
    }
    int held = fault_hold(f, false, code == 0 ? err : NULL);
    return code != 0 ? code : held;
}

const struct chaos_fault fault_shuffled_start = {
    .name = "shuffled-start",
    .family = "process",
    .summary = "every component is killed, and they are started again in a drawn order",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 0,
    .hold_max = 300 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = heal,
};
