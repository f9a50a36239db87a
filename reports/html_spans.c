/* The waterfall of a case: what components kept of its trace, as bars on one scale of time, and the same as a table for
 * who does not see them. Nothing, and no style for it, where no case has any. */
#include "reports/html.h"

#include "base/units.h"

#define HUES       5    /* as in report.css */
#define INDENT_MAX 24   /* levels that are seen as such */
#define WIDTH_MIN  0.15 /* percent: a bar that is there is seen */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_time(struct text *out, int64_t ns)
{
    char buffer[32];
    units_format_duration(ns < 0 ? -ns : ns, buffer, sizeof buffer);
    text_printf(out, "%s%s", ns < 0 ? "-" : "", buffer);
}

static bool is_first(const struct report_trace *t, size_t i)
{
    size_t first = 0;
    while (strcmp(t->spans[first].component, t->spans[i].component) != 0)
        first++;
    return first == i;
}

/* Components are numbered as they are met; how many there are before that of span `i`, or at all with the count. */
static size_t components_before(const struct report_trace *t, size_t i)
{
    size_t number = 0;
    for (size_t k = 0; k < t->count; k++) {
        if (i < t->count && strcmp(t->spans[k].component, t->spans[i].component) == 0)
            break;
        number += is_first(t, k);
    }
    return number;
}

static bool is_ok(const struct report_span *s)
{
    return s->status[0] == 0 || strcmp(s->status, "OK") == 0;
}

static void put_bar(struct text *out, const struct report_trace *t, size_t i, double begin, double length)
{
    const struct report_span *s = &t->spans[i];
    double left = 100 * ((double)s->start - begin) / length, width = 100 * (double)s->duration / length;
    size_t depth = s->depth < INDENT_MAX ? s->depth : INDENT_MAX;
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    left = left > 100 - width ? 100 - width : left;
    text_printf(out, "<div><span style=\"padding-left:%zuem\"><b>", depth);
    put(out, s->component);
    text_puts(out, "</b> ");
    put(out, s->name);
    text_printf(out, "</span><span><s class=\"%s%zu\" style=\"margin-left:%.4g%%;width:%.4g%%\"></s></span><span>",
                s->outbound ? "calls part" : "part", components_before(t, i) % HUES, left < 0 ? 0 : left, width);
    put_time(out, (int64_t)s->duration);
    if (!is_ok(s)) {
        text_puts(out, " <b class=\"failed\">");
        put(out, s->status);
        text_puts(out, "</b>");
    }
    text_puts(out, "</span></div>\n");
}

static void put_bars(struct text *out, const struct report_trace *t)
{
    double begin = (double)t->spans[0].start, end = begin;
    for (size_t i = 0; i < t->count; i++) {
        double from = (double)t->spans[i].start, to = from + (double)t->spans[i].duration;
        begin = from < begin ? from : begin;
        end = to > end ? to : end;
    }
    text_puts(out,
              "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Waterfall of the calls\">"
              "<div class=\"waterfall\" role=\"img\" aria-label=\"Bars of what the table below says in words\">\n");
    for (size_t i = 0; i < t->count; i++)
        put_bar(out, t, i, begin, end > begin ? end - begin : 1);
    text_puts(out, "</div></div>\n");
}

static void put_rows(struct text *out, const struct report_trace *t)
{
    text_puts(out, "<details><summary>as a table</summary><div class=\"scroll\" tabindex=\"0\" role=\"group\" "
                   "aria-label=\"Table of the calls\"><table><thead><tr>"
                   "<th scope=\"col\">component</th><th scope=\"col\">call</th><th scope=\"col\">level</th>"
                   "<th scope=\"col\">side</th><th scope=\"col\" class=\"number\">began</th>"
                   "<th scope=\"col\" class=\"number\">took</th><th scope=\"col\">status</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < t->count; i++) {
        const struct report_span *s = &t->spans[i];
        text_puts(out, "<tr><td>");
        put(out, s->component);
        text_puts(out, "</td><td>");
        put(out, s->name);
        text_printf(out, "</td><td>%zu</td><td>%s</td><td class=\"number\">", s->depth + 1,
                    s->outbound ? "calls" : "answers");
        put_time(out, s->start);
        text_puts(out, "</td><td class=\"number\">");
        put_time(out, (int64_t)s->duration);
        text_puts(out, "</td><td>");
        put(out, s->status);
        text_puts(out, "</td></tr>\n");
    }
    text_puts(out, "</tbody></table></div></details>\n");
}

void spans_html(const struct report_case *c, struct text *out)
{
    const struct report_trace *t = c->trace;
    if (t == NULL || t->count + t->skip_count == 0)
        return;
    size_t components = components_before(t, t->count);
    text_printf(out, "<details class=\"spans\"%s><summary>%zu span%s of %zu component%s</summary>\n",
                c->status == REPORT_FAILED ? " open" : "", t->count, t->count == 1 ? "" : "s", components,
                components == 1 ? "" : "s");
    if (c->tries > 1)
        text_printf(out, "<p class=\"remark\">what was kept by the end of try 1 of %llu</p>\n",
                    (unsigned long long)c->tries);
    if (t->id[0] != 0) {
        text_puts(out, "<p class=\"remark\">trace <code data-copy>");
        put(out, t->id);
        text_puts(out, "</code></p>\n");
    }
    if (t->count > 0) {
        put_bars(out, t);
        put_rows(out, t);
    }
    for (size_t i = 0; i < t->skip_count; i++) {
        text_puts(out, "<p class=\"remark\">did not tell its spans: <b>");
        put(out, t->skips[i].component);
        text_puts(out, "</b> ");
        put(out, t->skips[i].why);
        text_puts(out, "</p>\n");
    }
    if (t->left_out > 0)
        text_printf(out, "<p class=\"remark\">%llu more were left out.</p>\n", (unsigned long long)t->left_out);
    text_puts(out, "</details>\n");
}

bool spans_needed(const struct report *r)
{
    for (size_t i = 0; i < r->cases.count; i++)
        if (r->cases.items[i].trace != NULL)
            return true;
    return false;
}
