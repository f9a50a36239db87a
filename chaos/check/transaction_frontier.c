#include "chaos/check/transaction_frontier.h"

#include <stdlib.h>
#include <string.h>

bool group_holds(const struct group *g, const uint32_t *registers, const struct task *t)
{
    const struct part *reads = reads_of(g, t);
    for (size_t i = 0; i < t->read_count; i++)
        if (registers[reads[i].key] != reads[i].value)
            return false;
    return true;
}

bool group_touches(const struct group *g, const struct task *t, uint32_t key)
{
    bool found = false;
    for (size_t i = 0; !found && i < t->read_count; i++)
        found = reads_of(g, t)[i].key == key;
    for (size_t i = 0; !found && i < t->write_count; i++)
        found = writes_of(g, t)[i].key == key;
    return found;
}

/* `hidden` asks for nothing, and all it writes is written by `t`, which does not ask for it. */
static bool hides(const struct group *g, const struct task *t, const struct task *hidden)
{
    if (hidden->read_count > 0 || hidden->write_count > t->write_count)
        return false;
    for (size_t i = 0; i < hidden->write_count; i++) {
        uint32_t key = writes_of(g, hidden)[i].key;
        bool written = false;
        for (size_t n = 0; n < t->read_count; n++)
            if (reads_of(g, t)[n].key == key)
                return false;
        for (size_t n = 0; !written && n < t->write_count; n++)
            written = writes_of(g, t)[n].key == key;
        if (!written)
            return false;
    }
    return true;
}

/* What was placed and shares a register with the transaction is not loose any more: something behind it needs it. */
static void tie(const struct group *g, uint64_t *c, const struct task *t)
{
    uint64_t *loose = loose_of(g, c);
    for (size_t i = 0; i < (size_t)t->read_count + t->write_count; i++) { /* its parts stand one behind the other */
        const uint64_t *touching = &g->touching[reads_of(g, t)[i].key * g->words];
        for (size_t w = 0; w < g->words; w++)
            loose[w] &= ~touching[w];
    }
}

void group_explain(const struct group *g, uint64_t *c)
{
    uint64_t *must = must_of(g, c);
    for (size_t w = 0; w < g->words; w++) {
        for (uint64_t left = must[w]; left != 0; left &= left - 1) {
            size_t slot = w * 64 + (size_t)__builtin_ctzll(left);
            const struct task *t = &g->tasks[g->task_of[slot]];
            if (t->write_count == 0 && group_holds(g, registers_of(c), t)) {
                bit_clear(must, slot);
                tie(g, c, t);
            }
        }
    }
}

void group_place(const struct group *g, uint64_t *c, size_t slot)
{
    const struct task *t = &g->tasks[g->task_of[slot]];
    uint64_t *must = must_of(g, c);
    bit_clear(must, slot);
    bit_clear(usable_of(g, c), slot);
    for (size_t i = 0; i < t->write_count; i++)
        registers_of(c)[writes_of(g, t)[i].key] = writes_of(g, t)[i].value;
    for (size_t w = 0; w < g->words; w++) {
        for (uint64_t left = must[w]; left != 0; left &= left - 1) {
            size_t other = w * 64 + (size_t)__builtin_ctzll(left);
            if (g->tasks[g->task_of[other]].write_count > 0 && hides(g, t, &g->tasks[g->task_of[other]]))
                bit_clear(must, other);
        }
    }
    tie(g, c, t);
    bit_set(loose_of(g, c), slot);
    group_explain(g, c);
}

/* ---- pools ---- */

bool group_pool_room(struct group *g, struct pool *p, size_t capacity)
{
    size_t each = g->stride * sizeof *p->items + sizeof *p->chain + sizeof *p->dead + 2 * sizeof *p->buckets;
    size_t bucket_count = p->bucket_count > 0 ? p->bucket_count : 64;
    while (bucket_count < capacity)
        bucket_count *= 2;
    if (!budget_take(g->budget, (capacity - p->capacity) * each))
        return false;
    g->taken += (capacity - p->capacity) * each;
    uint64_t *items = realloc(p->items, capacity * g->stride * sizeof *items);
    p->items = items != NULL ? items : p->items;
    uint32_t *chain = realloc(p->chain, capacity * sizeof *chain);
    p->chain = chain != NULL ? chain : p->chain;
    bool *dead = realloc(p->dead, capacity * sizeof *dead);
    p->dead = dead != NULL ? dead : p->dead;
    uint32_t *buckets = calloc(bucket_count, sizeof *buckets);
    if (items == NULL || chain == NULL || dead == NULL || buckets == NULL) {
        free(buckets);
        return false;
    }
    free(p->buckets);
    p->buckets = buckets;
    p->bucket_count = bucket_count;
    p->capacity = capacity;
    return true;
}

static uint64_t hash_registers(const struct group *g, const uint64_t *c)
{
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15);
    for (size_t w = 0; w < g->stride - 3 * g->words; w++) {
        hash = (hash ^ c[w]) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 32;
    }
    return hash;
}

static void pool_link(const struct group *g, struct pool *p, size_t i)
{
    uint32_t *bucket = &p->buckets[hash_registers(g, &p->items[i * g->stride]) & (p->bucket_count - 1)];
    p->chain[i] = *bucket;
    *bucket = (uint32_t)i + 1;
}

void group_pool_clear(struct pool *p)
{
    p->count = 0;
    memset(p->buckets, 0, p->bucket_count * sizeof *p->buckets);
}

/* `a` leaves no less open than `b`. */
static bool dominates(const struct group *g, const uint64_t *a, const uint64_t *b)
{
    const uint64_t *x = &a[g->stride - 3 * g->words], *y = &b[g->stride - 3 * g->words];
    for (size_t w = 0; w < g->words; w++)
        if ((x[w] & ~y[w]) != 0 || (y[g->words + w] & ~x[g->words + w]) != 0 ||
            (x[2 * g->words + w] & ~y[2 * g->words + w]) != 0)
            return false;
    return true;
}

bool group_pool_add(struct group *g, struct pool *p, const uint64_t *c)
{
    size_t size = (g->stride - 3 * g->words) * sizeof *c;
    for (uint32_t *at = &p->buckets[hash_registers(g, c) & (p->bucket_count - 1)]; *at != 0;) {
        size_t i = *at - 1;
        const uint64_t *other = &p->items[i * g->stride];
        bool same = memcmp(other, c, size) == 0;
        if (!budget_step(g->budget))
            return false;
        if (same && dominates(g, other, c))
            return true;
        if (same && dominates(g, c, other)) {
            p->dead[i] = true;
            *at = p->chain[i];
            continue;
        }
        at = &p->chain[i];
    }
    if (p->count == p->capacity) {
        if (p->count >= UINT32_MAX / 2 || !group_pool_room(g, p, p->capacity * 2))
            return false;
        for (size_t i = 0; i < p->count; i++)
            if (!p->dead[i])
                pool_link(g, p, i);
    }
    memcpy(&p->items[p->count * g->stride], c, g->stride * sizeof *c);
    p->dead[p->count] = false;
    pool_link(g, p, p->count++);
    return true;
}

void group_pool_deinit(struct pool *p)
{
    free(p->items);
    free(p->chain);
    free(p->buckets);
    free(p->dead);
}
