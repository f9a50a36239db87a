#include "fakes/pact/internal.h"

const char *const pact_kind_names[] = {"Synchronous/HTTP", "Synchronous/Messages", "Asynchronous/Messages", NULL};
const char *const pact_category_names[] = {"path", "method", "query", "header", "body", "status", "metadata", NULL};
const char *const pact_matcher_names[] = {
    "equality",      "regex",      "type",     "include", "number",   "integer",     "decimal",
    "boolean",       "null",       "date",     "time",    "datetime", "contentType", "values",
    "arrayContains", "statusCode", "notEmpty", "semver",  "eachKey",  "eachValue",   NULL};
const char *const pact_generator_names[] = {
    "RandomInt", "RandomDecimal", "RandomHexadecimal", "RandomString",  "RandomBoolean", "Regex", "Uuid",
    "Date",      "Time",          "DateTime",          "ProviderState", "MockServerURL", NULL};

int pact_new(const char *consumer, const char *provider, struct pact **out)
{
    struct pact *p = calloc(1, sizeof *p);
    *out = p;
    if (p == NULL)
        return ERROR_MEMORY;
    p->version = 4;
    p->file = "";
    p->consumer = arena_string(&p->arena, consumer);
    p->provider = arena_string(&p->arena, provider);
    if (p->consumer == NULL || p->provider == NULL) {
        pact_free(p);
        *out = NULL;
        return ERROR_MEMORY;
    }
    return 0;
}

static void matchers_deinit(const struct pact_matcher *m, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(m[i].value);
        json_decref(m[i].generator);
        matchers_deinit(m[i].inner, m[i].inner_count);
        for (size_t v = 0; v < m[i].variant_count; v++) {
            struct pact_variant variant = m[i].variants[v];
            pact_rules_deinit(&variant.rules);
            pact_generators_deinit(&variant.generators);
        }
    }
}

void pact_rules_deinit(struct pact_rules *rules)
{
    for (size_t i = 0; i < rules->items.count; i++)
        matchers_deinit(rules->items.items[i].matchers, rules->items.items[i].count);
    array_deinit(&rules->items);
}

void pact_generators_deinit(struct pact_generators *generators)
{
    for (size_t i = 0; i < generators->count; i++)
        json_decref(generators->items[i].options);
    array_deinit(generators);
}

void pact_part_deinit(struct pact_part *part)
{
    array_deinit(&part->query);
    array_deinit(&part->headers);
    json_decref(part->metadata);
    json_decref(part->content.json);
    json_decref(part->extra);
    pact_rules_deinit(&part->rules);
    pact_generators_deinit(&part->generators);
    *part = (struct pact_part){0};
}

void pact_interaction_deinit(struct pact_interaction *i)
{
    for (size_t s = 0; s < i->states.count; s++)
        json_decref(i->states.items[s].parameters);
    array_deinit(&i->states);
    pact_part_deinit(&i->request);
    for (size_t r = 0; r < i->responses.count; r++)
        pact_part_deinit(&i->responses.items[r]);
    array_deinit(&i->responses);
    json_decref(i->comments);
    json_decref(i->plugin);
    json_decref(i->extra);
}

void pact_free(struct pact *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->interactions.count; i++)
        pact_interaction_deinit(&p->interactions.items[i]);
    array_deinit(&p->interactions);
    json_decref(p->metadata);
    json_decref(p->extra);
    arena_deinit(&p->arena);
    free(p);
}

struct pact_interaction *pact_add(struct pact *p, enum pact_kind kind, const char *description)
{
    const char *copy = arena_string(&p->arena, description);
    if (copy == NULL || !array_push(&p->interactions, ((struct pact_interaction){.kind = kind, .description = copy})))
        return NULL;
    return array_last(&p->interactions);
}

void pact_result_init(struct pact_result *r)
{
    *r = (struct pact_result){0};
}

void pact_result_deinit(struct pact_result *r)
{
    array_deinit(&r->mismatches);
    arena_deinit(&r->arena);
}
