/* Matching rules of a pact file: version 2's flat ones ("$.body.a": {...}), and those by category since version 3. */
#include "fakes/pact/datetime.h"
#include "fakes/pact/internal.h"
#include "fakes/pact/path.h"
#include "fakes/pact/regex.h"

#include <stdlib.h>
#include <strings.h>

static int no_memory(struct pact_reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory while reading a pact");
}

/* An error of something that has no place of its own. */
static int at_node(struct pact_reader *r, const struct node *n, int code, struct error *cause)
{
    code = code == ERROR_MEMORY ? error_move(r->err, cause)
                                : node_error(n, r->err, code, "%s", cause->message != NULL ? cause->message : "");
    error_clear(cause);
    return code;
}

static int check_path(struct pact_reader *r, const struct node *n, const char *path, struct pact_path *parsed)
{
    const char *why;
    size_t at;
    if (pact_path_parse(path, r->arena, parsed, &why, &at))
        return 0;
    return why == NULL ? no_memory(r)
                       : node_error(n, r->err, ERROR_INVALID, "the path '%s': %s (byte %zu)", path, why, at + 1);
}

/* ---- matchers
 * -------------------------------------------------------------------------------------------------------- */

/* The members that each kind may have besides "match". */
static const char *const NONE[] = {"match", NULL};
static const char *const EQUALITY[] = {"match", "value", NULL};
static const char *const REGEX[] = {"match", "regex", NULL};
static const char *const TYPE[] = {"match", "min", "max", NULL};
static const char *const VALUE[] = {"match", "value", NULL};
static const char *const FORMAT[] = {"match", "format", "timestamp", "datetime", "date", "time", NULL};
static const char *const VARIANTS[] = {"match", "variants", NULL};
static const char *const STATUS[] = {"match", "status", NULL};
static const char *const EACH[] = {"match", "rules", "value", "generator", NULL};
static const char *const *const MEMBERS[PACT_MATCHER_KINDS] = {
    [PACT_EQUALITY] = EQUALITY,  [PACT_REGEX] = REGEX,     [PACT_TYPE] = TYPE,
    [PACT_INCLUDE] = VALUE,      [PACT_NUMBER] = NONE,     [PACT_INTEGER] = NONE,
    [PACT_DECIMAL] = NONE,       [PACT_BOOLEAN] = NONE,    [PACT_NULL] = NONE,
    [PACT_DATE] = FORMAT,        [PACT_TIME] = FORMAT,     [PACT_DATETIME] = FORMAT,
    [PACT_CONTENT_TYPE] = VALUE, [PACT_VALUES] = NONE,     [PACT_ARRAY_CONTAINS] = VARIANTS,
    [PACT_STATUS_CODE] = STATUS, [PACT_NOT_EMPTY] = NONE,  [PACT_SEMVER] = NONE,
    [PACT_EACH_KEY] = EACH,      [PACT_EACH_VALUE] = EACH,
};
/* Names besides pact_matcher_names that writers use. */
static const struct {
    const char *name;
    enum pact_matcher_kind kind;
} OTHER_NAMES[] = {
    {"timestamp", PACT_DATETIME},
    {"real", PACT_DECIMAL},
    {"min", PACT_TYPE},
    {"max", PACT_TYPE},
    {"min-type", PACT_TYPE},
    {"max-type", PACT_TYPE},
    {"content-type", PACT_CONTENT_TYPE},
    {"array-contains", PACT_ARRAY_CONTAINS},
    {"status-code", PACT_STATUS_CODE},
    {"not-empty", PACT_NOT_EMPTY},
    {"each-key", PACT_EACH_KEY},
    {"each-value", PACT_EACH_VALUE},
};

