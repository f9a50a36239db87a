#include "base/json_text.h"

#include "base/plain.h"
#include "base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX      64 /* what is deeper is left to jansson, which has a limit of its own */
#define DIGITS_MAX     18 /* of an integer that cannot overflow */
#define NUMBER_MAX     40 /* bytes of a real number */
#define SPACES         "                                "
#define SPACES_AT_ONCE (sizeof SPACES - 1)

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct writer {
    struct text *out;
    unsigned indent, digits;
};

static void add_value(const struct writer *w, const json_t *v, unsigned depth);

static void new_line(const struct writer *w, unsigned depth)
{
    size_t blanks = (size_t)w->indent * depth;
    if (w->indent == 0)
        return;
    text_char(w->out, '\n');
    for (; blanks > 0; blanks -= blanks < SPACES_AT_ONCE ? blanks : SPACES_AT_ONCE)
        text_add(w->out, SPACES, blanks < SPACES_AT_ONCE ? blanks : SPACES_AT_ONCE);
}

static void add_string(const struct writer *w, const char *s, size_t len)
{
    text_char(w->out, '"');
    text_json(w->out, s, len);
    text_char(w->out, '"');
}

static void add_integer(struct text *out, json_int_t value)
{
    char digits[24], *p = digits + sizeof digits;
    unsigned long long left = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (value < 0)
        *--p = '-';
    text_add(out, p, (size_t)(digits + sizeof digits - p));
}

static void add_list(const struct writer *w, const json_t *v, unsigned depth)
{
    size_t count = json_array_size(v);
    text_char(w->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_char(w->out, ',');
        new_line(w, depth + 1);
        add_value(w, json_array_get(v, i), depth + 1);
    }
    if (count > 0)
        new_line(w, depth);
    text_char(w->out, ']');
}

static void add_map(const struct writer *w, const json_t *v, unsigned depth)
{
    json_t *walked; /* jansson's iterators take an object that may be changed; this one is not */
    memcpy(&walked, &v, sizeof walked);
    void *first = json_object_iter(walked);
    text_char(w->out, '{');
    for (void *at = first; at != NULL; at = json_object_iter_next(walked, at)) {
        if (at != first)
            text_char(w->out, ',');
        new_line(w, depth + 1);
        add_string(w, json_object_iter_key(at), json_object_iter_key_len(at));
        text_puts(w->out, w->indent > 0 ? ": " : ":");
        add_value(w, json_object_iter_value(at), depth + 1);
    }
    if (first != NULL)
        new_line(w, depth);
    text_char(w->out, '}');
}

static int add_piece(const char *piece, size_t len, void *text)
{
    text_add(text, piece, len);
    return text_ok(text) ? 0 : -1;
}

/* The text remembers what jansson does not: a key that could not be added. */
static void add_by_flags(struct text *out, const json_t *v, size_t flags)
{
    if (json_dump_callback(v, add_piece, out, flags | JSON_ENCODE_ANY))
        out->failed = true;
}

/* Numbers with a point, and what lies deep. */
static void add_by_jansson(const struct writer *w, const json_t *v)
{
    add_by_flags(w->out, v, JSON_COMPACT | JSON_REAL_PRECISION(w->digits));
}

static void add_value(const struct writer *w, const json_t *v, unsigned depth)
{
    if (v == NULL) {
        w->out->failed = true;
        return;
    }
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        add_map(w, v, depth);
        break;
    case JSON_ARRAY:
        add_list(w, v, depth);
        break;
    case JSON_STRING:
        add_string(w, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        add_integer(w->out, json_integer_value(v));
        break;
    case JSON_REAL:
        add_by_jansson(w, v);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        text_puts(w->out, json_is_true(v) ? "true" : "false");
        break;
    case JSON_NULL:
        text_puts(w->out, "null");
        break;
    }
}

void json_text_add(struct text *out, const json_t *value, unsigned indent, unsigned digits)
{
    const struct writer w = {out, indent, digits};
    add_value(&w, value, 0);
}

