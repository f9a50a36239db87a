/* Generators of a pact file. What would fail later fails here, with its place. */
#include "fakes/pact/datetime.h"
#include "fakes/pact/internal.h"
#include "fakes/pact/path.h"
#include "fakes/pact/regex.h"
#include "fakes/pact/sample.h"

static int no_memory(struct pact_reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory while reading a pact");
}

/* In the order of pact_generator_names. */
static const char *const RANGE[] = {"type", "min", "max", NULL};
static const char *const DIGITS[] = {"type", "digits", NULL};
static const char *const SIZE[] = {"type", "size", NULL};
static const char *const NONE[] = {"type", NULL};
static const char *const REGEX[] = {"type", "regex", NULL};
static const char *const UUID[] = {"type", "format", NULL};
static const char *const TIME[] = {"type", "format", "expression", NULL};
static const char *const STATE[] = {"type", "expression", "dataType", NULL};
static const char *const URL[] = {"type", "regex", "example", NULL};
static const char *const *const MEMBERS[] = {RANGE, DIGITS, DIGITS, SIZE, NONE,  REGEX,
                                             UUID,  TIME,   TIME,   TIME, STATE, URL};

static int bad(struct pact_reader *r, const struct node *n, int code, struct error *e)
{
    code = code == ERROR_MEMORY ? error_move(r->err, e) : node_error(n, r->err, code, "%s", e->message);
    error_clear(e);
    return code;
}

static int check_regex(struct pact_reader *r, const struct node *n, const char *text, bool samples)
{
    struct regex *regex = NULL;
    struct error e = ERROR_INIT;
    int rc = regex_new(text, &regex, &e);
    regex_free(regex);
    if (rc == 0 && samples)
        rc = sample_check(text, &e);
    return rc == 0 ? 0 : bad(r, n, rc, &e);
}

static int check_time(struct pact_reader *r, const struct node *n, const char *type)
{
    const char *format = NULL, *expression = NULL;
    struct error e = ERROR_INIT;
    struct moment m = {0};
    size_t at;
    int rc = node_may_text(n, "format", &format, r->err);
    if (rc == 0)
        rc = node_may_text(n, "expression", &expression, r->err);
    if (rc == 0 && format != NULL) {
        const char *why = datetime_bad(format, &at);
        if (why != NULL)
            return node_error(node_get(n, "format"), r->err, ERROR_INVALID, "the format '%s': %s (before byte %zu)",
                              format, why, at + 1);
    }
    if (rc == 0 && expression != NULL) {
        rc = datetime_move(expression, strcmp(type, "Time") != 0, strcmp(type, "Date") != 0, &m, &e);
        if (rc != 0)
            return bad(r, node_get(n, "expression"), rc, &e);
    }
    return rc;
}

static int need_text(struct pact_reader *r, const struct node *n, const char *type, const char *key, const char **out)
{
    const struct node *value = node_get(n, key);
    if (value == NULL)
        return node_error(n, r->err, ERROR_INVALID, "the generator '%s' needs its \"%s\"", type, key);
    return pact_read_text(r, value, key, out);
}

static int check_options(struct pact_reader *r, const struct node *n, const char *type)
{
    static const char *const UUIDS[] = {"simple", "lower-case-hyphenated", "upper-case-hyphenated", "URN"};
    int64_t number = 0;
    const char *text = NULL;
    int rc = 0;
    if (strcmp(type, "RandomInt") == 0) {
        int64_t min = 0, max = 10;
        rc = node_may_integer(n, "min", INT64_MIN, INT64_MAX, &min, r->err);
        if (rc == 0)
            rc = node_may_integer(n, "max", INT64_MIN, INT64_MAX, &max, r->err);
        if (rc == 0 && min > max)
            rc = node_error(n, r->err, ERROR_INVALID, "min is larger than max");
    } else if (strcmp(type, "RandomDecimal") == 0 || strcmp(type, "RandomHexadecimal") == 0) {
        rc = node_may_integer(n, "digits", 1, 1000, &number, r->err);
    } else if (strcmp(type, "RandomString") == 0) {
        rc = node_may_integer(n, "size", 0, 1000000, &number, r->err);
    } else if (strcmp(type, "Regex") == 0) {
        rc = need_text(r, n, type, "regex", &text);
        if (rc == 0)
            rc = check_regex(r, node_get(n, "regex"), text, true);
    } else if (strcmp(type, "Uuid") == 0) {
        rc = node_may_text(n, "format", &text, r->err);
        for (size_t i = 0; rc == 0 && text != NULL && i < 4; i++)
            if (strcmp(text, UUIDS[i]) == 0)
                return 0;
        if (rc == 0 && text != NULL)
            rc = node_error(node_get(n, "format"), r->err, ERROR_INVALID,
                            "no such format of a UUID: '%s'; there are simple, lower-case-hyphenated, "
                            "upper-case-hyphenated and URN",
                            text);
    } else if (strcmp(type, "ProviderState") == 0) {
        rc = need_text(r, n, type, "expression", &text);
    } else if (strcmp(type, "MockServerURL") == 0) {
        rc = need_text(r, n, type, "example", &text);
        if (rc == 0)
            rc = need_text(r, n, type, "regex", &text);
        if (rc == 0)
            rc = check_regex(r, node_get(n, "regex"), text, false);
    } else if (strcmp(type, "RandomBoolean") != 0) {
        rc = check_time(r, n, type);
    }
    return rc;
}

