/* How long calls took, as pillars told it by method (lines "latency"): read, and put together over all lines. */
#include "reports/reader.h"

#include "base/array.h"

#include <stdlib.h>

static const char *const phase_names[REPORT_PHASE_COUNT] = {"", "before", "during", "after"};

const char *report_phase_name(enum report_phase p)
{
    return phase_names[p];
}

/* The method's, made when it is the first. NULL: there is no room, which is counted, or no memory: *failed. */
static struct report_latency *latency_of(struct report *r, const char *pillar, const char *method, bool simulated,
                                         bool *failed)
{
    for (size_t i = 0; i < r->latencies.count; i++) {
        struct report_latency *l = &r->latencies.items[i];
        if (l->simulated == simulated && strcmp(l->method, method) == 0 && strcmp(l->pillar, pillar) == 0)
            return l;
    }
    struct report_latency fresh = {.pillar = pillar, .method = method, .simulated = simulated};
    if (r->latencies.count == REPORT_LATENCIES_MAX) {
        r->unmeasured++;
        return NULL;
    }
    *failed = !array_push(&r->latencies, fresh);
    return *failed ? NULL : array_last(&r->latencies);
}

static bool add(struct report_latency *l, enum report_phase phase, bool ok, const struct histogram *h)
{
    struct histogram **to = &l->durations[phase][ok];
    if (*to == NULL)
        *to = calloc(1, sizeof **to);
    if (*to != NULL)
        histogram_merge(*to, h);
    return *to != NULL;
}

void report_latencies_free(struct report *r)
{
    for (size_t i = 0; i < r->latencies.count; i++)
        for (size_t n = 0; n < REPORT_PHASE_COUNT; n++)
            for (size_t ok = 0; ok < 2; ok++)
                free(r->latencies.items[i].durations[n][ok]);
    array_deinit(&r->latencies);
}

/* The place of the text among `names`; `count`: it is none of them. */
static size_t place_of(const char *text, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && strcmp(text, names[i]) != 0)
        i++;
    return i;
}

void report_latency_read(struct reader *in)
{
    static const char *const outcomes[] = {"other", "ok"};
    struct report *r = in->report;
    struct histogram h = {0};
    const char *why;
    const char *pillar = reader_text(in, "pillar"), *method = reader_text(in, "method");
    size_t phase = place_of(reader_text(in, "phase"), phase_names, REPORT_PHASE_COUNT);
    size_t outcome = place_of(reader_text(in, "outcome"), outcomes, 2);
    bool simulated = reader_bool(in, "virtual");
    int code = in->failed == 0 ? histogram_read(in->object, &h, &why) : in->failed;
    if (in->failed != 0)
        return;
    if (code == ERROR_INVALID) {
        in->failed = error_set_at(in->err, ERROR_INVALID, r->source, (int)r->lines, 0, "%s", why);
        return;
    }
    if (code != 0 || phase == REPORT_PHASE_COUNT || outcome == 2) { /* of a later version */
        r->unknown++;
        return;
    }
    bool failed = false;
    struct report_latency *l = latency_of(r, pillar, method, simulated, &failed);
    if (failed || (l != NULL && !add(l, (enum report_phase)phase, outcome == 1, &h)))
        (void)reader_no_memory(in);
}

bool report_latency_merge(struct report *to, const struct report *from)
{
    for (size_t i = 0; i < from->latencies.count; i++) {
        const struct report_latency *l = &from->latencies.items[i];
        bool failed = false;
        struct report_latency *sum = latency_of(to, l->pillar, l->method, l->simulated, &failed);
        for (size_t n = 0; sum != NULL && n < REPORT_PHASE_COUNT; n++)
            for (size_t ok = 0; ok < 2; ok++)
                if (l->durations[n][ok] != NULL && !add(sum, (enum report_phase)n, ok != 0, l->durations[n][ok]))
                    return false;
        if (failed)
            return false;
    }
    to->unmeasured += from->unmeasured;
    return true;
}

/* ---- in the order in which they are shown ------------------------------------------------------------------------ */

static uint64_t worst_p99(const struct report_latency *l, bool ok)
{
    uint64_t worst = 0;
    for (size_t n = 0; n < REPORT_PHASE_COUNT; n++) {
        const struct histogram *h = l->durations[n][ok];
        uint64_t p99 = h != NULL ? histogram_quantile(h, 0.99) : 0;
        worst = p99 > worst ? p99 : worst;
    }
    return worst;
}

static int by_worst(const void *a, const void *b)
{
    const struct report_latency_row *x = a, *y = b;
    int pillar = strcmp(x->latency->pillar, y->latency->pillar);
    if (pillar != 0)
        return pillar;
    if (x->latency->simulated != y->latency->simulated)
        return x->latency->simulated ? 1 : -1;
    for (int i = 1; i >= 0; i--)
        if (x->worst[i] != y->worst[i])
            return x->worst[i] < y->worst[i] ? 1 : -1;
    return strcmp(x->latency->method, y->latency->method);
}

int report_latency_rows(const struct report *r, struct report_latency_row **out)
{
    struct report_latency_row *rows = calloc(r->latencies.count + 1, sizeof *rows);
    if (rows == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < r->latencies.count; i++) {
        const struct report_latency *l = &r->latencies.items[i];
        rows[i] = (struct report_latency_row){l, {worst_p99(l, false), worst_p99(l, true)}};
    }
    qsort(rows, r->latencies.count, sizeof *rows, by_worst);
    *out = rows;
    return 0;
}
