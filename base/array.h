/* Growable arrays of any type, as macros over a typed struct.
 *
 *     ARRAY(struct flow) flows = {0};
 *     if (!array_push(&flows, flow)) goto out_of_memory;
 *     for (size_t i = 0; i < flows.count; i++) use(&flows.items[i]);
 *     array_deinit(&flows);
 *
 * The array owns its memory, never what its items point to. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY(type)                                                                                                    \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count, capacity;                                                                                        \
    }

/* True when one more item fits, growing if need be. */
#define array_grow(a)        (array_grow_((void **)&(a)->items, &(a)->capacity, (a)->count + 1, sizeof *(a)->items))
#define array_reserve(a, n)  (array_grow_((void **)&(a)->items, &(a)->capacity, (n), sizeof *(a)->items))
#define array_push(a, value) (array_grow(a) ? ((a)->items[(a)->count++] = (value), true) : false)
#define array_pop(a)         ((a)->items[--(a)->count])
#define array_last(a)        (&(a)->items[(a)->count - 1])
/* Remove item i, order kept. */
#define array_remove(a, i)                                                                                             \
    (memmove(&(a)->items[i], &(a)->items[(i) + 1], ((a)->count - (i)-1) * sizeof *(a)->items), (void)(a)->count--)
#define array_clear(a)  ((void)((a)->count = 0))
#define array_deinit(a) (free((a)->items), (a)->items = NULL, (void)((a)->count = (a)->capacity = 0))

bool array_grow_(void **items, size_t *capacity, size_t need, size_t item_size);

#endif
