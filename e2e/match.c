/* Expectations: plain values are equal, maps are matched by what they name, and maps of $matchers decide by
 * themselves. */
#include "e2e/internal.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const matcher_names[] = {"$type",   "$regex", "$min", "$max", "$contains",
                                     "$absent", "$size",  "$any", "$not", NULL};

bool is_matcher(const struct node *n)
{
    return n->kind == NODE_MAP && n->map.count > 0 && n->map.pairs[0].key[0] == '$';
}

static void drop_mismatches(struct flow_context *x, size_t keep)
{
    while (x->mismatches.count > keep) {
        struct mismatch *m = array_last(&x->mismatches);
        free(m->path);
        free(m->text);
        x->mismatches.count--;
    }
}

void mismatches_clear(struct flow_context *x)
{
    drop_mismatches(x, 0);
}

static void differ(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                   const char *what)
{
    struct text text = TEXT_INIT, where = TEXT_INIT;
    text_printf(&text, "expected %s, got ", what);
    show_value(x, actual, &text);
    text_puts(&where, path);
    struct mismatch m = {.expected = expected, .path = text_take(&where), .text = text_take(&text)};
    if (m.path == NULL || m.text == NULL || !array_push(&x->mismatches, m)) {
        free(m.path);
        free(m.text);
        flow_memory(x);
    }
}

/* ---- numbers ---- */

/* 64-bit integers travel as texts of digits in proto3 JSON, so such texts are numbers too. */
static bool integer_of(const json_t *v, int64_t *out)
{
    const char *s = json_string_value(v);
    char *end = NULL;
    if (json_is_integer(v)) {
        *out = json_integer_value(v);
        return true;
    }
    if (s == NULL || strlen(s) > 20 || s[strspn(s, "-0123456789")] != '\0')
        return false;
    long long value = strtoll(s, &end, 10);
    *out = value;
    return end != s && *end == '\0' && value != INT64_MAX && value != INT64_MIN;
}

static bool real_of(const json_t *v, double *out)
{
    const char *s = json_string_value(v);
    char *end = NULL;
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    if (s == NULL || s[strspn(s, "+-0123456789.eE")] != '\0')
        return false;
    *out = strtod(s, &end);
    return end != s && *end == '\0';
}

/* -1, 0, 1; false when they cannot be compared. */
static bool compare(const json_t *a, const json_t *b, int *order)
{
    int64_t i, j;
    double p, q;
    if (integer_of(a, &i) && integer_of(b, &j))
        *order = (i > j) - (i < j);
    else if (real_of(a, &p) && real_of(b, &q))
        *order = (p > q) - (p < q);
    else
        return false;
    return true;
}

static bool equal(const json_t *expected, const json_t *actual)
{
    int order;
    if (json_equal(expected, actual) == 1)
        return true;
    if (json_is_integer(expected) && json_is_string(actual)) {
        char digits[32];
        snprintf(digits, sizeof digits, "%" PRId64, (int64_t)json_integer_value(expected));
        return strcmp(digits, json_string_value(actual)) == 0;
    }
    return json_is_number(expected) && json_is_number(actual) && compare(expected, actual, &order) && order == 0;
}

/* ---- matchers ---- */

static const char *type_name(const json_t *v)
{
    if (v == NULL)
        return "absent";
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "map";
    case JSON_ARRAY:
        return "list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool matches_regex(struct flow_context *x, const struct node *n, const char *pattern, const json_t *actual)
{
    regex_t regex;
    struct text text = TEXT_INIT;
    if (actual == NULL)
        return false;
    /* Checked when it was loaded; a variable in it may have made it bad. */
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        flow_wrong(x, n, ERROR_SYNTAX, "with its variables this is not a regular expression: %s", pattern);
        return false;
    }
    value_text(actual, &text);
    bool matches = regexec(&regex, text_string(&text), 0, NULL, 0) == 0;
    regfree(&regex);
    text_deinit(&text);
    return matches;
}

/* Does matching add no mismatch? What it adds is taken away again. */
static bool would_match(struct flow_context *x, const struct node *expected, const json_t *actual)
{
    size_t before = x->mismatches.count;
    match_node(x, expected, actual, "", false);
    bool matched = x->mismatches.count == before;
    drop_mismatches(x, before);
    return matched;
}

static bool contains(struct flow_context *x, const struct node *wanted, const json_t *actual)
{
    if (json_is_string(actual)) {
        char *part = expand_text(x, wanted);
        bool found = part != NULL && strstr(json_string_value(actual), part) != NULL;
        free(part);
        return found;
    }
    size_t i;
    json_t *item;
    json_array_foreach(actual, i, item)
    {
        if (would_match(x, wanted, item))
            return true;
    }
    return false;
}

static bool has_size(const json_t *v, const json_t *size)
{
    int64_t wanted;
    if (!integer_of(size, &wanted) || wanted < 0 || !(json_is_array(v) || json_is_object(v) || json_is_string(v)))
        return false;
    size_t have = json_is_array(v)    ? json_array_size(v)
                  : json_is_object(v) ? json_object_size(v)
                                      : json_string_length(v);
    return have == (uint64_t)wanted;
}

