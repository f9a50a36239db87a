/* What a double is made of. One lock guards journal and answers; stubs run outside it. */
#ifndef FAKES_INTERNAL_H
#define FAKES_INTERNAL_H

#include "base/array.h"
#include "fakes/fakes.h"

#include <pthread.h>

#define FAKE_EVERY       (-1)
#define FAKE_REQUEST_MAX ((size_t)64 << 20) /* bytes of all messages of one call */

struct answer {
    int64_t index; /* of the call it is for, or FAKE_EVERY */
    int status;
    char *bytes; /* owned: the reply, or the message of a failure */
    size_t len;
};

/* One call in the journal, and one allocation: the messages' ends and their bytes stand behind it. */
struct record {
    struct method_state *method;
    int64_t sequence, index;
    uint64_t time;
    int status;
    unsigned references; /* the journal's own, and that of whoever is answering */
    size_t messages, len;
    size_t ends[];
};

struct method_state {
    const struct pb_method *method;
    ARRAY(struct record *) calls;
    ARRAY(struct answer) answers; /* by index, so that a general answer comes first */
    int (*stub)(void *arg, const struct fake_call *call, struct text *reply, struct text *message);
    void *stub_arg;
    uint64_t delay;
    bool never;
};

struct fake {
    const struct pb_service *service;
    pthread_mutex_t lock;
    struct method_state *methods;   /* as many as the service has */
    ARRAY(struct record *) records; /* in order of arrival */
};

struct method_state *fake_method(const struct fake *f, const char *name); /* NULL: none of that name */
struct fake_call record_call(const struct record *r);

/* What came in, still the caller's. */
struct request {
    struct bytes wire;
    const size_t *ends;
    size_t messages;
    uint64_t time;
    bool cut; /* the client gave up before it was complete */
};

/* A call between its record and its answer. */
struct taken {
    struct record *record; /* held; NULL when there was no memory for it */
    int status;            /* to answer with; FAKE_UNANSWERED: with nothing */
    uint64_t delay;
};

/* Records a call and decides its answer: the stub, the index's own, the general one, or an empty reply. Reply or
 * message are appended. fake_settle() must follow, with what was answered in the end. */
struct taken fake_take(struct fake *f, struct method_state *m, const struct request *q, struct text *reply,
                       struct text *message);
void fake_settle(struct fake *f, struct taken *t, int status);

#endif
