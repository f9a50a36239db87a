/* May this version go there? */
#include "fakes/broker/internal.h"

#include <string.h>

const char *pact_broker_answer_name(enum pact_broker_answer a)
{
    return a == BROKER_YES ? "yes" : a == BROKER_NO ? "no" : "unknown";
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

struct deploying {
    struct pact_broker *b;
    const char *environment;
    struct pact_broker_rows *out;
};

static bool add(struct deploying *d, const struct pact_broker_row *row)
{
    if (row->why == NULL || !array_push(&d->out->items, *row))
        return false;
    if (row->answer == BROKER_NO || (row->answer == BROKER_UNKNOWN && d->out->answer == BROKER_YES))
        d->out->answer = row->answer;
    return true;
}

/* One pact between two versions. */
static bool add_pair(struct deploying *d, const struct pact_broker_record *publication, const char *provider_version)
{
    struct arena *a = &d->b->arena;
    struct pact_broker_row row = {.consumer = publication->component,
                                  .consumer_version = publication->version,
                                  .provider = publication->provider,
                                  .provider_version = provider_version,
                                  .pact = publication->pact};
    const struct pact_broker_record *result =
        pact_broker_result(d->b, publication->provider, provider_version, publication->pact);
    if (result == NULL) {
        row.answer = BROKER_UNKNOWN;
        row.why = arena_printf(a, "never verified against %s of %s", provider_version, publication->provider);
    } else if (!result->success) {
        row.answer = BROKER_NO;
        row.why = arena_printf(a, "verification failed: %lld of %lld interactions", (long long)result->failed,
                               (long long)(result->failed + result->passed));
    } else {
        row.answer = BROKER_YES;
        row.why = arena_printf(a, "verified: %lld interactions", (long long)result->passed);
    }
    return add(d, &row);
}

static bool as_consumer(struct deploying *d, const struct pact_broker_record *publication)
{
    const struct pact_broker_record *there = pact_broker_deployed(d->b, publication->provider, d->environment);
    if (there != NULL)
        return add_pair(d, publication, there->version);
    return add(d, &(struct pact_broker_row){.consumer = publication->component,
                                            .consumer_version = publication->version,
                                            .provider = publication->provider,
                                            .pact = publication->pact,
                                            .answer = BROKER_UNKNOWN,
                                            .why = arena_printf(&d->b->arena, "no version of %s is deployed in %s",
                                                                publication->provider, d->environment)});
}

static bool is_known(const struct pact_broker *b, const char *component, const char *version)
{
    for (size_t i = 0; i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        const char *whose = r->kind == BROKER_RESULT ? r->provider : r->component;
        if (is(whose, component) && is(r->version, version))
            return true;
    }
    return false;
}

int pact_broker_can_deploy(struct pact_broker *b, const char *component, const char *version, const char *environment,
                           struct pact_broker_rows *out, struct error *err)
{
    struct deploying d = {b, environment, out};
    *out = (struct pact_broker_rows){.answer = BROKER_YES};
    bool ok = true;
    if (!is_known(b, component, version))
        ok = add(&d, &(struct pact_broker_row){
                         .consumer = component,
                         .consumer_version = version,
                         .provider = "",
                         .answer = BROKER_NO,
                         .why = arena_printf(&b->arena, "the broker knows no version %s of %s", version, component)});
    for (size_t i = 0; ok && i < b->records.count; i++) {
        const struct pact_broker_record *r = &b->records.items[i];
        if (r->kind != BROKER_PUBLICATION)
            continue;
        if (is(r->component, component) && is(r->version, version))
            ok = as_consumer(&d, r);
        const struct pact_broker_record *there = pact_broker_deployed(b, r->component, environment);
        if (ok && is(r->provider, component) && there != NULL && is(there->version, r->version) &&
            !is(r->component, component))
            ok = add_pair(&d, r, version);
    }
    if (ok)
        return 0;
    pact_broker_rows_deinit(out);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

void pact_broker_rows_deinit(struct pact_broker_rows *rows)
{
    array_deinit(&rows->items);
}
