/* Linearizability of transactions over several registers: reads and writes that take effect at once.
 *
 * A transaction is reduced to what it asks of the registers before it (the first read of each, unless it wrote that
 * one itself) and what it leaves in them. Keys that no transaction has together are independent (linearizability is
 * local), so the keys fall into groups that are decided one by one.
 *
 * The method is just-in-time linearization (Lowe, "Testing for linearizability", 2017) as a frontier along the events:
 * a configuration is what the registers hold, which open transactions must still be placed, and which can be. Nothing
 * is placed before the end of some transaction demands it, and then only what that one needs:
 *   - What only reads is placed as soon as the registers hold what it saw.
 *   - What asks for nothing and writes a part of what a later transaction writes, unseen by that one, may stand hidden
 *     just before it: it need not be placed any more, but still can be.
 *   - Of what is placed before the one that ends, each part has to share a register with a later one; what shares none
 *     could as well come after it, and is placed when its own end demands it.
 *   - A configuration of the same registers that leaves no less open replaces another.
 * It is exact, and exponential in how many transactions of one group are open at a time. */
#ifndef CHAOS_CHECK_TRANSACTION_GROUP_H
#define CHAOS_CHECK_TRANSACTION_GROUP_H

#include "chaos/check/inside.h"

/* The operations of keys that belong together, rising; out->key is one of those. 0 with the verdict, or ERROR_MEMORY.
 */
int transaction_group(const struct history *h, const uint32_t *operations, size_t count, struct budget *b,
                      struct check_result *out);

#endif
