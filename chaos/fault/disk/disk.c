#include "chaos/fault/disk/disk.h"

int disk_possible(struct target *t, struct error *err)
{
    return t->operations->sim != NULL ? 0 : intercept_possible(t->world, err);
}

int disk_inject(struct fault_injection *f, const struct sim_disk_faults *sim, const struct intercept_rule *process,
                struct error *err)
{
    struct world_foreign p;
    struct intercept *i = NULL;
    if (fault_sim(f) != NULL) {
        sim_disk(fault_sim(f), f->component, sim);
        return 0;
    }
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = intercept_start(f->target->world, &p, process, &i, err);
    f->state = i;
    return code;
}

int disk_verify(struct fault_injection *f, struct error *err)
{
    (void)err;
    if (fault_sim(f) != NULL)
        f->hits = sim_disk_hits(fault_sim(f), f->component);
    else if (f->state != NULL)
        f->hits = intercept_hits(f->state);
    return 0;
}

int disk_heal(struct fault_injection *f, struct error *err)
{
    if (fault_sim(f) != NULL)
        sim_disk(fault_sim(f), f->component, NULL);
    intercept_stop(f->state);
    f->state = NULL;
    return fault_start_again(f, err);
}
