/* The table of matchers: what each wants, and when it holds. */
#include "base/units.h"
#include "e2e/kind.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static bool matches_regex(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    regex_t regex;
    struct text text = TEXT_INIT;
    const char *pattern = json_string_value(value);
    if (actual == NULL || pattern == NULL)
        return false;
    if (value_has_zero(value)) {
        flow_wrong(x, n, ERROR_INVALID, "a regular expression cannot hold a zero character");
        return false;
    }
    /* Checked when it was loaded; a variable in it may have made it bad. */
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        flow_wrong(x, n, ERROR_SYNTAX, "with its variables this is not a regular expression: %s", pattern);
        return false;
    }
    value_text(actual, &text);
    regmatch_t whole = {.rm_eo = (regoff_t)text.len}; /* zero characters are no end */
    bool matches = regexec(&regex, text_string(&text), 1, &whole, REG_STARTEND) == 0;
    regfree(&regex);
    text_deinit(&text);
    return matches;
}

static bool is_absent(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)x;
    (void)value;
    return wanted->boolean == (actual == NULL);
}

static bool is_any(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)x;
    (void)value;
    return wanted->boolean == (actual != NULL);
}

static bool is_not(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)value;
    return !would_match(x, wanted, actual);
}

static bool contains(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)value;
    if (json_is_string(actual)) {
        struct text part = TEXT_INIT;
        json_t *sought = expand_node(x, wanted);
        value_text(sought, &part);
        bool found =
            sought != NULL && text_ok(&part) &&
            memmem(json_string_value(actual), json_string_length(actual), text_string(&part), part.len) != NULL;
        if (!text_ok(&part))
            flow_memory(x);
        text_deinit(&part);
        json_decref(sought);
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

static bool has_size(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)value;
    if (!(json_is_array(actual) || json_is_object(actual) || json_is_string(actual)))
        return false;
    size_t have = json_is_array(actual)    ? json_array_size(actual)
                  : json_is_object(actual) ? json_object_size(actual)
                                           : json_string_length(actual);
    json_t *size = json_integer((json_int_t)have);
    bool matched = size != NULL ? would_match(x, wanted, size) : flow_memory(x) == 0;
    json_decref(size);
    return matched;
}

static bool is_type(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    (void)x;
    (void)n;
    return json_is_string(value) && strcmp(json_string_value(value), flow_value_type(actual)) == 0;
}

/* ---- numbers; "250ms" is 0.25, so that durations in seconds can be bounded as they are written elsewhere ---- */

static bool compare_bound(const json_t *actual, const json_t *bound, int *order)
{
    int64_t duration;
    double have;
    if (flow_value_compare(actual, bound, order))
        return true;
    if (!json_is_string(bound) || !flow_value_real(actual, &have) ||
        units_parse_duration(json_string_value(bound), &duration, NULL) != 0)
        return false;
    double wanted = (double)duration / (double)SECOND;
    *order = (have > wanted) - (have < wanted);
    return true;
}

static bool at_least(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    int order;
    (void)x;
    (void)n;
    return compare_bound(actual, value, &order) && order >= 0;
}

static bool at_most(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    int order;
    (void)x;
    (void)n;
    return compare_bound(actual, value, &order) && order <= 0;
}

/* [10, 0.5]: 10, give or take 0.5. */
static bool is_near(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    double wanted, tolerance, have;
    if (!flow_value_real(json_array_get(value, 0), &wanted) || !flow_value_real(json_array_get(value, 1), &tolerance)) {
        flow_wrong(x, n, ERROR_INVALID, "$near is a number and how far from it: [10, 0.5]");
        return false;
    }
    return flow_value_real(actual, &have) && have >= wanted - tolerance && have <= wanted + tolerance;
}

/* ---- lists ---- */

static bool is_one_of(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)value;
    for (size_t i = 0; i < wanted->list.count; i++)
        if (would_match(x, &wanted->list.items[i], actual))
            return true;
    return false;
}

static bool is_all_of(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    (void)value;
    for (size_t i = 0; i < wanted->list.count; i++)
        if (!would_match(x, &wanted->list.items[i], actual))
            return false;
    return true;
}

static bool each_is(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    size_t i;
    json_t *item;
    (void)value;
    json_array_foreach(actual, i, item)
    {
        if (!would_match(x, wanted, item))
            return false;
    }
    return json_is_array(actual);
}

#define UNORDERED_MAX 256

/* Finds a partner for item `i`, moving those found before when that helps (augmenting paths, Kuhn 1955): two that match
 * the same item must not block each other. */
static bool find_partner(size_t i, size_t count, const bool *fits, size_t *partner, bool *seen)
{
    for (size_t k = 0; k < count; k++) {
        if (!fits[i * count + k] || seen[k])
            continue;
        seen[k] = true;
        if (partner[k] == SIZE_MAX || find_partner(partner[k], count, fits, partner, seen)) {
            partner[k] = i;
            return true;
        }
    }
    return false;
}

