/* Drawing a schedule from a seed: first the swarm, then step by step. */
#include "base/units.h"
#include "chaos/experiment/schedule.h"

#include <string.h>

#define CANDIDATES_MAX 256
#define GAP_MIN        (200 * MILLISECOND)
#define GAP_MAX        (800 * MILLISECOND)
#define GAP_MAX_CALM   (3000 * MILLISECOND)
#define SECOND_CHANCES 8 /* lots for a component that is free */

struct drawing {
    struct target *target;
    const struct schedule_options *options;
    struct random random;
    const struct chaos_fault *faults[CANDIDATES_MAX];
    size_t fault_count;
    const struct target_component *targets[CANDIDATES_MAX];
    size_t target_count;
    const char *busy[CANDIDATES_MAX]; /* of the targets */
    size_t busy_count;
    /* The swarm. */
    size_t together; /* faults in force at a time */
    int64_t gap_max;
    uint64_t hold_percent; /* of what the faults say of themselves */
    bool aimed;            /* at one component */
};

static bool listed(const char *const *list, const char *name)
{
    if (list == NULL)
        return true;
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Of the system's faults nobody's recovery would be watched: they are for who asks for them. */
static bool drawn(const struct chaos_fault *f)
{
    return !f->asked_only && f->scope != FAULT_OF_SYSTEM;
}

static void gather(struct drawing *d)
{
    for (const struct chaos_fault *const *f = chaos_faults; *f != NULL && d->fault_count < CANDIDATES_MAX; f++)
        if (listed(d->options->faults, (*f)->name) && (d->options->faults != NULL || drawn(*f)) &&
            fault_possible(*f, d->target, NULL) == 0)
            d->faults[d->fault_count++] = *f;
    for (size_t i = 0; i < d->target->component_count && d->target_count < CANDIDATES_MAX; i++)
        if (listed(d->options->targets, d->target->components[i].name))
            d->targets[d->target_count++] = &d->target->components[i];
}

/* Each fault stays with a chance of one half when nobody asked for particular ones, but one at least. */
static void thin_out(struct drawing *d)
{
    size_t certain = (size_t)random_below(&d->random, d->fault_count), kept = 0;
    for (size_t i = 0; i < d->fault_count; i++)
        if (i == certain || random_below(&d->random, 2) == 0)
            d->faults[kept++] = d->faults[i];
    d->fault_count = kept;
}

static void draw_swarm(struct drawing *d, struct text *swarm)
{
    struct random *r = &d->random;
    if (d->options->faults == NULL && random_below(r, 4) != 0)
        thin_out(d);
    d->together = random_below(r, 2) == 0 ? 1 : 1 + (size_t)random_below(r, 3);
    d->gap_max = random_below(r, 4) == 0 ? GAP_MAX_CALM : GAP_MAX;
    d->hold_percent = random_below(r, 4) == 0 ? 25 + random_below(r, 276) : 100;
    d->aimed = d->target_count > 1 && random_below(r, 8) == 0;
    if (d->aimed) {
        d->targets[0] = d->targets[random_below(r, d->target_count)];
        d->target_count = 1;
    }
    for (size_t i = 0; i < d->target_count; i++)
        if (d->options->busy != NULL && listed(d->options->busy, d->targets[i]->name))
            d->busy[d->busy_count++] = d->targets[i]->name;
    text_puts(swarm, "faults:");
    for (size_t i = 0; i < d->fault_count; i++)
        text_printf(swarm, " %s", d->faults[i]->name);
    text_puts(swarm, "\ncomponents:");
    for (size_t i = 0; i < d->target_count; i++)
        text_printf(swarm, " %s", d->targets[i]->name);
    text_printf(swarm, "\nin force at a time: %zu\n", d->together);
    text_printf(swarm, "pause: %lld to %lld ms\n", (long long)(GAP_MIN / MILLISECOND),
                (long long)(d->gap_max / MILLISECOND));
    text_printf(swarm, "held for: %llu %% of what each fault says\n", (unsigned long long)d->hold_percent);
}

/* Faults on one component at a time would make each other's effects unsure: who is stopped cannot be killed and seen
 * to come back. */
static bool collides(const struct chaos_schedule *s, const struct chaos_fault *f, const char *component, uint64_t at)
{
    for (size_t i = s->steps.count; i-- > 0;) {
        const struct chaos_step *step = &s->steps.items[i];
        if (step->at + step->hold < at)
            continue;
        if (fault_goes_alone(f) || fault_goes_alone(step->fault))
            return true;
        if (component != NULL && step->component != NULL && strcmp(component, step->component) == 0)
            return true;
    }
    return false;
}

/* When the next may begin, so that never more than `together` are in force. */
static uint64_t earliest(const struct chaos_schedule *s, size_t together)
{
    uint64_t ends[SCHEDULE_STEPS_MAX > 64 ? 64 : SCHEDULE_STEPS_MAX];
    size_t count = 0;
    for (size_t i = s->steps.count; i-- > 0 && count < sizeof ends / sizeof ends[0];) {
        uint64_t end = s->steps.items[i].at + s->steps.items[i].hold;
        size_t at = count++;
        for (; at > 0 && ends[at - 1] < end; at--)
            ends[at] = ends[at - 1];
        ends[at] = end;
    }
    return count >= together ? ends[together - 1] : 0;
}

static const char *draw_peer(struct drawing *d, const char *component)
{
    const struct target *t = d->target;
    if (t->component_count < 2 || random_below(&d->random, 4) != 0)
        return NULL;
    const char *peer = t->components[random_below(&d->random, t->component_count)].name;
    size_t busy = 0;
    while (d->options->busy != NULL && d->options->busy[busy] != NULL)
        busy++;
    if (busy > 0 && random_below(&d->random, 2) == 0) /* between these something goes on */
        peer = d->options->busy[random_below(&d->random, busy)];
    return strcmp(peer, component) != 0 ? peer : NULL;
}

static const char *draw_target(struct drawing *d)
{
    const char *any = d->targets[random_below(&d->random, d->target_count)]->name;
    if (d->busy_count == 0 || random_below(&d->random, 2) == 0)
        return any;
    return d->busy[random_below(&d->random, d->busy_count)];
}

/* False: no free component was met; the time passes all the same. */
static bool draw_step(struct drawing *d, const struct chaos_schedule *s, uint64_t at, struct chaos_step *step)
{
    struct random *r = &d->random;
    const struct chaos_fault *f = d->faults[random_below(r, d->fault_count)];
    *step = (struct chaos_step){.at = at, .fault = f};
    bool found = false;
    for (int i = 0; !found && i < SECOND_CHANCES; i++) {
        step->component = f->scope != FAULT_OF_SYSTEM ? draw_target(d) : NULL;
        found = !collides(s, f, step->component, at);
    }
    if (f->scope == FAULT_OF_LINK)
        step->peer = draw_peer(d, step->component);
    uint64_t hold = f->hold_min + random_below(r, f->hold_max - f->hold_min + 1);
    step->hold = hold * d->hold_percent / 100;
    step->seed = random_next(r) >> 1;
    struct fault_injection drawn = {.fault = f, .random = *r};
    for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
        drawn.parameters[i] = INT64_MIN;
    fault_draw(&drawn);
    memcpy(step->parameters, drawn.parameters, sizeof step->parameters);
    *r = drawn.random;
    return found;
}

int schedule_draw(struct target *t, const struct schedule_options *options, struct chaos_schedule *out,
                  struct text *swarm, struct error *err)
{
    struct drawing d = {.target = t, .options = options};
    struct random base;
    schedule_init(out);
    random_seed(&base, options->seed);
    random_fork(&base, "chaos.storm", &d.random);
    gather(&d);
    if (d.fault_count == 0 || d.target_count == 0)
        return error_set(err, ERROR_UNSUPPORTED, "the %s driver can do no fault to any component", t->driver);
    draw_swarm(&d, swarm);
    for (uint64_t now = 0; out->steps.count < SCHEDULE_STEPS_MAX;) {
        now += (uint64_t)random_range(&d.random, GAP_MIN, d.gap_max);
        uint64_t free_from = earliest(out, d.together);
        if (now < free_from)
            now = free_from;
        if (now >= options->duration)
            break;
        struct chaos_step step;
        if (!draw_step(&d, out, now, &step))
            continue;
        if (!array_push(&out->steps, step)) {
            schedule_deinit(out);
            return error_set(err, ERROR_MEMORY, "out of memory");
        }
    }
    return 0;
}
