/* Bump allocation for data that dies together: one arena a call, a run, a document.
 *
 * Blocks grow from the first size by doubling up to ARENA_BLOCK_MAX; a larger request gets a block of its own. Nothing
 * is freed one by one. Memory is zeroed. NULL when the system has none left, or when `limit` would be passed. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX ((size_t)1 << 20)

struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out in all */
    size_t limit;               /* 0: none */
};

#define ARENA_INIT ((struct arena){0})

void *arena_alloc(struct arena *a, size_t size);             /* aligned for any type */
void *arena_alloc_n(struct arena *a, size_t n, size_t size); /* NULL too when n * size overflows */
void *arena_copy(struct arena *a, const void *data, size_t size);
char *arena_string(struct arena *a, const char *string);             /* NULL gives NULL */
char *arena_string_n(struct arena *a, const char *data, size_t len); /* NUL added */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);  /* everything handed out is gone; one block is kept for reuse */
void arena_deinit(struct arena *a); /* all memory returned; usable again afterwards */

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_NEW_N(a, type, n) ((type *)arena_alloc_n((a), (n), sizeof(type)))

#endif
