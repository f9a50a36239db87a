#include "runtime/events/window.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN  16
#define CAPACITY_KEEP 1024 /* entries kept while there are none */

static struct window_entry *entry_of(const struct window *w, uint64_t number)
{
    return &w->ring[number & (w->capacity - 1)];
}

void window_init(struct window *w, uint64_t position)
{
    *w = (struct window){.position = position, .next = position, .waiting_from = position};
}

void window_deinit(struct window *w)
{
    free(w->ring);
    w->ring = NULL;
    w->capacity = 0;
}

struct window_entry *window_at(const struct window *w, uint64_t number)
{
    return number >= w->position && number < w->next ? entry_of(w, number) : NULL;
}

bool window_full(const struct window *w)
{
    return w->next - w->position >= WINDOW_MAX;
}

static bool grow(struct window *w, size_t need)
{
    size_t capacity = w->capacity ? w->capacity : CAPACITY_MIN;
    while (capacity < need)
        capacity *= 2;
    if (capacity == w->capacity)
        return true;
    struct window_entry *ring = calloc(capacity, sizeof *ring);
    if (!ring)
        return false;
    for (uint64_t n = w->position; n < w->next; n++)
        ring[n & (capacity - 1)] = *entry_of(w, n);
    free(w->ring);
    w->ring = ring;
    w->capacity = capacity;
    return true;
}

bool window_reserve(struct window *w)
{
    return !window_full(w) && grow(w, (size_t)(w->next - w->position) + 1);
}

static void advance(struct window *w)
{
    while (w->position < w->next && entry_of(w, w->position)->state == WINDOW_DONE)
        w->position++;
    if (w->waiting_from < w->position)
        w->waiting_from = w->position;
    if (w->position == w->next && w->capacity > CAPACITY_KEEP)
        window_deinit(w);
}

bool window_skip(struct window *w, uint64_t number)
{
    if (w->position == w->next && number > w->next)
        w->position = w->next = w->waiting_from = number;
    while (w->next < number) {
        if (!window_reserve(w))
            return false;
        *entry_of(w, w->next) = (struct window_entry){.state = WINDOW_DONE};
        w->next++;
    }
    return true;
}

static void unlink_entry(struct window *w, struct window_entry *e)
{
    struct window_list *list = e->list;
    if (e->previous)
        entry_of(w, e->previous)->next = e->next;
    else
        list->first = e->next;
    if (e->next)
        entry_of(w, e->next)->previous = e->previous;
    else
        list->last = e->previous;
    list->count--;
    e->list = NULL;
}

void window_hold(struct window *w, uint64_t number, struct window_list *list, uint64_t deadline, uint64_t end)
{
    struct window_entry *e = entry_of(w, number);
    if (number == w->next) {
        w->next++;
        *e = (struct window_entry){0};
    } else {
        w->waiting--;
    }
    e->state = WINDOW_HELD;
    e->deliveries++;
    e->deadline = deadline;
    e->end = end;
    e->list = list;
    e->previous = list->last;
    e->next = 0;
    if (list->last)
        entry_of(w, list->last)->next = number;
    else
        list->first = number;
    list->last = number;
    list->count++;
}

void window_done(struct window *w, uint64_t number)
{
    struct window_entry *e = entry_of(w, number);
    if (e->state == WINDOW_HELD)
        unlink_entry(w, e);
    else if (e->state == WINDOW_WAITING)
        w->waiting--;
    e->state = WINDOW_DONE;
    advance(w);
}

void window_wait(struct window *w, uint64_t number, bool uncounted)
{
    struct window_entry *e = entry_of(w, number);
    unlink_entry(w, e);
    e->state = WINDOW_WAITING;
    if (uncounted)
        e->deliveries--;
    w->waiting++;
    if (number < w->waiting_from)
        w->waiting_from = number;
}

uint64_t window_waiting(struct window *w)
{
    if (w->waiting == 0)
        return 0;
    while (entry_of(w, w->waiting_from)->state != WINDOW_WAITING)
        w->waiting_from++;
    return w->waiting_from;
}

void window_forget(struct window *w, uint64_t number)
{
    while (w->position < w->next && w->position < number)
        window_done(w, w->position);
    if (w->position == w->next && w->position < number)
        w->position = w->next = w->waiting_from = number;
}

/* ---- on disk ---------------------------------------------------------------------------------------------------- */

void window_pack(const struct window *w, struct text *done)
{
    uint8_t byte = 0;
    size_t at = 0, full = 0; /* bytes up to the last bit set */
    for (uint64_t n = w->position; n < w->next; n++, at++) {
        if (entry_of(w, n)->state == WINDOW_DONE)
            byte = (uint8_t)(byte | 1u << (at & 7));
        if ((at & 7) == 7 || n + 1 == w->next) {
            text_char(done, (char)byte);
            if (byte)
                full = at / 8 + 1;
            byte = 0;
        }
    }
    text_truncate(done, full);
}

bool window_load(struct window *w, uint64_t position, struct bytes done)
{
    window_init(w, position);
    size_t bits = done.len * 8;
    if (bits > WINDOW_MAX)
        bits = WINDOW_MAX;
    while (bits > 0 && !(done.data[(bits - 1) / 8] >> ((bits - 1) & 7) & 1))
        bits--;
    if (bits == 0)
        return true;
    if (!grow(w, bits))
        return false;
    w->next = position + bits;
    for (size_t i = 0; i < bits; i++) {
        bool is_done = done.data[i / 8] >> (i & 7) & 1;
        *entry_of(w, position + i) = (struct window_entry){.state = is_done ? WINDOW_DONE : WINDOW_WAITING};
        w->waiting += !is_done;
    }
    advance(w);
    return true;
}

bool window_valid(const struct window *w)
{
    size_t waiting = 0;
    if (w->position == 0 || w->next < w->position || w->next - w->position > WINDOW_MAX ||
        w->next - w->position > w->capacity)
        return false;
    for (uint64_t n = w->position; n < w->next; n++) {
        const struct window_entry *e = entry_of(w, n);
        if (e->state == WINDOW_WAITING) {
            waiting++;
            if (n < w->waiting_from)
                return false;
        }
        if (e->state == WINDOW_HELD) {
            if (!e->list || e->list->count == 0)
                return false;
            uint64_t before = e->previous, after = e->next;
            if (before ? entry_of(w, before)->next != n : e->list->first != n)
                return false;
            if (after ? entry_of(w, after)->previous != n : e->list->last != n)
                return false;
        }
    }
    if (w->position < w->next && entry_of(w, w->position)->state == WINDOW_DONE)
        return false;
    return waiting == w->waiting;
}
