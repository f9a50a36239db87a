/* Texts and numbers of Go's templates: see gripmock_go.h. Format: the Go specification, "Literals". */
#include "fakes/stub/gripmock_go.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void go_put_quoted(struct text *out, const char *data, size_t len)
{
    const char quote = memchr(data, '"', len) == NULL ? '"' : '\'';
    if (quote == '"' || memchr(data, '\'', len) == NULL) {
        text_char(out, quote);
        text_add(out, data, len);
        text_char(out, quote);
        return;
    }
    text_puts(out, "sprintf('%s'");
    size_t parts = 0, from = 0;
    struct text all = TEXT_INIT;
    for (size_t i = 0; i <= len; i++)
        if (i == len || data[i] == '\'') {
            text_puts(&all, ", '");
            text_add(&all, data + from, i - from);
            text_puts(&all, i < len ? "', \"'\"" : "'");
            parts += i < len ? 2 : 1;
            from = i + 1;
        }
    text_truncate(out, out->len - 4);
    text_char(out, '\'');
    for (size_t i = 0; i < parts; i++)
        text_puts(out, "%s");
    text_char(out, '\'');
    text_add(out, text_string(&all), all.len);
    text_char(out, ')');
    out->failed |= all.failed;
    text_deinit(&all);
}

/* The escape behind a backslash at `at`; behind it, or NULL. */
static const char *escape(const char *at, const char *end, struct text *out)
{
    static const char letters[] = "abfnrtv\\'\"", meanings[] = "\a\b\f\n\r\t\v\\'\"";
    const char *known = *at != '\0' ? strchr(letters, *at) : NULL;
    size_t digits = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : 0;
    char number[12], encoded[UTF8_MAX], *stop;
    if (known != NULL) {
        text_char(out, meanings[known - letters]);
        return at + 1;
    }
    bool octal = *at >= '0' && *at <= '7';
    const char *from = octal ? at : at + 1;
    digits = octal ? 3 : digits;
    if (digits == 0 || (size_t)(end - from) < digits)
        return NULL;
    memcpy(number, from, digits);
    number[digits] = '\0';
    unsigned long v = strtoul(number, &stop, octal ? 8 : 16);
    if (*stop != '\0' || v == 0)
        return NULL;
    if (digits <= 3)
        text_char(out, (char)v);
    else
        text_add(out, encoded, utf8_write((uint32_t)v, encoded));
    return from + digits;
}

bool go_quoted(struct go_reader *r, struct text *out)
{
    char quote = *r->at++;
    while (r->at < r->end && *r->at != quote) {
        if (*r->at != '\\' || quote == '`') {
            text_char(out, *r->at++);
            continue;
        }
        const char *behind = r->at + 1 < r->end ? escape(r->at + 1, r->end, out) : NULL;
        if (behind == NULL)
            return go_fail(r, "an escape in a quoted text of {{...}} is not known");
        r->at = behind;
    }
    if (r->at == r->end)
        return go_fail(r, "a quote in {{...}} is not closed");
    r->at++;
    return true;
}

bool go_number(struct go_reader *r, struct text *out)
{
    char digits[48], *stop;
    size_t len = 0;
    const char *at = r->at;
    for (; at < r->end && (go_is_name(*at) || strchr(".+-", *at) != NULL); at++) {
        bool sign = *at == '+' || *at == '-';
        if (sign && at > r->at && strchr("eEpP", at[-1]) == NULL)
            break;
        if (*at != '_' && len + 1 < sizeof digits)
            digits[len++] = *at;
    }
    digits[len] = '\0';
    r->at = at;
    const char *first = digits + (digits[0] == '-' || digits[0] == '+');
    const char *prefix = first[0] == '0' && first[1] != '\0' ? strchr("xXoObB", first[1]) : NULL;
    if (prefix != NULL || (first[0] == '0' && isdigit((unsigned char)first[1]) && strpbrk(first, ".eE") == NULL)) {
        int base = prefix == NULL || strchr("oO", *prefix) ? 8 : strchr("bB", *prefix) ? 2 : 16;
        long long v = strtoll(first + (prefix != NULL ? 2 : 0), &stop, base);
        text_printf(out, digits[0] == '-' ? "(-%lld)" : "%lld", v);
    } else if (strpbrk(first, "eE.") != NULL) {
        double v = strtod(first, &stop);
        text_printf(out, digits[0] == '-' ? "float('-%.17g')" : "float('%.17g')", v);
    } else {
        long long v = strtoll(first, &stop, 10);
        text_printf(out, digits[0] == '-' ? "(-%lld)" : "%lld", v);
    }
    return *stop == '\0' || go_fail(r, "a number in {{...}} is not understood");
}
