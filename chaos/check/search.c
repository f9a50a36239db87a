#include "chaos/check/search.h"
#include "chaos/check/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* ---- states ---- */

static bool state_room(struct state *s)
{
    if (array_grow(s))
        return true;
    s->failed = true;
    return false;
}

void state_push(struct state *s, int64_t item)
{
    if (state_room(s))
        s->items[s->count++] = item;
}

void state_insert(struct state *s, size_t i, int64_t item)
{
    if (!state_room(s))
        return;
    memmove(&s->items[i + 1], &s->items[i], (s->count - i) * sizeof *s->items);
    s->items[i] = item;
    s->count++;
}

void state_remove(struct state *s, size_t i)
{
    array_remove(s, i);
}

size_t state_find(const struct state *s, int64_t item)
{
    size_t i = 0;
    while (i < s->count && s->items[i] != item)
        i++;
    return i;
}

/* ---- where it has been ---- */

struct place {
    uint64_t a, b;
};

struct places {
    struct place *slots; /* {0, 0}: free */
    size_t slot_count, count;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static struct place place_of_operation(size_t i)
{
    return (struct place){mix(2 * i + 1), mix(~(2 * i + 1))};
}

static struct place place_of(struct place done, const struct state *s)
{
    uint64_t a = done.a, b = done.b;
    for (size_t i = 0; i < s->count; i++) {
        a = mix(a + UINT64_C(0x9E3779B97F4A7C15)) ^ (uint64_t)s->items[i];
        b = mix(b ^ (uint64_t)s->items[i]) + UINT64_C(0xD1B54A32D192ED03);
    }
    a = mix(a ^ s->count);
    return (struct place){a | 1, mix(b)};
}

static struct place *place_slot(const struct places *p, struct place wanted)
{
    size_t at = wanted.b & (p->slot_count - 1);
    while (p->slots[at].a != 0 && (p->slots[at].a != wanted.a || p->slots[at].b != wanted.b))
        at = (at + 1) & (p->slot_count - 1);
    return &p->slots[at];
}

enum visit { VISIT_NEW, VISIT_KNOWN, VISIT_FULL, VISIT_NO_MEMORY };

static enum visit visit(struct places *p, struct budget *b, struct place place)
{
    if (p->count * 4 >= p->slot_count * 3) {
        struct places more = {.slot_count = p->slot_count > 0 ? p->slot_count * 2 : 256, .count = p->count};
        if (!budget_take(b, more.slot_count * sizeof *more.slots))
            return VISIT_FULL;
        more.slots = calloc(more.slot_count, sizeof *more.slots);
        if (more.slots == NULL) {
            budget_give(b, more.slot_count * sizeof *more.slots);
            return VISIT_NO_MEMORY;
        }
        for (size_t i = 0; i < p->slot_count; i++)
            if (p->slots[i].a != 0)
                *place_slot(&more, p->slots[i]) = p->slots[i];
        budget_give(b, p->slot_count * sizeof *p->slots);
        free(p->slots);
        *p = more;
    }
    struct place *slot = place_slot(p, place);
    if (slot->a != 0)
        return VISIT_KNOWN;
    *slot = place;
    p->count++;
    return VISIT_NEW;
}

/* ---- the search ---- */

/* Calls and returns in the order of time, as a list that operations are lifted out of and put back into. */
struct event {
    uint32_t previous, next; /* NONE at the end; the first event is a sentinel */
    uint32_t item;           /* number among the operations looked at */
    bool is_return;
};

struct item {
    uint32_t operation;
    uint32_t call, end; /* events; NONE: it has no end */
    bool must;
};

struct frame {
    uint32_t item;
    size_t choice;
    size_t saved; /* the state before, from here in `saved` */
    size_t saved_count;
};

struct run {
    const struct machine *machine;
    const struct history *h;
    struct budget *budget;
    struct event *events;
    struct item *items;
    size_t item_count, must_left;
    struct frame *frames;
    size_t depth;
    ARRAY(int64_t) saved;
    struct state state, next;
    struct place done;
    struct places places;
    size_t best;      /* operations in the longest order */
    uint32_t blocked; /* the operation that had to end there */
};

static void lift(struct run *r, uint32_t event)
{
    const struct event *e = &r->events[event];
    r->events[e->previous].next = e->next;
    if (e->next != NONE)
        r->events[e->next].previous = e->previous;
}

static void put_back(struct run *r, uint32_t event)
{
    const struct event *e = &r->events[event];
    r->events[e->previous].next = event;
    if (e->next != NONE)
        r->events[e->next].previous = event;
}

static void mark(struct run *r, uint32_t item)
{
    struct place p = place_of_operation(item);
    r->done.a ^= p.a;
    r->done.b ^= p.b;
}

/* The events of one key: 0, ERROR_MEMORY, or ERROR_LIMIT when too many are open at a time. */
static int prepare(struct run *r, const uint32_t *operations, size_t count)
{
    struct timeline line = {0};
    uint32_t *looked_at = malloc((count + 1) * sizeof *looked_at);
    bool *must = malloc((count + 1) * sizeof *must);
    r->items = calloc(count + 1, sizeof *r->items);
    r->frames = calloc(count + 1, sizeof *r->frames);
    r->events = calloc(2 * count + 1, sizeof *r->events);
    bool room = looked_at != NULL && must != NULL && r->items != NULL && r->frames != NULL && r->events != NULL;
    for (size_t i = 0; room && i < count; i++) {
        enum role role = r->machine->role(r->h, &r->h->operations[operations[i]]);
        if (role == ROLE_NONE)
            continue;
        must[r->item_count] = role == ROLE_MUST;
        r->must_left += role == ROLE_MUST;
        looked_at[r->item_count++] = operations[i];
    }
    /* What may take effect whenever, or never, has no end. */
    int code = room ? timeline_make(r->h, looked_at, must, r->item_count, &line) : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < r->item_count; i++) { /* the sentinel is event 0 */
        uint32_t end = line.items[i].end;
        r->items[i] = (struct item){.operation = looked_at[i],
                                    .call = line.items[i].call + 1,
                                    .end = end != TIMELINE_NONE ? end + 1 : NONE,
                                    .must = must[i]};
    }
    for (uint32_t e = 0; code == 0 && e < line.event_count; e++) {
        r->events[e + 1] = (struct event){.previous = e, .item = line.events[e] / 2, .is_return = line.events[e] & 1};
        r->events[e].next = e + 1;
    }
    if (code == 0)
        r->events[line.event_count].next = NONE;
    timeline_deinit(&line);
    free(looked_at);
    free(must);
    return code;
}

