/* Durations counted in buckets whose width grows with them: 16 to each doubling, as of an HdrHistogram with four bits,
 * so that what is read off is at most 1/16 too great. Of a fixed size; nothing is allocated but its JSON.
 *
 * As members of a line of the result stream (docs/results.md): scale (16: buckets to a doubling), count, sum, min, max
 * (ns), and buckets, those that are not empty, as pairs of the shortest duration in it (ns) and how many there are. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SCALE   16
#define HISTOGRAM_BUCKETS 976 /* for all of 64 bits */

/* Zeroed it is empty. `min` and `max` mean nothing then. Counts and the sum stop at their greatest value. */
struct histogram {
    uint64_t count, sum, min, max; /* ns but for the count */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

size_t histogram_bucket(uint64_t ns);
uint64_t histogram_bucket_first(size_t bucket); /* shortest duration in it */
uint64_t histogram_bucket_last(size_t bucket);  /* and longest */

void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* By nearest rank, 0 < q <= 1: the longest duration that falls into its bucket, and at most `max`. 0 of an empty one.
 */
uint64_t histogram_quantile(const struct histogram *h, double q);

/* Sets the members above. False: out of memory. */
bool histogram_put(const struct histogram *h, json_t *members);
/* Adds what such members say. ERROR_UNSUPPORTED: of another scale, nothing was added. ERROR_INVALID: *why says what was
 * expected (a static text). */
int histogram_read(const json_t *members, struct histogram *h, const char **why);

#endif
