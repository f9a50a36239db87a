/* What expressions do with lists and the ends of texts; names and meanings are expr-lang.org's. */
#include "e2e/value/expression_lists.h"
#include "e2e/value/query.h"

#include <stdlib.h>
#include <string.h>

#define REPEAT_MAX ((size_t)1 << 20) /* bytes */

static json_t *wrong(struct evaluation *v, const char *name, const char *wants, const json_t *found)
{
    return evaluation_fail(v, "%s() takes %s, and this is a %s", name, wants, flow_value_type(found));
}

/* A new list, or NULL with the one that was begun freed. */
static json_t *made(json_t *out, bool ok)
{
    if (ok && out != NULL)
        return out;
    json_decref(out);
    return NULL;
}

/* ---- lists ---- */

EXPRESSION(take)
{
    json_int_t most = json_integer_value(a[1]);
    (void)count;
    if (!json_is_array(a[0]) || !json_is_integer(a[1]) || most < 0)
        return wrong(v, name, "a list, and how many items of it", json_is_array(a[0]) ? a[1] : a[0]);
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < json_array_size(a[0]) && i < (size_t)most; i++)
        ok = json_array_append(out, json_array_get(a[0], i)) == 0;
    return made(out, ok);
}

static int by_order(const void *a, const void *b)
{
    json_t *const *left = a, *const *right = b;
    if (json_is_string(*left))
        return value_text_order(*left, *right);
    double x = json_number_value(*left), y = json_number_value(*right);
    return x < y ? -1 : x > y;
}

EXPRESSION(sort)
{
    const json_t *list = a[0];
    if (!json_is_array(list))
        return wrong(v, name, "a list", list);
    count = json_array_size(list);
    json_t **items = calloc(count + 1, sizeof(json_t *)), *out = json_array();
    bool ok = items != NULL && out != NULL, numbers = true, texts = true;
    for (size_t i = 0; ok && i < count; i++) {
        items[i] = json_array_get(list, i);
        numbers = numbers && json_is_number(items[i]);
        texts = texts && json_is_string(items[i]);
    }
    if (ok && !numbers && !texts) {
        json_decref(out);
        free(items);
        return evaluation_fail(v, "%s() takes a list of numbers, or one of texts", name);
    }
    if (ok)
        qsort(items, count, sizeof *items, by_order);
    for (size_t i = 0; ok && i < count; i++)
        ok = json_array_append(out, items[i]) == 0;
    free(items);
    return made(out, ok);
}

static bool holds(const json_t *list, const json_t *item)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (expression_equal(json_array_get(list, i), item))
            return true;
    return false;
}

/* Depth is bounded by what values have. */
static bool flatten(const json_t *list, json_t *out)
{
    bool ok = true;
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        ok = json_is_array(one) ? flatten(one, out) : json_array_append(out, one) == 0;
    }
    return ok;
}

EXPRESSION(flatten)
{
    (void)count;
    if (!json_is_array(a[0]))
        return wrong(v, name, "a list", a[0]);
    json_t *out = json_array();
    return made(out, out != NULL && flatten(a[0], out));
}

EXPRESSION(uniq)
{
    (void)count;
    if (!json_is_array(a[0]))
        return wrong(v, name, "a list", a[0]);
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < json_array_size(a[0]); i++)
        ok = holds(out, json_array_get(a[0], i)) || json_array_append(out, json_array_get(a[0], i)) == 0;
    return made(out, ok);
}

EXPRESSION(reverse)
{
    (void)count;
    if (!json_is_array(a[0]))
        return wrong(v, name, "a list", a[0]);
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = json_array_size(a[0]); ok && i > 0; i--)
        ok = json_array_append(out, json_array_get(a[0], i - 1)) == 0;
    return made(out, ok);
}

/* The list's numbers in order, of which there is one at least. NULL: it has failed. */
static json_t *sorted_numbers(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    json_t *sorted = expression_sort(v, name, a, count);
    if (sorted == NULL || json_is_number(json_array_get(sorted, 0)))
        return sorted;
    json_decref(sorted);
    return evaluation_fail(v, "%s(): there are no numbers", name);
}

