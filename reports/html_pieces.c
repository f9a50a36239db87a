/* What several parts of the page are put together from. */
#include "reports/html.h"

#include "base/base64.h"
#include "base/units.h"

#define LINE_COLUMNS 110 /* about as many stand in a line of the page */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

void page_duration(struct text *out, uint64_t ns)
{
    char buffer[32];
    units_format_duration((int64_t)(ns & INT64_MAX), buffer, sizeof buffer);
    text_puts(out, buffer);
}

void page_tagged(struct text *out, const char *tag, const char *kind, const char *s)
{
    if (s[0] == 0)
        return;
    text_printf(out, "<%s class=\"%s\">", tag, kind);
    put(out, s);
    text_printf(out, "</%s>", tag);
}

void page_text(struct text *out, const char *kind, const char *s, size_t lines)
{
    size_t count = 0;
    if (s[0] == 0)
        return;
    for (const char *at = s; *at != 0 && count <= lines; count++) {
        size_t len = strcspn(at, "\n");
        count += len / LINE_COLUMNS;
        at += len;
        at += *at == '\n';
    }
    text_printf(out, count > lines ? "<pre class=\"%s long\" tabindex=\"0\">" : "<pre class=\"%s\">", kind);
    put(out, s);
    text_puts(out, "</pre>");
}

void page_command(struct text *out, const char *label, const char *command)
{
    if (command[0] == 0)
        return;
    text_printf(out, "<div class=\"command\"><span class=\"label\">%s</span><code data-copy>", label);
    put(out, command);
    text_puts(out, "</code></div>\n");
}

void page_scroll(struct text *out, const char *name)
{
    text_printf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"%s\">", name);
}

void page_place(const struct report_case *c, struct text *out)
{
    struct text place = TEXT_INIT;
    report_place(c, &place);
    page_tagged(out, "span", "place", text_string(&place));
    if (!text_ok(&place))
        out->failed = true;
    text_deinit(&place);
}

/* As an image: whatever stands in the file, nothing of it is run or fetched. A screenshot is made as small as the page;
 * the small print of a drawing is to be read, so it is scrolled to. */
void page_picture(const struct report_picture *p, struct text *out)
{
    if (p->path[0] == 0)
        return;
    bool there = p->data.len != 0, screenshot = there && report_picture_is_png(p->data);
    text_printf(out, "<figure class=\"picture\"%s>", there && !screenshot ? " tabindex=\"0\"" : "");
    if (there) {
        text_puts(out, screenshot ? "<img class=\"screenshot\" alt=\"" : "<img alt=\"");
        put(out, p->name != NULL ? p->name : "the picture that shows it");
        text_printf(out, "\" src=\"data:image/%s;base64,", screenshot ? "png" : "svg+xml");
        base64_encode(out, p->data);
        text_puts(out, "\">");
    }
    text_puts(out, "<figcaption>");
    if (p->name != NULL)
        page_tagged(out, "b", "name", p->name);
    text_puts(out, p->name != NULL && p->name[0] != 0 ? " " : "");
    put(out, p->path);
    text_puts(out, p->problem[0] != 0 ? ": " : "");
    put(out, p->problem);
    text_puts(out, "</figcaption></figure>\n");
}

void page_pictures(const struct report_case *c, struct text *out)
{
    page_picture(&c->picture, out);
    for (const struct report_picture *p = c->pictures; p != NULL; p = p->next)
        page_picture(p, out);
}
