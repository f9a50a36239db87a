#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

static void source_line(const struct document *d, int line, int column, struct text *out)
{
    struct bytes source = document_line(d, line);
    text_printf(out, "%5d | ", line);
    text_add(out, source.data, source.len);
    text_puts(out, "\n      | ");
    for (int i = 1; i < column; i++)
        text_char(out, i <= (int)source.len && source.data[i - 1] == '\t' ? '\t' : ' ');
    text_char(out, '^');
}

static void add_shortened(struct text *out, const char *s)
{
    size_t len = strlen(s);
    text_add(out, s, len > SHOWN_MAX ? SHOWN_MAX : len);
    if (len > SHOWN_MAX)
        text_printf(out, "... (%zu more)", len - SHOWN_MAX);
    text_char(out, '\n');
}

/* Empty members say nothing; the reader wants status, message and body. */
static void show_answer(const json_t *answer, struct text *out)
{
    json_t *shown = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)answer, key, value)
    {
        bool empty = (json_is_object(value) && json_object_size(value) == 0) ||
                     (json_is_string(value) && json_string_length(value) == 0) ||
                     (json_is_array(value) && json_array_size(value) == 0);
        bool twice = strcmp(key, "messages") == 0 && json_object_get(answer, "body") != NULL;
        if (!empty && !twice)
            json_object_set(shown, key, value);
    }
    char *text = json_dumps(shown, JSON_INDENT(2));
    add_shortened(out, text != NULL ? text : "?");
    free(text);
    json_decref(shown);
}

static void show_variables(const struct flow_context *x, struct text *out)
{
    const char *name;
    json_t *value;
    text_puts(out, "variables\n");
    json_object_foreach(x->variables, name, value)
    {
        /* What came from outside may be a secret; what the flow itself captured or set is what the reader needs. */
        if (strstr(name, "token") != NULL || strstr(name, "secret") != NULL || strstr(name, "password") != NULL) {
            text_printf(out, "  %s = (hidden)\n", name);
            continue;
        }
        struct text shown = TEXT_INIT;
        value_text(value, &shown);
        text_printf(out, "  %s = %.200s\n", name, text_string(&shown));
        text_deinit(&shown);
    }
}

void failure_text(struct flow_context *x, const struct node *step, struct text *message, struct text *detail, int *line,
                  int *column)
{
    const struct document *d = x->flow->file->document;
    *line = step->line;
    *column = step->column;
    if (x->error.code != 0) {
        text_puts(message, x->error.message != NULL ? x->error.message : error_code_name(x->error.code));
        for (const struct error *cause = x->error.cause; cause != NULL; cause = cause->cause)
            text_printf(message, ": %s", cause->message != NULL ? cause->message : "");
        if (x->error.line > 0) {
            *line = x->error.line;
            *column = x->error.column;
        }
        source_line(d, *line, *column, detail);
        text_printf(detail, " %s\n", text_string(message));
    }
    for (size_t i = 0; i < x->mismatches.count; i++) {
        const struct mismatch *m = &x->mismatches.items[i];
        if (i == 0 && message->len == 0) {
            *line = m->expected->line;
            *column = m->expected->column;
            text_printf(message, "%s: %s", m->path, m->text);
        }
        source_line(d, m->expected->line, m->expected->column, detail);
        text_printf(detail, " %s: %s\n", m->path, m->text);
    }
    if (x->sent.len > 0) {
        text_puts(detail, "sent\n  ");
        add_shortened(detail, text_string(&x->sent));
    }
    if (x->answer != NULL) {
        text_puts(detail, "received\n");
        show_answer(x->answer, detail);
    }
    if (json_object_size(x->variables) > 0)
        show_variables(x, detail);
}
