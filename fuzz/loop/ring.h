/* A queue of records in shared memory, one writer and one reader, which may be different processes: the writer may die
 * at any moment, and what it had committed can still be read.
 *
 * A record lies in one piece; where the end of the memory is too near, the rest is skipped. Sizes are checked on
 * reading, since the writer may have been overwritten by the fault it was looking for. */
#ifndef FUZZ_LOOP_RING_H
#define FUZZ_LOOP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    _Atomic uint64_t written, read; /* bytes ever */
    uint64_t capacity;              /* a multiple of 16 */
    _Alignas(16) uint8_t data[];
};

/* In `size` bytes of zeroed memory. */
void ring_init(struct ring *r, size_t size);
/* Room for a record of `len` bytes, aligned to 16; NULL: the reader is behind (or it can never fit: ring_fits). */
void *ring_reserve(struct ring *r, size_t len);
bool ring_fits(const struct ring *r, size_t len);
void ring_commit(struct ring *r); /* what was reserved last */
/* The oldest record, or NULL. A broken ring is emptied. Stays until ring_consume(). */
const void *ring_peek(struct ring *r, size_t *len);
void ring_consume(struct ring *r);
bool ring_is_empty(const struct ring *r); /* for either side */

#endif
