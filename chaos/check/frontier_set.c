#include "chaos/check/frontier_set.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 128 /* configurations compared with a new one: more would cost more than it prunes */

/* ---- open tasks ---- */

void frontier_open_task(struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    size_t words = p->course->words, slot = t->slot;
    p->task_of[slot] = number;
    p->previous[slot] = p->newest;
    p->next[slot] = SLOT_NONE;
    if (p->newest != SLOT_NONE)
        p->next[p->newest] = (uint16_t)slot;
    uint64_t *older = mask_at(p, p->older, slot);
    memset(older, 0, words * sizeof *older);
    for (uint16_t s = p->newest; s != SLOT_NONE; s = p->previous[s]) {
        bit_clear(mask_at(p, p->older, s), slot);
        bit_set(older, s);
    }
    bit_set(older, slot);
    p->newest = (uint16_t)slot;
    switch ((enum task_kind)t->kind) {
    case TASK_READ:
        bit_set(mask_at(p, p->read_of, t->from), slot);
        break;
    case TASK_OTHER:
        bit_set(mask_at(p, p->other_of, t->from), slot);
        bit_set(p->all_others, slot);
        break;
    case TASK_WRITE:
        bit_set(mask_at(p, p->write_to, t->to), slot);
        bit_set(p->all_writes, slot);
        break;
    case TASK_CAS:
        bit_set(mask_at(p, p->cas_from, t->from), slot);
        bit_set(p->all_cas, slot);
        break;
    }
}

void frontier_close_task(struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    size_t slot = t->slot;
    uint16_t before = p->previous[slot], after = p->next[slot];
    if (before != SLOT_NONE)
        p->next[before] = after;
    if (after != SLOT_NONE)
        p->previous[after] = before;
    else
        p->newest = before;
    p->task_of[slot] = TASK_NONE;
    bit_clear(p->all_writes, slot);
    bit_clear(p->all_cas, slot);
    bit_clear(p->all_others, slot);
    switch ((enum task_kind)t->kind) {
    case TASK_READ:
        bit_clear(mask_at(p, p->read_of, t->from), slot);
        break;
    case TASK_OTHER:
        bit_clear(mask_at(p, p->other_of, t->from), slot);
        break;
    case TASK_WRITE:
        bit_clear(mask_at(p, p->write_to, t->to), slot);
        break;
    case TASK_CAS:
        bit_clear(mask_at(p, p->cas_from, t->from), slot);
        break;
    }
}

/* ---- configurations ---- */

void frontier_explain(const struct pass *p, uint64_t *must, uint32_t value, const uint64_t *within)
{
    const uint64_t *reads = mask_at(p, p->read_of, value), *others = mask_at(p, p->other_of, value);
    for (size_t w = 0; w < p->course->words; w++) {
        uint64_t seen = reads[w] | (p->all_others[w] & ~others[w]);
        must[w] &= ~(within != NULL ? seen & within[w] : seen);
    }
}

static bool token_useful(const struct pass *p, uint64_t *c, uint64_t token)
{
    const uint64_t *from = mask_at(p, p->cas_from, token_value(token)), *usable = usable_of(p, c);
    const uint64_t *older = mask_at(p, p->older, token_slot(token));
    for (size_t w = 0; w < p->course->words; w++)
        if ((from[w] & usable[w] & older[w]) != 0)
            return true;
    return false;
}

void frontier_add_token(struct pass *p, uint64_t *c, uint32_t value, uint16_t slot)
{
    uint64_t token = token_make(value, slot), *tokens = tokens_of(p, c);
    if (slot == SLOT_NONE || !token_useful(p, c, token))
        return;
    struct head *h = head_of(c);
    if (h->tokens == p->options.tokens) {
        p->overflowed = true;
        return;
    }
    size_t i = h->tokens++;
    for (; i > 0 && tokens[i - 1] > token; i--)
        tokens[i] = tokens[i - 1];
    tokens[i] = token;
}

void frontier_remove_token(const struct pass *p, uint64_t *c, size_t i)
{
    uint64_t *tokens = tokens_of(p, c);
    struct head *h = head_of(c);
    h->tokens--;
    memmove(&tokens[i], &tokens[i + 1], (h->tokens - i) * sizeof *tokens);
    tokens[h->tokens] = 0;
}

