#include "chaos/check/counter_course.h"

#include <inttypes.h>
#include <stdlib.h>

#define NOTHING SIZE_MAX
#define NEVER   INT64_MIN /* in the tree: no instant yet */

/* Why the sum is at least so much: what was read, or the additions whole between an instant's begin and a time. */
struct why {
    size_t read;    /* operation; NOTHING: none */
    size_t instant; /* NOTHING: none */
    uint64_t until;
};
/* An instant at which something was invoked. */
struct instant {
    uint64_t at;
    struct why why; /* of the sum before it */
};
/* Over instants: the largest sum at its leaves, with what was added below the node and is not in its children. */
struct node {
    int64_t most, added;
};

struct course {
    const struct history *h;
    const uint32_t *operations;
    size_t count;
    int64_t sign, initial, unit; /* unit: all additions are of that size; 0: they differ */
    uint32_t *by_end, *spare;
    struct instant *instants;
    size_t instant_count;
    struct node *tree; /* 1 is the root, leaves stand from `leaves` on */
    size_t leaves;
    int64_t sum, most; /* the least it can be, the most */
    struct why why;
    size_t highest; /* read that has ended; NOTHING: none */
};

/* How much it adds, or was read, seen from the beginning and in the direction the counter goes. */
static int64_t size_of(const struct course *c, const struct operation *o)
{
    return c->sign * o->value;
}

static int64_t level_of(const struct course *c, const struct operation *o)
{
    return c->sign * (o->value - c->initial);
}

static bool adds(const struct operation *o)
{
    return o->function == OPERATION_ADD && o->end != END_FAIL && o->value != 0;
}

static bool reads(const struct operation *o)
{
    return o->function == OPERATION_READ && o->end == END_OK;
}

/* Direction and size of what is added; that all fits. */
static int look_over(struct course *c)
{
    int64_t total = 0;
    c->sign = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct operation *o = &c->h->operations[c->operations[i]];
        int64_t level;
        if (reads(o) && (__builtin_sub_overflow(o->value, c->initial, &level) || level == INT64_MIN))
            return ERROR_UNSUPPORTED;
        if (!adds(o))
            continue;
        int64_t sign = o->value > 0 ? 1 : -1;
        if (o->value == INT64_MIN || (c->sign != 0 && sign != c->sign) ||
            __builtin_add_overflow(total, sign * o->value, &total))
            return ERROR_UNSUPPORTED;
        c->unit = c->sign == 0 || c->unit == sign * o->value ? sign * o->value : 0;
        c->sign = sign;
    }
    if (c->sign == 0) {
        c->sign = 1;
        c->unit = 1;
    }
    return 0;
}

/* ---- the tree ---- */

static void mend(struct course *c, size_t node)
{
    for (node /= 2; node > 0; node /= 2) {
        const struct node *left = &c->tree[2 * node], *right = left + 1;
        int64_t most = left->most > right->most ? left->most : right->most;
        c->tree[node].most = most == NEVER ? NEVER : most + c->tree[node].added;
    }
}

/* Nothing was added to any node above it: additions go to instants before the last one. */
static void set_last(struct course *c, size_t instant, int64_t sum)
{
    c->tree[c->leaves + instant].most = sum;
    mend(c, c->leaves + instant);
}

static void add_to(struct course *c, size_t node, int64_t size)
{
    c->tree[node].most += size;
    c->tree[node].added += size;
}

static void add_up_to(struct course *c, size_t instant, int64_t size)
{
    size_t leaf = c->leaves + instant;
    add_to(c, leaf, size);
    for (size_t node = leaf; node > 1; node /= 2)
        if (node % 2 == 1)
            add_to(c, node - 1, size);
    mend(c, leaf);
}

static size_t instant_of_most(const struct course *c)
{
    size_t node = 1;
    while (node < c->leaves)
        node = c->tree[2 * node].most >= c->tree[2 * node + 1].most ? 2 * node : 2 * node + 1;
    return node - c->leaves;
}

