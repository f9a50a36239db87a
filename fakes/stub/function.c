#include "fakes/stub/function.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

bool function_give(struct asking *x, struct text *text, struct made *out)
{
    bool ok = made_keep(x, text, out);
    text_deinit(text);
    return ok;
}

double function_number(struct asking *x, const struct made *m)
{
    double v;
    return made_number(x, m, &v) ? v : 0;
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
        double at = function_number(x, &a[i]);
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
    double from = count > 1 ? function_number(x, &a[1]) : 0;
    double to = count > 2 ? function_number(x, &a[2]) : (double)whole_len;
    if (!(from >= 0 && from <= to && to <= (double)whole_len) || items.keys != NULL)
        return made_fail(x, ERROR_INVALID, "slice() goes beyond what is there");
    size_t first = (size_t)from, n = (size_t)to - first;
    *out = list ? (struct made){.kind = MADE_ITEMS, .list = items.values + first, .count = n}
                : made_text(BYTES(text.data + first, n));
    return true;
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
        const struct made ends[] = {function_whole(low), function_whole(high)};
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
    return function_give(x, &made, out);
}

/* ---- the table ---- */

#define ANY FUNCTION_ARGUMENTS_MAX
static const struct function functions[] = {
    {"upper", 1, 1, function_upper, 0, false},
    {"lower", 1, 1, function_lower, 0, false},
    {"title", 1, 1, function_upper, 0, false},
    {"split", 2, 2, function_split, 0, false},
    {"join", 2, 2, function_join, 0, false},
    {"sprintf", 1, ANY, function_sprintf, 0, false},
    {"print", 0, ANY, function_print, 0, false},
    {"println", 0, ANY, function_println, 0, false},
    {"str", 1, 1, function_str, 0, false},
    {"json", 1, 1, function_json, 0, false},
    {"html", 1, ANY, function_html, 0, false},
    {"js", 1, ANY, function_js, 0, false},
    {"urlquery", 1, ANY, function_urlquery, 0, false},
    {"slice", 1, 3, slice, 0, false},
    {"add", 0, ANY, function_add, 0, false},
    {"sum", 0, ANY, function_add, 0, false},
    {"sub", 0, ANY, function_sub, 0, false},
    {"mul", 0, ANY, function_mul, 0, false},
    {"div", 0, ANY, function_div, 0, false},
    {"mod", 2, 2, function_mod, 0, false},
    {"avg", 0, ANY, function_avg, 0, false},
    {"min", 0, ANY, function_min, 0, false},
    {"max", 0, ANY, function_max, 0, false},
    {"round", 1, 1, function_round, 0, false},
    {"floor", 1, 1, function_floor, 0, false},
    {"ceil", 1, 1, function_ceil, 0, false},
    {"int", 1, 1, function_int, 0, false},
    {"int64", 1, 1, function_int, 0, false},
    {"float", 1, 1, function_float, 0, false},
    {"decimal", 1, 1, function_decimal, 0, false},
    {"and", 1, ANY, NULL, FUNCTION_AND, false},
    {"or", 1, ANY, NULL, FUNCTION_OR, false},
    {"default", 2, 2, NULL, FUNCTION_OR, false},
    {"not", 1, 1, function_not, 0, false},
    {"eq", 2, ANY, function_eq, 0, false},
    {"ne", 2, 2, function_ne, 0, false},
    {"lt", 2, 2, function_lt, 0, false},
    {"le", 2, 2, function_lte, 0, false},
    {"lte", 2, 2, function_lte, 0, false},
    {"gt", 2, 2, function_gt, 0, false},
    {"ge", 2, 2, function_gte, 0, false},
    {"gte", 2, 2, function_gte, 0, false},
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
    {"bytes", 1, 1, function_bytes, 0, false},
    {"bytes2base64", 1, 1, function_bytes2base64, 0, false},
    {"string2base64", 1, 1, function_string2base64, 0, false},
    {"uuid2base64", 1, 1, function_uuid2base64, 0, false},
    {"uuid2bytes", 1, 1, function_uuid2bytes, 0, false},
    {"uuid2int64", 1, 1, function_uuid2int64, 0, false},
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