static int unknown_matcher(struct pact_reader *r, const struct node *n, const char *name)
{
    const char *near = nearest_word(name, pact_matcher_names);
    return node_error(n, r->err, ERROR_UNSUPPORTED,
                      "no such matcher: '%s'%s%s%s; matchers of plugins are not implemented", name,
                      near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

/* Version 2 leaves "match" out where another member says it. */
static int read_kind(struct pact_reader *r, const struct node *n, enum pact_matcher_kind *out)
{
    static const struct {
        const char *member;
        enum pact_matcher_kind kind;
    } BY_MEMBER[] = {{"regex", PACT_REGEX},        {"min", PACT_TYPE},  {"max", PACT_TYPE},
                     {"timestamp", PACT_DATETIME}, {"time", PACT_TIME}, {"date", PACT_DATE}};
    const struct node *match = node_get(n, "match");
    const char *name;
    if (match == NULL) {
        for (size_t i = 0; i < sizeof BY_MEMBER / sizeof *BY_MEMBER; i++)
            if (node_get(n, BY_MEMBER[i].member) != NULL) {
                *out = BY_MEMBER[i].kind;
                return 0;
            }
        return node_error(n, r->err, ERROR_INVALID,
                          "a matcher without its \"match\": write \"match\": \"type\", "
                          "\"regex\", \"equality\" or another");
    }
    int rc = pact_read_text(r, match, "match", &name);
    if (rc != 0)
        return rc;
    for (unsigned k = 0; pact_matcher_names[k] != NULL; k++)
        if (strcmp(name, pact_matcher_names[k]) == 0) {
            *out = (enum pact_matcher_kind)k;
            return 0;
        }
    for (size_t i = 0; i < sizeof OTHER_NAMES / sizeof *OTHER_NAMES; i++)
        if (strcmp(name, OTHER_NAMES[i].name) == 0) {
            *out = OTHER_NAMES[i].kind;
            return 0;
        }
    return unknown_matcher(r, match, name);
}

/* Version 3's examples have numbers in quotes. */
static int read_size(struct pact_reader *r, const struct node *map, const char *key, int64_t *out)
{
    const struct node *n = node_get(map, key);
    *out = -1;
    if (n == NULL || n->kind == NODE_NULL)
        return 0;
    if (n->kind == NODE_TEXT && n->text.len > 0 && n->text.len < 10) {
        char *end;
        *out = strtol((const char *)n->text.data, &end, 10);
        if (*end == '\0' && *out >= 0)
            return 0;
    }
    if (n->kind == NODE_INTEGER && n->integer >= 0) {
        *out = n->integer;
        return 0;
    }
    return node_error(n, r->err, ERROR_INVALID, "%s: expected a number of items, 0 or more", key);
}

static int read_member(struct pact_reader *r, const struct node *n, const char *matcher, const char *key,
                       const char **out)
{
    const struct node *value = node_get(n, key);
    if (value == NULL)
        return node_error(n, r->err, ERROR_INVALID, "the matcher '%s' needs a \"%s\"", matcher, key);
    return pact_read_text(r, value, key, out);
}

static int read_regex(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    struct regex *regex = NULL;
    struct error e = ERROR_INIT;
    int rc = read_member(r, n, "regex", "regex", &m->text);
    if (rc != 0)
        return rc;
    rc = regex_new(m->text, &regex, &e);
    regex_free(regex);
    return rc == 0 ? 0 : at_node(r, node_get(n, "regex"), rc, &e);
}

static int read_format(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    static const char *const KEYS[] = {"format", "datetime", "timestamp", "date", "time"};
    const struct node *value = NULL;
    size_t at;
    for (size_t i = 0; value == NULL && i < 5; i++)
        value = node_get(n, KEYS[i]);
    if (value == NULL || value->kind == NODE_NULL || (value->kind == NODE_TEXT && value->text.len == 0))
        return 0;
    int rc = pact_read_text(r, value, "format", &m->text);
    if (rc != 0)
        return rc;
    const char *bad = datetime_bad(m->text, &at);
    return bad == NULL ? 0
                       : node_error(value, r->err, ERROR_INVALID, "the format '%s': %s (before byte %zu)", m->text, bad,
                                    at + 1);
}

static int read_status(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    static const char *const CLASSES[] = {"info",        "success",  "redirect", "clientError",
                                          "serverError", "nonError", "error",    NULL};
    const struct node *status = node_get(n, "status");
    m->text = "success";
    if (status == NULL)
        return 0;
    if (status->kind == NODE_LIST) {
        for (size_t i = 0; i < status->list.count; i++)
            if (status->list.items[i].kind != NODE_INTEGER)
                return node_error(&status->list.items[i], r->err, ERROR_INVALID, "status: expected a status code");
        m->text = NULL;
        return pact_read_json(r, status, &m->value);
    }
    int rc = pact_read_text(r, status, "status", &m->text);
    for (size_t i = 0; rc == 0 && CLASSES[i] != NULL; i++)
        if (strcmp(m->text, CLASSES[i]) == 0)
            return 0;
    return rc != 0 ? rc
                   : node_error(status, r->err, ERROR_INVALID,
                                "status: no such class: '%s'; there are info, success, redirect, clientError, "
                                "serverError, nonError and error, or a list of codes",
                                m->text);
}

static int read_matchers(struct pact_reader *r, const struct node *list, const struct pact_matcher **out,
                         size_t *count);

static int read_each(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    const struct node *rules = node_get(n, "rules"), *value = node_get(n, "value"),
                      *generator = node_get(n, "generator");
    int rc = rules != NULL ? read_matchers(r, rules, &m->inner, &m->inner_count) : 0;
    if (rc == 0 && value != NULL)
        rc = pact_read_json(r, value, &m->value);
    if (rc == 0 && generator != NULL)
        rc = pact_read_json(r, generator, &m->generator);
    return rc;
}

static int read_variant(struct pact_reader *r, const struct node *n, struct pact_variant *out)
{
    static const char *const KNOWN[] = {"index", "rules", "generators", NULL};
    int64_t index = 0;
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "a variant: expected a map, found %s", node_kind_name(n->kind));
    int rc = node_only_keys(n, KNOWN, r->err);
    if (rc == 0)
        rc = node_may_integer(n, "index", 0, INT32_MAX, &index, r->err);
    out->index = (size_t)index;
    const struct node *rules = node_get(n, "rules"), *generators = node_get(n, "generators");
    if (rc == 0 && rules != NULL && rules->kind != NODE_NULL)
        rc = pact_read_body_rules(r, rules, &out->rules);
    if (rc == 0 && generators != NULL && generators->kind != NODE_NULL)
        rc = pact_read_body_generators(r, generators, &out->generators);
    return rc;
}

static int read_variants(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    const struct node *list = node_get(n, "variants");
    if (list == NULL || list->kind != NODE_LIST)
        return node_error(list != NULL ? list : n, r->err, ERROR_INVALID,
                          "the matcher 'arrayContains' needs \"variants\", a list");
    struct pact_variant *variants = ARENA_NEW_N(r->arena, struct pact_variant, list->list.count + 1);
    if (variants == NULL)
        return no_memory(r);
    m->variants = variants;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->list.count; i++) {
        m->variant_count++;
        rc = read_variant(r, &list->list.items[i], &variants[i]);
    }
    return rc;
}