static char *taken(struct text *out)
{
    char *string = text_ok(out) ? text_take(out) : NULL;
    text_deinit(out);
    return string;
}

char *json_text_of(const json_t *value, unsigned indent)
{
    struct text out = TEXT_INIT;
    json_text_add(&out, value, indent, 0);
    return taken(&out);
}

char *json_text_by(const json_t *value, size_t flags)
{
    struct text out = TEXT_INIT;
    add_by_flags(&out, value, flags);
    return taken(&out);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
    struct text string; /* one with escapes, as it is read */
    bool memory;        /* there was none: nobody else need try */
};

static json_t *read_value(struct reader *r, int depth);

static json_t *made(struct reader *r, json_t *value)
{
    r->memory = r->memory || value == NULL;
    return value;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool next_is(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* \uXXXX of a character that needs no second one. */
static bool read_code_point(struct reader *r)
{
    uint32_t c = 0;
    char out[UTF8_MAX];
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++, r->at++) {
        char digit = *r->at;
        if (!isxdigit((unsigned char)digit))
            return false;
        c = c * 16 + (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    if (c == 0 || (c >= 0xD800 && c < 0xE000))
        return false;
    text_add(&r->string, out, utf8_write(c, out));
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return false;
    char c = *r->at++;
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    if (c == 'u')
        return read_code_point(r);
    if (letter != NULL)
        text_char(&r->string, meant[letter - letters]);
    return letter != NULL;
}

static void skip_plain(struct reader *r)
{
    while ((size_t)(r->end - r->at) >= PLAIN_AT_ONCE) {
        size_t plain = plain_of_eight(r->at, 0);
        r->at += plain;
        if (plain < PLAIN_AT_ONCE)
            return;
    }
    while (r->at < r->end && (unsigned char)*r->at >= 0x20 && *r->at != '"' && *r->at != '\\')
        r->at++;
}

/* Behind the opening quote; *out lies in the input, or in r->string until the next one is read. */
static bool read_string(struct reader *r, struct bytes *out)
{
    const char *start = r->at;
    bool escaped = false;
    for (;; r->at++) {
        skip_plain(r);
        if (r->at == r->end || (unsigned char)*r->at < 0x20)
            return false;
        if (*r->at == '"')
            break;
        if (!escaped)
            text_clear(&r->string);
        escaped = true;
        text_add(&r->string, start, (size_t)(r->at - start));
        r->at++;
        if (!read_escape(r))
            return false;
        start = r->at--;
    }
    size_t len = (size_t)(r->at++ - start);
    *out = BYTES(start, len);
    if (escaped) {
        text_add(&r->string, start, len);
        *out = text_bytes(&r->string);
    }
    r->memory = r->memory || !text_ok(&r->string);
    return !r->memory && utf8_valid(*out);
}

static json_t *read_map(struct reader *r, int depth)
{
    json_t *map = made(r, json_object());
    size_t count = 0;
    if (map == NULL || next_is(r, '}'))
        return map;
    do {
        struct bytes key;
        if (!next_is(r, '"') || !read_string(r, &key))
            goto failed;
        /* The next string may take this one's place. */
        char own[64], *name = key.len < sizeof own ? own : malloc(key.len + 1);
        r->memory = name == NULL;
        if (r->memory)
            goto failed;
        memcpy(name, key.data, key.len);
        name[key.len] = '\0';
        json_t *value = next_is(r, ':') ? read_value(r, depth + 1) : NULL;
        bool set = value != NULL && json_object_setn_new_nocheck(map, name, key.len, value) == 0;
        r->memory = r->memory || (value != NULL && !set);
        if (name != own)
            free(name);
        if (!set || json_object_size(map) != ++count) /* a second value for one name */
            goto failed;
    } while (next_is(r, ','));
    if (next_is(r, '}'))
        return map;
failed:
    json_decref(map);
    return NULL;
}

static json_t *read_list(struct reader *r, int depth)
{
    json_t *list = made(r, json_array());
    if (list == NULL || next_is(r, ']'))
        return list;
    do {
        json_t *value = read_value(r, depth + 1);
        if (value == NULL)
            goto failed;
        r->memory = json_array_append_new(list, value) != 0;
        if (r->memory)
            goto failed;
    } while (next_is(r, ','));
    if (next_is(r, ']'))
        return list;
failed:
    json_decref(list);
    return NULL;
}

static const char *digits_end(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static json_t *read_number(struct reader *r)
{
    const char *start = r->at, *first = start + (*start == '-'), *p = digits_end(first, r->end);
    char copy[NUMBER_MAX + 1];
    bool real = false;
    if (p == first || (*first == '0' && p - first > 1))
        return NULL;
    const char *whole = p;
    if (p < r->end && *p == '.') {
        const char *fraction = p + 1;
        real = true;
        if ((p = digits_end(fraction, r->end)) == fraction)
            return NULL;
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        const char *exponent = p + 1;
        exponent += exponent < r->end && (*exponent == '+' || *exponent == '-');
        real = true;
        if ((p = digits_end(exponent, r->end)) == exponent)
            return NULL;
    }
    if ((size_t)(p - start) > NUMBER_MAX || (!real && whole - first > DIGITS_MAX))
        return NULL;
    memcpy(copy, start, (size_t)(p - start));
    copy[p - start] = '\0';
    r->at = p;
    if (!real)
        return made(r, json_integer(strtoll(copy, NULL, 10)));
    double value = strtod(copy, NULL);
    return isfinite(value) ? made(r, json_real(value)) : NULL;
}

static bool read_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    bool is = (size_t)(r->end - r->at) >= len && memcmp(r->at, word, len) == 0;
    r->at += is ? len : 0;
    return is;
}

/* NULL: not JSON, or nothing for this reader. */
static json_t *read_value(struct reader *r, int depth)
{
    struct bytes string;
    if (depth > DEPTH_MAX)
        return NULL;
    if (next_is(r, '"'))
        return read_string(r, &string) ? made(r, json_stringn_nocheck((const char *)string.data, string.len)) : NULL;
    if (next_is(r, '{'))
        return read_map(r, depth);
    if (next_is(r, '['))
        return read_list(r, depth);
    if (r->at == r->end)
        return NULL;
    if (*r->at == '-' || isdigit((unsigned char)*r->at))
        return read_number(r);
    return read_word(r, "true")    ? json_true()
           : read_word(r, "false") ? json_false()
           : read_word(r, "null")  ? json_null()
                                   : NULL;
}

json_t *json_text_read(struct bytes text, size_t flags, json_error_t *why)
{
    const char *start = text.len > 0 ? (const char *)text.data : "";
    struct reader r = {.at = start, .end = start + text.len};
    json_t *value = read_value(&r, 0);
    skip_blanks(&r);
    text_deinit(&r.string);
    if (value != NULL && r.at == r.end && (json_is_object(value) || json_is_array(value) || (flags & JSON_DECODE_ANY)))
        return value;
    json_decref(value);
    if (!r.memory)
        return json_loadb(start, text.len, flags, why);
    if (why != NULL) {
        *why = (json_error_t){0};
        why->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory; /* where json_error_code() looks */
    }
    return NULL;
}

json_t *json_text_string(const char *string)
{
    struct bytes b = bytes_of(string);
    if (utf8_valid(b))
        return json_stringn(string, b.len);
    struct text repaired = TEXT_INIT;
    size_t at = 0;
    while (at < b.len) {
        uint32_t c;
        char out[UTF8_MAX];
        (void)utf8_next(b, &at, &c);
        text_add(&repaired, out, utf8_write(c, out));
    }
    json_t *json = text_ok(&repaired) ? json_stringn(text_string(&repaired), repaired.len) : NULL;
    text_deinit(&repaired);
    return json;
}
