/* Token buckets, one for each caller: `rate` requests a second on average, `burst` at once. A bucket is kept while it
 * is not full again; at most LIMITER_BUCKETS_MAX, then the one used longest ago makes room (a caller who comes back is
 * then taken for a new one: the limit errs on the caller's side, memory does not grow). */
#ifndef RUNTIME_API_LIMITER_H
#define RUNTIME_API_LIMITER_H

#include "base/map.h"

#include <stdint.h>

#define LIMITER_BUCKETS_MAX 10000
#define LIMITER_KEY_MAX     320 /* bytes of a caller's name, its NUL included; longer ones are cut */

struct api_bucket;
struct api_limiter {
    double rate, burst; /* rate 0: no limit */
    struct map buckets;
    struct api_bucket *newest, *oldest;
    size_t count;
};
struct api_limit {
    uint32_t limit, remaining; /* the burst, and what is left of it */
    uint32_t reset, retry;     /* seconds until all is there again; until one is, 0 when one was */
};

void api_limiter_init(struct api_limiter *l, double rate, double burst);
void api_limiter_deinit(struct api_limiter *l);
/* Takes one at `now` (monotonic ns). True when there was one, when there is no limit and when there is no memory. */
bool api_limiter_take(struct api_limiter *l, const char *caller, uint64_t now, struct api_limit *out);

#endif