static bool is_unordered(struct flow_context *x, const struct node *wanted, const json_t *value, const json_t *actual)
{
    size_t count = wanted->list.count, partner[UNORDERED_MAX];
    bool seen[UNORDERED_MAX], matched = true;
    (void)value;
    if (json_array_size(actual) != count || !json_is_array(actual))
        return false;
    bool *fits = calloc(count * count + 1, sizeof *fits);
    if (fits == NULL)
        return flow_memory(x) == 0;
    for (size_t i = 0; i < count; i++) {
        partner[i] = SIZE_MAX;
        for (size_t k = 0; k < count; k++)
            fits[i * count + k] = would_match(x, &wanted->list.items[i], json_array_get(actual, k));
    }
    for (size_t i = 0; i < count && matched; i++) {
        memset(seen, 0, sizeof seen);
        matched = find_partner(i, count, fits, partner, seen);
    }
    free(fits);
    return matched;
}

static bool in_order(const json_t *a, const json_t *b, bool down)
{
    int order;
    if (!flow_value_compare(a, b, &order)) {
        if (!json_is_string(a) || !json_is_string(b))
            return false;
        order = value_text_order(a, b);
    }
    return down ? order >= 0 : order <= 0;
}

/* "up", "down", or by a member: "up $.age". */
static bool is_sorted(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    const char *how = json_string_value(value);
    bool down = how != NULL && strncmp(how, "down", 4) == 0;
    const char *path = how == NULL ? NULL : strncmp(how, "up", 2) == 0 ? how + 2 : down ? how + 4 : NULL;
    if (path == NULL || (path[0] != '\0' && (path[0] != ' ' || !json_path_valid(path + 1)))) {
        flow_wrong(x, n, ERROR_INVALID, "$sorted is up or down, or by a member: \"up $.age\"");
        return false;
    }
    for (size_t i = 1; i < json_array_size(actual); i++) {
        int code;
        const json_t *a = json_array_get(actual, i - 1), *b = json_array_get(actual, i);
        if (path[0] != '\0') {
            a = json_path(a, path + 1, &code);
            b = json_path(b, path + 1, &code);
        }
        if (!in_order(a, b, down))
            return false;
    }
    return json_is_array(actual);
}

/* ---- shapes: {id: text, tags: [text], note?: {text: text}}; "any" is any value ---- */

static bool has_shape(struct flow_context *x, const struct node *shape, const json_t *actual)
{
    if (shape->kind == NODE_TEXT)
        return actual != NULL &&
               (bytes_is(shape->text, "any") || strcmp((const char *)shape->text.data, flow_value_type(actual)) == 0);
    if (shape->kind == NODE_LIST) {
        for (size_t i = 0; i < json_array_size(actual); i++)
            if (shape->list.count > 0 && !has_shape(x, &shape->list.items[0], json_array_get(actual, i)))
                return false;
        return json_is_array(actual);
    }
    for (size_t i = 0; i < shape->map.count; i++) {
        struct text name = TEXT_INIT;
        text_puts(&name, shape->map.pairs[i].key);
        bool optional = name.len > 1 && name.data[name.len - 1] == '?';
        if (optional)
            text_truncate(&name, name.len - 1);
        const json_t *member = json_object_get(actual, text_string(&name));
        text_deinit(&name);
        if (!(optional && member == NULL) && !has_shape(x, &shape->map.pairs[i].value, member))
            return false;
    }
    return json_is_object(actual);
}

static bool matches_shape(struct flow_context *x, const struct node *n, const json_t *value, const json_t *actual)
{
    (void)value;
    return has_shape(x, n, actual);
}

const struct matcher matchers[] = {
    {"$type", "it is a map, list, text, number, bool or null", "a value of type ", WANTS_TYPE, is_type},
    {"$regex", "the text contains a match of the POSIX extended regular expression", "a match of ", WANTS_REGEX,
     matches_regex},
    {"$min", "the number is at least this", "at least ", WANTS_NUMBER, at_least},
    {"$max", "the number is at most this", "at most ", WANTS_NUMBER, at_most},
    {"$contains", "the text contains it; the list has an item that matches it", "it to contain ", WANTS_EXPECTED,
     contains},
    {"$absent", "nothing is there", "", WANTS_FLAG, is_absent},
    {"$size", "items of the list or map, bytes of the text: a count, or matchers", "a size of ", WANTS_SIZE, has_size},
    {"$any", "something is there, whatever it is", "", WANTS_FLAG, is_any},
    {"$near", "a number and how far from it: [10, 0.5]", "a number near ", WANTS_VALUE, is_near},
    {"$one_of", "it matches one of these", "one of ", WANTS_LIST, is_one_of},
    {"$all_of", "it matches all of these", "all of ", WANTS_LIST, is_all_of},
    {"$each", "every item of the list matches this", "each item to be ", WANTS_EXPECTED, each_is},
    {"$unordered", "the list has these items, in any order, and no others", "in any order ", WANTS_LIST, is_unordered},
    {"$begins", "the list begins with these items", "a list that begins with ", WANTS_LIST, NULL},
    {"$exactly", "it is this, and its maps have no other members, at any level", "exactly ", WANTS_EXPECTED, NULL},
    {"$sorted", "the list is in order: up, down, or by a member: \"up $.age\"", "a list sorted ", WANTS_VALUE,
     is_sorted},
    {"$schema", "kinds of members: {id: text, tags: [text], note?: any}", "the shape ", WANTS_SHAPE, matches_shape},
    {"$not", "it does not match this", "anything but ", WANTS_EXPECTED, is_not},
    {0},
};

const struct matcher *matcher_find(const char *name)
{
    for (const struct matcher *m = matchers; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}
