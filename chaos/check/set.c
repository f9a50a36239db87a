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

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_OPERATION UINT32_MAX

struct element {
    int64_t value;
    uint64_t from, to; /* f and s */
    uint64_t seen;     /* the latest invocation of what saw it */
    uint32_t add, remove;
    uint32_t first, last;   /* the operations f and s come from */
    uint32_t inside;        /* reads that saw it between f and s */
    uint32_t seen_at;       /* the read that listed it last, to find it listed twice */
    uint32_t removed_again; /* a second removal that ended ok */
    bool present;           /* something saw it */
};

struct set {
    const struct history *h;
    uint32_t key;
    const uint32_t *operations;
    size_t count;
    struct table values;
    ARRAY(struct element) elements;
    ARRAY(uint32_t) reads; /* that ended ok, by invocation */
    bool removes, repeated;
};

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

static void fail(const struct set *s, const struct element *e, const size_t *witness, size_t count, const char *what,
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
            fail(s, e, (size_t[]){index}, 1, "is in one read twice", out);
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

/* What one value says about itself; sets e->to. */
static void judge_element(const struct set *s, struct element *e, struct check_result *out)
{
    const struct operation *all = s->h->operations;
    if (e->add == NO_OPERATION && e->first == NO_OPERATION)
        return; /* only removals that failed, or of unknown end */
    if (e->add == NO_OPERATION) {
        fail(s, e, (size_t[]){e->first}, 1, "was seen, and never added", out);
        return;
    }
    if (e->removed_again != NO_OPERATION) {
        fail(s, e, (size_t[]){e->remove, e->removed_again}, 2, "was removed twice, and added once", out);
        return;
    }
    const struct operation *add = &all[e->add];
    if (e->first != NO_OPERATION && e->from < add->invoked) {
        fail(s, e, (size_t[]){e->first, e->add}, 2, "was seen before it was added", out);
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
        fail(s, e, (size_t[]){e->last, e->remove}, 2, "was seen after it was removed", out);
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
        fail(s, e, witness, e->remove != NO_OPERATION || e->last != NO_OPERATION ? 3 : 2,
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
            fail(s, e, (size_t[]){s->operations[i], e->first}, 2, "could not be removed while it must have been there",
                 out);
    }
}

static int check_elements(struct set *s, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < s->elements.count && out->verdict == VERDICT_VALID; i++)
        judge_element(s, &s->elements.items[i], out);
    if (out->verdict == VERDICT_VALID)
        check_failed_removes(s, out);
    return out->verdict == VERDICT_VALID ? check_blind_reads(s, limits, out) : 0;
}

/* ---- snapshots that only grow ---- */

struct listing {
    size_t count;
    uint32_t index;
};

static int by_count(const void *a, const void *b)
{
    const struct listing *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

struct latest {
    uint64_t invoked;
    uint32_t index;
};

/* The operation has to come after all those before it: it must not have ended before one of them began. */
static bool in_order(const struct set *s, uint32_t index, const struct latest *before, struct check_result *out)
{
    const struct operation *o = &s->h->operations[index];
    if (before->index == NO_OPERATION || o->ended >= before->invoked)
        return true;
    struct text a = TEXT_INIT;
    word key;
    history_print_operation(s->h, index, s->h->operations[0].invoked, &a);
    say_invalid(out, s->key, (size_t[]){index, before->index}, 2,
                "what reads of %s saw puts this later than what began "
                "after it: %s",
                key_word(s->h, s->key, key), text_string(&a));
    text_deinit(&a);
    return false;
}

static void came(const struct set *s, uint32_t index, struct latest *l)
{
    uint64_t invoked = s->h->operations[index].invoked;
    if (l->index == NO_OPERATION || invoked > l->invoked)
        *l = (struct latest){invoked, index};
}

static int check_growing(struct set *s, struct check_result *out)
{
    struct listing *order = malloc((s->reads.count + 1) * sizeof *order);
    size_t known = 0;
    struct latest before = {0, NO_OPERATION};
    if (order == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < s->reads.count; i++) {
        order[i].index = s->reads.items[i];
        history_list(s->h, &s->h->operations[order[i].index], &order[i].count);
    }
    if (s->reads.count > 0)
        qsort(order, s->reads.count, sizeof *order, by_count);
    for (size_t i = 0; i < s->elements.count; i++)
        s->elements.items[i].seen_at = NO_OPERATION;
    for (size_t i = 0; i < s->reads.count && out->verdict == VERDICT_VALID;) {
        size_t count, group = i + 1, next;
        const int64_t *items = history_list(s->h, &s->h->operations[order[i].index], &count);
        struct latest added = before, read = {0, NO_OPERATION};
        /* What is new in this list was added in between. */
        size_t old = 0;
        for (size_t n = 0; n < count && out->verdict == VERDICT_VALID; n++) {
            struct element *e = &s->elements.items[table_find(&s->values, 0, items[n])];
            old += e->seen_at != NO_OPERATION;
            if (e->seen_at == NO_OPERATION && in_order(s, e->add, &before, out))
                came(s, e->add, &added);
            e->seen_at = order[i].index;
        }
        if (out->verdict == VERDICT_VALID && old != known) {
            word key;
            say_invalid(out, s->key, (size_t[]){order[i - 1].index, order[i].index}, 2,
                        "two reads of %s each saw something that the other did not, and nothing is ever removed",
                        key_word(s->h, s->key, key));
        }
        known = count;
        /* Reads of the same length have to be the same. */
        for (; group < s->reads.count; group++) {
            const int64_t *others = history_list(s->h, &s->h->operations[order[group].index], &next);
            if (next != count)
                break;
            for (size_t n = 0; n < count && out->verdict == VERDICT_VALID; n++)
                if (s->elements.items[table_find(&s->values, 0, others[n])].seen_at == NO_OPERATION) {
                    word key;
                    say_invalid(
                        out, s->key, (size_t[]){order[i].index, order[group].index}, 2,
                        "two reads of %s each saw something that the other did not, and nothing is ever removed",
                        key_word(s->h, s->key, key));
                }
        }
        for (size_t n = i; n < group && out->verdict == VERDICT_VALID; n++)
            if (in_order(s, order[n].index, &added, out))
                came(s, order[n].index, &read);
        before = added;
        if (read.index != NO_OPERATION)
            came(s, read.index, &before);
        i = group;
    }
    for (size_t i = 0; i < s->elements.count && out->verdict == VERDICT_VALID; i++) {
        const struct element *e = &s->elements.items[i];
        if (e->seen_at == NO_OPERATION && e->add != NO_OPERATION)
            in_order(s, e->add, &before, out);
    }
    free(order);
    return 0;
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
        code = check_elements(&s, b->limits, out);
        if (code == 0 && out->verdict == VERDICT_VALID && snapshots)
            code = s.removes ? search_key(&machine_set, h, operations, count, b, out) : check_growing(&s, out);
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