static int read_matcher(struct pact_reader *r, const struct node *n, struct pact_matcher *m)
{
    *m = (struct pact_matcher){.min = -1, .max = -1};
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "a matcher: expected a map, found %s", node_kind_name(n->kind));
    int rc = read_kind(r, n, &m->kind);
    if (rc == 0)
        rc = node_only_keys(n, MEMBERS[m->kind], r->err);
    if (rc != 0)
        return rc;
    const struct node *value = node_get(n, "value");
    switch (m->kind) {
    case PACT_EQUALITY:
        return value != NULL ? pact_read_json(r, value, &m->value) : 0;
    case PACT_REGEX:
        return read_regex(r, n, m);
    case PACT_TYPE:
        rc = read_size(r, n, "min", &m->min);
        return rc != 0 ? rc : read_size(r, n, "max", &m->max);
    case PACT_INCLUDE:
    case PACT_CONTENT_TYPE:
        return read_member(r, n, pact_matcher_names[m->kind], "value", &m->text);
    case PACT_DATE:
    case PACT_TIME:
    case PACT_DATETIME:
        return read_format(r, n, m);
    case PACT_ARRAY_CONTAINS:
        return read_variants(r, n, m);
    case PACT_STATUS_CODE:
        return read_status(r, n, m);
    case PACT_EACH_KEY:
    case PACT_EACH_VALUE:
        return read_each(r, n, m);
    case PACT_NUMBER:
    case PACT_INTEGER:
    case PACT_DECIMAL:
    case PACT_BOOLEAN:
    case PACT_NULL:
    case PACT_VALUES:
    case PACT_NOT_EMPTY:
    case PACT_SEMVER:
    case PACT_MATCHER_KINDS:
    default:
        return 0;
    }
}