void frontier_live_write(struct pass *p, uint64_t *c, size_t slot)
{
    uint64_t *must = must_of(c);
    struct head *h = head_of(c);
    uint32_t old = h->value;
    bit_clear(usable_of(p, c), slot);
    for (size_t w = 0; w < p->course->words; w++)
        must[w] &= ~p->all_writes[w];
    h->value = task_at(p, slot)->to;
    h->covered = p->newest;
    frontier_add_token(p, c, old, p->newest);
    frontier_explain(p, must, h->value, NULL);
}

static bool covers_something(const struct pass *p, uint64_t *c, uint16_t slot)
{
    const uint64_t *usable = usable_of(p, c), *older = mask_at(p, p->older, slot);
    for (size_t w = 0; w < p->course->words; w++)
        if ((usable[w] & older[w] & p->all_writes[w]) != 0)
            return true;
    return false;
}

void frontier_forget_slot(struct pass *p, uint64_t *c, size_t slot)
{
    struct head *h = head_of(c);
    bit_clear(must_of(c), slot);
    bit_clear(usable_of(p, c), slot);
    if (h->covered == slot)
        h->covered = p->previous[slot];
    if (h->covered != SLOT_NONE && !covers_something(p, c, h->covered))
        h->covered = SLOT_NONE;
    if (h->tokens == 0)
        return;
    uint64_t *tokens = tokens_of(p, c);
    bool again = false;
    for (size_t i = h->tokens; i-- > 0;) {
        if (token_slot(tokens[i]) == slot) {
            tokens[i] = token_make(token_value(tokens[i]), p->previous[slot]);
            again = true;
        }
        if (token_slot(tokens[i]) == SLOT_NONE || !token_useful(p, c, tokens[i]))
            frontier_remove_token(p, c, i);
    }
    for (size_t i = 1; again && i < h->tokens; i++) {
        uint64_t moved = tokens[i];
        size_t at = i;
        for (; at > 0 && tokens[at - 1] > moved; at--)
            tokens[at] = tokens[at - 1];
        tokens[at] = moved;
    }
}

static bool not_older(const struct pass *p, uint16_t a, uint16_t b)
{
    if (a == b || b == SLOT_NONE)
        return true;
    return a != SLOT_NONE && bit_get(mask_at(p, p->older, a), b);
}

/* Whether for each token of `b`, `a` has one of its own of the same value that lasts as long. */
static bool tokens_dominate(const struct pass *p, const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
    if (a_count < b_count)
        return false;
    uint64_t used = 0; /* of a's tokens: no more than 64 */
    for (size_t i = b_count; i-- > 0;) {
        size_t best = a_count;
        for (size_t n = 0; n < a_count; n++) {
            if ((used >> n & 1) != 0 || token_value(a[n]) != token_value(b[i]) ||
                !not_older(p, token_slot(a[n]), token_slot(b[i])))
                continue;
            /* The one that fits most tightly, so that those that last longer serve others. */
            if (best == a_count || not_older(p, token_slot(a[best]), token_slot(a[n])))
                best = n;
        }
        if (best == a_count)
            return false;
        used |= UINT64_C(1) << best;
    }
    return true;
}

/* `a` leaves no less open than `b`, which has the same value and the same cas to place. */
static bool dominates(const struct pass *p, const uint64_t *a, const uint64_t *b)
{
    size_t words = p->course->words;
    for (size_t w = 0; w < words; w++) {
        if ((a[1 + w] & ~b[1 + w]) != 0 || (b[1 + words + w] & ~a[1 + words + w]) != 0)
            return false;
    }
    const struct head *x = const_head(a), *y = const_head(b);
    return not_older(p, x->covered, y->covered) &&
           tokens_dominate(p, &a[1 + 2 * words], x->tokens, &b[1 + 2 * words], y->tokens);
}

/* ---- frontiers ---- */

bool frontier_room(struct pass *p, struct frontier *f, size_t capacity)
{
    if (capacity <= f->capacity)
        return true;
    size_t each = p->stride * sizeof *f->configurations + sizeof *f->chain + sizeof *f->dead;
    if (!budget_take(p->budget, (capacity - f->capacity) * each))
        return false;
    p->taken += (capacity - f->capacity) * each;
    uint64_t *configurations = realloc(f->configurations, capacity * p->stride * sizeof *configurations);
    if (configurations != NULL)
        f->configurations = configurations;
    uint32_t *chain = realloc(f->chain, capacity * sizeof *chain);
    if (chain != NULL)
        f->chain = chain;
    bool *dead = realloc(f->dead, capacity * sizeof *dead);
    if (dead != NULL)
        f->dead = dead;
    if (configurations == NULL || chain == NULL || dead == NULL)
        return false;
    f->capacity = capacity;
    return true;
}

