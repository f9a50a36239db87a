/* How long things took: calls of flows by method, and curves of milliseconds. Percentiles are values that were measured
 * (nearest rank); a method's distribution stands beside them. What pillars counted themselves: html_calls.c. */
#include "reports/html.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

#define METHODS_MAX 500 /* told one by one */

struct method {
    const char *name;
    size_t name_len;
    ARRAY(double) values; /* ms */
};
struct methods {
    struct map places; /* name -> place + 1 */
    ARRAY(struct method) items;
};

static bool add(struct methods *m, const char *name, size_t len, double ms)
{
    uintptr_t at = (uintptr_t)map_get_n(&m->places, name, len);
    if (at == 0) {
        struct method fresh = {.name = name, .name_len = len};
        if (!array_push(&m->items, fresh) || !map_put_n(&m->places, name, len, (void *)(uintptr_t)m->items.count))
            return false;
        at = m->items.count;
    }
    return array_push(&m->items.items[at - 1].values, ms);
}

static bool gather(const struct report *r, struct methods *m)
{
    for (size_t i = 0; i < r->cases.count; i++) {
        for (const struct report_step *s = r->cases.items[i].steps; s != NULL; s = s->next) {
            size_t len = 0;
            const char *name = report_method_in(s->name, &len);
            if (name != NULL && !add(m, name, len, (double)s->duration / 1e6))
                return false;
        }
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_p99(const void *a, const void *b)
{
    const struct method *x = a, *y = b;
    double p = report_quantile(x->values.items, x->values.count, 0.99);
    double q = report_quantile(y->values.items, y->values.count, 0.99);
    return (p < q) - (p > q);
}

size_t latency_column(double ms)
{
    double place = ms <= 0.1 ? 0 : ceil(2 * log10(ms / 0.1));
    return place >= LATENCY_COLUMNS - 1 ? LATENCY_COLUMNS - 1 : (size_t)place;
}

void latency_spread(const uint64_t columns[LATENCY_COLUMNS], struct text *out)
{
    uint64_t most = 1;
    text_puts(out, "<td><span class=\"spread\" role=\"img\" aria-label=\"from " LATENCY_RANGE ":");
    for (size_t i = 0; i < LATENCY_COLUMNS; i++) {
        most = columns[i] > most ? columns[i] : most;
        text_printf(out, " %llu", (unsigned long long)columns[i]);
    }
    text_puts(out, "\">");
    for (size_t i = 0; i < LATENCY_COLUMNS; i++)
        text_printf(out, "<i style=\"height:%.3g%%\"></i>", 100 * (double)columns[i] / (double)most);
    text_puts(out, "</span></td>");
}

/* Three figures say enough. */
void latency_ms(double ms, struct text *out)
{
    int places = ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3;
    text_printf(out, "<td class=\"number\">%.*f</td>", places, ms);
}

static void put_row(const char *name, size_t len, const double *sorted, size_t count, struct text *out)
{
    static const double quantiles[] = {0.5, 0.9, 0.99, 1};
    uint64_t columns[LATENCY_COLUMNS] = {0};
    for (size_t i = 0; i < count; i++)
        columns[latency_column(sorted[i])]++;
    text_puts(out, "<tr><th scope=\"row\">");
    text_xml(out, name, len);
    text_printf(out, "</th><td class=\"number\">%zu</td>", count);
    for (size_t q = 0; q < sizeof quantiles / sizeof *quantiles; q++)
        latency_ms(report_quantile(sorted, count, quantiles[q]), out);
    latency_spread(columns, out);
    text_puts(out, "</tr>\n");
}

static bool is_latency(const struct report_series *s)
{
    size_t len = strlen(s->name);
    return s->count != 0 && len > 3 && strcmp(s->name + len - 3, "_ms") == 0;
}

static void put_series(const struct report *r, struct text *out)
{
    for (size_t i = 0; i < r->series.count; i++) {
        if (!is_latency(&r->series.items[i]))
            continue;
        double *sorted = report_series_sorted(&r->series.items[i]);
        if (sorted == NULL)
            out->failed = true;
        else
            put_row(r->series.items[i].name, strlen(r->series.items[i].name), sorted, r->series.items[i].count, out);
        free(sorted);
    }
}

/* Calls of flows, or curves of milliseconds. */
static bool anything(const struct report *r)
{
    size_t len;
    for (size_t i = 0; i < r->series.count; i++)
        if (is_latency(&r->series.items[i]))
            return true;
    for (size_t i = 0; i < r->cases.count; i++)
        for (const struct report_step *s = r->cases.items[i].steps; s != NULL; s = s->next)
            if (report_method_in(s->name, &len) != NULL)
                return true;
    return false;
}

bool latency_needed(const struct report *r)
{
    return r->latencies.count != 0 || anything(r);
}

static void put_values(const struct report *r, struct text *out)
{
    struct methods m = {0};
    if (!gather(r, &m))
        out->failed = true;
    for (size_t i = 0; i < m.items.count; i++)
        if (m.items.items[i].values.count != 0)
            qsort(m.items.items[i].values.items, m.items.items[i].values.count, sizeof(double), by_value);
    if (!out->failed && m.items.count != 0)
        qsort(m.items.items, m.items.count, sizeof *m.items.items, by_p99);
    page_scroll(out, "Latency");
    text_puts(out, "<table data-sort>\n"
                   "<caption>Milliseconds: calls of flows by method, the slowest first, and curves</caption>\n"
                   "<thead><tr><th scope=\"col\">what</th><th scope=\"col\" class=\"number\">n</th>"
                   "<th scope=\"col\" class=\"number\">p50</th><th scope=\"col\" class=\"number\">p90</th>"
                   "<th scope=\"col\" class=\"number\">p99</th><th scope=\"col\" class=\"number\">max</th>"
                   "<th scope=\"col\">" LATENCY_RANGE "</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; !out->failed && i < m.items.count && i < METHODS_MAX; i++) {
        const struct method *method = &m.items.items[i];
        put_row(method->name, method->name_len, method->values.items, method->values.count, out);
    }
    put_series(r, out);
    text_puts(out, "</tbody></table></div>\n");
    if (m.items.count > METHODS_MAX)
        text_printf(out, "<p class=\"hint\">and %zu methods more</p>\n", m.items.count - METHODS_MAX);
    for (size_t i = 0; i < m.items.count; i++)
        array_deinit(&m.items.items[i].values);
    array_deinit(&m.items);
    map_deinit(&m.places);
}

void latency_html(const struct report *r, struct text *out)
{
    if (!latency_needed(r))
        return;
    text_puts(out, "<section id=\"latency\"><h2>Latency</h2>\n");
    if (anything(r))
        put_values(r, out);
    calls_html(r, out);
    text_puts(out, "</section>\n");
}
