#include "world/internal.h"

#include <stdlib.h>

#define TIMERS_FIRST 64

static bool timer_before(const struct world_timer *a, const struct world_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void timer_place(struct world *w, size_t slot, struct world_timer *t)
{
    w->timers[slot] = t;
    t->slot = slot + 1;
}

static void timer_sift_up(struct world *w, size_t slot, struct world_timer *t)
{
    while (slot > 0) {
        size_t parent = (slot - 1) / 2;
        if (!timer_before(t, w->timers[parent]))
            break;
        timer_place(w, slot, w->timers[parent]);
        slot = parent;
    }
    timer_place(w, slot, t);
}

static void timer_sift_down(struct world *w, size_t slot, struct world_timer *t)
{
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= w->timers_count)
            break;
        if (child + 1 < w->timers_count && timer_before(w->timers[child + 1], w->timers[child]))
            child++;
        if (!timer_before(w->timers[child], t))
            break;
        timer_place(w, slot, w->timers[child]);
        slot = child;
    }
    timer_place(w, slot, t);
}

void world_timer_init(struct world_timer *t, struct world *w, void (*fire)(void *arg), void *arg)
{
    *t = (struct world_timer){.world = w, .fire = fire, .arg = arg};
}

int world_timer_start(struct world_timer *t, uint64_t delay)
{
    struct world *w = t->world;
    if (w->dead)
        return ERROR_CLOSED;
    world_timer_stop(t);
    if (w->timers_count == w->timers_capacity) {
        size_t capacity = w->timers_capacity ? 2 * w->timers_capacity : TIMERS_FIRST;
        struct world_timer **timers = realloc(w->timers, capacity * sizeof(*timers));
        if (!timers)
            return ERROR_MEMORY;
        w->timers = timers;
        w->timers_capacity = capacity;
    }
    uint64_t now = w->operations->now(w);
    t->at = delay > UINT64_MAX - now ? UINT64_MAX : now + delay;
    t->sequence = ++w->timers_sequence;
    timer_sift_up(w, w->timers_count++, t);
    if (t->slot == 1 && w->operations->timer_earlier)
        w->operations->timer_earlier(w);
    return 0;
}

void world_timer_stop(struct world_timer *t)
{
    struct world *w = t->world;
    if (t->slot == 0)
        return;
    size_t slot = t->slot - 1;
    t->slot = 0;
    struct world_timer *last = w->timers[--w->timers_count];
    if (last == t)
        return;
    if (slot > 0 && timer_before(last, w->timers[(slot - 1) / 2]))
        timer_sift_up(w, slot, last);
    else
        timer_sift_down(w, slot, last);
}

struct world_timer *world_timer_earliest(const struct world *w)
{
    return w->timers_count ? w->timers[0] : NULL;
}

bool world_timers_fire_one(struct world *w, uint64_t now)
{
    struct world_timer *t = world_timer_earliest(w);
    if (!t || t->at > now)
        return false;
    world_timer_stop(t);
    t->fire(t->arg);
    return true;
}

void world_timers_fire(struct world *w, uint64_t now)
{
    uint64_t last = w->timers_sequence;
    for (struct world_timer *t; (t = world_timer_earliest(w)) && t->at <= now && t->sequence <= last;)
        world_timers_fire_one(w, now);
}

void world_timers_forget(struct world *w)
{
    w->timers_count = 0;
}
