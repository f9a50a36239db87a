#include "fuzz/loop/ring.h"

#include <string.h>

#define UNIT 16 /* records begin at its multiples; their sizes stand in a unit before them */
#define SKIP UINT64_MAX

struct mark {
    uint64_t len;  /* SKIP: go on at the start of the memory */
    uint64_t next; /* bytes from this mark to the next */
};

static uint64_t rounded(size_t len)
{
    return (len + UNIT - 1) / UNIT * UNIT;
}

void ring_init(struct ring *r, size_t size)
{
    memset(r, 0, sizeof *r);
    r->capacity = (size - sizeof *r) / UNIT * UNIT;
}

bool ring_is_empty(const struct ring *r)
{
    return atomic_load_explicit(&r->written, memory_order_acquire) ==
           atomic_load_explicit(&r->read, memory_order_acquire);
}

bool ring_fits(const struct ring *r, size_t len)
{
    /* Wherever the last one ended: the skipped rest and the record are less than all. */
    return rounded(len) + UNIT <= r->capacity / 2;
}

static struct mark *mark_at(struct ring *r, uint64_t position)
{
    return (struct mark *)(void *)(r->data + position % r->capacity);
}

void *ring_reserve(struct ring *r, size_t len)
{
    uint64_t written = atomic_load_explicit(&r->written, memory_order_relaxed);
    uint64_t used = written - atomic_load_explicit(&r->read, memory_order_acquire);
    uint64_t need = rounded(len) + UNIT, left = r->capacity - written % r->capacity;
    uint64_t skip = left < need ? left : 0;
    if (!ring_fits(r, len) || used + skip + need > r->capacity)
        return NULL;
    if (skip) { /* at least a unit: positions are multiples of it */
        *mark_at(r, written) = (struct mark){SKIP, skip};
        written += skip;
        atomic_store_explicit(&r->written, written, memory_order_release);
    }
    struct mark *mark = mark_at(r, written);
    *mark = (struct mark){len, need};
    return mark + 1;
}

void ring_commit(struct ring *r)
{
    uint64_t written = atomic_load_explicit(&r->written, memory_order_relaxed);
    atomic_store_explicit(&r->written, written + mark_at(r, written)->next, memory_order_release);
}

const void *ring_peek(struct ring *r, size_t *len)
{
    for (;;) {
        uint64_t written = atomic_load_explicit(&r->written, memory_order_acquire);
        uint64_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
        if (read == written)
            return NULL;
        struct mark mark = {0, 0};
        uint64_t left = r->capacity - read % r->capacity, there = written - read;
        bool sound = read < written && read % UNIT == 0 && there <= r->capacity && there >= UNIT;
        if (sound)
            mark = *mark_at(r, read);
        sound = sound && mark.next >= UNIT && mark.next <= there && mark.next <= left &&
                (mark.len == SKIP ? mark.next == left : mark.len <= mark.next - UNIT);
        if (!sound) {
            atomic_store_explicit(&r->read, written / UNIT * UNIT, memory_order_relaxed);
            atomic_store_explicit(&r->written, written / UNIT * UNIT, memory_order_relaxed);
            return NULL;
        }
        if (mark.len != SKIP) {
            *len = mark.len;
            return r->data + read % r->capacity + UNIT;
        }
        atomic_store_explicit(&r->read, read + mark.next, memory_order_release);
    }
}

void ring_consume(struct ring *r)
{
    uint64_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
    atomic_store_explicit(&r->read, read + mark_at(r, read)->next, memory_order_release);
}
