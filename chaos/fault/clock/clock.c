#include "chaos/fault/clock/clock.h"

#include "world/sim.h"

#include <stdlib.h>

int clock_possible(struct target *t, struct error *err)
{
    return t->operations->sim != NULL ? 0 : false_clock_possible(t->world, err);
}

static int change_node(const struct fault_injection *f, const struct false_clock *to, struct error *err)
{
    struct sim *s = fault_sim(f);
    if (to->monotonic)
        return error_set(err, ERROR_UNSUPPORTED, "monotonic clocks are right in simulation");
    sim_clock_rate(s, f->component, 0);
    sim_clock_jump(s, f->component, to->offset - sim_clock_offset(s, f->component));
    if (sim_clock_offset(s, f->component) != to->offset)
        return error_set(err, ERROR_MEMORY, "the clock of %s does not jump", f->component);
    sim_clock_rate(s, f->component, to->rate);
    return 0;
}

int clock_change(struct clock *c, const struct false_clock *to, struct error *err)
{
    return fault_sim(c->fault) != NULL ? change_node(c->fault, to, err)
                                       : false_clock_set(c->fault->target->world, &c->process, to, err);
}

int clock_begin(struct fault_injection *f, const struct false_clock *to, struct error *err)
{
    struct clock *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->fault = f;
    f->state = c;
    world_timer_init(&c->timer, f->target->world, NULL, c);
    int code = 0;
    if (fault_sim(f) == NULL && (code = fault_process(f, &c->process, err)) == 0)
        code = fault_note(f, &(struct undo){.kind = UNDO_CLOCK, .process = c->process}, err);
    return code != 0 ? code : clock_change(c, to, err);
}

int clock_verify(struct fault_injection *f, struct error *err)
{
    const struct clock *c = f->state;
    (void)err;
    if (c == NULL)
        return 0;
    if (fault_sim(f) == NULL)
        (void)false_clock_reads(f->target->world, &c->process, &f->hits, NULL); /* it may be gone */
    else
        f->hits = c->turns > 0 ? c->turns : sim_clock_offset(fault_sim(f), f->component) != 0;
    return 0;
}

int clock_heal(struct fault_injection *f, struct error *err)
{
    struct clock *c = f->state;
    if (c != NULL)
        world_timer_stop(&c->timer);
    int code = c != NULL && fault_sim(f) != NULL ? change_node(f, &(struct false_clock){0}, err) : fault_undo(f, err);
    free(c);
    f->state = NULL;
    return code;
}
