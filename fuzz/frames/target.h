/* Frames in memory (fuzz/frames/memory.h) as something to fuzz: for our own loop, for libFuzzer and for AFL++.
 *
 * In process a finding is a crash: when the server breaks a rule, hangs, answers an operator wrongly or answers with
 * far more than it was sent, run() says so on standard error and aborts. */
#ifndef FUZZ_FRAMES_TARGET_H
#define FUZZ_FRAMES_TARGET_H

#include "fuzz/loop/target.h"

extern const struct fuzz_target frames_target;
/* Its parts, for programs that define a `fuzz_target` of their own. */
int frames_target_setup(void **state, const struct pb_pool **pool, struct error *err);
void frames_target_teardown(void *state);
void frames_target_run(void *state, const struct fuzz_case *c, struct fuzz_trace *t);
#define FRAMES_TARGET                                                                                                  \
    {                                                                                                                  \
        .name = "frames", .summary = "HTTP/2 frames against a server in memory", .setup = frames_target_setup,         \
        .teardown = frames_target_teardown, .run = frames_target_run, .mutator = &frames_mutator, .seed = frames_seed  \
    }
/* Mutates by fuzz/frames/mutate.h; `arg` is not used. Lanes make no difference below gRPC: all of it is near-valid. */
extern const struct fuzz_mutator frames_mutator;

/* Cases to begin with: one of each operator, floods cut short. ERROR_NOT_FOUND: there are no more. */
int frames_seed(size_t i, struct fuzz_case *out);

#endif
