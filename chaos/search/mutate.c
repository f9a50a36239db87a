#include "chaos/search/mutate.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define DURATION_LEAST ((uint64_t)(500 * MILLISECOND))
#define DRAWN_STORM    ((uint64_t)(6 * SECOND)) /* of which one step is taken */
#define NEAR           ((uint64_t)(60 * MILLISECOND))
#define HOLD_MOST      ((uint64_t)(10 * SECOND))
#define TRIES          8
#define CHANGES_MAX    4
#define SPLICE_ONE_IN  3

struct making {
    const struct search_space *space;
    struct random *random;
    struct trial *t;
    const struct trial *other;
    struct error *err;
    int code;
};

static uint64_t below(struct making *m, uint64_t bound)
{
    return random_below(m->random, bound);
}

static size_t step_count(const struct making *m)
{
    return m->t->schedule.steps.count;
}

static struct chaos_step *any_step(struct making *m)
{
    return &m->t->schedule.steps.items[below(m, step_count(m))];
}

/* Milliseconds are fine enough, and easier to read. */
static uint64_t any_time(struct making *m)
{
    uint64_t ms = m->t->duration / (uint64_t)MILLISECOND;
    return below(m, ms > 0 ? ms : 1) * (uint64_t)MILLISECOND;
}

/* ---- drawing ---- */

/* The components the trial's workloads call. */
static void list_busy(const struct making *m, const char *out[2 * TRIAL_WORKLOADS_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; m->t->workloads[i] != NULL; i++) {
        const char *const *services = m->t->workloads[i]->services;
        for (size_t n = 0; n < 2 && services[n] != NULL; n++) {
            const struct target_component *c = target_serving(m->space->target, services[n]);
            if (c != NULL)
                out[count++] = c->name;
        }
    }
    out[count] = NULL;
}

static int draw_schedule(struct making *m, uint64_t duration, struct chaos_schedule *out)
{
    const char *busy[2 * TRIAL_WORKLOADS_MAX + 1];
    struct text swarm = TEXT_INIT;
    list_busy(m, busy);
    const struct schedule_options o = {.seed = random_next(m->random),
                                       .duration = duration,
                                       .faults = m->space->faults,
                                       .targets = m->space->targets,
                                       .busy = busy};
    int code = schedule_draw(m->space->target, &o, out, &swarm, m->err);
    text_deinit(&swarm);
    return code;
}

/* One step as a storm of its own would have it. The name's memory is `from`'s. */
static bool draw_step(struct making *m, struct chaos_schedule *from, struct chaos_step *out)
{
    for (int i = 0; i < TRIES; i++) {
        m->code = draw_schedule(m, DRAWN_STORM, from);
        if (m->code != 0)
            return false;
        if (from->steps.count > 0) {
            *out = from->steps.items[below(m, from->steps.count)];
            return true;
        }
        schedule_deinit(from);
    }
    return false;
}

static bool add(struct making *m, const struct chaos_step *step)
{
    int code = trial_add(m->t, step);
    m->code = code == ERROR_LIMIT ? 0 : code;
    return code == 0;
}

static void choose_workloads(struct making *m)
{
    const struct workload_kind *const *pool = m->space->workloads;
    struct trial *t = m->t;
    size_t all = 0, count = 0;
    while (pool != NULL && pool[all] != NULL)
        all++;
    memset(t->workloads, 0, sizeof t->workloads);
    if (m->space->all_workloads || all == 0) {
        for (; count < all && count < TRIAL_WORKLOADS_MAX; count++)
            t->workloads[count] = pool[count];
        return;
    }
    size_t wanted = below(m, 3) != 0 ? 1 : 2;
    for (int i = 0; i < TRIES && count < wanted; i++) {
        const struct workload_kind *k = pool[below(m, all)];
        if (count == 0 || t->workloads[0] != k)
            t->workloads[count++] = k;
    }
}

/* Small numbers more often: half, a quarter, ... of the most. */
static int shrinking(struct making *m, int most)
{
    int range = most >> below(m, 3);
    return 1 + (int)below(m, range > 0 ? (uint64_t)range : 1);
}

static void choose_load(struct making *m)
{
    m->t->clients = shrinking(m, m->space->clients_max);
    m->t->keys = shrinking(m, m->space->keys_max);
    m->t->rate = m->space->rate_max >> below(m, 3);
    if (m->t->rate < 1)
        m->t->rate = 1;
}

static void choose_duration(struct making *m)
{
    uint64_t most = m->space->duration_max;
    uint64_t least = most < DURATION_LEAST ? most : DURATION_LEAST;
    uint64_t ms = (most - least) / (uint64_t)MILLISECOND;
    m->t->duration = least + below(m, ms + 1) * (uint64_t)MILLISECOND;
}

