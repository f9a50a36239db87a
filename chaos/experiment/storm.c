#include "chaos/experiment/storm.h"

#include "base/json_build.h"
#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define LOG_LINES  20                            /* of a component that stays down */
#define LOOK_EVERY ((uint64_t)(5 * MILLISECOND)) /* whether somebody answers again, while nothing else is due */

static uint64_t now_of(const struct storm *s)
{
    return world_now(s->target->world);
}

static bool guard_broke(void *arg)
{
    const struct storm *s = arg;
    return s->load->broken[0] != '\0';
}

/* Lets the load run until then; ERROR_CANCELLED when the storm has to end. An interruption ends the run by itself
 * (world_stop), and must not be looked for here: a stop nobody's run has seen would end the next one, a heal's. */
static int wait_until(struct storm *s, uint64_t time)
{
    uint64_t now = now_of(s);
    if (s->target->interrupted || guard_broke(s))
        return ERROR_CANCELLED;
    if (time <= now)
        return 0;
    int code = world_run_until(s->target->world, guard_broke, s, time - now);
    return code == ERROR_TIMEOUT ? 0 : code == 0 ? ERROR_CANCELLED : code;
}

/* ---- what is told ---- */

void storm_tell_fault(struct target *t, const struct fault_injection *f, size_t step, const char *state, bool verified,
                      const char *detail)
{
    struct text what = TEXT_INIT;
    fault_print(f, &what);
    json_t *members = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s}", "name", f->fault->name, "what",
                                text_string(&what), "target", f->component != NULL ? f->component : t->system, "state",
                                state, "hits", (json_int_t)f->hits, "verified", verified ? 1 : 0, "detail", detail);
    if (f->peer != NULL)
        json_build_set(&members, "peer", json_string(f->peer));
    if (step > 0)
        json_build_set(&members, "step", json_integer((json_int_t)step));
    result_emit(t->results, "fault", members);
    text_deinit(&what);
}

static void emit_fault(struct storm *s, const struct storm_fault *f, const char *state, bool verified,
                       const char *detail)
{
    storm_tell_fault(s->target, &f->injection, f->step + 1, state, verified, detail);
}

/* `why` may be NULL: it came back, but does not answer. */
static void report_down(struct storm *s, const struct fault_injection *f, const char *component,
                        const struct error *why)
{
    char title[160], limit[32];
    struct text detail = TEXT_INIT;
    if (why != NULL) {
        snprintf(title, sizeof title, "%s cannot be brought back after %s", component, f->fault->name);
        error_format(why, &detail);
        text_char(&detail, '\n');
    } else {
        units_format_duration((int64_t)s->settle, limit, sizeof limit);
        snprintf(title, sizeof title, "%s does not answer within %s after %s", component, limit, f->fault->name);
    }
    s->target->operations->logs(s->target, component, LOG_LINES, &detail);
    result_finding(s->target->results, &(struct result_finding){.pillar = "chaos",
                                                                .title = title,
                                                                .severity = "bug",
                                                                .oracle = "recovery",
                                                                .target = component,
                                                                .seed = s->options->seed,
                                                                .replay = s->options->replay,
                                                                .detail = text_string(&detail)});
    text_deinit(&detail);
    chaos_failed(s->summary, "recovery");
}

static void report_slow(struct storm *s, const struct storm_fault *f, uint64_t duration)
{
    char title[192], took[32], limit[32];
    units_format_duration((int64_t)duration, took, sizeof took);
    units_format_duration((int64_t)s->options->recovery_within, limit, sizeof limit);
    snprintf(title, sizeof title, "%s answered %s after %s; %s are allowed", f->probe->component->name, took,
             f->injection.fault->name, limit);
    result_finding(s->target->results, &(struct result_finding){.pillar = "chaos",
                                                                .title = title,
                                                                .severity = "bug",
                                                                .oracle = "recovery",
                                                                .target = f->probe->component->name,
                                                                .seed = s->options->seed,
                                                                .replay = s->options->replay});
    chaos_failed(s->summary, "recovery");
}

static void emit_recovery(struct storm *s, const struct storm_fault *f)
{
    uint64_t duration = f->probe->answered - f->since, back = load_back_at(s->load, f->since);
    if (duration > s->summary->recovery_max)
        s->summary->recovery_max = duration;
    if (s->options->recovery_within > 0 && duration > s->options->recovery_within &&
        f->probe->answered > f->excused + s->options->recovery_within)
        report_slow(s, f, duration);
    const struct storm_recovery told = {.component = f->probe->component->name,
                                        .fault = f->injection.fault->name,
                                        .begun = f->begun,
                                        .since = f->since,
                                        .answered = f->probe->answered};
    json_t *members = json_pack("{s:s, s:s, s:I, s:I}", "target", told.component, "fault", told.fault, "number",
                                (json_int_t)s->recoveries.count + 1, "duration", (json_int_t)duration);
    if (f->probe->failed > f->begun) /* not from the heal: it is the fault that was detected */
        json_build_set(&members, "detected", json_integer((json_int_t)(f->probe->failed - f->begun)));
    if (back > f->since)
        json_build_set(&members, "baseline", json_integer((json_int_t)(back - f->since)));
    if (array_push(&s->recoveries, told))
        result_emit(s->target->results, "recovery", members);
    else
        json_decref(members);
}

