/* Filters of texts: what may not stand in a URL, in HTML or in JSON, and what is put in place of something else. */
#include "base/utf8.h"
#include "e2e/value/query_filter.h"
#include "e2e/value/regex.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 32

FILTER(url_encode)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "urlEncode", "a text");
    const char *p = json_string_value(in), *end = p + json_string_length(in);
    for (; p < end; p++) {
        if (isalnum((unsigned char)*p) || memchr("-._~/", *p, 5) != NULL)
            text_char(&text, *p);
        else
            text_printf(&text, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return filter_give_text(q, &text, out);
}

static void url_decoded(const char *s, size_t len, bool form, struct text *out)
{
    for (size_t i = 0; i < len; i++) {
        int high = s[i] == '%' && i + 2 < len ? bytes_hex_value((uint8_t)s[i + 1]) : -1;
        int low = high >= 0 ? bytes_hex_value((uint8_t)s[i + 2]) : -1;
        if (low >= 0) {
            text_char(out, (char)(high * 16 + low));
            i += 2;
        } else {
            text_char(out, form && s[i] == '+' ? ' ' : s[i]);
        }
    }
}

FILTER(url_decode)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "urlDecode", "a text");
    /* "%2" at the very end stands for itself */
    url_decoded(json_string_value(in), json_string_length(in) + 1, false, &text);
    text_truncate(&text, text.len > 0 ? text.len - 1 : 0);
    return filter_give_text(q, &text, out);
}

FILTER(url_query_param)
{
    const char *s = json_string_value(in), *p = s != NULL ? strchr(s, '?') : NULL;
    if (s == NULL || strstr(s, "://") == NULL)
        return filter_wrong_input(q, in, "urlQueryParam", "a URL");
    while (p != NULL && *out == NULL) {
        p++;
        size_t len = strcspn(p, "&#"), key = strcspn(p, "=&#");
        struct text name = TEXT_INIT, value = TEXT_INIT;
        url_decoded(p, key, true, &name);
        if (key < len)
            url_decoded(p + key + 1, len - key - 1, true, &value);
        bool is = !text_ok(&name) || strcmp(text_string(&name), json_string_value(args[0])) == 0;
        value.failed = value.failed || !text_ok(&name);
        text_deinit(&name);
        if (is && filter_give_text(q, &value, out) != 0)
            return q->x->error.code;
        text_deinit(&value);
        p = p[len] == '&' ? p + len : NULL;
    }
    return 0;
}

FILTER(html_escape)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "htmlEscape", "a text");
    for (const char *p = json_string_value(in); *p != '\0'; p++) {
        static const char from[] = "&<>\"'";
        static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#x27;"};
        const char *which = strchr(from, *p);
        if (which != NULL)
            text_puts(&text, to[which - from]);
        else
            text_char(&text, *p);
    }
    return filter_give_text(q, &text, out);
}

/* Behind "&": the length of what it stands for, put; 0: it is none. */
static size_t entity(const char *p, struct text *out)
{
    char name[16], bytes[UTF8_MAX];
    unsigned long code = 0;
    size_t len;
    if (p[0] == '#') {
        char *end;
        bool hex = p[1] == 'x' || p[1] == 'X';
        const char *digits = p + (hex ? 2 : 1);
        if (!isxdigit((unsigned char)*digits))
            return 0;
        code = strtoul(digits, &end, hex ? 16 : 10);
        len = (size_t)(end - p);
    } else {
        len = strcspn(p, "; \t\n&<");
        if (len == 0 || len >= sizeof name || p[len] != ';')
            return 0;
        memcpy(name, p, len);
        name[len] = '\0';
        const htmlEntityDesc *known = htmlEntityLookup((const xmlChar *)name);
        code = known != NULL ? known->value : strcmp(name, "apos") == 0 ? '\'' : 0;
    }
    if (code == 0 || code > 0x10FFFF)
        return 0;
    text_add(out, bytes, utf8_write((uint32_t)code, bytes));
    return len + (p[len] == ';');
}

FILTER(html_unescape)
{
    struct text text = TEXT_INIT;
    UNUSED;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "htmlUnescape", "a text");
    for (const char *p = json_string_value(in); *p != '\0';) {
        size_t len = *p == '&' ? entity(p + 1, &text) : 0;
        if (len == 0)
            text_char(&text, *p);
        p += 1 + len;
    }
    return filter_give_text(q, &text, out);
}

