#include "reports/html.h"
#include "reports/matrix.h"

#include "base/units.h"

#include <stdlib.h>

#define PASSED_MAX 20000 /* passed cases listed one by one; beyond, a suite says how many there were */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

/* ---- head of the page ------------------------------------------------------------------------------------------ */

static void put_fact(struct text *out, const char *name, const char *value)
{
    if (value[0] == 0)
        return;
    text_printf(out, "<div><dt>%s</dt><dd>", name);
    put(out, value);
    text_puts(out, "</dd></div>\n");
}

static void put_header(const struct report *r, struct text *out)
{
    const char *verdict = report_verdict_name(report_verdict(r));
    char duration[32];
    units_format_duration((int64_t)(r->duration & INT64_MAX), duration, sizeof duration);
    text_printf(out, "<header>\n<h1><span class=\"verdict %s\">%s</span> ", verdict, verdict);
    put(out, r->system[0] == 0 ? "harrow run" : r->system);
    text_puts(out, "</h1>\n<dl class=\"facts\">\n");
    put_fact(out, "driver", r->driver);
    put_fact(out, "seed", r->seed);
    put_fact(out, "duration", duration);
    put_fact(out, "started", r->started);
    put_fact(out, "run", r->id);
    put_fact(out, "version", r->version);
    text_puts(out, "</dl>\n");
    page_command(out, "repeat", r->command);
    if (!r->ended || r->truncated)
        text_puts(out, "<p class=\"banner\">The result stream stops before the run&#39;s end: the run was killed or is "
                       "still going. What followed was not observed.</p>\n");
    if (report_interrupted(r)) {
        text_puts(out, "<p class=\"banner\">");
        report_interrupted_at(r, out);
        text_puts(out, "</p>\n");
    }
    if (r->missing[0] != 0) {
        text_puts(out, "<p class=\"banner\">Shards are missing: ");
        put(out, r->missing);
        text_puts(out, "</p>\n");
    }
    for (size_t i = 0; i < r->faults.count; i++) {
        const struct report_fault *f = &r->faults.items[i];
        if (!report_fault_missed(f))
            continue;
        text_puts(out, "<p class=\"banner\">Not injected: ");
        put(out, f->name);
        text_puts(out, " on ");
        put(out, f->target);
        text_puts(out, " hit nothing.</p>\n");
    }
    text_puts(out, "</header>\n");
}

static void put_count(struct text *out, size_t count, const char *kind, const char *one, const char *many)
{
    if (count != 0)
        text_printf(out, "<span class=\"count %s\">%zu %s</span> ", kind, count, count == 1 ? one : many);
}

static void put_counts(struct text *out, const size_t counts[REPORT_STATUS_COUNT], size_t findings, size_t warnings)
{
    put_count(out, counts[REPORT_FAILED], "failed", "failed", "failed");
    put_count(out, findings, "failed", "finding", "findings");
    put_count(out, warnings, "flaky", "warning", "warnings");
    put_count(out, counts[REPORT_FLAKY], "flaky", "flaky", "flaky");
    put_count(out, counts[REPORT_SKIPPED], "skipped", "skipped", "skipped");
    put_count(out, counts[REPORT_PASSED], "passed", "passed", "passed");
}

/* "not_injected" as it is read. */
static void put_words(struct text *out, const char *name)
{
    for (size_t len = strcspn(name, "_"); *name != 0; name += len, len = strcspn(name, "_")) {
        text_xml(out, name, len);
        if (name[len] != 0)
            text_char(out, ' ');
        name += name[len] != 0;
    }
}

