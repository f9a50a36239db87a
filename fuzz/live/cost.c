#include "fuzz/live/cost.h"

#include "fuzz/live/engine.h"
#include "world/worker.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOOKS_MAX       4096 /* then every second one goes */
#define LOOKS_MIN       20
#define LEAK_CALLS_MIN  5000.0
#define LEAK_SLOPE_MIN  64.0                 /* bytes a call */
#define LEAK_GROWTH_MIN ((double)(8 << 20))  /* bytes along the line */
#define LEAK_FIT_MIN    0.9                  /* a staircase of an allocator's arenas is no line */
#define CPU_PER_BYTE    ((uint64_t)20000)    /* ns */
#define MEMORY_MIN      ((uint64_t)32 << 20) /* bytes one case leaves behind it */
#define MEMORY_PER_BYTE ((uint64_t)256)

int cost_open(struct cost *c, const struct target *t, struct error *err)
{
    *c = (struct cost){.component_count = t->component_count, .repeat = {.began = world_worker_cpu()}};
    c->components = calloc(t->component_count + 1, sizeof *c->components);
    return c->components ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

void cost_close(struct cost *c)
{
    for (size_t i = 0; c->components && i < c->component_count; i++)
        array_deinit(&c->components[i].looks);
    for (size_t i = 0; i < c->suspect_count; i++)
        fuzz_case_deinit(&c->suspects[i].c);
    repeat_deinit(&c->repeat);
    free(c->components);
    *c = (struct cost){0};
}

void cost_call(struct cost *c, const struct target *t, const struct target_component *component)
{
    c->components[component - t->components].calls++;
}

/* ---- leaks ------------------------------------------------------------------------------------------------------ */

void cost_look(struct cost *c, struct target *t)
{
    for (size_t i = 0; i < c->component_count; i++) {
        struct cost_component *k = &c->components[i];
        uint64_t resident = 0, cpu = 0;
        if (!t->operations->usage || t->operations->usage(t, t->components[i].name, &resident, &cpu) != 0)
            continue;
        int64_t process = t->operations->process(t, t->components[i].name);
        if (process != k->process)
            array_clear(&k->looks);
        k->process = process;
        k->cpu = cpu;
        if (k->looks.count == LOOKS_MAX) {
            for (size_t n = 0; n < LOOKS_MAX / 2; n++)
                k->looks.items[n] = k->looks.items[2 * n];
            k->looks.count = LOOKS_MAX / 2;
        }
        (void)array_push(&k->looks, ((struct cost_look){(double)k->calls, (double)resident}));
    }
}

bool cost_line(const struct cost_look *looks, size_t count, double *slope, double *fit)
{
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0, n = (double)count;
    if (count < 3)
        return false;
    for (size_t i = 0; i < count; i++) {
        x += looks[i].calls / n;
        y += looks[i].resident / n;
    }
    for (size_t i = 0; i < count; i++) {
        double dx = looks[i].calls - x, dy = looks[i].resident - y;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    if (xx < 1) /* calls are whole numbers: none came in between */
        return false;
    *slope = xy / xx;
    *fit = yy > 0 ? xy * xy / (xx * yy) : 0;
    return true;
}

void cost_tell_leaks(struct engine *e)
{
    for (size_t i = 0; i < e->cost.component_count; i++) {
        const struct target_component *c = &e->target->components[i];
        const struct cost_component *k = &e->cost.components[i];
        size_t from = k->looks.count / 4, count = k->looks.count - from;
        double slope = 0, fit = 0;
        if (count == 0)
            continue;
        const struct cost_look *first = &k->looks.items[from], *last = first + count - 1;
        bool line = cost_line(first, count, &slope, &fit);
        struct fuzz_component_figures figures = {.name = strdup(c->name),
                                                 .calls = k->calls,
                                                 .resident_first = (uint64_t)first->resident,
                                                 .resident_last = (uint64_t)last->resident,
                                                 .bytes_per_call = slope,
                                                 .cpu = k->cpu};
        if (!figures.name || !array_push(&e->summary->components, figures))
            free(figures.name);
        double calls = last->calls - first->calls;
        if (!line || c->stateful || count < LOOKS_MIN || calls < LEAK_CALLS_MIN || slope < LEAK_SLOPE_MIN ||
            slope * calls < LEAK_GROWTH_MIN || fit < LEAK_FIT_MIN)
            continue;
        char title[256], detail[256];
        snprintf(title, sizeof title, "%s holds more memory with every call", c->name);
        snprintf(detail, sizeof detail,
                 "%.0f bytes a call over %.0f calls: from %.1f to %.1f MiB resident, along a line (%.0f %% of the "
                 "variance). It keeps no data of its own by the manifest.",
                 slope, calls, first->resident / (1 << 20), last->resident / (1 << 20), fit * 100);
        engine_report_plain(e, title, "warning", "leak", c, detail);
    }
}

/* ---- amplification ---------------------------------------------------------------------------------------------- */

void cost_case(struct cost *c, const struct fuzz_case *test, const struct fuzz_trace *t)
{
    uint64_t duration = 0;
    size_t at = c->suspect_count;
    repeat_case(&c->repeat, test, t);
    for (size_t i = 0; i < t->calls.count; i++)
        if (!t->calls.items[i].ended_by_us && t->calls.items[i].duration > duration)
            duration = t->calls.items[i].duration;
    duration /= 1 + t->bytes_sent / 64;
    if (at == COST_SUSPECTS_MAX) {
        at = 0;
        for (size_t i = 1; i < COST_SUSPECTS_MAX; i++)
            if (c->suspects[i].duration < c->suspects[at].duration)
                at = i;
        if (duration <= c->suspects[at].duration)
            return;
    }
    if (duration == 0 || fuzz_case_copy(&c->suspects[at].c, test) != 0)
        return;
    c->suspects[at].duration = duration;
    c->suspect_count += at == c->suspect_count;
}

struct cost_reading cost_read(struct target *t, const struct target_component *c)
{
    struct cost_reading r = {0};
    r.known = c && t->operations->usage && t->operations->usage(t, c->name, &r.resident, &r.cpu) == 0;
    return r;
}

enum cost_excess cost_excessive(struct cost_reading before, struct cost_reading after, uint64_t bytes, struct text *why)
{
    if (!before.known || !after.known || after.cpu < before.cpu)
        return COST_FAIR;
    uint64_t cpu = after.cpu - before.cpu;
    uint64_t memory = after.resident > before.resident ? after.resident - before.resident : 0;
    if (cpu >= REPEAT_CPU_MIN && cpu / CPU_PER_BYTE >= bytes) {
        text_printf(why, "%" PRIu64 " bytes took %.0f ms of processor time", bytes, (double)cpu / 1e6);
        return COST_TIME;
    }
    if (memory >= MEMORY_MIN && memory / MEMORY_PER_BYTE >= bytes) {
        text_printf(why, "%" PRIu64 " bytes made it hold %.0f MiB more", bytes, (double)memory / (1 << 20));
        return COST_MEMORY;
    }
    return COST_FAIR;
}

void cost_settle(struct engine *e)
{
    for (size_t i = 0; i < e->cost.suspect_count && !engine_ends(e); i++) {
        struct engine_verdict v;
        struct text why = TEXT_INIT;
        const struct fuzz_case *c = &e->cost.suspects[i].c;
        /* A clock that ticks, and what the component does of its own: only what comes twice is kept. */
        if (engine_try(e, c, &v, &why) && strcmp(v.oracle, "amplification") == 0) {
            text_clear(&why);
            if (engine_try(e, c, &v, &why) && strcmp(v.oracle, "amplification") == 0)
                engine_keep(e, c, &v, &why);
        }
        text_deinit(&why);
    }
    repeat_settle(e);
}