/* ---- one fault ---- */

/* Notes what became of its step. */
static void note_outcome(struct storm *s, const struct storm_fault *f, enum storm_outcome outcome,
                         const struct error *why)
{
    struct storm_step *step = f->step < s->steps.count ? &s->steps.items[f->step] : NULL;
    if (step == NULL)
        return;
    step->outcome = outcome;
    step->hits = f->injection.hits;
    if (outcome == STORM_IN_FORCE || outcome == STORM_NOT_INJECTED)
        step->at = f->begun - s->started;
    else
        step->healed = now_of(s) - s->started;
    if (why != NULL && why->message != NULL)
        snprintf(step->why, sizeof step->why, "%s", why->message);
}

static struct storm_fault *free_slot(struct storm *s)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++)
        if (!s->faults[i].used)
            return &s->faults[i];
    return NULL;
}

static void release(struct storm_fault *f)
{
    probe_stop(f->probe);
    *f = (struct storm_fault){0};
}

/* Heals one and watches it from then on. */
static void heal(struct storm *s, struct storm_fault *f)
{
    struct fault_injection *i = &f->injection;
    struct error why = ERROR_INIT;
    if (i->fault->verify != NULL)
        (void)i->fault->verify(i, NULL);
    int code = i->fault->heal(i, &why);
    emit_fault(s, f, "heal", code == 0, code == 0 ? "" : error_code_name(code));
    note_outcome(s, f, code == 0 ? STORM_HEALED : STORM_NOT_HEALED, code == 0 ? NULL : &why);
    f->in_force = false;
    latency_fault_ends(s->load->latency, now_of(s));
    if (i->fault->down_from_heal) {
        f->since = now_of(s);
        if (f->probe != NULL)
            probe_mark(f->probe);
    }
    f->give_up = now_of(s) + s->settle;
    if (code != 0) {
        report_down(s, i, i->component != NULL ? i->component : s->target->system, &why);
        release(f);
    }
    error_clear(&why);
}

static void not_injected(struct storm *s, struct storm_fault *f, const struct error *why)
{
    struct text reason = TEXT_INIT;
    error_format(why, &reason);
    emit_fault(s, f, "inject", false, text_string(&reason));
    note_outcome(s, f, STORM_NOT_INJECTED, why);
    text_deinit(&reason);
    s->summary->not_injected++;
    /* In case it half happened. */
    int code = f->injection.fault->heal(&f->injection, NULL);
    emit_fault(s, f, "heal", code == 0, code == 0 ? "" : error_code_name(code));
    latency_fault_ends(s->load->latency, 0);
    release(f);
}

static void inject(struct storm *s, size_t number, struct storm_fault *f)
{
    const struct chaos_step *step = &s->schedule->steps.items[number];
    struct error why = ERROR_INIT;
    struct fault_injection *i = &f->injection;
    *f = (struct storm_fault){.used = true,
                              .in_force = true,
                              .step = number,
                              .begun = now_of(s),
                              .since = now_of(s),
                              .injection = {.fault = step->fault,
                                            .target = s->target,
                                            .component = step->component,
                                            .peer = step->peer,
                                            .method = step->method}};
    memcpy(i->parameters, step->parameters, sizeof i->parameters);
    random_seed(&i->random, step->seed);
    latency_fault_begins(s->load->latency);
    if (step->fault->inject(i, &why) != 0) {
        not_injected(s, f, &why);
        error_clear(&why);
        return;
    }
    i->hits = step->fault->verify == NULL ? 1 : 0;
    emit_fault(s, f, "inject", true, "");
    note_outcome(s, f, STORM_IN_FORCE, NULL);
    s->summary->faults++;
    s->summary->clocks_moved |= strcmp(step->fault->family, "clock") == 0;
    f->heal_at = f->since + step->hold;
    const struct target_component *c = step->component != NULL ? target_find(s->target, step->component) : NULL;
    if (c != NULL)
        f->probe = probe_start(s->target, c, now_of(s));
}