static bool matches_one(struct flow_context *x, const char *name, const struct node *wanted, const json_t *actual)
{
    if (strcmp(name, "$absent") == 0)
        return wanted->boolean == (actual == NULL);
    if (strcmp(name, "$any") == 0)
        return wanted->boolean == (actual != NULL);
    if (strcmp(name, "$not") == 0)
        return !would_match(x, wanted, actual);
    if (strcmp(name, "$contains") == 0)
        return contains(x, wanted, actual);
    json_t *value = expand_node(x, wanted);
    bool matched = false;
    int order;
    if (value == NULL)
        return false;
    if (strcmp(name, "$type") == 0)
        matched = json_is_string(value) && strcmp(json_string_value(value), type_name(actual)) == 0;
    else if (strcmp(name, "$regex") == 0)
        matched = json_is_string(value) && matches_regex(x, wanted, json_string_value(value), actual);
    else if (strcmp(name, "$size") == 0)
        matched = has_size(actual, value);
    else if (compare(actual, value, &order))
        matched = strcmp(name, "$min") == 0 ? order >= 0 : order <= 0;
    json_decref(value);
    return matched;
}

/* "at least 3", "text matching \"^a\"": what a person would say. */
static void describe(struct flow_context *x, const char *name, const struct node *wanted, struct text *out)
{
    static const char *const words[] = {
        "$type",    "a value of type ", "$regex",         "a match of ", "$min",       "at least ", "$max",
        "at most ", "$contains",        "it to contain ", "$size",       "a size of ", "$not",      "anything but ",
    };
    bool no_value = strcmp(name, "$absent") == 0 ? wanted->boolean : strcmp(name, "$any") == 0 && !wanted->boolean;
    if (strcmp(name, "$absent") == 0 || strcmp(name, "$any") == 0) {
        text_puts(out, no_value ? "nothing there" : "any value");
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i += 2)
        if (strcmp(words[i], name) == 0)
            text_puts(out, words[i + 1]);
    json_t *value = expand_node(x, wanted);
    show_value(x, value, out);
    json_decref(value);
}

static void match_matchers(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path)
{
    for (size_t i = 0; i < expected->map.count && x->error.code == 0; i++) {
        const struct node_pair *p = &expected->map.pairs[i];
        if (matches_one(x, p->key, &p->value, actual) || x->error.code != 0)
            continue;
        struct text what = TEXT_INIT;
        describe(x, p->key, &p->value, &what);
        differ(x, &p->value, actual, path, text_string(&what));
        text_deinit(&what);
    }
}

/* ---- structure ---- */

static void child_path(struct text *out, const char *path, const char *key)
{
    text_printf(out, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
}

static void match_map(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                      bool exact)
{
    if (!json_is_object(actual)) {
        differ(x, expected, actual, path, "a map");
        return;
    }
    for (size_t i = 0; i < expected->map.count; i++) {
        const struct node_pair *p = &expected->map.pairs[i];
        struct text where = TEXT_INIT;
        child_path(&where, path, p->key);
        match_node(x, &p->value, json_object_get(actual, p->key), text_string(&where), exact);
        text_deinit(&where);
    }
    const char *key;
    json_t *extra, *walked; /* jansson's iterators take an object that may be changed; this one is not */
    memcpy(&walked, &actual, sizeof walked);
    json_object_foreach(walked, key, extra)
    {
        struct text where = TEXT_INIT;
        if (!exact || node_get(expected, key) != NULL)
            continue;
        child_path(&where, path, key);
        differ(x, expected, extra, text_string(&where), "nothing there");
        text_deinit(&where);
    }
}

static void match_list(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                       bool exact)
{
    if (!json_is_array(actual)) {
        differ(x, expected, actual, path, "a list");
        return;
    }
    if (json_array_size(actual) != expected->list.count) {
        char what[64];
        snprintf(what, sizeof what, "a list of %zu", expected->list.count);
        differ(x, expected, actual, path, what);
        return;
    }
    for (size_t i = 0; i < expected->list.count; i++) {
        struct text where = TEXT_INIT;
        text_printf(&where, "%s[%zu]", path, i);
        match_node(x, &expected->list.items[i], json_array_get(actual, i), text_string(&where), exact);
        text_deinit(&where);
    }
}

/* Depth is bounded by the document's. */
void match_node(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path, bool exact)
{
    if (is_matcher(expected)) {
        match_matchers(x, expected, actual, path);
    } else if (expected->kind == NODE_MAP) {
        match_map(x, expected, actual, path, exact);
    } else if (expected->kind == NODE_LIST) {
        match_list(x, expected, actual, path, exact);
    } else {
        json_t *value = expand_node(x, expected);
        if (value != NULL && !equal(value, actual)) {
            struct text what = TEXT_INIT;
            show_value(x, value, &what);
            differ(x, expected, actual, path, text_string(&what));
            text_deinit(&what);
        }
        json_decref(value);
    }
}
