/* The steps of a case as a waterfall: each a bar between the case's begin and end. A page may hold very many of them,
 * so those of a case that did not fail are told in a line, what was sent and received cut short; the stream has it
 * whole. */
#include "reports/html.h"

#include "base/units.h"

#include <inttypes.h>

#define SHOWN          48 /* code points of what was sent, or received, where nothing failed */
#define EXCHANGE_LINES 20 /* more are scrolled */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

/* Blanks run together, and no more escaped than a page's text needs: quotes stay, of which JSON has many. */
static void put_short(struct text *out, const char *s)
{
    size_t count = 0;
    bool blank = true; /* none at the beginning */
    if (s[0] == 0)
        return;
    text_puts(out, "<code>");
    for (; *s != 0 && count < SHOWN; s++) {
        bool is_blank = (unsigned char)*s <= ' ' || *s == 0x7f;
        if (is_blank && blank)
            continue;
        blank = is_blank;
        if (is_blank)
            text_char(out, ' ');
        else if (*s == '<' || *s == '&')
            text_puts(out, *s == '<' ? "&lt;" : "&amp;");
        else
            text_char(out, *s);
        count += ((unsigned char)s[1] & 0xC0) != 0x80; /* at the last byte of a code point */
    }
    text_puts(out, *s != 0 ? "…</code>" : "</code>");
}

struct span {
    uint64_t begin, length;
};

static uint64_t begin_of(const struct report_step *s)
{
    return s->t > s->duration ? s->t - s->duration : 0;
}

static struct span span_of(const struct report_case *c, size_t *count)
{
    uint64_t begin = UINT64_MAX, end = 0;
    for (const struct report_step *s = c->steps; s != NULL; s = s->next) {
        begin = begin_of(s) < begin ? begin_of(s) : begin;
        end = s->t > end ? s->t : end;
        (*count)++;
    }
    return (struct span){begin, end > begin ? end - begin : 1};
}

static void put_step(struct text *out, const struct report_step *s, struct span all, bool whole)
{
    char duration[32];
    const char *status = report_status_name(s->status);
    double left = 100 * (double)(begin_of(s) - all.begin) / (double)all.length;
    double width = 100 * (double)s->duration / (double)all.length;
    units_format_duration((int64_t)(s->duration & INT64_MAX), duration, sizeof duration);
    if (s->status == REPORT_PASSED) /* it goes without saying */
        text_puts(out, "<li>");
    else
        text_printf(out, "<li><b class=\"%s\">%s</b> ", status, status);
    put(out, s->name);
    text_printf(out, " <i>%s</i><s style=\"margin-left:%.3g%%;width:%.3g%%\"></s>", duration, left > 99 ? 99 : left,
                width > 100 ? 100 : width);
    if (whole && (s->sent[0] != 0 || s->received[0] != 0)) {
        text_puts(out, "<div class=\"exchange\">");
        page_text(out, "sent", s->sent, EXCHANGE_LINES);
        page_text(out, "received", s->received, EXCHANGE_LINES);
        text_puts(out, "</div>");
    } else {
        put_short(out, s->sent);
        put_short(out, s->received);
    }
    text_puts(out, "</li>\n");
}

void steps_html(const struct report_case *c, struct text *out)
{
    size_t count = 0;
    bool failed = c->status == REPORT_FAILED;
    struct span all = span_of(c, &count);
    if (count == 0)
        return;
    /* A failure's own text has the step that failed already. */
    text_printf(out, "<details class=\"steps\"%s><summary>%zu step%s</summary><ol>\n",
                failed && c->detail[0] == 0 ? " open" : "", count + c->steps_left_out,
                count + c->steps_left_out == 1 ? "" : "s");
    uint64_t try = 0;
    for (const struct report_step *s = c->steps; s != NULL; s = s->next) {
        if (c->tries > 1 && s->try != try)
            text_printf(out, "<li class=\"try\">try %" PRIu64 " of %" PRIu64 "</li>\n", s->try, c->tries);
        try = s->try;
        put_step(out, s, all, failed);
    }
    text_puts(out, "</ol>");
    if (c->steps_left_out > 0)
        text_printf(out, "<p>%zu more that passed are in the result stream only.</p>", c->steps_left_out);
    text_puts(out, "</details>\n");
}

void attempts_html(const struct report_case *c, struct text *out)
{
    int number = 0;
    if (c->attempts == NULL)
        return;
    text_puts(out, "<ol class=\"attempts\" aria-label=\"earlier tries\">");
    for (const struct report_attempt *a = c->attempts; a != NULL; a = a->next) {
        const char *status = report_status_name(a->status);
        text_printf(out, "<li>try %d: <b class=\"%s\">%s</b> ", ++number, status, status);
        put(out, a->message);
        text_puts(out, "</li>");
    }
    text_puts(out, "</ol>\n");
}