static void put_pillars(const struct report *r, struct text *out)
{
    if (r->pillars.count == 0)
        return;
    text_puts(out, "<section class=\"pillars\" aria-label=\"Totals\">\n");
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        size_t bad = p->counts[REPORT_FAILED] + p->findings;
        text_printf(out, "<article class=\"pillar %s\"><h2>", bad != 0 ? "bad" : "good");
        bool has_cases = p->counts[0] + p->counts[1] + p->counts[2] + p->counts[3] != 0;
        if (has_cases)
            text_printf(out, "<a href=\"#cases-%zu\">", i);
        put(out, p->name[0] == 0 ? "(no pillar)" : p->name);
        text_puts(out, has_cases ? "</a></h2><p>" : "</h2><p>");
        put_counts(out, p->counts, p->findings, p->warnings);
        if (p->started && !p->ended)
            text_puts(out, "<span class=\"count flaky\">not finished</span>");
        text_puts(out, "</p>\n<dl>");
        if (p->started) {
            text_puts(out, "<div><dt>took</dt><dd>");
            page_duration(out, p->end > p->start ? p->end - p->start : 0);
            text_puts(out, "</dd></div>");
        }
        for (const struct report_member *m = p->totals; m != NULL; m = m->next) {
            text_puts(out, "<div><dt>");
            put_words(out, m->name);
            text_puts(out, "</dt><dd>");
            put(out, m->value);
            text_puts(out, "</dd></div>");
        }
        text_puts(out, "</dl></article>\n");
    }
    text_puts(out, "</section>\n");
}

/* ---- over time ------------------------------------------------------------------------------------------------- */

static void put_timeline(const struct report *r, struct text *out)
{
    if (!timeline_needed(r))
        return;
    struct timeline_curve *curves = calloc(r->series.count + 1, sizeof *curves);
    bool fine = curves != NULL;
    for (size_t i = 0; fine && i < r->series.count; i++)
        fine = timeline_curve_make(&r->series.items[i], r->duration, &curves[i]) == 0;
    if (fine) {
        text_puts(out, "<section id=\"over-time\"><h2>Timeline</h2>\n");
        page_scroll(out, "Timeline");
        text_puts(out, "<div class=\"plot\">\n");
        timeline_svg(r, curves, out);
        text_puts(out, "<div id=\"tooltip\" hidden></div></div></div>\n"
                       "<script type=\"application/json\" id=\"timeline-data\">");
        timeline_json(r, curves, out);
        text_puts(out, "</script>\n");
        faults_html(r, out);
        text_puts(out, "</section>\n");
    } else {
        out->failed = true;
    }
    for (size_t i = 0; curves != NULL && i < r->series.count; i++)
        timeline_curve_free(&curves[i]);
    free(curves);
}

/* ---- everything ------------------------------------------------------------------------------------------------ */

static void put_row(const struct report_case *c, struct text *out)
{
    const char *status = report_status_name(c->status);
    text_printf(out, "<tr data-status=\"%s\"><td><span class=\"badge %s\">%s</span></td><td>", status, status, status);
    put(out, c->name);
    if (c->status == REPORT_PASSED || c->status == REPORT_SKIPPED) { /* the others are told in full above */
        page_tagged(out, "div", "remark", c->message);
        attempts_html(c, out);
        page_pictures(c, out);
        steps_html(c, out);
        spans_html(c, out);
    }
    text_puts(out, "</td><td>");
    page_place(c, out);
    text_puts(out, "</td><td class=\"number\">");
    if (c->duration != 0)
        page_duration(out, c->duration);
    text_puts(out, "</td></tr>\n");
}

static void put_suite(const struct report *r, const struct report_suite *suite, size_t *listed, struct text *out)
{
    size_t left_out = 0;
    text_printf(out, "<details class=\"suite\"%s><summary><span class=\"suite-name\">",
                suite->counts[REPORT_FAILED] != 0 ? " open" : "");
    put(out, suite->name[0] == 0 ? "cases" : suite->name); /* below its pillar's name */
    text_puts(out, "</span> ");
    put_counts(out, suite->counts, 0, 0);
    text_puts(out, "<span class=\"time\">");
    if (suite->duration != 0)
        page_duration(out, suite->duration);
    text_puts(out, "</span></summary><table class=\"cases\">\n<thead><tr><th scope=\"col\">verdict</th>"
                   "<th scope=\"col\">case</th><th scope=\"col\">where</th>"
                   "<th scope=\"col\" class=\"number\">took</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < suite->count; i++) {
        const struct report_case *c = &r->cases.items[suite->cases[i]];
        if (c->status == REPORT_PASSED && (*listed)++ >= PASSED_MAX)
            left_out++;
        else
            put_row(c, out);
    }
    if (left_out != 0)
        text_printf(out, "<tr><td></td><td colspan=\"3\">and %zu more that passed</td></tr>\n", left_out);
    text_puts(out, "</tbody></table></details>\n");
}