/* As it stands inside the quotes of a JSON text. */
FILTER(json_escape)
{
    struct text text = TEXT_INIT, escaped = TEXT_INIT;
    UNUSED;
    if (!query_render(in, &text)) {
        text_deinit(&text);
        return filter_wrong_input(q, in, "jsonEscape", "a text, a number, true, false or null");
    }
    text_json(&escaped, text_string(&text), text.len);
    escaped.failed = escaped.failed || !text_ok(&text);
    text_deinit(&text);
    return filter_give_text(q, &escaped, out);
}

FILTER(replace)
{
    struct text text = TEXT_INIT;
    const char *old = json_string_value(args[0]), *p = json_string_value(in);
    size_t len = json_string_length(args[0]);
    if (p == NULL)
        return filter_wrong_input(q, in, "replace", "a text");
    while (*p != '\0' && len > 0) {
        const char *at = strstr(p, old);
        size_t keep = at != NULL ? (size_t)(at - p) : strlen(p);
        text_add(&text, p, keep);
        if (at != NULL)
            text_puts(&text, json_string_value(args[1]));
        p += keep + (at != NULL ? len : 0);
        if (text.len > REPLY_MAX) {
            text_deinit(&text);
            return query_error(q, ERROR_LIMIT, "the text becomes longer than %zu MiB", REPLY_MAX >> 20);
        }
    }
    text_puts(&text, p);
    return filter_give_text(q, &text, out);
}

/* ---- expressions ---- */

static struct query_regex *compile(struct query_run *q, const json_t *pattern)
{
    struct error why = ERROR_INIT;
    struct query_regex *r = query_regex_new(json_string_value(pattern), &why);
    if (r == NULL)
        query_error(q, why.code, "%s", why.message);
    error_clear(&why);
    return r;
}

/* What the first group matches; nothing when it has no part in the match. */
int query_run_regex(struct query_run *q, const json_t *pattern, const json_t *in, json_t **out)
{
    size_t spans[4] = {0, 0, SIZE_MAX, SIZE_MAX};
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "regex", "a text");
    struct query_regex *r = compile(q, pattern);
    if (r == NULL)
        return q->x->error.code;
    int code = 0, found = query_regex_find(r, filter_string_bytes(in), 0, spans, 2);
    if (found < 0)
        code = query_error(q, found, "the search was given up");
    else if (found > 1 && spans[2] != SIZE_MAX)
        code = filter_give(q, json_stringn(json_string_value(in) + spans[2], spans[3] - spans[2]), out);
    query_regex_free(r);
    return code;
}

FILTER(regex)
{
    return query_run_regex(q, args[0], in, out);
}

/* "$1", "${1}" and "$$" in what stands instead. */
static void put_replacement(const char *p, const char *text, const size_t *spans, int groups, struct text *out)
{
    while (*p != '\0') {
        char *end = NULL;
        bool brace = p[0] == '$' && p[1] == '{';
        const char *digits = p + 1 + brace;
        if (p[0] == '$' && p[1] == '$') {
            text_char(out, '$');
            p += 2;
            continue;
        }
        long group = p[0] == '$' && isdigit((unsigned char)*digits) ? strtol(digits, &end, 10) : -1;
        if (group < 0 || (brace && *end != '}')) {
            text_char(out, *p++);
            continue;
        }
        if (group < groups && spans[2 * group] != SIZE_MAX)
            text_add(out, text + spans[2 * group], spans[2 * group + 1] - spans[2 * group]);
        p = end + brace;
    }
}

FILTER(replace_regex)
{
    struct text text = TEXT_INIT;
    size_t spans[2 * GROUPS_MAX], at = 0;
    if (!json_is_string(in))
        return filter_wrong_input(q, in, "replaceRegex", "a text");
    struct query_regex *r = compile(q, args[0]);
    if (r == NULL)
        return q->x->error.code;
    const char *s = json_string_value(in);
    struct bytes whole = filter_string_bytes(in);
    int groups = 0;
    while (at <= whole.len && text.len <= REPLY_MAX &&
           (groups = query_regex_find(r, whole, at, spans, GROUPS_MAX)) > 0) {
        text_add(&text, s + at, spans[0] - at);
        put_replacement(json_string_value(args[1]), s, spans, groups, &text);
        at = spans[1];
        if (spans[1] == spans[0]) { /* an empty match: past the next character */
            uint32_t c;
            size_t next = at;
            if (at < whole.len)
                utf8_next(whole, &next, &c);
            text_add(&text, s + at, next - at);
            at = at < whole.len ? next : whole.len + 1;
        }
    }
    query_regex_free(r);
    if (groups < 0 || text.len > REPLY_MAX) {
        text_deinit(&text);
        return query_error(q, ERROR_LIMIT, "the search was given up");
    }
    if (at < whole.len)
        text_add(&text, s + at, whole.len - at);
    return filter_give_text(q, &text, out);
}
