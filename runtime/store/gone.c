#include "runtime/store/gone.h"

#include "base/hash.h"

#include <stddef.h>

/* With the lengths in it, so that the parts cannot be shifted into each other. */
static uint64_t add(uint64_t hash, struct bytes part)
{
    return hash_step(hash_add(hash, part), (uint32_t)part.len + 256);
}

static size_t slot_of(struct bytes database, struct bytes table, struct bytes key)
{
    uint64_t hash = add(add(add(HASH_START, database), table), key);
    return (size_t)((hash ^ (hash >> 32)) % GONE_SLOTS);
}

void gone_init(struct gone *g, uint64_t revision)
{
    for (size_t i = 0; i < GONE_SLOTS; i++)
        g->slots[i] = revision;
}

void gone_lower(struct gone *g, uint64_t revision)
{
    for (size_t i = 0; i < GONE_SLOTS; i++)
        if (g->slots[i] > revision)
            g->slots[i] = revision;
}

void gone_note(struct gone *g, struct bytes database, struct bytes table, struct bytes key, uint64_t revision)
{
    uint64_t *slot = &g->slots[slot_of(database, table, key)];
    if (*slot < revision)
        *slot = revision;
}

uint64_t gone_last(const struct gone *g, struct bytes database, struct bytes table, struct bytes key)
{
    return g->slots[slot_of(database, table, key)];
}
