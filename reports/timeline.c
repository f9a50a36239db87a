#include "reports/html.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Measures of the drawing, in its own units (1 is about a pixel on a wide screen). */
#define WIDTH        1080.0
#define LEFT         64.0
#define RIGHT        16.0
#define PLOT         (WIDTH - LEFT - RIGHT)
#define PHASE_HEIGHT 20.0
#define LANE_HEIGHT  19.0
#define MARK_HEIGHT  18.0
#define PANEL_HEIGHT 112.0
#define PANEL_TITLE  30.0
#define AXIS_HEIGHT  26.0
#define LANES_MAX    8
#define PANELS_MAX   12
#define MARKS_MAX    300
#define BANDS_MAX    400
#define VALUE_MAX    1e300 /* sums and differences of such values are still finite */
#define HUES         5     /* --band0 ... in the style sheet */

bool timeline_needed(const struct report *r)
{
    return r->faults.count != 0 || r->series.count != 0;
}

/* ---- curves ---------------------------------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Three times the usual distance of two points: more is silence. */
static int find_gap(struct timeline_curve *c)
{
    c->gap = UINT64_MAX;
    if (c->count < 3)
        return 0;
    uint64_t *steps = malloc((c->count - 1) * sizeof *steps);
    if (steps == NULL)
        return ERROR_MEMORY;
    for (size_t i = 1; i < c->count; i++)
        steps[i - 1] = c->columns[i].t - c->columns[i - 1].t;
    qsort(steps, c->count - 1, sizeof *steps, compare_times);
    c->gap = 3 * (steps[(c->count - 1) / 2] + 1);
    free(steps);
    return 0;
}

/* What came after the end of the run stands behind the last. */
static size_t column_of(uint64_t t, double width)
{
    return (size_t)fmin((double)t / width, TIMELINE_COLUMNS);
}

int timeline_curve_make(const struct report_series *s, uint64_t duration, struct timeline_curve *out)
{
    *out = (struct timeline_curve){.name = s->name, .gap = UINT64_MAX};
    out->columns = calloc(s->count == 0                 ? 1
                          : s->count < TIMELINE_COLUMNS ? s->count
                                                        : TIMELINE_COLUMNS,
                          sizeof *out->columns);
    if (out->columns == NULL)
        return ERROR_MEMORY;
    if (s->count <= TIMELINE_COLUMNS) {
        for (size_t i = 0; i < s->count; i++) {
            double v = s->points[i].value;
            out->columns[i] = (struct timeline_column){s->points[i].t, v, v, v};
        }
        out->count = s->count;
        return find_gap(out);
    }
    double width = ((double)duration + 1) / TIMELINE_COLUMNS;
    size_t i = 0;
    while (i < s->count && out->count < TIMELINE_COLUMNS) {
        size_t column = column_of(s->points[i].t, width), from = i;
        struct timeline_column c = {0, s->points[i].value, 0, s->points[i].value};
        double sum = 0, time = 0;
        for (; i < s->count && (column_of(s->points[i].t, width) == column || i == from); i++) {
            c.min = fmin(c.min, s->points[i].value);
            c.max = fmax(c.max, s->points[i].value);
            sum += s->points[i].value;
            time += (double)s->points[i].t - (double)s->points[from].t;
        }
        c.mean = sum / (double)(i - from);
        c.t = s->points[from].t + (uint64_t)fmax(time / (double)(i - from), 0);
        if (out->count != 0 && c.t < out->columns[out->count - 1].t)
            c.t = out->columns[out->count - 1].t;
        out->columns[out->count++] = c;
    }
    return find_gap(out);
}

void timeline_curve_free(struct timeline_curve *c)
{
    free(c->columns);
    c->columns = NULL;
}

/* ---- scales ---------------------------------------------------------------------------------------------------- */

static double x_of(const struct report *r, uint64_t t)
{
    double duration = r->duration == 0 ? 1 : (double)r->duration;
    double x = LEFT + PLOT * ((double)t / duration);
    return x > LEFT + PLOT ? LEFT + PLOT : x;
}

