/* Findings that a target tells of by its trace (`oracle`), its process being well: the worker runs the case once more,
 * makes it smaller while the same oracle blames the same (fuzz/case/shrink.h), and leaves it in the block it shares
 * with the parent, which takes it at its next look. Each oracle with what it blames is told once, further ones are
 * counted. A candidate that kills the worker is a crash like any other; the verdict then waits for the next case that
 * shows it, and in the end is told as it is. */
#ifndef FUZZ_LOOP_VERDICT_H
#define FUZZ_LOOP_VERDICT_H

#include "fuzz/loop/worker.h"

uint64_t verdict_signature(const struct fuzz_trace *t);
/* In the form of a sanitizer's report, for engines that know nothing of verdicts. */
void verdict_print(const struct fuzz_trace *t, struct text *out);
/* Runs the case for such an engine: a verdict is printed to stderr and ends the process. */
void verdict_run(const struct fuzz_target *target, void *state, const struct fuzz_case *c, struct fuzz_trace *t);
/* After `c` was run and all that it reached was taken down: the trace may be another's afterwards. ERROR_MEMORY. */
int verdict_judge(struct worker *w, const struct fuzz_case *c);
/* In a copy of the worker, which cannot run its case from the beginning: whether its trace tells of something new. Then
 * the words stand in the block, and the worker goes on with verdict_of_suspect() as soon as its target may run whole
 * cases: one that shows nothing when it is run whole is told unconfirmed. ERROR_MEMORY. */
bool verdict_suspected(struct worker *w);
int verdict_of_suspect(struct worker *w, const struct fuzz_case *c);

#endif
