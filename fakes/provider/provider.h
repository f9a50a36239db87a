/* Pacts played against their provider: each interaction's request is sent, and what comes back is held against what
 * the consumer expects.
 *
 *   gRPC             all four kinds of calls over one channel. Messages are read by the pact's own contracts, as its
 *                    consumer reads them; or by `pool`. All of a client's messages are sent, then its side ends.
 *   HTTP             the request as it stands in the pact, below a base URL
 *   other messages   asked for by HTTP, as the Pact project's verifiers do: POST {description, providerStates} to a
 * URL; the body is the message, header Pact-Message-Metadata its metadata (Base64 of JSON)
 *
 * Interactions without provider states run side by side, up to `jobs`; one with states runs alone: the states are set
 * up, the request is sent, the states are torn down. Random generators are seeded for each interaction by its
 * description, so that one that is run alone is sent the same.
 *
 * provider_verify() runs the loop of its world; for outermost programs. */
#ifndef FAKES_PROVIDER_PROVIDER_H
#define FAKES_PROVIDER_PROVIDER_H

#include "fakes/pact/pact.h"
#include "rpc/rpc.h"

#define PROVIDER_TIMEOUT      ((uint64_t)10 * 1000000000) /* ns, of one interaction, unless told */
#define PROVIDER_JOBS         32                          /* at once, unless told */
#define PROVIDER_JOBS_MAX     1000
#define PROVIDER_REPLIES_MAX  10000 /* of one call; beyond it the call is cancelled */
#define PROVIDER_REPLIES_SIZE ((size_t)64 << 20)

enum provider_outcome {
    PROVIDER_PASSED,
    PROVIDER_FAILED,
    PROVIDER_PENDING, /* failed, and is marked as pending: no failure of the provider yet */
    PROVIDER_SKIPPED, /* was not played; `error` says why */
};

struct provider_verdict {
    const struct pact *pact;
    size_t index; /* of the interaction in its pact */
    const struct pact_interaction *interaction;
    enum provider_outcome outcome;
    const struct pb_method *method;   /* gRPC, when it was found; valid until provider_verify() returns */
    const struct pact_result *result; /* what does not match */
    const struct error *error;        /* why it could not be played or no answer came; code 0: none */
    const char *sent, *received;      /* for readers; "" when nothing was */
    bool states_missing;              /* it has states, and nobody sets them up */
    uint64_t duration;                /* ns */
};

struct provider_states {
    /* Sets a state up, or tears it down; may run the loop. One that could not be set up is not torn down, unless the
     * user wanted to stop meanwhile. *values (an object, new) is what it returns for generators; NULL: nothing.
     * ERROR_NOT_FOUND: the state is not known. */
    int (*change)(void *arg, const struct pact_state *state, bool teardown, json_t **values, struct error *err);
    void *arg;
};

struct provider_options {
    struct rpc_channel *channel;        /* NULL: no gRPC */
    const char *http;                   /* base URL; NULL: no HTTP */
    const char *messages;               /* URL that tells other messages; NULL: none */
    struct tls_context *tls;            /* for https:// */
    const struct pb_pool *pool;         /* contracts for interactions whose pact has none; NULL: no others */
    bool pool_first;                    /* and for all others */
    const struct grpc_header *metadata; /* what every request carries */
    size_t metadata_count;
    uint64_t timeout; /* ns; 0: PROVIDER_TIMEOUT */
    size_t jobs;      /* 0: PROVIDER_JOBS */
    uint64_t seed;
    const struct provider_states *states; /* NULL: nobody sets them up */
    /* Whether an interaction is played; NULL: all are. */
    bool (*chosen)(void *arg, const struct pact *pact, size_t index);
    bool (*stopped)(void *arg);                                          /* the user wants to stop; NULL: never */
    void (*verified)(void *arg, const struct provider_verdict *verdict); /* borrowed for the call */
    void *arg;
};
/* 0 also when interactions fail. ERROR_CANCELLED: stopped; calls in flight were cancelled, states torn down. */
int provider_verify(struct world *w, struct pact *const *pacts, size_t count, const struct provider_options *options,
                    struct error *err);

#endif
