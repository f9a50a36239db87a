/* Functions of texts: see function.h. */
#include "fakes/stub/function.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

/* Latin, Greek and Cyrillic; other letters have no case here. */
static uint32_t other_case(uint32_t c, bool upper)
{
    uint32_t low = upper ? 0x20 : 0;
    if (c < 0x80)
        return (uint32_t)(upper ? toupper((int)c) : tolower((int)c));
    if ((c >= 0xC0 + low && c <= 0xDE + low && c != 0xD7 + low) ||
        (c >= 0x391 + low && c <= 0x3A9 + low && c != 0x3C2) || (c >= 0x410 + low && c <= 0x42F + low))
        return upper ? c - 0x20 : c + 0x20;
    if (c >= 0x400 + (upper ? 0x50U : 0) && c <= 0x40F + (upper ? 0x50U : 0))
        return upper ? c - 0x50 : c + 0x50;
    if (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131)
        return upper ? c & ~1U : c | 1U;
    return c;
}

static bool change_case(struct asking *x, const struct made *a, bool upper, struct made *out)
{
    struct text changed = TEXT_INIT;
    struct bytes text;
    uint32_t c;
    char encoded[UTF8_MAX];
    if (!function_text(x, a, &text))
        return false;
    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        if (utf8_next(text, &at, &c))
            text_add(&changed, encoded, utf8_write(other_case(c, upper), encoded));
        else
            text_add(&changed, text.data + from, at - from);
    }
    return function_give(x, &changed, out);
}

bool function_upper(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return change_case(x, a, true, out);
}

bool function_lower(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return change_case(x, a, false, out);
}

bool function_split(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text, by;
    (void)count;
    if (!function_text(x, &a[0], &text) || !function_text(x, &a[1], &by))
        return false;
    size_t most = 1;
    for (size_t at = 0; at < text.len; at++)
        most++;
    struct made *parts = arena_alloc_n(&x->set->scratch, most, sizeof *parts);
    if (parts == NULL)
        return made_fail(x, ERROR_MEMORY, "out of memory");
    size_t n = 0, from = 0;
    while (from < text.len || n == 0) {
        size_t left = text.len - from, step = 1;
        const uint8_t *at = by.len > 0 && left > 0 ? memmem(text.data + from, left, by.data, by.len) : NULL;
        while (by.len == 0 && from + step < text.len && (text.data[from + step] & 0xC0) == 0x80)
            step++;
        size_t end = at != NULL ? (size_t)(at - text.data) : by.len == 0 && left > 0 ? from + step : text.len;
        parts[n++] = made_text(BYTES(text.data + from, end - from));
        from = at != NULL ? end + by.len : end;
        if (at != NULL && from == text.len)
            parts[n++] = made_text(BYTES(text.data + from, 0));
    }
    *out = (struct made){.kind = MADE_ITEMS, .list = parts, .count = by.len == 0 && text.len == 0 ? 0 : n};
    return true;
}

bool function_join(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items;
    struct text all = TEXT_INIT;
    struct bytes by;
    (void)count;
    if (a[0].kind == MADE_INTEGER || a[0].kind == MADE_MESSAGE)
        return made_fail(x, ERROR_INVALID, "join() takes a list and a text");
    if (!made_items(x, &a[0], &items) || !function_text(x, &a[1], &by))
        return false;
    bool ok = true;
    for (size_t i = 0; i < items.count && ok; i++) {
        if (i > 0)
            text_add(&all, by.data, by.len);
        ok = made_print(x, &items.values[i], true, &all);
    }
    return function_give(x, &all, out) && ok;
}

bool function_str(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    bool ok = function_text(x, a, &text);
    *out = made_text(text);
    return ok;
}

bool function_json(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    (void)count;
    bool ok = made_json(x, a, &made);
    return function_give(x, &made, out) && ok;
}

enum escape { ESCAPE_HTML, ESCAPE_JS, ESCAPE_URL };

static void escaped(enum escape how, char c, struct text *out)
{
    static const char special[] = "<>\"'&\\=`";
    if (how == ESCAPE_HTML) {
        const char *word = c == '<'    ? "&lt;"
                           : c == '>'  ? "&gt;"
                           : c == '&'  ? "&amp;"
                           : c == '"'  ? "&#34;"
                           : c == '\'' ? "&#39;"
                                       : NULL;
        if (word != NULL)
            text_puts(out, word);
        else
            text_char(out, c);
    } else if (how == ESCAPE_JS) {
        if (c == '\\' || c == '\'' || c == '"')
            text_printf(out, "\\%c", c);
        else if (c != '\0' && (strchr(special, c) != NULL || (c > 0 && c < ' ')) && c != '`')
            text_printf(out, "\\u%04X", (unsigned)(uint8_t)c);
        else
            text_char(out, c);
    } else if (isalnum((unsigned char)c) || (c != '\0' && strchr("-_.~", c) != NULL)) {
        text_char(out, c);
    } else if (c == ' ') {
        text_char(out, '+');
    } else {
        text_printf(out, "%%%02X", (unsigned)(uint8_t)c);
    }
}

static bool escape(struct asking *x, const struct made *a, size_t count, enum escape how, struct made *out)
{
    struct text made = TEXT_INIT;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        struct bytes text;
        ok = function_text(x, &a[i], &text);
        for (size_t j = 0; ok && j < text.len; j++)
            escaped(how, (char)text.data[j], &made);
    }
    return function_give(x, &made, out) && ok;
}

bool function_html(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_HTML, out);
}

bool function_js(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_JS, out);
}

bool function_urlquery(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_URL, out);
}
