/* The mutators that ship with the loop: one message (or run of raw bytes) of a case is changed by its method's type
 * where the pool knows it, and everything else is copied; with `calls`, one change in CASE_SHARE goes to the case as a
 * whole (fuzz/case/mutate_case.h) instead. The result holds only what it needs.
 *
 * Of a case that is held (target.h) a message is read once for all its mutants.
 *
 * The message of another case is the partner of a crossover. Raw bytes and messages of unknown methods are changed as
 * bytes, whatever the lane.
 *
 * Of what the target compared, wanted values go to the dictionary; where one field is known to follow from another (its
 * length, a checksum), valid mutants have it right but for one in RELATION_BROKEN. */
#ifndef FUZZ_LOOP_MUTATOR_H
#define FUZZ_LOOP_MUTATOR_H

#include "fuzz/case/generate_case.h"
#include "fuzz/loop/target.h"
#include "fuzz/message/relation.h"
#include "fuzz/message/wire_tree.h"
#include "world/mapping.h"

#define CASE_SHARE      4
#define RELATION_BROKEN 16

struct mutator_shared {
    struct mutate_learning learning;
    struct relations relations;
};

struct message_mutator {
    const struct pb_pool *pool; /* NULL: everything is bytes */
    /* In memory shared with workers, so that what they learn outlives them. */
    struct world_mapping shared, values;
    struct mutator_shared *learnt; /* of operators, and which fields follow from others */
    struct dictionary *dictionary;
    struct text scratch, scratch_wire;
    /* The last path looked up: mostly it is the same one. */
    char path[256];
    const struct pb_type *type;
    /* The fields of one message of the case that is held, mended where it was broken. */
    struct {
        const struct fuzz_case *parent; /* NULL: none */
        size_t event;                   /* SIZE_MAX: none was read yet */
        const struct pb_type *type;
        struct wire_tree tree;
        struct wire_node nodes[WIRE_TREE_NODES];
        struct text mended;
    } held;
    bool calls;
    const struct pb_method **methods; /* all of the pool's */
    struct case_source source;
};

/* ERROR_MEMORY: it is empty, and may be deinit'ed. */
int message_mutator_init(struct message_mutator *m, const struct pb_pool *pool, bool calls);
void message_mutator_deinit(struct message_mutator *m);
struct fuzz_mutator message_mutator(struct message_mutator *m);

#endif
