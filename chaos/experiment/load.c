#include "chaos/experiment/load.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double per_second(int64_t count)
{
    return (double)count * (double)SECOND / (double)LOAD_WINDOW;
}

/* A guard breaks for good when what it forbids lasted as long as it allows. */
static void look_at_guards(struct load *l, const struct load_window *w)
{
    const struct chaos_guards *g = l->guards;
    int64_t all = w->ok + w->not_ok;
    double errors = all > 0 ? (double)w->not_ok / (double)all : 0;
    bool too_many = g->errors_max > 0 && errors > g->errors_max;
    bool too_few = g->throughput_min > 0 && (double)w->ok < g->throughput_min * l->baseline_ok;
    bool too_slow = g->p99_max > 0 && w->p99 * (double)MILLISECOND > (double)g->p99_max;
    if (!too_many && !too_few && !too_slow) {
        l->broken_since = 0;
        return;
    }
    if (l->broken_since == 0)
        l->broken_since = w->end - LOAD_WINDOW;
    if (w->end - l->broken_since < g->lasting || l->broken[0] != '\0')
        return;
    l->broken_at = w->end;
    l->target->hurry = true;
    char lasting[32];
    units_format_duration((int64_t)(w->end - l->broken_since), lasting, sizeof lasting);
    if (too_many)
        snprintf(l->broken, sizeof l->broken, "%.0f %% of the operations failed or had no known end, for %s",
                 errors * 100, lasting);
    else if (too_few)
        snprintf(l->broken, sizeof l->broken, "throughput was %.0f a second where %.0f are usual, for %s",
                 per_second(w->ok), l->baseline_ok * (double)SECOND / (double)LOAD_WINDOW, lasting);
    else
        snprintf(l->broken, sizeof l->broken, "p99 was %.1f ms, for %s", w->p99, lasting);
    char note[sizeof l->broken + 64];
    snprintf(note, sizeof note, "a guard broke, everything is healed now: %s", l->broken);
    result_emit(l->target->results, "note", json_pack("{s:s}", "text", note));
}

static void take_window(void *arg)
{
    struct load *l = arg;
    struct load_window sum = {.end = world_now(l->target->world)};
    for (size_t i = 0; i < l->count; i++) {
        struct workload_window w;
        workload_take_window(l->workloads[i], &w);
        sum.ok += w.ok;
        sum.not_ok += w.failed + w.unknown;
        sum.p99 = w.p99 > sum.p99 ? w.p99 : sum.p99;
        sum.p50 = w.p50 > sum.p50 ? w.p50 : sum.p50;
    }
    struct result_stream *r = l->target->results;
    result_sample(r, "throughput", per_second(sum.ok));
    result_sample(r, "errors", per_second(sum.not_ok));
    if (sum.ok > 0) {
        result_sample(r, "latency_p50_ms", sum.p50);
        result_sample(r, "latency_p99_ms", sum.p99);
    }
    uint64_t resident = target_resident(l->target);
    if (resident > 0)
        result_sample(r, "memory_bytes", (double)resident);
    if (!array_push(&l->windows, sum))
        array_clear(&l->windows);
    if (l->guards != NULL && l->baseline_count > 0)
        look_at_guards(l, &sum);
    world_timer_start(&l->timer, LOAD_WINDOW);
}

void load_start(struct load *l, struct target *t, struct workload **workloads, size_t count, struct latency *latency,
                const struct chaos_guards *guards)
{
    *l = (struct load){.target = t, .workloads = workloads, .count = count, .latency = latency, .guards = guards};
    for (size_t i = 0; i < count; i++) {
        workload_measure(workloads[i], latency);
        workload_start(workloads[i]);
    }
    world_timer_init(&l->timer, t->world, take_window, l);
    world_timer_start(&l->timer, LOAD_WINDOW);
}

void load_set_baseline(struct load *l)
{
    int64_t ok = 0;
    l->baseline_count = l->windows.count;
    l->baseline_p99 = 0;
    for (size_t i = 0; i < l->windows.count; i++) {
        ok += l->windows.items[i].ok;
        if (l->windows.items[i].p99 > l->baseline_p99)
            l->baseline_p99 = l->windows.items[i].p99;
    }
    l->baseline_ok = l->windows.count > 0 ? (double)ok / (double)l->windows.count : 0;
}

uint64_t load_back_at(const struct load *l, uint64_t since)
{
    double p99 = l->baseline_p99 * LOAD_BACK_P99;
    if (p99 < l->baseline_p99 + LOAD_BACK_SLACK)
        p99 = l->baseline_p99 + LOAD_BACK_SLACK;
    for (size_t i = l->baseline_count; i < l->windows.count; i++) {
        const struct load_window *w = &l->windows.items[i];
        if (w->end - LOAD_WINDOW >= since && (double)w->ok >= LOAD_BACK_SHARE * l->baseline_ok && w->p99 <= p99)
            return w->end;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

int load_figures(const struct load *l, uint64_t from, uint64_t to, struct load_figures *out)
{
    *out = (struct load_figures){0};
    double *p50 = calloc(2 * l->windows.count + 1, sizeof *p50), *p99;
    size_t answered = 0;
    if (p50 == NULL)
        return ERROR_MEMORY;
    p99 = p50 + l->windows.count;
    for (size_t i = 0; i < l->windows.count; i++) {
        const struct load_window *w = &l->windows.items[i];
        if (w->end - LOAD_WINDOW < from || w->end > to)
            continue;
        out->windows++;
        out->ok += per_second(w->ok);
        out->not_ok += per_second(w->not_ok);
        out->p99_max = w->p99 > out->p99_max ? w->p99 : out->p99_max;
        if (w->ok == 0)
            continue;
        p50[answered] = w->p50;
        p99[answered++] = w->p99;
    }
    if (out->windows > 0) {
        out->ok /= (double)out->windows;
        out->not_ok /= (double)out->windows;
    }
    out->p50 = median(p50, answered);
    out->p99 = median(p99, answered);
    free(p50);
    return 0;
}

bool load_is_steady(const struct load *l, uint64_t since)
{
    const struct target_operations *o = l->target->operations;
    double share = o->sim != NULL && o->sim(l->target) != NULL ? LOAD_STEADY_SHARE_SIM : LOAD_STEADY_SHARE;
    double expected = l->baseline_ok * LOAD_STEADY_WINDOWS, ok = 0;
    if (l->windows.count < LOAD_STEADY_WINDOWS)
        return false;
    for (size_t i = l->windows.count - LOAD_STEADY_WINDOWS; i < l->windows.count; i++) {
        if (l->windows.items[i].end - LOAD_WINDOW < since)
            return false;
        ok += (double)l->windows.items[i].ok;
    }
    return ok > 0 && ok >= share * expected - 3 * sqrt(expected);
}

void load_stop(struct load *l)
{
    if (l->target != NULL)
        world_timer_stop(&l->timer);
}

void load_deinit(struct load *l)
{
    load_stop(l);
    array_deinit(&l->windows);
}
