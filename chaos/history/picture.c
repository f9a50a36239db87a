#include "chaos/history/picture_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    size_t operation;
    uint64_t distance, from; /* to the nearest operation of the witness; of the invocations */
};

/* The witness is sorted. */
static bool in_witness(const struct check_result *r, size_t operation)
{
    size_t low = 0, high = r->witness.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->witness.items[middle] < operation)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->witness.count && r->witness.items[low] == operation;
}

/* Of a long witness only the beginning is shown. */
static size_t shown_of(const struct check_result *r)
{
    return r->witness.count < PICTURE_OPERATIONS_MAX ? r->witness.count : PICTURE_OPERATIONS_MAX;
}

int picture_number(const struct check_result *r, size_t operation)
{
    for (size_t i = 0; i < r->witness.count; i++)
        if (r->witness.items[i] == operation)
            return (int)i + 1;
    return 0;
}

static uint64_t between(uint64_t a, uint64_t b)
{
    return a < b ? b - a : a - b;
}

/* The last instant known of an operation. */
static uint64_t last_of(const struct operation *o)
{
    return o->ended == TIME_NEVER ? o->invoked : o->ended;
}

static struct candidate measure(const struct history *h, const struct check_result *r, size_t operation)
{
    const struct operation *o = &h->operations[operation];
    struct candidate c = {.operation = operation, .distance = UINT64_MAX, .from = UINT64_MAX};
    for (size_t i = 0; i < shown_of(r); i++) {
        const struct operation *w = &h->operations[r->witness.items[i]];
        uint64_t gap = last_of(o) < w->invoked   ? w->invoked - last_of(o)
                       : last_of(w) < o->invoked ? o->invoked - last_of(w)
                                                 : 0;
        c.distance = gap < c.distance ? gap : c.distance;
        c.from = between(o->invoked, w->invoked) < c.from ? between(o->invoked, w->invoked) : c.from;
    }
    return c;
}

static int by_distance(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->operation < y->operation ? -1 : x->operation > y->operation;
}

static int by_index(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool of_witness_key(const struct history *h, const struct check_result *r, uint32_t key)
{
    for (size_t i = 0; i < shown_of(r); i++)
        if (h->operations[r->witness.items[i]].key == key)
            return true;
    return false;
}

/* It did not happen, which says nothing about the object. */
static bool says_nothing(const struct operation *o)
{
    return o->end == END_FAIL && o->function != OPERATION_CAS && o->function != OPERATION_REMOVE &&
           o->function != OPERATION_DEQUEUE && o->function != OPERATION_USE;
}

/* The nearest `max` candidates, kept sorted: there are far more operations than are shown. */
static void keep_nearest(struct candidate *nearest, size_t *count, size_t max, struct candidate c)
{
    if (*count == max && by_distance(&nearest[max - 1], &c) <= 0)
        return;
    size_t at = *count < max ? (*count)++ : max - 1;
    for (; at > 0 && by_distance(&nearest[at - 1], &c) > 0; at--)
        nearest[at] = nearest[at - 1];
    nearest[at] = c;
}

static int choose(struct picture *p, const struct history *h, const struct check_result *r, size_t most)
{
    struct candidate nearest[PICTURE_OPERATIONS_MAX];
    size_t count = 0, max = shown_of(r) < most ? most - shown_of(r) : 0;
    uint64_t first = TIME_NEVER, last = 0;
    for (size_t i = 0; i < shown_of(r); i++) {
        const struct operation *w = &h->operations[r->witness.items[i]];
        first = w->invoked < first ? w->invoked : first;
        last = last_of(w) > last ? last_of(w) : last;
        if (!array_push(&p->operations, r->witness.items[i]))
            return ERROR_MEMORY;
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (!of_witness_key(h, r, o->key) || in_witness(r, i) || says_nothing(o))
            continue;
        p->left_out += o->invoked <= last && last_of(o) >= first;
        if (max > 0)
            keep_nearest(nearest, &count, max, measure(h, r, i));
    }
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &h->operations[nearest[i].operation];
        p->left_out -= o->invoked <= last && last_of(o) >= first;
        if (!array_push(&p->operations, nearest[i].operation))
            return ERROR_MEMORY;
    }
    if (p->operations.count > 0)
        qsort(p->operations.items, p->operations.count, sizeof *p->operations.items, by_index);
    return 0;
}

static bool add_process(struct picture *p, int32_t process)
{
    for (size_t i = 0; i < p->processes.count; i++)
        if (p->processes.items[i] == process)
            return true;
    return array_push(&p->processes, process);
}

int picture_make(struct picture *p, const struct history *h, const struct check_result *r, size_t most)
{
    *p = (struct picture){0};
    int code = choose(p, h, r, most < PICTURE_OPERATIONS_MAX ? most : PICTURE_OPERATIONS_MAX);
    for (size_t i = 0; code == 0 && i < p->operations.count; i++) {
        const struct operation *o = &h->operations[p->operations.items[i]];
        if (!add_process(p, o->process) || !array_push(&p->times, o->invoked) ||
            (o->ended != TIME_NEVER && !array_push(&p->times, o->ended)))
            code = ERROR_MEMORY;
    }
    if (code != 0 || p->times.count == 0)
        return code;
    qsort(p->times.items, p->times.count, sizeof *p->times.items, by_time);
    size_t kept = 1;
    for (size_t i = 1; i < p->times.count; i++)
        if (p->times.items[i] != p->times.items[kept - 1])
            p->times.items[kept++] = p->times.items[i];
    p->times.count = kept;
    return 0;
}

void picture_free(struct picture *p)
{
    array_deinit(&p->operations);
    array_deinit(&p->times);
    array_deinit(&p->processes);
}

size_t picture_place(const struct picture *p, uint64_t time)
{
    size_t low = 0, high = p->times.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->times.items[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t picture_row(const struct picture *p, int32_t process)
{
    size_t row = 0;
    while (row + 1 < p->processes.count && p->processes.items[row] != process)
        row++;
    return row;
}

void picture_label(const struct history *h, const struct operation *o, struct text *out)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    text_puts(out, operation_function_name(o->function));
    if (o->function == OPERATION_CAS) {
        text_char(out, ' ');
        history_print_value(h, o->other, out);
        text_puts(out, " to ");
        history_print_value(h, o->value, out);
    } else if (o->list != 0) {
        text_puts(out, " [");
        for (size_t i = 0; i < count && i < PICTURE_ITEMS_MAX; i++) {
            text_puts(out, i > 0 ? " " : "");
            history_print_value(h, items[i], out);
        }
        text_puts(out, count > PICTURE_ITEMS_MAX ? " ...]" : "]");
    } else if (o->value != VALUE_NIL ||
               (o->end == END_OK && (o->function == OPERATION_READ || o->function == OPERATION_DEQUEUE))) {
        text_char(out, ' ');
        history_print_value(h, o->value, out);
    }
    if (o->function != OPERATION_CAS && o->other != VALUE_NIL) {
        text_puts(out, " #");
        history_print_value(h, o->other, out);
    }
    if (o->end == END_FAIL)
        text_puts(out, " fails");
}
