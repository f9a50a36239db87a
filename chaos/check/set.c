/* Sets whose reads learn the whole list, with values that are added once and removed at most once.
 *
 * set-elements   each value by itself, as if a read asked for each in turn: exact for that. A value is in from its
 *                addition to its removal; with
 *                    f = the earliest end of its addition, of a read that saw it, of its removal,
 *                    s = the latest invocation of its removal and of reads that saw it (never, when it is not removed),
 *                a read that did not see it is right unless it lies between f and s. Counting such reads for all values
 *                at once takes O(n log n) in the items read.
 * set            reads are snapshots. Where nothing is removed reads have to grow, which puts everything in an order:
 *                exact. Where something is, each value by itself is looked at first, and what that does not refute is
 *                searched. */
#include "chaos/check/search.h"
#include "chaos/check/set_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void set_deinit(struct set *s)
{
    table_deinit(&s->values);
    array_deinit(&s->elements);
    array_deinit(&s->reads);
}

static struct element *element_of(struct set *s, int64_t value)
{
    const struct element none = {.value = value,
                                 .from = TIME_NEVER,
                                 .to = TIME_NEVER,
                                 .add = NO_OPERATION,
                                 .remove = NO_OPERATION,
                                 .first = NO_OPERATION,
                                 .last = NO_OPERATION,
                                 .seen_at = NO_OPERATION,
                                 .removed_again = NO_OPERATION};
    uint32_t number = table_add(&s->values, 0, value);
    if (number == TABLE_NONE || (number == s->elements.count && !array_push(&s->elements, none)))
        return NULL;
    return &s->elements.items[number];
}

void set_fail(const struct set *s, const struct element *e, const size_t *witness, size_t count, const char *what,
              struct check_result *out)
{
    word key, value;
    say_invalid(out, s->key, witness, count, "value %s of %s %s", value_word(s->h, e->value, value),
                key_word(s->h, s->key, key), what);
}

static void ends_by(struct element *e, uint64_t time, uint32_t index)
{
    if (e->first == NO_OPERATION || time < e->from) {
        e->from = time;
        e->first = index;
    }
}

static void seen(struct element *e, uint64_t invoked, uint32_t index)
{
    if (!e->present || invoked > e->seen) {
        e->seen = invoked;
        e->last = index;
    }
    e->present = true;
}

static int gather_read(struct set *s, uint32_t index, struct check_result *out)
{
    const struct operation *o = &s->h->operations[index];
    size_t count;
    const int64_t *items = history_list(s->h, o, &count);
    if (!array_push(&s->reads, index))
        return ERROR_MEMORY;
    for (size_t i = 0; i < count && out->verdict == VERDICT_VALID; i++) {
        struct element *e = element_of(s, items[i]);
        if (e == NULL)
            return ERROR_MEMORY;
        if (e->seen_at == index)
            set_fail(s, e, (size_t[]){index}, 1, "is in one read twice", out);
        e->seen_at = index;
        ends_by(e, o->ended, index);
        seen(e, o->invoked, index);
    }
    return 0;
}

static int gather(struct set *s, const struct check_limits *limits, struct check_result *out)
{
    int code = 0;
    for (size_t i = 0; i < s->count && code == 0 && out->verdict == VERDICT_VALID; i++) {
        uint32_t index = s->operations[i];
        const struct operation *o = &s->h->operations[index];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (o->function == OPERATION_READ) {
            code = o->end == END_OK ? gather_read(s, index, out) : 0;
            continue;
        }
        struct element *e = NULL;
        if ((o->function != OPERATION_ADD && o->function != OPERATION_REMOVE) ||
            (o->function == OPERATION_ADD && o->end == END_FAIL))
            continue;
        if ((e = element_of(s, o->value)) == NULL)
            return ERROR_MEMORY;
        if (o->function == OPERATION_ADD) {
            s->repeated |= e->add != NO_OPERATION;
            e->add = index;
            if (o->end == END_OK)
                ends_by(e, o->ended, index);
            continue;
        }
        s->removes = true;
        if (o->end == END_FAIL)
            continue;
        /* Of several only one took effect: the one known to have, else the first, which leaves most open. */
        if (o->end == END_OK && e->remove != NO_OPERATION && s->h->operations[e->remove].end == END_OK)
            e->removed_again = index;
        else if (e->remove == NO_OPERATION || o->end == END_OK)
            e->remove = index;
        if (o->end == END_OK) {
            ends_by(e, o->ended, index);
            e->present = e->present || e->add == NO_OPERATION;
        }
    }
    return code;
}

