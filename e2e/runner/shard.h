/* Dividing work into shards: which part each item goes to, so that the heaviest part is as light as can be found. The
 * same items give the same parts on every machine: nothing is drawn, and the search ends after a fixed number of steps.
 *
 * The heaviest item goes first, always to the part that is lightest; then the heaviest part gives items away, or
 * changes them for lighter ones, as long as that helps; few items are searched through. */
#ifndef E2E_SHARD_H
#define E2E_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* parts[i], from 0, for each of `count` weights (their sum fits in 64 bits). False: no memory. */
bool shard_divide(const uint64_t *weights, size_t count, size_t shards, size_t *parts);

#endif
