#include "chaos/search/shrink.h"

#include "base/reduce.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define RATE_LEAST  50 /* operations a second */
#define HOLD_LEAST  ((uint64_t)(10 * MILLISECOND))
#define REST_OF_RUN ((uint64_t)(500 * MILLISECOND)) /* behind the last heal */

struct shrinking {
    const struct shrink_runner *runner;
    struct shrunk *best;
    size_t tries;
    int code; /* why the search ended early */
};

void shrunk_deinit(struct shrunk *s)
{
    schedule_deinit(&s->schedule);
    *s = (struct shrunk){0};
}

/* The workloads of `options` become its own. */
static void own_workloads(struct shrunk *x, const struct chaos_options *options)
{
    size_t count = 0;
    const struct workload_kind *const *from = options->workloads;
    if (from == NULL || from == x->workloads)
        return;
    for (; from[count] != NULL && count < CHAOS_WORKLOADS_MAX; count++)
        x->workloads[count] = from[count];
    x->workloads[count] = NULL;
    x->options.workloads = x->workloads;
}

static void adopt(struct shrinking *s, struct chaos_schedule *schedule, const struct chaos_options *options)
{
    schedule_deinit(&s->best->schedule);
    s->best->schedule = *schedule;
    s->best->options = *options;
    s->best->options.schedule = &s->best->schedule;
    own_workloads(s->best, options);
    if (s->runner->progress != NULL)
        s->runner->progress(s->runner->arg, s->tries, s->best->schedule.steps.count);
}

/* Takes the schedule over. True when it failed the same way; it is the best from then on. */
static bool attempt(struct shrinking *s, struct chaos_schedule *schedule, const struct chaos_options *options)
{
    struct chaos_options tried = *options;
    bool failed = false;
    tried.schedule = schedule;
    if (s->code == 0 && s->tries > 0) {
        s->tries--;
        int code = s->runner->run(s->runner->arg, &tried, &failed);
        if (code != 0)
            failed = false;
        if (code == ERROR_CANCELLED || code == ERROR_MEMORY)
            s->code = code;
    }
    if (failed)
        adopt(s, schedule, options);
    else
        schedule_deinit(schedule);
    return failed;
}

static int copy(const struct chaos_schedule *s, struct chaos_schedule *out)
{
    bool *keep = malloc(s->steps.count + 1);
    if (keep == NULL)
        return ERROR_MEMORY;
    memset(keep, true, s->steps.count + 1);
    int code = schedule_keep(s, keep, out);
    free(keep);
    return code;
}

/* ---- fewer steps ---- */

struct subset {
    struct shrinking *shrinking;
    const struct chaos_schedule *all;
};

static bool still_fails(void *arg, const bool *keep)
{
    struct subset *x = arg;
    struct chaos_schedule smaller;
    int code = schedule_keep(x->all, keep, &smaller);
    if (code != 0) {
        x->shrinking->code = code;
        return false;
    }
    return attempt(x->shrinking, &smaller, &x->shrinking->best->options);
}

static bool fewer_steps(struct shrinking *s)
{
    struct chaos_schedule all;
    bool minimal = false;
    if (s->code != 0 || (s->code = copy(&s->best->schedule, &all)) != 0)
        return false;
    bool *keep = malloc(all.steps.count + 1);
    if (keep == NULL) {
        s->code = ERROR_MEMORY;
    } else {
        struct subset x = {.shrinking = s, .all = &all};
        memset(keep, true, all.steps.count + 1);
        minimal = reduce(all.steps.count, keep, still_fails, &x, s->tries) && s->code == 0 && s->tries > 0;
    }
    free(keep);
    schedule_deinit(&all);
    return minimal;
}

/* ---- everything else ---- */

/* One try with something about the schedule or the options changed. */
static bool changed(struct shrinking *s,
                    void (*change)(struct chaos_schedule *schedule, struct chaos_options *options, size_t at),
                    size_t at)
{
    struct chaos_schedule schedule;
    struct chaos_options options = s->best->options;
    if (s->code != 0 || (s->code = copy(&s->best->schedule, &schedule)) != 0)
        return false;
    change(&schedule, &options, at);
    return attempt(s, &schedule, &options);
}

static void halve_hold(struct chaos_schedule *schedule, struct chaos_options *options, size_t at)
{
    (void)options;
    schedule->steps.items[at].hold /= 2;
}

