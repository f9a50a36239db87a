/* The corpus on disk: a folder with one file per case (fuzz/case/case.h has the form), named by the case's hash. Many
 * processes share one: a file appears complete (written aside, renamed), the same case has the same name wherever it
 * was found, and each process looks for the others' files now and then. Any file is a case, whatever its name: bytes
 * that are none are one message, or raw bytes, to the target. So libFuzzer's and AFL++'s folders are corpora too.
 *
 * Beside the folder, "<folder>.origin/<process>" has a line for each case this process added: its hash, the hash of
 * what it was made of, the operator, the lane, the seed of the campaign, the execution's number, ns since its start. */
#ifndef FUZZ_LOOP_CORPUS_H
#define FUZZ_LOOP_CORPUS_H

#include "base/map.h"
#include "fuzz/loop/record.h"
#include "fuzz/loop/target.h"
#include "world/world.h"

#define CORPUS_FILE_MAX (FUZZ_CASE_BYTES_MAX + ((size_t)1 << 20)) /* bytes; larger files are not read */

struct fuzz_corpus {
    struct world *world;
    const struct fuzz_target *target; /* what plain bytes mean */
    char *folder;
    uint64_t seed;
    struct map names; /* of files read or written */
    struct world_file *origins;
    struct text buffer;
    struct fuzz_case scratch;
    size_t refused; /* files that could not be read: too large, or not a file */
};

/* Makes the folder when it is not there. `folder` and `target` as they are at the start; copied and borrowed. */
int fuzz_corpus_open(struct fuzz_corpus *c, struct world *w, const char *folder, const struct fuzz_target *target,
                     uint64_t seed, struct error *err);
void fuzz_corpus_close(struct fuzz_corpus *c);
/* Files that were not there before, in the order of their names. `each` may stop with a negative code. */
int fuzz_corpus_scan(struct fuzz_corpus *c, int (*each)(void *arg, const struct fuzz_case *fresh, const char *name),
                     void *arg, struct error *err);
/* Fine when it is there already. */
int fuzz_corpus_add(struct fuzz_corpus *c, const struct record *r, struct error *err);
void fuzz_corpus_name(uint64_t hash, char out[17]);

#endif
