#include "chaos/fault/machine/cut.h"

#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>

#define ALIVE_WITHIN ((uint64_t)(5 * SECOND))
#define GONE_WITHIN  ((uint64_t)(5 * SECOND))
#define LOOK_EVERY   ((uint64_t)MILLISECOND)

const struct fault_parameter cut_parameters[] = {
    {"after", "how long writes are recorded before the cut; processes only", FAULT_DURATION, MILLISECOND, MINUTE,
     20 * MILLISECOND, 400 * MILLISECOND},
    {0},
};

int cut_possible(struct target *t, struct error *err)
{
    return t->operations->sim != NULL ? 0 : power_possible(t->world, err);
}

static int cut_node(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err)
{
    struct sim *s = fault_sim(f);
    int code = sim_running(s, f->component) ? sim_crash_with(s, f->component, keeps) : ERROR_NOT_FOUND;
    return code == 0 ? 0 : error_set(err, code, "the machine of %s: %s", f->component, error_code_name(code));
}

/* A component as it is cut. */
struct part {
    struct fault_injection of; /* the injection, as if it were its alone */
    struct world_foreign process;
    struct power *power;
};

static int part_record(struct part *p, struct error *err)
{
    struct fault_injection *f = &p->of;
    int code = fault_wait_alive(f, f->component, true, ALIVE_WITHIN, err);
    if (code == 0)
        code = fault_process(f, &p->process, err);
    return code == 0 ? power_record(f->target->world, &p->process, random_next(&f->random), &p->power, err) : code;
}

static int part_gone(struct part *p, struct error *err)
{
    struct target *t = p->of.target;
    struct world *w = t->world;
    const struct target_operations *o = t->operations;
    const char *name = p->of.component;
    /* It may be back already: its supervisor does not wait for us. */
    for (uint64_t end = world_now(w) + GONE_WITHIN; o->alive(t, name) && o->process(t, name) == p->process.id;) {
        int code = fault_pause(&p->of, LOOK_EVERY, err);
        if (code != 0)
            return code;
        if (world_now(w) > end)
            return error_set(err, ERROR_TIMEOUT, "%s was killed and does not end", name);
    }
    return 0;
}

static int part_cut(struct part *p, enum sim_crash_keeps keeps, struct power_loss *all, struct error *err)
{
    struct power_loss loss = {0};
    int code = power_cut(p->power, keeps, &loss, err);
    if (code != 0)
        return code;
    all->dropped += loss.dropped;
    all->torn += loss.torn;
    if (loss.left > 0)
        log_info("chaos",
                 "%s lost power: %llu files were left as they are: they are mapped writable, or somebody else writes "
                 "them",
                 p->of.component, (unsigned long long)loss.left);
    return part_gone(p, err);
}

static int cut_parts(struct fault_injection *f, struct part *parts, size_t count, enum sim_crash_keeps keeps,
                     struct error *err)
{
    struct power_loss *all = calloc(1, sizeof *all);
    if (all == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    f->state = all;
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = part_record(&parts[i], err);
    if (code == 0)
        code = fault_pause(f, (uint64_t)f->parameters[0], err);
    for (size_t i = 0; code == 0 && i < count; i++)
        power_cut_begin(parts[i].power, keeps);
    for (size_t i = 0; code == 0 && i < count; i++)
        code = part_cut(&parts[i], keeps, all, err);
    for (size_t i = 0; i < count; i++)
        power_free(parts[i].power);
    return code;
}

static int cut_process(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err)
{
    struct part part = {.of = *f};
    return cut_parts(f, &part, 1, keeps, err);
}

int cut_inject_all(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err)
{
    size_t count = f->target->component_count;
    struct part *parts = calloc(count > 0 ? count : 1, sizeof *parts);
    if (parts == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        parts[i].of = *f;
        parts[i].of.component = f->target->components[i].name;
        random_seed(&parts[i].of.random, random_next(&f->random));
    }
    int code = cut_parts(f, parts, count, keeps, err);
    free(parts);
    return code;
}

int cut_inject(struct fault_injection *f, enum sim_crash_keeps keeps, struct error *err)
{
    return fault_sim(f) != NULL ? cut_node(f, keeps, err) : cut_process(f, keeps, err);
}

int cut_verify(struct fault_injection *f, struct error *err)
{
    const struct power_loss *loss = f->state;
    (void)err;
    uint64_t lost = loss != NULL ? loss->dropped + loss->torn : 0;
    f->hits = lost > 0 ? lost : 1;
    return 0;
}

int cut_heal(struct fault_injection *f, struct error *err)
{
    free(f->state);
    f->state = NULL;
    return fault_start_again(f, err);
}

int cut_heal_all(struct fault_injection *f, struct error *err)
{
    free(f->state);
    f->state = NULL;
    return fault_start_all(f, err);
}
