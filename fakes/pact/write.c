/* The model as version 4 writes it. */
#include "base/base64.h"
#include "base/utf8.h"
#include "fakes/pact/internal.h"

#include <stdlib.h>
#include <strings.h>

#define INDENT 2

/* Puts a new value in; false: no memory (the value is gone either way). */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new_nocheck(object, key, value) == 0;
}

static bool put_text(json_t *object, const char *key, const char *value)
{
    return value == NULL || put(object, key, json_string_nocheck(value));
}

static bool put_copy(json_t *object, const char *key, json_t *value)
{
    return value == NULL || put(object, key, json_incref(value));
}

/* What is not there yet. json_object_update_missing() would not tell when memory runs out. */
static bool put_all(json_t *object, json_t *extra)
{
    const char *key;
    json_t *value;
    json_object_foreach(extra, key, value)
    {
        if (json_object_get(object, key) == NULL && json_object_set_nocheck(object, key, value) != 0)
            return false;
    }
    return true;
}

/* ---- rules
 * ------------------------------------------------------------------------------------------------------------ */

static json_t *matcher_list(const struct pact_matcher *m, size_t count);

static json_t *paths_of_rules(const struct pact_rules *rules, enum pact_category category);
static json_t *paths_of_generators(const struct pact_generators *generators, enum pact_category category);

static json_t *variant_list(const struct pact_matcher *m)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < m->variant_count; i++) {
        const struct pact_variant *v = &m->variants[i];
        json_t *o = json_object();
        ok = json_array_append_new(list, o) == 0 && put(o, "index", json_integer((json_int_t)v->index));
        if (ok && v->rules.items.count > 0)
            ok = put(o, "rules", paths_of_rules(&v->rules, PACT_BODY));
        if (ok && v->generators.count > 0)
            ok = put(o, "generators", paths_of_generators(&v->generators, PACT_BODY));
    }
    return ok ? list : (json_decref(list), NULL);
}

static json_t *matcher_json(const struct pact_matcher *m)
{
    json_t *o = json_object();
    bool ok = o != NULL && put_text(o, "match", pact_matcher_names[m->kind]);
    switch (ok ? m->kind : PACT_MATCHER_KINDS) {
    case PACT_EQUALITY:
        ok = put_copy(o, "value", m->value);
        break;
    case PACT_REGEX:
        ok = put_text(o, "regex", m->text);
        break;
    case PACT_TYPE:
        ok = (m->min < 0 || put(o, "min", json_integer(m->min))) && (m->max < 0 || put(o, "max", json_integer(m->max)));
        break;
    case PACT_INCLUDE:
    case PACT_CONTENT_TYPE:
        ok = put_text(o, "value", m->text);
        break;
    case PACT_DATE:
    case PACT_TIME:
    case PACT_DATETIME:
        ok = put_text(o, "format", m->text);
        break;
    case PACT_ARRAY_CONTAINS:
        ok = put(o, "variants", variant_list(m));
        break;
    case PACT_STATUS_CODE:
        ok = m->value != NULL ? put_copy(o, "status", m->value) : put_text(o, "status", m->text);
        break;
    case PACT_EACH_KEY:
    case PACT_EACH_VALUE:
        ok = put(o, "rules", matcher_list(m->inner, m->inner_count)) && put_copy(o, "value", m->value) &&
             put_copy(o, "generator", m->generator);
        break;
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
        break;
    }
    return ok ? o : (json_decref(o), NULL);
}

static json_t *matcher_list(const struct pact_matcher *m, size_t count)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = json_array_append_new(list, matcher_json(&m[i])) == 0;
    return ok ? list : (json_decref(list), NULL);
}

static json_t *rule_json(const struct pact_rule *rule)
{
    json_t *o = json_object();
    bool ok = o != NULL && put_text(o, "combine", rule->any ? "OR" : "AND") &&
              put(o, "matchers", matcher_list(rule->matchers, rule->count));
    return ok ? o : (json_decref(o), NULL);
}

static json_t *paths_of_rules(const struct pact_rules *rules, enum pact_category category)
{
    json_t *paths = json_object();
    bool ok = paths != NULL;
    for (size_t i = 0; ok && i < rules->items.count; i++) {
        const struct pact_rule *rule = &rules->items.items[i];
        if (rule->category == category && json_object_get(paths, rule->path) == NULL)
            ok = put(paths, rule->path, rule_json(rule));
    }
    return ok ? paths : (json_decref(paths), NULL);
}

static json_t *generator_json(const struct pact_generator *g)
{
    json_t *o = json_object();
    bool ok = o != NULL && put_text(o, "type", g->type) && put_all(o, g->options);
    return ok ? o : (json_decref(o), NULL);
}

static json_t *paths_of_generators(const struct pact_generators *generators, enum pact_category category)
{
    json_t *paths = json_object();
    bool ok = paths != NULL;
    for (size_t i = 0; ok && i < generators->count; i++)
        if (generators->items[i].category == category)
            ok = put(paths, generators->items[i].path, generator_json(&generators->items[i]));
    return ok ? paths : (json_decref(paths), NULL);
}

