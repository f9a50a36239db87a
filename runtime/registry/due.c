#include "runtime/registry/due.h"

static void place(struct due *d, size_t i, struct due_entry *e)
{
    d->heap.items[i] = e;
    e->slot = i + 1;
}

static void rise(struct due *d, size_t i, struct due_entry *e)
{
    while (i > 0 && d->heap.items[(i - 1) / 2]->at > e->at) {
        place(d, i, d->heap.items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(d, i, e);
}

static void settle(struct due *d, size_t i, struct due_entry *e)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= d->heap.count)
            break;
        if (child + 1 < d->heap.count && d->heap.items[child + 1]->at < d->heap.items[child]->at)
            child++;
        if (d->heap.items[child]->at >= e->at)
            break;
        place(d, i, d->heap.items[child]);
        i = child;
    }
    rise(d, i, e);
}

bool due_put(struct due *d, struct due_entry *e, uint64_t at)
{
    if (!array_grow(&d->heap))
        return false;
    e->at = at;
    d->heap.count++;
    rise(d, d->heap.count - 1, e);
    return true;
}

void due_move(struct due *d, struct due_entry *e, uint64_t at)
{
    e->at = at;
    settle(d, e->slot - 1, e);
}

void due_remove(struct due *d, struct due_entry *e)
{
    if (!e->slot)
        return;
    size_t i = e->slot - 1;
    struct due_entry *last = array_pop(&d->heap);
    e->slot = 0;
    if (last != e)
        settle(d, i, last);
}

struct due_entry *due_first(const struct due *d)
{
    return d->heap.count ? d->heap.items[0] : NULL;
}

void due_deinit(struct due *d)
{
    array_deinit(&d->heap);
}
