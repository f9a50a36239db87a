#include "fuzz/loop/pool.h"

#define HALF_LENGTH 32.0 /* bytes at which a case's weight is half of an empty one's */
#define HITS_MAX    (UINT32_MAX / 2)

void pool_deinit(struct pool *p)
{
    for (size_t i = 0; i < p->entries.count; i++) {
        fuzz_case_deinit(&p->entries.items[i]->c);
        free(p->entries.items[i]);
    }
    array_deinit(&p->entries);
    array_deinit(&p->sums);
    array_deinit(&p->slots);
}

static size_t slot_of(const struct pool *p, uint64_t hash)
{
    size_t mask = p->slots.count - 1, at = (size_t)(hash * 0x9e3779b97f4a7c15 >> 32) & mask;
    while (p->slots.items[at] && p->entries.items[p->slots.items[at] - 1]->hash != hash)
        at = (at + 1) & mask;
    return at;
}

struct pool_entry *pool_find(const struct pool *p, uint64_t hash)
{
    if (!p->slots.count)
        return NULL;
    uint32_t number = p->slots.items[slot_of(p, hash)];
    return number ? p->entries.items[number - 1] : NULL;
}

/* Room for one more name; what is there goes into the larger table. */
static bool grow_slots(struct pool *p)
{
    if ((p->entries.count + 1) * 2 <= p->slots.count)
        return true;
    size_t count = p->slots.count ? p->slots.count * 2 : 64;
    uint32_t *items = calloc(count, sizeof *items);
    if (!items)
        return false;
    free(p->slots.items);
    p->slots.items = items;
    p->slots.count = p->slots.capacity = count;
    for (size_t i = 0; i < p->entries.count; i++)
        items[slot_of(p, p->entries.items[i]->hash)] = (uint32_t)i + 1;
    return true;
}

int pool_add(struct pool *p, const struct record *r)
{
    struct fuzz_case view = record_case(r);
    if (pool_find(p, r->head.hash))
        return ERROR_EXISTS;
    if (p->entries.count == POOL_CASES_MAX)
        return ERROR_LIMIT;
    if (!array_grow(&p->entries) || !array_reserve(&p->sums, p->entries.count + 1) || !grow_slots(p))
        return ERROR_MEMORY;
    struct pool_entry *e = calloc(1, sizeof *e);
    if (!e || fuzz_case_copy(&e->c, &view)) {
        if (e)
            fuzz_case_deinit(&e->c);
        free(e);
        return ERROR_MEMORY;
    }
    e->hash = r->head.hash;
    e->own_count = (uint16_t)(r->head.edge_count < POOL_OWN_EDGES ? r->head.edge_count : POOL_OWN_EDGES);
    for (size_t i = 0; i < e->own_count; i++)
        e->own[i] = r->edges[i];
    struct pool_entry *parent = r->head.parent ? pool_find(p, r->head.parent) : NULL;
    if (parent)
        parent->finds++;
    p->slots.items[slot_of(p, e->hash)] = (uint32_t)p->entries.count + 1;
    array_push(&p->entries, e);
    return 0;
}

static double weight_of(const struct pool *p, const struct pool_entry *e, size_t age)
{
    double weight = 0.001; /* what is never drawn never gets better */
    if (p->schedule == POOL_UNIFORM)
        return 1;
    if (p->schedule == POOL_NEWEST)
        return 1.0 / (double)(1 + age);
    for (size_t i = 0; i < e->own_count; i++)
        if (e->own[i] < p->edge_count)
            weight += 1.0 / (1.0 + (double)p->hits[e->own[i]]);
    weight *= (1.0 + (double)e->finds) / (1.0 + (double)e->draws / 256);
    double size = (double)e->c.data.len / HALF_LENGTH;
    return weight / (1.0 + size * size) / (1.0 + (double)e->deaths);
}

struct pool_entry *pool_draw(struct pool *p, struct random *r, uint32_t mutants)
{
    size_t count = p->entries.count;
    if (!count)
        return NULL;
    /* What came since the last counting is put behind it: while much is found, that is often. */
    if (p->draws_left == 0) {
        p->sums.count = 0;
        p->draws_left = POOL_RENEW;
    }
    for (size_t i = p->sums.count; i < count; i++)
        p->sums.items[i] = (i ? p->sums.items[i - 1] : 0) + weight_of(p, p->entries.items[i], count - 1 - i);
    p->sums.count = count;
    p->draws_left -= p->draws_left < mutants ? p->draws_left : mutants;
    double at = random_unit(r) * p->sums.items[count - 1];
    size_t low = 0, high = count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->sums.items[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    p->entries.items[low]->draws += mutants;
    return p->entries.items[low];
}

struct pool_entry *pool_any(const struct pool *p, struct random *r)
{
    return p->entries.count ? p->entries.items[random_below(r, p->entries.count)] : NULL;
}

void pool_killed(struct pool *p, uint64_t parent, uint32_t cost)
{
    struct pool_entry *e = pool_find(p, parent);
    if (!e)
        return;
    e->deaths = e->deaths < UINT32_MAX - cost ? e->deaths + cost : UINT32_MAX;
    p->draws_left = 0;
}

void pool_count(struct pool *p, const uint32_t *edges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (edges[i] < p->edge_count && p->hits[edges[i]] < HITS_MAX)
            p->hits[edges[i]]++;
}
