/* All of micro in one simulation as a fuzz target: calls, faults, partitions, time, disks, memory and schedules come
 * from the case, every case finds the same freshly booted world (fresh.h), and a finding is the trace's verdict. */
#include "fuzz/loop/target.h"

#include "fuzz/sequence/check.h"
#include "tests/whole/mutator.h"

#include <stdlib.h>
#include <string.h>

static struct whole_mutator *mutator;
static struct fuzz_mutator vtable;
static struct fresh *fresh;
static struct whole_verdict *verdict; /* on the heap, as the mutator: variables go back with the world */
static unsigned users; /* the loop sets its target up beside the program around it: there is one world for both */

static int setup(void **state, const struct pb_pool **pool, struct error *err)
{
    int rc = users ? 0 : fresh_new(1, false, &fresh, err);
    if (rc == 0 && users == 0) {
        verdict = calloc(1, sizeof *verdict);
        mutator = calloc(1, sizeof *mutator);
        rc = verdict && mutator ? whole_mutator_init(mutator, fresh, err)
                                : error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (rc)
        return rc;
    users++;
    vtable = whole_mutator(mutator);
    *pool = fresh_pool(fresh);
    *state = fresh;
    return 0;
}

static void teardown(void *state)
{
    (void)state;
    if (--users > 0)
        return;
    whole_mutator_deinit(mutator);
    free(mutator);
    text_deinit(&verdict->why);
    free(verdict);
    fresh_free(fresh);
}

static void tell(struct fuzz_trace *t)
{
    t->blamed = fuzz_trace_keep(t, bytes_of(verdict->method[0] ? verdict->method : "micro"));
    t->why = fuzz_trace_keep(t, text_bytes(&verdict->why));
    t->oracle = verdict->oracle;
}

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    (void)state;
    if (fresh_run(fresh, c, t, verdict) != 0)
        return; /* no memory to run it */
    if (verdict->oracle)
        tell(t);
#ifndef __AFL_HAVE_MANUAL_CONTROL /* AFL++'s mutators are in another process: what is learnt here serves nobody */
    whole_mutator_learn(mutator, c, t);
#endif
}

/* What the graph makes first: each method alone. */
static int seed(size_t i, struct fuzz_case *out)
{
    int rc = i < 64 ? sequence_next(mutator->sequence, out, &mutator->plan) : ERROR_NOT_FOUND;
    return rc;
}

const struct fuzz_target fuzz_target = {.name = "whole",
                                        .summary = "all of micro's components in one simulation, with faults",
                                        .setup = setup,
                                        .teardown = teardown,
                                        .run = run,
                                        .calls = true,
                                        .mutator = &vtable,
                                        .seed = seed};
