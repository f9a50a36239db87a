#include "e2e/value/scan.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int scan_fail(struct scan *s, size_t at, const char *format, ...)
{
    va_list args;
    if (s->code != 0)
        return s->code;
    va_start(args, format);
    vsnprintf(s->why, sizeof s->why, format, args);
    va_end(args);
    s->bad = at;
    return s->code = ERROR_SYNTAX;
}

int scan_char(const struct scan *s)
{
    return s->at < s->in.len ? s->in.data[s->at] : -1;
}

bool scan_is(const struct scan *s, const char *text)
{
    size_t len = strlen(text);
    return s->in.len - s->at >= len && memcmp(s->in.data + s->at, text, len) == 0;
}

bool scan_take(struct scan *s, const char *text)
{
    bool is = scan_is(s, text);
    s->at += is ? strlen(text) : 0;
    return is;
}

static bool in_word(int c)
{
    return c >= 0 && (isalnum(c) || c == '_' || c == '-');
}

bool scan_take_word(struct scan *s, const char *word)
{
    size_t before = s->at;
    if (scan_take(s, word) && !in_word(scan_char(s)))
        return true;
    s->at = before;
    return false;
}

void scan_blanks(struct scan *s)
{
    while (scan_char(s) == ' ' || scan_char(s) == '\t')
        s->at++;
}

void scan_put(struct text *out, char c)
{
    if (c == '{' && out->len > 0 && out->data[out->len - 1] == '$')
        text_char(out, '$'); /* "$${" */
    text_char(out, c);
}

int scan_escape(struct scan *s, const char *also, struct text *out)
{
    static const char from[] = "bfnrt\\/\"#`", to[] = "\b\f\n\r\t\\/\"#`";
    size_t start = s->at++;
    int c = scan_char(s);
    const char *which = c > 0 ? strchr(from, c) : NULL;
    if (which != NULL || (c > 0 && strchr(also, c) != NULL)) {
        scan_put(out, which != NULL ? to[which - from] : (char)c);
        s->at++;
        return 0;
    }
    if (c == 'u' && s->at + 1 < s->in.len && s->in.data[s->at + 1] == '{') {
        uint32_t code = 0;
        size_t digits = 0;
        for (s->at += 2; scan_char(s) >= 0 && bytes_hex_value((uint8_t)scan_char(s)) >= 0 && digits < 6; digits++)
            code = code * 16 + (uint32_t)bytes_hex_value(s->in.data[s->at++]);
        char bytes[UTF8_MAX];
        size_t len = utf8_write(code, bytes);
        if (digits > 0 && scan_char(s) == '}') {
            s->at++;
            for (size_t i = 0; i < len; i++)
                scan_put(out, bytes[i]);
            return 0;
        }
        return scan_fail(s, start, "\\u{...} is the number of a character in hexadecimal, like \\u{e9}");
    }
    return scan_fail(s, start, "no such escape: \\b \\f \\n \\r \\t \\\\ \\\" and \\u{...} are");
}

/* The functions of Hurl's placeholders. */
static bool function(struct scan *s, struct text *out)
{
    if (scan_take_word(s, "newUuid"))
        text_puts(out, "fake.uuid");
    else if (scan_take_word(s, "newDate"))
        text_puts(out, "now.date");
    else
        return false;
    return true;
}

