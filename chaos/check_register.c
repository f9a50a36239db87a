/* The zone test. All operations on one written value form a cluster: its write and the reads that saw it. With
 *     f = the earliest end in the cluster,  s = the latest invocation in it,
 * some operation of the cluster had ended at f and some had not begun before s. A register can be ordered exactly when
 * no read ends before its write begins and no two clusters i, j have f_i < s_j and f_j < s_i: each would have to come
 * before the other. A cluster with f < s is a forward zone, else a backward one; two backward zones never conflict, so
 * it is enough that forward zones are disjoint and no backward one lies inside a forward one.
 *
 * Here all times are one more than in the history, so that 0 is before everything: the absent value (value 0) is a
 * cluster whose write ended then. A write with unknown end has no end; if nobody
 * read it, it never happened. */
#include "base/array.h"
#include "chaos/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_OPERATION SIZE_MAX

struct zone {
    uint32_t key;
    int64_t value;
    uint64_t first_end, last_invoked; /* f and s */
    size_t ends_at, begins_at;        /* the operations they come from; NO_OPERATION for the absent value's write */
    size_t write;
    bool read;
};

/* An operation that says something, by key and value. */
struct seen {
    const struct operation *operation;
    size_t index;
};

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {"valid", "invalid", "unknown"};
    return names[v];
}

static int by_key_and_value(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->operation->key != y->operation->key)
        return x->operation->key < y->operation->key ? -1 : 1;
    if (x->operation->value != y->operation->value)
        return x->operation->value < y->operation->value ? -1 : 1;
    if (x->operation->kind != y->operation->kind)
        return x->operation->kind == OPERATION_WRITE ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_first_end(const void *a, const void *b)
{
    const struct zone *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->first_end != y->first_end)
        return x->first_end < y->first_end ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static bool says_something(const struct operation *o)
{
    return o->kind == OPERATION_WRITE ? o->end != END_FAIL : o->end == END_OK;
}

static void fail(struct check_result *out, uint32_t key, const size_t *witness, size_t count, const char *reason)
{
    out->verdict = VERDICT_INVALID;
    out->key = key;
    out->witness_count = 0;
    for (size_t i = 0; i < count; i++)
        if (witness[i] != NO_OPERATION)
            out->witness[out->witness_count++] = witness[i];
    snprintf(out->reason, sizeof out->reason, "%s", reason);
}

/* The cluster of operations `first` to `last`, which share key and value. False: the verdict is in. */
static bool make_zone(const struct seen *first, const struct seen *last, struct zone *z, struct check_result *out)
{
    const struct operation *head = first->operation;
    *z = (struct zone){.key = head->key, .value = head->value, .first_end = UINT64_MAX, .ends_at = NO_OPERATION,
                       .begins_at = NO_OPERATION, .write = NO_OPERATION};
    if (head->value == 0)
        z->first_end = 0;
    else if (head->kind != OPERATION_WRITE) {
        fail(out, head->key, &first->index, 1, "a value was read that nobody wrote, or whose write failed");
        return false;
    }
    for (const struct seen *s = first; s <= last; s++) {
        const struct operation *o = s->operation;
        if (o->kind == OPERATION_WRITE) {
            if (z->write != NO_OPERATION) {
                fail(out, head->key, (size_t[]){z->write, s->index}, 2, "two writes of one value: values must be unique");
                return false;
            }
            z->write = s->index;
        } else {
            z->read = true;
            if (head->value != 0 && o->ended < first->operation->invoked) {
                fail(out, head->key, (size_t[]){s->index, first->index}, 2, "a read ended before its value's write began");
                return false;
            }
        }
        uint64_t ended = o->ended == UINT64_MAX ? UINT64_MAX : o->ended + 1, invoked = o->invoked + 1;
        if (ended < z->first_end) {
            z->first_end = ended;
            z->ends_at = s->index;
        }
        if (invoked > z->last_invoked) {
            z->last_invoked = invoked;
            z->begins_at = s->index;
        }
    }
    return true;
}

static bool conflict(const struct zone *a, const struct zone *b)
{
    return a->first_end < b->last_invoked && b->first_end < a->last_invoked;
}

static void fail_pair(const struct zone *a, const struct zone *b, struct check_result *out)
{
    char reason[sizeof out->reason];
    if (a->value == 0 || b->value == 0)
        snprintf(reason, sizeof reason, "key %u was read as absent although value %lld had been written and not replaced",
                 a->key, (long long)(a->value != 0 ? a->value : b->value));
    else
        snprintf(reason, sizeof reason,
                 "on key %u the values %lld and %lld must each come before the other: no order explains these operations",
                 a->key, (long long)a->value, (long long)b->value);
    fail(out, a->key, (size_t[]){a->ends_at, a->begins_at, b->ends_at, b->begins_at}, 4, reason);
}

