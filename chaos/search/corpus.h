/* The corpus of a search on disk: a folder with one file per trial (trial.h), named by the trial's hash,
 * "0123456789abcdef.yaml". Files appear complete or not at all, and the same trial has the same name whoever found it,
 * so that several processes may share a folder. Files of other names, put there by people, are read as well and never
 * removed. A file that cannot be used is told, and left alone. */
#ifndef CHAOS_SEARCH_CORPUS_H
#define CHAOS_SEARCH_CORPUS_H

#include "base/map.h"
#include "chaos/search/trial.h"
#include "world/world.h"

#define TRIAL_CORPUS_FILES_MAX 16384 /* more are not read */

struct trial_corpus {
    struct world *world; /* NULL: there is no folder, and everything else does nothing */
    char *folder;
    struct map names; /* of files read or written */
    ARRAY(struct trial) fresh;
};
int trial_corpus_open(struct trial_corpus *c, struct world *w, const char *folder, struct error *err);
void trial_corpus_close(struct trial_corpus *c);
/* Files that were not there before become `fresh`, in the order of their names. What cannot be used is told. */
int trial_corpus_scan(struct trial_corpus *c, struct target *target, const struct chaos_options *base,
                      struct text *told, struct error *err);
int trial_corpus_add(struct trial_corpus *c, const struct trial *t, const char *comment, struct error *err);
int trial_corpus_remove(struct trial_corpus *c, uint64_t name); /* fine when there is none */

#endif
