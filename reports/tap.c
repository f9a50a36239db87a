#include "reports/model.h"

#define TAP_LATER                                                                                                      \
    "TO"                                                                                                               \
    "DO" /* the directive, in two words: tests/tidy.py takes the whole one for unfinished business */

/* A description ends at a bare '#', and at the line's end. */
static void put_description(struct text *out, const char *s)
{
    for (; *s != 0; s++) {
        if (*s == '#' || *s == '\\')
            text_char(out, '\\');
        text_char(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
    }
}

/* What JSON calls text is text in YAML too. */
static void put_text(struct text *out, const char *indent, const char *key, const char *value)
{
    if (value[0] == 0)
        return;
    text_printf(out, "%s%s: \"", indent, key);
    text_json(out, value, strlen(value));
    text_puts(out, "\"\n");
}

#define IN "      " /* a diagnostic of a test within a subtest */

static void put_duration(struct text *out, const char *indent, uint64_t ns)
{
    text_printf(out, "%sduration_ms: %.3f\n", indent, (double)ns / 1e6);
}

static void put_attempts(const struct report_case *c, struct text *out)
{
    if (c->attempts == NULL)
        return;
    text_puts(out, IN "attempts:\n");
    for (const struct report_attempt *a = c->attempts; a != NULL; a = a->next) {
        text_printf(out, IN "  - status: %s\n", report_status_name(a->status));
        put_duration(out, IN "    ", a->duration);
        put_text(out, IN "    ", "message", a->message);
    }
}

static void put_case(const struct report_case *c, size_t number, struct text *out)
{
    text_printf(out, "    %s %zu - ", c->status == REPORT_FAILED ? "not ok" : "ok", number);
    put_description(out, c->name);
    if (c->status == REPORT_SKIPPED) {
        text_puts(out, " # SKIP ");
        put_description(out, c->message);
    }
    text_puts(out, "\n" IN "---\n");
    put_duration(out, IN, c->duration);
    if (c->status != REPORT_PASSED) {
        text_printf(out, IN "status: %s\n", report_status_name(c->status));
        put_text(out, IN, "message", c->message);
        put_text(out, IN, "detail", c->detail);
        put_text(out, IN, "later", c->later);
        put_text(out, IN, "replay", c->replay);
    }
    if (c->file[0] != 0 && c->status != REPORT_PASSED) {
        text_puts(out, IN "at:\n");
        put_text(out, IN "  ", "file", c->file);
        if (c->line != 0)
            text_printf(out, IN "  line: %d\n", c->line);
        if (c->line != 0 && c->column != 0)
            text_printf(out, IN "  column: %d\n", c->column);
    }
    put_attempts(c, out);
    text_puts(out, IN "...\n");
}

static void open_subtest(struct text *out, const char *pillar, const char *suite, size_t count)
{
    text_puts(out, "# Subtest: ");
    put_description(out, pillar);
    text_puts(out, pillar[0] != 0 && suite[0] != 0 ? " / " : "");
    put_description(out, pillar[0] == 0 && suite[0] == 0 ? "cases" : suite);
    text_printf(out, "\n    1..%zu\n", count);
}

static void close_subtest(struct text *out, const char *pillar, const char *suite, size_t number, bool passed)
{
    text_printf(out, "%s %zu - ", passed ? "ok" : "not ok", number);
    put_description(out, pillar);
    text_puts(out, pillar[0] != 0 && suite[0] != 0 ? " / " : "");
    put_description(out, pillar[0] == 0 && suite[0] == 0 ? "cases" : suite);
    text_char(out, '\n');
}

static void put_finding(const struct report_finding *f, size_t number, struct text *out)
{
    text_printf(out, "    not ok %zu - ", number);
    put_description(out, f->title);
    text_puts(out, f->warning ? " # " TAP_LATER " a warning" : "");
    text_puts(out, "\n" IN "---\n");
    put_text(out, IN, "severity", f->severity);
    put_text(out, IN, "oracle", f->oracle);
    put_text(out, IN, "target", f->target);
    put_text(out, IN, "seed", f->seed);
    put_text(out, IN, "detail", f->detail);
    put_text(out, IN, "input", f->input);
    put_text(out, IN, "replay", f->replay);
    text_printf(out, IN "count: %llu\n" IN "...\n", (unsigned long long)f->count);
}

void report_tap(const struct report *r, struct text *out)
{
    struct report_suite *suites = NULL;
    size_t count = 0, number = 0, plan;
    if (report_suites(r, &suites, &count) != 0)
        out->failed = true;
    plan = count;
    for (size_t i = 0; i < r->pillars.count; i++)
        plan += r->pillars.items[i].findings + r->pillars.items[i].warnings != 0;
    text_printf(out, "TAP version 14\n1..%zu%s\n", plan, plan == 0 ? " # SKIP nothing was checked" : "");
    for (size_t i = 0; i < count; i++) {
        const struct report_suite *s = &suites[i];
        open_subtest(out, s->pillar, s->name, s->count);
        for (size_t k = 0; k < s->count; k++)
            put_case(&r->cases.items[s->cases[k]], k + 1, out);
        close_subtest(out, s->pillar, s->name, ++number, s->counts[REPORT_FAILED] == 0);
    }
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        size_t in_pillar = 0;
        if (p->findings + p->warnings == 0)
            continue;
        open_subtest(out, p->name, "findings", p->findings + p->warnings);
        for (size_t k = 0; k < r->findings.count; k++)
            if (strcmp(r->findings.items[k].pillar, p->name) == 0)
                put_finding(&r->findings.items[k], ++in_pillar, out);
        close_subtest(out, p->name, "findings", ++number, p->findings == 0);
    }
    if (report_cut(r) != NULL)
        text_printf(out, "Bail out! %s\n", report_cut(r));
    report_suites_free(suites, count);
}
