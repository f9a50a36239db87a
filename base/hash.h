/* FNV-1a with 64 bits (Fowler, Noll and Vo): quick sums that tell things apart. Not against those who look for
 * equal ones. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

#define HASH_START UINT64_C(0xCBF29CE484222325)
/* The sum with these bytes behind what it has already. */
static inline uint64_t hash_add(uint64_t sum, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(0x100000001B3);
    return sum;
}

#endif