/* Whether something the component needs is held down or has not come back yet: it cannot be blamed meanwhile. */
static bool needs_are_down(const struct storm *s, const struct target_component *c)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++) {
        const struct storm_fault *f = &s->faults[i];
        const char *down = f->injection.component;
        if (!f->used || (!f->in_force && (f->probe == NULL || f->probe->answered != 0)))
            continue;
        if (down == NULL)
            return true;
        for (const char *const *need = c->needs; need != NULL && *need != NULL; need++)
            if (strcmp(*need, down) == 0)
                return true;
    }
    return false;
}

/* Forgets what has answered and is back at its baseline, and what has not answered in time. `last`: nobody waits for
 * the baseline any more. */
static void look_back(struct storm *s, bool last)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++) {
        struct storm_fault *f = &s->faults[i];
        if (!f->used || f->in_force)
            continue;
        if (f->probe != NULL && needs_are_down(s, f->probe->component)) {
            f->give_up = now_of(s) + s->settle;
            f->excused = f->probe->answered == 0 ? now_of(s) : f->excused;
        }
        bool late = now_of(s) >= f->give_up;
        if (f->probe == NULL) { /* of the whole system: what does not answer is told at the end */
            release(f);
        } else if (f->probe->answered != 0) {
            bool waited = now_of(s) >= f->probe->answered + STORM_BACK_WITHIN;
            if (last || late || waited || load_back_at(s->load, f->since) != 0) {
                emit_recovery(s, f);
                release(f);
            }
        } else if (late) {
            report_down(s, &f->injection, f->probe->component->name, NULL);
            release(f);
        }
    }
}

static struct storm_fault *next_to_heal(struct storm *s)
{
    struct storm_fault *next = NULL;
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++) {
        struct storm_fault *f = &s->faults[i];
        if (f->used && f->in_force && (next == NULL || f->heal_at < next->heal_at))
            next = f;
    }
    return next;
}

/* What is in force on the component still, since its injection was late: it has to go first. */
static struct storm_fault *in_the_way(struct storm *s, const struct chaos_step *step)
{
    for (size_t i = 0; step != NULL && i < SCHEDULE_TOGETHER_MAX; i++) {
        struct storm_fault *f = &s->faults[i];
        const char *component = f->injection.component;
        if (f->used && f->in_force &&
            (component == NULL || fault_goes_alone(step->fault) || fault_goes_alone(f->injection.fault) ||
             step->component == NULL || strcmp(component, step->component) == 0))
            return f;
    }
    return NULL;
}

/* Of the component, healed and not answering yet. */
static bool still_down(const struct storm *s, const char *component)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++) {
        const struct storm_fault *f = &s->faults[i];
        if (f->used && !f->in_force && f->probe != NULL && f->probe->answered == 0 &&
            (component == NULL || strcmp(f->probe->component->name, component) == 0))
            return true;
    }
    return false;
}

static bool any_used(const struct storm *s)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++)
        if (s->faults[i].used)
            return true;
    return false;
}

int storm_run(struct storm *s, struct error *err)
{
    uint64_t start = s->started = now_of(s);
    size_t next = 0, count = s->schedule->steps.count;
    int code = 0;
    const struct storm_step none = {0};
    while (s->steps.count < count)
        if (!array_push(&s->steps, none))
            return error_set(err, ERROR_MEMORY, "out of memory");
    while (code == 0 && (next < count || any_used(s))) {
        /* A storm that fell behind (supervisors that wait longer each time) ends when its time is up all the same. */
        if (next < count && now_of(s) >= start + s->time) {
            s->summary->left_out += (int64_t)(count - next);
            next = count;
        }
        const struct chaos_step *step = next < count ? &s->schedule->steps.items[next] : NULL;
        struct storm_fault *healing = next_to_heal(s), *slot = free_slot(s);
        look_back(s, false);
        if (healing != NULL && (step == NULL || healing->heal_at <= start + step->at || healing->heal_at <= now_of(s) ||
                                in_the_way(s, step) != NULL)) {
            if ((code = wait_until(s, healing->heal_at)) == 0)
                heal(s, healing);
        } else if (step != NULL && slot != NULL && !still_down(s, step->component)) {
            if ((code = wait_until(s, start + step->at)) == 0) {
                inject(s, next++, slot);
            }
        } else if (step != NULL || any_used(s)) {
            /* Until somebody who was hit before answers. */
            code = wait_until(s, now_of(s) + LOOK_EVERY);
        }
    }
    storm_heal_all(s);
    return code;
}

void storm_heal_all(struct storm *s)
{
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++) {
        if (s->faults[i].used && s->faults[i].in_force)
            heal(s, &s->faults[i]);
    }
    s->healed = now_of(s);
    s->target->hurry = false;
    look_back(s, true);
    for (size_t i = 0; i < SCHEDULE_TOGETHER_MAX; i++)
        release(&s->faults[i]);
}

void storm_deinit(struct storm *s)
{
    array_deinit(&s->steps);
    array_deinit(&s->recoveries);
}
