/* Texts made of values, as Go's package fmt makes them. */
#include "fakes/stub/function.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH_MAX 1000 /* of a verb, and its precision */

struct verb {
    char flags[8];
    int width, precision; /* below 0: not said */
    char letter;
};

static bool is_text(const struct made *m)
{
    return m->kind == MADE_TEXT;
}

/* A blank between two that are both no texts. */
static bool printed(struct asking *x, const struct made *a, size_t count, bool line, struct made *out)
{
    struct text all = TEXT_INIT;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        if (i > 0 && (line || (!is_text(&a[i]) && !is_text(&a[i - 1]))))
            text_char(&all, ' ');
        ok = made_print(x, &a[i], count == 1 && !line, &all);
    }
    text_puts(&all, line ? "\n" : "");
    ok = ok && made_keep(x, &all, out);
    text_deinit(&all);
    out->encoded = true;
    return ok;
}

bool function_print(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return printed(x, a, count, false, out);
}

bool function_println(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return printed(x, a, count, true, out);
}

static int digits(const char **at, const char *end)
{
    int n = -1;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        n = n < WIDTH_MAX ? (n < 0 ? 0 : n) * 10 + (**at - '0') : n;
    return n > WIDTH_MAX ? WIDTH_MAX : n;
}

/* Behind the verb that begins behind its %. */
static const char *read_verb(const char *at, const char *end, struct verb *v)
{
    size_t flags = 0;
    *v = (struct verb){.width = -1, .precision = -1};
    for (; at < end && *at != '\0' && strchr("+-# 0", *at) != NULL; at++)
        if (flags + 1 < sizeof v->flags && strchr(v->flags, *at) == NULL)
            v->flags[flags++] = *at;
    v->width = digits(&at, end);
    if (at < end && *at == '.') {
        at++;
        v->precision = digits(&at, end);
        v->precision = v->precision < 0 ? 0 : v->precision;
    }
    v->letter = at < end ? *at++ : '\0';
    return at;
}

/* Filled up to the verb's width. */
static void put(struct text *out, const struct verb *v, const char *data, size_t len)
{
    size_t shown = 0;
    for (size_t i = 0; i < len; i++)
        shown += ((uint8_t)data[i] & 0xC0) != 0x80;
    bool left = strchr(v->flags, '-') != NULL;
    size_t fill = v->width > 0 && (size_t)v->width > shown ? (size_t)v->width - shown : 0;
    for (size_t i = 0; i < fill && !left; i++)
        text_char(out, ' ');
    text_add(out, data, len);
    for (size_t i = 0; i < fill && left; i++)
        text_char(out, ' ');
}

