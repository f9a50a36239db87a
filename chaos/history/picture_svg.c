#include "chaos/history/picture_internal.h"

#include "base/units.h"

#include <inttypes.h>
#include <string.h>

/* Measures, in pixels. */
#define LEFT        104
#define STEP        58  /* from one event to the next, at least, */
#define STEP_MAX    150 /* and at most: as much as the labels take */
#define LABEL_WHOLE 14  /* bytes of a label for which there is to be room */
#define ROW         34
#define BAR         22
#define TOP         64 /* of the first row */
#define BOTTOM      42
#define FADE        1.6 /* steps that an end nobody knows takes */
#define CHARACTER   6.9 /* width, of the labels' font */
#define TICK        108 /* at least, from one time written to the next */
#define NEIGHBOURS  16  /* shown beside the witness */
#define TITLE_MAX   600

static const char style[] =
    "<style>\n"
    ".history-picture{--page:#fff;--ink:#1b2027;--soft:#5b6472;--line:#dfe3e8;--ok:#c7dcff;--fail:#e3e6ea;"
    "--info:#ffe3ad;--mark:#c62828;font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}\n"
    "@media (prefers-color-scheme:dark){.history-picture{--page:#181d23;--ink:#e4e8ee;--soft:#98a2b0;--line:#2c343e;"
    "--ok:#274b80;--fail:#39424d;--info:#6b4d12;--mark:#ff7b72}}\n"
    ".history-picture .page{fill:var(--page)}.history-picture text{fill:var(--ink)}\n"
    ".history-picture .soft{fill:var(--soft)}.history-picture .line{stroke:var(--line)}\n"
    ".history-picture .title{font-weight:bold;fill:var(--mark)}\n"
    ".history-picture .ok{fill:var(--ok)}.history-picture .fail{fill:var(--fail)}.history-picture "
    ".info{fill:var(--info)}\n"
    ".history-picture .open{fill:url(#history-fade)}.history-picture stop{stop-color:var(--info)}\n"
    ".history-picture .witness rect{stroke:var(--mark);stroke-width:2}.history-picture .witness "
    "text{font-weight:bold}\n"
    ".history-picture .number{fill:var(--mark)}.history-picture .witness .digit{fill:var(--page);font-size:11px}\n"
    "</style>\n"
    "<defs><linearGradient id=\"history-fade\"><stop offset=\"0\"/><stop offset=\"1\" stop-opacity=\"0\"/>"
    "</linearGradient></defs>\n";

static void put_xml(struct text *out, const struct text *text)
{
    text_xml(out, text_string(text), text->len);
    out->failed |= text->failed;
}

static double x_of(const struct picture *p, size_t place)
{
    return LEFT + p->step * (double)place;
}

/* Where the label stands in its bar. */
static double inset_of(int number)
{
    return number > 0 ? 22 : 5;
}

/* The columns are as wide as the labels need, each over the columns its bar takes. */
static double step_of(const struct history *h, const struct check_result *r, const struct picture *p, struct text *out)
{
    double step = STEP;
    for (size_t i = 0; i < p->operations.count; i++) {
        const struct operation *o = &h->operations[p->operations.items[i]];
        struct text label = TEXT_INIT;
        size_t from = picture_place(p, o->invoked);
        double columns = o->ended == TIME_NEVER ? (double)(p->times.count - 1 - from) + FADE
                                                : (double)(picture_place(p, o->ended) - from);
        picture_label(h, o, &label);
        double wide = inset_of(picture_number(r, p->operations.items[i])) + 4 +
                      CHARACTER * (double)(label.len < LABEL_WHOLE ? label.len : LABEL_WHOLE);
        if (columns >= 1 && wide / columns > step)
            step = wide / columns;
        out->failed |= label.failed;
        text_deinit(&label);
    }
    return step < STEP_MAX ? step : STEP_MAX;
}

static void put_bar(const struct history *h, const struct check_result *r, const struct picture *p, size_t operation,
                    struct text *out)
{
    const struct operation *o = &h->operations[operation];
    struct text label = TEXT_INIT, tip = TEXT_INIT;
    int number = picture_number(r, operation);
    bool open = o->ended == TIME_NEVER;
    double x = x_of(p, picture_place(p, o->invoked));
    double end = open ? x_of(p, p->times.count - 1) + FADE * p->step : x_of(p, picture_place(p, o->ended));
    double width = end - x > 4 ? end - x : 4, y = TOP + ROW * (double)picture_row(p, o->process);
    picture_label(h, o, &label);
    history_print_operation(h, operation, p->times.items[0], &tip);
    text_printf(out, "<g%s><title>", number > 0 ? " class=\"witness\"" : "");
    put_xml(out, &tip);
    text_printf(out, "</title><rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"4\"/>",
                open ? "open" : operation_end_name(o->end), x, y, width, BAR);
    /* The label is cut where the bar ends; a tooltip has the whole of it. */
    double inset = inset_of(number), room = width - inset - 3;
    size_t fits = room > 0 ? (size_t)(room / CHARACTER) : 0;
    if (label.len > fits)
        text_truncate(&label, fits > 2 ? fits - 2 : 0);
    if (number > 0)
        text_printf(
            out,
            "<circle class=\"number\" cx=\"%.1f\" cy=\"%.1f\" r=\"8\"/><text class=\"digit\" x=\"%.1f\" y=\"%.1f\" "
            "text-anchor=\"middle\">%d</text>",
            x + 11, y + BAR / 2.0, x + 11, y + BAR / 2.0 + 4, number);
    if (label.len > 0) {
        text_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", x + inset, y + BAR / 2.0 + 4);
        put_xml(out, &label);
        text_puts(out, "</text>");
    }
    text_puts(out, "</g>\n");
    out->failed |= label.failed;
    text_deinit(&label);
    text_deinit(&tip);
}

