/* A hash map from text to a pointer (uthash beneath). Keys are copied; values are the caller's.
 * Iteration is in order of insertion, so that the same program gives the same order every time. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map_entry;
struct map {
    struct map_entry *entries;
};

#define MAP_INIT ((struct map){0})

bool map_put(struct map *m, const char *key, void *value); /* false: no memory, nothing changed. Replaces. */
bool map_put_n(struct map *m, const void *key, size_t key_len, void *value);
void *map_get(const struct map *m, const char *key); /* NULL when absent */
void *map_get_n(const struct map *m, const void *key, size_t key_len);
void *map_remove(struct map *m, const char *key); /* the value, or NULL when absent */
void *map_remove_n(struct map *m, const void *key, size_t key_len);
size_t map_count(const struct map *m);
void map_deinit(struct map *m); /* frees keys and entries, not the values */

/* for (struct map_entry *e = map_first(m); e; e = map_next(e)). Removing the current entry while walking: take the
 * next one first. */
struct map_entry *map_first(const struct map *m);
struct map_entry *map_next(const struct map_entry *e);
const char *map_key(const struct map_entry *e);
void *map_value(const struct map_entry *e);

#endif
