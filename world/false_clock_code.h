/* The code that answers for the vDSO in a process whose clock is false, and the numbers it goes by: see false_clock.h.
 * Used by false_clock.c only. */
#ifndef WORLD_FALSE_CLOCK_CODE_H
#define WORLD_FALSE_CLOCK_CODE_H

#include <stdint.h>

#define FALSE_CLOCK_PAGE  4096
#define FALSE_CLOCK_SLOTS 8
#define FALSE_CLOCK_MAGIC UINT64_C(0x6b636f6c43736c46)

/* One is in force; the next is written, then named. */
struct false_clock_slot {
    uint64_t clocks;            /* bit n: clock n is false */
    int64_t offset, base, rate; /* rate: as a share of 2^32 */
};
/* At the start of the second page. The code knows where each member stands. */
struct false_clock_data {
    uint64_t magic;
    uint64_t reads;
    int64_t inside; /* threads in the code */
    uint64_t slot;
    struct false_clock_slot slots[FALSE_CLOCK_SLOTS];
    /* Whose clock was set: forked processes have a copy. */
    int64_t process;
    uint64_t started;
};

#if defined(__x86_64__)
extern const uint8_t false_clock_code[], false_clock_gettime[], false_clock_timeofday[], false_clock_time[],
    false_clock_end[];
#endif

#endif
