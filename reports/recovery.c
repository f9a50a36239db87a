/* Recoveries, put together by component and fault: the figures, and as HTML. */
#include "reports/html.h"

#include <math.h>
#include <stdlib.h>

const char *report_figure_name(enum report_figure f)
{
    static const char *const names[REPORT_FIGURE_COUNT] = {"detected", "answered", "baseline", "converged"};
    return names[f];
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

static int compare_recoveries(const void *a, const void *b)
{
    const struct report_recovery *x = a, *y = b;
    int order = strcmp(x->target, y->target);
    return order != 0 ? order : strcmp(x->fault, y->fault);
}

static int compare_values(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The smallest value that is not below `percent` of them. */
static uint64_t nearest_rank(const uint64_t *values, size_t count, size_t percent)
{
    return values[(count * percent + 99) / 100 - 1];
}

static void spread(const struct report_recovery *group, size_t count, enum report_figure figure, uint64_t **free_values,
                   struct report_spread *out)
{
    uint64_t *values = *free_values;
    *out = (struct report_spread){.values = values};
    for (size_t i = 0; i < count; i++)
        if (group[i].durations[figure] != REPORT_UNKNOWN)
            values[out->count++] = group[i].durations[figure];
    if (out->count == 0)
        return;
    *free_values += out->count;
    qsort(values, out->count, sizeof *values, compare_values);
    out->p50 = nearest_rank(values, out->count, 50);
    out->p99 = nearest_rank(values, out->count, 99);
    out->max = values[out->count - 1];
}

int report_recovery_rows(const struct report *r, struct report_recovery_row **rows, size_t *count)
{
    size_t n = r->recoveries.count;
    *rows = NULL;
    *count = 0;
    if (n == 0)
        return 0;
    struct report_recovery *sorted = malloc(n * sizeof *sorted);
    /* The rows, and behind them all values. */
    struct report_recovery_row *table = calloc(n, sizeof *table + REPORT_FIGURE_COUNT * sizeof(uint64_t));
    if (sorted == NULL || table == NULL) {
        free(sorted);
        free(table);
        return ERROR_MEMORY;
    }
    memcpy(sorted, r->recoveries.items, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_recoveries);
    uint64_t *values = (uint64_t *)(table + n);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && compare_recoveries(&sorted[i], &sorted[end]) == 0)
            end++;
        struct report_recovery_row *row = &table[(*count)++];
        *row = (struct report_recovery_row){.target = sorted[i].target, .fault = sorted[i].fault, .count = end - i};
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++)
            spread(&sorted[i], end - i, (enum report_figure)f, &values, &row->figures[f]);
        i = end;
    }
    free(sorted);
    *rows = table;
    return 0;
}

/* ---- the plot -------------------------------------------------------------------------------------------------- */

/* One strip for each component and fault, in it a line for each figure with a dot for each recovery, over a scale of
 * tenfolds. Measures in the drawing's own units. */
#define WIDTH      1080.0
#define LEFT       250.0
#define RIGHT      24.0
#define TOP        26.0
#define LINE       8.0
#define STRIP      (LINE * REPORT_FIGURE_COUNT + 8.0)
#define AXIS       24.0
#define STRIPS_MAX 40
#define DOTS_MAX   60       /* of one line: of more, each so-many-th by rank */
#define LEAST      100000.0 /* ns: what took less is drawn there */

struct scale {
    double low, high; /* powers of ten, in ns */
};

static struct scale scale_of(const struct report_recovery_row *rows, size_t count)
{
    struct scale s = {18, 0};
    for (size_t i = 0; i < count; i++) {
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
            const struct report_spread *p = &rows[i].figures[f];
            if (p->count == 0)
                continue;
            s.low = fmin(s.low, floor(log10(fmax((double)p->values[0], LEAST))));
            s.high = fmax(s.high, ceil(log10(fmax((double)p->max, LEAST))));
        }
    }
    if (s.high <= s.low)
        s.high = s.low + 1;
    return s;
}

static double x_of(const struct scale *s, uint64_t value)
{
    double power = log10(fmax((double)value, LEAST));
    return LEFT + (WIDTH - LEFT - RIGHT) * (power - s->low) / (s->high - s->low);
}

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_power(struct text *out, double power)
{
    static const char *const units[] = {"ns", "us", "ms", "s", "ks", "Ms", "Gs"};
    int p = (int)power;
    text_printf(out, "%.0f %s", pow(10, p % 3), units[p / 3 < 7 ? p / 3 : 6]);
}

static void put_scale(const struct scale *s, double bottom, struct text *out)
{
    for (double power = s->low; power <= s->high; power++) {
        double x = LEFT + (WIDTH - LEFT - RIGHT) * (power - s->low) / (s->high - s->low);
        text_printf(out,
                    "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                    "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                    x, TOP, x, bottom, x, bottom + 16);
        put_power(out, power);
        text_puts(out, "</text>");
    }
    for (int f = 0; f < REPORT_FIGURE_COUNT; f++)
        text_printf(out,
                    "<g class=\"series%d\"><circle class=\"dot\" cx=\"%.1f\" cy=\"9\" r=\"4\"/>"
                    "<text x=\"%.1f\" y=\"13\">%s</text></g>",
                    f, LEFT + f * 110.0, LEFT + f * 110.0 + 9, report_figure_name((enum report_figure)f));
    text_char(out, '\n');
}

