/* `harrow contract verify`, inside: command_contract_verify.c the command line and the course of a run, verify_pacts.c
 * which pacts are played and what becomes of their results in the broker, verify_play.c playing them, verify_tell.c
 * each interaction as a case of the run. */
#ifndef HARROW_CONTRACT_VERIFY_H
#define HARROW_CONTRACT_VERIFY_H

#include "fakes/broker/broker.h"
#include "fakes/provider/matrix.h"
#include "fakes/provider/provider.h"
#include "harrow/contract/provider.h"
#include "harrow/contract/states.h"
#include "harrow/commands.h"

#define VERIFY_SELECTORS_MAX 64

/* As on the command line; NULL: not given. */
struct verify_asked {
    const char *provider, *component, *only, *states_file, *state_url, *http_url, *messages_url;
    const char *broker, *provider_version, *provider_branch;
    struct option_list selects;
    bool publish, pending;
    int64_t jobs, timeout;
};

/* One pact and how it went. */
struct played {
    struct pact *pact;
    const char *path;                            /* for replays */
    const struct pact_broker_selected *selected; /* NULL: given as a file */
    int64_t passed, failed, skipped;
};

struct verifying {
    const struct verify_asked *asked;
    struct run *run;
    struct pact_broker *broker;
    struct pact_broker_selection selection;
    struct contract_provider *provider;
    struct contract_states *states;
    struct pact_matrix *matrix;
    ARRAY(struct played) pacts;
    struct error *err;
    int64_t pending;
    int failed; /* an error code in a callback */
};

/* verify_pacts.c: codes, with v->err set */
int verify_load(struct verifying *v, const struct arguments *args);
int verify_publish(struct verifying *v);       /* to the broker, whose pacts they are */
void verify_pacts_deinit(struct verifying *v); /* and the broker */

/* verify_play.c */
bool verify_chosen(void *arg, const struct pact *pact, size_t index); /* whether --only lets it be played; arg is v */
int verify_play(struct verifying *v);
int verify_add_services(struct verifying *v); /* those of the pacts, with methods that nobody calls, to the matrix */

/* verify_tell.c: struct provider_options' `verified`; arg is v */
void verify_tell(void *arg, const struct provider_verdict *verdict);

#endif
