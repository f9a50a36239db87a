#include "chaos/check/frontier_run.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_NONE     UINT16_MAX
#define TRAIL_BUCKETS ((size_t)1024)
#define CHAIN_MAX     128 /* configurations compared with a new one: more would cost more than it prunes */

/* A configuration is `stride` words: the head, must, usable, and tokens, which rise. A trail has one word more: the
 * segment it draws out. */
struct head {
    uint32_t value;
    uint16_t covered; /* slot of the newest operation open when the latest write took effect; SLOT_NONE: no matter */
    uint16_t tokens;
};

static struct head *head_of(uint64_t *c)
{
    return (struct head *)(void *)c;
}

static const struct head *const_head(const uint64_t *c)
{
    return (const struct head *)(const void *)c;
}

static uint64_t *must_of(uint64_t *c)
{
    return &c[1];
}

static uint64_t *usable_of(const struct pass *p, uint64_t *c)
{
    return &c[1 + p->course->words];
}

static uint64_t *tokens_of(const struct pass *p, uint64_t *c)
{
    return &c[1 + 2 * p->course->words];
}

static uint64_t token_make(uint32_t value, uint16_t slot)
{
    return (uint64_t)value << 16 | slot;
}

static uint32_t token_value(uint64_t token)
{
    return (uint32_t)(token >> 16);
}

static uint16_t token_slot(uint64_t token)
{
    return (uint16_t)token;
}

static uint64_t *mask_at(const struct pass *p, uint64_t *masks, size_t i)
{
    return &masks[i * p->course->words];
}

static bool bit_get(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> (i % 64) & 1) != 0;
}

static void bit_set(uint64_t *mask, size_t i)
{
    mask[i / 64] |= UINT64_C(1) << (i % 64);
}

