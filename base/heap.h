/* What this process's allocator has handed out and not got back, for whoever weighs what something cost: before, while,
 * after. Counted exactly by AddressSanitizer's allocator where it is linked, else as glibc's says it (mallinfo2), which
 * rounds to chunks. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdint.h>

uint64_t heap_in_use(void); /* bytes */

#endif
