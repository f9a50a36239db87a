#include "reports/matrix.h"

#include "base/units.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FAILURES_MAX     25 /* shown in the summary; the rest is counted */
#define MESSAGE_LINES    6
#define FAILURES_WHOLE   5 /* of these, in full: */
#define DETAIL_LINES_ALL 60
#define DETAIL_LINES_MAX 12
#define SKIPS_MAX        10 /* told one by one; of more cases only the reasons, and no more than so many */
#define NOTES_MAX        10
#define NOTE_LINES       3
#define SCREEN_LINES     24 /* after more than these the verdict is told again */

static const char *const codes[] = {"", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m"};

void terminal_paint(struct terminal *t, enum paint paint, const char *format, ...)
{
    va_list args;
    if (t->colour && paint != PAINT_NONE)
        text_puts(t->out, codes[paint]);
    va_start(args, format);
    text_vprintf(t->out, format, args);
    va_end(args);
    if (t->colour && paint != PAINT_NONE)
        text_puts(t->out, "\x1b[0m");
}

/* C0 and C1 controls drive terminals; the bidirectional controls make text read as what it is not. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_code_point(struct text *out, uint32_t c)
{
    char encoded[UTF8_MAX];
    if (c == '\n' || c == '\t' || c == '\r')
        c = ' ';
    else if (is_control(c))
        c = UTF8_REPLACEMENT;
    text_add(out, encoded, utf8_write(c, encoded));
}

static size_t count_code_points(struct bytes b)
{
    size_t at = 0, count = 0;
    uint32_t c;
    while (at < b.len) {
        (void)utf8_next(b, &at, &c);
        count++;
    }
    return count;
}

size_t terminal_line(struct text *out, const char *text, size_t columns)
{
    struct bytes b = bytes_of(text);
    size_t all = count_code_points(b), used = 0, at = 0;
    while (at < b.len && used < columns) {
        uint32_t c;
        (void)utf8_next(b, &at, &c);
        used++;
        if (used == columns && used < all)
            text_puts(out, "…");
        else
            put_code_point(out, c);
    }
    return used;
}

/* As many lines of the text as are shown, each cut at spaces into pieces of `room` columns; 0: whole. */
static void put_lines(struct terminal *t, const char *text, size_t indent, size_t room, size_t lines)
{
    size_t shown = 0;
    const char *at = text;
    while (*at != 0 && shown < lines) {
        size_t len = strcspn(at, "\n");
        struct bytes line = BYTES(at, len);
        size_t from = 0;
        do {
            size_t place = from, space = from, columns = 0;
            uint32_t c = 0;
            while (place < len && (room == 0 || columns < room)) {
                (void)utf8_next(line, &place, &c);
                columns++;
                if (c == ' ')
                    space = place;
            }
            size_t end = place == len || space <= from ? place : space;
            text_printf(t->out, "%*s", (int)indent, "");
            for (size_t i = from; i < end;) {
                (void)utf8_next(line, &i, &c);
                put_code_point(t->out, c);
            }
            text_char(t->out, '\n');
            from = end;
            shown++;
        } while (from < len && shown < lines);
        if (from < len)
            break;
        at += len;
        at += *at == '\n';
    }
    if (*at != 0)
        text_printf(t->out, "%*s… more in the report\n", (int)indent, "");
}

void terminal_paragraph(struct terminal *t, const char *text, size_t indent, size_t lines)
{
    put_lines(t, text, indent, t->width > indent + 20 ? t->width - indent : 20, lines);
}

void terminal_lines(struct terminal *t, const char *text, size_t indent, size_t lines)
{
    put_lines(t, text, indent, 0, lines);
}

void terminal_counts(struct terminal *t, const size_t counts[REPORT_STATUS_COUNT], size_t findings, size_t warnings)
{
    const struct {
        size_t count;
        enum paint paint;
        const char *one, *many;
    } parts[] = {
        {counts[REPORT_FAILED], PAINT_RED, "failed", "failed"},
        {findings, PAINT_RED, "finding", "findings"},
        {warnings, PAINT_YELLOW, "warning", "warnings"},
        {counts[REPORT_FLAKY], PAINT_YELLOW, "flaky", "flaky"},
        {counts[REPORT_SKIPPED], PAINT_BLUE, "skipped", "skipped"},
        {counts[REPORT_PASSED], PAINT_GREEN, "passed", "passed"},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].count == 0)
            continue;
        text_puts(t->out, any ? ", " : "");
        terminal_paint(t, parts[i].paint, "%zu %s", parts[i].count, parts[i].count == 1 ? parts[i].one : parts[i].many);
        any = true;
    }
    if (!any)
        text_puts(t->out, "nothing");
}