int trial_draw(const struct search_space *space, struct random *r, struct trial *out, struct error *err)
{
    struct making m = {.space = space, .random = r, .t = out, .err = err};
    struct chaos_schedule drawn;
    trial_init(out);
    choose_workloads(&m);
    choose_load(&m);
    choose_duration(&m);
    snprintf(out->made, sizeof out->made, "drawn");
    int code = draw_schedule(&m, out->duration, &drawn);
    for (size_t i = 0; code == 0 && i < drawn.steps.count && m.code == 0; i++)
        (void)add(&m, &drawn.steps.items[i]);
    schedule_deinit(&drawn);
    if (code == 0 && m.code != 0)
        code = error_set(err, m.code, "out of memory");
    if (code != 0)
        trial_deinit(out);
    return code;
}

/* ---- changes: each returns whether something was changed ---- */

static bool add_step(struct making *m)
{
    struct chaos_schedule from;
    struct chaos_step step;
    if (!draw_step(m, &from, &step))
        return false;
    step.at = any_time(m);
    bool done = add(m, &step);
    schedule_deinit(&from);
    return done;
}

static bool remove_step(struct making *m)
{
    if (step_count(m) < 2)
        return false;
    size_t i = below(m, step_count(m));
    array_remove(&m->t->schedule.steps, i);
    return true;
}

static bool put_again(struct making *m, size_t i, uint64_t at)
{
    struct chaos_step step = m->t->schedule.steps.items[i];
    array_remove(&m->t->schedule.steps, i);
    step.at = at;
    return add(m, &step);
}

static bool move_step(struct making *m)
{
    return step_count(m) > 0 && put_again(m, below(m, step_count(m)), any_time(m));
}

/* Right behind, or right before, the beginning or the heal of another: recoveries that get into each other's way. */
static bool move_near(struct making *m)
{
    if (step_count(m) < 2)
        return false;
    size_t i = below(m, step_count(m)), k = below(m, step_count(m));
    const struct chaos_step *other = &m->t->schedule.steps.items[k];
    uint64_t at = below(m, 2) == 0 ? other->at : other->at + other->hold;
    uint64_t by = below(m, NEAR / (uint64_t)MILLISECOND) * (uint64_t)MILLISECOND;
    at = below(m, 3) == 0 ? (at > by ? at - by : 0) : at + by;
    return i != k && at < m->t->duration && put_again(m, i, at);
}

static bool replace_step(struct making *m)
{
    struct chaos_schedule from;
    struct chaos_step step;
    if (step_count(m) == 0 || !draw_step(m, &from, &step))
        return false;
    size_t i = below(m, step_count(m));
    step.at = m->t->schedule.steps.items[i].at;
    array_remove(&m->t->schedule.steps, i);
    bool done = add(m, &step);
    schedule_deinit(&from);
    return done;
}

static bool repeat_step(struct making *m)
{
    if (step_count(m) == 0)
        return false;
    struct chaos_step step = *any_step(m);
    step.at = any_time(m);
    step.seed = random_next(m->random) >> 1;
    return add(m, &step);
}

static bool in_list(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return list == NULL;
}

static bool change_target(struct making *m)
{
    const struct target *target = m->space->target;
    if (step_count(m) == 0)
        return false;
    struct chaos_step *step = any_step(m);
    const struct target_component *c = &target->components[below(m, target->component_count)];
    if (step->component == NULL || !in_list(m->space->targets, c->name) || strcmp(c->name, step->component) == 0)
        return false;
    step->component = c->name;
    if (step->peer != NULL && strcmp(step->peer, c->name) == 0)
        step->peer = NULL;
    return true;
}

static bool change_peer(struct making *m)
{
    const struct target *target = m->space->target;
    if (step_count(m) == 0)
        return false;
    struct chaos_step *step = any_step(m);
    const char *peer = target->components[below(m, target->component_count)].name;
    if (step->fault->scope != FAULT_OF_LINK || step->component == NULL || strcmp(peer, step->component) == 0)
        return false;
    step->peer = step->peer != NULL && below(m, 2) == 0 ? NULL : peer;
    return true;
}

static bool change_parameter(struct making *m)
{
    size_t count = 0;
    if (step_count(m) == 0)
        return false;
    struct chaos_step *step = any_step(m);
    const struct fault_parameter *p = step->fault->parameters;
    while (p != NULL && count < FAULT_PARAMETERS_MAX && p[count].name != NULL)
        count++;
    if (count == 0)
        return false;
    size_t i = below(m, count);
    struct fault_injection drawn = {.fault = step->fault, .random = *m->random};
    memcpy(drawn.parameters, step->parameters, sizeof drawn.parameters);
    int64_t before = drawn.parameters[i];
    drawn.parameters[i] = INT64_MIN;
    fault_draw(&drawn);
    *m->random = drawn.random;
    step->parameters[i] = drawn.parameters[i];
    return step->parameters[i] != before;
}

