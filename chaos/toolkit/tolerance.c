/* Tolerances: what a probe may say. As chaostoolkit-lib has it: an output with a "status" is judged by it where the
 * tolerance is a number or a list; a list of two numbers is a range, but for a status, which has to be one of them. */
#include "chaos/toolkit/toolkit.h"

#include "base/json_text.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

static bool is_scalar(const struct node *n)
{
    return n->kind == NODE_TEXT || n->kind == NODE_BOOL || n->kind == NODE_INTEGER || n->kind == NODE_REAL;
}

static bool is_number(const struct node *n)
{
    return n->kind == NODE_INTEGER || n->kind == NODE_REAL;
}

static int check_regex(const struct node *t, struct error *err)
{
    const char *pattern = NULL, *target = NULL;
    regex_t compiled;
    int code = node_need_text(t, "pattern", &pattern, err);
    if (code == 0)
        code = node_may_text(t, "target", &target, err);
    if (code != 0 || strstr(pattern, "${") != NULL)
        return code;
    int refused = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
    if (refused != 0) {
        char why[128];
        regerror(refused, &compiled, why, sizeof why);
        return node_error(node_get(t, "pattern"), err, ERROR_INVALID,
                          "this is no POSIX extended regular expression: %s", why);
    }
    regfree(&compiled);
    return 0;
}

static int check_path(const struct node *t, struct error *err)
{
    const char *path = NULL, *target = NULL;
    int64_t count = 0;
    struct error own = ERROR_INIT;
    int code = node_need_text(t, "path", &path, err);
    if (code == 0)
        code = node_may_text(t, "target", &target, err);
    if (code == 0)
        code = node_may_integer(t, "count", 0, JSONPATH_MATCHES_MAX, &count, err);
    if (code == 0 && strstr(path, "${") == NULL && jsonpath_check(path, &own) != 0)
        code = node_error(node_get(t, "path"), err, ERROR_INVALID, "%s", own.message);
    error_clear(&own);
    return code;
}

static int check_range(const struct node *t, struct error *err)
{
    const struct node *range = node_get(t, "range");
    const char *target = NULL;
    if (range == NULL || range->kind != NODE_LIST || range->list.count != 2 || !is_number(&range->list.items[0]) ||
        !is_number(&range->list.items[1]))
        return node_error(range != NULL ? range : t, err, ERROR_INVALID,
                          "a range has \"range\": a list of two numbers, the lower first");
    return node_may_text(t, "target", &target, err);
}

static int check_object(const struct node *t, struct error *err)
{
    static const struct {
        const char *type;
        const char *keys[6];
        int (*check)(const struct node *t, struct error *err);
    } types[] = {{"regex", {"type", "pattern", "target", NULL}, check_regex},
                 {"jsonpath", {"type", "path", "target", "expect", "count", NULL}, check_path},
                 {"range", {"type", "range", "target", NULL}, check_range}};
    const char *type = NULL;
    int code = node_need_text(t, "type", &type, err);
    for (size_t i = 0; code == 0 && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].type) != 0)
            continue;
        code = node_only_keys(t, types[i].keys, err);
        return code != 0 ? code : types[i].check(t, err);
    }
    if (code != 0)
        return code;
    if (strcmp(type, "probe") == 0)
        return node_error(
            t, err, ERROR_UNSUPPORTED,
            "a tolerance that is a probe is a Python function of the value, which is not run here: say it "
            "as a regex, a jsonpath or a range");
    return node_error(node_get(t, "type"), err, ERROR_INVALID,
                      "a tolerance's type is regex, jsonpath or range, not \"%s\"", type);
}

int tolerance_check(const struct node *t, struct error *err)
{
    if (is_scalar(t))
        return 0;
    if (t->kind == NODE_MAP)
        return check_object(t, err);
    if (t->kind != NODE_LIST || t->list.count == 0)
        return node_error(t, err, ERROR_INVALID,
                          "a tolerance is a scalar, a list of scalars, or an object with a type");
    for (size_t i = 0; i < t->list.count; i++)
        if (!is_scalar(&t->list.items[i]))
            return node_error(&t->list.items[i], err, ERROR_INVALID, "a tolerance's list has scalars, not %s",
                              node_kind_name(t->list.items[i].kind));
    return 0;
}

/* ---- judging ---- */

static void put_value(json_t *value, struct text *out)
{
    char *dump = json_text_of(value, 0);
    size_t len = dump != NULL ? strlen(dump) : 0;
    text_add(out, dump, len > 200 ? 200 : len);
    text_puts(out, len > 200 ? "..." : "");
    out->failed = out->failed || dump == NULL;
    free(dump);
}

static bool no(struct text *why, json_t *value, const char *what, json_t *wanted)
{
    text_puts(why, "it was ");
    put_value(value, why);
    text_printf(why, ", and %s ", what);
    if (wanted != NULL)
        put_value(wanted, why);
    return false;
}

/* Numbers by value, whatever their kind; the rest as JSON has it. */
static bool same(json_t *a, json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) == 1;
}