/* ---- models ---- */

/* `with`: reads ask for all values at one time. */
static int check_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                     struct budget *b, struct check_result *out, struct error *err)
{
    bool snapshots = *(const bool *)with;
    (void)err;
    struct set s = {.h = h, .operations = operations, .count = count};
    s.key = count > 0 ? h->operations[operations[0]].key : 0;
    int code = gather(&s, b->limits, out);
    if (code == 0 && s.repeated) {
        if (snapshots) {
            check_result_deinit(out);
            out->checked = h->count;
            code = search_key(&machine_set, h, operations, count, b, out);
        } else {
            out->verdict = VERDICT_UNKNOWN;
            out->key = s.key;
            out->checked = 0;
            snprintf(out->reason, sizeof out->reason,
                     "a value was added twice: this model needs values that are added once");
        }
    } else if (code == 0 && out->verdict == VERDICT_VALID) {
        code = set_check_elements(&s, b->limits, out);
        if (code == 0 && out->verdict == VERDICT_VALID && snapshots)
            code = s.removes ? search_key(&machine_set, h, operations, count, b, out) : set_check_growing(&s, out);
    }
    set_deinit(&s);
    return code;
}

/* The history of one value: reads that see it or do not. */
static int search_element(const struct history *h, uint32_t key, int64_t value, const struct check_limits *limits,
                          struct check_result *out)
{
    struct history one;
    int code = 0;
    history_init(&one);
    for (size_t i = 0; code == 0 && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count, times = 0;
        const int64_t *items = history_list(h, o, &count);
        if (o->key != key || (o->function != OPERATION_READ && o->value != value))
            continue;
        for (size_t n = 0; n < count; n++)
            times += items[n] == value;
        int64_t index =
            history_invoke(&one, o->process, (enum operation_function)o->function, key, o->value, o->invoked);
        if (index < 0) {
            code = ERROR_MEMORY;
            break;
        }
        one.operations[index].end = o->end;
        one.operations[index].ended = o->ended;
        if (times > 0)
            code = history_set_list(&one, index, (int64_t[]){value, value}, times > 1 ? 2 : 1);
    }
    if (code == 0)
        code = search(&machine_set, &one, limits, out);
    history_deinit(&one);
    return code;
}

static int search_elements(const struct history *h, const struct check_limits *limits, struct check_result *out,
                           struct error *err)
{
    (void)err;
    int code = 0;
    for (size_t i = 0; code == 0 && out->verdict == VERDICT_VALID && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        if (o->function != OPERATION_READ)
            code = search_element(h, o->key, o->value, limits, out);
        for (size_t n = 0; code == 0 && out->verdict == VERDICT_VALID && n < count; n++)
            code = search_element(h, o->key, items[n], limits, out);
    }
    return code;
}

static const bool yes = true, no = false;

const struct check_model model_set = {
    .name = "set",
    .summary = "linearizable sets, a key each, read as a whole; near-linear when nothing is removed, else searched",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ADD) | KNOWS(REMOVE) | KNOWS(READ),
    .check_key = check_key,
    .with = &yes,
    .twin = &machine_set,
};

const struct check_model model_set_elements = {
    .name = "set-elements",
    .summary =
        "sets, each element by itself: reads need not be snapshots; values are added and removed once; near-linear",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ADD) | KNOWS(REMOVE) | KNOWS(READ),
    .check_key = check_key,
    .with = &no,
    .exhaustive = search_elements,
};