static bool change_hold(struct making *m)
{
    if (step_count(m) == 0)
        return false;
    struct chaos_step *step = any_step(m);
    const struct chaos_fault *f = step->fault;
    uint64_t hold = step->hold;
    switch (below(m, 3)) {
    case 0:
        hold /= 2;
        break;
    case 1:
        hold = hold * 2 + (uint64_t)MILLISECOND;
        break;
    default:
        hold = f->hold_min + below(m, f->hold_max - f->hold_min + 1);
    }
    hold = (hold < HOLD_MOST ? hold : HOLD_MOST) / (uint64_t)MILLISECOND * (uint64_t)MILLISECOND;
    bool changed = hold != step->hold;
    step->hold = hold;
    return changed;
}

static bool change_seed(struct making *m)
{
    if (step_count(m) == 0)
        return false;
    any_step(m)->seed = random_next(m->random) >> 1;
    return true;
}

static bool change_load(struct making *m)
{
    choose_load(m);
    return true;
}

static bool change_workloads(struct making *m)
{
    if (m->space->all_workloads || m->space->workloads == NULL)
        return false;
    choose_workloads(m);
    return true;
}

/* Steps behind the new end go. */
static bool change_duration(struct making *m)
{
    choose_duration(m);
    while (step_count(m) > 1 && array_last(&m->t->schedule.steps)->at >= m->t->duration)
        m->t->schedule.steps.count--;
    return true;
}

/* What the other does from some time on, in place of what this does from then on; or all that both do. */
static bool splice(struct making *m)
{
    if (m->other == NULL || m->other->schedule.steps.count == 0)
        return false;
    bool both = below(m, 2) == 0;
    uint64_t cut = both ? 0 : any_time(m);
    while (!both && step_count(m) > 0 && array_last(&m->t->schedule.steps)->at >= cut)
        m->t->schedule.steps.count--;
    bool done = false;
    for (size_t i = 0; i < m->other->schedule.steps.count && m->code == 0; i++) {
        const struct chaos_step *step = &m->other->schedule.steps.items[i];
        if (step->at >= cut && step->at < m->t->duration)
            done = add(m, step) || done;
    }
    return done;
}

static const struct {
    const char *said;
    bool (*change)(struct making *m);
    unsigned weight;
} changes[] = {
    {"a step added", add_step, 8},
    {"a step taken out", remove_step, 2},
    {"a step moved", move_step, 3},
    {"a step moved next to another", move_near, 4},
    {"a step replaced", replace_step, 3},
    {"a step repeated", repeat_step, 3},
    {"another component", change_target, 3},
    {"another peer", change_peer, 1},
    {"another parameter", change_parameter, 2},
    {"another hold", change_hold, 3},
    {"another seed of a step", change_seed, 2},
    {"another load", change_load, 2},
    {"other workloads", change_workloads, 1},
    {"another duration", change_duration, 1},
};

static size_t choose_change(struct making *m)
{
    unsigned all = 0;
    size_t i = 0;
    for (size_t k = 0; k < sizeof changes / sizeof changes[0]; k++)
        all += changes[k].weight;
    uint64_t at = below(m, all);
    while (at >= changes[i].weight)
        at -= changes[i++].weight;
    return i;
}

static void say(struct trial *t, const char *what)
{
    size_t len = strlen(t->made);
    snprintf(t->made + len, sizeof t->made - len, "%s%s", len > 0 ? ", " : "", what);
}

int trial_mutate(const struct search_space *space, struct random *r, const struct trial *a, const struct trial *b,
                 struct trial *out, struct error *err)
{
    struct making m = {.space = space, .random = r, .t = out, .other = b, .err = err};
    if (trial_copy(a, out) != 0 || trial_name(a, &out->parent) != 0) {
        trial_deinit(out);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    out->made[0] = '\0';
    if (b != NULL && below(&m, SPLICE_ONE_IN) == 0 && splice(&m))
        say(out, "spliced with another");
    size_t wanted = 1 + below(&m, CHANGES_MAX), done = 0;
    for (size_t i = 0; i < TRIES * wanted && done < wanted && m.code == 0; i++) {
        size_t which = choose_change(&m);
        if (changes[which].change(&m) && m.code == 0) {
            say(out, changes[which].said);
            done++;
        }
    }
    if (m.code != 0) {
        trial_deinit(out);
        return m.code == ERROR_MEMORY ? error_set(err, ERROR_MEMORY, "out of memory") : m.code;
    }
    return 0;
}