static void put_line(const struct report_spread *s, const struct scale *scale, int figure, double y, struct text *out)
{
    size_t shown = s->count < DOTS_MAX ? s->count : DOTS_MAX;
    if (s->count == 0)
        return;
    text_printf(out,
                "<g class=\"series%d\"><line class=\"reach\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<line class=\"middle\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                figure, x_of(scale, s->values[0]), y, x_of(scale, s->max), y, x_of(scale, s->p50), y - 4,
                x_of(scale, s->p50), y + 4);
    for (size_t i = 0; i < shown; i++) {
        size_t at = shown > 1 ? i * (s->count - 1) / (shown - 1) : 0; /* the first and the last among them */
        text_printf(out, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"/>", x_of(scale, s->values[at]), y);
    }
    text_puts(out, "</g>");
}

static void put_plot(const struct report_recovery_row *rows, size_t count, struct text *out)
{
    size_t shown = count < STRIPS_MAX ? count : STRIPS_MAX;
    struct scale scale = scale_of(rows, shown);
    double bottom = TOP + (double)shown * STRIP;
    page_scroll(out, "Times to recovery, drawn");
    text_printf(out,
                "<div class=\"plot\">\n<svg class=\"timeline strips\" viewBox=\"0 0 %.0f %.0f\" "
                "role=\"img\" aria-label=\"Times to recovery by component and fault\">\n",
                WIDTH, bottom + AXIS);
    put_scale(&scale, bottom, out);
    for (size_t i = 0; i < shown; i++) {
        double top = TOP + (double)i * STRIP;
        text_printf(out,
                    "<line class=\"grid\" x1=\"0\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>"
                    "<text class=\"panel-name\" x=\"0\" y=\"%.1f\">",
                    top, WIDTH, top, top + STRIP / 2 + 1);
        put(out, rows[i].target);
        text_puts(out, " ");
        put(out, rows[i].fault);
        text_printf(out, "</text><text x=\"0\" y=\"%.1f\">%zu time%s</text>", top + STRIP / 2 + 14, rows[i].count,
                    rows[i].count == 1 ? "" : "s");
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++)
            put_line(&rows[i].figures[f], &scale, f, top + 8 + LINE * f, out);
        text_char(out, '\n');
    }
    text_puts(out, "</svg>\n</div></div>\n");
    if (shown < count)
        text_printf(out, "<p class=\"hint\">and %zu more in the table</p>\n", count - shown);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static void put_row(const struct report_recovery_row *row, enum report_figure f, struct text *out)
{
    const struct report_spread *s = &row->figures[f];
    const uint64_t values[] = {s->p50, s->p99, s->max};
    text_printf(out, "<tr%s><td>", s->count < REPORT_FEW ? " class=\"few\"" : "");
    put(out, row->target);
    text_puts(out, "</td><td>");
    put(out, row->fault);
    text_printf(out, "</td><td>%s</td><td class=\"number\">%zu%s</td>", report_figure_name(f), s->count,
                s->count < REPORT_FEW ? " (few)" : "");
    for (size_t i = 0; i < 3; i++)
        text_printf(out, "<td class=\"number\">%.1f</td>", (double)values[i] / 1e6);
    text_puts(out, "</tr>\n");
}

void recovery_html(const struct report *r, struct text *out)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    if (report_recovery_rows(r, &rows, &count) != 0)
        out->failed = true;
    if (count == 0)
        return;
    text_puts(out, "<section id=\"recovery\"><h2>Time to recovery</h2>\n<p class=\"hint\">From the fault (or from its "
                   "end, where the component was held by it) until the component was seen not to answer, until it "
                   "answered again, until throughput and p99 were those from before, and until all readers were "
                   "answered with what is current. Each dot is one recovery; the stroke is the median.</p>\n");
    put_plot(rows, count, out);
    page_scroll(out, "Times to recovery");
    text_puts(out, "<table data-sort>\n<thead><tr><th scope=\"col\">component</th><th "
                   "scope=\"col\">fault</th><th scope=\"col\">until</th>"
                   "<th scope=\"col\" class=\"number\">n</th><th scope=\"col\" class=\"number\">p50 ms</th><th "
                   "scope=\"col\" class=\"number\">p99 ms</th>"
                   "<th scope=\"col\" class=\"number\">max ms</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < count; i++)
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++)
            if (rows[i].figures[f].count != 0)
                put_row(&rows[i], (enum report_figure)f, out);
    text_printf(
        out,
        "</tbody></table></div>\n<p class=\"hint\">Percentiles are measured values (nearest rank): of fewer than "
        "100, p99 is the greatest. Fewer than %d say little. What was not seen (not back within the time "
        "looked for) is not in n.</p></section>\n",
        REPORT_FEW);
    free(rows);
}
