#include "base/array.h"

#include <stdint.h>
#include <string.h>

#define ARRAY_CAPACITY_MIN ((size_t)8) /* items */

bool array_grow_(void **items, size_t *capacity, size_t need, size_t item_size)
{
    if (need <= *capacity)
        return true;
    size_t most = SIZE_MAX / 2 / item_size;
    if (need > most)
        return false;
    size_t larger = *capacity < ARRAY_CAPACITY_MIN ? ARRAY_CAPACITY_MIN : *capacity;
    while (larger < need)
        larger = larger > most / 2 ? most : larger * 2;
    /* The pointer's declared type is that of the item, so it is read and written as bytes. */
    void *data;
    memcpy(&data, items, sizeof data);
    data = realloc(data, larger * item_size);
    if (!data)
        return false;
    memcpy(items, &data, sizeof data);
    *capacity = larger;
    return true;
}
