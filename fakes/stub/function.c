#include "fakes/stub/function.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_EDGE 9223372036854775808.0 /* 2 to the 63 */

bool function_text(struct asking *x, const struct made *m, struct bytes *out)
{
    struct text printed = TEXT_INIT;
    struct made kept;
    *out = m->bytes.data != NULL ? m->bytes : bytes_of("");
    if (m->kind == MADE_TEXT && (m->field == NULL || m->field->kind != PB_BYTES))
        return true;
    bool ok = made_print(x, m, true, &printed) && made_keep(x, &printed, &kept);
    text_deinit(&printed);
    if (ok)
        *out = kept.bytes;
    return ok;
}

/* Takes the text. */
static bool give(struct asking *x, struct text *text, struct made *out)
{
    bool ok = made_keep(x, text, out);
    text_deinit(text);
    return ok;
}

static double number_or_0(struct asking *x, const struct made *m)
{
    double v;
    return made_number(x, m, &v) ? v : 0;
}

/* ---- texts ---- */

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
    return give(x, &changed, out);
}

static bool upper(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return change_case(x, a, true, out);
}

static bool lower(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return change_case(x, a, false, out);
}

static bool split(struct asking *x, const struct made *a, size_t count, struct made *out)
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

static bool join(struct asking *x, const struct made *a, size_t count, struct made *out)
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
    return give(x, &all, out) && ok;
}

static bool str(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    bool ok = function_text(x, a, &text);
    *out = made_text(text);
    return ok;
}

static bool json(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    (void)count;
    bool ok = made_json(x, a, &made);
    return give(x, &made, out) && ok;
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
    return give(x, &made, out) && ok;
}

static bool html(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_HTML, out);
}

static bool js(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_JS, out);
}

static bool urlquery(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return escape(x, a, count, ESCAPE_URL, out);
}

/* ---- numbers ---- */

static struct made whole(double v)
{
    double cut = trunc(v);
    return made_integer(cut >= INTEGER_EDGE ? INT64_MAX : cut < -INTEGER_EDGE ? INT64_MIN : (int64_t)cut);
}

static bool to_int(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = whole(number_or_0(x, a));
    return true;
}

static bool to_float(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(number_or_0(x, a));
    return true;
}

/* A whole number with one digit behind the point. */
static bool decimal(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    double v;
    (void)count;
    if (!made_number(x, a, &v))
        text_char(&made, '0');
    else if (trunc(v) == v && isfinite(v))
        text_printf(&made, "%.1f", v);
    else
        made_print_real(v, &made);
    return give(x, &made, out);
}

static bool to_round(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(round(number_or_0(x, a)));
    return true;
}

static bool to_floor(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(floor(number_or_0(x, a)));
    return true;
}

static bool to_ceil(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(ceil(number_or_0(x, a)));
    return true;
}

/* All of them, or the items of the one list. What is no number makes the result 0. */
static bool fold(struct asking *x, const struct made *a, size_t count, char how, struct made *out)
{
    struct made_items items = {.values = a, .count = count};
    double sum = how == '*' ? 1 : 0, v;
    *out = made_real(0);
    if (count == 1 && (a->kind == MADE_LIST || a->kind == MADE_ITEMS) && !made_items(x, a, &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!made_number(x, &items.values[i], &v))
            return true;
        if (how == '+')
            sum += v;
        else if (how == '*')
            sum *= v;
        else if (i == 0)
            sum = v;
        else if (how == '-')
            sum -= v;
        else if (how == '/')
            sum = v != 0 ? sum / v : sum;
        else
            sum = how == '<' ? fmin(sum, v) : fmax(sum, v);
    }
    out->real = sum;
    return true;
}

static bool add(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '+', out);
}

static bool sub(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '-', out);
}

static bool mul(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '*', out);
}

static bool divide(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '/', out);
}

static bool least(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '<', out);
}

static bool greatest(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '>', out);
}

static bool average(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items = {.count = count};
    if (!fold(x, a, count, '+', out))
        return false;
    if (count == 1 && (a->kind == MADE_LIST || a->kind == MADE_ITEMS))
        items.count = a->count;
    out->real = items.count > 0 ? out->real / (double)items.count : 0;
    return true;
}

static bool mod(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double v = number_or_0(x, &a[0]), by = number_or_0(x, &a[1]);
    (void)count;
    *out = made_real(by != 0 ? fmod(v, by) : 0);
    return true;
}