/* `zones` of one key, ordered by first end. */
static bool check_zones(const struct zone *zones, size_t count, struct zone *forward, struct check_result *out)
{
    size_t forward_count = 0;
    const struct zone *reach = NULL; /* the forward zone that extends furthest so far */
    for (size_t i = 0; i < count; i++) {
        const struct zone *z = &zones[i];
        if (z->first_end >= z->last_invoked)
            continue;
        if (reach != NULL && conflict(reach, z)) {
            fail_pair(reach, z, out);
            return false;
        }
        if (reach == NULL || z->last_invoked > reach->last_invoked)
            reach = z;
        forward[forward_count++] = *z;
    }
    for (size_t i = 0; i < count; i++) {
        const struct zone *z = &zones[i];
        if (z->first_end < z->last_invoked)
            continue;
        /* Forward zones are disjoint: only the last one that begins before this one can hold it. */
        size_t low = 0, high = forward_count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (forward[middle].first_end < z->last_invoked)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > 0 && conflict(&forward[low - 1], z)) {
            fail_pair(&forward[low - 1], z, out);
            return false;
        }
    }
    return true;
}

int check_register(const struct history *h, struct check_result *out)
{
    *out = (struct check_result){.verdict = VERDICT_VALID, .checked = h->count};
    struct seen *seen = malloc((h->count + 1) * sizeof *seen);
    struct zone *zones = malloc((h->count + 1) * sizeof *zones);
    struct zone *forward = malloc((h->count + 1) * sizeof *forward);
    int code = seen == NULL || zones == NULL || forward == NULL ? ERROR_MEMORY : 0;
    size_t seen_count = 0, zone_count = 0;
    for (size_t i = 0; code == 0 && i < h->count; i++)
        if (says_something(&h->operations[i]))
            seen[seen_count++] = (struct seen){.operation = &h->operations[i], .index = i};
    bool valid = code == 0;
    if (valid)
        qsort(seen, seen_count, sizeof *seen, by_key_and_value);
    for (size_t i = 0; valid && i < seen_count;) {
        size_t last = i;
        while (last + 1 < seen_count && seen[last + 1].operation->key == seen[i].operation->key &&
               seen[last + 1].operation->value == seen[i].operation->value)
            last++;
        struct zone z;
        valid = make_zone(&seen[i], &seen[last], &z, out);
        const struct operation *w = seen[i].operation;
        bool never_happened = w->kind == OPERATION_WRITE && w->end != END_OK && !z.read;
        if (valid && !never_happened)
            zones[zone_count++] = z;
        i = last + 1;
    }
    if (valid)
        qsort(zones, zone_count, sizeof *zones, by_first_end);
    for (size_t i = 0; valid && i < zone_count;) {
        size_t count = 1;
        while (i + count < zone_count && zones[i + count].key == zones[i].key)
            count++;
        valid = check_zones(&zones[i], count, forward, out);
        i += count;
    }
    free(seen);
    free(zones);
    free(forward);
    return code;
}

int check_lost_writes(const struct history *h, size_t final_from, struct check_result *out)
{
    *out = (struct check_result){.verdict = VERDICT_VALID, .checked = h->count};
    for (size_t i = final_from; i < h->count; i++) {
        const struct operation *read = &h->operations[i];
        if (read->kind != OPERATION_READ || read->end != END_OK)
            continue;
        /* When the value that was read is known to have been in place. */
        uint64_t since = 0;
        bool written = read->value == 0;
        for (size_t n = 0; n < h->count && !written; n++) {
            const struct operation *w = &h->operations[n];
            if (w->kind == OPERATION_WRITE && w->key == read->key && w->value == read->value && w->end != END_FAIL) {
                since = w->ended;
                written = true;
            }
        }
        for (size_t n = 0; n < h->count; n++) {
            const struct operation *w = &h->operations[n];
            if (w->kind != OPERATION_WRITE || w->key != read->key || w->end != END_OK || w->ended >= read->invoked)
                continue;
            if (!written || w->value == read->value || (read->value != 0 && w->invoked <= since))
                continue;
            char reason[sizeof out->reason];
            snprintf(reason, sizeof reason, "value %lld of key %u was acknowledged, and the final read found %lld",
                     (long long)w->value, read->key, (long long)read->value);
            fail(out, read->key, (size_t[]){n, i}, 2, reason);
            return 0;
        }
    }
    return 0;
}
