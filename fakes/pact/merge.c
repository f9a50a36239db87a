/* Pacts put together. An interaction is known by its kind, description and provider states; what else it says must not
 * contradict, but for its key, comments and whether it is pending. */
#include "fakes/pact/internal.h"

static bool same_states(const struct pact_interaction *a, const struct pact_interaction *b)
{
    if (a->states.count != b->states.count)
        return false;
    for (size_t i = 0; i < a->states.count; i++) {
        const struct pact_state *x = &a->states.items[i], *y = &b->states.items[i];
        if (strcmp(x->name, y->name) != 0 || (x->parameters == NULL) != (y->parameters == NULL) ||
            (x->parameters != NULL && !json_equal(x->parameters, y->parameters)))
            return false;
    }
    return true;
}

/* 1: the same, 0: not; negative: no memory. */
static int same_content(const struct pact_interaction *a, const struct pact_interaction *b)
{
    static const char *const ASIDE[] = {"key", "comments", "pending"};
    json_t *x = pact_interaction_json(a), *y = pact_interaction_json(b);
    int same = x != NULL && y != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; same == 0 && i < 3; i++) {
        (void)json_object_del(x, ASIDE[i]);
        (void)json_object_del(y, ASIDE[i]);
    }
    if (same == 0)
        same = json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

static const struct pact_interaction *find(const struct pact *p, const struct pact_interaction *i)
{
    for (size_t k = 0; k < p->interactions.count; k++) {
        const struct pact_interaction *other = &p->interactions.items[k];
        if (other->kind == i->kind && strcmp(other->description, i->description) == 0 && same_states(other, i))
            return other;
    }
    return NULL;
}

/* A deep copy by way of its text. */
static int add_copy(struct pact *into, const struct pact_interaction *i, struct error *err)
{
    struct text text = TEXT_INIT;
    struct document *d = NULL;
    struct pact_reader r = {.arena = &into->arena, .version = 4, .err = err};
    json_t *json = pact_interaction_json(i);
    size_t had = into->interactions.count;
    if (json != NULL)
        pact_json_text(json, 0, &text);
    int rc = json != NULL && text_ok(&text) ? 0 : error_set(err, ERROR_MEMORY, "out of memory while merging pacts");
    if (rc == 0)
        rc = document_parse_json(text_bytes(&text), into->file, &d, err);
    if (rc == 0)
        rc = pact_read_interaction(&r, document_root(d), i->kind, into);
    if (rc == 0) {
        array_last(&into->interactions)->line = i->line;
        array_last(&into->interactions)->column = i->column;
    } else if (into->interactions.count > had) {
        pact_interaction_deinit(&array_pop(&into->interactions));
    }
    document_free(d);
    text_deinit(&text);
    json_decref(json);
    return rc;
}

int pact_merge(struct pact *into, const struct pact *from, struct error *err)
{
    if (strcmp(into->consumer, from->consumer) != 0 || strcmp(into->provider, from->provider) != 0)
        return error_set(err, ERROR_INVALID, "%s is of %s and %s, %s of %s and %s: only pacts of the same two merge",
                         from->file, from->consumer, from->provider, into->file, into->consumer, into->provider);
    /* First all are looked at, so that a contradiction leaves `into` as it was. */
    for (size_t i = 0; i < from->interactions.count; i++) {
        const struct pact_interaction *mine = &from->interactions.items[i], *other = find(into, mine);
        int same = other != NULL ? same_content(other, mine) : 1;
        if (same < 0)
            return error_set(err, ERROR_MEMORY, "out of memory while merging pacts");
        if (same == 0)
            return error_set_at(err, ERROR_EXISTS, from->file, mine->line, mine->column,
                                "'%s' is in %s%s%s already with the same provider states but another content: give one "
                                "of them another description, or make them equal",
                                mine->description, mine->states.count > 0 ? "state '" : "",
                                mine->states.count > 0 ? mine->states.items[0].name : into->file,
                                mine->states.count > 0 ? "'" : "");
    }
    for (size_t i = 0; i < from->interactions.count; i++) {
        const struct pact_interaction *mine = &from->interactions.items[i];
        if (find(into, mine) == NULL) {
            int rc = add_copy(into, mine, err);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}
