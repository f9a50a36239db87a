/* What the review's files share: the record of a review and the task around it (review.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_REVIEW_H
#define RUNTIME_SERVICES_BACKEND_REVIEW_H

#include "runtime/services/backend/backend.h"

#include "proto/review/review.pb-c.h"

#define REVIEW_TABLE     "review"
#define REVIEW_FLAGS_MAX 3 /* people who flag it take it out of lists */

struct review_record {
    char *id; /* "": it was taken away; what remains is that its author had points for it */
    char *subject, *author, *title, *text, *reply, *points_key;
    int64_t rating, created, updated, fades;
    bool rewarded;
    struct backend_list photos, votes /* a map: who, and "1" when it helped */, flags;
    char *latitude, *longitude; /* "": nowhere */
};
extern const struct backend_shape review_shape;

struct review_work {
    struct task task;
    const struct micro_account *caller;
    bool operator;
    char *key;
    const char *wanted; /* the id that was asked for; NULL: whichever is there */
    struct review_record record;
    uint64_t revision;
    bool (*change)(struct review_work *w); /* false: the call was answered; NULL: it is only looked at */
    void (*done)(struct review_work *w);
    void (*missing)(struct review_work *w);
    const void *request;
    const char *near; /* Delete: what led to it by place */
    int tries;
};

struct arena *review_memory(struct review_work *w);
/* NULL: the call was failed. */
struct review_work *review_work(struct rpc_call *call, void *context, const char *id, const void *request);
bool review_is_there(const struct review_work *w, const struct review_record *r); /* neither taken away nor faded */
bool review_is_shown(const struct review_record *r);                              /* not flagged by too many */
/* NULL: no memory, and the call was failed. */
Review__Opinion *review_message(struct review_work *w, const struct review_record *r);
size_t review_votes(const struct review_record *r, bool helped);

/* How it is found by where it was written; NULL: no memory. */
char *review_near_key(struct arena *m, const struct review_record *r);
extern const struct backend_shape review_near_shape; /* of latitude and longitude of a struct review_record */

void review_nearby(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void review_list(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void review_summary(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