static int read_matchers(struct pact_reader *r, const struct node *list, const struct pact_matcher **out, size_t *count)
{
    if (list->kind != NODE_LIST)
        return node_error(list, r->err, ERROR_INVALID, "expected a list of matchers, found %s",
                          node_kind_name(list->kind));
    struct pact_matcher *all = ARENA_NEW_N(r->arena, struct pact_matcher, list->list.count + 1);
    if (all == NULL)
        return no_memory(r);
    *out = all;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->list.count; i++) {
        ++*count;
        rc = read_matcher(r, &list->list.items[i], &all[i]);
    }
    return rc;
}

/* ---- rules
 * ------------------------------------------------------------------------------------------------------------ */

/* {"combine": "AND", "matchers": [...]}; a list of none is no rule. */
static int read_combined(struct pact_reader *r, const struct node *n, struct pact_rule *rule)
{
    static const char *const KNOWN[] = {"combine", "matchers", NULL};
    const char *combine = "AND";
    const struct node *matchers = node_get(n, "matchers");
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "a rule: expected a map with \"matchers\", found %s",
                          node_kind_name(n->kind));
    int rc = node_only_keys(n, KNOWN, r->err);
    if (rc == 0)
        rc = node_may_text(n, "combine", &combine, r->err);
    if (rc == 0 && strcasecmp(combine, "AND") != 0 && strcasecmp(combine, "OR") != 0)
        rc = node_error(node_get(n, "combine"), r->err, ERROR_INVALID,
                        "combine: expected \"AND\" or \"OR\", found '%s'", combine);
    rule->any = rc == 0 && strcasecmp(combine, "OR") == 0;
    return rc != 0 || matchers == NULL ? rc : read_matchers(r, matchers, &rule->matchers, &rule->count);
}

/* `combined`: since version 3; else one matcher. */
static int add_rule(struct pact_reader *r, const struct node *n, int line, int column, enum pact_category category,
                    const char *path, bool combined, struct pact_rules *out)
{
    struct pact_rule rule = {.category = category, .line = line, .column = column};
    rule.path = arena_string(r->arena, path);
    if (rule.path == NULL || !array_push(&out->items, rule))
        return no_memory(r);
    struct pact_rule *last = array_last(&out->items);
    if (combined) {
        int rc = read_combined(r, n, last);
        if (rc == 0 && last->count == 0)
            out->items.count--;
        return rc;
    }
    struct pact_matcher *one = ARENA_NEW(r->arena, struct pact_matcher);
    if (one == NULL)
        return no_memory(r);
    last->matchers = one;
    last->count = 1;
    return read_matcher(r, n, one);
}

int pact_read_category(struct pact_reader *r, const struct node *n, const char *name, enum pact_category *out)
{
    static const struct {
        const char *name;
        enum pact_category category;
    } OTHERS[] = {
        {"headers", PACT_HEADER}, {"content", PACT_BODY}, {"contents", PACT_BODY}, {"metaData", PACT_METADATA}};
    for (unsigned c = 0; c < PACT_CATEGORIES; c++)
        if (strcmp(name, pact_category_names[c]) == 0) {
            *out = (enum pact_category)c;
            return 0;
        }
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (strcmp(name, OTHERS[i].name) == 0) {
            *out = OTHERS[i].category;
            return 0;
        }
    return node_error(n, r->err, ERROR_INVALID,
                      "no such category: '%s'; there are path, method, query, header, body, status and metadata", name);
}

