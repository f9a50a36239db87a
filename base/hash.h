/* FNV-1a with 64 bits (Fowler, Noll and Vo): quick sums that tell things apart. Not against those who look for
 * equal ones. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

#define HASH_START UINT64_C(0xCBF29CE484222325)
/* The sum with a number below 2^32 behind what it has already, as one step. */
static inline uint64_t hash_step(uint64_t sum, uint32_t value)
{
    return (sum ^ value) * UINT64_C(0x100000001B3);
}

/* The sum with these bytes behind what it has already. */
static inline uint64_t hash_add(uint64_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = hash_step(sum, bytes.data[i]);
    return sum;
}

/* The same with a word and its end, so that "a", "bc" is not "ab", "c". */
static inline uint64_t hash_word(uint64_t sum, const char *word)
{
    return hash_step(hash_add(sum, bytes_of(word)), 0x1f);
}

#endif
