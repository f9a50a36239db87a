#include "chaos/fault/clock/clock.h"

int clock_jump(struct fault_injection *f, int64_t by, struct error *err)
{
    struct world *w = sim_node(fault_sim(f), f->component);
    int64_t before = w != NULL ? world_wall(w) : 0;
    sim_clock_jump(fault_sim(f), f->component, by);
    if (w == NULL || world_wall(w) - before != by)
        return error_set(err, ERROR_MEMORY, "the clock of %s does not jump", f->component);
    return 0;
}

int clock_set_right(struct fault_injection *f, struct error *err)
{
    struct sim *s = fault_sim(f);
    (void)err;
    sim_clock_rate(s, f->component, 0);
    sim_clock_jump(s, f->component, -sim_clock_offset(s, f->component));
    return 0;
}
