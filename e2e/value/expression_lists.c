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

static json_t *take(struct evaluation *v, const char *name, json_t *list, const json_t *count)
{
    json_int_t most = json_integer_value(count);
    if (!json_is_array(list) || !json_is_integer(count) || most < 0)
        return wrong(v, name, "a list, and how many items of it", json_is_array(list) ? count : list);
    json_t *out = json_array();
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < json_array_size(list) && i < (size_t)most; i++)
        ok = json_array_append(out, json_array_get(list, i)) == 0;
    return made(out, ok);
}

static int by_order(const void *a, const void *b)
{
    json_t *const *left = a, *const *right = b;
    if (json_is_string(*left))
        return strcmp(json_string_value(*left), json_string_value(*right));
    double x = json_number_value(*left), y = json_number_value(*right);
    return x < y ? -1 : x > y;
}

static json_t *sort(struct evaluation *v, const char *name, json_t *list)
{
    size_t count = json_array_size(list);
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

/* The mean, or the one in the middle. */
static json_t *middle(struct evaluation *v, const char *name, json_t *list)
{
    size_t count = json_array_size(list);
    double sum = 0;
    json_t *sorted = count > 0 ? sort(v, name, list) : json_array();
    if (sorted == NULL)
        return NULL;
    bool numbers = count > 0 && json_is_number(json_array_get(sorted, 0)), mean = name[2] == 'a';
    for (size_t i = 0; i < count; i++)
        sum += json_number_value(json_array_get(sorted, i));
    double low = numbers ? json_number_value(json_array_get(sorted, (count - 1) / 2)) : 0;
    double high = numbers ? json_number_value(json_array_get(sorted, count / 2)) : 0;
    json_decref(sorted);
    if (!numbers)
        return evaluation_fail(v, "%s(): there are no numbers", name);
    return json_real(mean ? sum / (double)count : (low + high) / 2);
}

json_t *expression_list(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    if (strcmp(name, "take") == 0)
        return take(v, name, a[0], a[1]);
    if (!json_is_array(a[0]))
        return wrong(v, name, "a list", a[0]);
    if (name[0] == 'm')
        return middle(v, name, a[0]);
    if (strcmp(name, "sort") == 0)
        return sort(v, name, a[0]);
    json_t *out = json_array();
    bool ok = out != NULL;
    size_t size = json_array_size(a[0]);
    (void)count;
    if (strcmp(name, "flatten") == 0)
        return made(out, ok && flatten(a[0], out));
    for (size_t i = 0; ok && i < size; i++) {
        json_t *one = json_array_get(a[0], name[0] == 'r' ? size - 1 - i : i);
        if (name[0] == 'r' || !holds(out, one)) /* reverse, uniq */
            ok = json_array_append(out, one) == 0;
    }
    return made(out, ok);
}

/* indexOf() and lastIndexOf(): of a text in a text, in bytes as expr-lang counts them. -1: it is not there. */
static json_t *index_of(const char *name, const char *s, const char *part)
{
    const char *found = strstr(s, part), *last = found;
    for (; name[0] == 'l' && found != NULL && *found != '\0'; found = strstr(found + 1, part))
        last = found;
    return json_integer(last != NULL ? (json_int_t)(last - s) : -1);
}

json_t *expression_affix(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    const char *s = json_string_value(a[0]), *part = json_string_value(a[1]);
    (void)count;
    if (s == NULL || part == NULL)
        return wrong(v, name, "two texts", s == NULL ? a[0] : a[1]);
    if (strstr(name, "ndexOf") != NULL)
        return index_of(name, s, part);
    size_t len = strlen(s), cut = strlen(part);
    bool front = strstr(name, "Prefix") != NULL, trim = name[0] == 't';
    bool there = cut <= len && memcmp(front ? s : s + len - cut, part, cut) == 0;
    if (!trim)
        return json_boolean(there);
    return there ? json_stringn(front ? s + cut : s, len - cut) : json_incref(a[0]);
}

json_t *expression_repeat(struct evaluation *v, const char *name, json_t *const *a, size_t count)
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
