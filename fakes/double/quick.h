/* The short way of a call: one message, nobody foreign to answer it. In a header, so that it is one piece of code where
 * it is used: a call that is only counted costs little more than its lock. All under the lock. */
#ifndef FAKES_DOUBLE_QUICK_H
#define FAKES_DOUBLE_QUICK_H

#include "fakes/double/internal.h"

#include <string.h>

/* That call's answer, or the general one, or NULL. */
static inline struct answer *fake_answer_for(const struct method_state *m, int64_t call)
{
    return m->answers.count > 0 ? fake_answer_among(m, call) : NULL;
}

/* Counts and enters a call. False: no memory, and nothing has changed. */
static inline bool fake_enter(struct fake *f, struct method_state *m, struct bytes request, int status)
{
    if (f->log.limit > 0) {
        struct log_entry *e = log_add(&f->log, request.len);
        if (e == NULL)
            return false;
        e->method = (uint16_t)(m - f->methods);
        e->status = (int8_t)status;
        e->held = false;
        if (request.len > 0)
            memcpy(log_payload(e), request.data, request.len);
    } else {
        f->log.forgotten++;
        m->forgotten++;
    }
    m->count++;
    f->total++;
    return true;
}

/* Records the call and finds its answer (NULL: an empty reply). False: some foreign code answers, and nothing has
 * happened. */
static inline bool fake_quick(struct fake *f, struct method_state *m, struct bytes request,
                              const struct answer **answer, int *status)
{
    if (m->stub != NULL || m->never || f->responders.count > 0 || f->hearer.turn != NULL)
        return false;
    const struct answer *a = fake_answer_for(m, m->count);
    *status = a != NULL ? a->status : GRPC_OK;
    *answer = a;
    if (!fake_enter(f, m, request, *status)) {
        *answer = NULL;
        *status = GRPC_RESOURCE_EXHAUSTED;
    }
    return true;
}

#endif
