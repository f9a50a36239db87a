/* Memory that several processes see: anonymous pages that forked workers inherit (world/worker.h), files mapped shared,
 * and moving a piece of this program's own data into such a file while it stays where it is.
 *
 * Real only, and without a `struct world`: it is used before main() and between processes that share no loop. Depends
 * on the C library alone, so that single objects can be linked with it. Functions return 0 or a negative error_code. */
#ifndef WORLD_MAPPING_H
#define WORLD_MAPPING_H

#include "base/bytes.h"
#include "base/error.h"

struct world_mapping {
    void *data; /* NULL: none */
    size_t size;
};

/* Zeros, shared with processes forked later; memory is taken as it is touched. */
int world_mapping_anonymous(size_t size, struct world_mapping *out);
/* A file that is there, as long as it is now. ERROR_NOT_FOUND, ERROR_INVALID: it is empty. */
int world_mapping_open(const char *path, bool writable, struct world_mapping *out);
void world_mapping_close(struct world_mapping *m);

#define WORLD_MAPPING_HEADER ((size_t)4096) /* bytes in front of the data moved by world_mapping_move() */

/* The pages that [start, end) lies in become a file: `path` appears complete or not at all, and whoever maps it sees
 * what this process writes there. The file begins with `header` (at most WORLD_MAPPING_HEADER bytes, zeros behind),
 * the data follows at the offset that comes back. What stands beside it in the same pages is shared with it: to be done
 * before any thread or fork. ERROR_EXISTS when there is such a file. */
int world_mapping_move(const char *path, struct bytes header, void *start, void *end, uint64_t *offset);
/* Where `start` will be in that file, known before it is made: for the header. */
uint64_t world_mapping_offset(const void *start);

/* The whole pages of [start, end) stay where and as they are and are shared with processes forked later. What stands in
 * the first and last page beside it is not. */
int world_mapping_share(void *start, void *end);

/* This process's number, as file names and headers need it. */
int64_t world_process_self(void);

#endif
