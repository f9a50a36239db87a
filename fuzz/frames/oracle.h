/* What is wrong with what came back. Three questions, in this order:
 *
 *   rule           the peer itself broke HTTP/2 (fuzz/frames/exchange.h), whatever we sent
 *   answer         it answered an operator in a way that operator does not allow
 *   hang           it neither answered nor ended a connection that could be asked; or the operator wants it closed, or
 *                  it said GOAWAY with an error, and it stays open to the end of the case's limit
 *   reply, memory, cpu   it spent more on what an attacker sent than is allowed: a base that is free, and so much for
 *                  each byte received
 *
 * An operator is found by the names of the case's events (fuzz/frames/operators.h); without one there is no contract,
 * and `answer` cannot fire. Mutators take the names away. */
#ifndef FUZZ_FRAMES_ORACLE_H
#define FUZZ_FRAMES_ORACLE_H

#include "fuzz/frames/cost.h"
#include "fuzz/frames/exchange.h"
#include "fuzz/frames/operators.h"

enum frames_finding {
    FRAMES_NOTHING,
    FRAMES_RULE,
    FRAMES_ANSWER,
    FRAMES_HANG,
    FRAMES_REPLY,
    FRAMES_MEMORY,
    FRAMES_CPU,
    FRAMES_FINDING_COUNT
};
const char *frames_finding_name(enum frames_finding f); /* "rule", "answer", ... "" for nothing */

/* Free, and the default for each byte. Calls are worth something too: the limits are above what honest ones cost. */
#define FRAMES_REPLY_BASE     ((uint64_t)16 << 10)  /* bytes */
#define FRAMES_MEMORY_BASE    ((uint64_t)512 << 10) /* bytes */
#define FRAMES_CPU_BASE       UINT64_C(20000000)    /* ns */
#define FRAMES_REPLY_PERCENT  200
#define FRAMES_MEMORY_PERCENT 1600
#define FRAMES_CPU_PER_BYTE   1000 /* ns */

struct frames_allowance {
    uint32_t memory_scale, cpu_scale; /* percent of the limits: for builds that are slower; 0: 100 */
    uint64_t memory_base, cpu_base;   /* what is free; 0: the above */
    bool settled;                     /* the runner waited as long as it would: what has not come will not come */
    bool stock;                       /* frame_operator_stock()'s answers are right too */
};

struct frames_verdict {
    enum frames_finding finding;
    const struct frame_operator *op; /* NULL: the case is of none */
    uint32_t subject, probe;         /* streams; 0: none */
    unsigned answer;                 /* which of enum frame_answer it was; 0: cannot be told */
    uint32_t code;                   /* of a GOAWAY or RST_STREAM; UINT32_MAX: none came */
    uint64_t measured, allowed;      /* of the last three findings */
};

/* What the case is, by its names. */
void frames_recognise(const struct fuzz_case *c, struct frames_verdict *v);
void frames_judge(const struct fuzz_case *c, const struct exchange *x, const struct frames_cost *cost,
                  const struct frames_allowance *allow, struct frames_verdict *v);
/* "answer: window-zero-stream (6.9) allows STREAM PROTOCOL_ERROR, but nothing happened"; nothing for FRAMES_NOTHING. */
void frames_verdict_print(const struct frames_verdict *v, const struct exchange *x, struct text *out);
/* "CONNECTION STREAM: PROTOCOL_ERROR, STREAM_CLOSED": what an operator allows. */
void frames_answers_print(const struct frame_operator *op, struct text *out);

#endif
