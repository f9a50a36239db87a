#include "runtime/service/service.h"

#include <malloc.h>

/* glibc raises both thresholds to the largest block that was ever mapped and freed (malloc(3), M_MMAP_THRESHOLD): one
 * password hashed with scrypt's 16 MiB, and the next one's memory comes from the heap and stays with the process for
 * good. Fixed thresholds map and give back such blocks each time; they cost a system call and the pages' first touch,
 * which for blocks of this size is little beside the work done in them.
 *
 * One arena: a process has one thread that does the work (world/world.h), and each further arena keeps pages of its own
 * for helpers that allocate next to nothing. */
#define MAP_FROM  ((int)256 << 10) /* bytes: larger blocks are mapped one by one */
#define TRIM_FROM ((int)256 << 10) /* bytes free at the heap's end: given back */
#define ARENAS    1

void micro_memory_settle(void)
{
#ifdef __GLIBC__
    /* Refused values change nothing, and nothing depends on them but the size of the process. */
    (void)mallopt(M_MMAP_THRESHOLD, MAP_FROM);
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_FROM);
    (void)mallopt(M_ARENA_MAX, ARENAS);
#endif
}
