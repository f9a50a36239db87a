/* Fuzzing a running system from its descriptors: cases (fuzz/case/case.h) of one or more calls, drawn, fed forward from
 * reply to request, and changed, against every method of a target.
 *
 * What is wrong is judged call by call (fuzz/live/judge.h) and over the sequence (fuzz/sequence/check.h), run again
 * alone, made smaller, and kept as a script that replays it. docs/fuzzing.md tells the rest. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "rpc/target.h"

struct fuzz_options {
    uint64_t seed;
    uint64_t budget;            /* ns; 0: no limit */
    uint64_t (*now)(void *arg); /* the clock the budget is counted by; NULL: the target's world */
    void *now_arg;
    int64_t inputs_max;  /* calls; 0: no limit */
    const char *filter;  /* methods whose path contains this; NULL: all */
    int in_flight;       /* cases, per component; 0: 16 */
    bool access;         /* every method is meant to need a token: one that works without is a finding */
    bool stock;          /* the target uses gRPC's own libraries: INTERNAL is their answer to what does not decode */
    uint64_t hang_after; /* ns without an answer that is a finding; 0: 5 s */
    const char *corpus;  /* folder for findings' cases; NULL: none are written */
    /* Files of the harness: its disk is the real one even when the target is simulated. `read` appends. */
    int (*write)(void *arg, const char *path, struct bytes content, struct error *err);
    int (*read)(void *arg, const char *path, struct text *out, struct error *err);
    void *file_arg;
    const char *replay; /* command before " --input FILE": "harrow replay" */
    const char *input;  /* run only the case in this file, a script or a case as bytes */
};
struct fuzz_summary {
    int64_t cases, inputs, answered, findings, methods; /* inputs: calls */
    int64_t statuses[17];
    uint64_t duration;
};
int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err);

#endif
