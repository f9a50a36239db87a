/* A finding of a campaign once more: its case against the target, in this process and alone, and a test of it. */
#ifndef FUZZ_LOOP_REPLAY_H
#define FUZZ_LOOP_REPLAY_H

#include "fuzz/loop/target.h"

/* Sets the target up, runs the case, takes it down. `file`: a script (docs/fuzz-cases.md) or a case file. 0: nothing is
 * wrong with it; 1: the target's verdict is in `why` (may be NULL); negative: it could not be run. What kills does. */
int replay_run(const struct fuzz_target *target, struct bytes file, struct text *why, struct error *err);
/* The source of a cmocka program that fails while the target still shows it. `title` goes into its first comment. */
void replay_test_source(const struct fuzz_target *target, const char *title, struct bytes script, struct text *out);

#endif
