/* What a case's calls say about the system, by what came back: pure functions of case and trace.
 *
 *   crash      a component is gone (the door saw it)
 *   hang       a call that is no stream was not answered within the door's limit
 *   internal   INTERNAL, UNKNOWN or DATA_LOSS, where nothing in the call makes them right answers
 *   schema     a reply that does not decode as its own type
 *   accepted   OK although a message had a defect that every decoder has to refuse
 *   status     a status that is no right answer to the message's defect (fuzz/message/defect.h)
 *   rule       the system broke HTTP/2 itself (fuzz/frames/exchange.h)
 *
 * Where a case damages what the system stored, only the first, the second and the fourth of these speak.
 * A call whose framing was broken on purpose (a flag or length that lies) may be answered INTERNAL: gRPC's own
 * specification of compression says so. What is wrong with sequences is told by fuzz/sequence/check.h. */
#ifndef FUZZ_LIVE_JUDGE_H
#define FUZZ_LIVE_JUDGE_H

#include "fuzz/case/trace.h"

struct fuzz_verdict {
    const char *oracle; /* static; NULL: nothing is wrong */
    uint32_t call;      /* which one shows it */
    const char *defect; /* static: of its message; NULL: none */
};

/* The gravest there is. Appends a sentence to `why`. `stock` when the target uses gRPC's own libraries, which answer
 * INTERNAL to what does not decode. */
void fuzz_judge(const struct fuzz_case *c, const struct fuzz_trace *t, bool stock, struct fuzz_verdict *out,
                struct text *why);

#endif