/* ---- decisions ---- */

/* Below 0, 0, above; 2: one of them is no number. */
static int compare(struct asking *x, const struct made *a)
{
    double v, w;
    if (!made_number(x, &a[0], &v) || !made_number(x, &a[1], &w))
        return 2;
    return (v > w) - (v < w);
}

static bool is_eq(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    bool same = false;
    for (size_t i = 1; i < count && !same; i++)
        same = compare(x, (const struct made[]){a[0], a[i]}) == 0;
    *out = made_bool(same);
    return true;
}

static bool is_lt(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_bool(compare(x, a) == -1);
    return true;
}

static bool is_gt(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_bool(compare(x, a) == 1);
    return true;
}

static bool is_lte(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    int order = compare(x, a);
    (void)count;
    *out = made_bool(order <= 0);
    return true;
}

static bool is_gte(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    int order = compare(x, a);
    (void)count;
    *out = made_bool(order == 0 || order == 1);
    return true;
}

/* Texts too: those of the language itself, which gripmock did not replace. */
static bool is_ne(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes p, q;
    int order = compare(x, a);
    (void)count;
    if (order == 2 && (!function_text(x, &a[0], &p) || !function_text(x, &a[1], &q)))
        return false;
    *out = made_bool(order == 2 ? !bytes_equal(p, q) : order != 0);
    return true;
}

static bool is_not(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)x;
    (void)count;
    *out = made_bool(!made_truth(a));
    return true;
}

/* ---- parts ---- */

static bool len(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text = a->bytes;
    struct made_items items = {.count = a->count};
    bool list = a->kind == MADE_LIST || a->kind == MADE_ITEMS || a->kind == MADE_MESSAGE;
    (void)count;
    if (list ? !made_items(x, a, &items) : a->kind != MADE_NOTHING && !function_text(x, a, &text))
        return false;
    *out = made_integer((int64_t)(list ? items.count : a->kind == MADE_NOTHING ? 0 : text.len));
    return true;
}

static bool index_of(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made held = a[0];
    for (size_t i = 1; i < count; i++) {
        double at = number_or_0(x, &a[i]);
        bool list = held.kind == MADE_ITEMS || (held.kind == MADE_LIST && !held.field->map);
        if (list && (at < 0 || at >= (double)held.count))
            return made_fail(x, ERROR_INVALID, "a list has no such item");
        if (!made_item(x, &held, &a[i], out))
            return false;
        held = *out;
    }
    *out = held;
    return true;
}

/* By number or name; of a list of messages or maps, by name: that field of each that has it. */
static bool extract(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items;
    double at;
    (void)count;
    *out = (struct made){.kind = MADE_NOTHING};
    bool list = a->kind == MADE_ITEMS || (a->kind == MADE_LIST && !a->field->map);
    if (!list && a->kind != MADE_MESSAGE && a->kind != MADE_LIST)
        return true;
    if (!list)
        return made_item(x, a, &a[1], out);
    if (made_number(x, &a[1], &at))
        return at < 0 || at >= (double)a->count || made_item(x, a, &a[1], out);
    struct bytes name;
    if (!made_items(x, a, &items) || !function_text(x, &a[1], &name))
        return false;
    struct made *values = arena_alloc_n(&x->set->scratch, items.count + 1, sizeof *values);
    if (values == NULL)
        return made_fail(x, ERROR_MEMORY, "out of memory");
    *out = (struct made){.kind = MADE_ITEMS, .list = values};
    for (size_t i = 0; i < items.count; i++) {
        struct made_items parts;
        const struct made *one = &items.values[i];
        if (one->kind != MADE_MESSAGE && (one->kind != MADE_LIST || !one->field->map))
            continue;
        if (!made_items(x, one, &parts))
            return false;
        for (size_t j = 0; j < parts.count; j++)
            if (bytes_equal(parts.keys[j].bytes, name))
                values[out->count++] = parts.values[j];
    }
    return true;
}

static bool slice(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items = {0};
    struct bytes text = BYTES_NONE;
    bool list = a->kind == MADE_LIST || a->kind == MADE_ITEMS;
    if (list ? !made_items(x, a, &items) : !function_text(x, a, &text))
        return false;
    size_t whole_len = list ? items.count : text.len;
    double from = count > 1 ? number_or_0(x, &a[1]) : 0;
    double to = count > 2 ? number_or_0(x, &a[2]) : (double)whole_len;
    if (!(from >= 0 && from <= to && to <= (double)whole_len) || items.keys != NULL)
        return made_fail(x, ERROR_INVALID, "slice() goes beyond what is there");
    size_t first = (size_t)from, n = (size_t)to - first;
    *out = list ? (struct made){.kind = MADE_ITEMS, .list = items.values + first, .count = n}
                : made_text(BYTES(text.data + first, n));
    return true;
}