int scan_placeholder(struct scan *s, const char *form, struct text *out)
{
    size_t start = s->at;
    s->at += 2;
    scan_blanks(s);
    text_puts(out, "${");
    if (scan_take_word(s, "getEnv")) {
        text_puts(out, "env.");
        scan_blanks(s);
        if (!scan_take(s, "\""))
            return scan_fail(s, s->at, "getEnv is followed by a name in quotes");
        while (in_word(scan_char(s)))
            text_char(out, (char)s->in.data[s->at++]);
        if (!scan_take(s, "\""))
            return scan_fail(s, s->at, "the name of a variable of the environment is made of letters, digits and _");
    } else if (!function(s, out)) {
        size_t name = s->at;
        while (in_word(scan_char(s)))
            text_char(out, (char)s->in.data[s->at++]);
        if (s->at == name)
            return scan_fail(s, s->at, "expected the name of a variable");
    }
    scan_blanks(s);
    size_t filters = s->at;
    while (s->at < s->in.len && !scan_is(s, "}}") && scan_char(s) != '\n')
        s->at++;
    if (!scan_is(s, "}}"))
        return scan_fail(s, start, "this {{ has no }}");
    size_t len = s->at - filters;
    while (len > 0 && (s->in.data[filters + len - 1] == ' ' || s->in.data[filters + len - 1] == '\t'))
        len--;
    if (memchr(s->in.data + filters, '}', len) != NULL || memchr(s->in.data + filters, '{', len) != NULL)
        return scan_fail(s, filters, "braces cannot stand inside {{ }}");
    if (len > 0) {
        text_puts(out, " | ");
        text_add(out, s->in.data + filters, len);
    }
    text_puts(out, form);
    text_char(out, '}');
    s->at += 2;
    return 0;
}

/* Where variables are written as flows do, "${" is the beginning of one. */
static void put_plain(const struct scan *s, char c, struct text *out)
{
    if (s->braces)
        scan_put(out, c);
    else
        text_char(out, c);
}

int scan_quoted(struct scan *s, char quote, struct text *out)
{
    size_t start = s->at - 1;
    while (s->code == 0) {
        int c = scan_char(s);
        if (c < 0 || (c == '\n' && quote == '`'))
            return scan_fail(s, start, "this %c has no end", quote);
        if (c == quote) {
            s->at++;
            return 0;
        }
        if (c == '\\') {
            scan_escape(s, "", out);
        } else if (s->braces && scan_is(s, "{{")) {
            scan_placeholder(s, "", out);
        } else {
            put_plain(s, (char)c, out);
            s->at++;
        }
    }
    return s->code;
}

/* ---- bytes ---- */

int scan_hex(struct scan *s, struct text *out)
{
    for (; scan_char(s) >= 0 && scan_char(s) != ';'; s->at++) {
        int high = bytes_hex_value((uint8_t)scan_char(s));
        if (isspace(scan_char(s)))
            continue;
        int low = s->at + 1 < s->in.len ? bytes_hex_value(s->in.data[s->at + 1]) : -1;
        if (high < 0 || low < 0)
            return scan_fail(s, s->at, "expected two hexadecimal digits, or \";\" at the end");
        text_char(out, (char)(high * 16 + low));
        s->at++;
    }
    return scan_take(s, ";") ? 0 : scan_fail(s, s->at, "bytes end with \";\"");
}

int scan_base64(struct scan *s, struct text *out)
{
    struct text digits = TEXT_INIT;
    size_t start = s->at;
    for (; scan_char(s) >= 0 && scan_char(s) != ';'; s->at++)
        if (!isspace(scan_char(s)))
            text_char(&digits, (char)scan_char(s));
    if (!scan_take(s, ";"))
        scan_fail(s, start, "base64 ends with \";\"");
    else if (text_ok(&digits) && !base64_decode(out, text_bytes(&digits)))
        scan_fail(s, start, "this is not base64");
    out->failed = out->failed || !text_ok(&digits);
    text_deinit(&digits);
    return s->code;
}

int scan_filename(struct scan *s, struct text *out)
{
    size_t start = s->at;
    while (s->code == 0) {
        int c = scan_char(s);
        if (c < 0 || c == '\n')
            return scan_fail(s, start, "a file's name ends with \";\"");
        if (c == ';') {
            s->at++;
            return out->len > 0 || !text_ok(out) ? 0 : scan_fail(s, start, "expected a file's name");
        }
        if (c == '\\') {
            scan_escape(s, "; {}:", out);
        } else if (s->braces && scan_is(s, "{{")) {
            scan_placeholder(s, "", out);
        } else {
            put_plain(s, (char)c, out);
            s->at++;
        }
    }
    return s->code;
}
