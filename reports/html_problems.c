/* What went wrong: bugs, cases that failed, those that passed only after they had failed, warnings; before them, where
 * there are several, a list of them all to see at a glance and to go to. */
#include "reports/html.h"

#define LISTED_MAX   500 /* lines of that list */
#define DETAIL_LINES 60  /* more are scrolled */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_case_name(const struct report_case *c, struct text *out)
{
    if (c->pillar[0] != 0) {
        put(out, c->pillar);
        text_puts(out, " / ");
    }
    if (c->suite[0] != 0) {
        put(out, c->suite);
        text_puts(out, " / ");
    }
    text_puts(out, "<b>");
    put(out, c->name);
    text_puts(out, "</b>");
}

static const char *kind_of(enum report_status status)
{
    return status == REPORT_FAILED ? "failure" : "flaky";
}

static void put_case(const struct report_case *c, size_t number, struct text *out)
{
    const char *status = report_status_name(c->status);
    text_printf(out, "<article class=\"problem%s\" id=\"%s-%zu\"><h3><span class=\"badge %s\">%s</span> ",
                c->status == REPORT_FAILED ? "" : " warning", kind_of(c->status), number, status, status);
    put_case_name(c, out);
    text_puts(out, "</h3><p class=\"meta\">");
    page_place(c, out);
    if (c->tries > 1)
        text_printf(out, "<span>%s <b>%llu</b>, told is the first</span>",
                    c->status == REPORT_FAILED ? "tries" : "passed in try", (unsigned long long)c->tries);
    text_puts(out, "<span class=\"time\">");
    page_duration(out, c->duration);
    text_puts(out, ", ");
    page_duration(out, c->t);
    text_puts(out, " into the run</span></p>\n");
    page_tagged(out, "p", "message", c->message);
    page_text(out, "detail", c->detail, DETAIL_LINES);
    page_text(out, "detail", c->later, DETAIL_LINES);
    page_pictures(c, out);
    attempts_html(c, out);
    page_command(out, "replay", c->replay);
    steps_html(c, out);
    spans_html(c, out);
    text_puts(out, "</article>\n");
}

static void put_cases(const struct report *r, enum report_status status, struct text *out)
{
    size_t number = 0;
    for (size_t i = 0; i < r->cases.count; i++)
        if (r->cases.items[i].status == status)
            put_case(&r->cases.items[i], number++, out);
}

static void put_finding(const struct report_finding *f, size_t number, struct text *out)
{
    const char *kind = f->warning ? "flaky" : "failed";
    text_printf(out, "<article class=\"problem%s\" id=\"finding-%zu\"><h3><span class=\"badge %s\">",
                f->warning ? " warning" : "", number, kind);
    put(out, f->severity[0] == 0 ? "finding" : f->severity);
    text_puts(out, "</span> <b>");
    put(out, f->title);
    text_puts(out, "</b></h3><p class=\"meta\">");
    const char *const facts[] = {"pillar", f->pillar, "target", f->target, "oracle", f->oracle, "seed", f->seed};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i += 2) {
        if (facts[i + 1][0] == 0)
            continue;
        text_printf(out, "<span>%s <b>", facts[i]);
        put(out, facts[i + 1]);
        text_puts(out, "</b></span>");
    }
    if (f->count > 1)
        text_printf(out, "<span>met <b>%llu</b> times</span>", (unsigned long long)f->count);
    text_puts(out, "<span class=\"time\">");
    page_duration(out, f->t);
    text_puts(out, " into the run</span></p>\n");
    page_text(out, "detail", f->detail, DETAIL_LINES);
    page_picture(&f->picture, out);
    if (f->input[0] != 0) {
        text_puts(out, "<details><summary>input</summary>");
        page_text(out, "detail", f->input, DETAIL_LINES);
        text_puts(out, "</details>\n");
    }
    page_command(out, "replay", f->replay);
    text_puts(out, "</article>\n");
}

static void put_findings(const struct report *r, bool warnings, struct text *out)
{
    for (size_t i = 0; i < r->findings.count; i++)
        if (r->findings.items[i].warning == warnings)
            put_finding(&r->findings.items[i], i, out);
}

/* ---- the list of them ------------------------------------------------------------------------------------------ */

static void put_entry(struct text *out, const char *badge, const char *word, const char *id, size_t number,
                      const char *name, const char *message)
{
    text_printf(out, "<li><span class=\"badge %s\">", badge);
    put(out, word);
    text_printf(out, "</span> <a href=\"#%s-%zu\">", id, number);
    put(out, name);
    text_puts(out, "</a>");
    if (message[0] != 0) {
        text_puts(out, " <span class=\"remark\">");
        text_xml(out, message, strcspn(message, "\n"));
        text_puts(out, "</span>");
    }
    text_puts(out, "</li>\n");
}

static void list_findings(const struct report *r, bool warnings, size_t *listed, struct text *out)
{
    for (size_t i = 0; i < r->findings.count; i++) {
        const struct report_finding *f = &r->findings.items[i];
        if (f->warning == warnings && (*listed)++ < LISTED_MAX)
            put_entry(out, warnings ? "flaky" : "failed", f->severity[0] == 0 ? "finding" : f->severity, "finding", i,
                      f->title, f->target);
    }
}

static void list_cases(const struct report *r, enum report_status status, size_t *listed, struct text *out)
{
    size_t number = 0;
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status != status)
            continue;
        if ((*listed)++ < LISTED_MAX)
            put_entry(out, report_status_name(status), report_status_name(status), kind_of(status), number, c->name,
                      c->message);
        number++;
    }
}

static void put_list(const struct report *r, struct text *out)
{
    size_t listed = 0;
    text_puts(out, "<ol class=\"index\">\n");
    list_findings(r, false, &listed, out);
    list_cases(r, REPORT_FAILED, &listed, out);
    list_cases(r, REPORT_FLAKY, &listed, out);
    list_findings(r, true, &listed, out);
    if (listed > LISTED_MAX)
        text_printf(out, "<li>and %zu more below</li>\n", listed - LISTED_MAX);
    text_puts(out, "</ol>\n");
}

size_t problems_count(const struct report *r)
{
    return r->counts[REPORT_FAILED] + r->counts[REPORT_FLAKY] + r->findings.count;
}

void problems_html(const struct report *r, struct text *out)
{
    size_t count = problems_count(r);
    if (count == 0)
        return;
    text_puts(out, "<section id=\"problems\"><h2>Failures and findings</h2>\n");
    if (count > 1)
        put_list(r, out);
    put_findings(r, false, out);
    put_cases(r, REPORT_FAILED, out);
    put_cases(r, REPORT_FLAKY, out);
    put_findings(r, true, out);
    text_puts(out, "</section>\n");
}
