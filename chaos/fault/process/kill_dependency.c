#include "base/units.h"
#include "chaos/fault/faults.h"

#define NEEDY_MAX 256

static bool needy(const struct target_component *c)
{
    return c->needs != NULL && c->needs[0] != NULL;
}

static int possible(struct target *t, struct error *err)
{
    for (size_t i = 0; i < t->component_count; i++)
        if (needy(&t->components[i]))
            return 0;
    return error_set(err, ERROR_UNSUPPORTED, "no component of %s says whom it needs", t->system);
}

/* The component asked for, or one drawn of those that need somebody. */
static const struct target_component *choose(struct fault_injection *f)
{
    const struct target *t = f->target;
    const struct target_component *some[NEEDY_MAX];
    size_t count = 0;
    if (f->component != NULL)
        return target_find(t, f->component);
    for (size_t i = 0; i < t->component_count && count < NEEDY_MAX; i++)
        if (needy(&t->components[i]))
            some[count++] = &t->components[i];
    return count > 0 ? some[random_below(&f->random, count)] : NULL;
}

static int inject(struct fault_injection *f, struct error *err)
{
    const struct target_component *c = choose(f);
    if (c == NULL || !needy(c))
        return error_set(err, ERROR_UNSUPPORTED, "%s needs nobody that is known", c != NULL ? c->name : "nobody");
    int code = 0;
    for (const char *const *need = c->needs; code == 0 && *need != NULL; need++)
        code = fault_act_on(f, *need, TARGET_KILL, err);
    return code;
}

const struct chaos_fault fault_kill_dependency = {
    .name = "kill-dependency",
    .family = "process",
    .summary = "SIGKILL to all that one component needs, while it runs itself",
    .drivers = FAULT_ON_PROCESSES | FAULT_ON_SIM,
    .scope = FAULT_OF_SYSTEM,
    .hold_min = 0,
    .hold_max = 500 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .possible = possible,
    .inject = inject,
    .heal = fault_start_all,
};
