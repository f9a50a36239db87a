/* Which pacts a provider is to be verified against. */
#include "fakes/broker/internal.h"

#include <string.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

int pact_broker_selector_parse(const char *text, struct pact_broker_selector *out, struct error *err)
{
    static const struct {
        const char *word;
        enum pact_broker_selector_kind kind;
        bool named;
    } words[] = {{"latest", BROKER_LATEST, false},
                 {"branch=", BROKER_OF_BRANCH, true},
                 {"tag=", BROKER_OF_TAG, true},
                 {"env=", BROKER_DEPLOYED, true},
                 {"wip", BROKER_WIP, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        if (words[i].named ? strncmp(text, words[i].word, len) != 0 || text[len] == '\0' : !is(text, words[i].word))
            continue;
        *out = (struct pact_broker_selector){.kind = words[i].kind, .name = words[i].named ? text + len : NULL};
        return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "\"%s\" selects nothing: expected latest, branch=NAME, tag=NAME, env=NAME or wip", text);
}

/* ---- which publications ----------------------------------------------------------------------------------------- */

static bool marked(const struct pact_broker *b, enum pact_broker_kind kind,
                   const struct pact_broker_record *publication, const char *name)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind == kind && is(r->component, publication->component) && is(r->version, publication->version) &&
            is(r->name, name))
            return true;
    }
    return false;
}

static bool any(const struct pact_broker *b, const struct pact_broker_record *publication, const char *name)
{
    (void)b;
    (void)publication;
    (void)name;
    return true;
}

static bool of_branch(const struct pact_broker *b, const struct pact_broker_record *publication, const char *name)
{
    return marked(b, BROKER_BRANCH, publication, name);
}

static bool of_tag(const struct pact_broker *b, const struct pact_broker_record *publication, const char *name)
{
    return marked(b, BROKER_TAG, publication, name);
}

/* Whether some version of the provider (of that branch; NULL: of any) passed it. */
static bool ever_passed(const struct pact_broker *b, const char *provider, const char *pact, const char *branch)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind == BROKER_RESULT && r->success && is(r->provider, provider) && is(r->pact, pact) &&
            (branch == NULL || (r->name != NULL && is(r->name, branch))))
            return true;
    }
    return false;
}

struct selecting {
    struct pact_broker *b;
    const char *provider, *branch;
    struct pact_broker_selection *out;
};

static bool take(struct selecting *s, const struct pact_broker_record *publication, const char *what, const char *name,
                 bool wip)
{
    struct arena *a = &s->b->arena;
    const char *why = arena_printf(a, name != NULL ? "%s %s" : "%s", what, name);
    if (publication == NULL)
        return true;
    if (why == NULL)
        return false;
    for (size_t i = 0; i < s->out->items.count; i++) {
        struct pact_broker_selected *had = &s->out->items.items[i];
        if (!is(had->pact, publication->pact))
            continue;
        had->why = arena_printf(a, "%s, %s", had->why, why);
        had->wip = had->wip && wip;
        return had->why != NULL;
    }
    struct pact_broker_selected one = {.pact = publication->pact,
                                       .consumer = publication->component,
                                       .version = publication->version,
                                       .why = why,
                                       .pending = !ever_passed(s->b, s->provider, publication->pact, s->branch),
                                       .wip = wip};
    return array_push(&s->out->items, one);
}

static bool take_wip(struct selecting *s, const char *consumer)
{
    for (size_t i = 0; i < s->b->records.count; i++) {
        const struct pact_broker_record *r = &s->b->records.items[i];
        if (r->kind != BROKER_BRANCH || !is(r->component, consumer))
            continue;
        const struct pact_broker_record *last = pact_broker_last(s->b, consumer, s->provider, of_branch, r->name);
        /* Once for each branch: by the version that is its last. */
        if (last == NULL || !is(last->version, r->version) || ever_passed(s->b, s->provider, last->pact, s->branch))
            continue;
        if (!take(s, last, "wip of branch", r->name, true))
            return false;
    }
    return true;
}

static bool take_deployed(struct selecting *s, const char *consumer, const char *environment)
{
    const struct pact_broker_record *deployed = pact_broker_deployed(s->b, consumer, environment);
    return deployed == NULL || take(s, pact_broker_publication(s->b, consumer, s->provider, deployed->version),
                                    "deployed in", environment, false);
}

static bool take_of(struct selecting *s, const char *consumer, const struct pact_broker_selector *by)
{
    switch (by->kind) {
    case BROKER_LATEST:
        return take(s, pact_broker_last(s->b, consumer, s->provider, any, NULL), "latest", NULL, false);
    case BROKER_OF_BRANCH:
        return take(s, pact_broker_last(s->b, consumer, s->provider, of_branch, by->name), "branch", by->name, false);
    case BROKER_OF_TAG:
        return take(s, pact_broker_last(s->b, consumer, s->provider, of_tag, by->name), "tag", by->name, false);
    case BROKER_DEPLOYED:
        return take_deployed(s, consumer, by->name);
    case BROKER_WIP:
    default:
        return take_wip(s, consumer);
    }
}

/* Each consumer of the provider once: by its first publication. */
static bool is_first(const struct pact_broker *b, size_t place, const char *provider)
{
    const struct pact_broker_record *r = &b->records.items[place];
    if (r->kind != BROKER_PUBLICATION || !is(r->provider, provider))
        return false;
    for (size_t i = 0; i < place; i++) {
        const struct pact_broker_record *before = &b->records.items[i];
        if (before->kind == BROKER_PUBLICATION && is(before->provider, provider) && is(before->component, r->component))
            return false;
    }
    return true;
}

int pact_broker_select(struct pact_broker *b, const char *provider, const char *branch,
                       const struct pact_broker_selector *selectors, size_t count, struct pact_broker_selection *out,
                       struct error *err)
{
    struct selecting s = {b, provider, branch, out};
    *out = (struct pact_broker_selection){.items = {0}};
    /* What is selected otherwise is no work in progress: that comes last. */
    for (int wip = 0; wip <= 1; wip++)
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < b->records.count; k++)
                if ((selectors[i].kind == BROKER_WIP) == (wip == 1) && is_first(b, k, provider) &&
                    !take_of(&s, b->records.items[k].component, &selectors[i])) {
                    pact_broker_selection_deinit(out);
                    return error_set(err, ERROR_MEMORY, "out of memory");
                }
    return 0;
}

void pact_broker_selection_deinit(struct pact_broker_selection *s)
{
    array_deinit(&s->items);
}
