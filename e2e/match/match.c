/* Expectations: plain values are equal, maps are matched by what they name, and maps of $matchers decide by
 * themselves (matchers.c). */
#include "e2e/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void mismatch_add(struct flow_context *x, const struct node *expected, struct text *path, struct text *what)
{
    struct mismatch m = {.expected = expected, .path = text_take(path), .text = text_take(what)};
    if (m.path == NULL || m.text == NULL || !array_push(&x->mismatches, m)) {
        free(m.path);
        free(m.text);
        flow_memory(x);
    }
}

static void differ(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                   const char *what)
{
    struct text text = TEXT_INIT, where = TEXT_INIT;
    text_printf(&text, "expected %s, got ", what);
    show_value(x, actual, &text);
    text_puts(&where, path);
    mismatch_add(x, expected, &where, &text);
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
    if (s == NULL || json_string_length(v) > 20 || value_has_zero(v) || s[strspn(s, "-0123456789")] != '\0')
        return false;
    long long value = strtoll(s, &end, 10);
    *out = value;
    return end != s && *end == '\0' && value != INT64_MAX && value != INT64_MIN;
}

bool flow_value_real(const json_t *v, double *out)
{
    const char *s = json_string_value(v);
    char *end = NULL;
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return true;
    }
    if (s == NULL || value_has_zero(v) || s[strspn(s, "+-0123456789.eE")] != '\0')
        return false;
    *out = strtod(s, &end);
    return end != s && *end == '\0';
}

/* -1, 0, 1; false when they cannot be compared. */
bool flow_value_compare(const json_t *a, const json_t *b, int *order)
{
    int64_t i, j;
    double p, q;
    if (integer_of(a, &i) && integer_of(b, &j))
        *order = (i > j) - (i < j);
    else if (flow_value_real(a, &p) && flow_value_real(b, &q))
        *order = (p > q) - (p < q);
    else
        return false;
    return true;
}

bool flow_value_equal(const json_t *expected, const json_t *actual)
{
    int order;
    if (json_equal(expected, actual) == 1)
        return true;
    if (json_is_integer(expected) && json_is_string(actual)) {
        char digits[32];
        snprintf(digits, sizeof digits, "%" PRId64, (int64_t)json_integer_value(expected));
        return !value_has_zero(actual) && strcmp(digits, json_string_value(actual)) == 0;
    }
    return json_is_number(expected) && json_is_number(actual) && flow_value_compare(expected, actual, &order) &&
           order == 0;
}

const char *flow_value_type(const json_t *v)
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

/* Does matching add no mismatch? What it adds is taken away again. */
bool would_match(struct flow_context *x, const struct node *expected, const json_t *actual)
{
    size_t before = x->mismatches.count;
    match_node(x, expected, actual, "", false);
    bool matched = x->mismatches.count == before;
    drop_mismatches(x, before);
    return matched;
}

/* ---- matchers ---- */

/* "at least 3", "a match of \"^a\"": what a person would say. */
static void describe(struct flow_context *x, const struct matcher *m, const struct node *wanted, struct text *out)
{
    if (m->wants == WANTS_FLAG && m->words[0] == '\0') {
        bool there = (strcmp(m->name, "$any") == 0) == wanted->boolean;
        text_puts(out, there ? "any value" : "nothing there");
        return;
    }
    text_puts(out, m->words);
    if (m->wants == WANTS_FLAG)
        return;
    json_t *value = expand_node(x, wanted);
    show_value(x, value, out);
    json_decref(value);
}

static bool matches_one(struct flow_context *x, const struct matcher *m, const struct node *wanted,
                        const json_t *actual)
{
    if (m->wants >= WANTS_EXPECTED || m->wants == WANTS_FLAG)
        return m->matches(x, wanted, NULL, actual);
    json_t *value = expand_node(x, wanted);
    bool matched = value != NULL && m->matches(x, wanted, value, actual);
    json_decref(value);
    return matched;
}

/* Of what has a path of its own, so that what differs is told there. */
static void match_inside(struct flow_context *x, const struct matcher *m, const struct node *wanted,
                         const json_t *actual, const char *path)
{
    if (m->wants == WANTS_EXPECTED) { /* $exactly */
        match_node(x, wanted, actual, path, true);
        return;
    }
    if (json_array_size(actual) < wanted->list.count) { /* $begins; 0 for what is no list */
        char what[64];
        snprintf(what, sizeof what, "a list of at least %zu", wanted->list.count);
        differ(x, wanted, actual, path, what);
        return;
    }
    for (size_t i = 0; i < wanted->list.count; i++) {
        struct text where = TEXT_INIT;
        text_printf(&where, "%s[%zu]", path, i);
        match_node(x, &wanted->list.items[i], json_array_get(actual, i), text_string(&where), false);
        text_deinit(&where);
    }
}

static void match_matchers(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path)
{
    for (size_t i = 0; i < expected->map.count && x->error.code == 0; i++) {
        const struct node_pair *p = &expected->map.pairs[i];
        const struct matcher *m = matcher_find(p->key);
        if (m != NULL && m->matches == NULL) {
            match_inside(x, m, &p->value, actual, path);
            continue;
        }
        if (m == NULL || matches_one(x, m, &p->value, actual) || x->error.code != 0)
            continue;
        struct text what = TEXT_INIT;
        describe(x, m, &p->value, &what);
        differ(x, &p->value, actual, path, text_string(&what));
        text_deinit(&what);
    }
}

/* ---- structure ---- */

static void child_path(struct text *out, const char *path, const char *key)
{
    text_puts(out, path);
    text_puts(out, path[0] != '\0' ? "." : "");
    text_puts(out, key);
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
        if (value != NULL && !flow_value_equal(value, actual)) {
            struct text what = TEXT_INIT;
            show_value(x, value, &what);
            differ(x, expected, actual, path, text_string(&what));
            text_deinit(&what);
        }
        json_decref(value);
    }
}
