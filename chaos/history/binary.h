/* The binary form of a history. All numbers are varints (7 bits a byte, the low ones first) unless said otherwise.
 *
 *   file       magic (8 bytes; the last is the version), blocks
 *   block      length of the payload (4 bytes, low first), its CRC-32C (4 bytes, low first), payload
 *   payload    number of new key names, each: length, bytes; the same of new texts; number of ends, ends;
 *              number of operations, operations
 *   operation  function & 15 | end << 4 | VALUE | MORE (a byte); with MORE: OTHER | LIST | REVISION | HIGH (a byte;
 *              HIGH: 16 is added to the function);
 *              process; key; invoked since the operation before; with ok and fail: its duration;
 *              value; other; list; revision, as the flags say
 *   end        of an operation in an earlier block: its index, less the one of the end before; then as an operation,
 *              but without process, key and invocation: all of what it was, the function too
 *
 * A value is the zigzag difference to the last one of its key in the block (keys share 64 places); so is `other`; a
 * revision is the difference to the one before. A list is its length and items, each the difference to the one two
 * before it, for pairs, and of a transaction to the one three before. A block needs nothing from others but the names
 * and the operations before it.
 *
 * An operation of a register takes 10 to 13 bytes, against 200 as JSON lines and 48 in memory. Internal. */
#ifndef CHAOS_HISTORY_BINARY_H
#define CHAOS_HISTORY_BINARY_H

#include "chaos/history/history.h"

#define BINARY_MAGIC      "\x89HISTRY\x01"
#define BINARY_MAGIC_SIZE ((size_t)8)
#define BINARY_VERSION    1
#define BINARY_HEAD_SIZE  ((size_t)8)       /* of a block */
#define BINARY_BLOCK      ((size_t)4096)    /* operations of a block when a whole history is written */
#define BINARY_BLOCK_MAX  ((size_t)1 << 30) /* bytes of a payload */
#define BINARY_PLACES     64

enum { BINARY_VALUE = 0x40, BINARY_MORE = 0x80 };
enum { BINARY_OTHER = 1, BINARY_LIST = 2, BINARY_REVISION = 4, BINARY_HIGH = 8 };
enum { BINARY_FUNCTION = 0xF }; /* of the first byte */

/* How far before an item of a list the one stands that it is written as the difference to. */
static inline size_t binary_list_step(unsigned function)
{
    return function == OPERATION_TXN ? PART_SIZE : 2;
}

#endif
