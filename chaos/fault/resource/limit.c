#include "chaos/fault/resource/limit.h"

int limit_lower(struct fault_injection *f, const struct world_foreign *p, enum machine_limit what, uint64_t soft,
                struct error *err)
{
    struct world *w = f->target->world;
    struct undo step = {.kind = UNDO_LIMIT, .process = *p, .limit = what};
    int code = machine_limit(w, p, what, NULL, &step.bounds, err);
    if (code == 0)
        code = fault_note(f, &step, err);
    /* The hard limit stays, so that the old soft one may be had again without root. */
    struct machine_bounds now = {.soft = soft < step.bounds.hard ? soft : step.bounds.hard, .hard = step.bounds.hard};
    struct machine_bounds seen = {0};
    if (code == 0)
        code = machine_limit(w, p, what, &now, NULL, err);
    if (code == 0)
        code = machine_limit(w, p, what, NULL, &seen, err);
    if (code == 0 && seen.soft != now.soft)
        code = error_set(err, ERROR_IO, "the limit of %s is not what it was set to", f->component);
    return code;
}

int limit_heal(struct fault_injection *f, struct error *err)
{
    int code = fault_undo(f, err);
    return code != 0 ? code : fault_start_again(f, err);
}
