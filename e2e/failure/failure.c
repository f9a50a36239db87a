/* A failure as a compiler would show it: the lines of the file that were not met, with what came instead, then what
 * was sent, what was received, and the variables. */
#include "base/units.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_LINE_MAX   200 /* bytes of a source line */
#define LINES_ABOVE      2
#define DIFFERENCES_MAX  4    /* told with their lines */
#define VARIABLES_MAX    6    /* shown */
#define SENT_MAX         1000 /* bytes */
#define LOG_LINES        4
#define LINES_OF_JOURNAL 12
#define LINES_OF_DOUBLES 6  /* of what each was called with, where the step is no verification */
#define LINES_RECEIVED   9  /* are kept free for what came back */
#define LINES_MAX        37 /* of the detail: with the message in front and the command to replay it behind, 40 */

static void plain_line(const struct document *d, int line, struct text *out)
{
    struct bytes source = document_line(d, line);
    size_t len = source.len < SHOWN_LINE_MAX ? source.len : SHOWN_LINE_MAX;
    text_printf(out, "%5d | ", line);
    text_add(out, source.data, len);
    text_char(out, '\n');
}

/* The lines above it, when nothing else of the file was shown yet. */
static void lines_above(const struct document *d, int line, struct text *out)
{
    for (int above = line - LINES_ABOVE > 0 ? line - LINES_ABOVE : 1; above < line; above++)
        plain_line(d, above, out);
}

static void source_line(const struct document *d, int line, int column, struct text *out)
{
    struct bytes source = document_line(d, line);
    if (out->len == 0)
        lines_above(d, line, out);
    plain_line(d, line, out);
    text_puts(out, "      | ");
    for (int i = 1; i < column && i <= SHOWN_LINE_MAX; i++)
        if (i > (int)source.len || (source.data[i - 1] & 0xC0) != 0x80) /* one column a character */
            text_char(out, i <= (int)source.len && source.data[i - 1] == '\t' ? '\t' : ' ');
    text_char(out, '^');
}

/* Every line of `s` behind two blanks; of many the last ones. */
static void indented(const char *s, size_t most, struct text *out)
{
    size_t lines = 0;
    for (const char *p = s; *p != '\0'; p++)
        lines += *p == '\n' || p[1] == '\0';
    if (lines > most)
        text_printf(out, "  ... (%zu lines)\n", lines - most);
    for (; *s != '\0'; lines--) {
        size_t len = strcspn(s, "\n");
        if (lines <= most) {
            text_puts(out, "  ");
            text_add(out, s, len);
            text_char(out, '\n');
        }
        s += len + (s[len] == '\n');
    }
}

static size_t count_lines(const struct text *t)
{
    size_t lines = 0;
    for (size_t i = 0; i < t->len; i++)
        lines += t->data[i] == '\n';
    return lines;
}

/* What the flow set or captured: what every flow is given says nothing of this one. */
static bool is_own(const struct flow_context *x, const char *name, const json_t *value)
{
    return json_object_get(x->run->given, name) != value;
}

static void show_variables(const struct flow_context *x, size_t most, struct text *out)
{
    const char *name;
    json_t *value;
    size_t shown = 0, count = 0;
    json_object_foreach(x->variables, name, value) count += is_own(x, name, value);
    most = most < VARIABLES_MAX ? most : VARIABLES_MAX;
    if (count > 0 && most > 0)
        text_puts(out, "variables\n");
    json_object_foreach(x->variables, name, value)
    {
        struct text line = TEXT_INIT;
        if (!is_own(x, name, value) || shown++ + most < count)
            continue;
        if (variable_hidden(x, name))
            text_puts(&line, "(hidden)");
        else
            show_value(x, value, &line);
        text_printf(out, "  %s = %s\n", name, text_string(&line));
        text_deinit(&line);
    }
}

