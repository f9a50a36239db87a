#include "chaos/check/timeline.h"

#include "chaos/check/inside.h"

#include <stdio.h>
#include <stdlib.h>

struct making {
    struct timeline *out;
    uint32_t *by_end; /* items */
    uint16_t *freed;  /* slots */
    size_t end_count, free_count;
};

/* Items by when they end, through the operations' own order: both are rising, so an item is found by halving. */
static bool order_ends(struct making *m, const struct history *h, const uint32_t *operations, const bool *ends,
                       size_t count)
{
    uint32_t *spare = malloc((count + 1) * sizeof *spare);
    if (spare == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (ends[i])
            m->by_end[m->end_count++] = operations[i];
    sort_by_end(h, m->by_end, m->end_count, spare);
    free(spare);
    for (size_t i = 0; i < m->end_count; i++) {
        size_t low = 0;
        for (size_t high = count; high - low > 1;) {
            size_t middle = low + (high - low) / 2;
            if (operations[middle] <= m->by_end[i])
                low = middle;
            else
                high = middle;
        }
        m->by_end[i] = (uint32_t)low;
    }
    return true;
}

static int lay_out(struct making *m, const struct history *h, const uint32_t *operations, size_t count)
{
    struct timeline *t = m->out;
    const struct operation *o = h->operations;
    for (size_t calls = 0, ends = 0; calls < count || ends < m->end_count;) {
        uint32_t event = (uint32_t)t->event_count++;
        if (calls < count &&
            (ends == m->end_count || o[operations[calls]].invoked <= o[operations[m->by_end[ends]]].ended)) {
            if (m->free_count == 0 && t->slots >= TIMELINE_SLOTS_MAX)
                return ERROR_LIMIT;
            uint16_t slot = m->free_count > 0 ? m->freed[--m->free_count] : (uint16_t)t->slots++;
            t->items[calls] = (struct timeline_item){.call = event, .end = TIMELINE_NONE, .slot = slot};
            t->events[event] = (uint32_t)calls++ * 2;
        } else {
            uint32_t item = m->by_end[ends++];
            t->items[item].end = event;
            m->freed[m->free_count++] = t->items[item].slot;
            t->events[event] = item * 2 + 1;
        }
    }
    return 0;
}

int timeline_make(const struct history *h, const uint32_t *operations, const bool *ends, size_t count,
                  struct timeline *out)
{
    struct making m = {.out = out};
    int code = ERROR_MEMORY;
    *out = (struct timeline){.items = malloc((count + 1) * sizeof *out->items),
                             .events = malloc((2 * count + 1) * sizeof *out->events)};
    m.by_end = malloc((count + 1) * sizeof *m.by_end);
    m.freed = malloc((count + 1) * sizeof *m.freed);
    if (out->items != NULL && out->events != NULL && m.by_end != NULL && m.freed != NULL &&
        order_ends(&m, h, operations, ends, count))
        code = lay_out(&m, h, operations, count);
    free(m.by_end);
    free(m.freed);
    if (code != 0)
        timeline_deinit(out);
    return code;
}

void timeline_too_many(struct check_result *out, uint32_t key)
{
    out->verdict = VERDICT_UNKNOWN;
    out->key = key;
    out->checked = 0;
    snprintf(out->reason, sizeof out->reason, "more than %zu operations are open at a time", TIMELINE_SLOTS_MAX);
}

void timeline_deinit(struct timeline *t)
{
    free(t->items);
    free(t->events);
    *t = (struct timeline){0};
}
