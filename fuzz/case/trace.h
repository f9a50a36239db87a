/* What came back when a case was run: for the oracles, the links, and the feedback. Filled by a door, owned by whoever
 * runs it, reused from case to case without allocating. */
#ifndef FUZZ_CASE_TRACE_H
#define FUZZ_CASE_TRACE_H

#include "fuzz/case/case.h"

#define TRACE_NO_STATUS (-1) /* the call was never answered: its connection went, or the case ended */

struct trace_call {
    const struct pb_method *method; /* NULL: not in the pool */
    uint32_t event;                 /* the EVENT_CALL's index */
    int status;                     /* gRPC's, or TRACE_NO_STATUS */
    bool timed_out;                 /* our own limit passed without an answer */
    bool ended_by_us;               /* cancelled by the case, or a stream we stopped listening to */
    bool without_token, other_tenant;
    uint32_t sent;           /* messages that went out, as far as the door can tell */
    uint32_t replies;        /* messages that came */
    uint32_t first_reply;    /* index into the trace's replies */
    struct fuzz_span text;   /* status message, in the trace's data */
    struct fuzz_span detail; /* grpc-status-details-bin, decoded */
    uint64_t started, duration;
};

struct trace_reply {
    uint32_t call;
    bool broken; /* does not decode as its own type */
    struct fuzz_span body;
};

struct fuzz_trace {
    ARRAY(struct trace_call) calls;
    ARRAY(struct trace_reply) replies;
    struct text data;
    uint64_t bytes_sent, bytes_received; /* on all connections of the case */
    uint64_t cpu;                        /* ns the system spent, where the door can tell; else 0 */
    uint64_t memory;                     /* bytes the system holds more than before; else 0 */
    uint32_t faults_skipped;             /* the door cannot inject them */
    bool crashed;                        /* a component's process, or the target function, is gone */
    bool hung;                           /* no end within the limit, and it was not a silent stream */
    uint32_t goaway;                     /* HTTP/2: the code of the GOAWAY that ended a connection, plus one; else 0 */
    uint32_t resets;                     /* HTTP/2: bit per error code of the RST_STREAMs that came */
    struct fuzz_span rule;               /* the rule the system itself broke (fuzz/frames/exchange.h); else empty */
    struct fuzz_span crash;              /* what is known of it: signal, sanitizer's report, stack */
    /* The verdict of a target that judges its own runs (fuzz/loop/target.h). */
    const char *oracle;      /* a static name; NULL: nothing is wrong */
    struct fuzz_span blamed; /* the method or component; with the oracle what tells findings apart */
    struct fuzz_span why;
};

#define FUZZ_TRACE_INIT ((struct fuzz_trace){0})

void fuzz_trace_clear(struct fuzz_trace *t);
void fuzz_trace_deinit(struct fuzz_trace *t);
static inline struct bytes fuzz_trace_bytes(const struct fuzz_trace *t, struct fuzz_span s)
{
    return s.len ? BYTES(t->data.data + s.at, s.len) : BYTES_NONE;
}
/* A span that holds a copy of `b`. {0,0} and data.failed when memory is out. */
struct fuzz_span fuzz_trace_keep(struct fuzz_trace *t, struct bytes b);

#endif
