/* Zones of the register checker: what the operations on one written value span. check_register.c tells the method. */
#ifndef CHAOS_ZONE_H
#define CHAOS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_NONE UINT32_MAX

struct zone {
    int64_t value;
    uint64_t first_end, last_invoked; /* f and s, in times one more than the history's */
    uint32_t key;
    uint32_t ends_at, begins_at; /* indices of the operations they come from; ZONE_NONE: the absent value's write */
    uint32_t write;              /* ZONE_NONE: none seen */
    bool read, known;            /* somebody read it; the write was acknowledged */
};

/* Orders by key, then by first end. For one key this is a merge sort from the bottom up that leaves out of every merge
 * what is in place already, so zones that are almost in order take little more than one look at each. */
int zone_sort(struct zone **zones, size_t count); /* 0 or ERROR_MEMORY; may replace *zones */

#endif