static uint64_t hash_configuration(const struct pass *p, const uint64_t *c)
{
    uint64_t hash = const_head(c)->value + UINT64_C(0x9E3779B97F4A7C15);
    for (size_t w = 0; w < p->course->words; w++) {
        hash = (hash ^ (c[1 + w] & p->all_cas[w])) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 32;
    }
    return hash;
}

static bool same_place(const struct pass *p, const uint64_t *a, const uint64_t *b)
{
    if (const_head(a)->value != const_head(b)->value)
        return false;
    for (size_t w = 0; w < p->course->words; w++)
        if (((a[1 + w] ^ b[1 + w]) & p->all_cas[w]) != 0)
            return false;
    return true;
}

/* More is better: little that has to be placed, much that can be. */
static int score_of(const struct pass *p, uint64_t *c)
{
    int must = 0, usable = 0;
    const uint64_t *m = must_of(c), *u = usable_of(p, c);
    for (size_t w = 0; w < p->course->words; w++) {
        must += __builtin_popcountll(m[w]);
        usable += __builtin_popcountll(u[w] & p->all_writes[w]);
    }
    return 2 * usable + const_head(c)->tokens - 3 * must;
}

#define SCORES 4096

void frontier_cut(struct pass *p, struct frontier *f)
{
    uint32_t counts[SCORES] = {0};
    size_t kept = 0, at = 0, limit = 0;
    p->overflowed = true;
    for (size_t i = 0; i < f->count; i++) {
        if (f->dead[i])
            continue;
        int score = score_of(p, &f->configurations[i * p->stride]) + SCORES / 2;
        counts[score < 0 ? 0 : score >= SCORES ? SCORES - 1 : score]++;
    }
    size_t lowest = SCORES;
    while (lowest > 0 && kept + counts[lowest - 1] <= p->options.width)
        kept += counts[--lowest];
    limit = p->options.width - kept; /* of those just below */
    memset(p->buckets, 0, p->bucket_count * sizeof *p->buckets);
    for (size_t i = 0; i < f->count; i++) {
        uint64_t *c = &f->configurations[i * p->stride];
        if (f->dead[i])
            continue;
        int score = score_of(p, c) + SCORES / 2;
        size_t s = score < 0 ? 0 : score >= SCORES ? SCORES - 1 : (size_t)score;
        if (s + 1 < lowest || (s < lowest && limit == 0))
            continue;
        limit -= s < lowest;
        memmove(&f->configurations[at * p->stride], c, p->stride * sizeof *c);
        uint32_t *bucket = &p->buckets[hash_configuration(p, c) & (p->bucket_count - 1)];
        f->dead[at] = false;
        f->chain[at] = *bucket;
        *bucket = (uint32_t)++at;
    }
    f->count = f->alive = at;
}

bool frontier_insert(struct pass *p, const uint64_t *c)
{
    struct frontier *f = &p->later;
    uint32_t *bucket = &p->buckets[hash_configuration(p, c) & (p->bucket_count - 1)];
    int looked = 0;
    for (uint32_t *at = bucket; *at != 0 && looked < CHAIN_MAX; looked++) {
        size_t i = *at - 1;
        const uint64_t *other = &f->configurations[i * p->stride];
        if (same_place(p, c, other)) {
            if (dominates(p, other, c))
                return true;
            if (dominates(p, c, other)) {
                f->dead[i] = true;
                f->alive--;
                *at = f->chain[i];
                continue;
            }
        }
        at = &f->chain[i];
    }
    if (f->count == f->capacity && !frontier_room(p, f, f->capacity * 2))
        return false;
    memcpy(&f->configurations[f->count * p->stride], c, p->stride * sizeof *c);
    f->dead[f->count] = false;
    f->chain[f->count] = *bucket;
    *bucket = (uint32_t)++f->count;
    if (++f->alive > 2 * p->options.width)
        frontier_cut(p, f);
    return true;
}
