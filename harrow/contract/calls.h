/* How often providers under contract called their doubles, over all contracts of a run: the result stream's lines of
 * the type `contract`, of which reports draw the matrix. A double stands for the component it is named after. Nothing
 * is said of verified: nobody played these calls against the real one. */
#ifndef HARROW_CONTRACT_CALLS_H
#define HARROW_CONTRACT_CALLS_H

#include "base/arena.h"
#include "base/array.h"
#include "base/result.h"
#include "fakes/fakes.h"

struct contract_call {
    const char *consumer, *provider, *method; /* "store.Store/Read" */
    int64_t count;
};
struct contract_calls {
    struct arena arena;
    ARRAY(struct contract_call) rows;
};

/* All that `fake` has counted, added to what is known; every method of its service is in. False: no memory. */
bool contract_calls_add(struct contract_calls *c, const char *consumer, const char *provider, const struct fake *fake);
/* In the order in which they came; a method that nobody called, once, without a consumer. */
void contract_calls_emit(const struct contract_calls *c, struct result_stream *r);
void contract_calls_deinit(struct contract_calls *c);

#endif
