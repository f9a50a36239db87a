/* Moving events about; mutate_case.h has the functions. */
#include "fuzz/case/mutate_case.h"

bool fuzz_event_has_call(unsigned kind)
{
    return kind == EVENT_LINK || kind == EVENT_MESSAGE || kind == EVENT_HALF_CLOSE || kind == EVENT_CANCEL ||
           kind == EVENT_AWAIT;
}

static uint32_t calls_before(const struct fuzz_case *c, size_t at)
{
    uint32_t calls = 0;
    for (size_t i = 0; i < at; i++)
        calls += c->events.items[i].kind == EVENT_CALL;
    return calls;
}

uint32_t fuzz_event_call(const struct fuzz_case *c, size_t at)
{
    const struct fuzz_event *e = &c->events.items[at];
    if (e->kind == EVENT_CALL)
        return calls_before(c, at);
    if (e->kind == EVENT_METADATA)
        return calls_before(c, at) > 0 ? calls_before(c, at) - 1 : FUZZ_NO_CALL;
    if (e->kind != EVENT_LINK)
        return fuzz_event_has_call(e->kind) ? e->call : FUZZ_NO_CALL;
    /* A link is its message's; `call` is where it takes from. */
    for (size_t i = at + 1; i < c->events.count; i++)
        if (c->events.items[i].kind == (e->flags & EVENT_LINK_METADATA ? EVENT_METADATA : EVENT_MESSAGE))
            return fuzz_event_call(c, i);
    return FUZZ_NO_CALL;
}

void fuzz_case_cut(struct fuzz_case *c, size_t at)
{
    if (at >= c->events.count)
        return;
    if (c->events.items[at].kind != EVENT_CALL) {
        fuzz_case_remove(c, at);
        return;
    }
    bool gone[FUZZ_CASE_EVENTS_MAX];
    uint32_t call = calls_before(c, at);
    size_t to = 0, count = c->events.count < FUZZ_CASE_EVENTS_MAX ? c->events.count : FUZZ_CASE_EVENTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        gone[i] = fuzz_event_call(c, i) == call || (e->kind == EVENT_LINK && e->call == call);
    }
    for (size_t i = 0; i < count; i++) {
        struct fuzz_event *e = &c->events.items[i];
        if (gone[i])
            continue;
        if (fuzz_event_has_call(e->kind) && e->call > call)
            e->call--;
        c->events.items[to++] = *e;
    }
    c->events.count = to;
}

void fuzz_case_move(struct fuzz_case *c, size_t from, size_t to)
{
    uint32_t numbers[FUZZ_CASE_EVENTS_MAX], moved;
    struct fuzz_event *items = c->events.items, e;
    if (from >= c->events.count || to >= c->events.count || c->events.count > FUZZ_CASE_EVENTS_MAX)
        return;
    moved = calls_before(c, from);
    e = items[from];
    if (from < to)
        memmove(items + from, items + from + 1, (to - from) * sizeof e);
    else
        memmove(items + to + 1, items + to, (from - to) * sizeof e);
    items[to] = e;
    if (e.kind != EVENT_CALL)
        return;
    /* Calls between the two places have another number now: numbers[old] is the new one. */
    uint32_t now = calls_before(c, to), calls = (uint32_t)fuzz_case_calls(c);
    for (uint32_t i = 0; i < calls; i++)
        numbers[i] = i == moved ? now : moved < i && i <= now ? i - 1 : now <= i && i < moved ? i + 1 : i;
    for (size_t i = 0; i < c->events.count; i++)
        if (fuzz_event_has_call(items[i].kind) && items[i].call < calls)
            items[i].call = numbers[items[i].call];
}

int fuzz_case_append_tail(struct random *r, struct fuzz_case *c, const struct fuzz_case *other, size_t from)
{
    uint32_t dropped = calls_before(other, from), base = (uint32_t)fuzz_case_calls(c), opened = base;
    for (size_t i = from; i < other->events.count; i++) {
        struct fuzz_event e = other->events.items[i];
        uint32_t owner = fuzz_event_call(other, i);
        opened += e.kind == EVENT_CALL;
        if (owner != FUZZ_NO_CALL && owner < dropped)
            continue;
        if (e.kind == EVENT_LINK && e.call < dropped) {
            if (opened == 0)
                continue;
            e.call = (uint32_t)random_below(r, opened);
        } else if (fuzz_event_has_call(e.kind)) {
            if (e.call - dropped > UINT32_MAX - base)
                continue;
            e.call = e.call - dropped + base;
        }
        int rc = fuzz_case_add(c, &e, fuzz_case_bytes(other, e.name), fuzz_case_bytes(other, e.value));
        if (rc == ERROR_LIMIT)
            return 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}
