/* Calls and ends of operations in the order of time, as every search for an order goes along them: invocations before
 * ends at one instant, for such operations overlap. Each operation has a slot, a number that no other one has while it
 * is open, so that sets of open operations are masks of bits. */
#ifndef CHAOS_CHECK_TIMELINE_H
#define CHAOS_CHECK_TIMELINE_H

#include "chaos/check/check.h"

#define TIMELINE_NONE      UINT32_MAX
#define TIMELINE_SLOTS_MAX ((size_t)UINT16_MAX - 1)
/* For each operation, with what it takes while it is made. */
#define TIMELINE_BYTES ((size_t)40)

struct timeline {
    struct timeline_item {
        uint32_t call, end; /* events; `end` TIMELINE_NONE: it has none */
        uint16_t slot;
    } * items;
    uint32_t *events; /* item * 2, + 1 where it ends */
    size_t event_count, slots;
};
/* Operations of the history, rising; those that are not `ends` may take effect at any time or never. 0, ERROR_MEMORY,
 * or ERROR_LIMIT: more than TIMELINE_SLOTS_MAX open at a time. */
int timeline_make(const struct history *h, const uint32_t *operations, const bool *ends, size_t count,
                  struct timeline *out);
void timeline_deinit(struct timeline *t);
/* The verdict of what timeline_make() has no slots for. */
void timeline_too_many(struct check_result *out, uint32_t key);

#endif
