/* Provider states: a YAML file that says how the provider gets into each of them. docs/contracts.md.
 *
 *   url: http://127.0.0.1:9000/states      states that are not below: POST {state, params, action}
 *   states:
 *     a note is there:
 *       setup:
 *         - {call: notes.Notes/Create, request: {title: "${title}"}, values: {id: $.note.id}}
 *       teardown:
 *         - {call: notes.Notes/Delete, request: {id: "${id}"}}
 *     no notes: {}
 *
 * A step is a call, a url, a command or a flow. ${name} is a parameter of the state, or a value of an earlier step.
 * What steps give as values feeds generators of the type ProviderState. */
#ifndef HARROW_CONTRACT_STATES_H
#define HARROW_CONTRACT_STATES_H

#include "base/document.h"
#include "fakes/provider/provider.h"
#include "harrow/contract/provider.h"

struct contract_states;

/* `url` (or NULL) goes before the file's. */
int contract_states_parse(struct bytes text, const char *name, const char *url, struct contract_states **out,
                          struct error *err);
/* `path` NULL: no file, only the url. */
int contract_states_load(struct world *w, const char *path, const char *url, struct contract_states **out,
                         struct error *err);
void contract_states_free(struct contract_states *s);                                     /* NULL is fine */
void contract_states_bind(struct contract_states *s, struct contract_provider *provider); /* who gets into them */
/* For provider_options; `arg` is the states. */
int contract_states_change(void *arg, const struct pact_state *state, bool teardown, json_t **values,
                           struct error *err);

#endif