static void bit_clear(uint64_t *mask, size_t i)
{
    mask[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* The word's lowest bit, taken out. */
static size_t bit_next(uint64_t *bits)
{
    size_t i = (size_t)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return i;
}

static const struct task *task_at(const struct pass *p, size_t slot)
{
    return &p->course->tasks[p->task_of[slot]];
}

/* ---- open tasks ---- */

static void open_task(struct pass *p, uint32_t number)
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

static void close_task(struct pass *p, uint32_t number)
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

/* What a value explains is placed: open reads of it, failed cas from another. `within` NULL: all that are open. */
static void explain(const struct pass *p, uint64_t *must, uint32_t value, const uint64_t *within)
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

static void add_token(struct pass *p, uint64_t *c, uint32_t value, uint16_t slot)
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

static void remove_token(const struct pass *p, uint64_t *c, size_t i)
{
    uint64_t *tokens = tokens_of(p, c);
    struct head *h = head_of(c);
    h->tokens--;
    memmove(&tokens[i], &tokens[i + 1], (h->tokens - i) * sizeof *tokens);
    tokens[h->tokens] = 0;
}

/* A new segment begins: the living one is over, and no open write need be placed any more. */
static void live_write(struct pass *p, uint64_t *c, size_t slot)
{
    uint64_t *must = must_of(c);
    struct head *h = head_of(c);
    uint32_t old = h->value;
    bit_clear(usable_of(p, c), slot);
    for (size_t w = 0; w < p->course->words; w++)
        must[w] &= ~p->all_writes[w];
    h->value = task_at(p, slot)->to;
    h->covered = p->newest;
    add_token(p, c, old, p->newest);
    explain(p, must, h->value, NULL);
}

static bool covers_something(const struct pass *p, uint64_t *c, uint16_t slot)
{
    const uint64_t *usable = usable_of(p, c), *older = mask_at(p, p->older, slot);
    for (size_t w = 0; w < p->course->words; w++)
        if ((usable[w] & older[w] & p->all_writes[w]) != 0)
            return true;
    return false;
}

/* The task in `slot` has ended: what referred to it refers to the one invoked before it; what is of no use goes. */
static void forget_slot(struct pass *p, uint64_t *c, size_t slot)
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
            remove_token(p, c, i);
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

static bool frontier_room(struct pass *p, struct frontier *f, size_t capacity)
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

/* Keeps the best `width` of the living configurations. */
static void cut(struct pass *p, struct frontier *f)
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

/* Takes a copy of the configuration unless another one stands for it. False: no room. */
static bool insert(struct pass *p, const uint64_t *c)
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
        cut(p, f);
    return true;
}

/* ---- what an operation demands ---- */

enum { SEGMENT_LIVING = 0, SEGMENT_OVER = 1 };

static uint64_t segment_make(int kind, uint64_t token)
{
    return (uint64_t)kind << 63 | token;
}

/* Adds a trail unless it is known. NULL: known, or no room for more. */
static uint64_t *trail_add(struct pass *p, const uint64_t *trail)
{
    struct trail_set *t = &p->trails;
    size_t words = p->stride + 1;
    uint64_t hash = 0;
    for (size_t w = 0; w < words; w++) {
        hash = (hash ^ trail[w]) * UINT64_C(0xFF51AFD7ED558CCD);
        hash ^= hash >> 29;
    }
    size_t bucket = hash & (TRAIL_BUCKETS - 1);
    if (t->stamps[bucket] != t->stamp) {
        t->stamps[bucket] = t->stamp;
        t->buckets[bucket] = 0;
    }
    for (uint32_t i = t->buckets[bucket]; i != 0; i = t->chain[i - 1])
        if (memcmp(&t->items[(i - 1) * words], trail, words * sizeof *trail) == 0)
            return NULL;
    if (t->count == t->capacity) {
        p->overflowed = true;
        return NULL;
    }
    uint64_t *added = &t->items[t->count * words];
    memcpy(added, trail, words * sizeof *trail);
    t->chain[t->count] = t->buckets[bucket];
    t->buckets[bucket] = (uint32_t)++t->count;
    return added;
}

/* Of two open cas of the same effect `a` is to be used before `b`. */
static bool cas_first(const struct pass *p, uint64_t *c, size_t a, size_t b)
{
    const struct task *x = task_at(p, a), *y = task_at(p, b);
    bool must_x = bit_get(must_of(c), a), must_y = bit_get(must_of(c), b);
    if (x->end > y->end || (x->end == y->end && a > b) || (!must_x && must_y))
        return false;
    if (x->call >= y->call)
        return true;
    /* `b` is left and has to serve wherever `a` could have. */
    const struct head *h = const_head(c);
    const uint64_t *tokens = tokens_of(p, c), *older;
    for (size_t i = 0; i <= h->tokens; i++) {
        uint16_t slot = i < h->tokens ? token_slot(tokens[i]) : h->covered;
        if (slot == SLOT_NONE)
            continue;
        older = mask_at(p, p->older, slot);
        if (bit_get(older, a) && !bit_get(older, b))
            return false;
    }
    return true;
}

static bool reaches(const struct pass *p, uint32_t value)
{
    return p->reach[value] == p->reach_stamp;
}

/* Marks the values from which open cas lead to what `t` demands. */
static void mark_reach(struct pass *p, const struct task *t)
{
    size_t words = p->course->words;
    p->reach_stamp++;
    if (t->kind != TASK_OTHER)
        p->reach[t->from] = p->reach_stamp;
    for (bool more = true; more;) {
        more = false;
        for (size_t w = 0; w < words; w++) {
            for (uint64_t left = p->all_cas[w]; left != 0;) {
                const struct task *cas = task_at(p, w * 64 + bit_next(&left));
                bool leads = t->kind == TASK_OTHER && cas->to != t->from;
                if (!reaches(p, cas->from) && (leads || reaches(p, cas->to))) {
                    p->reach[cas->from] = p->reach_stamp;
                    more = true;
                }
            }
        }
    }
}

/* A trail has just come to a value. If that is what was demanded it goes to the next frontier, else it is kept to be
 * drawn out. False: no room. */
static bool arrive(struct pass *p, uint64_t *trail, uint64_t segment, const struct task *goal, bool done)
{
    size_t slot = goal->slot;
    bool over = segment >> 63 != 0;
    uint64_t token = segment & ~(UINT64_C(1) << 63);
    uint32_t value = over ? token_value(token) : const_head(trail)->value;
    explain(p, must_of(trail), value, over ? mask_at(p, p->older, token_slot(token)) : NULL);
    if (goal->kind != TASK_CAS)
        done = !bit_get(must_of(trail), slot);
    if (done) {
        if (over)
            add_token(p, trail, token_value(token), token_slot(token));
        forget_slot(p, trail, slot);
        return insert(p, trail);
    }
    if (!reaches(p, value))
        return true;
    trail[p->stride] = segment;
    trail_add(p, trail);
    return true;
}

/* Draws a trail out by each cas that leaves its end. */
static bool draw_out(struct pass *p, size_t index, const struct task *goal, uint64_t *room)
{
    size_t words = p->course->words;
    uint64_t *trail = &p->trails.items[index * (p->stride + 1)], segment = trail[p->stride];
    bool over = segment >> 63 != 0;
    uint64_t token = segment & ~(UINT64_C(1) << 63);
    const uint64_t *from = mask_at(p, p->cas_from, over ? token_value(token) : const_head(trail)->value);
    const uint64_t *within = over ? mask_at(p, p->older, token_slot(token)) : NULL, *usable = usable_of(p, trail);
    for (size_t w = 0; w < words; w++) {
        uint64_t here = from[w] & usable[w] & (within != NULL ? within[w] : UINT64_MAX);
        for (uint64_t left = here; left != 0;) {
            size_t slot = w * 64 + bit_next(&left);
            const struct task *cas = task_at(p, slot);
            bool last = true; /* no other of the same effect comes first */
            for (size_t v = 0; last && v < words; v++) {
                for (uint64_t rest = from[v] & usable[v] & (within != NULL ? within[v] : UINT64_MAX);
                     last && rest != 0;) {
                    size_t other = v * 64 + bit_next(&rest);
                    last = other == slot || task_at(p, other)->to != cas->to || !cas_first(p, trail, other, slot);
                }
            }
            bool done = cas == goal;
            if (!last || (!done && !reaches(p, cas->to) && (goal->kind != TASK_OTHER || cas->to == goal->from)))
                continue;
            memcpy(room, trail, p->stride * sizeof *room);
            bit_clear(must_of(room), slot);
            bit_clear(usable_of(p, room), slot);
            uint64_t moved = segment;
            if (over)
                moved = segment_make(SEGMENT_OVER, token_make(cas->to, token_slot(token)));
            else
                head_of(room)->value = cas->to;
            if (!arrive(p, room, moved, goal, done))
                return false;
            trail = &p->trails.items[index * (p->stride + 1)];
        }
    }
    return true;
}

/* For each value of the usable writes within `within` (NULL: all): the one that ends first. Bits in `out`. */
static void first_writes(const struct pass *p, uint64_t *c, const uint64_t *within, uint64_t *out)
{
    size_t words = p->course->words;
    const uint64_t *usable = usable_of(p, c);
    for (size_t w = 0; w < words; w++)
        out[w] = usable[w] & p->all_writes[w] & (within != NULL ? within[w] : UINT64_MAX);
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = out[w]; left != 0;) {
            size_t slot = w * 64 + bit_next(&left);
            const struct task *t = task_at(p, slot);
            const uint64_t *same = mask_at(p, p->write_to, t->to);
            for (size_t v = 0; v < words; v++) {
                for (uint64_t rest = out[v] & same[v]; rest != 0;) {
                    size_t other = v * 64 + bit_next(&rest);
                    const struct task *o = task_at(p, other);
                    if (other != slot && (o->end > t->end || (o->end == t->end && other > slot))) {
                        bit_clear(out, other);
                        if (v == w)
                            left &= ~(UINT64_C(1) << (other % 64));
                    }
                }
            }
        }
    }
}

