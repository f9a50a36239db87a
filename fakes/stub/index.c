#include "fakes/stub/internal.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MIN 16

/* ---- chains ---- */

static void chain_add(struct stub **head, struct stub *s)
{
    while (*head != NULL && (*head)->rank > s->rank)
        head = &(*head)->next_tier;
    if (*head != NULL && (*head)->rank == s->rank) {
        s->next = *head;
        s->next_tier = (*head)->next_tier;
    } else {
        s->next = NULL;
        s->next_tier = *head;
    }
    *head = s;
}

static void chain_remove(struct stub **head, struct stub *s)
{
    while ((*head)->rank != s->rank)
        head = &(*head)->next_tier;
    if (*head == s) {
        if (s->next != NULL)
            s->next->next_tier = s->next_tier;
        *head = s->next != NULL ? s->next : s->next_tier;
        return;
    }
    struct stub *before = *head;
    while (before->next != s)
        before = before->next;
    before->next = s->next;
}

/* ---- hash tables ---- */

static uint64_t hash_start(void)
{
    return UINT64_C(0x9E3779B97F4A7C15);
}

static uint64_t hash_more(uint64_t hash, const struct index_part *p, struct value v)
{
    return (hash ^ value_hash(p->field, v, p->cut)) * UINT64_C(0xFF51AFD7ED558CCD);
}

static uint64_t hash_end(uint64_t hash)
{
    return hash ^ hash >> 32;
}

static bool part_equal(const struct index_part *p, struct value key, struct value v)
{
    if (p->cut != 0)
        v.bytes.len = p->cut;
    return value_equal(p->field, key, v);
}

static bool keys_equal(const struct index_group *g, const struct value *keys, const struct value *others)
{
    for (size_t i = 0; i < g->part_count; i++)
        if (!value_equal(g->parts[i].field, keys[i], others[i]))
            return false;
    return true;
}

static bool rehash(struct index_group *g, size_t size)
{
    struct index_entry *larger = calloc(size, sizeof *larger);
    if (larger == NULL)
        return false;
    for (size_t i = 0; i < g->size; i++) {
        if (g->entries[i].head == NULL)
            continue;
        size_t at = g->entries[i].hash & (size - 1);
        while (larger[at].head != NULL)
            at = (at + 1) & (size - 1);
        larger[at] = g->entries[i];
    }
    free(g->entries);
    g->entries = larger;
    g->size = size;
    return true;
}

/* The entry of these keys, or the empty one where it would stand. */
static struct index_entry *entry_of(const struct index_group *g, uint64_t hash, const struct value *keys)
{
    size_t at = hash & (g->size - 1);
    while (g->entries[at].head != NULL &&
           (g->entries[at].hash != hash || !keys_equal(g, g->entries[at].head->keys, keys)))
        at = (at + 1) & (g->size - 1);
    return &g->entries[at];
}

