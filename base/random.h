/* Deterministic random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. Never for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t bound);           /* [0, bound), without bias; 0 for bound 0 */
int64_t random_range(struct random *r, int64_t low, int64_t high); /* both ends included */
double random_unit(struct random *r);                              /* [0, 1) */
void random_bytes(struct random *r, void *out, size_t len);
/* A generator of its own for a named purpose, so that adding a draw in one place does not shift all others. */
void random_fork(const struct random *r, const char *purpose, struct random *out);

#endif
