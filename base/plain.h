/* JSON text eight bytes at a time: most of it stands for itself. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_AT_ONCE          sizeof(uint64_t)
#define PLAIN_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* How many of the eight bytes from `data` on come before the first that may not stand in a JSON string as it is, or,
 * with `beyond` 0x80, that is not ASCII. 0 for `beyond`: those may. */
static inline size_t plain_of_eight(const char *data, unsigned char beyond)
{
    uint64_t eight;
    memcpy(&eight, data, sizeof eight);
    eight = le64toh(eight); /* the first byte is the lowest */
    /* A byte that is too small borrows, which sets its highest bit, and may set that of the one above it: the lowest
     * that is set is right. One whose own highest bit is set is not too small. */
    uint64_t quote = eight ^ PLAIN_EACH_BYTE('"'), backslash = eight ^ PLAIN_EACH_BYTE('\\');
    uint64_t small = ((eight - PLAIN_EACH_BYTE(0x20)) & ~eight) | ((quote - PLAIN_EACH_BYTE(1)) & ~quote) |
                     ((backslash - PLAIN_EACH_BYTE(1)) & ~backslash);
    uint64_t found = (small & PLAIN_EACH_BYTE(0x80)) | (eight & PLAIN_EACH_BYTE(beyond));
    return found != 0 ? (size_t)__builtin_ctzll(found) / 8 : PLAIN_AT_ONCE;
}

#endif
