/* Lines, names and values. */
#include "e2e/import/hurl/hurl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int hurl_line_end(struct hurl *h)
{
    struct scan *s = &h->s;
    scan_blanks(s);
    if (scan_char(s) == '#')
        while (scan_char(s) >= 0 && scan_char(s) != '\n')
            s->at++;
    scan_take(s, "\r");
    if (s->code == 0 && scan_char(s) >= 0 && !scan_take(s, "\n"))
        scan_fail(s, s->at, "expected the end of the line");
    return s->code;
}

void hurl_blank_lines(struct hurl *h)
{
    struct scan *s = &h->s;
    for (;;) {
        size_t before = s->at;
        scan_blanks(s);
        if (scan_char(s) == '#')
            while (scan_char(s) >= 0 && scan_char(s) != '\n')
                s->at++;
        scan_take(s, "\r");
        if (!scan_take(s, "\n")) {
            if (scan_char(s) >= 0)
                s->at = before;
            return;
        }
    }
}

struct build_node *hurl_node(struct hurl *h, size_t at, struct text *t)
{
    struct build_node *n = text_ok(t) ? build_text(&h->b, at, text_string(t), t->len) : NULL;
    h->b.failed = h->b.failed || !text_ok(t);
    text_deinit(t);
    return n;
}

int hurl_kept(struct hurl *h, const struct text *t)
{
    if (!text_ok(t) && h->s.code == 0)
        h->s.code = ERROR_MEMORY;
    return h->s.code;
}

bool hurl_is_variable(const char *text)
{
    const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
    return end != NULL && end[1] == '\0';
}

static bool key_char(int c)
{
    return c >= 0x80 || (c > 0 && (isalnum(c) || strchr("_-.[]@$", c) != NULL));
}

int hurl_key(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    size_t start = s->at;
    while (s->code == 0) {
        int c = scan_char(s);
        if (c == '\\')
            scan_escape(s, ":", out);
        else if (scan_is(s, "{{"))
            scan_placeholder(s, "", out);
        else if (key_char(c))
            scan_put(out, (char)s->in.data[s->at++]);
        else
            break;
    }
    if (s->code == 0 && s->at == start)
        scan_fail(s, start, "expected a name");
    return hurl_kept(h, out);
}

int hurl_value(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    size_t kept = out->len;
    while (h->raw && scan_char(s) >= 0)
        scan_put(out, (char)s->in.data[s->at++]);
    while (!h->raw && s->code == 0) {
        int c = scan_char(s);
        if (c < 0 || c == '\n' || c == '#' || (c == '\r' && scan_is(s, "\r\n")))
            break;
        if (c == '\\')
            scan_escape(s, "", out);
        else if (scan_is(s, "{{"))
            scan_placeholder(s, "", out);
        else
            scan_put(out, (char)s->in.data[s->at++]);
        if (c != ' ' && c != '\t')
            kept = out->len;
    }
    if (!h->raw)
        text_truncate(out, kept);
    return hurl_kept(h, out);
}

int hurl_key_colon(struct hurl *h, struct text *out)
{
    struct scan *s = &h->s;
    scan_blanks(s);
    if (hurl_key(h, out) != 0)
        return s->code;
    scan_blanks(s);
    if (!scan_take(s, ":"))
        return scan_fail(s, s->at, "expected \":\"");
    scan_blanks(s);
    return 0;
}

void hurl_from_root(const struct hurl *h, struct text *file)
{
    struct text path = TEXT_INIT;
    if (h->file_root == NULL || text_string(file)[0] == '/')
        return;
    text_printf(&path, "%s%s%s/%s", h->folder != NULL && h->file_root[0] != '/' ? h->folder : "",
                h->folder != NULL && h->file_root[0] != '/' ? "/" : "", h->file_root, text_string(file));
    path.failed = path.failed || !text_ok(file);
    text_deinit(file);
    *file = path;
}
