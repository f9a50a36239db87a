/* The features seen so far: how many runs had each, and who is its champion (search.h). */
#ifndef CHAOS_SEARCH_FEATURES_H
#define CHAOS_SEARCH_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEATURE_NONE SIZE_MAX

struct feature {
    uint64_t key;
    uint32_t hits;  /* runs that had it; stays at its most */
    uint32_t owner; /* the champion's number; UINT32_MAX: none */
};
struct features {
    struct feature *items; /* in the order they came */
    size_t count, capacity;
    uint32_t *slots; /* open addressing: number + 1; 0: free */
    size_t slot_count;
};
void features_deinit(struct features *f);
size_t features_find(const struct features *f, uint64_t key); /* FEATURE_NONE: it is new */
/* Its place, new if need be; FEATURE_NONE: no memory, or more than `max` of them. */
size_t features_add(struct features *f, uint64_t key, size_t max);

#endif
