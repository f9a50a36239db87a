#include "chaos/check/zone.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)16) /* sorted by insertion */

static bool before(const struct zone *a, const struct zone *b)
{
    return a->first_end != b->first_end ? a->first_end < b->first_end : a->value < b->value;
}

static void insertion_sort(struct zone *z, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (!before(&z[i], &z[i - 1]))
            continue;
        struct zone moved = z[i];
        size_t at = i;
        for (; at > 0 && before(&moved, &z[at - 1]); at--)
            z[at] = z[at - 1];
        z[at] = moved;
    }
}

/* Merges z[0, middle) and z[middle, count), each in order; `spare` has room for the first. */
static void merge(struct zone *z, size_t middle, size_t count, struct zone *spare)
{
    /* What the second part's first does not move, and what the first part's last does not. */
    size_t low = 0;
    for (size_t high = middle; low < high;) {
        size_t half = low + (high - low) / 2;
        if (before(&z[middle], &z[half]))
            high = half;
        else
            low = half + 1;
    }
    size_t end = middle;
    for (size_t high = count; end < high;) {
        size_t half = end + (high - end) / 2;
        if (before(&z[half], &z[middle - 1]))
            end = half + 1;
        else
            high = half;
    }
    size_t left = middle - low, i = 0, right = middle, at = low;
    memcpy(spare, &z[low], left * sizeof *z);
    while (i < left && right < end)
        z[at++] = before(&z[right], &spare[i]) ? z[right++] : spare[i++];
    memcpy(&z[at], &spare[i], (left - i) * sizeof *z);
}

static void sort(struct zone *z, size_t count, struct zone *spare)
{
    for (size_t i = 0; i < count; i += BLOCK)
        insertion_sort(&z[i], count - i < BLOCK ? count - i : BLOCK);
    for (size_t size = BLOCK; size < count; size *= 2)
        for (size_t i = 0; i + size < count; i += 2 * size)
            if (before(&z[i + size], &z[i + size - 1]))
                merge(&z[i], size, count - i < 2 * size ? count - i : 2 * size, spare);
}

/* ---- keys apart ---- */

/* The keys met so far and how many zones each has; open addressing, never more than half full. */
struct keys {
    struct key_count {
        uint32_t key;
        uint32_t number; /* by first appearance, from 1; 0: free */
        size_t zones;
    } * slots;
    size_t slot_count, used;
};

static struct key_count *key_find(const struct keys *k, uint32_t key)
{
    size_t slot = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (k->slot_count - 1);
    while (k->slots[slot].number != 0 && k->slots[slot].key != key)
        slot = (slot + 1) & (k->slot_count - 1);
    return &k->slots[slot];
}

static struct key_count *key_add(struct keys *k, uint32_t key)
{
    if (k->used * 2 >= k->slot_count) {
        struct keys more = {.slot_count = k->slot_count > 0 ? k->slot_count * 4 : 64, .used = k->used};
        more.slots = calloc(more.slot_count, sizeof *more.slots);
        if (more.slots == NULL)
            return NULL;
        for (size_t i = 0; i < k->slot_count; i++)
            if (k->slots[i].number != 0)
                *key_find(&more, k->slots[i].key) = k->slots[i];
        free(k->slots);
        *k = more;
    }
    struct key_count *found = key_find(k, key);
    if (found->number == 0)
        *found = (struct key_count){.key = key, .number = (uint32_t)++k->used};
    return found;
}

static int by_key(const void *a, const void *b)
{
    const struct key_count *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

int zone_sort(struct zone **zones, size_t count)
{
    struct keys keys = {0};
    struct key_count *order = NULL; /* by key; `zones` becomes where the key's next zone goes */
    struct zone *grouped = malloc((count + 1) * sizeof *grouped);
    int code = grouped != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < count; i++) {
        struct key_count *k = key_add(&keys, (*zones)[i].key);
        if (k == NULL)
            code = ERROR_MEMORY;
        else
            k->zones++;
    }
    if (code == 0 && keys.used <= 1) { /* nothing to keep apart: where it is, with spare room that is hardly touched */
        sort(*zones, count, grouped);
        free(grouped);
        free(keys.slots);
        return 0;
    }
    if (code == 0 && (order = malloc((keys.used + 1) * sizeof *order)) == NULL)
        code = ERROR_MEMORY;
    if (code == 0) {
        size_t n = 0, at = 0;
        for (size_t i = 0; i < keys.slot_count; i++)
            if (keys.slots[i].number != 0)
                order[n++] = keys.slots[i];
        qsort(order, n, sizeof *order, by_key);
        for (size_t i = 0; i < n; i++) {
            key_find(&keys, order[i].key)->zones = at;
            at += order[i].zones;
        }
        for (size_t i = 0; i < count; i++)
            grouped[key_find(&keys, (*zones)[i].key)->zones++] = (*zones)[i];
        at = 0;
        for (size_t i = 0; i < n; i++) {
            sort(&grouped[at], order[i].zones, *zones); /* the old places serve as spare room */
            at += order[i].zones;
        }
        free(*zones);
        *zones = grouped;
        grouped = NULL;
    }
    free(grouped);
    free(order);
    free(keys.slots);
    return code;
}