/* ---- encodings ---- */

static bool as_base64(struct asking *x, struct bytes data, struct made *out)
{
    struct text made = TEXT_INIT;
    base64_encode(&made, data);
    bool ok = give(x, &made, out);
    out->encoded = true;
    return ok;
}

static bool string2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    return function_text(x, a, &text) && as_base64(x, text, out);
}

/* A list of numbers, as Go prints them. */
static bool bytes_list(struct asking *x, struct bytes data, struct made *out)
{
    struct made *list = arena_alloc_n(&x->set->scratch, data.len + 1, sizeof *list);
    if (list == NULL)
        return made_fail(x, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < data.len; i++)
        list[i] = made_integer(data.data[i]);
    *out = (struct made){.kind = MADE_ITEMS, .list = list, .count = data.len};
    return true;
}

static bool to_bytes(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes text;
    (void)count;
    return function_text(x, a, &text) && bytes_list(x, text, out);
}

static bool bytes2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items;
    struct text data = TEXT_INIT;
    struct made kept;
    (void)count;
    if (a->kind == MADE_TEXT)
        return as_base64(x, a->bytes, out);
    if (!made_items(x, a, &items))
        return false;
    for (size_t i = 0; i < items.count; i++)
        text_char(&data, (char)(int)number_or_0(x, &items.values[i]));
    return give(x, &data, &kept) && as_base64(x, kept.bytes, out);
}

static bool uuid_bytes(struct asking *x, const struct made *a, uint8_t out[16])
{
    struct bytes text;
    size_t n = 0;
    if (!function_text(x, a, &text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digits = "0123456789abcdef", *at = strchr(digits, tolower(text.data[i]));
        if (text.data[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23) && text.len == 36)
            continue;
        if (text.data[i] == '\0' || at == NULL || n == 32)
            return made_fail(x, ERROR_INVALID, "a text is no UUID");
        out[n / 2] = (uint8_t)((n % 2 == 0 ? 0 : out[n / 2]) << 4 | (uint8_t)(at - digits));
        n++;
    }
    return n == 32 || made_fail(x, ERROR_INVALID, "a text is no UUID");
}

static bool uuid2base64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    (void)count;
    return uuid_bytes(x, a, b) && as_base64(x, BYTES(b, sizeof b), out);
}

static bool uuid2bytes(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    (void)count;
    return uuid_bytes(x, a, b) && bytes_list(x, BYTES(b, sizeof b), out);
}

static int64_t little_endian(const uint8_t *b)
{
    uint64_t v = 0;
    for (size_t i = 8; i-- > 0;)
        v = v << 8 | b[i];
    return (int64_t)v;
}

static bool uuid2int64(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    uint8_t b[16] = {0};
    struct text made = TEXT_INIT;
    (void)count;
    if (!uuid_bytes(x, a, b))
        return false;
    text_printf(&made, "{\"high\":%" PRId64 ",\"low\":%" PRId64 "}", little_endian(b), little_endian(b + 8));
    return give(x, &made, out);
}

/* ---- drawn ---- */

static bool draw(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double low, high;
    (void)count;
    if (a[0].kind == MADE_INTEGER && a[1].kind == MADE_INTEGER) {
        if (a[0].integer > a[1].integer)
            return made_fail(x, ERROR_INVALID, "random() begins above its end");
        *out = made_integer(random_range(asking_random(x), a[0].integer, a[1].integer));
        return true;
    }
    if (!made_number(x, &a[0], &low) || !made_number(x, &a[1], &high))
        return made_fail(x, ERROR_INVALID, "random() takes two numbers");
    if (trunc(low) == low && trunc(high) == high && a[0].kind != MADE_REAL && a[1].kind != MADE_REAL) {
        const struct made ends[] = {whole(low), whole(high)};
        return draw(x, ends, 2, out);
    }
    *out = made_real(low + (high - low) * random_unit(asking_random(x)));
    return true;
}