void terminal_case_name(struct text *out, const struct report_case *c)
{
    const char *const parts[] = {c->pillar, c->suite, c->name};
    bool any = false;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i][0] == 0)
            continue;
        text_puts(out, any ? " / " : "");
        (void)terminal_line(out, parts[i], 200);
        any = true;
    }
}

void terminal_release(struct text *out, struct text *part)
{
    out->failed = out->failed || part->failed;
    text_deinit(part);
}

/* ---- the summary ----------------------------------------------------------------------------------------------- */

/* A command stands on a line of its own, whole, so that it can be copied. */
static void put_replay(struct terminal *t, const char *replay)
{
    if (replay[0] == 0)
        return;
    terminal_paint(t, PAINT_DIM, "      replay: ");
    (void)terminal_line(t->out, replay, SIZE_MAX);
    text_char(t->out, '\n');
}

static void put_header(struct terminal *t, const struct report *r)
{
    static const enum paint paints[] = {PAINT_GREEN, PAINT_RED, PAINT_YELLOW, PAINT_YELLOW};
    enum report_verdict v = report_verdict(r);
    char duration[32];
    units_format_duration((int64_t)(r->duration & INT64_MAX), duration, sizeof duration);
    terminal_paint(t, paints[v], "%s", report_verdict_name(v));
    text_puts(t->out, "  ");
    (void)terminal_line(t->out, r->system[0] == 0 ? r->source : r->system, 60);
    if (r->driver[0] != 0) {
        text_puts(t->out, " (");
        (void)terminal_line(t->out, r->driver, 30);
        text_char(t->out, ')');
    }
    if (r->seed[0] != 0) {
        text_puts(t->out, ", seed ");
        (void)terminal_line(t->out, r->seed, 30);
    }
    text_printf(t->out, ", %s\n", duration);
}

static void put_pillars(struct terminal *t, const struct report *r)
{
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        struct text name = TEXT_INIT;
        size_t columns = terminal_line(&name, p->name[0] == 0 ? "-" : p->name, 20);
        text_puts(t->out, "  ");
        terminal_paint(t, PAINT_BOLD, "%s", text_string(&name));
        text_printf(t->out, "%*s", columns < 10 ? (int)(10 - columns) : 1, "");
        terminal_counts(t, p->counts, p->findings, p->warnings);
        for (const struct report_member *m = p->totals; m != NULL; m = m->next) {
            text_puts(t->out, m == p->totals ? "  (" : ", ");
            (void)terminal_line(t->out, m->name, 30);
            text_char(t->out, ' ');
            (void)terminal_line(t->out, m->value, 30);
        }
        text_puts(t->out, p->totals == NULL ? "" : ")");
        if (p->started && !p->ended)
            terminal_paint(t, PAINT_YELLOW, "  not finished");
        text_char(t->out, '\n');
        terminal_release(t->out, &name);
    }
}

static void put_failures(struct terminal *t, const struct report *r)
{
    size_t shown = 0;
    for (size_t i = 0; i < r->cases.count && shown < FAILURES_MAX; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status != REPORT_FAILED)
            continue;
        struct text name = TEXT_INIT, place = TEXT_INIT;
        terminal_case_name(&name, c);
        report_place(c, &place);
        text_puts(t->out, shown++ == 0 ? "\nFailed\n" : "");
        terminal_paint(t, PAINT_RED, "  ✗ ");
        terminal_paint(t, PAINT_BOLD, "%s", text_string(&name));
        if (place.len != 0) {
            text_puts(t->out, "  ");
            (void)terminal_line(t->out, text_string(&place), SIZE_MAX);
        }
        if (c->tries > 1)
            terminal_paint(t, PAINT_DIM, "  %llu tries, all failed; of the first:", (unsigned long long)c->tries);
        text_char(t->out, '\n');
        terminal_paragraph(t, c->message, 6, MESSAGE_LINES);
        terminal_lines(t, c->detail, 8, shown <= FAILURES_WHOLE ? DETAIL_LINES_ALL : DETAIL_LINES_MAX);
        terminal_lines(t, c->later, 6, DETAIL_LINES_MAX);
        put_replay(t, c->replay);
        terminal_release(t->out, &name);
        terminal_release(t->out, &place);
    }
    if (r->counts[REPORT_FAILED] > shown)
        text_printf(t->out, "  and %zu more, in the report\n", r->counts[REPORT_FAILED] - shown);
}

