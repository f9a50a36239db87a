#include "chaos/experiment/converge.h"

#include <stdlib.h>
#include <string.h>

/* What became of one value that was put into a key: written, added, sent, enqueued, issued. */
struct fate {
    uint32_t key;
    int64_t value;
    uint64_t acknowledged; /* TIME_NEVER: nobody was told that it happened */
    uint64_t written;      /* when the last who wrote it had ended; TIME_NEVER: he may be at it still */
    uint64_t leaving;      /* since when it may be gone: the first removal was asked for; TIME_NEVER: never */
    uint64_t gone;         /* a removal was acknowledged; TIME_NEVER: none */
    bool delivered;
};
/* An acknowledged change of a key. Sorted by key and end; the sums are of the changes up to it. */
struct change {
    uint32_t key;
    uint64_t ended, invoked;
    uint64_t newest; /* the latest beginning among them: what had ended before it is overwritten */
    int64_t sum;     /* of what was added */
};
struct moment {
    uint32_t key;
    uint64_t time;
};
/* Somebody observed something, or could not. Sorted by time. */
struct observation {
    uint64_t time, invoked;
    uint64_t oldest; /* the first acknowledgement among the values nobody had got before it; TIME_NEVER: none */
    size_t operation;
    uint32_t reader;
    bool answered, current, streamed;
};
struct converge {
    const struct history *history;
    ARRAY(struct fate) fates;        /* by key and value */
    ARRAY(struct change) changes;    /* of registers and counters */
    ARRAY(struct moment) entries;    /* when members of sets were acknowledged */
    ARRAY(struct moment) departures; /* when they began to leave */
    ARRAY(struct observation) observations;
    uint64_t *times; /* by reader, for converge_at() */
    size_t reader_count;
};

enum reader { READER_READ, READER_POLL, READER_WATCH, READER_DEQUEUE, READER_ACQUIRE, READER_KINDS };

static bool may_have(const struct operation *o)
{
    return o->end == END_OK || o->end == END_INFO || o->end == END_OPEN;
}

static bool puts_value(const struct operation *o)
{
    switch (o->function) {
    case OPERATION_WRITE:
    case OPERATION_CAS:
    case OPERATION_ADD:
    case OPERATION_ENQUEUE:
    case OPERATION_SEND:
    case OPERATION_ISSUE:
        return may_have(o);
    default:
        return false;
    }
}

static bool takes_value(const struct operation *o)
{
    return (o->function == OPERATION_REMOVE || o->function == OPERATION_REVOKE) && may_have(o);
}

/* ---- sorted lists ---- */

static int by_fate(const void *a, const void *b)
{
    const struct fate *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static int by_change(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->ended < y->ended ? -1 : x->ended > y->ended;
}

static int by_moment(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->time < y->time ? -1 : x->time > y->time;
}

static int by_observation(const void *a, const void *b)
{
    const struct observation *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->operation < y->operation ? -1 : x->operation > y->operation;
}

#define SORT(array, order)                                                                                             \
    do {                                                                                                               \
        if ((array).count > 1)                                                                                         \
            qsort((array).items, (array).count, sizeof *(array).items, order);                                         \
    } while (0)

static struct fate *fate_of(const struct converge *c, uint32_t key, int64_t value)
{
    const struct fate wanted = {.key = key, .value = value};
    return c->fates.count == 0 ? NULL
                               : bsearch(&wanted, c->fates.items, c->fates.count, sizeof *c->fates.items, by_fate);
}

/* Of the key, up to before that time; NULL: none. */
static const struct change *last_change(const struct converge *c, uint32_t key, uint64_t before)
{
    size_t low = 0, high = c->changes.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct change *m = &c->changes.items[middle];
        if (m->key < key || (m->key == key && m->ended < before))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && c->changes.items[low - 1].key == key ? &c->changes.items[low - 1] : NULL;
}

/* How many of the key lie before that time. */
static size_t count_before(const struct moment *items, size_t count, uint32_t key, uint64_t before)
{
    size_t ends[2];
    for (int i = 0; i < 2; i++) {
        uint64_t time = i == 0 ? 0 : before;
        size_t low = 0, high = count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (items[middle].key < key || (items[middle].key == key && items[middle].time < time))
                low = middle + 1;
            else
                high = middle;
        }
        ends[i] = low;
    }
    return ends[1] - ends[0];
}

/* ---- what was put in and taken out ---- */

static bool add_fate(struct converge *c, const struct operation *o)
{
    struct fate f = {.key = o->key,
                     .value = o->value,
                     .acknowledged = o->end == END_OK ? o->ended : TIME_NEVER,
                     .written = o->ended,
                     .leaving = TIME_NEVER,
                     .gone = TIME_NEVER};
    return array_push(&c->fates, f);
}