static void end_early(struct chaos_schedule *schedule, struct chaos_options *options, size_t at)
{
    (void)at;
    uint64_t end = 0;
    for (size_t i = 0; i < schedule->steps.count; i++)
        if (schedule->steps.items[i].at + schedule->steps.items[i].hold > end)
            end = schedule->steps.items[i].at + schedule->steps.items[i].hold;
    if (end + REST_OF_RUN < options->duration)
        options->duration = end + REST_OF_RUN;
}

static void halve_clients(struct chaos_schedule *schedule, struct chaos_options *options, size_t at)
{
    (void)schedule;
    (void)at;
    options->clients = (options->clients + 1) / 2;
}

static void halve_keys(struct chaos_schedule *schedule, struct chaos_options *options, size_t at)
{
    (void)schedule;
    (void)at;
    options->keys = (options->keys + 1) / 2;
}

static void halve_rate(struct chaos_schedule *schedule, struct chaos_options *options, size_t at)
{
    (void)schedule;
    (void)at;
    options->rate /= 2;
}

/* Without each workload, as long as one is left. */
static void fewer_workloads(struct shrinking *s)
{
    const struct workload_kind *const *all = s->best->workloads;
    for (size_t i = 0; s->code == 0 && all[0] != NULL && all[1] != NULL && all[i] != NULL;) {
        const struct workload_kind *rest[CHAOS_WORKLOADS_MAX + 1] = {NULL};
        struct chaos_options options = s->best->options;
        struct chaos_schedule schedule;
        size_t count = 0;
        for (size_t k = 0; all[k] != NULL; k++)
            if (k != i)
                rest[count++] = all[k];
        options.workloads = rest;
        if ((s->code = copy(&s->best->schedule, &schedule)) == 0 && !attempt(s, &schedule, &options))
            i++;
    }
}

static bool concerns(const struct chaos_step *step, const char *component)
{
    return (step->component != NULL && strcmp(step->component, component) == 0) ||
           (step->peer != NULL && strcmp(step->peer, component) == 0);
}

/* Without all that is done to each component: of twenty steps on five of them that is five tries. */
static void fewer_components(struct shrinking *s)
{
    for (size_t i = 0; s->code == 0 && i < s->best->schedule.steps.count;) {
        const struct chaos_schedule *best = &s->best->schedule;
        const char *component = best->steps.items[i].component;
        size_t before = 0, here = 0;
        while (component != NULL && before < i && !concerns(&best->steps.items[before], component))
            before++;
        bool *keep = malloc(best->steps.count + 1);
        if (keep == NULL) {
            s->code = ERROR_MEMORY;
            return;
        }
        for (size_t k = 0; component != NULL && k < best->steps.count; k++)
            here += !(keep[k] = !concerns(&best->steps.items[k], component));
        struct chaos_schedule without;
        bool left_out = false;
        /* One that stood before was tried; what is alone is for fewer_steps(). */
        if (component != NULL && before == i && here > 1 && here < best->steps.count &&
            (s->code = schedule_keep(best, keep, &without)) == 0)
            left_out = attempt(s, &without, &s->best->options);
        free(keep);
        i += !left_out; /* nothing before it was its component's */
    }
}

static void shorter_run(struct shrinking *s)
{
    if (s->best->options.duration > 0)
        (void)changed(s, end_early, 0);
}

static void less_load(struct shrinking *s)
{
    while (s->best->options.rate >= 2 * RATE_LEAST && changed(s, halve_rate, 0))
        ;
    while (s->best->options.clients > 1 && changed(s, halve_clients, 0))
        ;
    while (s->best->options.keys > 1 && changed(s, halve_keys, 0))
        ;
    for (size_t i = 0; i < s->best->schedule.steps.count; i++)
        while (s->best->schedule.steps.items[i].hold > HOLD_LEAST && changed(s, halve_hold, i))
            ;
    shorter_run(s);
}

int chaos_shrink(const struct chaos_options *options, const struct shrink_runner *runner, struct shrunk *out,
                 bool *minimal, struct error *err)
{
    struct shrinking s = {
        .runner = runner, .best = out, .tries = runner->tries > 0 ? runner->tries : SHRINK_TRIES_DEFAULT};
    *out = (struct shrunk){.options = *options};
    *minimal = false;
    s.code = copy(options->schedule, &out->schedule);
    if (s.code != 0)
        return error_set(err, s.code, "out of memory");
    out->options.schedule = &out->schedule;
    own_workloads(out, options);
    fewer_workloads(&s);
    shorter_run(&s);
    fewer_components(&s);
    *minimal = fewer_steps(&s);
    less_load(&s);
    if (s.code == ERROR_MEMORY) {
        shrunk_deinit(out);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}
