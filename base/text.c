#include "base/text.h"

#include "base/plain.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_CAPACITY_MIN ((size_t)32) /* bytes, the NUL included */

void text_deinit(struct text *t)
{
    free(t->data);
    *t = TEXT_INIT;
}

void text_clear(struct text *t)
{
    t->failed = false;
    text_truncate(t, 0);
}

void text_truncate(struct text *t, size_t len)
{
    if (len < t->len) {
        t->len = len;
        t->data[len] = '\0';
    }
}

bool text_reserve(struct text *t, size_t extra)
{
    if (t->failed)
        return false;
    if (t->data && extra < t->capacity - t->len)
        return true;
    if (extra >= SIZE_MAX / 2 - t->len) {
        t->failed = true;
        return false;
    }
    size_t need = t->len + extra + 1;
    size_t capacity = t->capacity < TEXT_CAPACITY_MIN ? TEXT_CAPACITY_MIN : t->capacity;
    while (capacity < need)
        capacity *= 2;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    t->data[t->len] = '\0';
    return true;
}

/* The same, where most additions fit into what is there. */
static inline bool has_room(struct text *t, size_t extra)
{
    return (!t->failed && t->data && extra < t->capacity - t->len) || text_reserve(t, extra);
}

void text_add(struct text *t, const void *data, size_t len)
{
    if (len == 0 || !has_room(t, len))
        return;
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_puts(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_char(struct text *t, char c)
{
    if (!has_room(t, 1))
        return;
    t->data[t->len++] = c;
    t->data[t->len] = '\0';
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

static void add_number(struct text *t, bool negative, unsigned long value)
{
    char digits[24], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    if (negative)
        *--p = '-';
    text_add(t, p, (size_t)(digits + sizeof digits - p));
}

static void add_string(struct text *t, const char *string)
{
    text_puts(t, string ? string : "(null)");
}

/* What most formats are made of, without the many steps of printf(); `args` moves along. Returns where the first
 * directive stands that is something else, or the format's end. */
static const char *add_simple(struct text *t, const char *format, va_list *args) __attribute__((format_arg(2)));

static const char *add_simple(struct text *t, const char *format, va_list *args)
{
    for (;;) {
        const char *percent = strchrnul(format, '%');
        text_add(t, format, (size_t)(percent - format));
        if (*percent == '\0')
            return percent;
        if (percent[1] == 's') {
            add_string(t, va_arg(*args, const char *));
            format = percent + 2;
        } else if (percent[1] == 'd') {
            int value = va_arg(*args, int);
            add_number(t, value < 0, value < 0 ? 0UL - (unsigned long)value : (unsigned long)value);
            format = percent + 2;
        } else if (percent[1] == 'u') {
            add_number(t, false, va_arg(*args, unsigned));
            format = percent + 2;
        } else if ((percent[1] == 'z' || percent[1] == 'l') && percent[2] == 'u') {
            add_number(t, false, percent[1] == 'z' ? va_arg(*args, size_t) : va_arg(*args, unsigned long));
            format = percent + 3;
        } else {
            return percent;
        }
    }
}

static void add_formatted(struct text *t, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void add_formatted(struct text *t, const char *format, va_list args)
{
    /* Most additions fit into what is there, and then are formatted only once. */
    if (!text_reserve(t, TEXT_CAPACITY_MIN))
        return;
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(t->data + t->len, t->capacity - t->len, format, args);
    if (len < 0) {
        t->data[t->len] = '\0';
        t->failed = true;
    } else if ((size_t)len < t->capacity - t->len) {
        t->len += (size_t)len;
    } else {
        t->data[t->len] = '\0';
        if (text_reserve(t, (size_t)len)) {
            (void)vsnprintf(t->data + t->len, t->capacity - t->len, format, again);
            t->len += (size_t)len;
        }
    }
    va_end(again);
}

void text_decimal(struct text *t, uint64_t n)
{
    char digits[20], *end = digits + sizeof digits, *at = end;
    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    text_add(t, at, (size_t)(end - at));
}

void text_vprintf(struct text *t, const char *format, va_list args)
{
    size_t before = t->len;
    va_list moving;
    va_copy(moving, args);
    const char *const rest = add_simple(t, format, &moving);
    if (*rest != '\0')
        add_formatted(t, rest, moving);
    va_end(moving);
    if (t->failed) /* there was no memory: the text stays as it was */
        text_truncate(t, before);
}

void text_consume(struct text *t, size_t len)
{
    if (!t->data)
        return;
    if (len > t->len)
        len = t->len;
    t->len -= len;
    memmove(t->data, t->data + len, t->len + 1); /* the NUL comes along */
}

bool text_ok(const struct text *t)
{
    return !t->failed;
}

const char *text_string(const struct text *t)
{
    return t->data ? t->data : "";
}

char *text_take(struct text *t)
{
    /* An empty text has no memory yet, but its owner is still due a string. */
    if (!text_reserve(t, 0)) {
        text_deinit(t);
        return NULL;
    }
    char *data = t->data;
    *t = TEXT_INIT;
    return data;
}

struct bytes text_bytes(const struct text *t)
{
    return BYTES(text_string(t), t->len);
}

static void add_code_point(struct text *t, uint32_t c)
{
    char out[UTF8_MAX];
    text_add(t, out, utf8_write(c, out));
}

/* ---- JSON and XML ------------------------------------------------------------------------------------------------ */

/* What stands behind a backslash for it; '\0': nothing does. */
static char json_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    default:
        return '\0';
    }
}

/* Copies what stands for itself and tells how much. In `out` there is room for `len` bytes. */
static size_t json_copy_plain(char *out, const char *data, size_t len)
{
    size_t at = 0;
    while (len - at >= PLAIN_AT_ONCE) {
        size_t plain = plain_of_eight(data + at, 0x80);
        memcpy(out + at, data + at, PLAIN_AT_ONCE); /* what is too much is written over */
        at += plain;
        if (plain < PLAIN_AT_ONCE)
            return at;
    }
    for (; at < len && (unsigned char)data[at] >= 0x20 && (unsigned char)data[at] < 0x80 && data[at] != '"' &&
           data[at] != '\\';
         at++)
        out[at] = data[at];
    return at;
}

/* The character at *at, which does not stand for itself, or needs more than one byte. */
static void json_add_other(struct text *t, struct bytes b, size_t *at)
{
    size_t start = *at;
    uint32_t c;
    bool good = utf8_next(b, at, &c);
    char letter = good && c < 0x80 ? json_escape((unsigned char)c) : '\0';
    if (letter != '\0')
        text_add(t, (char[]){'\\', letter}, 2);
    else if (good && c >= 0x80)
        text_add(t, b.data + start, *at - start);
    else if (good)
        text_printf(t, "\\u%04x", (unsigned)c);
    else
        add_code_point(t, UTF8_REPLACEMENT);
}

void text_json(struct text *t, const char *data, size_t len)
{
    for (size_t at = 0; at < len && has_room(t, len - at);) {
        size_t plain = json_copy_plain(t->data + t->len, data + at, len - at);
        t->len += plain;
        t->data[t->len] = '\0';
        at += plain;
        if (at < len)
            json_add_other(t, BYTES(data, len), &at);
    }
}

/* ASCII that stands for itself in XML. */
static bool xml_plain(char c)
{
    return (c >= 0x20 && c < 0x7F && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'') || c == '\t' ||
           c == '\n';
}

void text_xml(struct text *t, const char *data, size_t len)
{
    struct bytes b = BYTES(data, len);
    size_t at = 0;
    while (at < len) {
        size_t start = at;
        uint32_t c;
        while (at < len && xml_plain(data[at]))
            at++;
        if (at > start) { /* most of all text */
            text_add(t, data + start, at - start);
            continue;
        }
        /* XML 1.0 section 2.2 has no place for most control characters, not even escaped. */
        if (!utf8_next(b, &at, &c) || c == 0xFFFE || c == 0xFFFF || (c < 0x20 && c != '\r'))
            add_code_point(t, UTF8_REPLACEMENT);
        else if (c == '&')
            text_puts(t, "&amp;");
        else if (c == '<')
            text_puts(t, "&lt;");
        else if (c == '>')
            text_puts(t, "&gt;");
        else if (c == '"')
            text_puts(t, "&quot;");
        else if (c == '\'')
            text_puts(t, "&#39;");
        else if (c == '\r')
            text_puts(t, "&#13;"); /* a bare one would be read back as a newline */
        else
            text_add(t, data + start, at - start);
    }
}

/* Control characters of C1, and those that reorder or hide what a terminal shows. */
static bool is_deceptive(uint32_t c)
{
    return (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

void text_printable(struct text *t, const void *data, size_t len, size_t max)
{
    struct bytes b = BYTES(data, len);
    size_t at = 0, end = len < max ? len : max;
    while (at < len) {
        size_t start = at;
        while (at < end && b.data[at] >= 0x20 && b.data[at] < 0x7F && b.data[at] != '\\')
            at++;
        if (at > start) { /* most of all text */
            text_add(t, b.data + start, at - start);
            continue;
        }
        uint32_t c;
        bool good = utf8_next(b, &at, &c);
        if (at > max) {
            text_puts(t, "...");
            return;
        }
        if (good && c == '\n')
            text_puts(t, "\\n");
        else if (good && c == '\t')
            text_puts(t, "\\t");
        else if (good && c == '\r')
            text_puts(t, "\\r");
        else if (good && c == '\\')
            text_puts(t, "\\\\");
        else if (good && c >= 0x20 && !is_deceptive(c))
            text_add(t, b.data + start, at - start);
        else
            for (; start < at; start++)
                text_printf(t, "\\x%02x", (unsigned)b.data[start]);
    }
}
