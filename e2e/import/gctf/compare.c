/* What stands behind a value: an operator and what is wanted. */
#include "e2e/import/gctf/expression.h"

#include "wire/grpc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "/a/i": the expression as a query's. */
static void take_regex(struct gctf_expression *e)
{
    struct scan *s = e->s;
    struct text body = TEXT_INIT;
    size_t at = s->at++;
    while (s->at < s->in.len && !scan_is(s, "/")) {
        if (scan_is(s, "\\") && s->at + 1 < s->in.len)
            text_char(&body, (char)s->in.data[s->at++]);
        text_char(&body, (char)s->in.data[s->at++]);
    }
    bool closed = s->at < s->in.len && scan_take(s, "/");
    bool fold = s->at < s->in.len && scan_take(s, "i");
    if (!closed)
        scan_fail(s, at, "this / has no end");
    text_printf(&e->out, " /%s%s/", fold ? "(?i)" : "", text_string(&body));
    e->out.failed = e->out.failed || !text_ok(&body);
    text_deinit(&body);
}

/* A text that is an expression. */
static void put_regex(struct gctf_expression *e, const struct text *pattern, bool fold)
{
    text_printf(&e->out, " /%s", fold ? "(?i)" : "");
    for (size_t i = 0; i < pattern->len; i++) {
        if (pattern->data[i] == '/')
            text_char(&e->out, '\\');
        else if (pattern->data[i] == '\\' && i + 1 < pattern->len)
            text_char(&e->out, pattern->data[i++]);
        text_char(&e->out, pattern->data[i]);
    }
    text_char(&e->out, '/');
}

/* Behind an operator. */
void gctf_wanted(struct gctf_expression *e, bool regex)
{
    struct scan *s = e->s;
    struct text text = TEXT_INIT;
    scan_blanks(s);
    size_t at = s->at, n = gctf_word_here(e);
    if (at >= s->in.len) {
        scan_fail(s, at, "expected a value");
    } else if (scan_is(s, "\"")) {
        if (gctf_string(e, &text, !regex)) {
            if (regex) {
                put_regex(e, &text, false);
            } else {
                text_char(&e->out, ' ');
                gctf_quoted(&e->out, text_string(&text), text.len);
            }
        }
    } else if (regex && scan_is(s, "/")) {
        take_regex(e);
    } else if (regex) {
        gctf_unknown(e, at);
    } else if (scan_take(s, "$") && gctf_word_here(e) > 0) {
        n = gctf_word_here(e);
        text_printf(&e->out, " ${%.*s}", (int)n, (const char *)s->in.data + s->at);
        s->at += n;
    } else if (n > 0) { /* true, false, or a word that is a text */
        bool is = scan_take_word(s, "true") || scan_take_word(s, "false");
        s->at = at + n;
        text_char(&e->out, ' ');
        if (is)
            text_add(&e->out, s->in.data + at, n);
        else
            gctf_quoted(&e->out, (const char *)s->in.data + at, n);
    } else {
        char *end = NULL, digits[40] = "";
        while (s->at < s->in.len && n + 1 < sizeof digits &&
               (isdigit(s->in.data[s->at]) || strchr("+-.eE", s->in.data[s->at]) != NULL))
            digits[n++] = (char)s->in.data[s->at++];
        strtod(digits, &end);
        if (n == 0 || *end != '\0')
            gctf_unknown(e, at);
        text_printf(&e->out, " %s", digits);
    }
    e->out.failed = e->out.failed || !text_ok(&text);
    text_deinit(&text);
}

/* ".code == 3": flows have the status' name. */
static void take_status(struct gctf_expression *e, const char *sign)
{
    struct scan *s = e->s;
    size_t at = s->at;
    int code = 0;
    scan_blanks(s);
    while (s->at < s->in.len && isdigit(s->in.data[s->at]) && code < 100)
        code = code * 10 + (s->in.data[s->at++] - '0');
    if (s->at == at || code > 16 || (strcmp(sign, "==") != 0 && strcmp(sign, "!=") != 0))
        gctf_unknown(e, at);
    text_printf(&e->out, "status%s %s \"%s\"", e->not, sign, grpc_status_name(code));
}

/* What is known while the file is read. */
static void take_constant(struct gctf_expression *e, const char *sign)
{
    struct scan *s = e->s;
    size_t wanted = 0, at;
    scan_blanks(s);
    at = s->at;
    while (s->at < s->in.len && isdigit(s->in.data[s->at]) && wanted < 100000)
        wanted = wanted * 10 + (size_t)(s->in.data[s->at++] - '0');
    bool less = e->value < wanted, same = e->value == wanted;
    bool holds = strcmp(sign, "==") == 0   ? same
                 : strcmp(sign, "!=") == 0 ? !same
                 : strcmp(sign, "<=") == 0 ? less || same
                 : strcmp(sign, ">=") == 0 ? !less
                 : strcmp(sign, "<") == 0  ? less
                                           : !less && !same;
    if (s->at == at || isalpha((unsigned char)sign[0]))
        gctf_unknown(e, at);
    else if (holds == (e->not [0] != '\0'))
        scan_fail(s, at, "this never holds: it is scope %zu here", e->value);
}

void gctf_predicate(struct gctf_expression *e, size_t from)
{
    static const char *const signs[] = {"==",       "!=",         ">=",       "<=",      ">", "<",
                                        "contains", "startsWith", "endsWith", "matches", NULL};
    struct scan *s = e->s;
    size_t which = 0;
    scan_blanks(s);
    while (signs[which] != NULL &&
           (s->at >= s->in.len || !(which < 6 ? scan_take(s, signs[which]) : scan_take_word(s, signs[which]))))
        which++;
    if (signs[which] == NULL) {
        gctf_unknown(e, from);
        return;
    }
    scan_blanks(s);
    if (e->code) {
        take_status(e, signs[which]);
        return;
    }
    if (e->constant) {
        take_constant(e, signs[which]);
        return;
    }
    if (which < 2 && s->at < s->in.len && scan_take_word(s, "null")) {
        bool there = (which == 0) != (e->not [0] == '\0');
        text_puts(&e->out, e->list ? there ? " not isEmpty" : " isEmpty" : there ? " exists" : " not exists");
        return;
    }
    text_puts(&e->out, e->list ? " first" : "");
    text_printf(&e->out, "%s%s %s", e->size ? " length" : "", e->not, signs[which]);
    gctf_wanted(e, which == 9);
}
