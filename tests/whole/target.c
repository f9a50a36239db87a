/* All of micro in one simulation as a fuzz target: calls, faults, partitions, time, disks, memory and schedules come
 * from the case, every case finds the same freshly booted world (fresh.h), and a finding ends the process with the
 * oracle's name, the method and the case as a script. */
#include "fuzz/loop/target.h"

#include "fuzz/sequence/check.h"
#include "tests/whole/mutator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOUND 77 /* exit code */

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

/* In the form of a sanitizer's report, by which the loop tells findings apart. */
static void report(const struct fuzz_case *c)
{
    struct text script = TEXT_INIT;
    (void)fuzz_case_print(c, fresh_pool(fresh), &script);
    fprintf(stderr, "OracleSanitizer: %s\n    #0 0x0 in %s\n\n%s\n%s\n", verdict->oracle,
            verdict->method[0] ? verdict->method : "micro", text_string(&verdict->why), text_string(&script));
    fflush(stderr);
#ifdef HARROW_OWN_LOOP
    _exit(FOUND);
#else
    abort();
#endif
}

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    (void)state;
    if (fresh_run(fresh, c, t, verdict) != 0)
        return; /* no memory to run it */
    if (verdict->oracle)
        report(c);
    whole_mutator_learn(mutator, c, t);
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
