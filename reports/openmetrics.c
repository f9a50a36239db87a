#include "reports/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A label's value. What a line reader may take for an end of line is a blank. */
static void put(struct text *out, const char *s)
{
    for (; *s != 0; s++) {
        if (*s == '\\' || *s == '"')
            text_printf(out, "\\%c", *s);
        else if (*s == '\n')
            text_puts(out, "\\n");
        else
            text_char(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
    }
}

struct label {
    const char *name, *value;
};

static void put_labels(struct text *out, const struct label *labels, size_t count, const char *extra,
                       const char *extra_value)
{
    const char *separator = "{";
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "%s%s=\"", separator, labels[i].name);
        put(out, labels[i].value);
        text_char(out, '"');
        separator = ",";
    }
    if (extra != NULL) {
        text_printf(out, "%s%s=\"%s\"", separator, extra, extra_value);
        separator = ",";
    }
    text_puts(out, separator[0] == ',' ? "}" : "");
}

static void put_family(struct text *out, const char *name, const char *type, const char *unit, const char *help)
{
    text_printf(out, "# TYPE %s %s\n", name, type);
    if (unit != NULL)
        text_printf(out, "# UNIT %s %s\n", name, unit);
    text_printf(out, "# HELP %s %s\n", name, help);
}

/* In seconds. Calls are shorter than cases and recoveries. */
static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
static const double call_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                     0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
#define BOUND_COUNT(b) (sizeof(b) / sizeof *(b))
#define BOUNDS_MAX     BOUND_COUNT(call_bounds)

struct bounded {
    const double *bounds;
    size_t bound_count;
    uint64_t buckets[BOUNDS_MAX + 1];
    uint64_t count;
    double sum;
};
#define BOUNDED(b) ((struct bounded){.bounds = (b), .bound_count = BOUND_COUNT(b)})

static void bounded_add(struct bounded *h, uint64_t ns, uint64_t count)
{
    double seconds = (double)ns / 1e9;
    size_t i = 0;
    while (i < h->bound_count && seconds > h->bounds[i])
        i++;
    h->buckets[i] += count;
    h->count += count;
    h->sum += seconds * (double)count;
}

static void put_bounded(struct text *out, const char *name, const struct label *labels, size_t count,
                        const struct bounded *h)
{
    uint64_t below = 0;
    for (size_t i = 0; i <= h->bound_count; i++) {
        char bound[24] = "+Inf";
        double b = i < h->bound_count ? h->bounds[i] : 0;
        if (i < h->bound_count)
            (void)snprintf(bound, sizeof bound, b < 1 || b != floor(b) ? "%g" : "%.1f", b);
        below += h->buckets[i];
        text_printf(out, "%s_bucket", name);
        put_labels(out, labels, count, "le", bound);
        text_printf(out, " %llu\n", (unsigned long long)below);
    }
    text_printf(out, "%s_count", name);
    put_labels(out, labels, count, NULL, NULL);
    text_printf(out, " %llu\n%s_sum", (unsigned long long)h->count, name);
    put_labels(out, labels, count, NULL, NULL);
    text_printf(out, " %.9g\n", h->sum);
}

static void put_run(const struct report *r, struct text *out)
{
    const struct label labels[] = {
        {"system", r->system}, {"driver", r->driver}, {"id", r->id}, {"seed", r->seed}, {"version", r->version}};
    put_family(out, "harrow_run", "info", NULL, "Which run this is.");
    text_puts(out, "harrow_run_info");
    put_labels(out, labels, sizeof labels / sizeof *labels, NULL, NULL);
    text_puts(out, " 1\n");
    put_family(out, "harrow_verdict", "stateset", NULL, "How the run ended.");
    for (int v = 0; v < REPORT_VERDICT_COUNT; v++)
        text_printf(out, "harrow_verdict{harrow_verdict=\"%s\"} %d\n", report_verdict_name((enum report_verdict)v),
                    report_verdict(r) == (enum report_verdict)v);
    put_family(out, "harrow_duration_seconds", "gauge", "seconds", "How long the run took.");
    text_printf(out, "harrow_duration_seconds %.9g\n", (double)r->duration / 1e9);
}

static void put_counters(const struct report *r, struct text *out)
{
    put_family(out, "harrow_cases", "counter", NULL, "Cases by their verdict.");
    for (size_t i = 0; i < r->pillars.count; i++) {
        for (int s = 0; s < REPORT_STATUS_COUNT; s++) {
            const struct label labels[] = {{"pillar", r->pillars.items[i].name},
                                           {"status", report_status_name((enum report_status)s)}};
            text_puts(out, "harrow_cases_total");
            put_labels(out, labels, 2, NULL, NULL);
            text_printf(out, " %zu\n", r->pillars.items[i].counts[s]);
        }
    }
    put_family(out, "harrow_findings", "counter", NULL, "What was found that no case stands for.");
    for (size_t i = 0; i < r->pillars.count; i++) {
        for (int warning = 0; warning < 2; warning++) {
            const struct report_pillar *p = &r->pillars.items[i];
            const struct label labels[] = {{"pillar", p->name}, {"severity", warning ? "warning" : "bug"}};
            text_puts(out, "harrow_findings_total");
            put_labels(out, labels, 2, NULL, NULL);
            text_printf(out, " %zu\n", warning ? p->warnings : p->findings);
        }
    }
    size_t missed = 0;
    for (size_t i = 0; i < r->faults.count; i++)
        missed += report_fault_missed(&r->faults.items[i]);
    put_family(out, "harrow_faults", "counter", NULL, "Faults, by whether they took effect.");
    text_printf(out, "harrow_faults_total{outcome=\"injected\"} %zu\nharrow_faults_total{outcome=\"missed\"} %zu\n",
                r->faults.count - missed, missed);
}