static bool is_single(enum pact_category c)
{
    return c == PACT_PATH || c == PACT_METHOD || c == PACT_STATUS;
}

/* By category; of a path, method and status without a path in between. */
static bool put_by_category(json_t *part, const char *key, const struct pact_part *p,
                            json_t *(*of)(const struct pact_part *, enum pact_category))
{
    json_t *all = json_object();
    bool ok = all != NULL;
    for (unsigned c = 0; ok && c < PACT_CATEGORIES; c++) {
        json_t *paths = of(p, (enum pact_category)c), *one = json_object_get(paths, "");
        ok = paths != NULL;
        if (ok && json_object_size(paths) > 0)
            ok = put(all, pact_category_names[c],
                     json_incref(is_single((enum pact_category)c) && one != NULL ? one : paths));
        json_decref(paths);
    }
    if (ok && json_object_size(all) > 0)
        return put(part, key, all);
    json_decref(all);
    return ok;
}

static json_t *rules_of(const struct pact_part *p, enum pact_category c)
{
    return paths_of_rules(&p->rules, c);
}

static json_t *generators_of(const struct pact_part *p, enum pact_category c)
{
    return paths_of_generators(&p->generators, c);
}

/* ---- parts
 * ------------------------------------------------------------------------------------------------------------- */

static bool put_base64(json_t *body, struct bytes bytes)
{
    struct text text = TEXT_INIT;
    base64_encode(&text, bytes);
    bool ok = text_ok(&text) && put_text(body, "content", text_string(&text)) && put_text(body, "encoded", "base64");
    text_deinit(&text);
    return ok;
}

static bool is_plain_text(struct bytes b)
{
    return b.len == 0 || (memchr(b.data, '\0', b.len) == NULL && utf8_valid(b));
}

static bool put_body(json_t *part, const char *key, const struct pact_part *p)
{
    const struct pact_content *c = &p->content;
    if (c->presence == PACT_MISSING)
        return true;
    const char *type = pact_part_type(p);
    json_t *o = json_object();
    bool ok = o != NULL && put_text(o, "contentType", type) && put_text(o, "contentTypeHint", c->hint);
    bool binary = type != NULL && pact_type_is_binary(type);
    if (!ok)
        ;
    else if (c->presence == PACT_NULL_BODY)
        ok = put(o, "content", json_null()) && put(o, "encoded", json_false());
    else if (c->presence == PACT_EMPTY)
        ok = put(o, "content", json_string("")) &&
             (binary ? put_text(o, "encoded", "base64") : put(o, "encoded", json_false()));
    else if (c->json != NULL && c->bytes.len == 0 && !binary) {
        /* Text where the type would not say that it is JSON. */
        bool json = type != NULL && pact_type_is_json(type);
        bool odd = json_is_string(c->json) && (!json || json_string_length(c->json) == 0);
        struct text text = TEXT_INIT;
        if (odd)
            pact_json_text(c->json, 0, &text);
        ok = odd ? text_ok(&text) && put_text(o, "content", text_string(&text)) && put_text(o, "encoded", "JSON")
                 : put_copy(o, "content", c->json) && put(o, "encoded", json_false());
        text_deinit(&text);
    } else {
        bool text = !binary && is_plain_text(c->bytes);
        ok = text ? put(o, "content", json_stringn((const char *)c->bytes.data, c->bytes.len)) &&
                        put(o, "encoded", json_false())
                  : put_base64(o, c->bytes);
    }
    return ok ? put(part, key, o) : (json_decref(o), false);
}

/* Lists of values by name. */
static bool put_pairs(json_t *part, const char *key, const struct pact_headers *pairs)
{
    if (pairs->count == 0)
        return true;
    json_t *all = json_object();
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < pairs->count; i++) {
        const struct pact_header *h = &pairs->items[i];
        json_t *list = json_object_get(all, h->name);
        if (list == NULL)
            ok = put(all, h->name, list = json_array());
        ok = ok && json_array_append_new(list, h->value != NULL ? json_string_nocheck(h->value) : json_null()) == 0;
    }
    return ok ? put(part, key, all) : (json_decref(all), false);
}

static bool put_metadata(json_t *part, const struct pact_part *p)
{
    if (p->metadata != NULL)
        return put_copy(part, "metadata", p->metadata);
    if (p->headers.count == 0)
        return true;
    json_t *all = json_object();
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < p->headers.count; i++)
        ok = put_text(all, p->headers.items[i].name, p->headers.items[i].value);
    return ok ? put(part, "metadata", all) : (json_decref(all), false);
}

static bool fill_part(json_t *o, const struct pact_part *p, bool message)
{
    bool ok = message ? put_body(o, "contents", p) && put_metadata(o, p)
                      : put_text(o, "method", p->method) && put_text(o, "path", p->path) &&
                            (p->status == 0 || put(o, "status", json_integer(p->status))) &&
                            put_pairs(o, "query", &p->query) && put_pairs(o, "headers", &p->headers) &&
                            put_body(o, "body", p);
    return ok && put_by_category(o, "matchingRules", p, rules_of) &&
           put_by_category(o, "generators", p, generators_of) && put_all(o, p->extra);
}

