#include "chaos/search/features.h"

#include <stdlib.h>

#define SLOTS_FIRST 1024

void features_deinit(struct features *f)
{
    free(f->items);
    free(f->slots);
    *f = (struct features){0};
}

/* Keys are hashes or small numbers: both spread by a multiplication (Fibonacci hashing). */
static size_t slot_of(const struct features *f, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (f->slot_count - 1);
    while (f->slots[at] != 0 && f->items[f->slots[at] - 1].key != key)
        at = (at + 1) & (f->slot_count - 1);
    return at;
}

size_t features_find(const struct features *f, uint64_t key)
{
    if (f->slot_count == 0)
        return FEATURE_NONE;
    uint32_t number = f->slots[slot_of(f, key)];
    return number != 0 ? number - 1 : FEATURE_NONE;
}

/* Both tables for twice as many; half of the slots stay free. */
static bool grow(struct features *f)
{
    size_t slot_count = f->slot_count > 0 ? 2 * f->slot_count : SLOTS_FIRST;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    struct feature *items = slots != NULL ? realloc(f->items, slot_count / 2 * sizeof *items) : NULL;
    if (items == NULL) {
        free(slots);
        return false;
    }
    free(f->slots);
    f->items = items;
    f->capacity = slot_count / 2;
    f->slots = slots;
    f->slot_count = slot_count;
    for (size_t i = 0; i < f->count; i++)
        slots[slot_of(f, items[i].key)] = (uint32_t)i + 1;
    return true;
}

size_t features_add(struct features *f, uint64_t key, size_t max)
{
    size_t found = features_find(f, key);
    if (found != FEATURE_NONE)
        return found;
    if (f->count >= max || (f->count == f->capacity && !grow(f)))
        return FEATURE_NONE;
    f->items[f->count] = (struct feature){.key = key, .owner = UINT32_MAX};
    f->slots[slot_of(f, key)] = (uint32_t)f->count + 1;
    return f->count++;
}