static int add_generator(struct pact_reader *r, const struct node_pair *pair, enum pact_category category,
                         const char *path, struct pact_generators *out)
{
    const struct node *n = &pair->value, *type_node;
    struct pact_generator g = {.category = category, .line = pair->key_line, .column = pair->key_column};
    if (n->kind != NODE_MAP || (type_node = node_get(n, "type")) == NULL)
        return node_error(n, r->err, ERROR_INVALID, "a generator: expected a map with its \"type\"");
    int rc = pact_read_text(r, type_node, "type", &g.type);
    if (rc != 0)
        return rc;
    size_t k = 0;
    while (pact_generator_names[k] != NULL && strcmp(g.type, pact_generator_names[k]) != 0)
        k++;
    if (pact_generator_names[k] == NULL) {
        const char *near = nearest_word(g.type, pact_generator_names);
        return node_error(type_node, r->err, ERROR_UNSUPPORTED,
                          "no such generator: '%s'%s%s%s; generators of plugins are not implemented", g.type,
                          near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
    }
    rc = node_only_keys(n, MEMBERS[k], r->err);
    if (rc == 0)
        rc = check_options(r, n, g.type);
    if (rc != 0)
        return rc;
    g.path = arena_string(r->arena, path);
    if (g.path == NULL || !array_push(out, g))
        return no_memory(r);
    return pact_read_extra(r, n, NONE, &array_last(out)->options);
}

int pact_read_body_generators(struct pact_reader *r, const struct node *map, struct pact_generators *out)
{
    struct pact_path path;
    const char *why;
    size_t at;
    if (map->kind != NODE_MAP)
        return node_error(map, r->err, ERROR_INVALID, "generators: expected a map of paths, found %s",
                          node_kind_name(map->kind));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        if (pact_path_parse(pair->key, r->arena, &path, &why, &at))
            rc = add_generator(r, pair, PACT_BODY, pair->key, out);
        else
            rc = why == NULL ? no_memory(r)
                             : node_error(&pair->value, r->err, ERROR_INVALID, "the path '%s': %s (byte %zu)",
                                          pair->key, why, at + 1);
    }
    return rc;
}

int pact_read_generators(struct pact_reader *r, const struct node *n, struct pact_generators *out)
{
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "generators: expected a map, found %s", node_kind_name(n->kind));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n->map.count; i++) {
        const struct node_pair *pair = &n->map.pairs[i];
        enum pact_category category = PACT_BODY;
        rc = pact_read_category(r, &pair->value, pair->key, &category);
        if (rc != 0 || pair->value.kind == NODE_NULL)
            continue;
        if (category == PACT_BODY) {
            rc = pact_read_body_generators(r, &pair->value, out);
        } else if (category == PACT_PATH || category == PACT_METHOD || category == PACT_STATUS) {
            rc = add_generator(r, pair, category, "", out);
        } else if (pair->value.kind != NODE_MAP) {
            rc = node_error(&pair->value, r->err, ERROR_INVALID, "%s: expected a map, found %s", pair->key,
                            node_kind_name(pair->value.kind));
        } else {
            for (size_t g = 0; rc == 0 && g < pair->value.map.count; g++)
                rc = add_generator(r, &pair->value.map.pairs[g], category, pair->value.map.pairs[g].key, out);
        }
    }
    return rc;
}
