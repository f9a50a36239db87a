/* A failure as a compiler would show it: the lines of the file that were not met, with what came instead, then what
 * was sent, what was received, and the variables. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_LINE_MAX 200 /* bytes of a source line */

static void source_line(const struct document *d, int line, int column, struct text *out)
{
    struct bytes source = document_line(d, line);
    size_t len = source.len < SHOWN_LINE_MAX ? source.len : SHOWN_LINE_MAX;
    text_printf(out, "%5d | ", line);
    text_add(out, source.data, len);
    text_puts(out, "\n      | ");
    for (int i = 1; i < column && i <= SHOWN_LINE_MAX; i++)
        if (i > (int)source.len || (source.data[i - 1] & 0xC0) != 0x80) /* one column a character */
            text_char(out, i <= (int)source.len && source.data[i - 1] == '\t' ? '\t' : ' ');
    text_char(out, '^');
}

/* Every line of `s` behind two blanks. */
static void indented(const char *s, struct text *out)
{
    while (*s != '\0') {
        size_t len = strcspn(s, "\n");
        text_puts(out, "  ");
        text_add(out, s, len);
        text_char(out, '\n');
        s += len + (s[len] == '\n');
    }
}

/* Empty members say nothing; the reader wants status, message and body. How long it took differs from run to run. */
void show_answer(const struct flow_context *x, size_t max, struct text *out)
{
    json_t *shown = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(x->answer, key, value)
    {
        bool empty = (json_is_object(value) && json_object_size(value) == 0) ||
                     (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_array(value) && json_array_size(value) == 0);
        bool twice = (strcmp(key, "messages") == 0 && json_object_get(x->answer, "body") != NULL) ||
                     (strcmp(key, "message") == 0 && json_object_get(x->answer, "error") != NULL);
        if ((!empty || strcmp(key, "body") == 0) && !twice && strcmp(key, "duration") != 0)
            json_object_set(shown, key, value);
    }
    char *text = shown != NULL ? json_dumps(shown, JSON_INDENT(2)) : NULL;
    show_text(x, text != NULL ? text : "?", max, out);
    free(text);
    json_decref(shown);
}

static void show_variables(const struct flow_context *x, struct text *out)
{
    const char *name;
    json_t *value;
    if (json_object_size(x->variables) > 0)
        text_puts(out, "variables\n");
    json_object_foreach(x->variables, name, value)
    {
        struct text shown = TEXT_INIT;
        if (variable_hidden(name))
            text_puts(&shown, "(hidden)");
        else
            show_value(x, value, &shown);
        text_printf(out, "  %s = %s\n", name, text_string(&shown));
        text_deinit(&shown);
    }
}

/* A step that was given time says how it used it. */
static void show_attempts(const struct flow_context *x, const struct node *step, struct text *out)
{
    const char *within = "";
    if (x->attempts > 1 && node_may_text(step, "within", &within, NULL) == 0)
        text_printf(out, " (%d attempts within %s)", x->attempts, within);
}

static void show_error(struct flow_context *x, const struct document *d, struct text *message, struct text *detail,
                       int *line, int *column)
{
    struct text plain = TEXT_INIT;
    const struct error *e = &x->error;
    if (e->line > 0) {
        *line = e->line;
        *column = e->column;
    }
    text_puts(&plain, e->message != NULL ? e->message : error_code_name(e->code));
    for (const struct error *cause = e->cause; cause != NULL; cause = cause->cause)
        text_printf(&plain, ": %s", cause->message != NULL ? cause->message : error_code_name(cause->code));
    show_text(x, text_string(&plain), SHOWN_MAX, message);
    source_line(d, *line, *column, detail);
    text_printf(detail, " %s\n", text_string(message));
    text_deinit(&plain);
}

void failure_text(struct flow_context *x, const struct node *step, struct text *message, struct text *detail, int *line,
                  int *column)
{
    const struct document *d = x->flow->file->document;
    *line = step->line;
    *column = step->column;
    if (x->error.code != 0)
        show_error(x, d, message, detail, line, column);
    for (size_t i = 0; i < x->mismatches.count; i++) {
        const struct mismatch *m = &x->mismatches.items[i];
        if (message->len == 0) {
            *line = m->expected->line;
            *column = m->expected->column;
            text_printf(message, "%s: %s", m->path, m->text);
        }
        source_line(d, m->expected->line, m->expected->column, detail);
        text_printf(detail, " %s: %s\n", m->path, m->text);
    }
    show_attempts(x, step, message);
    struct text part = TEXT_INIT;
    if (x->sent.len > 0) {
        text_puts(detail, node_get(step, "verify") != NULL ? "calls of the double\n" : "sent\n");
        show_text(x, text_string(&x->sent), SHOWN_MAX, &part);
        indented(text_string(&part), detail);
    }
    if (x->answer != NULL) {
        text_clear(&part);
        text_puts(detail, "received\n");
        show_answer(x, SHOWN_MAX, &part);
        indented(text_string(&part), detail);
    }
    text_deinit(&part);
    show_variables(x, detail);
}
