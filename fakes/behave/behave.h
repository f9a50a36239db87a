/* What a double does that nobody programmed: it behaves like the service its contract describes.
 *
 * From the names and shapes of a service's methods and messages a plan is made (plan.h): which messages are entities,
 * which field is an entity's key, and for each method its role (create, read, list, log in, subscribe, ...), where in
 * the request its input stands and from what each field of the reply is made. The plan is made once; every call then
 * runs it over the state kept for the call's session. What no role was recognised for is answered with values that fit
 * the schema, drawn from the seed and the request, so that the same request gets the same answer.
 *
 * Entities are kept as their own wire bytes, found by key in a hash table. What a request says that the entity has no
 * field for (a password) is kept beside it. Nothing is lost between calls and nothing grows without bound: beyond the
 * limits a call is answered RESOURCE_EXHAUSTED.
 *
 * An annotation (annotation.h, a YAML file) corrects the plan and adds what no name can say: required and unique
 * fields, states and the moves between them, error statuses, defaults, lifetimes.
 *
 * One lock guards the state; calls may come from any thread. Streams that stay open belong to the thread that opened
 * them: what a call of another thread has for them is delivered when that thread is next asked. The service's pool must
 * outlive the behaviour. */
#ifndef FAKES_BEHAVE_BEHAVE_H
#define FAKES_BEHAVE_BEHAVE_H

#include "fakes/answer.h"

#define BEHAVE_ITEMS_MAX      ((size_t)100000)   /* entities kept, all sessions together */
#define BEHAVE_BYTES_MAX      ((size_t)64 << 20) /* bytes of them, with their keys */
#define BEHAVE_SESSIONS_MAX   ((size_t)1000)
#define BEHAVE_STREAMS_MAX    ((size_t)1000)    /* streams that stay open */
#define BEHAVE_WAITING_MAX    ((size_t)1000)    /* messages that wait for the thread of their stream, a stream */
#define BEHAVE_REPLIES_MAX    ((size_t)1000)    /* answers remembered for idempotency keys, a session */
#define BEHAVE_LIST_MAX       ((size_t)10000)   /* entities in one reply */
#define BEHAVE_ENTITY_MAX     ((size_t)4 << 20) /* bytes of one entity; what is uploaded in chunks included */
#define BEHAVE_CODE_LIFETIME  (UINT64_C(600) * 1000000000)    /* ns: codes, unless the request says */
#define BEHAVE_TOKEN_LIFETIME (UINT64_C(604800) * 1000000000) /* ns: tokens and sessions */

struct behave;

enum behave_errors {
    BEHAVE_ERRORS_PLAIN, /* status and text */
    BEHAVE_ERRORS_MICRO, /* the text is Micro's JSON error, and an errors.Error is the status's detail */
};

struct behave_annotation {
    struct bytes text; /* YAML */
    const char *name;  /* what messages call it */
};

struct behave_options {
    uint64_t seed;
    enum behave_errors errors;                 /* unless the annotation says */
    size_t items_max, bytes_max, sessions_max; /* 0: the above */
    /* The last that speaks of the service counts; when none does, the one embedded for its contract, if there is one.
     */
    const struct behave_annotation *annotations;
    size_t annotation_count;
    bool bare; /* without the embedded one */
};

/* `options` may be NULL. Errors of the annotation have file:line:column. */
int behave_new(const struct pb_service *service, const struct behave_options *options, struct behave **out,
               struct error *err);
void behave_free(struct behave *b); /* NULL is fine; not needed for one whose responder was released */
/* For fake_add_responder(); releasing it frees the behaviour. */
struct fake_responder behave_responder(struct behave *b);
/* Forgets what was learnt, of one session or ("") of all. */
void behave_reset(struct behave *b, const char *session);

/* What was recognised of each method and entity, and why. */
enum behave_form { BEHAVE_TEXT, BEHAVE_JSON };
int behave_explain(const struct behave *b, enum behave_form form, struct text *out);
/* A method's role in a word ("create", "values"); NULL: no such method. */
const char *behave_role(const struct behave *b, const char *method);

/* How much is kept: for tests and status pages. */
struct behave_size {
    size_t items, bytes, sessions, streams;
};
struct behave_size behave_size(struct behave *b);

#endif