static json_t *part_json(const struct pact_part *p, bool message)
{
    json_t *o = json_object();
    return o != NULL && fill_part(o, p, message) ? o : (json_decref(o), NULL);
}

static json_t *state_list(const struct pact_interaction *i)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t s = 0; ok && s < i->states.count; s++) {
        json_t *o = json_object();
        ok = json_array_append_new(list, o) == 0 && put_text(o, "name", i->states.items[s].name) &&
             put_copy(o, "params", i->states.items[s].parameters);
    }
    return ok ? list : (json_decref(list), NULL);
}

static bool put_parts(json_t *o, const struct pact_interaction *i)
{
    if (i->kind == PACT_EVENT)
        return i->responses.count == 0 || fill_part(o, &i->responses.items[0], true);
    if (!put(o, "request", part_json(&i->request, i->kind == PACT_MESSAGE)))
        return false;
    if (i->kind == PACT_HTTP)
        return put(o, "response", i->responses.count > 0 ? part_json(&i->responses.items[0], false) : json_object());
    json_t *list = json_array();
    bool ok = put(o, "response", list);
    for (size_t r = 0; ok && r < i->responses.count; r++)
        ok = json_array_append_new(list, part_json(&i->responses.items[r], true)) == 0;
    return ok;
}

json_t *pact_interaction_json(const struct pact_interaction *i)
{
    json_t *o = json_object();
    bool ok = o != NULL && put_text(o, "type", pact_kind_names[i->kind]) &&
              put_text(o, "description", i->description) && put_text(o, "key", i->key) &&
              put_text(o, "transport", i->transport) && put(o, "pending", json_boolean(i->pending)) &&
              put_copy(o, "comments", i->comments) && put_copy(o, "pluginConfiguration", i->plugin) &&
              (i->states.count == 0 || put(o, "providerStates", state_list(i))) && put_parts(o, i) &&
              put_all(o, i->extra);
    return ok ? o : (json_decref(o), NULL);
}

/* ---- the file
 * ------------------------------------------------------------------------------------------------------------ */

struct sorted {
    char *states; /* owned */
    const char *description;
    json_t *json; /* owned */
    char *text;   /* owned */
};

static int by_name(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    int order = strcmp(x->description, y->description);
    if (order == 0)
        order = strcmp(x->states, y->states);
    return order != 0 ? order : strcmp(x->text, y->text);
}

static char *text_of(json_t *value)
{
    struct text text = TEXT_INIT;
    pact_json_text(value, 0, &text);
    return text_take(&text);
}

static json_t *interaction_list(const struct pact *p)
{
    size_t n = p->interactions.count;
    struct sorted *all = calloc(n + 1, sizeof *all);
    json_t *list = json_array();
    bool ok = all != NULL && list != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const struct pact_interaction *x = &p->interactions.items[i];
        json_t *states = state_list(x);
        all[i] = (struct sorted){.description = x->description, .json = pact_interaction_json(x)};
        all[i].states = states != NULL ? text_of(states) : NULL;
        all[i].text = all[i].json != NULL ? text_of(all[i].json) : NULL;
        json_decref(states);
        ok = all[i].states != NULL && all[i].text != NULL;
    }
    if (ok)
        qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; ok && i < n; i++)
        ok = json_array_append(list, all[i].json) == 0;
    for (size_t i = 0; all != NULL && i < n; i++) {
        free(all[i].states);
        free(all[i].text);
        json_decref(all[i].json);
    }
    free(all);
    return ok ? list : (json_decref(list), NULL);
}

static json_t *named(const char *name)
{
    json_t *o = json_object();
    return o != NULL && put_text(o, "name", name) ? o : (json_decref(o), NULL);
}

/* What it was, but of version 4. */
static json_t *metadata_of(const struct pact *p)
{
    json_t *o = json_object(), *version = json_object();
    bool ok = o != NULL && put_all(o, p->metadata) && put_text(version, "version", "4.0");
    ok = put(o, "pactSpecification", version) && ok;
    if (ok) {
        (void)json_object_del(o, "pact-specification");
        (void)json_object_del(o, "pactSpecificationVersion");
    }
    return ok ? o : (json_decref(o), NULL);
}

int pact_write(const struct pact *p, struct text *out)
{
    json_t *o = json_object();
    bool ok = o != NULL && put(o, "consumer", named(p->consumer)) && put(o, "provider", named(p->provider)) &&
              put(o, "interactions", interaction_list(p)) && put(o, "metadata", metadata_of(p)) && put_all(o, p->extra);
    if (ok)
        pact_json_text(o, INDENT, out);
    text_char(out, '\n');
    json_decref(o);
    return ok && text_ok(out) ? 0 : ERROR_MEMORY;
}
