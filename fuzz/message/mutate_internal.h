/* What the parts of the mutator share: one mutation at work. */
#ifndef FUZZ_MESSAGE_MUTATE_INTERNAL_H
#define FUZZ_MESSAGE_MUTATE_INTERNAL_H

#include "fuzz/message/dictionary.h"
#include "fuzz/message/mutate.h"
#include "fuzz/message/wire_tree.h"

#define MUTATE_DEPTH_MAX 60 /* levels valid mutations build; decoders take PB_DEPTH_MAX */

struct mutate_work {
    struct random *r;
    const struct mutation *m;
    struct wire_tree tree;
    struct text *out;
    size_t base; /* where the result begins in `out` */
    struct mutated *did;
};

struct valid_operator {
    const char *name;
    /* Appends the result; false: it does not apply, or the message would come out as it was, or too large. Then what
     * stands in `out` from `base` means nothing. */
    bool (*apply)(struct mutate_work *w);
};

extern const struct valid_operator valid_operators[];
extern const size_t valid_operator_count;

/* A node that fits: drawn, and if a few draws find none, the first one behind a drawn place. NO_NODE: none. */
#define NO_NODE UINT32_MAX
uint32_t mutate_pick(struct mutate_work *w, bool (*fits)(const struct mutate_work *w, const struct wire_node *n));
/* The content from w->base replaces [at, end) of the message `parent`. False when that is too large or changes
 * nothing. */
bool mutate_finish(struct mutate_work *w, uint32_t parent, uint32_t at, uint32_t end);
/* How many bytes content in place of `removed` others may have, about; mutate_finish() knows for sure. */
size_t mutate_room(const struct mutate_work *w, size_t removed);

/* A value for the field from a source that is drawn. False: from none of the dictionary's. */
bool mutate_known_value(struct mutate_work *w, const struct pb_field *f, struct dictionary_value *out);
bool mutate_value(struct mutate_work *w);     /* another value in place of one */
bool mutate_crossover(struct mutate_work *w); /* something of `other` comes in */

/* Bytes as bytes: appends a mutant of `input`, of at most `max` bytes. */
void mutate_havoc(struct random *r, struct bytes input, struct bytes other, size_t max, struct text *out);

#endif