/* The same value may have been written more than once (nothing, by deletions; one, by counters). */
static void merge_fates(struct converge *c)
{
    size_t kept = 0;
    SORT(c->fates, by_fate);
    for (size_t i = 0; i < c->fates.count; i++) {
        struct fate *last = kept > 0 ? &c->fates.items[kept - 1] : NULL, *f = &c->fates.items[i];
        if (last == NULL || by_fate(last, f) != 0) {
            c->fates.items[kept++] = *f;
            continue;
        }
        last->acknowledged = f->acknowledged < last->acknowledged ? f->acknowledged : last->acknowledged;
        last->written = f->written > last->written ? f->written : last->written;
    }
    c->fates.count = kept;
}

static bool gather_changes(struct converge *c)
{
    const struct history *h = c->history;
    bool ok = true;
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (puts_value(o) && !(o->function == OPERATION_ISSUE && o->end != END_OK))
            ok = add_fate(c, o);
        if (ok && o->end == END_OK &&
            (o->function == OPERATION_WRITE || o->function == OPERATION_CAS || o->function == OPERATION_ADD)) {
            struct change change = {.key = o->key,
                                    .ended = o->ended,
                                    .invoked = o->invoked,
                                    .sum = o->function == OPERATION_ADD && o->value != VALUE_NIL ? o->value : 0};
            ok = array_push(&c->changes, change);
        }
    }
    if (!ok)
        return false;
    merge_fates(c);
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        struct fate *f = takes_value(o) ? fate_of(c, o->key, o->value) : NULL;
        if (f == NULL)
            continue;
        f->leaving = o->invoked < f->leaving ? o->invoked : f->leaving;
        if (o->end == END_OK && o->ended < f->gone)
            f->gone = o->ended;
    }
    SORT(c->changes, by_change);
    for (size_t i = 0; i < c->changes.count; i++) {
        struct change *now = &c->changes.items[i], *before = i > 0 ? now - 1 : NULL;
        now->newest = now->invoked;
        if (before == NULL || before->key != now->key)
            continue;
        now->newest = before->newest > now->newest ? before->newest : now->newest;
        now->sum = (int64_t)((uint64_t)now->sum + (uint64_t)before->sum);
    }
    for (size_t i = 0; ok && i < c->fates.count; i++) {
        const struct fate *f = &c->fates.items[i];
        struct moment entry = {f->key, f->acknowledged}, departure = {f->key, f->leaving};
        if (f->acknowledged != TIME_NEVER)
            ok = array_push(&c->entries, entry);
        if (ok && f->acknowledged != TIME_NEVER && f->leaving != TIME_NEVER)
            ok = array_push(&c->departures, departure);
    }
    SORT(c->entries, by_moment);
    SORT(c->departures, by_moment);
    return ok;
}

/* ---- what was observed ---- */

/* A list has all that had to be in it, and nothing that had gone. How many had to be is counted, not looked up one by
 * one: those that were acknowledged before the question, less those that were leaving before the answer. */
static bool set_is_current(const struct converge *c, const struct operation *o)
{
    size_t count, sure = 0;
    const int64_t *items = history_list(c->history, o, &count);
    for (size_t i = 0; i < count; i++) {
        const struct fate *f = fate_of(c, o->key, items[i]);
        if (f == NULL)
            continue;
        if (f->gone < o->invoked)
            return false;
        sure += f->acknowledged < o->invoked && f->leaving > o->ended;
    }
    size_t in = count_before(c->entries.items, c->entries.count, o->key, o->invoked);
    size_t out = count_before(c->departures.items, c->departures.count, o->key, o->ended + 1);
    return sure + out >= in;
}

static bool register_is_current(const struct converge *c, const struct operation *o)
{
    const struct change *last = last_change(c, o->key, o->invoked);
    const struct fate *f = fate_of(c, o->key, o->value);
    if (last == NULL || (f == NULL && o->value != VALUE_NIL))
        return true; /* nobody wrote it: for the checkers to say */
    return f != NULL && last->newest <= f->written;
}

static bool is_current(const struct converge *c, const struct operation *o, const bool *added)
{
    if (o->function == OPERATION_USE) {
        const struct fate *f = fate_of(c, o->key, o->value);
        return f == NULL || f->gone >= o->invoked;
    }
    if (o->function != OPERATION_READ)
        return true;
    if (o->list != 0 || (added[o->key] && o->value == VALUE_NIL))
        return set_is_current(c, o);
    if (added[o->key]) {
        const struct change *last = last_change(c, o->key, o->invoked);
        return last == NULL || o->value >= last->sum;
    }
    return register_is_current(c, o);
}

/* -1: it observes nothing. */
static int reader_kind(const struct operation *o)
{
    switch (o->function) {
    case OPERATION_READ:
        return READER_READ;
    case OPERATION_POLL:
        return READER_POLL;
    case OPERATION_WATCH:
        return READER_WATCH;
    case OPERATION_DEQUEUE:
        return READER_DEQUEUE;
    case OPERATION_ACQUIRE:
        return READER_ACQUIRE;
    default:
        return -1;
    }
}

static bool is_streamed(const struct operation *o)
{
    return o->function == OPERATION_POLL || o->function == OPERATION_WATCH || o->function == OPERATION_DEQUEUE;
}

