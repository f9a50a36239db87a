/* What the provider's files share: verify.c plays one after the other and side by side, grpc.c and http.c an
 * interaction each, judge.c holds answers against what is expected. */
#ifndef FAKES_PROVIDER_INTERNAL_H
#define FAKES_PROVIDER_INTERNAL_H

#include "base/map.h"
#include "fakes/consumer/plugin.h"
#include "fakes/provider/provider.h"
#include "rpc/http.h"

struct verifying {
    struct world *world;
    const struct provider_options *options;
    struct map pools; /* pact and key -> struct pb_pool */
    size_t playing;
    struct playing *first;
};

/* One interaction on its way. */
struct playing {
    struct verifying *run; /* NULL: it is over, and only this is left */
    const struct pact *pact;
    size_t index;
    const struct pact_interaction *i;
    const struct pb_method *method;
    struct arena arena;
    struct pact_part request; /* with generators applied */
    bool generated;
    json_t *values; /* of its states */
    struct pact_result result;
    struct error error;
    struct text sent, received;
    uint64_t started, took;
    bool states_missing;
    struct playing *next;
    /* gRPC */
    struct rpc_stream *stream;
    struct text replies;
    ARRAY(size_t) ends;
    bool open, enough;
    /* HTTP */
    struct http_client_call *http;
};

/* Start; `playing_over` is called from the loop, or (the error is set) at once. */
void play_grpc(struct playing *p);
void play_http(struct playing *p);
void play_message(struct playing *p);
void play_cancel(struct playing *p);
void playing_over(struct playing *p);
/* The request with its generators applied: p->request. */
int playing_generate(struct playing *p);
int playing_no_memory(struct playing *p);

/* Into p->result and p->received. */
void judge_grpc(struct playing *p, const struct rpc_reply *reply);
void judge_http(struct playing *p, const struct http_answer *answer);
void judge_message(struct playing *p, const struct http_answer *answer);
/* A mismatch that is no rule's. False: no memory. */
bool judge_mismatch(struct playing *p, enum pact_category category, const char *path, const char *expected,
                    const char *actual);

#endif
