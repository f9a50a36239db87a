/* The backend: the services that sign customers up and bill them, as programs on the service framework. docs/backend.md
 * tells what each asks of the others.
 *
 * What they share is here. A handler is a chain of calls to other services: a task, which lives in its call's memory,
 * makes a call and names the step that takes the answer. Whatever order things fail in, the task's call is finished
 * exactly once, by backend_reply() or backend_fail().
 *
 * Records are JSON in the store's database "micro", one table a service. A table of fields (backend_field) turns a
 * struct into JSON and back. Changes are written on the condition that nobody else changed the record since it was
 * read, so that two calls at once never both happen.
 *
 * Steps that are done in a chain are written down before the next one, wherever repeating them would do harm: who calls
 * again after an error goes on where it stopped, and nothing is paid or made twice. Events are told before the answer
 * is given, and told again by the same call made again when telling failed: at least once. */
#ifndef RUNTIME_SERVICES_BACKEND_BACKEND_H
#define RUNTIME_SERVICES_BACKEND_BACKEND_H

#include "runtime/service/program.h"
#include "wire/pb.h"

#define BACKEND_EMAIL_MAX  254 /* characters (RFC 5321) */
#define BACKEND_ID_MAX     256 /* bytes */
#define BACKEND_SECRET_MIN 8   /* characters of a password */
#define BACKEND_SECRET_MAX 256

extern const struct micro_program backend_customers, backend_invite, backend_signup, backend_subscriptions,
    backend_billing, backend_checkout, backend_search, backend_location, backend_support, backend_review,
    backend_reward, backend_image, backend_alerting, backend_status;
/* All of them, NULL-terminated. */
extern const struct micro_program *const backend_programs[];

struct backend {
    struct micro_service *service;
    struct world *world;
};
int backend_setup(struct micro_service *s, const struct rpc_service *served, void **state, struct error *err);
void backend_stop(void *state);
/* The contracts' types, for events as JSON; NULL: no memory. One a process, freed by backend_pool_free(). */
const struct pb_pool *backend_pool(void);
void backend_pool_free(void);

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

struct backend_answer {
    int status;                    /* gRPC's */
    struct micro_error error;      /* when status is not OK */
    const ProtobufCMessage *reply; /* when it is; gone after the step */
};
struct task;
typedef void backend_step(struct task *t, const struct backend_answer *a);

/* First member of what a handler keeps between its steps. */
struct task {
    struct backend *backend;
    struct rpc_call *call; /* NULL: work of the service's own, which nobody called for */
    struct arena *memory;  /* the call's, or that work's */
    /* Of work without a call: what would have failed the call. The task's next step is not called then. */
    void (*failed)(struct task *t, int code, const char *detail);
    const char *id; /* "customers.Customers.Create" */
    backend_step *next;
    const char *asked; /* whom: "the store" */
    int64_t expiry;    /* of the next record that is written, in seconds from then; 0: never */
};
/* Zeroed; NULL: no memory, and the call was failed. */
void *task_new(size_t size, struct backend *b, struct rpc_call *call, const char *id);
/* Work of the service's own, in memory of its own; `t` is zeroed. */
void task_init(struct task *t, struct backend *b, struct arena *memory, const char *id,
               void (*failed)(struct task *t, int code, const char *detail));
