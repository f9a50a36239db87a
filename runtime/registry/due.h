/* What is due when: a binary heap of entries that live in their owners. Putting in may need memory; moving and taking
 * out never do. */
#ifndef RUNTIME_REGISTRY_DUE_H
#define RUNTIME_REGISTRY_DUE_H

#include "base/array.h"

#include <stdint.h>

struct due_entry {
    uint64_t at; /* ns; UINT64_MAX: never */
    size_t slot; /* place in the heap + 1; 0: in none */
};

struct due {
    ARRAY(struct due_entry *) heap;
};

bool due_put(struct due *d, struct due_entry *e, uint64_t at); /* false: no memory */
void due_move(struct due *d, struct due_entry *e, uint64_t at);
void due_remove(struct due *d, struct due_entry *e); /* one that is in none: nothing happens */
struct due_entry *due_first(const struct due *d);    /* NULL: empty */
void due_deinit(struct due *d);

#endif
