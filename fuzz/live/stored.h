/* The stored corpus of live campaigns: the folder of fuzz/loop/corpus.h, which processes share and later campaigns
 * continue. A case goes in when it showed something new, or was found guilty of something; each comes with a line that
 * says what it was made of, by which operator, and when. Cases others put there are taken in as they appear. */
#ifndef FUZZ_LIVE_STORED_H
#define FUZZ_LIVE_STORED_H

#include "fuzz/live/maker.h"
#include "fuzz/loop/corpus.h"

struct stored {
    struct fuzz_corpus corpus; /* folder NULL: there is none */
    uint64_t started;
    int64_t kept, imported, left_out; /* left out: of another kind of target, or there was no room */
};

/* `folder` NULL: nothing is stored. */
int stored_open(struct stored *s, struct world *files, const char *folder, uint64_t seed, struct error *err);
void stored_close(struct stored *s);
/* Gives the maker what is new in the folder. */
int stored_import(struct stored *s, struct maker *m, struct error *err);
/* `execution`: the case's number. What cannot be written is an error once, and the store is then closed. */
int stored_keep(struct stored *s, const struct made *made, const char *why, int64_t execution, uint64_t now,
                struct error *err);

#endif