/* A failure that a later try made good is no pass: it is told with what went wrong. */
static void put_flaky(struct terminal *t, const struct report *r)
{
    size_t shown = 0;
    for (size_t i = 0; i < r->cases.count && shown < FAILURES_MAX; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status != REPORT_FLAKY)
            continue;
        struct text name = TEXT_INIT, place = TEXT_INIT;
        terminal_case_name(&name, c);
        report_place(c, &place);
        text_puts(t->out, shown++ == 0 ? "\nFlaky: passed after they had failed\n" : "");
        terminal_paint(t, PAINT_YELLOW, "  ~ ");
        terminal_paint(t, PAINT_BOLD, "%s", text_string(&name));
        text_puts(t->out, place.len != 0 ? "  " : "");
        (void)terminal_line(t->out, text_string(&place), SIZE_MAX);
        if (c->tries > 1)
            terminal_paint(t, PAINT_DIM, "  passed in try %llu; the first:", (unsigned long long)c->tries);
        text_char(t->out, '\n');
        for (const struct report_attempt *a = c->attempts; a != NULL; a = a->next)
            if (a->status == REPORT_FAILED)
                terminal_paragraph(t, a->message, 6, MESSAGE_LINES);
        terminal_paragraph(t, c->message, 6, MESSAGE_LINES);
        terminal_lines(t, c->later, 6, MESSAGE_LINES);
        put_replay(t, c->replay);
        terminal_release(t->out, &name);
        terminal_release(t->out, &place);
    }
    if (r->counts[REPORT_FLAKY] > shown)
        text_printf(t->out, "  and %zu more, in the report\n", r->counts[REPORT_FLAKY] - shown);
}

static void put_skip(struct terminal *t, const char *what, const char *reason)
{
    size_t used = strlen("  -   ") + count_code_points(bytes_of(what));
    terminal_paint(t, PAINT_BLUE, "  - ");
    text_puts(t->out, what);
    text_puts(t->out, reason[0] != 0 ? "  " : "");
    (void)terminal_line(t->out, reason, t->width > used + TERMINAL_WIDTH_MIN ? t->width - used : TERMINAL_WIDTH_MIN);
    text_char(t->out, '\n');
}

/* How often each reason was given, in the order in which they came. */
static bool count_reasons(const struct report *r, struct map *counts)
{
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status == REPORT_SKIPPED &&
            !map_put(counts, c->message, (void *)((uintptr_t)map_get(counts, c->message) + 1)))
            return false;
    }
    return true;
}

/* What was not tried is no success: the reason is told, for a few cases by name. */
static void put_skipped(struct terminal *t, const struct report *r)
{
    size_t count = r->counts[REPORT_SKIPPED], shown = 0;
    struct map counts = MAP_INIT;
    text_puts(t->out, count != 0 ? "\nSkipped\n" : "");
    for (size_t i = 0; count <= SKIPS_MAX && i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        struct text name = TEXT_INIT;
        if (c->status != REPORT_SKIPPED)
            continue;
        terminal_case_name(&name, c);
        put_skip(t, text_string(&name), c->message);
        terminal_release(t->out, &name);
    }
    if (count > SKIPS_MAX && !count_reasons(r, &counts))
        t->out->failed = true;
    for (struct map_entry *e = map_first(&counts); e != NULL && shown < SKIPS_MAX; e = map_next(e), shown++) {
        char cases[40];
        (void)snprintf(cases, sizeof cases, "%zu cases", (size_t)(uintptr_t)map_value(e));
        put_skip(t, (uintptr_t)map_value(e) == 1 ? "1 case" : cases,
                 map_key(e)[0] != 0 ? map_key(e) : "no reason given");
    }
    if (map_count(&counts) > shown)
        text_printf(t->out, "  and %zu more reasons, in the report\n", map_count(&counts) - shown);
    map_deinit(&counts);
}

