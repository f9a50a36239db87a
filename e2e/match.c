#include "e2e/internal.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_VALUE_MAX 200

const char *const matcher_names[] = {"$type", "$regex", "$min", "$max", "$contains", "$absent", "$size", "$any", "$not", NULL};

bool is_matcher(const struct node *n)
{
    return n->kind == NODE_MAP && n->map.count > 0 && n->map.pairs[0].key[0] == '$';
}

void mismatches_clear(struct flow_context *x)
{
    for (size_t i = 0; i < x->mismatches.count; i++) {
        free(x->mismatches.items[i].path);
        free(x->mismatches.items[i].text);
    }
    array_clear(&x->mismatches);
}

static void show(const json_t *v, struct text *out)
{
    char *dumped = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (dumped == NULL)
        text_puts(out, v == NULL ? "nothing" : "?");
    else if (strlen(dumped) > SHOWN_VALUE_MAX)
        text_printf(out, "%.*s...", SHOWN_VALUE_MAX, dumped);
    else
        text_puts(out, dumped);
    free(dumped);
}

static void differ(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                   const char *what)
{
    struct text text = TEXT_INIT, where = TEXT_INIT;
    text_printf(&text, "expected %s, got ", what);
    show(actual, &text);
    text_puts(&where, path);
    struct mismatch m = {.expected = expected, .path = text_take(&where), .text = text_take(&text)};
    if (m.path == NULL || m.text == NULL || !array_push(&x->mismatches, m)) {
        free(m.path);
        free(m.text);
        error_set(&x->error, ERROR_MEMORY, "out of memory");
    }
}

/* A number, or a text of digits: 64-bit integers travel as texts in proto3 JSON. */
static bool number_of(const json_t *v, double *out)
{
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    const char *s = json_string_value(v);
    char *end = NULL;
    if (s == NULL || *s == '\0')
        return false;
    *out = strtod(s, &end);
    return *end == '\0';
}

static bool equal(const json_t *expected, const json_t *actual)
{
    double a, b;
    if (json_equal(expected, actual) == 1)
        return true;
    if (json_is_integer(expected) && json_is_string(actual)) {
        char digits[32];
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(expected));
        return strcmp(digits, json_string_value(actual)) == 0;
    }
    return json_is_number(expected) && json_is_number(actual) && number_of(expected, &a) && number_of(actual, &b) &&
           !(a < b) && !(a > b);
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

static bool matches_regex(const char *pattern, const json_t *actual)
{
    regex_t regex;
    struct text text = TEXT_INIT;
    value_text(actual, &text);
    bool matches = actual != NULL && regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0;
    if (matches) {
        matches = regexec(&regex, text_string(&text), 0, NULL, 0) == 0;
        regfree(&regex);
    }
    text_deinit(&text);
    return matches;
}

/* Does matching add no mismatch? What it adds is taken away again. */
static bool would_match(struct flow_context *x, const struct node *expected, const json_t *actual)
{
    size_t before = x->mismatches.count;
    match_node(x, expected, actual, "", false);
    bool matched = x->mismatches.count == before;
    while (x->mismatches.count > before) {
        struct mismatch *m = array_last(&x->mismatches);
        free(m->path);
        free(m->text);
        x->mismatches.count--;
    }
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

static size_t size_of(const json_t *v)
{
    if (json_is_array(v))
        return json_array_size(v);
    return json_is_object(v) ? json_object_size(v) : json_string_length(v);
}

static bool matches_one(struct flow_context *x, const char *name, const struct node *wanted, const json_t *actual)
{
    if (strcmp(name, "$absent") == 0)
        return (wanted->kind == NODE_BOOL && wanted->boolean) == (actual == NULL);
    if (strcmp(name, "$any") == 0)
        return actual != NULL;
    if (strcmp(name, "$not") == 0)
        return !would_match(x, wanted, actual);
    if (strcmp(name, "$contains") == 0)
        return contains(x, wanted, actual);
    json_t *value = expand_node(x, wanted);
    bool matched = false;
    double have, want;
    if (value == NULL)
        return false;
    if (strcmp(name, "$type") == 0)
        matched = json_is_string(value) && strcmp(json_string_value(value), type_name(actual)) == 0;
    else if (strcmp(name, "$regex") == 0)
        matched = json_is_string(value) && matches_regex(json_string_value(value), actual);
    else if (strcmp(name, "$size") == 0)
        matched = actual != NULL && json_is_integer(value) && size_of(actual) == (size_t)json_integer_value(value);
    else if (number_of(actual, &have) && number_of(value, &want))
        matched = strcmp(name, "$min") == 0 ? have >= want : have <= want;
    json_decref(value);
    return matched;
}

static void match_matchers(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path)
{
    for (size_t i = 0; i < expected->map.count; i++) {
        const struct node_pair *p = &expected->map.pairs[i];
        if (matches_one(x, p->key, &p->value, actual))
            continue;
        struct text what = TEXT_INIT;
        json_t *value = expand_node(x, &p->value);
        text_printf(&what, "%s ", p->key + 1);
        show(value, &what);
        json_decref(value);
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
    json_t *extra;
    json_object_foreach((json_t *)(uintptr_t)actual, key, extra)
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
            show(value, &what);
            differ(x, expected, actual, path, text_string(&what));
            text_deinit(&what);
        }
        json_decref(value);
    }
}