static void put_suites(const struct report *r, struct text *out)
{
    struct report_suite *suites = NULL;
    size_t count = 0, listed = 0;
    if (report_suites(r, &suites, &count) != 0)
        out->failed = true;
    if (count != 0)
        text_puts(out, "<section id=\"cases\"><h2>All cases</h2>\n");
    for (size_t p = 0; p < r->pillars.count; p++) {
        const struct report_pillar *pillar = &r->pillars.items[p];
        bool any = false;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(suites[i].pillar, pillar->name) != 0)
                continue;
            if (!any) {
                text_printf(out, "<section class=\"of-pillar\" id=\"cases-%zu\"><h3>", p);
                put(out, pillar->name[0] == 0 ? "(no pillar)" : pillar->name);
                text_puts(out, "</h3>\n");
                any = true;
            }
            put_suite(r, &suites[i], &listed, out);
        }
        text_puts(out, any ? "</section>\n" : "");
    }
    if (count != 0)
        text_puts(out, "</section>\n");
    report_suites_free(suites, count);
}

static void put_notes(const struct report *r, struct text *out)
{
    if (r->notes.count == 0)
        return;
    text_puts(out, "<section id=\"notes\"><h2>Notes</h2>\n<ul class=\"notes\">\n");
    for (size_t i = 0; i < r->notes.count; i++) {
        text_puts(out, "<li><span class=\"time\">");
        page_duration(out, r->notes.items[i].t);
        text_puts(out, "</span> ");
        put(out, r->notes.items[i].text);
        text_puts(out, "</li>\n");
    }
    text_puts(out, "</ul></section>\n");
}

static void put_link(struct text *out, bool there, const char *id, const char *name)
{
    if (there)
        text_printf(out, "<li><a href=\"#%s\">%s</a></li>", id, name);
}

/* Where to go from here, by keyboard as well. */
static void put_navigation(const struct report *r, struct text *out)
{
    text_puts(out, "<nav aria-label=\"Sections\"><ul>");
    put_link(out, problems_count(r) != 0, "problems", "Failures and findings");
    put_link(out, timeline_needed(r), "over-time", "Timeline");
    put_link(out, latency_needed(r), "latency", "Latency");
    put_link(out, r->recoveries.count != 0, "recovery", "Recovery");
    put_link(out, r->contracts.count != 0, "contracts", "Contracts");
    put_link(out, r->tables.count != 0, "tables", "In figures");
    put_link(out, r->cases.count != 0, "cases", "All cases");
    put_link(out, r->notes.count != 0, "notes", "Notes");
    text_puts(out, "</ul></nav>\n");
}

void report_html(const struct report *r, struct text *out)
{
    struct bytes css = report_asset_css(), spans = report_asset_spans_css(), js = report_asset_js();
    /* The policy lets the page's own style and script run and nothing be fetched. */
    text_puts(out,
              "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
              "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<link rel=\"icon\" href=\"data:,\">\n<title>");
    text_puts(out, report_verdict_name(report_verdict(r)));
    text_puts(out, ": ");
    put(out, r->system[0] == 0 ? "harrow run" : r->system);
    text_puts(out, "</title>\n<style>\n");
    text_add(out, css.data, css.len);
    if (spans_needed(r))
        text_add(out, spans.data, spans.len);
    text_puts(out, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">to the results</a>\n");
    put_header(r, out);
    put_navigation(r, out);
    text_puts(out, "<main id=\"content\">\n");
    put_pillars(r, out);
    problems_html(r, out);
    put_timeline(r, out);
    latency_html(r, out);
    recovery_html(r, out);
    matrix_html(r, out);
    tables_html(r, out);
    put_suites(r, out);
    put_notes(r, out);
    text_printf(out, "</main>\n<footer>%zu lines read", r->lines);
    if (r->unknown != 0)
        text_printf(out, ", %zu of a type this version does not know", r->unknown);
    if (r->dropped != 0)
        text_printf(out, ", %zu samples of curves beyond the first %d left out", r->dropped, REPORT_SERIES_MAX);
    text_puts(out, "</footer>\n<script>\n");
    text_add(out, js.data, js.len);
    text_puts(out, "</script>\n</body>\n</html>\n");
}
