/* What the faults are made of: see the end of fault.h. */
#include "base/units.h"
#include "chaos/fault/fault.h"

#include <signal.h>
#include <string.h>

#define LOOK_EVERY   ((uint64_t)(2 * MILLISECOND))
#define ALIVE_WITHIN ((uint64_t)(5 * SECOND))

struct sim *fault_sim(const struct fault_injection *f)
{
    const struct target_operations *o = f->target->operations;
    return o->sim != NULL ? o->sim(f->target) : NULL;
}

static int process_of(struct fault_injection *f, const char *component, struct world_foreign *out, struct error *err)
{
    const struct target_operations *o = f->target->operations;
    int64_t id = fault_sim(f) == NULL && o->process != NULL ? o->process(f->target, component) : 0;
    if (id == 0 && fault_sim(f) != NULL)
        return error_set(err, ERROR_UNSUPPORTED, "there are no processes in simulation");
    if (id == 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no process that is known", component);
    return world_foreign_by_id(f->target->world, id, out, err);
}

int fault_process(struct fault_injection *f, struct world_foreign *out, struct error *err)
{
    return process_of(f, f->component, out, err);
}

int fault_note(struct fault_injection *f, const struct undo *step, struct error *err)
{
    uint64_t number;
    if (f->undo_count == FAULT_UNDO_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d steps for one fault", FAULT_UNDO_MAX);
    int code = undo_journal_note(&f->target->journal, f->target->world, step, &number, err);
    if (code == 0 && number != 0)
        f->undo[f->undo_count++] = number;
    return code;
}

int fault_undo(struct fault_injection *f, struct error *err)
{
    int code = 0;
    while (f->undo_count > 0) {
        int one = undo_journal_undo(f->target->journal, f->undo[--f->undo_count], code == 0 ? err : NULL);
        code = code != 0 ? code : one;
    }
    return code;
}

static bool needs_life(enum target_action action)
{
    return action == TARGET_KILL || action == TARGET_TERMINATE || action == TARGET_STOP || action == TARGET_POWER_CUT;
}

int fault_act_on(struct fault_injection *f, const char *component, enum target_action action, struct error *err)
{
    struct undo step = {.kind = UNDO_CONTINUE};
    /* Whom the last fault has ended may be just coming back. */
    if (needs_life(action)) {
        int code = fault_wait_alive(f, component, true, ALIVE_WITHIN, err);
        if (code != 0)
            return code;
    }
    if (action == TARGET_STOP && process_of(f, component, &step.process, NULL) == 0) {
        int code = fault_note(f, &step, err);
        if (code != 0)
            return code;
    }
    return f->target->operations->act(f->target, component, action, err);
}

int fault_act(struct fault_injection *f, enum target_action action, struct error *err)
{
    return fault_act_on(f, f->component, action, err);
}

int fault_start_one(struct fault_injection *f, const char *component, struct error *err)
{
    struct error own = ERROR_INIT;
    int code = f->target->operations->act(f->target, component, TARGET_START, &own);
    /* A supervisor of the system's own does it, or has done it already. */
    if (code == ERROR_UNSUPPORTED || code == ERROR_EXISTS)
        code = 0;
    if (code != 0)
        error_move(err, &own);
    error_clear(&own);
    return code;
}

int fault_start_again(struct fault_injection *f, struct error *err)
{
    return fault_start_one(f, f->component, err);
}

int fault_act_on_all(struct fault_injection *f, enum target_action action, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < f->target->component_count; i++) {
        int one = fault_act_on(f, f->target->components[i].name, action, code == 0 ? err : NULL);
        code = code != 0 ? code : one;
    }
    return code;
}

int fault_start_all(struct fault_injection *f, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < f->target->component_count; i++) {
        int one = fault_start_one(f, f->target->components[i].name, code == 0 ? err : NULL);
        code = code != 0 ? code : one;
    }
    return code;
}

static int continue_one(struct fault_injection *f, const char *component, struct error *err)
{
    /* Who has ended in the meantime is not stopped any more. */
    return f->target->operations->alive(f->target, component) ? fault_act_on(f, component, TARGET_CONTINUE, err) : 0;
}

int fault_continue(struct fault_injection *f, struct error *err)
{
    int code = continue_one(f, f->component, err), noted = fault_undo(f, code == 0 ? err : NULL);
    return code != 0 ? code : noted;
}

int fault_continue_all(struct fault_injection *f, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < f->target->component_count; i++) {
        int one = continue_one(f, f->target->components[i].name, code == 0 ? err : NULL);
        code = code != 0 ? code : one;
    }
    int noted = fault_undo(f, code == 0 ? err : NULL);
    return code != 0 ? code : noted;
}

int fault_hold_possible(struct target *t, struct error *err)
{
    return t->operations->hold != NULL
               ? 0
               : error_set(err, ERROR_UNSUPPORTED, "the %s driver cannot keep components from being started",
                           t->driver);
}

int fault_hold(struct fault_injection *f, bool hold, struct error *err)
{
    struct target *t = f->target;
    int code = fault_hold_possible(t, err);
    struct undo step = {.kind = UNDO_CONTINUE};
    int64_t supervisor = t->operations->supervisor != NULL ? t->operations->supervisor(t) : 0;
    if (code == 0 && hold && supervisor != 0 &&
        (code = world_foreign_by_id(t->world, supervisor, &step.process, err)) == 0)
        code = fault_note(f, &step, err);
    return code != 0 ? code : t->operations->hold(t, hold, err);
}

struct pause {
    const struct target *target;
    bool over;
};

static void pause_over(void *arg)
{
    struct pause *p = arg;
    p->over = true;
}

static bool over_or_hurried(void *arg)
{
    const struct pause *p = arg;
    return p->over || p->target->hurry;
}

int fault_pause(struct fault_injection *f, uint64_t duration, struct error *err)
{
    struct target *t = f->target;
    struct pause p = {.target = t};
    struct world_timer timer;
    int code = t->interrupted || t->hurry ? ERROR_CANCELLED : 0;
    world_timer_init(&timer, t->world, pause_over, &p);
    if (code == 0 && (code = world_timer_start(&timer, duration)) == 0)
        code = world_run_until(t->world, over_or_hurried, &p, 0);
    world_timer_stop(&timer);
    if (code == ERROR_CLOSED) /* nothing else is left to happen, and time passes all the same */
        code = world_sleep(t->world, duration);
    if (t->interrupted || t->hurry)
        code = ERROR_CANCELLED;
    return code == 0 ? 0
                     : error_set(err, code, "%s",
                                 code != ERROR_CANCELLED ? error_code_name(code)
                                 : t->interrupted        ? "interrupted"
                                                         : "everything had to be healed at once");
}

int fault_wait_alive(struct fault_injection *f, const char *component, bool alive, uint64_t within, struct error *err)
{
    struct target *t = f->target;
    uint64_t end = world_now(t->world) + within;
    while (t->operations->alive(t, component) != alive) {
        int code = fault_pause(f, LOOK_EVERY, err);
        if (code != 0)
            return code;
        if (world_now(t->world) >= end)
            return error_set(err, ERROR_TIMEOUT, "%s %s", component, alive ? "does not come back" : "does not end");
    }
    return 0;
}

int fault_needs_root(struct target *t, struct error *err)
{
    (void)t;
    return machine_is_root() ? 0 : error_set(err, ERROR_DENIED, "it needs root");
}