/* Every way in which the operation can be placed now. */
static bool demand(struct pass *p, uint64_t *c, const struct task *goal, uint64_t *room, uint64_t *writes)
{
    size_t words = p->course->words, slot = goal->slot;
    const struct head *h = const_head(c);
    p->trails.stamp++;
    p->trails.count = 0;
    /* In segments that are over: those the operation was open for. */
    for (size_t i = 0; i < h->tokens; i++) {
        uint64_t token = tokens_of(p, c)[i];
        if (!bit_get(mask_at(p, p->older, token_slot(token)), slot) || !reaches(p, token_value(token)) ||
            (i > 0 && token == tokens_of(p, c)[i - 1]))
            continue;
        memcpy(room, c, p->stride * sizeof *room);
        remove_token(p, room, i);
        room[p->stride] = segment_make(SEGMENT_OVER, token);
        trail_add(p, room);
    }
    /* In a hidden write's. */
    if (h->covered != SLOT_NONE && bit_get(mask_at(p, p->older, h->covered), slot)) {
        first_writes(p, c, mask_at(p, p->older, h->covered), writes);
        for (size_t w = 0; w < words; w++) {
            for (uint64_t left = writes[w]; left != 0;) {
                size_t write = w * 64 + bit_next(&left);
                memcpy(room, c, p->stride * sizeof *room);
                bit_clear(must_of(room), write);
                bit_clear(usable_of(p, room), write);
                if (!arrive(p, room, segment_make(SEGMENT_OVER, token_make(task_at(p, write)->to, h->covered)), goal,
                            false))
                    return false;
            }
        }
    }
    /* In the living one. */
    if (reaches(p, h->value)) {
        memcpy(room, c, p->stride * sizeof *room);
        room[p->stride] = segment_make(SEGMENT_LIVING, 0);
        trail_add(p, room);
    }
    /* In a new living one. */
    first_writes(p, c, NULL, writes);
    for (size_t w = 0; w < words; w++) {
        for (uint64_t left = writes[w]; left != 0;) {
            size_t write = w * 64 + bit_next(&left);
            uint32_t to = task_at(p, write)->to;
            if (!reaches(p, to) && (goal->kind != TASK_OTHER || to == goal->from))
                continue;
            memcpy(room, c, p->stride * sizeof *room);
            live_write(p, room, write);
            if (!arrive(p, room, segment_make(SEGMENT_LIVING, 0), goal, false))
                return false;
        }
    }
    for (size_t i = 0; i < p->trails.count; i++) {
        if (!budget_step(p->budget) || !draw_out(p, i, goal, room))
            return false;
    }
    return true;
}