static size_t instant_at(const struct course *c, uint64_t at)
{
    size_t low = 0;
    for (size_t high = c->instant_count; low + 1 < high;) {
        size_t middle = low + (high - low) / 2;
        if (c->instants[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- witnesses ---- */

/* Takes the additions of the window, but for some that are more than it takes. */
static bool take_window(const struct course *c, uint64_t from, uint64_t until, int64_t *spare, struct check_result *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct operation *o = &c->h->operations[c->operations[i]];
        if (o->invoked > until)
            break;
        if (!adds(o) || o->end != END_OK || o->invoked < from || o->ended > until)
            continue;
        if (size_of(c, o) <= *spare)
            *spare -= size_of(c, o);
        else if (!check_result_add(out, c->operations[i]))
            return false;
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* The highest read before it and what was added since, where that is enough: the fewest as a rule. */
static bool explain_by_read(const struct course *c, const struct operation *o, struct check_result *out, bool *enough)
{
    if (c->highest == NOTHING)
        return true;
    const struct operation *high = &c->h->operations[c->highest];
    uint64_t from = high->ended + 1, until = o->invoked - 1;
    int64_t spare = level_of(c, high) - level_of(c, o) - 1;
    for (size_t i = 0; i < c->count && c->h->operations[c->operations[i]].invoked <= until; i++) {
        const struct operation *a = &c->h->operations[c->operations[i]];
        if (adds(a) && a->end == END_OK && a->invoked >= from && a->ended <= until)
            spare += size_of(c, a);
    }
    *enough = spare >= 0;
    return !*enough || (check_result_add(out, c->highest) && take_window(c, from, until, &spare, out));
}

/* All that the least sum is made of. */
static bool explain_by_course(const struct course *c, const struct operation *o, struct check_result *out)
{
    int64_t spare = c->sum - level_of(c, o) - 1;
    struct why why = c->why;
    for (; why.read == NOTHING && why.instant != NOTHING; why = c->instants[why.instant].why)
        if (!take_window(c, c->instants[why.instant].at, why.until, &spare, out))
            return false;
    return why.read == NOTHING || check_result_add(out, why.read);
}

/* The sum was above what was read, before that began. */
static void too_low(const struct course *c, size_t read, struct check_result *out)
{
    const struct operation *o = &c->h->operations[read];
    bool enough = false;
    word key, value, least;
    say_invalid(out, o->key, &read, 1, "process %d read %s from %s, which was %s %s by then", o->process,
                value_word(c->h, o->value, value), key_word(c->h, o->key, key), c->sign > 0 ? "at least" : "at most",
                value_word(c->h, c->initial + c->sign * c->sum, least));
    if (explain_by_read(c, o, out, &enough) && !enough)
        (void)explain_by_course(c, o, out); /* without memory the verdict stands */
    if (out->witness.count > 1)
        qsort(out->witness.items, out->witness.count, sizeof *out->witness.items, by_number);
}

static void too_high(const struct course *c, size_t read, struct check_result *out)
{
    const struct operation *o = &c->h->operations[read];
    word key, value, most;
    say_invalid(out, o->key, &read, 1, "process %d read %s from %s, which was %s %s by then", o->process,
                value_word(c->h, o->value, value), key_word(c->h, o->key, key), c->sign > 0 ? "at most" : "at least",
                value_word(c->h, c->initial + c->sign * c->most, most));
}

static void between_steps(const struct course *c, size_t read, struct check_result *out)
{
    const struct operation *o = &c->h->operations[read];
    word key, value;
    say_invalid(out, o->key, &read, 1, "process %d read %s from %s, and every addition is of %" PRId64, o->process,
                value_word(c->h, o->value, value), key_word(c->h, o->key, key), c->sign * c->unit);
}

/* ---- along the events ---- */

static void begin(struct course *c, size_t operation, struct check_result *out)
{
    const struct operation *o = &c->h->operations[operation];
    if (adds(o))
        c->most += size_of(c, o);
    else if (reads(o) && level_of(c, o) < c->sum)
        too_low(c, operation, out);
    else if (reads(o) && c->unit != 0 && level_of(c, o) % c->unit != 0)
        between_steps(c, operation, out);
}

static void end(struct course *c, size_t operation, struct check_result *out)
{
    const struct operation *o = &c->h->operations[operation];
    if (adds(o)) {
        add_up_to(c, instant_at(c, o->invoked), size_of(c, o));
        return;
    }
    if (!reads(o))
        return;
    if (level_of(c, o) > c->most)
        too_high(c, operation, out);
    if (c->highest == NOTHING || level_of(c, o) > level_of(c, &c->h->operations[c->highest]))
        c->highest = operation;
    if (level_of(c, o) > c->sum) {
        c->sum = level_of(c, o);
        c->why = (struct why){.read = operation, .instant = NOTHING};
    }
}

static int go_along(struct course *c, const struct check_limits *limits, struct check_result *out)
{
    size_t ends = 0, next = 0, at = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct operation *o = &c->h->operations[c->operations[i]];
        if ((adds(o) && o->end == END_OK) || reads(o))
            c->by_end[ends++] = c->operations[i];
    }
    sort_by_end(c->h, c->by_end, ends, c->spare);
    for (size_t steps = 0; (at < c->count || next < ends) && out->verdict == VERDICT_VALID; steps++) {
        uint64_t invoked = at < c->count ? c->h->operations[c->operations[at]].invoked : TIME_NEVER;
        uint64_t ended = next < ends ? c->h->operations[c->by_end[next]].ended : TIME_NEVER;
        uint64_t now = invoked <= ended ? invoked : ended;
        if (stop_asked(limits, steps))
            return ERROR_CANCELLED;
        if (invoked == now) {
            c->instants[c->instant_count] = (struct instant){now, c->why};
            set_last(c, c->instant_count++, c->sum);
        }
        for (; at < c->count && c->h->operations[c->operations[at]].invoked == now && out->verdict == VERDICT_VALID;
             at++)
            begin(c, c->operations[at], out);
        for (; next < ends && c->h->operations[c->by_end[next]].ended == now && out->verdict == VERDICT_VALID; next++)
            end(c, c->by_end[next], out);
        if (out->verdict == VERDICT_VALID && c->tree[1].most > c->sum) {
            c->sum = c->tree[1].most;
            c->why = (struct why){.read = NOTHING, .instant = instant_of_most(c), .until = now};
        }
    }
    return 0;
}

int counter_course(const struct history *h, const uint32_t *operations, size_t count, int64_t initial,
                   const struct check_limits *limits, bool *exact, struct check_result *out)
{
    struct course c = {.h = h,
                       .operations = operations,
                       .count = count,
                       .initial = initial,
                       .why = {NOTHING, NOTHING, 0},
                       .highest = NOTHING,
                       .leaves = 1};
    int code = look_over(&c);
    if (code != 0)
        return code;
    while (c.leaves < count)
        c.leaves *= 2;
    c.by_end = malloc((2 * count + 1) * sizeof *c.by_end);
    c.instants = malloc((count + 1) * sizeof *c.instants);
    c.tree = malloc(2 * c.leaves * sizeof *c.tree);
    if (c.by_end != NULL && c.instants != NULL && c.tree != NULL) {
        c.spare = &c.by_end[count];
        for (size_t i = 0; i < 2 * c.leaves; i++)
            c.tree[i] = (struct node){NEVER, 0};
        code = go_along(&c, limits, out);
    } else {
        code = ERROR_MEMORY;
    }
    free(c.by_end);
    free(c.instants);
    free(c.tree);
    *exact = c.unit != 0;
    return code;
}