static bool hex(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    static const char digits[] = "0123456789abcdef";
    struct text made = TEXT_INIT;
    uint8_t byte;
    double n;
    (void)count;
    if (!made_number(x, a, &n) || !(n >= 0 && n <= TEMPLATE_RANDOM_MAX))
        return made_fail(x, ERROR_LIMIT, "hex() takes a number of bytes, at most 4096");
    for (size_t i = 0; i < (size_t)n; i++) {
        random_bytes(asking_random(x), &byte, 1);
        text_char(&made, digits[byte >> 4]);
        text_char(&made, digits[byte & 15]);
    }
    return give(x, &made, out);
}

/* ---- the table ---- */

#define ANY FUNCTION_ARGUMENTS_MAX
static const struct function functions[] = {
    {"upper", 1, 1, upper, 0, false},
    {"lower", 1, 1, lower, 0, false},
    {"title", 1, 1, upper, 0, false},
    {"split", 2, 2, split, 0, false},
    {"join", 2, 2, join, 0, false},
    {"sprintf", 1, ANY, function_sprintf, 0, false},
    {"print", 0, ANY, function_print, 0, false},
    {"println", 0, ANY, function_println, 0, false},
    {"str", 1, 1, str, 0, false},
    {"json", 1, 1, json, 0, false},
    {"html", 1, ANY, html, 0, false},
    {"js", 1, ANY, js, 0, false},
    {"urlquery", 1, ANY, urlquery, 0, false},
    {"slice", 1, 3, slice, 0, false},
    {"add", 0, ANY, add, 0, false},
    {"sum", 0, ANY, add, 0, false},
    {"sub", 0, ANY, sub, 0, false},
    {"mul", 0, ANY, mul, 0, false},
    {"div", 0, ANY, divide, 0, false},
    {"mod", 2, 2, mod, 0, false},
    {"avg", 0, ANY, average, 0, false},
    {"min", 0, ANY, least, 0, false},
    {"max", 0, ANY, greatest, 0, false},
    {"round", 1, 1, to_round, 0, false},
    {"floor", 1, 1, to_floor, 0, false},
    {"ceil", 1, 1, to_ceil, 0, false},
    {"int", 1, 1, to_int, 0, false},
    {"int64", 1, 1, to_int, 0, false},
    {"float", 1, 1, to_float, 0, false},
    {"decimal", 1, 1, decimal, 0, false},
    {"and", 1, ANY, NULL, FUNCTION_AND, false},
    {"or", 1, ANY, NULL, FUNCTION_OR, false},
    {"default", 2, 2, NULL, FUNCTION_OR, false},
    {"not", 1, 1, is_not, 0, false},
    {"eq", 2, ANY, is_eq, 0, false},
    {"ne", 2, 2, is_ne, 0, false},
    {"lt", 2, 2, is_lt, 0, false},
    {"le", 2, 2, is_lte, 0, false},
    {"lte", 2, 2, is_lte, 0, false},
    {"gt", 2, 2, is_gt, 0, false},
    {"ge", 2, 2, is_gte, 0, false},
    {"gte", 2, 2, is_gte, 0, false},
    {"size", 1, 1, len, 0, false},
    {"len", 1, 1, len, 0, false},
    {"index", 1, ANY, index_of, 0, false},
    {"extract", 2, 2, extract, 0, false},
    {"unix", 1, 1, function_unix, 0, false},
    {"millis", 1, 1, function_millis, 0, false},
    {"nanos", 1, 1, function_nanos, 0, false},
    {"format", 2, 2, function_format, 0, false},
    {"duration", 1, 2, function_duration, 0, false},
    {"regressive", 3, 3, function_regressive, 0, false},
    {"backoff", 2, 3, function_backoff, 0, false},
    {"jitter", 2, 2, function_jitter, 0, true},
    {"bytes", 1, 1, to_bytes, 0, false},
    {"bytes2base64", 1, 1, bytes2base64, 0, false},
    {"string2base64", 1, 1, string2base64, 0, false},
    {"uuid2base64", 1, 1, uuid2base64, 0, false},
    {"uuid2bytes", 1, 1, uuid2bytes, 0, false},
    {"uuid2int64", 1, 1, uuid2int64, 0, false},
    {"random", 2, 2, draw, 0, true},
    {"hex", 1, 1, hex, 0, true},
};

const struct function *function_find(const char *name)
{
    if (strncmp(name, "faker.", 6) == 0)
        return faker_find(name + 6);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

const char *function_at(size_t i)
{
    return i < sizeof functions / sizeof functions[0] ? functions[i].name : NULL;
}