/* ---- events ---- */

static bool has_to(const struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    return t->must && t->call >= p->options.begin && (p->options.keep == NULL || p->options.keep[number]);
}

static void begin_task(struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    bool must = has_to(p, number);
    open_task(p, number);
    for (size_t i = 0; i < p->now.count; i++) {
        uint64_t *c = &p->now.configurations[i * p->stride];
        bool here = t->kind == TASK_READ    ? head_of(c)->value == t->from
                    : t->kind == TASK_OTHER ? head_of(c)->value != t->from
                                            : false;
        if (must && !here)
            bit_set(must_of(c), t->slot);
        if (t->kind == TASK_WRITE || t->kind == TASK_CAS)
            bit_set(usable_of(p, c), t->slot);
    }
}

/* False: no room, or asked to stop. */
static bool end_task(struct pass *p, uint32_t number, uint64_t *room, uint64_t *writes)
{
    const struct task *t = &p->course->tasks[number];
    struct frontier *f = &p->later;
    bool reach_marked = false;
    size_t slot = t->slot;
    f->count = f->alive = 0;
    memset(p->buckets, 0, p->bucket_count * sizeof *p->buckets);
    for (size_t i = 0; i < p->now.count; i++) {
        uint64_t *c = &p->now.configurations[i * p->stride];
        bool must = bit_get(must_of(c), slot), usable = bit_get(usable_of(p, c), slot);
        if (!budget_step(p->budget))
            return false;
        if (must && t->kind != TASK_WRITE) {
            if (!reach_marked)
                mark_reach(p, t);
            reach_marked = true;
            if (!demand(p, c, t, room, writes))
                return false;
            continue;
        }
        if (t->kind == TASK_WRITE && usable) {
            uint16_t covered = head_of(c)->covered;
            memcpy(room, c, p->stride * sizeof *room);
            live_write(p, room, slot);
            forget_slot(p, room, slot);
            if (!insert(p, room))
                return false;
            if (must)
                continue;
            bit_clear(usable_of(p, c), slot);
            if (covered != SLOT_NONE && bit_get(mask_at(p, p->older, covered), slot)) {
                explain(p, must_of(c), t->to, mask_at(p, p->older, covered));
                add_token(p, c, t->to, covered);
            }
        }
        forget_slot(p, c, slot);
        if (!insert(p, c))
            return false;
    }
    close_task(p, number);
    if (f->alive < f->count) {
        size_t at = 0;
        for (size_t i = 0; i < f->count; i++)
            if (!f->dead[i])
                memmove(&f->configurations[at++ * p->stride], &f->configurations[i * p->stride],
                        p->stride * sizeof *f->configurations);
        f->count = at;
    }
    if (f->count > p->options.width)
        cut(p, f);
    if (f->count > p->widest)
        p->widest = f->count;
    struct frontier done = p->now;
    p->now = p->later;
    p->later = done;
    return true;
}

