#include "fakes/pact/match.h"

#include <strings.h>

int match_out_of_memory(struct match *m)
{
    m->rc = error_set(m->err, ERROR_MEMORY, "out of memory while matching");
    return m->rc;
}

/* What stands for the values or keys of its own place only. */
bool match_cascades(enum pact_matcher_kind kind)
{
    return kind != PACT_VALUES && kind != PACT_EACH_KEY && kind != PACT_EACH_VALUE && kind != PACT_ARRAY_CONTAINS;
}

bool match_has(const struct pact_rule *rule, enum pact_matcher_kind kind)
{
    for (size_t i = 0; rule != NULL && i < rule->count; i++)
        if (rule->matchers[i].kind == kind)
            return true;
    return false;
}

static const char *lowered(struct match *m, const char *name)
{
    char *copy = arena_string(&m->scratch, name);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    return copy;
}

/* A body's rule has a path; a header's, parameter's or metadata's a name, which is a path of one step. */
static int path_of(struct match *m, const struct pact_rule *rule, bool lower, struct pact_path *out)
{
    const char *why = NULL;
    size_t at;
    *out = (struct pact_path){0};
    if (rule->path == NULL || rule->path[0] == '\0')
        return 0;
    /* "$.name" is a name as well. */
    if (m->category == PACT_BODY || rule->path[0] == '$') {
        if (pact_path_parse(rule->path, &m->scratch, out, &why, &at))
            return 0;
        if (why == NULL)
            return match_out_of_memory(m);
        return m->rc =
                   error_set(m->err, ERROR_INVALID, "the path '%s' of a rule: %s (byte %zu)", rule->path, why, at + 1);
    }
    struct path_token *one = ARENA_NEW(&m->scratch, struct path_token);
    if (one == NULL)
        return match_out_of_memory(m);
    one->kind = PATH_FIELD;
    one->name = lower ? lowered(m, rule->path) : rule->path;
    *out = (struct pact_path){one, 1};
    return one->name != NULL ? 0 : match_out_of_memory(m);
}

int match_use(struct match *m, enum pact_category category, const struct pact_rules *rules, bool lower)
{
    size_t n = 0;
    struct match_rule *all = NULL;
    m->category = category;
    m->textual = category != PACT_BODY && category != PACT_STATUS && category != PACT_METADATA;
    m->depth = 0;
    m->rules = NULL;
    m->rule_count = 0;
    for (size_t i = 0; i < rules->items.count; i++)
        n += rules->items.items[i].category == category;
    if (m->rc != 0 || n == 0)
        return m->rc;
    all = ARENA_NEW_N(&m->scratch, struct match_rule, n);
    if (all == NULL)
        return match_out_of_memory(m);
    n = 0;
    for (size_t i = 0; i < rules->items.count && m->rc == 0; i++)
        if (rules->items.items[i].category == category) {
            all[n].rule = &rules->items.items[i];
            (void)path_of(m, all[n].rule, lower, &all[n].path);
            n++;
        }
    m->rules = all;
    m->rule_count = m->rc == 0 ? n : 0;
    return m->rc;
}

static bool any_cascades(const struct pact_rule *rule)
{
    for (size_t i = 0; i < rule->count; i++)
        if (match_cascades(rule->matchers[i].kind))
            return true;
    return false;
}

const struct pact_rule *match_select(const struct match *m, bool *cascaded)
{
    const struct match_rule *best = NULL;
    double most = 0;
    for (size_t i = 0; i < m->rule_count; i++) {
        const struct match_rule *r = &m->rules[i];
        double weight = pact_path_weight(&r->path, m->steps, m->depth);
        if (weight > most && (r->path.count == m->depth || any_cascades(r->rule))) {
            most = weight;
            best = r;
        }
    }
    *cascaded = best != NULL && best->path.count < m->depth;
    return best != NULL ? best->rule : NULL;
}

bool match_down(struct match *m, const char *key, size_t index)
{
    if (m->rc != 0)
        return false;
    if (m->depth == PACT_DEPTH_MAX) {
        m->rc = error_set(m->err, ERROR_LIMIT, "a body of more than %d levels is not matched", PACT_DEPTH_MAX);
        return false;
    }
    m->steps[m->depth++] = (struct path_step){key, index};
    return true;
}

void match_up(struct match *m)
{
    m->depth--;
}

/* ---- parts
 * ----------------------------------------------------------------------------------------------------------- */

static void start(struct match *m, struct pact_result *out, bool request, struct error *err)
{
    *m = (struct match){.out = out, .err = err, .request = request};
}

static int finish(struct match *m)
{
    for (size_t i = 0; i < m->regexes.count; i++)
        regex_free(m->regexes.items[i].regex);
    array_deinit(&m->regexes);
    arena_deinit(&m->scratch);
    return m->rc;
}

/* Methods are compared without case, as the specification's cases have it. */
static void match_method(struct match *m, const struct pact_part *e, const struct pact_part *a)
{
    const char *actual = a->method != NULL ? a->method : "";
    if (e->method == NULL || match_use(m, PACT_METHOD, &e->rules, false) != 0)
        return;
    if (m->rule_count > 0 || strcasecmp(e->method, actual) != 0)
        match_texts(m, e->method, actual);
}

static void match_path(struct match *m, const struct pact_part *e, const struct pact_part *a)
{
    if (e->path != NULL && match_use(m, PACT_PATH, &e->rules, false) == 0)
        match_texts(m, e->path, a->path);
}

static void match_status(struct match *m, const struct pact_part *e, const struct pact_part *a)
{
    struct match_ask ask = {0};
    if (match_use(m, PACT_STATUS, &e->rules, false) != 0 || (e->status == 0 && m->rule_count == 0))
        return;
    ask.rule = match_select(m, &ask.cascaded);
    json_t *expected = json_integer(e->status), *actual = json_integer(a->status);
    if (expected == NULL || actual == NULL)
        (void)match_out_of_memory(m);
    else
        match_values(m, &ask, expected, actual);
    json_decref(expected);
    json_decref(actual);
}

/* Messages have metadata and no headers; those that are text stand among the headers as well. */
static void match_surroundings(struct match *m, const struct pact_part *e, const struct pact_part *a)
{
    if (e->metadata != NULL)
        match_metadata(m, e, a);
    else if (match_use(m, PACT_HEADER, &e->rules, true) == 0)
        match_headers(m, &e->headers, &a->headers);
    if (m->rc == 0)
        match_body(m, e, a);
}

int pact_match_request(const struct pact_part *expected, const struct pact_part *actual, struct pact_result *out,
                       struct error *err)
{
    struct match m;
    start(&m, out, true, err);
    match_method(&m, expected, actual);
    if (m.rc == 0)
        match_path(&m, expected, actual);
    if (m.rc == 0 && match_use(&m, PACT_QUERY, &expected->rules, false) == 0)
        match_pairs(&m, &expected->query, &actual->query);
    if (m.rc == 0)
        match_surroundings(&m, expected, actual);
    return finish(&m);
}

int pact_match_response(const struct pact_part *expected, const struct pact_part *actual, struct pact_result *out,
                        struct error *err)
{
    struct match m;
    start(&m, out, false, err);
    match_status(&m, expected, actual);
    if (m.rc == 0)
        match_surroundings(&m, expected, actual);
    return finish(&m);
}
