/* What a double is made of. One lock guards the log, the answers and the records; stubs and responders run outside it.
 *
 * A call in process that nobody foreign answers is one entry of the log, written under the lock with its status. Every
 * other call has a record: counted by who holds it and by the log's entry that points to it, so that it lives until
 * both have let go. */
#ifndef FAKES_DOUBLE_INTERNAL_H
#define FAKES_DOUBLE_INTERNAL_H

#include "base/array.h"
#include "fakes/double/log.h"
#include "fakes/fakes.h"
#include "fakes/typed.h"
#include "fakes/verify.h"

#include <pthread.h>
#include <stdatomic.h>

#define FAKE_METHODS_MAX  65535 /* of one service: the log keeps two bytes for which */
#define FAKE_FAILURES_MAX 100   /* kept of one double; more are counted */

struct line {
    int64_t message;
    uint64_t delay;
    size_t start, end;             /* in the answer's replies */
    const ProtobufCMessage *typed; /* in the double's arena, once somebody in process was given it */
};

struct answer {
    int64_t call; /* or FAKE_EVERY */
    int status;
    struct text replies, message;
    ARRAY(struct line) lines;
};

struct fake_record {
    struct method_state *method;
    int64_t sequence, index;
    uint64_t time;
    int status;
    unsigned references;
    size_t counted; /* bytes of it in the double's `held` */
    struct text request, replies, message, by;
    ARRAY(size_t) ends;
    ARRAY(size_t) reply_ends;
};

struct method_state {
    const struct pb_method *method;
    const ProtobufCMessageDescriptor *input, *output; /* what C code gets; the pool's own unless told */
    int64_t count;
    ARRAY(int64_t) calls; /* the directory: sequences, without those forgotten */
    int64_t forgotten;
    ARRAY(struct answer) answers;  /* by call, so that a general one comes first */
    const ProtobufCMessage *empty; /* in the arena: the reply when nobody has one */
    fake_stub_function *stub;
    void *stub_arg;
    struct fake_typed_stub typed_stub;
    uint64_t delay;
    bool never;
};

struct failure {
    const char *file; /* static */
    int line;
    char *text; /* owned */
};

struct expectation {
    const char *file;
    int line;
    struct method_state *method;
    struct fake_term *terms; /* owned: one allocation with what they point to */
};

struct fake {
    const struct pb_service *service;
    struct pb_pool *pool; /* owned; NULL: borrowed with the service */
    pthread_mutex_t lock;
    struct method_state *methods; /* as many as the service has */
    struct call_log log;
    atomic_bool counts_only; /* its limit is 0; for those without the lock */
    int64_t total;
    size_t held;        /* bytes of records */
    struct arena arena; /* what was unpacked for C code; dies at reset */
    ARRAY(struct fake_responder) responders;
    struct fake_hearer hearer; /* `turn` NULL: nobody hears */
    ARRAY(struct failure) failures;
    size_t failure_count;
    ARRAY(struct expectation) expectations;
    struct text told; /* the last failed verification */
};

struct method_state *fake_method(const struct fake *f, const char *name); /* NULL: none of that name */
/* Looking takes the lock, and changes nothing one can see: a double that is looked at is one that is locked. */
struct fake *fake_looked_at(const struct fake *f);

/* Call i of a method, or (NULL) of all, as a line without its end. False: it is not kept. */
bool fake_call_line(const struct fake *f, const struct method_state *m, int64_t i, struct text *out);

/* Under the lock: */
int fake_find(struct fake *f, const struct method_state *m, int64_t i, struct fake_call *out); /* as fake_call_at() */
struct answer *fake_answer_among(const struct method_state *m, int64_t call);                  /* there are some */
bool fake_enter_record(struct fake *f, struct fake_record *r);
int fake_directory(struct fake *f); /* brings it up to date; ERROR_MEMORY */
void fake_release(struct fake *f, struct fake_record *r);
void fake_forget_program(struct method_state *m);

#endif