/* What the system logged during the step; else what the component that was called said last. */
static void show_log(const struct flow_context *x, struct text *out)
{
    const struct target_operations *o = x->target->operations;
    struct text log = TEXT_INIT, safe = TEXT_INIT;
    if (o != NULL && o->logs_since != NULL)
        o->logs_since(flow_system(x), x->logged, LOG_LINES, &log);
    bool during = log.len > 0;
    if (!during && x->component != NULL && o != NULL && o->logs != NULL)
        (void)o->logs(flow_system(x), x->component, LOG_LINES, &log);
    if (log.len > 0) {
        show_text(x, text_string(&log), SENT_MAX, &safe);
        if (during)
            text_puts(out, "logged during the step\n");
        else
            text_printf(out, "log of %s, before the step\n", x->component);
        indented(text_string(&safe), LOG_LINES, out);
    }
    text_deinit(&log);
    text_deinit(&safe);
}

static void show_repeat(const struct flow_context *x, struct text *out)
{
    struct text safe = TEXT_INIT;
    if (x->repeat.len == 0)
        return;
    show_text(x, text_string(&x->repeat), SHOWN_MAX, &safe);
    text_printf(out, "by hand\n  %s\n", text_string(&safe));
    text_deinit(&safe);
}

/* What the doubles of the flow were asked, and the stubs that came nearest where none matched. */
static void show_doubles(const struct flow_context *x, struct text *out)
{
    const struct e2e_doubles *d = x->run->doubles;
    for (size_t i = 0; d != NULL && i < flow_double_count(x->flow); i++) {
        const char *name, *service;
        struct text journal = TEXT_INIT, safe = TEXT_INIT;
        flow_double(x->flow, i, &name, &service);
        d->journal(d->arg, name, &journal);
        show_text(x, text_string(&journal), SHOWN_MAX, &safe);
        if (journal.len > 0 && count_lines(out) < LINES_OF_DOUBLES) {
            text_printf(out, "calls of the double %s\n", name);
            indented(text_string(&safe), LINES_OF_DOUBLES - 1, out);
        }
        text_deinit(&journal);
        text_deinit(&safe);
    }
}

/* A step that was given time says how it used it. */
static void show_attempts(const struct flow_context *x, const struct node *step, struct text *out)
{
    const char *within = "";
    if (x->attempts > 1 && node_may_text(step, "within", &within, NULL) == 0)
        text_printf(out, " (%d attempts within %s)", x->attempts, within);
}

/* What a step says that was cut short is not what is wrong. */
static void show_time(const struct flow_context *x, struct text *out)
{
    char time[32];
    if (!deadline_over(x) || strstr(text_string(out), "the flow's time of") != NULL)
        return;
    units_format_duration((int64_t)x->run->time, time, sizeof time);
    text_printf(out, "; the flow's time of %s is over", time);
}

/* The steps this one is inside of, the innermost first. */
static void show_frames(const struct flow_context *x, struct text *out)
{
    if (x->frame != NULL)
        text_puts(out, "inside\n");
    for (const struct flow_frame *f = x->frame; f != NULL; f = f->around) {
        const struct step_kind *kind = step_kind_of(f->step);
        text_printf(out, "  %s:%d:%d: %s %s\n", document_name(f->step->document), f->step->line, f->step->column,
                    kind->name, f->what);
    }
}

static void show_error(struct flow_context *x, const struct node *step, struct text *message, struct flow_failure *out)
{
    struct text plain = TEXT_INIT;
    const struct error *e = &x->error;
    bool elsewhere = e->file != NULL && strcmp(e->file, out->file) != 0;
    if (e->line > 0 && !elsewhere) {
        out->line = e->line;
        out->column = e->column;
    }
    if (elsewhere)
        text_printf(&plain, "%s:%d:%d: ", e->file, e->line, e->column);
    text_puts(&plain, e->message != NULL ? e->message : error_code_name(e->code));
    for (const struct error *cause = e->cause; cause != NULL; cause = cause->cause)
        text_printf(&plain, ": %s", cause->message != NULL ? cause->message : error_code_name(cause->code));
    show_text(x, text_string(&plain), SHOWN_MAX, message);
    source_line(step->document, out->line, out->column, &out->detail);
    text_printf(&out->detail, " %s\n", text_string(message));
    text_deinit(&plain);
}

