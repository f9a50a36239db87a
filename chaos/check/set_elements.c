/* Each value of a set by itself. */
#include "chaos/check/set_inside.h"

#include <inttypes.h>
#include <stdlib.h>

/* What one value says about itself; sets e->to. */
static void judge_element(const struct set *s, struct element *e, struct check_result *out)
{
    const struct operation *all = s->h->operations;
    if (e->add == NO_OPERATION && e->first == NO_OPERATION)
        return; /* only removals that failed, or of unknown end */
    if (e->add == NO_OPERATION) {
        set_fail(s, e, (size_t[]){e->first}, 1, "was seen, and never added", out);
        return;
    }
    if (e->removed_again != NO_OPERATION) {
        set_fail(s, e, (size_t[]){e->remove, e->removed_again}, 2, "was removed twice, and added once", out);
        return;
    }
    const struct operation *add = &all[e->add];
    if (e->first != NO_OPERATION && e->from < add->invoked) {
        set_fail(s, e, (size_t[]){e->first, e->add}, 2, "was seen before it was added", out);
        return;
    }
    if (e->remove == NO_OPERATION)
        return;
    const struct operation *remove = &all[e->remove];
    if (e->last == NO_OPERATION || e->seen < add->invoked) {
        e->seen = add->invoked;
        e->last = e->add;
    }
    if (remove->end == END_OK && e->seen > remove->ended) {
        set_fail(s, e, (size_t[]){e->last, e->remove}, 2, "was seen after it was removed", out);
        return;
    }
    if (remove->invoked > e->seen) {
        e->seen = remove->invoked;
        e->last = e->remove;
    }
    e->to = e->seen;
}

static bool between(const struct element *e, const struct operation *o)
{
    return o->invoked > e->from && o->ended < e->to;
}

/* Counts how many of the reads invoked after a time end before another: a tree over ranks of ends (Fenwick, 1994). */
struct counting {
    uint32_t *tree;
    uint64_t *ends; /* rising */
    size_t count;
};

static size_t rank_of(const struct counting *c, uint64_t end)
{
    size_t low = 0;
    for (size_t high = c->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (c->ends[middle] < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int by_from_falling(const void *a, const void *b)
{
    const struct element *const *x = a, *const *y = b;
    return (*x)->from > (*y)->from ? -1 : (*x)->from < (*y)->from;
}

static int rising(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The read that did not see `e` although it had to; there is one. */
static void name_blind_read(const struct set *s, const struct element *e, struct check_result *out)
{
    for (size_t i = 0; i < s->reads.count; i++) {
        const struct operation *o = &s->h->operations[s->reads.items[i]];
        size_t count, n = 0;
        const int64_t *items = history_list(s->h, o, &count);
        if (!between(e, o))
            continue;
        while (n < count && items[n] != e->value)
            n++;
        if (n < count)
            continue;
        size_t witness[3] = {s->reads.items[i], e->first, e->last};
        set_fail(s, e, witness, e->remove != NO_OPERATION || e->last != NO_OPERATION ? 3 : 2,
                 "was missing from a read while it must have been there", out);
        return;
    }
}

static int check_blind_reads(struct set *s, const struct check_limits *limits, struct check_result *out)
{
    size_t count = s->reads.count, at = count;
    struct counting c = {.count = count};
    struct element **order = malloc((s->elements.count + 1) * sizeof *order);
    c.tree = calloc(count + 1, sizeof *c.tree);
    c.ends = malloc((count + 1) * sizeof *c.ends);
    int code = order != NULL && c.tree != NULL && c.ends != NULL ? 0 : ERROR_MEMORY;
    if (code == 0) {
        for (size_t i = 0; i < count; i++)
            c.ends[i] = s->h->operations[s->reads.items[i]].ended;
        for (size_t i = 0; i < s->elements.count; i++)
            order[i] = &s->elements.items[i];
        if (count > 0)
            qsort(c.ends, count, sizeof *c.ends, rising);
        if (s->elements.count > 0)
            qsort(order, s->elements.count, sizeof *order, by_from_falling);
    }
    for (size_t i = 0; code == 0 && i < count; i++) {
        const struct operation *o = &s->h->operations[s->reads.items[i]];
        size_t n;
        const int64_t *items = history_list(s->h, o, &n);
        if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
        for (size_t k = 0; k < n; k++) {
            struct element *e = &s->elements.items[table_find(&s->values, 0, items[k])];
            e->inside += between(e, o);
        }
    }
    for (size_t i = 0; code == 0 && i < s->elements.count && out->verdict == VERDICT_VALID; i++) {
        const struct element *e = order[i];
        for (; at > 0 && s->h->operations[s->reads.items[at - 1]].invoked > e->from; at--)
            for (size_t r = rank_of(&c, s->h->operations[s->reads.items[at - 1]].ended) + 1; r <= count; r += r & -r)
                c.tree[r]++;
        uint32_t all = 0;
        for (size_t r = rank_of(&c, e->to); r > 0; r -= r & -r)
            all += c.tree[r];
        if (all > e->inside)
            name_blind_read(s, e, out);
    }
    free(order);
    free(c.tree);
    free(c.ends);
    return code;
}

/* Removals that found nothing. */
static void check_failed_removes(const struct set *s, struct check_result *out)
{
    for (size_t i = 0; i < s->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &s->h->operations[s->operations[i]];
        if (o->function != OPERATION_REMOVE || o->end != END_FAIL)
            continue;
        uint32_t number = table_find(&s->values, 0, o->value);
        if (number == TABLE_NONE || s->elements.items[number].first == NO_OPERATION)
            continue;
        const struct element *e = &s->elements.items[number];
        if (between(e, o))
            set_fail(s, e, (size_t[]){s->operations[i], e->first}, 2,
                     "could not be removed while it must have been there", out);
    }
}

int set_check_elements(struct set *s, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < s->elements.count && out->verdict == VERDICT_VALID; i++)
        judge_element(s, &s->elements.items[i], out);
    if (out->verdict == VERDICT_VALID)
        check_failed_removes(s, out);
    return out->verdict == VERDICT_VALID ? check_blind_reads(s, limits, out) : 0;
}