static bool holds_scalar(json_t *wanted, json_t *value, struct text *why)
{
    json_t *status = json_is_integer(wanted) ? json_object_get(value, "status") : NULL;
    json_t *judged = status != NULL ? status : value;
    return same(judged, wanted) || no(why, judged, "had to be", wanted);
}

static bool holds_list(json_t *wanted, json_t *value, struct text *why)
{
    json_t *status = json_object_get(value, "status"), *item;
    json_t *judged = status != NULL ? status : value;
    size_t i;
    if (status == NULL && json_array_size(wanted) == 2 && json_is_number(json_array_get(wanted, 0)) &&
        json_is_number(json_array_get(wanted, 1)) && json_is_number(value)) {
        double v = json_number_value(value);
        bool within =
            v >= json_number_value(json_array_get(wanted, 0)) && v <= json_number_value(json_array_get(wanted, 1));
        return within || no(why, value, "had to be within", wanted);
    }
    json_array_foreach(wanted, i, item)
    {
        if (same(item, judged))
            return true;
    }
    return no(why, judged, "had to be one of", wanted);
}

static bool holds_regex(json_t *tolerance, json_t *value, struct text *why)
{
    const char *pattern = json_string_value(json_object_get(tolerance, "pattern"));
    regex_t compiled;
    char *dump = json_is_string(value) ? NULL : json_text_of(value, 0);
    const char *text = dump != NULL ? dump : json_string_value(value);
    if (text == NULL || pattern == NULL || regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        free(dump);
        return no(why, value, "this is no pattern:", json_object_get(tolerance, "pattern"));
    }
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    free(dump);
    return found || no(why, value, "had to match", json_object_get(tolerance, "pattern"));
}

static bool holds_path(json_t *tolerance, json_t *value, struct text *why)
{
    const char *path = json_string_value(json_object_get(tolerance, "path"));
    json_t *expect = json_object_get(tolerance, "expect"), *count = json_object_get(tolerance, "count");
    json_t *parsed = json_is_string(value) ? json_loadb(json_string_value(value), json_string_length(value),
                                                        JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
                                           : NULL;
    json_t *matches = json_array(), *wanted = NULL;
    struct error err = ERROR_INIT;
    bool holds =
        path != NULL && matches != NULL && jsonpath_match(path, parsed != NULL ? parsed : value, matches, &err) == 0;
    if (!holds) {
        text_puts(why, err.message != NULL ? err.message : "out of memory");
    } else if (expect != NULL) {
        wanted = json_is_array(expect) ? json_incref(expect) : json_pack("[O]", expect);
        holds = json_array_size(wanted) == json_array_size(matches);
        for (size_t i = 0; holds && i < json_array_size(wanted); i++)
            holds = same(json_array_get(wanted, i), json_array_get(matches, i));
        if (!holds)
            no(why, matches, "had to be", wanted);
    } else if (count != NULL) {
        holds = (json_int_t)json_array_size(matches) == json_integer_value(count);
        if (!holds)
            no(why, matches, "their number had to be", count);
    } else {
        holds = json_array_size(matches) > 0;
        if (!holds)
            no(why, value, "nothing is at", json_object_get(tolerance, "path"));
    }
    json_decref(wanted);
    json_decref(matches);
    json_decref(parsed);
    error_clear(&err);
    return holds;
}

static bool holds_range(json_t *tolerance, json_t *value, struct text *why)
{
    json_t *range = json_object_get(tolerance, "range");
    char *end = NULL;
    const char *text = json_string_value(value);
    double v = text != NULL ? strtod(text, &end) : json_number_value(value);
    bool number = text != NULL ? end != text && end[strspn(end, " \t\r\n")] == '\0' : json_is_number(value);
    if (!number || !isfinite(v))
        return no(why, value, "a range is for numbers", NULL);
    return (v >= json_number_value(json_array_get(range, 0)) && v <= json_number_value(json_array_get(range, 1))) ||
           no(why, value, "had to be within", range);
}

bool tolerance_holds(const struct node *tolerance, json_t *value, const struct toolkit *k, struct text *why)
{
    json_t *t = toolkit_substitute(k, tolerance);
    const char *type = json_string_value(json_object_get(t, "type"));
    const char *target = json_string_value(json_object_get(t, "target"));
    json_t *part = target != NULL ? json_object_get(value, target) : NULL;
    json_t *judged = part != NULL ? part : value;
    bool holds;
    if (t == NULL)
        holds = no(why, value, "memory ran out", NULL);
    else if (json_is_array(t))
        holds = holds_list(t, value, why);
    else if (!json_is_object(t))
        holds = holds_scalar(t, value, why);
    else if (type != NULL && strcmp(type, "regex") == 0)
        holds = holds_regex(t, judged, why);
    else if (type != NULL && strcmp(type, "jsonpath") == 0)
        holds = holds_path(t, judged, why);
    else
        holds = holds_range(t, judged, why);
    json_decref(t);
    return holds;
}
