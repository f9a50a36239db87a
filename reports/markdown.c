#include "reports/model.h"

#include "base/units.h"

#include <stdlib.h>

#define PROBLEMS_MAX 100  /* told one by one: a summary page takes 1 MiB */
#define DETAIL_MAX   2000 /* bytes of what is shown of one */
#define TABLE_MAX    40   /* rows of recoveries */

/* As text of one line: nothing in it is markup, in a cell or outside. */
static void put(struct text *out, const char *s)
{
    for (; *s != 0; s++) {
        if (strchr("\\`*_{}[]#!|~", *s) != NULL)
            text_char(out, '\\');
        if (*s == '<')
            text_puts(out, "&lt;");
        else if (*s == '>')
            text_puts(out, "&gt;");
        else if (*s == '&')
            text_puts(out, "&amp;");
        else if (*s == '@')
            text_puts(out, "&#64;"); /* calls nobody */
        else
            text_char(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
    }
}

/* A block of code, with a fence longer than any in it. */
static void put_code(struct text *out, const char *s)
{
    size_t fence = 3, run = 0, len = strlen(s), shown = len;
    if (shown > DETAIL_MAX) {
        shown = DETAIL_MAX;
        while (shown > 0 && ((unsigned char)s[shown] & 0xC0) == 0x80)
            shown--;
    }
    for (size_t i = 0; i < shown; i++) {
        run = s[i] == '`' ? run + 1 : 0;
        fence = run >= fence ? run + 1 : fence;
    }
    for (size_t i = 0; i < fence; i++)
        text_char(out, '`');
    text_puts(out, "text\n");
    for (size_t i = 0; i < shown; i++)
        text_char(out, (unsigned char)s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' ? ' ' : s[i]);
    if (shown < len)
        text_printf(out, "\n… %zu more bytes", len - shown);
    text_puts(out, shown > 0 && shown == len && s[shown - 1] == '\n' ? "" : "\n");
    for (size_t i = 0; i < fence; i++)
        text_char(out, '`');
    text_puts(out, "\n\n");
}

static void put_duration(struct text *out, uint64_t ns)
{
    char buffer[32];
    units_format_duration((int64_t)(ns & INT64_MAX), buffer, sizeof buffer);
    text_puts(out, buffer);
}

static void put_head(const struct report *r, struct text *out)
{
    static const char *const marks[] = {"✅", "❌", "⚠️", "⚠️"};
    enum report_verdict v = report_verdict(r);
    text_printf(out, "## %s ", marks[v]);
    put(out, r->system[0] == 0 ? "harrow" : r->system);
    text_printf(out, ": %s in ", report_verdict_name(v));
    put_duration(out, r->duration);
    text_puts(out, "\n\n");
    if (!r->ended || r->truncated)
        text_puts(out, "**The results stop before the run's end: what followed was not observed.**\n\n");
    if (report_interrupted(r)) {
        text_puts(out, "**");
        report_interrupted_at(r, out);
        text_puts(out, "**\n\n");
    }
    if (r->missing[0] != 0) {
        text_puts(out, "**Shards are missing: ");
        put(out, r->missing);
        text_puts(out, "**\n\n");
    }
    if (r->command[0] != 0)
        put_code(out, r->command);
}

static void put_pillars(const struct report *r, struct text *out)
{
    if (r->pillars.count == 0)
        return;
    text_puts(out, "| pillar | passed | failed | flaky | skipped | findings | warnings |\n"
                   "|---|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        text_puts(out, "| ");
        put(out, p->name[0] == 0 ? "(none)" : p->name);
        text_printf(out, " | %zu | %zu | %zu | %zu | %zu | %zu |\n", p->counts[REPORT_PASSED], p->counts[REPORT_FAILED],
                    p->counts[REPORT_FLAKY], p->counts[REPORT_SKIPPED], p->findings, p->warnings);
    }
    text_char(out, '\n');
}

static void open_problem(struct text *out, const char *mark, const char *name, const char *where)
{
    text_printf(out, "### %s ", mark);
    put(out, name);
    text_puts(out, "\n\n");
    if (where[0] != 0) {
        put(out, where);
        text_puts(out, "\n\n");
    }
}

static void put_case(const struct report_case *c, struct text *out)
{
    struct text where = TEXT_INIT;
    text_printf(&where, "%s%s%s", c->pillar, c->pillar[0] != 0 && c->suite[0] != 0 ? " / " : "", c->suite);
    if (c->file[0] != 0) {
        text_puts(&where, where.len != 0 ? ", " : "");
        report_place(c, &where);
    }
    open_problem(out, c->status == REPORT_FLAKY ? "Flaky:" : "Failed:", c->name, text_string(&where));
    if (!text_ok(&where))
        out->failed = true;
    text_deinit(&where);
    if (c->message[0] != 0) {
        put(out, c->message);
        text_puts(out, "\n\n");
    }
    if (c->detail[0] != 0)
        put_code(out, c->detail);
    if (c->later[0] != 0)
        put_code(out, c->later);
    if (c->replay[0] != 0)
        put_code(out, c->replay);
}

static void put_finding(const struct report_finding *f, struct text *out)
{
    struct text where = TEXT_INIT;
    text_printf(&where, "%s%s%s", f->pillar, f->pillar[0] != 0 && f->target[0] != 0 ? ", " : "", f->target);
    text_printf(&where, "%s%s", f->oracle[0] != 0 ? ": " : "", f->oracle);
    if (f->count > 1)
        text_printf(&where, ", met %llu times", (unsigned long long)f->count);
    open_problem(out, f->warning ? "Warning:" : "Found:", f->title, text_string(&where));
    if (!text_ok(&where))
        out->failed = true;
    text_deinit(&where);
    if (f->detail[0] != 0)
        put_code(out, f->detail);
    if (f->replay[0] != 0)
        put_code(out, f->replay);
}

static void put_problems(const struct report *r, struct text *out)
{
    size_t told = 0, all = r->counts[REPORT_FAILED] + r->counts[REPORT_FLAKY] + r->findings.count;
    for (size_t i = 0; i < r->findings.count; i++)
        if (!r->findings.items[i].warning && told++ < PROBLEMS_MAX)
            put_finding(&r->findings.items[i], out);
    for (size_t i = 0; i < r->cases.count; i++)
        if (r->cases.items[i].status == REPORT_FAILED && told++ < PROBLEMS_MAX)
            put_case(&r->cases.items[i], out);
    for (size_t i = 0; i < r->cases.count; i++)
        if (r->cases.items[i].status == REPORT_FLAKY && told++ < PROBLEMS_MAX)
            put_case(&r->cases.items[i], out);
    for (size_t i = 0; i < r->findings.count; i++)
        if (r->findings.items[i].warning && told++ < PROBLEMS_MAX)
            put_finding(&r->findings.items[i], out);
    if (all > PROBLEMS_MAX)
        text_printf(out, "and %zu more: the HTML page has them all\n\n", all - PROBLEMS_MAX);
}

static void put_recoveries(const struct report *r, struct text *out)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    if (report_recovery_rows(r, &rows, &count) != 0)
        out->failed = true;
    if (count != 0)
        text_puts(out, "| component | fault | n | answered p50 | p99 | max |\n|---|---|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < count && i < TABLE_MAX; i++) {
        const struct report_spread *s = &rows[i].figures[REPORT_ANSWERED];
        text_puts(out, "| ");
        put(out, rows[i].target);
        text_puts(out, " | ");
        put(out, rows[i].fault);
        text_printf(out, " | %zu | ", s->count);
        put_duration(out, s->p50);
        text_puts(out, " | ");
        put_duration(out, s->p99);
        text_puts(out, " | ");
        put_duration(out, s->max);
        text_puts(out, " |\n");
    }
    if (count > TABLE_MAX)
        text_printf(out, "\nand %zu more rows\n", count - TABLE_MAX);
    text_puts(out, count != 0 ? "\n" : "");
    free(rows);
}

/* One line: of each pillar that counted them, the method whose calls took longest. */
static void put_slowest(const struct report *r, struct text *out)
{
    struct report_latency_row *rows = NULL;
    if (report_latency_rows(r, &rows) != 0)
        out->failed = true;
    for (size_t i = 0; rows != NULL && i < r->latencies.count; i++) {
        const struct report_latency *l = rows[i].latency;
        if (i > 0 && strcmp(rows[i - 1].latency->pillar, l->pillar) == 0)
            continue;
        text_puts(out, i == 0 ? "Slowest calls, p99: " : "; ");
        put(out, l->pillar);
        text_char(out, ' ');
        put(out, l->method);
        bool ok = rows[i].worst[1] != 0, any = false;
        for (int phase = 0; phase < REPORT_PHASE_COUNT; phase++) {
            if (l->durations[phase][ok] == NULL)
                continue;
            text_puts(out, any ? ", " : " ");
            put_duration(out, histogram_quantile(l->durations[phase][ok], 0.99));
            text_printf(out, "%s%s", phase == REPORT_NO_PHASE ? "" : " ", report_phase_name((enum report_phase)phase));
            any = true;
        }
        text_puts(out, ok ? "" : " (none ended ok)");
        text_puts(out, l->simulated ? " (virtual time)" : "");
    }
    text_puts(out, r->latencies.count != 0 ? "\n\n" : "");
    free(rows);
}

void report_markdown(const struct report *r, struct text *out)
{
    put_head(r, out);
    put_pillars(r, out);
    for (size_t i = 0; i < r->faults.count; i++) {
        const struct report_fault *f = &r->faults.items[i];
        if (!report_fault_missed(f))
            continue;
        text_puts(out, "- not injected: ");
        put(out, f->name);
        text_puts(out, " on ");
        put(out, f->target);
        text_puts(out, " hit nothing\n\n");
    }
    put_problems(r, out);
    put_recoveries(r, out);
    put_slowest(r, out);
}
