/* The configurations of one group's frontier (transaction_group.h), and pools that keep of equal ones those that leave
 * the most open. For transaction_group.c. */
#ifndef CHAOS_CHECK_TRANSACTION_FRONTIER_H
#define CHAOS_CHECK_TRANSACTION_FRONTIER_H

#include "chaos/check/inside.h"
#include "chaos/check/timeline.h"

struct part {
    uint32_t key, value; /* numbers within the group */
};

struct task {
    uint32_t operation;
    uint32_t reads, writes;           /* where its parts begin */
    uint32_t read_count, write_count; /* what it asks for; what it leaves */
    bool must;
};

/* Configurations of `stride` words: registers, two to a word; must; usable; and in trails: placed, not yet needed. */
struct pool {
    uint64_t *items;
    uint32_t *chain, *buckets;
    bool *dead;
    size_t count, capacity, bucket_count;
};

struct group {
    const struct history *h;
    struct budget *budget;
    struct task *tasks;
    uint32_t *operations;
    size_t task_count, key_count, words, stride;
    ARRAY(struct part) parts;
    struct table keys, values;
    struct timeline line;
    uint32_t *task_of;  /* by slot */
    uint64_t *touching; /* by key: the open tasks that read or write it */
    uint64_t *open, *relevant, *room;
    struct pool now, later, trails;
    size_t taken, ended; /* bytes; operations explained */
};

static inline const struct part *reads_of(const struct group *g, const struct task *t)
{
    return &g->parts.items[t->reads];
}

static inline const struct part *writes_of(const struct group *g, const struct task *t)
{
    return &g->parts.items[t->writes];
}

static inline uint32_t *registers_of(uint64_t *c)
{
    return (uint32_t *)(void *)c;
}

static inline uint64_t *must_of(const struct group *g, uint64_t *c)
{
    return &c[g->stride - 3 * g->words];
}

static inline uint64_t *usable_of(const struct group *g, uint64_t *c)
{
    return &c[g->stride - 2 * g->words];
}

static inline uint64_t *loose_of(const struct group *g, uint64_t *c)
{
    return &c[g->stride - g->words];
}

static inline bool bit_get(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> (i % 64) & 1) != 0;
}

static inline void bit_set(uint64_t *mask, size_t i)
{
    mask[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bit_clear(uint64_t *mask, size_t i)
{
    mask[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* It saw what the registers hold. */
bool group_holds(const struct group *g, const uint32_t *registers, const struct task *t);
bool group_touches(const struct group *g, const struct task *t, uint32_t key);
/* Places what only reads and sees what the registers hold. */
void group_explain(const struct group *g, uint64_t *c);
/* The transaction in `slot` takes effect. */
void group_place(const struct group *g, uint64_t *c, size_t slot);

bool group_pool_room(struct group *g, struct pool *p, size_t capacity);
void group_pool_clear(struct pool *p);
/* Takes a copy unless another one stands for it. False: no room. */
bool group_pool_add(struct group *g, struct pool *p, const uint64_t *c);
void group_pool_deinit(struct pool *p);

#endif
