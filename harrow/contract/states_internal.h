/* states.c reads the file and walks through steps, steps.c carries one out. */
#ifndef HARROW_CONTRACT_STATES_INTERNAL_H
#define HARROW_CONTRACT_STATES_INTERNAL_H

#include "harrow/contract/states.h"

struct contract_states {
    struct document *document; /* NULL: only the url */
    const struct node *states;
    char *url; /* owned, or NULL */
    struct contract_provider *provider;
    json_t *known; /* parameters and values of the interaction's states */
    size_t active; /* of them set up */
};

/* The value with every ${name} replaced; new. NULL, and the error says which is not known. */
json_t *contract_states_fill(const struct contract_states *s, const struct node *value, struct error *err);
/* Carries out one step; what it gives as values is put into `values`. */
int contract_step(struct contract_states *s, const struct node *step, const struct pact_state *state, bool teardown,
                  json_t *values, struct error *err);
/* POST {state, params, action}; an object that comes back is put into `values`. */
int contract_step_url(struct contract_states *s, const char *url, const struct pact_state *state, bool teardown,
                      json_t *values, struct error *err);

#endif