static void put_findings(struct terminal *t, const struct report *r)
{
    size_t shown = 0;
    for (size_t pass = 0; pass < 2; pass++) { /* bugs before warnings */
        for (size_t i = 0; i < r->findings.count && shown < FAILURES_MAX; i++) {
            const struct report_finding *f = &r->findings.items[i];
            if (f->warning != (pass == 1))
                continue;
            text_puts(t->out, shown++ == 0 ? "\nFindings\n" : "");
            terminal_paint(t, f->warning ? PAINT_YELLOW : PAINT_RED, "  %s ", f->warning ? "!" : "✗");
            (void)terminal_line(t->out, f->title, t->width);
            if (f->target[0] != 0) {
                text_puts(t->out, "  ");
                (void)terminal_line(t->out, f->target, t->width);
            }
            if (f->count > 1)
                text_printf(t->out, "  (%llu times)", (unsigned long long)f->count);
            text_char(t->out, '\n');
            terminal_lines(t, f->detail, 8, DETAIL_LINES_MAX);
            put_replay(t, f->replay);
        }
    }
    if (r->findings.count > shown)
        text_printf(t->out, "  and %zu more, in the report\n", r->findings.count - shown);
}

static void put_remarks(struct terminal *t, const struct report *r)
{
    for (size_t i = 0; i < r->faults.count; i++) {
        const struct report_fault *f = &r->faults.items[i];
        if (!report_fault_missed(f))
            continue;
        terminal_paint(t, PAINT_YELLOW, "  not injected: ");
        (void)terminal_line(t->out, f->name, 40);
        text_puts(t->out, " on ");
        (void)terminal_line(t->out, f->target, 40);
        text_puts(t->out, " (hit nothing)\n");
    }
    for (size_t i = 0; i < r->notes.count && i < NOTES_MAX; i++) {
        struct text note = TEXT_INIT;
        text_printf(&note, "note: %s", r->notes.items[i].text);
        terminal_paragraph(t, text_string(&note), 2, NOTE_LINES);
        terminal_release(t->out, &note);
    }
    if (r->notes.count > NOTES_MAX)
        text_printf(t->out, "  and %zu more notes, in the report\n", r->notes.count - NOTES_MAX);
    if (report_interrupted(r)) {
        struct text told = TEXT_INIT;
        report_interrupted_at(r, &told);
        terminal_paint(t, PAINT_YELLOW, "  %s\n", text_string(&told));
        terminal_release(t->out, &told);
    }
    if (r->truncated || !r->ended)
        terminal_paint(t, PAINT_YELLOW,
                       "  The result stream stops before the run's end: what followed was not observed.\n");
}

/* The last line of a long summary: there the eye is. */
static void put_close(struct terminal *t, const struct report *r, size_t from)
{
    static const enum paint paints[] = {PAINT_GREEN, PAINT_RED, PAINT_YELLOW, PAINT_YELLOW};
    size_t lines = 0;
    for (size_t i = from; text_ok(t->out) && i < t->out->len; i++)
        lines += t->out->data[i] == '\n';
    if (lines <= SCREEN_LINES)
        return;
    enum report_verdict v = report_verdict(r);
    text_char(t->out, '\n');
    terminal_paint(t, paints[v], "%s", report_verdict_name(v));
    text_puts(t->out, ": ");
    terminal_counts(t, r->counts, r->bugs, r->warnings);
    text_char(t->out, '\n');
}

void report_terminal(const struct report *r, struct text *out, bool colour, int width)
{
    size_t from = out->len;
    struct terminal t = {.out = out, .colour = colour};
    t.width = width <= 0 ? TERMINAL_WIDTH_DEFAULT : width < TERMINAL_WIDTH_MIN ? TERMINAL_WIDTH_MIN : (size_t)width;
    put_header(&t, r);
    put_pillars(&t, r);
    put_failures(&t, r);
    put_findings(&t, r);
    put_flaky(&t, r);
    put_skipped(&t, r);
    terminal_recoveries(r, &t);
    matrix_terminal(r, &t);
    terminal_tables(r, &t);
    put_remarks(&t, r);
    put_close(&t, r, from);
}