static bool save_state(struct run *r, struct frame *f)
{
    f->saved = r->saved.count;
    f->saved_count = r->state.count;
    if (!array_reserve(&r->saved, r->saved.count + r->state.count))
        return false;
    if (r->state.count > 0)
        memcpy(&r->saved.items[r->saved.count], r->state.items, r->state.count * sizeof *r->state.items);
    r->saved.count += r->state.count;
    return true;
}

static void restore_state(struct run *r, const struct frame *f)
{
    if (f->saved_count > 0)
        memcpy(r->state.items, &r->saved.items[f->saved], f->saved_count * sizeof *r->state.items);
    r->state.count = f->saved_count;
    r->saved.count = f->saved;
}

/* Tries the operation at hand with `choice` and those after it. VISIT_NEW: it is done, the state has moved. */
static enum visit try_item(struct run *r, uint32_t item, size_t choice)
{
    const struct operation *o = &r->h->operations[r->items[item].operation];
    size_t choices = r->machine->choices != NULL ? r->machine->choices(r->h, o, &r->state) : 1;
    for (; choice < choices; choice++) {
        r->next.count = 0;
        if (!array_reserve(&r->next, r->state.count + 1))
            return VISIT_NO_MEMORY;
        if (r->state.count > 0)
            memcpy(r->next.items, r->state.items, r->state.count * sizeof *r->state.items);
        r->next.count = r->state.count;
        bool possible = r->machine->step(r->h, o, choice, &r->next);
        if (r->next.failed)
            return VISIT_NO_MEMORY;
        if (!possible)
            continue;
        mark(r, item);
        enum visit v = visit(&r->places, r->budget, place_of(r->done, &r->next));
        if (v == VISIT_NEW) {
            struct frame *f = &r->frames[r->depth];
            f->item = item;
            f->choice = choice;
            if (!save_state(r, f))
                return VISIT_NO_MEMORY;
            r->depth++;
            struct state moved = r->state;
            r->state = r->next;
            r->next = moved;
            return VISIT_NEW;
        }
        mark(r, item);
        if (v != VISIT_KNOWN)
            return v;
    }
    return VISIT_KNOWN;
}

