/* Fuzzing RPC endpoints from their descriptors: generated and broken messages, sent to every method of a target.
 *
 * Each input is a struct fuzz_input: a method, metadata, and one or more message bytes, made from one 64-bit number by
 * fuzz_make(), so a finding needs no more than its number to be replayed, and a reduced one its file. Three lanes:
 * valid messages, near-valid ones with exactly one named defect, and garbage. docs/fuzzing.md tells the operators and
 * which answers are right for each. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "rpc/target.h"

struct fuzz_options {
    uint64_t seed;
    uint64_t budget;            /* ns; 0: no limit */
    uint64_t (*now)(void *arg); /* the clock the budget is counted by; NULL: the target's world */
    void *now_arg;
    int64_t inputs_max;  /* 0: no limit */
    const char *filter;  /* methods whose path contains this; NULL: all */
    int in_flight;       /* per component; 0: 16 */
    uint64_t hang_after; /* ns without an answer that is a finding; 0: 5 s */
    const char *corpus;  /* folder for findings' inputs; NULL: none are written */
    /* Files of the harness: its disk is the real one even when the target is simulated. `read` appends. */
    int (*write)(void *arg, const char *path, struct bytes content, struct error *err);
    int (*read)(void *arg, const char *path, struct text *out, struct error *err);
    void *file_arg;
    const char *replay; /* command before " --input FILE": "harrow replay" */
    const char *input;  /* run only this input file */
    int64_t only;       /* run only input number N of the seed; -1: all */
};
struct fuzz_summary {
    int64_t inputs, answered, findings, methods;
    int64_t statuses[17];
    uint64_t duration;
};
int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err);

#endif
