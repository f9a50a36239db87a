/* The inside of a transit: one HTTP/2 connection to the caller (we are its server) and one to the called (we are its
 * client), and the calls between them. transit.c carries, transit_rules.c breaks. Not for other folders. */
#ifndef CHAOS_PROXY_TRANSIT_H
#define CHAOS_PROXY_TRANSIT_H

#include "base/arena.h"
#include "chaos/proxy/internal.h"
#include "wire/grpc.h"

#define TRANSIT_HELD_MAX ((size_t)4 << 20) /* bytes of one call's messages that wait; the rest waits at the sender */
#define H2_INTERNAL      2u
#define H2_REFUSED       7u
#define H2_CANCEL        8u

/* Messages that wait to be passed on one way. */
struct waiting {
    struct text messages; /* u32 length, bytes; again */
    size_t cost;          /* window to be given back when they are gone */
    bool ended;           /* half-closed; or `result` is here */
};

struct call {
    struct transit *transit;
    struct call *next, **place;
    struct grpc_stream *in, *out, *twin; /* the caller's, ours to the called; NULL: gone */
    struct proxy_rule *rule;             /* that is applied to it; NULL: none, or it was taken away */
    enum proxy_rule_kind kind;           /* of it, also afterwards */
    bool ruled;                          /* `kind` counts */
    bool held_up, held_down;             /* requests wait; answers do */
    bool begun;                          /* passed on to the called */
    bool acted;                          /* the answer was broken already */
    bool hung;                           /* left in silence */
    bool headers;                        /* the called's metadata came */
    struct world_timer timer;
    struct arena arena; /* of what follows */
    struct bytes path;
    const char *content_type;
    struct grpc_metadata metadata, answer_metadata;
    uint64_t timeout, deadline;
    bool gzip;
    struct waiting up, down;
    struct grpc_result result;
    size_t owed_in, owed_out; /* window to be given back when the other side has room */
};

struct transit {
    struct connection *connection;
    struct grpc_conn *down, *up; /* to the caller; to the called */
    struct world_timer tick;
    struct world_task flow;
    struct call *calls;
    struct text sending;
    bool flowing, again;
};

static inline struct world *transit_world(const struct transit *r)
{
    return r->connection->link->proxy->world;
}
void transit_flow_later(struct transit *r);
void call_begin(struct call *c);       /* to the called, with what waits */
void call_pass_answer(struct call *c); /* what waits, to the caller */
void call_finish(struct call *c, const struct grpc_result *result);
void call_fail(struct call *c, uint32_t h2_error); /* resets the caller's stream */

/* transit_rules.c */
void call_choose(struct call *c);    /* a rule for a call that has just come */
bool call_intercept(struct call *c); /* true: it goes no further, or later */
/* One message of the answer; true: it was dealt with. */
bool call_break_message(struct call *c, struct bytes message);
bool call_break_end(struct call *c, const struct grpc_result *result);
void call_timer(void *arg);
void call_forget(struct call *c); /* its rule is going */
void call_hit(struct call *c);

#endif
