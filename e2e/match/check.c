/* Expectations, checked when they are loaded: matchers are known and get what they want, everything else is data. */
#include "base/units.h"
#include "e2e/kind.h"

#include <regex.h>
#include <string.h>

#define MATCHERS_MAX 40
#define WANTED_MAX   256 /* expectations of one list */

int check_regex(const char *key, const struct node *n, struct error *err)
{
    regex_t regex;
    char why[128];
    if (n->kind != NODE_TEXT)
        return node_error(n, err, ERROR_INVALID, "%s takes a text", key);
    if (has_variable(n))
        return 0;
    int bad = regcomp(&regex, (const char *)n->text.data, REG_EXTENDED | REG_NOSUB);
    if (bad == 0) {
        regfree(&regex);
        return 0;
    }
    regerror(bad, &regex, why, sizeof why);
    return node_error(n, err, ERROR_SYNTAX, "not a regular expression: %s", why);
}

static int check_type(const struct matcher *m, const struct node *n, struct error *err)
{
    static const char *const types[] = {"map", "list", "text", "number", "bool", "null", NULL};
    for (size_t i = 0; n->kind == NODE_TEXT && types[i] != NULL; i++)
        if (bytes_is(n->text, types[i]))
            return 0;
    return node_error(n, err, ERROR_INVALID, "%s is map, list, text, number, bool or null", m->name);
}

/* Depth is bounded by the document's. */
static int check_shape_of(const struct node *n, struct error *err)
{
    static const char *const types[] = {"map", "list", "text", "number", "bool", "null", "any", NULL};
    int code = 0;
    for (size_t i = 0; n->kind == NODE_TEXT && types[i] != NULL; i++)
        if (bytes_is(n->text, types[i]))
            return 0;
    if (n->kind == NODE_MAP) {
        for (size_t i = 0; i < n->map.count && code == 0; i++)
            code = check_shape_of(&n->map.pairs[i].value, err);
        return code;
    }
    if (n->kind == NODE_LIST && n->list.count <= 1)
        return n->list.count == 1 ? check_shape_of(&n->list.items[0], err) : 0;
    return node_error(n, err, ERROR_INVALID,
                      "a shape is map, list, text, number, bool, null or any, a map of shapes, or a list of one shape");
}

static int check_matcher(const struct matcher *m, const struct node *n, struct error *err)
{
    int64_t duration;
    switch (m->wants) {
    case WANTS_REGEX:
        return check_regex(m->name, n, err);
    case WANTS_TYPE:
        return check_type(m, n, err);
    case WANTS_EXPECTED:
        return check_value(n, err);
    case WANTS_FLAG:
        return n->kind == NODE_BOOL ? 0 : node_error(n, err, ERROR_INVALID, "%s takes true or false", m->name);
    case WANTS_NUMBER:
        if (n->kind != NODE_INTEGER && n->kind != NODE_REAL && !has_variable(n) &&
            !(n->kind == NODE_TEXT && units_parse_duration((const char *)n->text.data, &duration, NULL) == 0))
            return node_error(n, err, ERROR_INVALID, "%s takes a number", m->name);
        return 0;
    case WANTS_SIZE:
        if (!(n->kind == NODE_INTEGER && n->integer >= 0) && !has_variable(n) && !is_matcher(n))
            return node_error(n, err, ERROR_INVALID, "%s takes a count", m->name);
        return check_value(n, err);
    case WANTS_LIST:
        if (n->kind != NODE_LIST || n->list.count == 0 || n->list.count > WANTED_MAX)
            return node_error(n, err, ERROR_INVALID, "%s takes a list of 1 to %d", m->name, WANTED_MAX);
        return check_value(n, err);
    case WANTS_SHAPE:
        return check_shape_of(n, err);
    case WANTS_VALUE:
        break;
    }
    return 0;
}

/* Depth is bounded by the document's. */
int check_value(const struct node *n, struct error *err)
{
    const char *names[MATCHERS_MAX + 1] = {NULL};
    bool matcher = is_matcher(n);
    for (size_t i = 0; matchers[i].name != NULL && i < MATCHERS_MAX; i++)
        names[i] = matchers[i].name;
    int code = matcher ? node_only_keys(n, names, err) : 0;
    if (n->kind == NODE_MAP)
        for (size_t i = 0; i < n->map.count && code == 0; i++) {
            const struct node_pair *p = &n->map.pairs[i];
            if (matcher)
                code = check_matcher(matcher_find(p->key), &p->value, err);
            else if (p->key[0] == '$')
                code = node_error(&p->value, err, ERROR_INVALID, "%s stands beside ordinary keys: matchers stand alone",
                                  p->key);
            else
                code = check_value(&p->value, err);
        }
    if (n->kind == NODE_LIST)
        for (size_t i = 0; i < n->list.count && code == 0; i++)
            code = check_value(&n->list.items[i], err);
    return code;
}
