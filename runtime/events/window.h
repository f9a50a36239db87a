/* What a group of consumers has in hand: for each number from `position` on, up to but not including `next`, whether it
 * is done, held by a consumer, or waits to be delivered again. Pure bookkeeping: no clock, no network, no disk.
 *
 * The entries stand in a ring that grows to WINDOW_MAX, and goes when a large one is empty. When the event at
 * `position` is done, the window moves up to the next one that is not; so one event that nobody acknowledges can hold
 * the group back by WINDOW_MAX at most. Held events hang in the list of who holds them, in the order of delivery;
 * waiting ones are found lowest first.
 *
 * On disk a window is its position and a bit for each number behind it that is done. What was held when a process died
 * waits again in the next one. */
#ifndef RUNTIME_EVENTS_WINDOW_H
#define RUNTIME_EVENTS_WINDOW_H

#include "base/bytes.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_MAX 16384 /* numbers; a power of two */

enum window_state { WINDOW_DONE, WINDOW_HELD, WINDOW_WAITING };

/* Who holds what; embedded in a consumer. */
struct window_list {
    uint64_t first, last; /* 0: empty */
    size_t count;
};

struct window_entry {
    struct window_list *list; /* of a held one */
    uint64_t previous, next;  /* in the list */
    uint64_t deadline;        /* when it is no longer held */
    uint64_t end;             /* where in its consumer's bytes it ends */
    uint32_t deliveries;
    enum window_state state;
};

struct window {
    struct window_entry *ring;
    size_t capacity; /* a power of two, or 0 */
    uint64_t position, next;
    size_t waiting;
    uint64_t waiting_from; /* none waits below */
};

void window_init(struct window *w, uint64_t position); /* positions start at 1 */
void window_deinit(struct window *w);
struct window_entry *window_at(const struct window *w, uint64_t number); /* NULL: outside */
bool window_full(const struct window *w);

/* Room for the entry `next`, so that the window_hold() of it that follows cannot fail. */
bool window_reserve(struct window *w);
/* Numbers below `number` that the window has not come to are done; false: not all of them fit in. */
bool window_skip(struct window *w, uint64_t number);
/* Delivered to whoever owns the list: the number is `next`, or one that waits. */
void window_hold(struct window *w, uint64_t number, struct window_list *list, uint64_t deadline, uint64_t end);
void window_done(struct window *w, uint64_t number); /* held or waiting */
/* Held before, to be delivered again; `uncounted`: that delivery never took place. */
void window_wait(struct window *w, uint64_t number, bool uncounted);
uint64_t window_waiting(struct window *w); /* the lowest; 0: none */
/* All numbers below are done, whoever holds them. */
void window_forget(struct window *w, uint64_t number);

void window_pack(const struct window *w, struct text *done);
bool window_load(struct window *w, uint64_t position, struct bytes done); /* false: no memory */
/* Whether everything fits together; for tests. */
bool window_valid(const struct window *w);

#endif
