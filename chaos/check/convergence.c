/* Convergence: reads of a key that begin at or after limits.converged all see the same value (or list, in any order),
 * and one that somebody wrote or that was there at first. Nothing may be changed any more by then: a change that ended
 * later leaves it unknown. O(n), and O(n log n) in the items of lists. */
#include "chaos/check/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool changes(const struct operation *o)
{
    return o->function != OPERATION_READ && may_have_happened(o);
}

static int rising(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* 1: the same lists, whatever their order; 0: not; ERROR_MEMORY. */
static int same_lists(const struct history *h, const struct operation *a, const struct operation *b)
{
    size_t m, n;
    const int64_t *x = history_list(h, a, &m), *y = history_list(h, b, &n);
    if (m != n || (a->list == 0) != (b->list == 0))
        return 0;
    if (m == 0 || memcmp(x, y, m * sizeof *x) == 0)
        return 1;
    int64_t *sorted = malloc(2 * m * sizeof *sorted);
    if (sorted == NULL)
        return ERROR_MEMORY;
    memcpy(sorted, x, m * sizeof *x);
    memcpy(&sorted[m], y, m * sizeof *y);
    qsort(sorted, m, sizeof *sorted, rising);
    qsort(&sorted[m], m, sizeof *sorted, rising);
    int same = memcmp(sorted, &sorted[m], m * sizeof *sorted) == 0;
    free(sorted);
    return same;
}

static int check_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                     struct budget *b, struct check_result *out, struct error *err)
{
    const struct check_limits *limits = b->limits;
    (void)with;
    (void)err;
    size_t first = SIZE_MAX;
    word key, x, y;
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &h->operations[operations[i]];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (!changes(o) || o->ended == TIME_NEVER || o->ended < limits->converged)
            continue;
        out->verdict = VERDICT_UNKNOWN;
        out->key = o->key;
        out->checked = 0;
        check_result_add(out, operations[i]);
        snprintf(out->reason, sizeof out->reason, "%s was still changed after the time by which readers have to agree",
                 key_word(h, o->key, key));
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &h->operations[operations[i]];
        if (o->function != OPERATION_READ || o->end != END_OK || o->invoked < limits->converged)
            continue;
        if (first == SIZE_MAX) {
            first = operations[i];
            continue;
        }
        const struct operation *f = &h->operations[first];
        int same = same_lists(h, f, o);
        if (same < 0)
            return same;
        if (same == 1 && f->value == o->value)
            continue;
        if (f->list != 0)
            say_invalid(out, o->key, (size_t[]){first, operations[i]}, 2,
                        "processes %d and %d read different lists from %s after it had to be settled", f->process,
                        o->process, key_word(h, o->key, key));
        else
            say_invalid(out, o->key, (size_t[]){first, operations[i]}, 2,
                        "process %d read %s from %s and process %d read %s after it had to be settled", f->process,
                        value_word(h, f->value, x), key_word(h, o->key, key), o->process, value_word(h, o->value, y));
        return 0;
    }
    if (first == SIZE_MAX || h->operations[first].list != 0 || h->operations[first].value == limits->initial)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &h->operations[operations[i]];
        if (changes(o) && o->value == h->operations[first].value)
            return 0;
    }
    say_invalid(out, h->operations[first].key, &first, 1, "process %d read %s from %s, which nobody had written",
                h->operations[first].process, value_word(h, h->operations[first].value, x),
                key_word(h, h->operations[first].key, key));
    return 0;
}

const struct check_model model_convergence = {
    .name = "convergence",
    .summary = "after a given time all readers of a key see the same, and something that was written",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(READ) | KNOWS(WRITE) | KNOWS(CAS) | KNOWS(ADD) | KNOWS(REMOVE),
    .keeps = KNOWS(WRITE) | KNOWS(CAS) | KNOWS(ADD) | KNOWS(REMOVE),
    .check_key = check_key,
    .exhaustive = rules_convergence,
};