static void remove_item(struct run *r, uint32_t item)
{
    const struct item *i = &r->items[item];
    lift(r, i->call);
    if (i->end != NONE)
        lift(r, i->end);
    r->must_left -= i->must;
}

static void return_item(struct run *r, uint32_t item)
{
    const struct item *i = &r->items[item];
    if (i->end != NONE)
        put_back(r, i->end);
    put_back(r, i->call);
    r->must_left += i->must;
}

/* 0: decided, with *found; ERROR_MEMORY; ERROR_CANCELLED: the budget is used up. */
static int run_search(struct run *r, bool *found)
{
    uint32_t event = r->events[0].next;
    size_t choice = 0;
    while (r->must_left > 0) {
        if (!budget_step(r->budget))
            return ERROR_CANCELLED;
        if (event != NONE && !r->events[event].is_return) {
            uint32_t item = r->events[event].item;
            enum visit v = try_item(r, item, choice);
            choice = 0;
            if (v == VISIT_NO_MEMORY)
                return ERROR_MEMORY;
            if (v == VISIT_FULL)
                return ERROR_CANCELLED;
            if (v == VISIT_KNOWN) {
                event = r->events[event].next;
                continue;
            }
            remove_item(r, item);
            event = r->events[0].next;
            continue;
        }
        if (event != NONE && (r->depth >= r->best)) {
            r->best = r->depth;
            r->blocked = r->items[r->events[event].item].operation;
        }
        if (r->depth == 0) {
            *found = false;
            return 0;
        }
        const struct frame *f = &r->frames[--r->depth];
        return_item(r, f->item);
        mark(r, f->item);
        restore_state(r, f);
        event = r->items[f->item].call;
        choice = f->choice + 1;
    }
    *found = true;
    return 0;
}

int search_key(const struct machine *m, const struct history *h, const uint32_t *operations, size_t count,
               struct budget *b, struct check_result *out)
{
    struct run r = {.machine = m, .h = h, .budget = b};
    size_t fixed = (count + 1) * (sizeof *r.items + sizeof *r.frames + 2 * sizeof *r.events + TIMELINE_BYTES);
    uint32_t key = count > 0 ? h->operations[operations[0]].key : 0;
    bool found = false;
    if (!budget_take(b, fixed)) {
        budget_unknown(b, out, key, 0);
        return 0;
    }
    int code = prepare(&r, operations, count);
    if (code == 0 && m->start != NULL)
        m->start(b->limits, &r.state);
    if (r.state.failed)
        code = ERROR_MEMORY;
    if (code == 0)
        code = run_search(&r, &found);
    if (code == ERROR_CANCELLED) {
        budget_unknown(b, out, key, r.best);
        code = 0;
    } else if (code == ERROR_LIMIT) {
        timeline_too_many(out, key);
        code = 0;
    } else if (code == 0 && !found) {
        struct text text = TEXT_INIT;
        word name;
        history_print_operation(h, r.blocked, h->operations[0].invoked, &text);
        say_invalid(out, key, (size_t[]){r.blocked}, 1, "no order of the operations on %s explains them beyond: %s",
                    key_word(h, key, name), text_string(&text));
        text_deinit(&text);
    }
    budget_give(b, r.places.slot_count * sizeof *r.places.slots);
    budget_give(b, fixed);
    free(r.events);
    free(r.items);
    free(r.frames);
    free(r.places.slots);
    array_deinit(&r.saved);
    free(r.state.items);
    free(r.next.items);
    return code;
}

static int search_one(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                      struct budget *b, struct check_result *out, struct error *err)
{
    (void)err;
    return search_key(with, h, operations, count, b, out);
}

int search(const struct machine *m, const struct history *h, const struct check_limits *limits,
           struct check_result *out)
{
    return check_each_key(h, limits, search_one, m, out, NULL);
}