/* Totals that are numbers; what a pillar calls its own is its own. */
static void put_totals(const struct report *r, struct text *out)
{
    put_family(out, "harrow_pillar_total_value", "gauge", NULL, "Totals that a pillar gave at its end.");
    for (size_t i = 0; i < r->pillars.count; i++) {
        for (const struct report_member *m = r->pillars.items[i].totals; m != NULL; m = m->next) {
            char *end;
            double value = strtod(m->value, &end);
            bool repeated = false;
            for (const struct report_member *b = r->pillars.items[i].totals; b != m; b = b->next)
                repeated |= strcmp(b->name, m->name) == 0;
            if (end == m->value || *end != 0 || !isfinite(value) || repeated)
                continue;
            const struct label labels[] = {{"pillar", r->pillars.items[i].name}, {"name", m->name}};
            text_puts(out, "harrow_pillar_total_value");
            put_labels(out, labels, 2, NULL, NULL);
            text_printf(out, " %.9g\n", value);
        }
    }
}

static void put_cases(const struct report *r, struct text *out)
{
    put_family(out, "harrow_case_seconds", "histogram", "seconds", "How long cases took.");
    for (size_t i = 0; i < r->pillars.count; i++) {
        struct bounded h = BOUNDED(bounds);
        for (size_t k = 0; k < r->cases.count; k++)
            if (strcmp(r->cases.items[k].pillar, r->pillars.items[i].name) == 0)
                bounded_add(&h, r->cases.items[k].duration, 1);
        const struct label label = {"pillar", r->pillars.items[i].name};
        if (h.count != 0)
            put_bounded(out, "harrow_case_seconds", &label, 1, &h);
    }
}

static void put_recoveries(const struct report *r, struct text *out)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    if (report_recovery_rows(r, &rows, &count) != 0)
        out->failed = true;
    put_family(out, "harrow_recovery_seconds", "histogram", "seconds", "From a fault until a component was back.");
    for (size_t i = 0; i < count; i++) {
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
            const struct report_spread *s = &rows[i].figures[f];
            const struct label labels[] = {{"target", rows[i].target},
                                           {"fault", rows[i].fault},
                                           {"figure", report_figure_name((enum report_figure)f)}};
            struct bounded h = BOUNDED(bounds);
            for (size_t k = 0; k < s->count; k++)
                bounded_add(&h, s->values[k], 1);
            if (h.count != 0)
                put_bounded(out, "harrow_recovery_seconds", labels, 3, &h);
        }
    }
    free(rows);
}

/* A bucket counts below a bound where all of it is: what is near one may be counted with the next. */
static void put_calls(const struct report *r, struct text *out)
{
    if (r->latencies.count != 0)
        put_family(out, "harrow_call_seconds", "histogram", "seconds", "How long calls took, as pillars counted them.");
    for (size_t i = 0; i < r->latencies.count * REPORT_PHASE_COUNT * 2; i++) {
        const struct report_latency *l = &r->latencies.items[i / (REPORT_PHASE_COUNT * 2)];
        enum report_phase phase = (enum report_phase)(i / 2 % REPORT_PHASE_COUNT);
        bool ok = i % 2 == 0;
        const struct histogram *h = l->durations[phase][ok];
        const struct label labels[] = {{"pillar", l->pillar},
                                       {"method", l->method},
                                       {"outcome", ok ? "ok" : "other"},
                                       {"phase", report_phase_name(phase)},
                                       {"clock", l->simulated ? "virtual" : "real"}};
        struct bounded b = BOUNDED(call_bounds);
        if (h == NULL)
            continue;
        for (size_t n = 0; n < HISTOGRAM_BUCKETS; n++)
            if (h->buckets[n] != 0)
                bounded_add(&b, histogram_bucket_last(n), h->buckets[n]);
        b.sum = (double)h->sum / 1e9;
        put_bounded(out, "harrow_call_seconds", labels, sizeof labels / sizeof *labels, &b);
    }
}

static void put_series(const struct report *r, struct text *out)
{
    static const struct {
        double q;
        const char *name;
    } quantiles[] = {{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}, {1, "1.0"}};
    put_family(out, "harrow_samples", "gauge", NULL, "Quantiles of what was sampled over the run.");
    for (size_t i = 0; i < r->series.count; i++) {
        const struct report_series *s = &r->series.items[i];
        double *sorted = report_series_sorted(s);
        if (sorted == NULL && s->count != 0)
            out->failed = true;
        for (size_t q = 0; sorted != NULL && q < sizeof quantiles / sizeof *quantiles; q++) {
            const struct label labels[] = {{"series", s->name}};
            text_puts(out, "harrow_samples");
            put_labels(out, labels, 1, "quantile", quantiles[q].name);
            text_printf(out, " %.9g\n", report_quantile(sorted, s->count, quantiles[q].q));
        }
        free(sorted);
    }
}

void report_openmetrics(const struct report *r, struct text *out)
{
    put_run(r, out);
    put_counters(r, out);
    put_totals(r, out);
    put_cases(r, out);
    put_recoveries(r, out);
    put_calls(r, out);
    put_series(r, out);
    text_puts(out, "# EOF\n");
}
