/* The mutators that ship with the loop: one message (or run of raw bytes) of a case is changed by its method's type
 * where the pool knows it, and everything else is copied; with `calls`, one change in CASE_SHARE goes to the case as a
 * whole (fuzz/case/mutate_case.h) instead. The result holds only what it needs.
 *
 * The message of another case is the partner of a crossover. Raw bytes and messages of unknown methods are changed as
 * bytes, whatever the lane. What was learnt of operators and defects stands in memory shared with forked workers, so
 * that it outlives them. */
#ifndef FUZZ_LOOP_MUTATOR_H
#define FUZZ_LOOP_MUTATOR_H

#include "fuzz/case/generate_case.h"
#include "fuzz/loop/target.h"
#include "world/mapping.h"

#define CASE_SHARE 4

struct message_mutator {
    const struct pb_pool *pool; /* NULL: everything is bytes */
    const struct dictionary *dictionary;
    struct world_mapping shared; /* struct mutate_learning */
    struct text scratch, scratch_wire;
    /* The last path looked up: mostly it is the same one. */
    char path[256];
    const struct pb_type *type;
    bool calls;
    const struct pb_method **methods; /* all of the pool's */
    struct case_source source;
};

/* ERROR_MEMORY: it is empty, and may be deinit'ed. */
int message_mutator_init(struct message_mutator *m, const struct pb_pool *pool, bool calls);
void message_mutator_deinit(struct message_mutator *m);
struct fuzz_mutator message_mutator(struct message_mutator *m);

#endif