enum pass_end pass_run(struct pass *p, size_t pause)
{
    const struct course *c = p->course;
    size_t stop = p->options.stop < pause ? p->options.stop : pause;
    uint64_t *room = malloc((p->stride + 1 + c->words) * sizeof *room);
    enum pass_end end = room != NULL ? PASS_THROUGH : PASS_NO_MEMORY;
    for (; end == PASS_THROUGH && p->event < stop; p->event++) {
        uint32_t e = c->events[p->event];
        if ((e & 1) == 0)
            begin_task(p, e / 2);
        else if (!end_task(p, e / 2, room, &room[p->stride + 1]))
            end = p->budget->stopped || p->budget->full ? PASS_BUDGET : PASS_NO_MEMORY;
        else if (p->now.count == 0)
            end = PASS_DIED;
        if (end != PASS_THROUGH)
            break;
    }
    free(room);
    return end;
}

/* ---- life ---- */

static void *take(struct pass *p, size_t count, size_t size, int *code)
{
    if (*code != 0)
        return NULL;
    if (!budget_take(p->budget, count * size)) {
        *code = ERROR_CANCELLED;
        return NULL;
    }
    p->taken += count * size;
    void *memory = calloc(count, size);
    if (memory == NULL)
        *code = ERROR_MEMORY;
    return memory;
}

static bool push_start(struct pass *p, uint32_t value)
{
    if (p->now.count == p->now.capacity && !frontier_room(p, &p->now, p->now.capacity * 2))
        return false;
    uint64_t *c = &p->now.configurations[p->now.count++ * p->stride];
    memset(c, 0, p->stride * sizeof *c);
    *head_of(c) = (struct head){.value = value, .covered = SLOT_NONE};
    for (uint16_t s = p->newest; s != SLOT_NONE; s = p->previous[s])
        if (task_at(p, s)->kind == TASK_WRITE || task_at(p, s)->kind == TASK_CAS)
            bit_set(usable_of(p, c), s);
    return true;
}

/* Every value that may be there at options.begin and that anything up to options.stop looks at; one other for the rest,
 * the initial one, if that is none of them. */
static bool start_anywhere(struct pass *p)
{
    const struct course *c = p->course;
    p->reach_stamp++;
    bool other = false;
    for (size_t e = 0; e < p->options.stop; e++) {
        const struct task *t = &c->tasks[c->events[e] / 2];
        if ((c->events[e] & 1) != 0 || (t->end != TASK_NONE && t->end < p->options.begin))
            continue;
        if (t->kind != TASK_WRITE && !reaches(p, t->from)) {
            p->reach[t->from] = p->reach_stamp;
            if ((t->from == c->initial || c->first[t->from] < p->options.begin) && !push_start(p, t->from))
                return false;
        }
    }
    for (size_t v = 0; !other && v < c->value_count; v++)
        if (!reaches(p, (uint32_t)v) && (v == c->initial || c->first[v] < p->options.begin)) {
            other = true;
            if (!push_start(p, (uint32_t)v))
                return false;
        }
    return true;
}