static void put_real(struct text *out, const struct verb *v, double value)
{
    char format[32], digits_[WIDTH_MAX + 400];
    struct text shortest = TEXT_INIT;
    if (v->precision < 0 && (v->letter == 'g' || v->letter == 'G' || v->letter == 'v')) {
        made_print_real(value, &shortest);
        put(out, v, text_string(&shortest), shortest.len);
        text_deinit(&shortest);
        return;
    }
    const char *precision = v->precision >= 0 ? ".*" : "";
    char letter = v->letter == 'F' ? 'f' : v->letter == 'v' ? 'g' : v->letter;
    snprintf(format, sizeof format, "%%%s%s%s%c", v->flags, v->width >= 0 ? "*" : "", precision, letter);
    int width = v->width < 0 ? 0 : v->width, made;
    /* The format is made of the flags, widths and letters that were read above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (v->width >= 0)
        made = v->precision >= 0 ? snprintf(digits_, sizeof digits_, format, width, v->precision, value)
                                 : snprintf(digits_, sizeof digits_, format, width, value);
    else
        made = v->precision >= 0 ? snprintf(digits_, sizeof digits_, format, v->precision, value)
                                 : snprintf(digits_, sizeof digits_, format, value);
#pragma GCC diagnostic pop
    text_add(out, digits_, made < 0 ? 0 : (size_t)made < sizeof digits_ ? (size_t)made : sizeof digits_ - 1);
}

static void put_whole(struct text *out, const struct verb *v, int64_t value)
{
    static const char low[] = "0123456789abcdef", high[] = "0123456789ABCDEF";
    char made[WIDTH_MAX + 80], *at = made + sizeof made;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    unsigned base = v->letter == 'b' ? 2 : v->letter == 'o' || v->letter == 'O' ? 8 : strchr("xX", v->letter) ? 16 : 10;
    const char *sign = value < 0 ? "-" : strchr(v->flags, '+') ? "+" : strchr(v->flags, ' ') ? " " : "";
    const char *prefix = v->letter == 'O' ? "0o" : "";
    if (strchr(v->flags, '#') != NULL)
        prefix = base == 16 ? (v->letter == 'x' ? "0x" : "0X") : base == 8 ? "0" : base == 2 ? "0b" : "";
    do
        *--at = (v->letter == 'X' ? high : low)[left % base];
    while ((left /= base) > 0);
    int least = v->precision;
    if (least < 0 && strchr(v->flags, '0') != NULL && strchr(v->flags, '-') == NULL)
        least = v->width - (int)strlen(sign) - (int)strlen(prefix);
    while (made + sizeof made - at < least)
        *--at = '0';
    for (const char *p = prefix + strlen(prefix); p > prefix;)
        *--at = *--p;
    if (*sign != '\0')
        *--at = *sign;
    put(out, v, at, (size_t)(made + sizeof made - at));
}

static void put_quoted(struct text *out, const struct verb *v, struct bytes text)
{
    struct text quoted = TEXT_INIT;
    text_char(&quoted, '"');
    text_json(&quoted, (const char *)text.data, text.len);
    text_char(&quoted, '"');
    put(out, v, text_string(&quoted), quoted.len);
    text_deinit(&quoted);
}

static bool put_text(struct asking *x, const struct verb *v, const struct made *m, struct text *out)
{
    struct text made = TEXT_INIT;
    bool ok = made_print(x, m, false, &made);
    size_t len = made.len, count = 0;
    if (v->precision >= 0 && v->letter == 's')
        for (len = 0; len < made.len && (count < (size_t)v->precision || ((uint8_t)made.data[len] & 0xC0) == 0x80);
             len++)
            count += ((uint8_t)made.data[len] & 0xC0) != 0x80 && len > 0;
    put(out, v, text_string(&made), len);
    text_deinit(&made);
    return ok;
}

static const char *type_name(const struct made *m)
{
    switch (m->kind) {
    case MADE_NOTHING:
        return "<nil>";
    case MADE_INTEGER:
    case MADE_UNSIGNED:
        return m->field == NULL ? "int" : m->field->kind == PB_ENUM ? "string" : "json.Number";
    case MADE_REAL:
        return "float64";
    case MADE_BOOL:
        return "bool";
    case MADE_TEXT:
        return "string";
    case MADE_LIST:
        if (!m->field->map)
            return "[]interface {}";
        break;
    case MADE_ITEMS:
        return "[]interface {}";
    case MADE_MESSAGE:
        break;
    }
    return "map[string]interface {}";
}

static bool one(struct asking *x, const struct verb *v, const struct made *m, struct text *out)
{
    char encoded[UTF8_MAX];
    struct bytes text;
    double number = 0;
    bool named = m->field != NULL && m->field->kind == PB_ENUM;
    bool numeric = !named && (m->kind == MADE_INTEGER || m->kind == MADE_UNSIGNED || m->kind == MADE_REAL);
    if (v->letter == 'T') {
        put(out, v, type_name(m), strlen(type_name(m)));
        return true;
    }
    if (v->letter == 'q') {
        if (!function_text(x, m, &text))
            return false;
        put_quoted(out, v, text);
        return true;
    }
    if (strchr("xX", v->letter) != NULL && m->kind == MADE_TEXT) {
        struct text hex = TEXT_INIT;
        for (size_t i = 0; i < m->bytes.len; i++)
            text_printf(&hex, v->letter == 'x' ? "%02x" : "%02X", m->bytes.data[i]);
        put(out, v, text_string(&hex), hex.len);
        text_deinit(&hex);
        return true;
    }
    if (!numeric || v->letter == 's' || (v->letter == 'v' && m->kind != MADE_REAL && v->flags[0] == '\0'))
        return put_text(x, v, m, out);
    made_number(x, m, &number);
    if (strchr("eEfFgG", v->letter) != NULL || (v->letter == 'v' && m->kind == MADE_REAL)) {
        put_real(out, v, number);
        return true;
    }
    int64_t whole = m->kind == MADE_REAL ? (int64_t)fmax(fmin(trunc(number), 9e18), -9e18) : m->integer;
    if (v->letter == 'c' || v->letter == 'U') {
        if (v->letter == 'c')
            put(out, v, encoded, utf8_write((uint32_t)whole, encoded));
        else
            text_printf(out, "U+%04" PRIX64, whole);
        return true;
    }
    put_whole(out, v, whole);
    return true;
}

bool function_sprintf(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    struct bytes format;
    size_t next = 1;
    bool ok = function_text(x, a, &format);
    const char *at = (const char *)format.data, *end = at + (ok ? format.len : 0);
    while (ok && at < end) {
        struct verb v;
        const char *percent = memchr(at, '%', (size_t)(end - at));
        text_add(&made, at, (size_t)((percent != NULL ? percent : end) - at));
        if (percent == NULL)
            break;
        at = read_verb(percent + 1, end, &v);
        if (v.letter == '\0') {
            text_puts(&made, "%!(NOVERB)");
        } else if (v.letter == '%') {
            text_char(&made, '%');
        } else if (strchr("vTtbcdoOqxXUeEfFgGs", v.letter) == NULL) {
            text_printf(&made, "%%!%c", v.letter);
            ok = made_fail(x, ERROR_INVALID, "sprintf() does not know this verb");
        } else if (next == count) {
            text_printf(&made, "%%!%c(MISSING)", v.letter);
        } else {
            ok = one(x, &v, &a[next++], &made);
        }
    }
    if (ok && next < count) {
        text_puts(&made, "%!(EXTRA ");
        for (bool first = true; ok && next < count; first = false) {
            text_printf(&made, "%s%s=", first ? "" : ", ", type_name(&a[next]));
            ok = made_print(x, &a[next++], false, &made);
        }
        text_char(&made, ')');
    }
    ok = ok && made_keep(x, &made, out);
    text_deinit(&made);
    return ok;
}
