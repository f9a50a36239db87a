#include "e2e/runner/later.h"

#include <string.h>

#define LINES_MAX      10
#define LINE_BYTES_MAX 300 /* bytes of one */

static void first_line(const struct text *message, struct text *out)
{
    const char *from = text_string(message);
    size_t len = strcspn(from, "\n"), whole = len;
    if (len > LINE_BYTES_MAX)
        for (len = LINE_BYTES_MAX; len > 0 && ((unsigned char)from[len] & 0xC0) == 0x80;)
            len--;
    text_clear(out);
    text_add(out, from, len);
    text_puts(out, len < whole ? "..." : "");
    out->failed = out->failed || !text_ok(message);
}

static void tell_line(struct later_tries *l)
{
    if (l->from == 0)
        return;
    if (l->lines == LINES_MAX) {
        l->left_out += (size_t)(l->to - l->from) + 1;
    } else {
        l->lines++;
        text_printf(&l->told, l->from == l->to ? "try %d: " : "tries %d to %d: ", l->from, l->to);
        text_printf(&l->told, "%s\n", text_string(&l->line));
    }
    l->told.failed = l->told.failed || !text_ok(&l->line);
    l->from = 0;
}

void later_add(struct flow_context *x, struct later_tries *l, int number, const struct flow_failure *f)
{
    struct text line = TEXT_INIT;
    if (l->last > 0) {
        first_line(&l->message, &line);
        if (l->from > 0 && strcmp(text_string(&line), text_string(&l->line)) == 0) {
            l->to = l->last;
            l->line.failed = l->line.failed || !text_ok(&line);
        } else {
            tell_line(l);
            text_deinit(&l->line);
            l->line = line;
            line = TEXT_INIT;
            l->from = l->to = l->last;
        }
    }
    text_deinit(&line);
    text_clear(&l->message);
    text_clear(&l->detail);
    secret_hide(x, text_string(&f->message), &l->message);
    secret_hide(x, text_string(&f->detail), &l->detail);
    l->detail.failed = l->detail.failed || !text_ok(&f->message) || !text_ok(&f->detail);
    l->last = number;
}

void later_text(struct later_tries *l, struct text *out)
{
    if (l->last == 0)
        return;
    tell_line(l);
    text_add(out, text_string(&l->told), l->told.len);
    if (l->left_out > 0)
        text_printf(out, "and %zu more\n", l->left_out);
    text_printf(out, "try %d: %s", l->last, text_string(&l->message));
    if (l->detail.len > 0)
        text_printf(out, "\n%s", text_string(&l->detail));
    out->failed = out->failed || !text_ok(&l->told) || !text_ok(&l->message) || !text_ok(&l->detail);
}

void later_deinit(struct later_tries *l)
{
    text_deinit(&l->told);
    text_deinit(&l->line);
    text_deinit(&l->message);
    text_deinit(&l->detail);
}
