/* What the parts of the worker share: worker.c, snapshot.c. */
#ifndef FUZZ_LOOP_WORKER_INTERNAL_H
#define FUZZ_LOOP_WORKER_INTERNAL_H

#include "fuzz/loop/worker.h"

void worker_run(struct worker *w, const struct fuzz_case *c);
bool worker_is_over(const struct worker_shared *s);
/* The mutant is in `scratch[*at]`. ERROR_NOT_FOUND: none was made. */
int worker_mutate(struct worker *w, const struct fuzz_case *parent, const struct fuzz_case *other, size_t *at,
                  struct mutated *did);
void worker_add_features(struct cover *cover, const struct fuzz_trace *t);
/* What the run reached: every edge, or those it was the first to reach. At once after it: what the loop itself calls
 * (base/, world/) is counted too, and a counter that moved on would never be marked with the class it had. */
bool worker_look(struct worker *w, struct record *r, bool all);
/* Tells the parent of a case; `keep`: and takes it up. */
int worker_report(struct worker *w, const struct fuzz_case *c, struct record *r, bool keep);
void worker_credit(struct worker *w, const struct mutated *did, bool found);

/* snapshot.c: a batch of mutants that differ from their parent only behind some point of it, each a copy of this
 * process as it is at that point. Does nothing where the case has no such point. */
int snapshot_batch(struct worker *w, const struct pool_entry *parent, const struct fuzz_case *other);

#endif
