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

/* The service. */
struct support {
    struct backend backend; /* first: it is the handlers' context */
    struct support_chatter *chatters;
    size_t chatter_count;
    struct world_timer poll; /* for what other processes wrote */
};

struct support_work {
    struct task task;
    const struct micro_account *caller;
    bool agent;  /* who calls */
    char *owner; /* NULL: not asked for yet */
    bool chat;   /* no mail is due of what is said: who it is for sees it */
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
bool support_is_theirs(struct support_work *w);
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

/* For the request of a Reply; as `change`. */
bool support_reply_change(struct support_work *w);
/* False: it is no author that the caller may be, and the call was failed. */
bool support_check_author(struct rpc_call *call, const char *id, bool agent, Support__Author author);
bool support_is_agent(const struct micro_account *caller);
/* NULL: no memory. */
Support__Entry *support_entry(struct arena *m, char *const *texts);

void support_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void support_put_article(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void support_search_articles(struct rpc_call *call, const ProtobufCMessage *message, void *context);

void support_chat_init(struct support *s);
/* Who talks about the ticket of that key is shown what is new. */
void support_changed(struct support *s, const char *key);
void support_chat_open(struct rpc_call *call, void *context);
void support_chat_message(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void support_chat_half_closed(struct rpc_call *call, void *context);
void support_chat_cancelled(struct rpc_call *call, void *context);
void support_chat_writable(struct rpc_call *call, void *context);

#endif
