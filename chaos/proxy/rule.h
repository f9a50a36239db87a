/* What is done to single gRPC calls on a link. While a link has rules, a caller that begins with HTTP/2's greeting is
 * served by a transit (transit.c): HTTP/2 ends on both sides of it, each call is carried over from one connection to
 * the other, and rules decide about it. Connections that were open before are asked to take no more calls (GOAWAY, put
 * between two of the called's frames), so that callers make new ones; calls under way on them are left alone.
 *
 * What a transit carries is gRPC: methods, metadata, messages (compressed ones are compressed again), half-closes,
 * status with details and trailers, deadlines, cancellation, back-pressure. PINGs and SETTINGS are answered, not passed
 * on; other requests over HTTP/2 are refused. */
#ifndef CHAOS_PROXY_RULE_H
#define CHAOS_PROXY_RULE_H

#include "chaos/proxy/proxy.h"

enum proxy_rule_kind {
    /* The call does not reach the called, or not as it was made. */
    RULE_STATUS,     /* `status` is answered in its place */
    RULE_RESET,      /* RST_STREAM with `h2_error` */
    RULE_GOAWAY,     /* the connection takes no more calls; this one goes on */
    RULE_DELAY_CALL, /* it is passed on after `delay` */
    RULE_STALL,      /* it begins; its messages wait, and no window is opened for more */
    RULE_TWICE,      /* the called gets it twice; the first answer counts */
    RULE_SILENCE,    /* initial metadata is answered, and nothing more */
    /* The called has done its work. */
    RULE_REPLACE,      /* `status` is answered in place of its answer */
    RULE_DELAY_ANSWER, /* the answer comes after `delay` */
    RULE_LATE,         /* the answer comes `delay` after the caller's deadline; its giving up is not told */
    RULE_LOST_ANSWER,  /* the caller's connection is reset as the answer comes */
    RULE_REORDER,      /* the answer waits until the next one has gone by, or for `delay` */
    /* The answer is broken. */
    RULE_NO_TRAILERS,
    RULE_CORRUPT,  /* `count` bits of its first message are flipped */
    RULE_TRUNCATE, /* of its first message only a half comes */
    RULE_OVERSIZE, /* its first message says it has `count` bytes */
};

struct call;
struct proxy_rule {
    enum proxy_rule_kind kind;
    const char *method; /* "store.Store/Write"; NULL: all but those of health and reflection */
    uint32_t share;     /* of the calls; in parts per million */
    uint64_t nth;       /* only the n-th call of the method(s); 0: each by `share` */
    int status;         /* enum grpc_status */
    uint32_t h2_error;
    uint32_t count;
    uint64_t delay; /* ns */
    /* Kept by the proxy. */
    struct random random; /* seeded by the caller */
    uint64_t seen;        /* calls it might have been applied to */
    uint64_t hits;        /* calls it took effect on */
    struct call *held;    /* RULE_REORDER: the one that waits */
};

int proxy_rule_add(struct proxy_link *l, struct proxy_rule *rule, struct error *err);
/* Calls it holds go on (or, left in silence, are reset); 0 effect when it was not there. */
void proxy_rule_remove(struct proxy_link *l, struct proxy_rule *rule);

#endif
