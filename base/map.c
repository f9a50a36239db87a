#include "base/map.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An entry that could not be added is told apart by the table it is not in. */
#define HASH_NONFATAL_OOM          1
#define uthash_nonfatal_oom(entry) ((entry)->hh.tbl = NULL)
/* One multiplication for eight bytes; iteration follows insertion, so the hash is not to be seen from outside. */
#define HASH_FUNCTION(key, len, hash) ((hash) = map_hash((key), (len)))

static unsigned map_hash(const void *key, size_t len)
{
    const unsigned char *at = key;
    uint64_t hash = len * UINT64_C(0x9E3779B97F4A7C15);
    while (len > 0) {
        uint64_t word = 0;
        size_t step = len < sizeof word ? len : sizeof word;
        memcpy(&word, at, step);
        hash = (hash ^ word) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 32;
        at += step;
        len -= step;
    }
    return (unsigned)(hash & UINT32_MAX);
}

#include <uthash.h>

struct map_entry {
    UT_hash_handle hh;
    void *value;
    char key[]; /* NUL added */
};

static struct map_entry *find(const struct map *m, const void *key, size_t key_len)
{
    struct map_entry *e = NULL;
    if (m->entries && key_len <= UINT_MAX)
        HASH_FIND(hh, m->entries, key, (unsigned)key_len, e);
    return e;
}

bool map_put_n(struct map *m, const void *key, size_t key_len, void *value)
{
    struct map_entry *e = NULL;
    unsigned hash; /* made once, to look and to add */
    if (key_len > UINT_MAX - sizeof *e - 1)
        return false;
    HASH_VALUE(key, key_len, hash);
    if (m->entries)
        HASH_FIND_BYHASHVALUE(hh, m->entries, key, (unsigned)key_len, hash, e);
    if (e) {
        e->value = value;
        return true;
    }
    e = calloc(1, sizeof *e + key_len + 1);
    if (!e)
        return false;
    if (key_len)
        memcpy(e->key, key, key_len);
    e->value = value;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, m->entries, e->key, (unsigned)key_len, hash, e);
    if (!e->hh.tbl) {
        free(e);
        return false;
    }
    return true;
}

void *map_get_n(const struct map *m, const void *key, size_t key_len)
{
    const struct map_entry *e = find(m, key, key_len);
    return e ? e->value : NULL;
}

void *map_remove_n(struct map *m, const void *key, size_t key_len)
{
    struct map_entry *e = find(m, key, key_len);
    if (!e)
        return NULL;
    void *value = e->value;
    HASH_DEL(m->entries, e);
    free(e);
    return value;
}

bool map_put(struct map *m, const char *key, void *value)
{
    return map_put_n(m, key, strlen(key), value);
}

void *map_get(const struct map *m, const char *key)
{
    return map_get_n(m, key, strlen(key));
}

void *map_remove(struct map *m, const char *key)
{
    return map_remove_n(m, key, strlen(key));
}

size_t map_count(const struct map *m)
{
    return HASH_COUNT(m->entries);
}

void map_deinit(struct map *m)
{
    struct map_entry *e = m->entries;
    HASH_CLEAR(hh, m->entries); /* the table; the entries are still linked */
    while (e) {
        struct map_entry *next = e->hh.next;
        free(e);
        e = next;
    }
}

struct map_entry *map_first(const struct map *m)
{
    return m->entries;
}

struct map_entry *map_next(const struct map_entry *e)
{
    return e->hh.next;
}

const char *map_key(const struct map_entry *e)
{
    return e->key;
}

void *map_value(const struct map_entry *e)
{
    return e->value;
}