/* Where the failure is: what was not met, or the step's "snapshot" when that stands in the snapshot's file. */
static const struct node *place_of(const struct flow_context *x, const struct node *step, const struct mismatch *m)
{
    const struct node *snapshot = node_get(step, "snapshot");
    bool elsewhere = snapshot != NULL && x->snapshot != NULL && m->expected->document == x->snapshot;
    return elsewhere ? snapshot : m->expected;
}

/* What came back, and around it what else is known, as far as there is room. */
static void show_rest(const struct flow_context *x, bool doubles, struct text *detail)
{
    struct text seen = TEXT_INIT, log = TEXT_INIT, variables = TEXT_INIT, repeat = TEXT_INIT;
    size_t used = count_lines(detail), kept = x->answer != NULL ? LINES_RECEIVED : 0;
    show_repeat(x, &repeat);
    if (doubles)
        show_doubles(x, &seen);
    show_log(x, &log);
    used += count_lines(&repeat) + count_lines(&seen) + kept;
    if (used + count_lines(&log) > LINES_MAX)
        text_clear(&log);
    used += count_lines(&log);
    show_variables(x, used + 1 < LINES_MAX ? LINES_MAX - used - 1 : 0, &variables);
    used += count_lines(&variables) - kept;
    if (x->answer != NULL) {
        text_puts(detail, "received\n");
        show_received(x, used + kept < LINES_MAX ? LINES_MAX - used - 1 : kept - 1, detail);
    }
    text_add(detail, seen.data, seen.len);
    text_add(detail, log.data, log.len);
    text_add(detail, variables.data, variables.len);
    text_add(detail, repeat.data, repeat.len);
    if (seen.failed || log.failed || variables.failed || repeat.failed)
        detail->failed = true;
    text_deinit(&seen);
    text_deinit(&log);
    text_deinit(&variables);
    text_deinit(&repeat);
}

void failure_text(struct flow_context *x, const struct node *step, struct flow_failure *out)
{
    const struct step_kind *kind = step_kind_of(step);
    struct text *message = &out->message, *detail = &out->detail, part = TEXT_INIT;
    out->file = document_name(step->document);
    out->line = step->line;
    out->column = step->column;
    if (x->error.code != 0)
        show_error(x, step, message, out);
    for (size_t i = 0; i < x->mismatches.count; i++) {
        const struct mismatch *m = &x->mismatches.items[i];
        if (message->len == 0) {
            const struct node *place = place_of(x, step, m);
            out->line = place->line;
            out->column = place->column;
            text_printf(message, "%s: %s", m->path, m->text);
            if (place != m->expected) {
                source_line(place->document, place->line, place->column, detail);
                text_printf(detail, " this is not what %s has:\n", document_name(m->expected->document));
                lines_above(m->expected->document, m->expected->line, detail);
            }
        }
        if (i >= DIFFERENCES_MAX)
            continue;
        source_line(m->expected->document, m->expected->line, m->expected->column, detail);
        text_printf(detail, " %s: %s\n", m->path, m->text);
    }
    if (x->mismatches.count > DIFFERENCES_MAX)
        text_printf(detail, "      ... and %zu more\n", x->mismatches.count - DIFFERENCES_MAX);
    show_attempts(x, step, message);
    show_time(x, message);
    show_frames(x, detail);
    if (x->sent.len > 0) {
        bool journal = kind == &kind_verify;
        text_puts(detail, journal ? "calls of the double\n" : "sent\n");
        show_text(x, text_string(&x->sent), journal ? SHOWN_MAX : SENT_MAX, &part);
        indented(text_string(&part), journal ? LINES_OF_JOURNAL : LOG_LINES, detail);
    }
    text_deinit(&part);
    show_rest(x, kind != &kind_verify && kind != &kind_double, detail);
}