/* A queue that is empty, a lock that is taken and a token that is refused are answers. */
static bool refusal_is_answer(const struct operation *o)
{
    return o->function == OPERATION_DEQUEUE || o->function == OPERATION_ACQUIRE || o->function == OPERATION_USE;
}

static bool gather_observations(struct converge *c, const bool *added, size_t keys)
{
    const struct history *h = c->history;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        int kind = reader_kind(o);
        if ((kind < 0 && o->function != OPERATION_USE) || (o->end == END_FAIL && refusal_is_answer(o)))
            continue;
        struct observation seen = {.time = o->ended == TIME_NEVER ? o->invoked : o->ended,
                                   .invoked = o->invoked,
                                   .oldest = TIME_NEVER,
                                   .operation = i,
                                   .reader = kind < 0 ? (uint32_t)(keys * READER_KINDS)
                                                      : o->key * READER_KINDS + (uint32_t)kind,
                                   .answered = o->end == END_OK,
                                   .current = o->end == END_OK && is_current(c, o, added),
                                   .streamed = is_streamed(o)};
        if (!array_push(&c->observations, seen))
            return false;
    }
    SORT(c->observations, by_observation);
    return true;
}

static void deliver(struct converge *c, uint32_t key, int64_t value, uint64_t *oldest)
{
    struct fate *f = value != VALUE_NIL ? fate_of(c, key, value) : NULL;
    if (f == NULL || f->delivered)
        return;
    f->delivered = true;
    *oldest = f->acknowledged < *oldest ? f->acknowledged : *oldest;
}

/* Whose hands each value came into first, in the order of time: how old it was by then is how far behind they were. */
static void find_deliveries(struct converge *c)
{
    for (size_t i = 0; i < c->observations.count; i++) {
        struct observation *seen = &c->observations.items[i];
        const struct operation *o = &c->history->operations[seen->operation];
        size_t count;
        const int64_t *items = history_list(c->history, o, &count);
        if (!seen->streamed || !seen->answered)
            continue;
        if (o->function == OPERATION_DEQUEUE)
            deliver(c, o->key, o->value, &seen->oldest);
        for (size_t n = 1; o->function != OPERATION_DEQUEUE && n < count; n += 2)
            deliver(c, o->key, items[n], &seen->oldest);
    }
}

int converge_new(const struct history *h, struct converge **out, struct error *err)
{
    struct converge *c = calloc(1, sizeof *c);
    uint32_t keys = 0;
    for (size_t i = 0; i < h->count; i++)
        keys = h->operations[i].key >= keys ? h->operations[i].key + 1 : keys;
    bool *added = calloc((size_t)keys + 1, sizeof *added);
    bool ok = c != NULL && added != NULL && keys <= (UINT32_MAX - 1) / READER_KINDS;
    if (ok) {
        c->history = h;
        c->reader_count = (size_t)keys * READER_KINDS + 1;
        c->times = calloc(c->reader_count, sizeof *c->times);
        for (size_t i = 0; i < h->count; i++)
            added[h->operations[i].key] |= h->operations[i].function == OPERATION_ADD;
        ok = c->times != NULL && gather_changes(c) && gather_observations(c, added, keys);
    }
    free(added);
    if (!ok) {
        converge_free(c);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    find_deliveries(c);
    *out = c;
    return 0;
}

#define NOT_A_READER UINT64_MAX /* in `times` */

uint64_t converge_at(const struct converge *c, uint64_t begun, uint64_t since, uint64_t until, size_t *readers)
{
    uint64_t from = begun > CONVERGE_RUN_UP ? begun - CONVERGE_RUN_UP : 0, latest = since;
    size_t low = 0, high = c->observations.count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->observations.items[middle].time < from)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < c->reader_count; i++)
        c->times[i] = NOT_A_READER;
    for (; low < c->observations.count && c->observations.items[low].time <= until; low++) {
        const struct observation *o = &c->observations.items[low];
        uint64_t *time = &c->times[o->reader];
        if (o->time < begun && o->answered && *time == NOT_A_READER)
            *time = 0;
        /* What was asked before says nothing of now, unless it is a stream, of which it can be said when it came. */
        if (*time == NOT_A_READER || o->time < since || (o->invoked < since && !o->streamed))
            continue;
        if (!o->current)
            *time = 0;
        else if (*time == 0 || o->oldest < since)
            *time = o->time;
    }
    for (size_t i = 0; i < c->reader_count; i++) {
        if (c->times[i] == NOT_A_READER)
            continue;
        count++;
        if (c->times[i] == 0)
            latest = UINT64_MAX;
        else if (c->times[i] > latest)
            latest = c->times[i];
    }
    if (readers != NULL)
        *readers = count;
    return count == 0 || latest == UINT64_MAX ? 0 : latest;
}

void converge_free(struct converge *c)
{
    if (c == NULL)
        return;
    array_deinit(&c->fates);
    array_deinit(&c->changes);
    array_deinit(&c->entries);
    array_deinit(&c->departures);
    array_deinit(&c->observations);
    free(c->times);
    free(c);
}