int pass_init(struct pass *p, const struct course *c, struct budget *b, const struct pass_options *options,
              const struct saved_frontier *from)
{
    *p = (struct pass){.course = c, .budget = b, .options = *options, .newest = SLOT_NONE};
    size_t words = c->words, trails = options->trails;
    int code = 0;
    p->stride = 1 + 2 * words + options->tokens;
    p->task_of = take(p, c->slots + 1, sizeof *p->task_of, &code);
    p->previous = take(p, c->slots + 1, sizeof *p->previous, &code);
    p->next = take(p, c->slots + 1, sizeof *p->next, &code);
    p->older = take(p, (c->slots + 1) * words, sizeof *p->older, &code);
    p->cas_from = take(p, c->value_count * words, sizeof *p->cas_from, &code);
    p->write_to = take(p, c->value_count * words, sizeof *p->write_to, &code);
    p->read_of = take(p, c->value_count * words, sizeof *p->read_of, &code);
    p->other_of = take(p, c->value_count * words, sizeof *p->other_of, &code);
    p->all_writes = take(p, words, sizeof *p->all_writes, &code);
    p->all_cas = take(p, words, sizeof *p->all_cas, &code);
    p->all_others = take(p, words, sizeof *p->all_others, &code);
    p->reach = take(p, c->value_count, sizeof *p->reach, &code);
    for (p->bucket_count = 64; p->bucket_count < options->width && p->bucket_count < (size_t)1 << 20;)
        p->bucket_count *= 2;
    p->buckets = take(p, p->bucket_count, sizeof *p->buckets, &code);
    p->trails.items = take(p, trails * (p->stride + 1), sizeof *p->trails.items, &code);
    p->trails.chain = take(p, trails, sizeof *p->trails.chain, &code);
    p->trails.buckets = take(p, TRAIL_BUCKETS, sizeof *p->trails.buckets, &code);
    p->trails.stamps = take(p, TRAIL_BUCKETS, sizeof *p->trails.stamps, &code);
    p->trails.capacity = trails;
    size_t room = from != NULL && from->count > 16 ? from->count : 16;
    if (code == 0 && (!frontier_room(p, &p->now, room) || !frontier_room(p, &p->later, 16)))
        code = b->full ? ERROR_CANCELLED : ERROR_MEMORY;
    if (code != 0)
        return code;
    p->event = from != NULL ? from->event : options->begin;
    for (size_t e = 0; e < p->event; e++) { /* what is open there, in the order of invocation */
        const struct task *t = &c->tasks[c->events[e] / 2];
        if ((c->events[e] & 1) == 0 && (t->end == TASK_NONE || t->end >= p->event))
            open_task(p, c->events[e] / 2);
    }
    if (from == NULL) {
        if (options->begin == 0 ? push_start(p, c->initial) : start_anywhere(p))
            return 0;
        return b->full ? ERROR_CANCELLED : ERROR_MEMORY;
    }
    size_t copy = from->stride < p->stride ? from->stride : p->stride;
    for (size_t i = 0; i < from->count; i++) {
        uint64_t *to = &p->now.configurations[i * p->stride];
        memset(to, 0, p->stride * sizeof *to);
        memcpy(to, &from->configurations[i * from->stride], copy * sizeof *to);
        if (head_of(to)->tokens > options->tokens) {
            head_of(to)->tokens = (uint16_t)options->tokens;
            p->overflowed = true;
        }
    }
    p->now.count = from->count;
    return 0;
}

void pass_deinit(struct pass *p)
{
    free(p->task_of);
    free(p->previous);
    free(p->next);
    free(p->older);
    free(p->cas_from);
    free(p->write_to);
    free(p->read_of);
    free(p->other_of);
    free(p->all_writes);
    free(p->all_cas);
    free(p->all_others);
    free(p->reach);
    free(p->buckets);
    free(p->trails.items);
    free(p->trails.chain);
    free(p->trails.buckets);
    free(p->trails.stamps);
    free(p->now.configurations);
    free(p->now.chain);
    free(p->now.dead);
    free(p->later.configurations);
    free(p->later.chain);
    free(p->later.dead);
    budget_give(p->budget, p->taken);
    *p = (struct pass){0};
}

bool pass_save(const struct pass *p, struct saved_frontier *out)
{
    size_t size = p->now.count * p->stride * sizeof *out->configurations;
    uint64_t *copy = realloc(out->configurations, size > 0 ? size : 1);
    if (copy == NULL)
        return false;
    memcpy(copy, p->now.configurations, size);
    *out =
        (struct saved_frontier){.event = p->event, .configurations = copy, .count = p->now.count, .stride = p->stride};
    return true;
}
