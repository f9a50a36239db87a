#include "base/heap.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

/* There when the program is linked with AddressSanitizer. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* glibc counts what it keeps for the thread's next requests as handed out: up to TCACHE_COUNT pieces of each size. They
 * are made as many as can be, so that it is the same each time. */
#define TCACHE_COUNT 7
#define TCACHE_FIRST 24
#define TCACHE_STEP  16
#define TCACHE_LAST  1032

static void fill_thread_cache(void)
{
    void *volatile pieces[TCACHE_COUNT];
    for (size_t size = TCACHE_FIRST; size <= TCACHE_LAST; size += TCACHE_STEP) {
        for (size_t i = 0; i < TCACHE_COUNT; i++)
            pieces[i] = malloc(size);
        for (size_t i = 0; i < TCACHE_COUNT; i++)
            free(pieces[i]);
    }
}

uint64_t heap_in_use(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    fill_thread_cache();
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}