static void put_rows(const struct picture *p, double width, struct text *out)
{
    for (size_t i = 0; i < p->processes.count; i++) {
        double y = TOP + ROW * (double)i;
        text_printf(out, "<text class=\"soft\" x=\"8\" y=\"%.1f\">process %" PRId32 "</text>", y + BAR / 2.0 + 4,
                    p->processes.items[i]);
        text_printf(out, "<line class=\"line\" x1=\"8\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", y + ROW - 6,
                    width - 8, y + ROW - 6);
    }
}

/* Times since the first event shown. */
static void put_times(const struct picture *p, double y, struct text *out)
{
    double free_from = 0;
    for (size_t i = 0; i < p->times.count; i++) {
        char time[32];
        if (x_of(p, i) < free_from)
            continue;
        units_format_duration((int64_t)(p->times.items[i] - p->times.items[0]), time, sizeof time);
        text_printf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\">%s</text>", x_of(p, i), y + 14, time);
        text_printf(out, "<line class=\"line\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x_of(p, i), TOP - 8,
                    x_of(p, i), y);
        free_from = x_of(p, i) + TICK;
    }
}

static void put_title(const struct history *h, const struct check_result *r, const struct picture *p, struct text *out)
{
    struct text title = TEXT_INIT;
    text_puts(&title, "key ");
    history_print_key(h, r->key, &title);
    text_puts(&title, ": ");
    if (text_ok(&title) && strncmp(r->reason, text_string(&title), title.len) == 0)
        text_clear(&title); /* the reason names it itself */
    text_printf(&title, "%.*s", TITLE_MAX, r->reason);
    text_puts(out, "<text class=\"title\" x=\"8\" y=\"20\">");
    put_xml(out, &title);
    text_puts(out, "</text>\n<text class=\"soft\" x=\"8\" y=\"40\">");
    text_puts(out, "in the order of events, not to scale; numbered: what no order explains");
    if (p->left_out > 0)
        text_printf(out, "; %zu more operations meanwhile are not shown", p->left_out);
    text_puts(out, "</text>\n");
    text_deinit(&title);
}

int picture_svg(const struct history *h, const struct check_result *r, bool alone, struct text *out)
{
    struct picture p;
    int code = picture_make(&p, h, r, r->witness.count + NEIGHBOURS);
    if (code != 0 || p.operations.count == 0) {
        picture_free(&p);
        return code;
    }
    double rows = TOP + ROW * (double)p.processes.count, height = rows + BOTTOM;
    p.step = step_of(h, r, &p, out);
    double bars = x_of(&p, p.times.count - 1) + (FADE + 0.3) * p.step,
           titles = 16 + 7.3 * (double)(strlen(r->reason) + 12);
    double width = bars > titles ? bars : titles;
    width = width < 720 ? 720 : width;
    text_printf(
        out,
        "<svg%s class=\"history-picture\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
        alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", width, height, width, height);
    text_puts(out, style);
    text_printf(out, "<rect class=\"page\" width=\"%.0f\" height=\"%.0f\"/>\n", width, height);
    put_title(h, r, &p, out);
    put_rows(&p, width, out);
    put_times(&p, rows, out);
    /* The witness is drawn last: nothing lies over it. */
    for (int marked = 0; marked < 2; marked++)
        for (size_t i = 0; i < p.operations.count; i++)
            if ((picture_number(r, p.operations.items[i]) > 0) == (marked == 1))
                put_bar(h, r, &p, p.operations.items[i], out);
    text_puts(out, "</svg>\n");
    picture_free(&p);
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

int picture_html(const struct history *h, const struct check_result *r, const char *title, struct text *out)
{
    text_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    text_xml(out, title, strlen(title));
    text_puts(out, "</title><style>:root{color-scheme:light dark}body{margin:16px;font:14px/1.5 system-ui,sans-serif}"
                   "div{overflow-x:auto}</style></head>\n<body><h1>");
    text_xml(out, title, strlen(title));
    text_puts(out, "</h1>\n<div>");
    int code = picture_svg(h, r, false, out);
    text_puts(out, "</div>\n<ol>\n");
    uint64_t zero = r->witness.count > 0 ? h->operations[r->witness.items[0]].invoked : 0;
    for (size_t i = 0; i < r->witness.count; i++) {
        struct text line = TEXT_INIT;
        history_print_operation(h, r->witness.items[i], zero, &line);
        text_puts(out, "<li>");
        put_xml(out, &line);
        text_puts(out, "</li>\n");
        text_deinit(&line);
    }
    text_puts(out, "</ol></body></html>\n");
    return code != 0 ? code : text_ok(out) ? 0 : ERROR_MEMORY;
}
