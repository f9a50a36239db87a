/* What a case leaves behind it when it is run again and again: memory that nobody frees, places that are not given
 * back, processor time and memory out of proportion. In simulation only, where the system's heap can be weighed.
 *
 * While the campaign runs a case is kept for each way a method was seen to answer (its status, the words of its
 * refusal, whether it sent messages, whether we left it). Behind it they are repeated in forked copies of this process
 * (world/worker.h), so that the campaign's own system stays as it is: many cases in one copy first, and what is worth
 * it alone. What is looked at:
 *
 *     leak (lost)   behind the runs the system is started anew and ended, and the heap is weighed when nobody is left:
 *                   what is more than without the runs belongs to nobody. Each time in a copy of the copy, so that all
 *                   begin with the same. Of a batch that loses halves are tried, down to single cases.
 *                   Told when N, 2N and 4N runs of one leave at least the smallest allocation for each run, and as
 *                   much; where allocators hand out more than was asked for that may take 4N, 8N and 16N
 *     leak (held)   what the heap holds, the simulated disks left out, grows in every quarter of stages of doubling
 *                   length up to thousands of runs (leak.h), so that caches and rings that fill up are none. Only of
 *                   calls that may leave nothing: refused, or given up in the middle, or that read
 *     leak (files)  the same such case leaves a file open with each run, minutes of virtual time behind it as well
 *     exhausted     the same such case, answered at first, is refused for want of something (RESOURCE_EXHAUSTED,
 *                   UNAVAILABLE) after some hundred runs, and still so when QUIET_LONG of virtual time has passed
 *     amplification the case takes seconds of processor time, and more for each byte sent than can be right, each time;
 *                   or the process needs tens of megabytes more while it is answered, in one copy and in another
 *
 * The search takes one part in REPEAT_SHARE of the processor time of the campaign and of the copies, measured, and a
 * campaign too short for that does without. What is then worth a look alone gets REPEAT_ALONE_CPU at most, and there
 * are REPEAT_SUSPICIONS of that at most, of which a right system has few. A copy says what it found in memory shared
 * with it. Findings are told as all others: made smaller, each try in a copy of its own, and replayed by their one
 * command.
 */
#ifndef FUZZ_LIVE_REPEAT_H
#define FUZZ_LIVE_REPEAT_H

#include "base/array.h"
#include "base/map.h"
#include "base/units.h"
#include "fuzz/case/trace.h"

/* Processor time of one case, ns, from which on it is worth a word. A secret's hash takes a third of it under a
 * sanitizer on a busy machine, and is meant to be dear; the harness itself is in it where cases are repeated. */
#define REPEAT_CPU_MIN ((uint64_t)SECOND)

#define REPEAT_SAMPLES_MAX  2048 /* cases kept */
#define REPEAT_SHARE        10
#define REPEAT_SHARE_MIN    ((uint64_t)(200 * MILLISECOND)) /* or none: nothing is learnt in less */
#define REPEAT_ALONE_CPU    ((uint64_t)(10 * SECOND))
#define REPEAT_SUSPICIONS   12
#define REPEAT_FINDINGS_MAX 8 /* of one campaign: the rest would mostly be the same */

struct repeat_sample {
    struct fuzz_case *c; /* owned */
    size_t rank;         /* so many were kept before of the same method and status: these come later */
    size_t number;
    bool harmless; /* it may leave nothing */
};
struct repeat {
    struct map seen;     /* ways of answering: a case was kept */
    struct map statuses; /* cases kept for each method and status */
    ARRAY(struct repeat_sample) samples;
    uint64_t began;      /* processor time of this process when the campaign did */
    uint64_t spent;      /* by copies and on them */
    size_t suspicions;   /* looked into */
    uint64_t tries_left; /* ns of `spent` for making the finding that is `wanted` smaller */
    const char *wanted;  /* an oracle of these that is being made sure of, or ""; NULL: engine_try()
                            does without repeating */
};

struct engine;
struct engine_verdict;
void repeat_deinit(struct repeat *r);
/* A case is over: does it show a way of answering not seen before? */
void repeat_case(struct repeat *r, const struct fuzz_case *c, const struct fuzz_trace *t);
/* Repeats what was kept and keeps what is found as findings. Nothing is under way. */
void repeat_settle(struct engine *e);
/* The oracles above, for the findings' settling: from here on tries are for this one; NULL: for none. */
bool repeat_is(const char *oracle);
void repeat_want(struct repeat *r, const char *oracle);
/* Repeats one case, when that is wanted. As engine_try(). */
bool repeat_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);

#endif
