/* The event queue: a binary heap by (time, sequence), and a free list of events. */
#include "world/sim_internal.h"

#include <stdlib.h>

#define QUEUE_FIRST 256

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void place(struct sim *s, size_t slot, struct sim_event *e)
{
    s->queue[slot] = e;
    e->slot = slot + 1;
}

static void sift_up(struct sim *s, size_t slot, struct sim_event *e)
{
    while (slot > 0) {
        size_t parent = (slot - 1) / 2;
        if (!before(e, s->queue[parent]))
            break;
        place(s, slot, s->queue[parent]);
        slot = parent;
    }
    place(s, slot, e);
}

static void sift_down(struct sim *s, size_t slot, struct sim_event *e)
{
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= s->queue_count)
            break;
        if (child + 1 < s->queue_count && before(s->queue[child + 1], s->queue[child]))
            child++;
        if (!before(s->queue[child], e))
            break;
        place(s, slot, s->queue[child]);
        slot = child;
    }
    place(s, slot, e);
}

static bool queue_grow(struct sim *s)
{
    if (s->queue_count < s->queue_capacity)
        return true;
    size_t capacity = s->queue_capacity ? 2 * s->queue_capacity : QUEUE_FIRST;
    struct sim_event **queue = realloc(s->queue, capacity * sizeof(struct sim_event *));
    if (!queue) {
        s->broken = ERROR_MEMORY;
        return false;
    }
    s->queue = queue;
    s->queue_capacity = capacity;
    return true;
}

void sim_queue_add(struct sim *s, struct sim_event *e, uint64_t at)
{
    if (!queue_grow(s))
        return;
    e->at = at;
    e->sequence = ++s->sequence;
    sift_up(s, s->queue_count++, e);
}

void sim_queue_remove(struct sim *s, struct sim_event *e)
{
    if (e->slot == 0)
        return;
    size_t slot = e->slot - 1;
    e->slot = 0;
    struct sim_event *last = s->queue[--s->queue_count];
    if (last == e)
        return;
    if (slot > 0 && before(last, s->queue[(slot - 1) / 2]))
        sift_up(s, slot, last);
    else
        sift_down(s, slot, last);
}

struct sim_event *sim_schedule(struct sim_node *node, uint64_t at, void (*run)(struct sim_event *e, bool dropped),
                               void *subject, uint64_t number)
{
    struct sim *s = node->sim;
    struct sim_event *e = s->free_events;
    if (!queue_grow(s))
        return NULL;
    if (e)
        s->free_events = e->next;
    else
        e = malloc(sizeof(*e));
    if (!e) {
        s->broken = ERROR_MEMORY;
        return NULL;
    }
    *e = (struct sim_event){
        .node = node, .incarnation = node->incarnation, .run = run, .subject = subject, .number = number};
    sim_queue_add(s, e, at);
    return e;
}

void sim_event_drop(struct sim *s, struct sim_event *e)
{
    e->run(e, true);
    e->next = s->free_events;
    s->free_events = e;
}

void sim_event_cancel(struct sim *s, struct sim_event *e)
{
    sim_queue_remove(s, e);
    sim_event_drop(s, e);
}

void sim_queue_deinit(struct sim *s)
{
    while (s->queue_count > 0)
        sim_event_cancel(s, s->queue[s->queue_count - 1]);
    while (s->free_events) {
        struct sim_event *next = s->free_events->next;
        free(s->free_events);
        s->free_events = next;
    }
    free(s->queue);
}
