/* The faults of the timeline as a table: which, on what, when, how long, and whether anything came of it. */
#include "reports/html.h"

#define OPEN_MAX 12   /* a longer table is closed at first */
#define ROWS_MAX 1000 /* told one by one */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_row(const struct report *r, const struct report_fault *f, struct text *out)
{
    text_puts(out, "<tr><th scope=\"row\">");
    put(out, f->name);
    text_puts(out, "</th><td>");
    put(out, f->target);
    text_printf(out, "</td><td class=\"number\">%.3f</td><td class=\"number\">", (double)f->start / 1e9);
    if (f->healed)
        text_printf(out, "%.3f", (double)(report_fault_end(r, f) - f->start) / 1e9);
    text_puts(out, "</td><td class=\"number\">");
    if (f->counted)
        text_printf(out, "%llu", (unsigned long long)f->hits);
    text_puts(out, report_fault_missed(f) ? "</td><td><b class=\"flaky\">not injected</b>: it hit nothing"
                   : f->verified          ? "</td><td>verified"
                                          : "</td><td>not verified");
    text_puts(out, f->healed ? ", healed" : "");
    page_tagged(out, "div", "remark", f->detail);
    text_puts(out, "</td></tr>\n");
}

void faults_html(const struct report *r, struct text *out)
{
    size_t count = r->faults.count, shown = count < ROWS_MAX ? count : ROWS_MAX;
    if (count == 0)
        return;
    text_printf(out,
                "<details class=\"suite table\"%s><summary><span class=\"suite-name\">Faults</span> "
                "<span class=\"time\">%zu</span></summary>",
                count <= OPEN_MAX ? " open" : "", count);
    page_scroll(out, "Faults");
    text_puts(out,
              "<table data-sort><thead><tr><th scope=\"col\">fault</th><th scope=\"col\">on</th>"
              "<th scope=\"col\" class=\"number\">began, s</th><th scope=\"col\" class=\"number\">held, s</th>"
              "<th scope=\"col\" class=\"number\">hits</th><th scope=\"col\">outcome</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++)
        put_row(r, &r->faults.items[i], out);
    text_puts(out, "</tbody></table></div>");
    if (shown < count)
        text_printf(out, "<p class=\"hint\">and %zu more, which stand in the result file</p>", count - shown);
    text_puts(out, "</details>\n");
}
