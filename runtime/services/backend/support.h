/* What the support's files share: the record of a ticket and the task around it (support.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_SUPPORT_H
#define RUNTIME_SERVICES_BACKEND_SUPPORT_H

#include "runtime/services/backend/backend.h"

#include "proto/events/support/events.pb-c.h"
#include "proto/support/support.pb-c.h"

#define SUPPORT_TABLE "support"
#define SUPPORT_TRIES 5 /* when somebody else changes a record meanwhile */

#define SUPPORT_ENTRY 6 /* texts in the record of an entry: id, author, author's id, text, when, URLs with blanks */
#define SUPPORT_DUE   3 /* texts in the record of what is to be told: "event", type, argument; "mail", subject, text */

struct support_ticket {
    char *id, *customer_id, *owner, *email, *subject, *agent_id, *into, *comment;
    int64_t number, state, priority, rating, answer_by, created, updated, solved;
    struct backend_list tags, entries, due;
};
extern const struct backend_shape support_shape;

struct support_work {
    struct task task;
    const struct micro_account *caller;
    bool agent; /* who calls */
    char *key;
    struct support_ticket ticket;
    uint64_t revision;
    /* Changes the ticket and says what is due of it. False: the call was failed. */
    bool (*change)(struct support_work *w);
    void (*done)(struct support_work *w); /* changed, written, and told as far as that went */
    const void *request;
    int tries;
    size_t telling; /* of `due` */
    bool told;      /* something was */
    struct backend_list left;
    struct support_ticket other; /* Merge: whose entries are taken over */
};

struct arena *support_memory(struct support_work *w);
/* NULL: the call was failed. */
struct support_work *support_work(struct rpc_call *call, void *context, const char *id, const void *request);
/* Reads the ticket `id`, changes it, writes it, tells. 404 unless it is the caller's or the caller is an agent. */
void support_change(struct support_work *w, const char *id);
/* A ticket that is new, or was changed in `w`, is written (once: 409 when it was changed meanwhile), and told of. */
void support_save(struct support_work *w);
char *support_key(struct support_work *w, const char *id); /* NULL: no memory, and the call was failed */
bool support_is_theirs(const struct support_work *w);
/* A solved ticket closes by itself. */
Support__State support_state(const struct support_work *w, const struct support_ticket *t);
/* False: no memory, and the call was failed. */
bool support_add_entry(struct support_work *w, Support__Author author, const char *author_id, const char *text,
                       char *const *urls, size_t url_count);
bool support_add_due(struct support_work *w, const char *kind, const char *what, const char *argument);
bool support_add_event(struct support_work *w, Supportevents__EventType type, const char *argument);
/* None when the customer has no address. */
bool support_add_mail(struct support_work *w, const char *text);
/* As the caller may see it; NULL: no memory, and the call was failed. */
Support__Ticket *support_message(struct support_work *w, const struct support_ticket *t, bool entries);

void support_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
