/* The last lines a system printed, and all of them in a file. */
#ifndef HARROW_SYSTEM_LOG_RING_H
#define HARROW_SYSTEM_LOG_RING_H

#include "base/bytes.h"
#include "base/text.h"
#include "world/world.h"

#define LOG_RING_LINES 256

struct log_ring {
    char *lines[LOG_RING_LINES]; /* owned; oldest at next % LOG_RING_LINES once full */
    size_t next;
    struct world_file *file; /* NULL: kept in memory only */
};

void log_ring_add(struct log_ring *r, struct bytes line);
/* The newest `count` lines that mention `word` (NULL: any), oldest first. */
void log_ring_tail(const struct log_ring *r, const char *word, size_t count, struct text *out);
/* The newest `count` lines of those added after the first `since` of all. */
void log_ring_since(const struct log_ring *r, uint64_t since, size_t count, struct text *out);
void log_ring_deinit(struct log_ring *r);

#endif
