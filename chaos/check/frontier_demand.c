/* What an operation demands when it ends: every way to place it, drawn out from every segment it may go to. */
#include "chaos/check/frontier_set.h"

#include <string.h>

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

void frontier_mark_reach(struct pass *p, const struct task *t)
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
                if (!frontier_reaches(p, cas->from) && (leads || frontier_reaches(p, cas->to))) {
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
    frontier_explain(p, must_of(trail), value, over ? mask_at(p, p->older, token_slot(token)) : NULL);
    if (goal->kind != TASK_CAS)
        done = !bit_get(must_of(trail), slot);
    if (done) {
        if (over)
            frontier_add_token(p, trail, token_value(token), token_slot(token));
        frontier_forget_slot(p, trail, slot);
        return frontier_insert(p, trail);
    }
    if (!frontier_reaches(p, value))
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
            if (!last ||
                (!done && !frontier_reaches(p, cas->to) && (goal->kind != TASK_OTHER || cas->to == goal->from)))
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

bool frontier_demand(struct pass *p, uint64_t *c, const struct task *goal, uint64_t *room, uint64_t *writes)
{
    size_t words = p->course->words, slot = goal->slot;
    const struct head *h = const_head(c);
    p->trails.stamp++;
    p->trails.count = 0;
    /* In segments that are over: those the operation was open for. */
    for (size_t i = 0; i < h->tokens; i++) {
        uint64_t token = tokens_of(p, c)[i];
        if (!bit_get(mask_at(p, p->older, token_slot(token)), slot) || !frontier_reaches(p, token_value(token)) ||
            (i > 0 && token == tokens_of(p, c)[i - 1]))
            continue;
        memcpy(room, c, p->stride * sizeof *room);
        frontier_remove_token(p, room, i);
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
    if (frontier_reaches(p, h->value)) {
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
            if (!frontier_reaches(p, to) && (goal->kind != TASK_OTHER || to == goal->from))
                continue;
            memcpy(room, c, p->stride * sizeof *room);
            frontier_live_write(p, room, write);
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
