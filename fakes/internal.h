/* What a double is made of. One lock guards journal and answers; stubs run outside it. */
#ifndef FAKES_INTERNAL_H
#define FAKES_INTERNAL_H

#include "base/array.h"
#include "fakes/fakes.h"

#include <pthread.h>

#define FAKE_EVERY (-1)

struct answer {
    int64_t index; /* of the call it is for, or FAKE_EVERY */
    int status;
    char *bytes; /* owned: the reply, or the message of a failure */
    size_t len;
};

struct method_state {
    const struct pb_method *method;
    int64_t count;
    ARRAY(struct answer) answers;
    int (*stub)(void *arg, const struct fake_call *call, struct text *reply, struct text *message);
    void *stub_arg;
    uint64_t delay;
    bool never;
};

struct record {
    struct method_state *method;
    int64_t index;
    char *request; /* owned */
    size_t len, messages;
    int status;
    uint64_t time;
};

struct fake {
    const struct pb_service *service;
    pthread_mutex_t lock;
    struct method_state *methods; /* as many as the service has */
    ARRAY(struct record *) records; /* in order of arrival; each on its own, so that what was lent stays valid */
};

struct method_state *fake_method(const struct fake *f, const char *name); /* NULL: none of that name */

/* Records a call and decides its answer: the stub, the index's own, the general one, or an empty reply. Returns the
 * status; reply or message appended. */
int fake_take(struct fake *f, struct method_state *m, struct bytes request, size_t messages, uint64_t time,
              struct text *reply, struct text *message);

#endif
