/* Pacts played against their provider, those of one provider together. */
#include "harrow/contract/verify.h"

#include "fakes/consumer/plugin.h"

#include <stdlib.h>
#include <string.h>

bool verify_chosen(void *arg, const struct pact *pact, size_t index)
{
    const struct verifying *v = arg;
    return v->asked->only == NULL || strstr(pact->interactions.items[index].description, v->asked->only) != NULL;
}

static bool stopped(void *arg)
{
    const struct verifying *v = arg;
    return v->run->interrupted;
}

/* Whether a gRPC interaction comes without its contracts. */
static bool lacks_contracts(const struct pact *pact)
{
    for (size_t i = 0; i < pact->interactions.count; i++)
        if (plugin_is_grpc(&pact->interactions.items[i]) && plugin_key(&pact->interactions.items[i]) == NULL)
            return true;
    return false;
}

/* The methods of the services that the pacts' interactions are of, for those that nobody calls. */
int verify_add_services(struct verifying *v)
{
    const struct pb_pool *pool = v->provider->pool;
    int code = 0;
    for (size_t i = 0; i < v->pacts.count && code == 0 && pool != NULL; i++) {
        const struct pact *p = v->pacts.items[i].pact;
        for (size_t k = 0; k < p->interactions.count && code == 0; k++) {
            const char *service =
                plugin_is_grpc(&p->interactions.items[k]) ? plugin_service(&p->interactions.items[k]) : NULL;
            const struct pb_method *m = service != NULL ? plugin_method(pool, service) : NULL;
            if (m != NULL)
                code = pact_matrix_service(v->matrix, p->provider, m->service);
        }
    }
    return code == 0 ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int play(struct verifying *v, struct pact *const *pacts, size_t count)
{
    struct contract_provider *p = v->provider;
    struct provider_states states = {.change = contract_states_change, .arg = v->states};
    int code = contract_provider_use(p, v->asked->component != NULL ? v->asked->component : pacts[0]->provider, v->err);
    bool ask = false;
    for (size_t i = 0; i < count; i++)
        ask = ask || lacks_contracts(pacts[i]);
    if (code == 0 && ask)
        code = contract_provider_reflect(p, v->err);
    if (code != 0)
        return code;
    return provider_verify(p->world, pacts, count,
                           &(struct provider_options){.channel = p->channel,
                                                      .http = v->asked->http_url != NULL ? v->asked->http_url : p->http,
                                                      .messages = v->asked->messages_url,
                                                      .tls = p->tls,
                                                      .pool = p->pool,
                                                      .pool_first = p->pool_given,
                                                      .metadata = p->metadata,
                                                      .metadata_count = p->metadata_count,
                                                      .timeout = (uint64_t)v->asked->timeout,
                                                      .jobs = (size_t)v->asked->jobs,
                                                      .seed = v->run->seed,
                                                      .states = v->states != NULL ? &states : NULL,
                                                      .chosen = verify_chosen,
                                                      .stopped = stopped,
                                                      .verified = verify_tell,
                                                      .arg = v},
                           v->err);
}

/* Pacts of one provider together. */
int verify_play(struct verifying *v)
{
    struct pact **group = calloc(v->pacts.count + 1, sizeof *group);
    int code = group != NULL ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        size_t count = 0;
        bool first = true;
        for (size_t k = 0; k < v->pacts.count; k++) {
            struct pact *other = v->pacts.items[k].pact;
            if (v->asked->component == NULL && strcmp(other->provider, v->pacts.items[i].pact->provider) != 0)
                continue;
            first = first && k >= i;
            group[count++] = other;
        }
        if (first)
            code = play(v, group, count);
    }
    free(group);
    return code == 0 ? v->failed : code;
}
