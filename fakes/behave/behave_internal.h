/* What a behaviour is made of, and the steps of a call. A call runs under the lock from beginning to end:
 *
 *     behave.c    the responder: the request is checked, the session found, the role's act run, errors put into form
 *     act.c       what acts share: inputs, keys, matching, keeping and dropping
 *     act_one.c   acts on one entity; act_list.c those on many; act_token.c log-ins and codes; act_sum.c sums
 *     reply.c     the reply put together field by field
 *     live.c      streams that stay open and what they are given */
#ifndef FAKES_BEHAVE_INTERNAL_H
#define FAKES_BEHAVE_INTERNAL_H

#include "fakes/behave/annotation.h"
#include "fakes/behave/behave.h"
#include "fakes/behave/fields.h"
#include "fakes/behave/plan.h"
#include "fakes/behave/state.h"
#include "fakes/behave/values.h"

#include <pthread.h>

struct listener; /* a stream that stays open; live.c */

/* One call on its way. Its memory is kept for the next one. */
struct act {
    struct behave *b;
    const struct fake_asked *asked;
    struct fake_answer *answer;
    const struct plan_method *m;
    const struct plan_entity *e; /* the method's, or NULL */
    struct session *session;
    struct collection *c; /* the entity's, or NULL */
    struct bytes request; /* the message this is about, in one piece */
    struct bytes body;    /* the entity in it that is being made, of INPUT_BODIES; or none */
    uint64_t now;
    uint64_t draw;                                 /* the same for the same request */
    struct text joined, key, scratch, spare, gone; /* gone: the message of one that is no more */
    struct text visible, aside;                    /* of the item being made or changed */
    struct item *loose;                            /* one that is not kept; owned */
    /* For the reply: */
    const struct item *item;          /* the one */
    ARRAY(const struct item *) items; /* the many */
    const struct item *token;
    const struct item *proof; /* the code or token the request showed */
    int64_t count;            /* of all that matched */
    uint64_t cursor;          /* where the next page begins: */
    bool by_serial;           /* behind that serial; else after so many */
    bool more, yes;
    const char *event;   /* "create", "update", "delete" */
    struct bytes before; /* in `gone` */
};

struct behave {
    struct plan plan;
    struct annotation annotation;
    uint64_t seed;
    pthread_mutex_t lock; /* recursive: a stream that is sent to may turn out to have gone */
    struct state state;
    struct act act;
    ARRAY(struct listener *) listeners;
    unsigned sending; /* walks over the listeners: none of them is freed meanwhile */
};

struct collection *act_collection(struct act *a, size_t entity); /* with its examples, if there are to be any */
/* The refusal, in words that name what was wrong; each returns false, to be returned on. */
bool act_fail(struct act *a, enum plan_failure failure, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool act_fail_code(struct act *a, int rc); /* ERROR_MEMORY, ERROR_LIMIT */
bool act_fail_input(struct act *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- inputs ---- */
bool act_input(const struct act *a, const struct plan_input *in, struct pb_item *out); /* false: not on the wire */
const struct plan_input *act_input_of(const struct act *a, enum input_use use);
bool act_input_value(const struct act *a, enum input_use use, struct pb_item *out);
int64_t act_input_integer(const struct act *a, enum input_use use, int64_t otherwise);
struct bytes act_body(const struct act *a); /* the entity the request holds; no data: it holds none */

/* ---- which ---- */
bool act_key(struct act *a); /* a->key from the request; false: the first part of it is blank */
void act_key_of(struct act *a, const struct plan_entity *e, struct bytes visible, struct bytes aside);
struct item *act_named(struct act *a);                 /* the one the request names, or NULL */
bool act_find(struct act *a, struct item **out);       /* or refused */
bool act_matches(struct act *a, const struct item *i); /* every input that looks for something */

/* ---- making and changing ---- */
void act_load(struct act *a, const struct item *i);
void act_clear(struct act *a);
struct text *act_part(struct act *a, const struct attribute *at); /* visible or aside */
bool act_drop_attribute(struct act *a, const struct attribute *at);
void act_stamp(struct act *a, const struct plan_entity *e, bool created);
void act_made_text(struct act *a, size_t entity, const struct attribute *at, uint64_t serial, struct text *out);
/* What was loaded and changed is kept under a->key. */
bool act_keep(struct act *a, size_t entity, uint64_t expires, struct item **out);
bool act_unique(struct act *a, size_t entity, const struct item *self);
void act_remove(struct act *a, size_t entity, struct item *i); /* with what belongs to it; its message is a->before */
bool act_move(struct act *a, const struct item *i);            /* the state machine lets this method */

/* ---- acts; false: refused, the answer says why ---- */
bool act_create(struct act *a);
bool act_read(struct act *a);
bool act_update(struct act *a);
bool act_delete(struct act *a);
bool act_state(struct act *a);
bool act_member(struct act *a);
bool act_list(struct act *a);
bool act_login(struct act *a);
bool act_issue(struct act *a);
bool act_verify(struct act *a);
bool act_refresh(struct act *a);
bool act_sum(struct act *a);
bool act_transfer(struct act *a);
/* The code or token of the request, where the method asks for one; NULL in `found`: it is not right. */
bool act_code(struct act *a, struct item **found);
bool act_required(struct act *a); /* what the annotation says must be there */
void act_put_made(struct act *a, size_t entity, uint64_t expires);
bool act_put_key(struct act *a, size_t entity);
void act_put_move(struct act *a);
bool act_store_change(struct act *a, size_t entity, struct item *i);

bool behave_reply_make(struct act *a, const struct plan_method *m, struct text *out);
void reply_values(struct act *a);

/* ---- streams ---- */
bool live_open(struct act *a);
void live_changed(struct act *a, size_t entity, const struct item *i, const char *event);
bool live_relay(struct act *a);
void live_flush(struct behave *b); /* what waits for this thread's streams */
void live_gone(struct behave *b, struct fake_stream *stream);
void live_reset(struct behave *b, const char *session);
void live_free(struct behave *b);

#endif