/* The next round number at or above whose half is round enough to stand at the middle tick. */
static double nice_above(double value)
{
    if (!(value > 0) || !isfinite(value))
        return 1;
    if (value > VALUE_MAX)
        return VALUE_MAX;
    double power = pow(10, floor(log10(value)));
    double scaled = value / power;
    static const double round[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
    for (size_t i = 0; i < sizeof round / sizeof *round; i++)
        if (scaled <= round[i])
            return power * round[i];
    return power * 10;
}

static void format_value(double v, char *out, size_t size)
{
    double a = fabs(v);
    if (a >= 1e12)
        (void)snprintf(out, size, "%.2g", v);
    else if (a >= 1e9)
        (void)snprintf(out, size, "%.3gG", v / 1e9);
    else if (a >= 1e6)
        (void)snprintf(out, size, "%.3gM", v / 1e6);
    else if (a >= 1e4)
        (void)snprintf(out, size, "%.3gk", v / 1e3);
    else
        (void)snprintf(out, size, "%.4g", v);
}

/* Distance of the time axis' ticks: at most about ten of them. */
static uint64_t tick_step(uint64_t duration)
{
    static const uint64_t seconds[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200};
    for (uint64_t base = 1000; base < (uint64_t)SECOND; base *= 10)
        for (size_t i = 0; i < 3; i++)
            if (duration / (base * seconds[i]) <= 10)
                return base * seconds[i];
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        if (duration / ((uint64_t)SECOND * seconds[i]) <= 10)
            return (uint64_t)SECOND * seconds[i];
    return duration / 10;
}

static void format_tick(uint64_t t, char *out, size_t size)
{
    uint64_t s = t / (uint64_t)SECOND, rest = t % (uint64_t)SECOND;
    if (t == 0)
        (void)snprintf(out, size, "0");
    else if (rest != 0)
        (void)snprintf(out, size,
                       t < (uint64_t)MILLISECOND ? "%.3g us"
                       : t < (uint64_t)SECOND    ? "%.3g ms"
                                                 : "%.6g s",
                       (double)t / (double)(t < (uint64_t)MILLISECOND ? MICROSECOND
                                            : t < (uint64_t)SECOND    ? MILLISECOND
                                                                      : SECOND));
    else if (s < 60)
        (void)snprintf(out, size, "%llu s", (unsigned long long)s);
    else if (s < 3600)
        (void)snprintf(out, size, "%llu:%02llu", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
    else
        (void)snprintf(out, size, "%llu:%02llu:%02llu", (unsigned long long)(s / 3600),
                       (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

/* ---- parts of the drawing -------------------------------------------------------------------------------------- */

static void put_escaped(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_duration(struct text *out, uint64_t ns)
{
    char buffer[32];
    units_format_duration((int64_t)(ns & INT64_MAX), buffer, sizeof buffer);
    text_puts(out, buffer);
}

/* Text that is cut at `width` instead of running over its neighbours: an inner <svg> clips. */
static void put_label(struct text *out, double x, double y, double width, double height, const char *kind,
                      const char *first, const char *second)
{
    if (width < 14)
        return;
    text_printf(out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><text class=\"%s\" x=\"4\" y=\"%.1f\">",
                x, y, width, height, kind, height - 6);
    put_escaped(out, first);
    if (second[0] != 0) {
        text_char(out, ' ');
        put_escaped(out, second);
    }
    text_puts(out, "</text></svg>");
}

static void put_phases(const struct report *r, struct text *out, double y)
{
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        if (!p->started)
            continue;
        uint64_t end = p->ended ? p->end : r->duration;
        double x = x_of(r, p->start), width = x_of(r, end) - x;
        text_printf(out, "<g><title>");
        put_escaped(out, p->name);
        text_puts(out, ": ");
        put_duration(out, end > p->start ? end - p->start : 0);
        text_printf(out, "</title><rect class=\"phase\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x, y,
                    width < 1 ? 1 : width, PHASE_HEIGHT - 3);
        put_label(out, x, y, width, PHASE_HEIGHT - 3, "phase-name", p->name, "");
        text_puts(out, "</g>\n");
    }
}

/* A colour for each fault's name, in order of appearance. */
static size_t hue_of(const struct report *r, const struct report_fault *f)
{
    size_t hue = 0;
    for (size_t i = 0; i < r->faults.count; i++) {
        const struct report_fault *other = &r->faults.items[i];
        if (strcmp(other->name, f->name) == 0)
            return hue % HUES;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(r->faults.items[k].name, other->name) == 0;
        hue += seen ? 0 : 1;
        if (i > 64)
            break;
    }
    return hue % HUES;
}

/* Faults that overlap stand in lanes, first fit. */
static size_t place_lanes(const struct report *r, uint8_t *lanes)
{
    uint64_t busy[LANES_MAX] = {0};
    size_t used = 0;
    for (size_t i = 0; i < r->faults.count && i < BANDS_MAX; i++) {
        const struct report_fault *f = &r->faults.items[i];
        size_t lane = 0;
        while (lane < used && busy[lane] > f->start)
            lane++;
        if (lane == LANES_MAX)
            lane = i % LANES_MAX;
        if (lane == used)
            used++;
        uint64_t end = report_fault_end(r, f);
        busy[lane] = end > busy[lane] ? end : busy[lane];
        lanes[i] = (uint8_t)lane;
    }
    return used;
}

static void put_bands(const struct report *r, const uint8_t *lanes, struct text *out, double y, double bottom)
{
    for (size_t i = 0; i < r->faults.count && i < BANDS_MAX; i++) {
        const struct report_fault *f = &r->faults.items[i];
        double x = x_of(r, f->start), width = x_of(r, report_fault_end(r, f)) - x, top = y + lanes[i] * LANE_HEIGHT;
        size_t hue = hue_of(r, f);
        bool missed = report_fault_missed(f);
        width = width < 2 ? 2 : width;
        text_printf(out, "<g class=\"fault hue%zu%s\" aria-hidden=\"true\"><title>", hue, missed ? " missed" : "");
        put_escaped(out, f->name);
        text_char(out, ' ');
        put_escaped(out, f->target);
        text_puts(out, ", ");
        put_duration(out, report_fault_end(r, f) - f->start);
        if (!f->healed)
            text_puts(out, ", never healed");
        text_puts(out, missed ? ", not injected: it hit nothing" : f->verified ? ", verified" : ", not verified");
        if (f->counted)
            text_printf(out, ", %llu hits", (unsigned long long)f->hits);
        if (f->detail[0] != 0) {
            text_puts(out, "\n");
            put_escaped(out, f->detail);
        }
        text_puts(out, "</title>");
        if (!missed)
            text_printf(out, "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x, top,
                        width, bottom - top);
        text_printf(out, "<rect class=\"tab\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"/>", x, top,
                    width, LANE_HEIGHT - 3);
        /* A short fault's name may run on to where the next one of its lane begins. */
        double room = LEFT + PLOT - x;
        for (size_t k = i + 1; k < r->faults.count && k < BANDS_MAX; k++)
            if (lanes[k] == lanes[i]) {
                double next = x_of(r, r->faults.items[k].start) - x - 2;
                room = next < room ? next : room;
                break;
            }
        put_label(out, x, top, room, LANE_HEIGHT - 3, "fault-name", f->name, f->target);
        text_puts(out, "</g>\n");
    }
}

static void put_marks(const struct report *r, struct text *out, double y, double bottom)
{
    size_t shown = 0, number = 0;
    for (size_t i = 0; i < r->cases.count && shown < MARKS_MAX; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status != REPORT_FAILED)
            continue;
        double x = x_of(r, c->t);
        text_printf(out, "<a href=\"#failure-%zu\" class=\"mark\"><title>failed: ", number++);
        put_escaped(out, c->name);
        text_printf(out,
                    "</title><line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                    "<path d=\"M%.1f %.1fl-5 -9h10z\"/></a>\n",
                    x, y + 12, x, bottom, x, y + 14);
        shown++;
    }
    for (size_t i = 0; i < r->findings.count && shown < MARKS_MAX; i++) {
        const struct report_finding *f = &r->findings.items[i];
        double x = x_of(r, f->t);
        text_printf(out, "<a href=\"#finding-%zu\" class=\"mark%s\"><title>", i, f->warning ? " warning" : "");
        put_escaped(out, f->title);
        text_printf(out,
                    "</title><line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                    "<path d=\"M%.1f %.1fl5 -5l-5 -5l-5 5z\"/></a>\n",
                    x, y + 12, x, bottom, x, y + 14);
        shown++;
    }
}

static const char *unit_of(const char *name)
{
    size_t len = strlen(name);
    if (len > 3 && strcmp(name + len - 3, "_ms") == 0)
        return "ms";
    if (strncmp(name, "throughput", 10) == 0 || strcmp(name, "errors") == 0)
        return "per second";
    if (len > 6 && strcmp(name + len - 6, "_bytes") == 0)
        return "bytes";
    return "";
}

static void put_curve(const struct report *r, const struct timeline_curve *c, struct text *out, double top, double low,
                      double high)
{
    double scale = PANEL_HEIGHT / (high - low), base = top + PANEL_HEIGHT;
    size_t i = 0;
    while (i < c->count) { /* a stretch without silence */
        size_t end = i + 1;
        bool spread = c->columns[i].max > c->columns[i].min;
        for (; end < c->count && c->columns[end].t - c->columns[end - 1].t <= c->gap; end++)
            spread = spread || c->columns[end].max > c->columns[end].min;
        if (spread && end - i > 1) {
            text_puts(out, "<path class=\"range\" d=\"M");
            for (size_t k = i; k < end; k++)
                text_printf(out, "%.1f %.1f ", x_of(r, c->columns[k].t), base - (c->columns[k].max - low) * scale);
            for (size_t k = end; k-- > i;)
                text_printf(out, "%.1f %.1f ", x_of(r, c->columns[k].t), base - (c->columns[k].min - low) * scale);
            text_puts(out, "Z\"/>");
        }
        text_puts(out, "<path class=\"curve\" d=\"M");
        for (size_t k = i; k < end; k++)
            text_printf(out, "%.1f %.1f ", x_of(r, c->columns[k].t), base - (c->columns[k].mean - low) * scale);
        text_puts(out, end - i == 1 ? "h0\"/>\n" : "\"/>\n");
        i = end;
    }
}

static void put_panel(const struct report *r, const struct timeline_curve *c, struct text *out, double y, size_t number)
{
    double high = 0, low = 0, top = y + PANEL_TITLE;
    char label[32];
    for (size_t i = 0; i < c->count; i++) {
        high = fmax(high, c->columns[i].max);
        low = fmin(low, c->columns[i].min);
    }
    high = high > 0 || low == 0 ? nice_above(high) : 0;
    low = low < 0 ? -nice_above(-low) : 0;
    text_printf(out,
                "<g class=\"panel series%zu\" aria-hidden=\"true\"><text class=\"panel-name\" x=\"%.1f\" y=\"%.1f\">",
                number % 4, LEFT, y + PANEL_TITLE - 8);
    put_escaped(out, c->name);
    text_puts(out, "</text>");
    if (unit_of(c->name)[0] != 0)
        text_printf(out, "<text class=\"unit\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT + PLOT,
                    y + PANEL_TITLE - 8, unit_of(c->name));
    for (int i = 0; i <= 2; i++) {
        double value = low + (high - low) * i / 2, at = top + PANEL_HEIGHT - PANEL_HEIGHT * i / 2;
        format_value(value, label, sizeof label);
        text_printf(out,
                    "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                    "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                    LEFT, at, LEFT + PLOT, at, LEFT - 8, at + 4, label);
    }
    text_char(out, '\n');
    put_curve(r, c, out, top, low, high);
    text_puts(out, "</g>\n");
}

static void put_axis(const struct report *r, struct text *out, double top, double y)
{
    uint64_t step = tick_step(r->duration);
    char label[48];
    for (uint64_t t = 0; t <= r->duration && step != 0; t += step) {
        double x = x_of(r, t);
        format_tick(t, label, sizeof label);
        text_printf(out,
                    "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                    "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>",
                    x, top, x, y, x, y + 16, label);
    }
    text_char(out, '\n');
}

void timeline_svg(const struct report *r, const struct timeline_curve *curves, struct text *out)
{
    uint8_t lanes[BANDS_MAX] = {0};
    size_t lane_count = place_lanes(r, lanes), panels = r->series.count < PANELS_MAX ? r->series.count : PANELS_MAX;
    bool phases = false, marks = r->counts[REPORT_FAILED] != 0 || r->findings.count != 0;
    for (size_t i = 0; i < r->pillars.count; i++)
        phases = phases || r->pillars.items[i].started;
    if (!timeline_needed(r))
        return;
    double lane_top = phases ? PHASE_HEIGHT + 2 : 0;
    double mark_top = lane_top + (double)lane_count * LANE_HEIGHT + (lane_count != 0 ? 2 : 0);
    double panel_top = mark_top + (marks ? MARK_HEIGHT : 0);
    double bottom = panel_top + (double)panels * (PANEL_HEIGHT + PANEL_TITLE) + (panels == 0 ? 12 : 0);

    text_printf(
        out,
        "<svg id=\"timeline\" class=\"timeline\" viewBox=\"0 0 %.0f %.0f\" role=\"group\" "
        "aria-label=\"Faults, failures and curves over the run's time\" data-left=\"%.0f\" data-plot=\"%.0f\">\n",
        WIDTH, bottom + AXIS_HEIGHT, LEFT, PLOT);
    put_axis(r, out, panel_top, bottom);
    if (phases)
        put_phases(r, out, 0);
    put_bands(r, lanes, out, lane_top, bottom);
    for (size_t i = 0; i < panels; i++)
        put_panel(r, &curves[i], out, panel_top + (double)i * (PANEL_HEIGHT + PANEL_TITLE), i);
    if (marks)
        put_marks(r, out, mark_top, bottom);
    text_printf(out, "<line id=\"cursor\" class=\"cursor\" x1=\"0\" y1=\"%.1f\" x2=\"0\" y2=\"%.1f\"/>\n</svg>\n",
                lane_top, bottom);
}

/* ---- data for the script --------------------------------------------------------------------------------------- */

/* A JSON string that cannot end the <script> element around it, nor open a comment in it. */
static void put_json(struct text *out, const char *s)
{
    text_char(out, '"');
    while (*s != 0) {
        size_t len = strcspn(s, "<>&");
        text_json(out, s, len);
        s += len;
        if (*s != 0)
            text_printf(out, "\\u%04x", (unsigned)(unsigned char)*s++);
    }
    text_char(out, '"');
}

static void put_number(struct text *out, double v)
{
    text_printf(out, isfinite(v) ? "%.6g" : "null", v);
}

void timeline_json(const struct report *r, const struct timeline_curve *curves, struct text *out)
{
    text_printf(out, "{\"duration\":%llu,\"faults\":[", (unsigned long long)r->duration);
    for (size_t i = 0; i < r->faults.count && i < BANDS_MAX; i++) {
        const struct report_fault *f = &r->faults.items[i];
        text_printf(out, "%s{\"start\":%llu,\"end\":%llu,\"name\":", i == 0 ? "" : ",", (unsigned long long)f->start,
                    (unsigned long long)report_fault_end(r, f));
        put_json(out, f->name);
        text_puts(out, ",\"target\":");
        put_json(out, f->target);
        text_char(out, '}');
    }
    text_puts(out, "],\"series\":[");
    for (size_t i = 0; i < r->series.count && i < PANELS_MAX; i++) {
        const struct timeline_curve *c = &curves[i];
        text_puts(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        put_json(out, c->name);
        text_puts(out, ",\"t\":[");
        for (size_t k = 0; k < c->count; k++)
            text_printf(out, "%s%llu", k == 0 ? "" : ",", (unsigned long long)c->columns[k].t);
        text_puts(out, "],\"v\":[");
        for (size_t k = 0; k < c->count; k++) {
            text_puts(out, k == 0 ? "" : ",");
            put_number(out, c->columns[k].mean);
        }
        text_puts(out, "]}");
    }
    text_puts(out, "]}");
}
