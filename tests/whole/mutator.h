/* The mutator of the whole runtime: new sequences from the producer-consumer graph (fuzz/sequence), changes to kept
 * cases (fuzz/case/mutate_case.h), trouble around calls (faults, time, disks, schedules), and suffixes: one kept case's
 * beginning with ever other ends, which fresh.h runs from a world saved in mid-sequence.
 *
 * What came of a case is learnt from its trace, in the process that runs it. */
#ifndef TESTS_WHOLE_MUTATOR_H
#define TESTS_WHOLE_MUTATOR_H

#include "fuzz/loop/mutator.h"
#include "fuzz/sequence/sequence.h"
#include "tests/whole/fresh.h"

struct whole_mutator {
    struct fresh *fresh;
    struct message_mutator messages; /* what it knows of operators */
    struct sequence_graph *graph;    /* learns */
    struct sequence *sequence;
    struct sequence_plan plan; /* of the last case that was made from the graph */
    uint64_t planned;          /* that case's hash; 0: none */
    const char *components[32];
    struct case_source source;
    struct fuzz_case base; /* whose suffixes are tried */
    size_t base_events, base_left;
};

int whole_mutator_init(struct whole_mutator *m, struct fresh *f, struct error *err);
void whole_mutator_deinit(struct whole_mutator *m);
struct fuzz_mutator whole_mutator(struct whole_mutator *m);
/* What came of a case, whoever made it. */
void whole_mutator_learn(struct whole_mutator *m, const struct fuzz_case *c, const struct fuzz_trace *t);

#endif
