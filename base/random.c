#include "base/random.h"

#include "base/hash.h"

#include <string.h>

static uint64_t splitmix_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

void random_seed(struct random *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        r->state[i] = splitmix_next(&seed);
}

uint64_t random_next(struct random *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
    /* Lemire, "Fast Random Integer Generation in an Interval" (2019): the high half of a 128-bit product, drawn again
     * in the few cases that would favour some results. */
    __extension__ typedef unsigned __int128 wide;
    if (bound == 0)
        return 0;
    wide product = (wide)random_next(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t floor = (0 - bound) % bound;
        while ((uint64_t)product < floor)
            product = (wide)random_next(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

int64_t random_range(struct random *r, int64_t low, int64_t high)
{
    if (low >= high)
        return low;
    uint64_t count = (uint64_t)high - (uint64_t)low + 1; /* 0: all 2^64 of them */
    uint64_t offset = count ? random_below(r, count) : random_next(r);
    uint64_t result = (uint64_t)low + offset;
    int64_t value;
    memcpy(&value, &result, sizeof value);
    return value;
}

double random_unit(struct random *r)
{
    return (double)(random_next(r) >> 11) * 0x1p-53;
}

void random_bytes(struct random *r, void *out, size_t len)
{
    unsigned char *to = out;
    while (len > 0) {
        uint64_t word = random_next(r);
        /* Byte by byte, so that big-endian machines replay the same run. */
        for (int i = 0; i < 8 && len > 0; i++, len--) {
            *to++ = (unsigned char)(word & 0xFF);
            word >>= 8;
        }
    }
}

void random_fork(const struct random *r, const char *purpose, struct random *out)
{
    uint64_t hash = hash_add(HASH_START, bytes_of(purpose));
    for (size_t i = 0; i < 4; i++) {
        uint64_t mixed = r->state[i] ^ hash;
        hash = splitmix_next(&mixed);
        out->state[i] = hash;
    }
    if (!(out->state[0] | out->state[1] | out->state[2] | out->state[3]))
        out->state[0] = 1; /* the one state the generator never leaves */
}
