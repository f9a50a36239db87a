/* Calls that pillars measured by method (lines "latency"): a table for each pillar, the slowest methods with their
 * distributions, the rest folded without. Percentiles are read off buckets, at most 1/16 too great. */
#include "reports/html.h"

#include <stdlib.h>

#define OPEN_MAX 40 /* methods */

struct table {
    const struct report_latency_row *rows; /* of one pillar, by one clock */
    size_t count;
    bool phases; /* any of them */
};

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_distribution(const struct histogram *h, struct text *out)
{
    uint64_t columns[LATENCY_COLUMNS] = {0};
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (h->buckets[i] != 0)
            columns[latency_column((double)histogram_bucket_last(i) / 1e6)] += h->buckets[i];
    latency_spread(columns, out);
}

static void put_row(const struct table *t, const struct report_latency *l, enum report_phase phase, bool ok, bool open,
                    struct text *out)
{
    static const double quantiles[] = {0.5, 0.9, 0.99, 1};
    const struct histogram *h = l->durations[phase][ok];
    text_puts(out, "<tr><th scope=\"row\">");
    put(out, l->method);
    text_puts(out, "</th>");
    if (t->phases)
        text_printf(out, "<td>%s</td>", report_phase_name(phase));
    text_printf(out, "<td>%s</td><td class=\"number\">%llu</td>", ok ? "ok" : "not ok", (unsigned long long)h->count);
    for (size_t q = 0; q < sizeof quantiles / sizeof *quantiles; q++)
        latency_ms((double)histogram_quantile(h, quantiles[q]) / 1e6, out);
    if (open)
        put_distribution(h, out);
    text_puts(out, "</tr>\n");
}

static void put_table(const struct table *t, size_t from, size_t to, bool open, struct text *out)
{
    const struct report_latency *first = t->rows[from].latency;
    page_scroll(out, "Latency by method");
    text_puts(out, "<table data-sort>\n<caption>Milliseconds: calls of ");
    put(out, first->pillar[0] == 0 ? "(no pillar)" : first->pillar);
    text_puts(out, " by method, the slowest first");
    if (t->phases)
        text_puts(out, "; before the first fault, during one, and after: while none was in force any more");
    text_puts(out, first->simulated ? ". Virtual time: by the simulated clock</caption>\n" : "</caption>\n");
    text_puts(out, "<thead><tr><th scope=\"col\">method</th>");
    text_puts(out, t->phases ? "<th scope=\"col\">when</th>" : "");
    text_puts(out, "<th scope=\"col\">ended</th>");
    static const char *const figures[] = {"n", "p50", "p90", "p99", "max"};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        text_printf(out, "<th scope=\"col\" class=\"number\">%s</th>", figures[i]);
    text_puts(out, open ? "<th scope=\"col\">" LATENCY_RANGE "</th>" : "");
    text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = from; i < to; i++)
        for (int ok = 1; ok >= 0; ok--)
            for (size_t phase = 0; phase < REPORT_PHASE_COUNT; phase++)
                if (t->rows[i].latency->durations[phase][ok] != NULL)
                    put_row(t, t->rows[i].latency, (enum report_phase)phase, ok != 0, open, out);
    text_puts(out, "</tbody></table></div>\n");
}

static bool belongs(const struct report_latency *a, const struct report_latency *b)
{
    return a->simulated == b->simulated && strcmp(a->pillar, b->pillar) == 0;
}

void calls_html(const struct report *r, struct text *out)
{
    struct report_latency_row *rows = NULL;
    if (report_latency_rows(r, &rows) != 0)
        out->failed = true;
    for (size_t i = 0; rows != NULL && i < r->latencies.count;) {
        struct table t = {.rows = rows + i};
        for (; i < r->latencies.count && belongs(t.rows[0].latency, rows[i].latency); i++, t.count++)
            for (int phase = REPORT_BEFORE; phase < REPORT_PHASE_COUNT; phase++)
                t.phases |=
                    rows[i].latency->durations[phase][0] != NULL || rows[i].latency->durations[phase][1] != NULL;
        put_table(&t, 0, t.count < OPEN_MAX ? t.count : OPEN_MAX, true, out);
        if (t.count > OPEN_MAX) {
            text_printf(out, "<details><summary>and %zu methods more</summary>\n", t.count - OPEN_MAX);
            put_table(&t, OPEN_MAX, t.count, false, out);
            text_puts(out, "</details>\n");
        }
    }
    if (r->unmeasured != 0)
        text_printf(out, "<p class=\"hint\">of methods beyond the first %d, %zu lines were left out</p>\n",
                    REPORT_LATENCIES_MAX, r->unmeasured);
    free(rows);
}
