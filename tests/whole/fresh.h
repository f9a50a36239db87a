/* Every case against the same freshly booted world, without booting it: the world is booted once and gone back to
 * (world/saved.h), or, where a sanitizer owns the memory, every case runs in a fork of it (world/worker.h).
 *
 * Variables of the program go back as well: who runs cases keeps what is to last on the stack or the heap.
 *
 * With saved memory a case may also begin in mid-sequence: what a run of cases has in common at their beginning is run
 * once, the world is saved there, and only what follows is run. Both give the trace a fresh boot gives. */
#ifndef TESTS_WHOLE_FRESH_H
#define TESTS_WHOLE_FRESH_H

#include "tests/whole/whole.h"

#define FRESH_PREFIX_EVENTS 192

struct fresh;
/* Boots the world. `fork`: by forks even where memory could be saved. */
int fresh_new(uint64_t seed, bool fork, struct fresh **out, struct error *err);
void fresh_free(struct fresh *f);
const struct pb_pool *fresh_pool(const struct fresh *f); /* lives as long */

/* Of the next cases the first `events` events are as in `c`: to be run once. 0: nothing is known. */
void fresh_prefix(struct fresh *f, const struct fuzz_case *c, size_t events);
struct fresh_figures {
    uint64_t runs, resumed; /* resumed: begun in mid-sequence */
    size_t pages;           /* copied to go back */
    size_t growth;          /* bytes the world holds more after the last case than before it */
    uint64_t steps;         /* events of the simulation in the last case */
};
/* Runs the case and judges it. `t` and `why` are the caller's; by fork the trace has no replies' bodies. The method of
 * the verdict is "" when it is of no one call. ERROR_MEMORY. */
int fresh_run(struct fresh *f, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out);
void fresh_figures(const struct fresh *f, struct fresh_figures *out);
/* Every event of the simulation as a line, hashed: equal for equal runs. Slow; from the next run on. */
void fresh_trace(struct fresh *f, bool on);
uint64_t fresh_hash(const struct fresh *f); /* of the last run */

#endif
