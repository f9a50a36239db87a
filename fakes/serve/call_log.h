/* What a server of doubles was asked and answered.
 *
 * Every call that ended is one block of memory: its fields, and behind them the bytes they point to. Blocks stand in
 * the order in which calls ended; when they are more than `max` bytes together the oldest go. Counts are kept apart
 * from the blocks and are exact, whatever was dropped. Of one call CALL_LOG_CALL_MAX bytes in each direction are kept;
 * what goes beyond is counted (`requests`, `replies`) and not kept (`cut`).
 *
 * Values of the headers named as secret never reach a block. */
#ifndef FAKES_SERVE_CALL_LOG_H
#define FAKES_SERVE_CALL_LOG_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "fakes/answer.h"
#include "wire/grpc.h"
#include "wire/pb.h"

#define CALL_LOG_MAX_DEFAULT ((size_t)64 << 20)
#define CALL_LOG_CALL_MAX    ((size_t)1 << 20) /* bytes of one call's requests, and of its replies */
#define CALL_LOG_REDACTED    "(redacted)"

/* What a call was when it came by HTTP, its messages JSON and one of each side. */
struct call_log_http {
    const char *method, *path, *query; /* the path decoded; the query as it came, "" for none */
    struct bytes body, reply;          /* as they went over the wire; `reply` of a failure is not said */
};

struct call_log_entry {
    const struct pb_method *method;
    int64_t sequence;  /* in order of arrival over all methods, from 0 */
    int64_t index;     /* among this method's calls */
    int64_t time;      /* ns since 1970, when it came */
    uint64_t duration; /* ns until it ended */
    int status;        /* what was answered; FAKE_UNANSWERED: nothing was */
    bool missed;       /* there were stubs to ask, and none matched */
    bool cut;          /* longer than is kept */
    const char *caller, *session;
    const char *by; /* who answered ("stub users.yaml:12"); "": nobody, the answer was an empty message */
    struct bytes message;
    struct grpc_metadata metadata;
    struct bytes request; /* messages one behind the other */
    const size_t *request_ends;
    size_t request_count, requests; /* kept, and in all */
    struct bytes reply;
    const size_t *reply_ends;
    size_t reply_count, replies;
    /* With headers, trailers and details, for who hears of the call; NULL later, and when nothing was answered. */
    const struct fake_answer *answer;
    const struct call_log_http *http; /* for who hears of the call as well; NULL: it came in another way */
};
struct bytes call_log_request(const struct call_log_entry *e, size_t i); /* nothing past the end */
struct bytes call_log_reply(const struct call_log_entry *e, size_t i);

struct call_log;
struct call_log *call_log_new(size_t max, const char *const *redacted); /* NULL: no memory; `redacted` is borrowed */
void call_log_free(struct call_log *l);

/* A call has come: its numbers, counted. `method_count` is the method's own, kept by the caller. */
int64_t call_log_count(struct call_log *l);
/* A call has ended; everything is copied. False: no memory for it, and it is counted as dropped. */
bool call_log_add(struct call_log *l, const struct call_log_entry *e);
/* Blocks in memory, the oldest first. */
struct call_log_block;
const struct call_log_block *call_log_first(const struct call_log *l);
const struct call_log_block *call_log_next(const struct call_log_block *b);
const struct call_log_entry *call_log_entry(const struct call_log_block *b);

uint64_t call_log_total(const struct call_log *l);   /* calls that came, since the last forgetting of all */
uint64_t call_log_dropped(const struct call_log *l); /* of those, ended and no longer in memory */
uint64_t call_log_unheard(const struct call_log *l); /* of the dropped, those nobody heard of: no room for them */
size_t call_log_bytes(const struct call_log *l);
/* Of one session, or ("") everything: then counts begin anew. */
void call_log_forget(struct call_log *l, const char *session);
/* Hears of every call that ended, after it was added. Embedded by who hears. */
struct call_log_hearer {
    void (*hear)(void *arg, const struct call_log_entry *e);
    void *arg;
    struct call_log_hearer *next;
};
void call_log_hear(struct call_log *l, struct call_log_hearer *hearer);
void call_log_leave(struct call_log *l, struct call_log_hearer *hearer); /* one that never heard is fine */

/* One line of JSON without its newline: sequence, time, method, caller, session, metadata, requests, replies, status,
 * message, by, duration. False: no memory. */
bool call_log_json(const struct call_log_entry *e, struct text *out);

#endif
