/* A case on its way between the loop's parent and its worker, in one piece of memory: what it is, what it reached that
 * was new, and where it came from. Written by one side into a ring, read in place by the other; pointers in it are to
 * static storage, which is at the same place in both (the worker is a fork). Ends in a checksum, since a worker's last
 * words may have been overwritten. */
#ifndef FUZZ_LOOP_RECORD_H
#define FUZZ_LOOP_RECORD_H

#include "fuzz/case/case.h"

struct record_head {
    uint64_t check;
    uint64_t hash, parent; /* of the case; of the one it was made of, 0: none */
    uint64_t execution;    /* its number */
    uint64_t time;         /* ns since the campaign's start */
    const char *what;      /* operator, or "seed", "import" */
    uint32_t lane;
    uint32_t number; /* the importer's, when it was asked for */
    uint32_t event_count, feature_count, edge_count, data_len;
};

struct record {
    struct record_head head;
    const struct fuzz_event *events;
    const uint64_t *features;
    const uint32_t *edges;
    const uint8_t *classes;
    const char *data;
};

size_t record_size(const struct record *r);
void record_write(const struct record *r, void *out); /* record_size() bytes, aligned to 8 */
/* False: it is not whole. `out` points into `in`. */
bool record_read(const void *in, size_t len, struct record *out);
/* The case as one to read from, not to change and not to free. */
struct fuzz_case record_case(const struct record *r);
void record_set_case(struct record *r, const struct fuzz_case *c);

#endif