EXPRESSION(mean)
{
    json_t *sorted = sorted_numbers(v, name, a, count);
    double sum = 0;
    if (sorted == NULL)
        return NULL;
    size_t size = json_array_size(sorted);
    for (size_t i = 0; i < size; i++)
        sum += json_number_value(json_array_get(sorted, i));
    json_decref(sorted);
    return json_real(sum / (double)size);
}

EXPRESSION(median)
{
    json_t *sorted = sorted_numbers(v, name, a, count);
    if (sorted == NULL)
        return NULL;
    size_t size = json_array_size(sorted);
    double low = json_number_value(json_array_get(sorted, (size - 1) / 2));
    double high = json_number_value(json_array_get(sorted, size / 2));
    json_decref(sorted);
    return json_real((low + high) / 2);
}

/* ---- texts ---- */

static bool are_texts(struct evaluation *v, const char *name, json_t *const *a)
{
    bool ok = json_is_string(a[0]) && json_is_string(a[1]);
    if (!ok)
        (void)wrong(v, name, "two texts", json_is_string(a[0]) ? a[1] : a[0]);
    return ok;
}

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static bool ends(const char *s, const char *with)
{
    size_t len = strlen(s), cut = strlen(with);
    return cut <= len && strcmp(s + len - cut, with) == 0;
}

EXPRESSION(has_prefix)
{
    (void)count;
    return are_texts(v, name, a) ? json_boolean(begins(json_string_value(a[0]), json_string_value(a[1]))) : NULL;
}

EXPRESSION(has_suffix)
{
    (void)count;
    return are_texts(v, name, a) ? json_boolean(ends(json_string_value(a[0]), json_string_value(a[1]))) : NULL;
}

EXPRESSION(trim_prefix)
{
    (void)count;
    if (!are_texts(v, name, a))
        return NULL;
    const char *s = json_string_value(a[0]), *part = json_string_value(a[1]);
    return begins(s, part) ? json_string(s + strlen(part)) : json_incref(a[0]);
}

EXPRESSION(trim_suffix)
{
    (void)count;
    if (!are_texts(v, name, a))
        return NULL;
    const char *s = json_string_value(a[0]), *part = json_string_value(a[1]);
    return ends(s, part) ? json_stringn(s, strlen(s) - strlen(part)) : json_incref(a[0]);
}

/* Places are in bytes, as expr-lang counts them. -1: it is not there. */
EXPRESSION(index_of)
{
    (void)count;
    if (!are_texts(v, name, a))
        return NULL;
    const char *s = json_string_value(a[0]), *found = strstr(s, json_string_value(a[1]));
    return json_integer(found != NULL ? (json_int_t)(found - s) : -1);
}

EXPRESSION(last_index_of)
{
    (void)count;
    if (!are_texts(v, name, a))
        return NULL;
    const char *s = json_string_value(a[0]), *part = json_string_value(a[1]);
    const char *found = strstr(s, part), *last = found;
    for (; found != NULL && *found != '\0'; found = strstr(found + 1, part))
        last = found;
    return json_integer(last != NULL ? (json_int_t)(last - s) : -1);
}

EXPRESSION(repeat)
{
    struct text out = TEXT_INIT;
    json_int_t times = json_integer_value(a[1]);
    (void)count;
    if (!json_is_string(a[0]) || !json_is_integer(a[1]) || times < 0)
        return wrong(v, name, "a text, and how often", json_is_string(a[0]) ? a[1] : a[0]);
    if (times > 0 && json_string_length(a[0]) > REPEAT_MAX / (size_t)times)
        return evaluation_fail(v, "%s(): more than %zu bytes", name, REPEAT_MAX);
    for (json_int_t i = 0; i < times && json_string_length(a[0]) > 0; i++)
        text_add(&out, json_string_value(a[0]), json_string_length(a[0]));
    json_t *value = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    text_deinit(&out);
    return value;
}
