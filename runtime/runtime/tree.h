/* All entries of a folder, folders before what is in them, in order of names. Links to folders are left out, so that
 * no circle is walked, as is what version control keeps (.git). Bounded by UNPACK_ENTRIES_MAX and TREE_DEPTH_MAX. */
#ifndef RUNTIME_RUNTIME_TREE_H
#define RUNTIME_RUNTIME_TREE_H

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "world/world.h"

#define TREE_DEPTH_MAX 32

struct tree_entry {
    const char *name; /* relative */
    bool directory, executable;
    uint64_t size;
};
struct tree {
    struct arena arena;
    ARRAY(struct tree_entry) entries;
    uint64_t size; /* of all files */
};
/* The tree is to be given back also after an error. */
int tree_read(struct world *w, const char *root, struct tree *out, struct error *err);
void tree_deinit(struct tree *t);
/* The part behind the last slash. */
const char *tree_base_name(const char *name);

#endif