void task_fail(struct task *t, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The reply's type is that of `reply`, in which the step finds it. */
void task_ask(struct task *t, const char *whom, const char *service, const char *method,
              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, backend_step *next);
/* The same with the caller's own token, so that who is asked sees the caller; `method` is "Stripe.ListCards". */
void task_ask_as_caller(struct task *t, const char *whom, const char *service, const char *method,
                        const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, backend_step *next);
/* For who calls by other means: ends in the task's step. */
void task_answer(void *task, int status, const char *message, const ProtobufCMessage *reply);
void task_cannot_ask(struct task *t, int rc);
/* True when the answer is an error; then the call has been failed: 503 when who was asked is away, 507 when it has no
 * room, else `code`. */
bool task_failed(struct task *t, const struct backend_answer *a, int code);
void task_no_memory(struct task *t);
/* No word of who was asked, which may have done it: it is away, its answer was lost on the way, or it broke. */
bool backend_unheard(const struct backend_answer *a);

/* Who calls; NULL when it is nobody known: the call was failed with 401. */
const struct micro_account *backend_caller(struct rpc_call *call, const char *id);
/* The caller's part of a key, "<namespace>/<account>"; NULL: nobody known calls, or no memory: the call was failed. */
char *backend_owner(struct rpc_call *call, const char *id);
/* A text as one part of a key, whatever is in it: without "/". NULL: no memory. */
char *backend_part(struct arena *a, const char *text);
/* False: it has less or more characters, and the call was failed with 400. `what` is "a subject". */
bool backend_check_text(struct rpc_call *call, const char *id, const char *what, const char *text, size_t min,
                        size_t max);
bool backend_check_page(struct rpc_call *call, const char *id, int64_t limit, int64_t max);
/* The platform's administrators and its services. */
bool backend_is_operator(const struct micro_account *a);
/* The address without blanks around it and in lower case; NULL: it is none, and the call was failed with 400. */
char *backend_email(struct rpc_call *call, const char *id, const char *address);
bool backend_check_secret(struct rpc_call *call, const char *id, const char *secret);
int64_t backend_now(const struct backend *b); /* unix seconds */
/* So many characters that are easily told apart, from the system's generator; NULL: it has none. */
char *backend_token(struct backend *b, struct arena *a, size_t len);
bool backend_same(const char *secret, const char *given); /* takes the same time whatever differs */

/* ---- records ----------------------------------------------------------------------------------------------------- */

enum backend_kind { FIELD_TEXT, FIELD_INT, FIELD_BOOL, FIELD_LIST, FIELD_MAP };
struct backend_list { /* of a map: names and values in turn */
    char **items;
    size_t count;
};
struct backend_field {
    const char *name;
    enum backend_kind kind;
    size_t offset;
};
#define BACKEND_FIELD(type, member, kind)                                                                              \
    {                                                                                                                  \
#member, kind, offsetof(type, member)                                                                          \
    }

/* Records of one kind: where they are, what they hold, and what callers are told when one of them is damaged. */
struct backend_shape {
    const char *table, *damaged;
    const struct backend_field *fields;
    size_t count;
};

char *backend_encode(struct arena *a, const struct backend_field *fields, size_t n, const void *record);
/* Texts are "" when they are not there, never NULL. False: no memory, or no JSON object. */
bool backend_decode(struct arena *a, const struct backend_field *fields, size_t n, struct bytes json, void *record);
bool backend_list_has(const struct backend_list *l, const char *item);
bool backend_list_add(struct arena *a, struct backend_list *l, const char *item); /* false: no memory */

/* `prefix`: all whose keys begin so. The reply is a Store__ReadResponse; nothing there is OK and no records. */
void task_read(struct task *t, const char *table, const char *key, bool prefix, backend_step *next);
/* On the condition that the record is still of that revision, or (0) is not there. BACKEND_ALWAYS: without condition.
 * When the condition does not hold the answer's status is GRPC_FAILED_PRECONDITION. */
#define BACKEND_ALWAYS UINT64_MAX
void task_write(struct task *t, const char *table, const char *key, const char *json, uint64_t revision,
                backend_step *next);
/* One record under its key, as task_write(). */
void task_save(struct task *t, const struct backend_shape *shape, const char *key, const void *record,
               uint64_t revision, backend_step *next);
/* The record of an answer to task_read() into `record`; *revision 0: there is none, and `record` is as it was. False:
 * the call was failed. */
bool task_take(struct task *t, const struct backend_shape *shape, const struct backend_answer *a, void *record,
               uint64_t *revision);
void task_delete(struct task *t, const char *table, const char *key, backend_step *next);

/* Many records of one table at once. What they did is known of none when one failed; the rest is not begun then. */
enum backend_op_kind { OP_READ, OP_WRITE, OP_DELETE };
struct backend_found {
    const char *key;
    struct bytes value;
    uint64_t revision;
};
struct backend_op {
    enum backend_op_kind kind;
    const char *key, *json; /* the latter of a write, on no condition */
    bool prefix;            /* of a read, and these three */
    uint64_t limit, offset; /* 0: all, from the first */
    struct backend_found *found;
    size_t count;
};
/* The step's answer is OK or the first failure; it has no reply. `ops` are in the call's memory. */
void task_batch(struct task *t, const char *table, struct backend_op *ops, size_t count, backend_step *next);

/* All records whose keys begin with `prefix`, one after the other; `each` is false when it has failed the call. NULL
 * for the record: what was seen is not to be counted on, they come again from the first (records came and went before
 * those that were read). `done` is called when all were seen: its answer is OK. 409 when they never hold still. */
typedef bool backend_each(struct task *t, const struct backend_found *f);
void task_scan(struct task *t, const char *table, const char *prefix, backend_each *each, backend_step *done);

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* As JSON with the contract's names, enums by name; metadata "type" is the word. */
void task_publish(struct task *t, const char *topic, const char *word, const ProtobufCMessage *event,
                  backend_step *next);

#endif