/* "$.body.a", "$.headers.Accept", "$.headers['Content-Type']", "$.query.q[0]", "$.path". */
static int read_flat(struct pact_reader *r, const struct node_pair *pair, struct pact_rules *out)
{
    struct pact_path path;
    enum pact_category category = PACT_BODY;
    int rc = check_path(r, &pair->value, pair->key, &path);
    if (rc != 0)
        return rc;
    if (path.count == 0 || path.tokens[0].kind != PATH_FIELD)
        return node_error(&pair->value, r->err, ERROR_INVALID,
                          "the rule '%s': its path begins with $.body, $.headers, $.query or $.path", pair->key);
    rc = pact_read_category(r, &pair->value, path.tokens[0].name, &category);
    if (rc != 0)
        return rc;
    const char *name = "";
    if (category == PACT_BODY) {
        /* Behind "$.body" or "$['body']". */
        const char *rest = strstr(pair->key, path.tokens[0].name) + strlen(path.tokens[0].name);
        rest += strncmp(rest, "']", 2) == 0 || strncmp(rest, "\"]", 2) == 0 ? 2 : 0;
        name = arena_printf(r->arena, "$%s", rest);
        if (name == NULL)
            return no_memory(r);
    } else if (path.count > 1 && path.tokens[1].kind == PATH_FIELD) {
        name = path.tokens[1].name;
    }
    return add_rule(r, &pair->value, pair->key_line, pair->key_column, category, name, false, out);
}

int pact_read_body_rules(struct pact_reader *r, const struct node *map, struct pact_rules *out)
{
    struct pact_path path;
    if (map->kind != NODE_MAP)
        return node_error(map, r->err, ERROR_INVALID, "rules: expected a map of paths, found %s",
                          node_kind_name(map->kind));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        rc = check_path(r, &pair->value, pair->key, &path);
        if (rc == 0)
            rc = add_rule(r, &pair->value, pair->key_line, pair->key_column, PACT_BODY, pair->key, true, out);
    }
    return rc;
}

static int read_category_rules(struct pact_reader *r, const struct node_pair *pair, struct pact_rules *out)
{
    enum pact_category category = PACT_BODY;
    const struct node *n = &pair->value;
    int rc = pact_read_category(r, n, pair->key, &category);
    if (rc != 0 || n->kind == NODE_NULL)
        return rc;
    if (category == PACT_BODY && node_get(n, "matchers") == NULL)
        return pact_read_body_rules(r, n, out);
    if (node_get(n, "matchers") != NULL)
        return add_rule(r, n, pair->key_line, pair->key_column, category, category == PACT_BODY ? "$" : "", true, out);
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "%s: expected a map, found %s", pair->key, node_kind_name(n->kind));
    bool named = category == PACT_HEADER || category == PACT_QUERY || category == PACT_METADATA;
    for (size_t i = 0; rc == 0 && i < n->map.count; i++) {
        const struct node_pair *of = &n->map.pairs[i];
        bool combine_only = strcmp(of->key, "combine") == 0 && of->value.kind == NODE_TEXT;
        if (!combine_only)
            rc = add_rule(r, &of->value, of->key_line, of->key_column, category, named ? of->key : "", true, out);
    }
    return rc;
}

int pact_read_rules(struct pact_reader *r, const struct node *n, struct pact_rules *out)
{
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "matchingRules: expected a map, found %s", node_kind_name(n->kind));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n->map.count; i++)
        rc = n->map.pairs[i].key[0] == '$' ? read_flat(r, &n->map.pairs[i], out)
                                           : read_category_rules(r, &n->map.pairs[i], out);
    return rc;
}
