#include "chaos/fault/fault.h"

const struct chaos_fault *const chaos_faults[] = {
    &fault_kill, &fault_stop, &fault_restart, &fault_power_cut, &fault_partition, NULL,
};

const char *chaos_fault_name(const struct chaos_fault *f)
{
    return f->name;
}

const char *chaos_fault_summary(const struct chaos_fault *f)
{
    return f->summary;
}

int fault_start_again(struct target *t, const char *component, struct error *err)
{
    struct error own = ERROR_INIT;
    int code = t->operations->act(t, component, TARGET_START, &own);
    /* A supervisor of the system's own does it, or has done it already. */
    if (code == ERROR_UNSUPPORTED || code == ERROR_EXISTS)
        code = 0;
    if (code != 0)
        error_move(err, &own);
    error_clear(&own);
    return code;
}
