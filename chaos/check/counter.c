/* Counters: add and read. Where all additions are of one size, whether a history is linearizable is decided along its
 * events (counter_course.h). Of additions of any size it is as hard as finding a subset of a given sum, so then:
 *
 *   - where all go one way, that course has to be possible for sums; else each read has to lie between what must have
 *     been added before it and what may have been. Necessary, not sufficient;
 *   - up to COUNTER_OPERATIONS operations of a key it is searched as well, and the verdict is exact, unless memory runs
 *     out. Else the result says what was not looked at. */
#include "chaos/check/counter_course.h"
#include "chaos/check/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER_OPERATIONS ((size_t)4096)
#define COUNTER_MEMORY     ((size_t)64 << 20) /* bytes of a search */

struct change {
    uint64_t at;
    int64_t by;
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorts changes and makes each the sum of all up to it. */
static void sum_up(struct change *c, size_t count)
{
    if (count > 0)
        qsort(c, count, sizeof *c, by_time);
    for (size_t i = 1; i < count; i++)
        c[i].by = (int64_t)((uint64_t)c[i].by + (uint64_t)c[i - 1].by);
}

/* The sum of what is before `time`, or at it as well. */
static int64_t sum_until(const struct change *c, size_t count, uint64_t time, bool at_it)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (c[middle].at < time || (at_it && c[middle].at == time))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? c[low - 1].by : 0;
}

struct sums {
    struct change *added, *maybe_added, *taken, *maybe_taken; /* by end and by invocation, of above and below 0 */
    size_t added_count, maybe_added_count, taken_count, maybe_taken_count;
};

static void gather(const struct history *h, const uint32_t *operations, size_t count, struct sums *s)
{
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &h->operations[operations[i]];
        if (o->function != OPERATION_ADD || o->end == END_FAIL)
            continue;
        bool up = o->value >= 0;
        const struct change sure = {o->ended, o->value}, maybe = {o->invoked, o->value};
        if (up)
            s->maybe_added[s->maybe_added_count++] = maybe;
        else
            s->maybe_taken[s->maybe_taken_count++] = maybe;
        if (o->end == END_OK && up)
            s->added[s->added_count++] = sure;
        else if (o->end == END_OK)
            s->taken[s->taken_count++] = sure;
    }
    sum_up(s->added, s->added_count);
    sum_up(s->maybe_added, s->maybe_added_count);
    sum_up(s->taken, s->taken_count);
    sum_up(s->maybe_taken, s->maybe_taken_count);
}

static void check_bounds(const struct history *h, const uint32_t *operations, size_t count, const struct sums *s,
                         int64_t initial, struct check_result *out)
{
    for (size_t i = 0; i < count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[operations[i]];
        if (o->function != OPERATION_READ || o->end != END_OK)
            continue;
        int64_t low = initial + sum_until(s->added, s->added_count, o->invoked, false) +
                      sum_until(s->maybe_taken, s->maybe_taken_count, o->ended, true);
        int64_t high = initial + sum_until(s->maybe_added, s->maybe_added_count, o->ended, true) +
                       sum_until(s->taken, s->taken_count, o->invoked, false);
        if (o->value >= low && o->value <= high)
            continue;
        word key, value;
        say_invalid(out, o->key, (size_t[]){operations[i]}, 1,
                    "process %d read %s from %s, which was between %lld and %lld then", o->process,
                    value_word(h, o->value, value), key_word(h, o->key, key), (long long)low, (long long)high);
    }
}

static int check_bounds_of(const struct history *h, const uint32_t *operations, size_t count, int64_t initial,
                           struct check_result *out)
{
    struct change *changes = malloc((4 * count + 1) * sizeof *changes);
    if (changes == NULL)
        return ERROR_MEMORY;
    struct sums s = {.added = changes,
                     .maybe_added = &changes[count],
                     .taken = &changes[2 * count],
                     .maybe_taken = &changes[3 * count]};
    gather(h, operations, count, &s);
    check_bounds(h, operations, count, &s, initial, out);
    free(changes);
    return 0;
}

static int check_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                     struct budget *b, struct check_result *out, struct error *err)
{
    const struct check_limits *limits = b->limits;
    int64_t initial = limits->initial != VALUE_NIL ? limits->initial : 0;
    bool exact = false;
    (void)with;
    (void)err;
    int code = counter_course(h, operations, count, initial, limits, &exact, out);
    bool one_way = code != ERROR_UNSUPPORTED;
    if (!one_way)
        code = check_bounds_of(h, operations, count, initial, out);
    if (code != 0 || exact || out->verdict == VERDICT_INVALID)
        return code;
    if (count <= COUNTER_OPERATIONS) {
        struct check_limits small = *limits;
        if (small.memory > COUNTER_MEMORY)
            small.memory = COUNTER_MEMORY;
        struct budget search = budget_of(&small);
        code = search_key(&machine_counter, h, operations, count, &search, out);
        b->stopped = search.stopped;
        if (search.stopped)
            return code;
        exact = out->verdict != VERDICT_UNKNOWN;
    }
    if (code == 0 && !exact) {
        out->verdict = VERDICT_VALID;
        out->checked = h->count;
        snprintf(out->reason, sizeof out->reason,
                 one_way ? "additions differ: whether they come to what was read was not searched for"
                         : "only bounds were checked: each read is possible by itself");
    }
    return code;
}

const struct check_model model_counter = {
    .name = "counter",
    .summary =
        "linearizable counters, a key each: add, read; exact for additions of one size, or up to 4,096 operations",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ADD) | KNOWS(READ),
    .check_key = check_key,
    .twin = &machine_counter,
};