static void entry_remove(struct index_group *g, struct index_entry *e)
{
    size_t hole = (size_t)(e - g->entries), mask = g->size - 1;
    for (size_t at = (hole + 1) & mask; g->entries[at].head != NULL; at = (at + 1) & mask) {
        size_t home = g->entries[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* it would stand before its home */
        g->entries[hole] = g->entries[at];
        hole = at;
    }
    g->entries[hole] = (struct index_entry){0};
    g->used--;
}

/* ---- groups ---- */

void index_deinit(struct index *x)
{
    for (size_t i = 0; i < x->count; i++) {
        free(x->groups[i]->entries);
        free(x->groups[i]);
    }
    x->count = 0;
}

static bool same_parts(const struct index_group *g, const struct index_part *parts, size_t count)
{
    if (g->part_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (g->parts[i].slot != parts[i].slot || g->parts[i].cut != parts[i].cut)
            return false;
    return true;
}

struct index_group *index_group(struct index *x, const struct index_part *parts, size_t count)
{
    for (size_t i = 0; i < x->count; i++)
        if (same_parts(x->groups[i], parts, count))
            return x->groups[i];
    /* The last one is kept for those without parts. */
    if (count > 0 && x->count >= INDEX_GROUPS_MAX - 1)
        return index_group(x, NULL, 0);
    struct index_group *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    if (count > 0)
        memcpy(g->parts, parts, count * sizeof *parts);
    g->part_count = count;
    x->groups[x->count++] = g;
    return g;
}

bool index_add(struct stub *s)
{
    struct index_group *g = s->group;
    if (g->part_count == 0) {
        chain_add(&g->all, s);
        g->stubs++;
        return true;
    }
    if (g->used + 1 > g->size / 2 && !rehash(g, g->size > 0 ? g->size * 2 : ENTRIES_MIN))
        return false;
    uint64_t hash = hash_start();
    for (size_t i = 0; i < g->part_count; i++)
        hash = hash_more(hash, &g->parts[i], s->keys[i]);
    s->hash = hash_end(hash);
    struct index_entry *e = entry_of(g, s->hash, s->keys);
    g->used += e->head == NULL;
    e->hash = s->hash;
    chain_add(&e->head, s);
    g->stubs++;
    return true;
}

void index_remove(struct stub *s)
{
    struct index_group *g = s->group;
    g->stubs--;
    if (g->part_count == 0) {
        chain_remove(&g->all, s);
        return;
    }
    struct index_entry *e = entry_of(g, s->hash, s->keys);
    chain_remove(&e->head, s);
    if (e->head == NULL)
        entry_remove(g, e);
}

/* ---- walks ---- */

static struct stub *look_up(const struct index_group *g, const struct slot *slots)
{
    uint64_t hash = hash_start();
    if (g->part_count == 0 || g->used == 0)
        return g->all;
    for (size_t i = 0; i < g->part_count; i++) {
        const struct index_part *p = &g->parts[i];
        const struct slot *slot = &slots[p->slot];
        /* All stubs of the group demand a value here, and a text that is long enough. */
        if ((!slot->present && value_has_presence(p->field)) || slot->value.bytes.len < p->cut)
            return NULL;
        hash = hash_more(hash, p, slot->value);
    }
    hash = hash_end(hash);
    for (size_t at = hash & (g->size - 1); g->entries[at].head != NULL; at = (at + 1) & (g->size - 1)) {
        if (g->entries[at].hash != hash)
            continue;
        const char *stub = (const char *)g->entries[at].head;
        for (size_t ahead = 0; ahead < STUB_SPAN; ahead += 64)
            __builtin_prefetch(stub + ahead);
        const struct value *keys = g->entries[at].head->keys;
        bool equal = true;
        for (size_t i = 0; i < g->part_count && equal; i++)
            equal = part_equal(&g->parts[i], keys[i], slots[g->parts[i].slot].value);
        if (equal)
            return g->entries[at].head;
    }
    return NULL;
}

void index_begin(struct index_walk *w, const struct index *x, const struct slot *slots)
{
    w->count = 0;
    for (size_t i = 0; i < x->count; i++) {
        struct stub *head = look_up(x->groups[i], slots);
        if (head != NULL)
            w->heads[w->count++] = (struct index_head){head, head};
    }
}

/* `a` is chosen before `b`. */
static bool before(const struct stub *a, const struct stub *b)
{
    return a->rank != b->rank ? a->rank > b->rank : a->id > b->id;
}

struct stub *index_next(struct index_walk *w)
{
    size_t best = 0;
    if (w->count == 0)
        return NULL;
    for (size_t i = 1; i < w->count; i++)
        if (before(w->heads[i].at, w->heads[best].at))
            best = i;
    struct index_head *h = &w->heads[best];
    struct stub *s = h->at;
    h->at = s->next;
    if (h->at == NULL)
        h->at = h->tier = h->tier->next_tier;
    if (h->at == NULL)
        *h = w->heads[--w->count];
    return s;
}
