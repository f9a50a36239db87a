/* Queues with unique values, by bad patterns, each near-linear.
 *
 * queue            first in, first out (Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs",
 * 2013; Bouajjani, Emmi, Enea and Hamza, "On reducing linearizability to state reachability", 2015). A history is
 * linearizable exactly when no value is dequeued that was not enqueued by then, none is dequeued twice, no value
 * overtakes one that was enqueued before it (and dequeued later, or never), and each answer "empty" has an instant at
 * which no value had certainly been enqueued and not dequeued. unordered-queue  the same without the order.
 * queue-at-most-once, queue-at-least-once: what is not lost, or not doubled, without looking at order or time between
 *                  operations; see their summaries.
 *
 * A dequeue of unknown end may have taken any value: each explains one that is missing, the one most urgent first.
 * Where such stand beside answers "empty", and where values repeat, the history is searched instead. */
#include "chaos/check/search.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_OPERATION UINT32_MAX

struct item {
    uint64_t entered; /* when its enqueue ended: it is in from then on */
    uint64_t asked;   /* when its enqueue was invoked */
    uint64_t leaving; /* when its dequeue was invoked; TIME_NEVER: it is still in */
    uint64_t left;    /* when its dequeue ended */
    uint32_t enqueue, dequeue;
};

struct queue {
    const struct history *h;
    uint32_t key;
    ARRAY(struct item) items;
    ARRAY(uint32_t) empties; /* dequeues that found nothing */
    ARRAY(uint64_t) unknown; /* when dequeues of unknown end were invoked, rising */
    struct table values;
    bool repeated;
    uint32_t first, second; /* two dequeues of one value; NO_OPERATION: there are none */
};

static void queue_deinit(struct queue *q)
{
    array_deinit(&q->items);
    array_deinit(&q->empties);
    array_deinit(&q->unknown);
    table_deinit(&q->values);
}

static struct item *item_of(struct queue *q, int64_t value)
{
    uint32_t number = table_add(&q->values, 0, value);
    const struct item none = {.entered = TIME_NEVER,
                              .asked = TIME_NEVER,
                              .leaving = TIME_NEVER,
                              .left = TIME_NEVER,
                              .enqueue = NO_OPERATION,
                              .dequeue = NO_OPERATION};
    if (number == TABLE_NONE || (number == q->items.count && !array_push(&q->items, none)))
        return NULL;
    return &q->items.items[number];
}

/* "value 5 was dequeued from k0 ..." with one or two operations. */
static void fail(const struct queue *q, uint32_t a, uint32_t b, const char *what, struct check_result *out)
{
    const struct operation *o = &q->h->operations[a];
    size_t witness[2] = {a, b};
    word key, value;
    say_invalid(out, q->key, witness, b != NO_OPERATION ? 2 : 1, "value %s %s %s", value_word(q->h, o->value, value),
                what, key_word(q->h, q->key, key));
}

static int gather(struct queue *q, const uint32_t *operations, size_t count, const struct check_limits *limits)
{
    q->first = q->second = NO_OPERATION;
    for (size_t i = 0; i < count; i++) {
        const struct operation *o = &q->h->operations[operations[i]];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (o->function == OPERATION_DEQUEUE && o->end != END_OK) {
            if (o->end == END_FAIL ? !array_push(&q->empties, operations[i]) : !array_push(&q->unknown, o->invoked))
                return ERROR_MEMORY;
            continue;
        }
        if (o->end == END_FAIL || (o->function != OPERATION_ENQUEUE && o->function != OPERATION_DEQUEUE))
            continue;
        struct item *item = item_of(q, o->value);
        if (item == NULL)
            return ERROR_MEMORY;
        if (o->function == OPERATION_ENQUEUE) {
            q->repeated |= item->enqueue != NO_OPERATION;
            item->enqueue = operations[i];
            item->asked = o->invoked;
            item->entered = o->end == END_OK ? o->ended : TIME_NEVER;
        } else if (item->dequeue == NO_OPERATION) {
            item->dequeue = operations[i];
            item->leaving = o->invoked;
            item->left = o->ended;
        } else {
            if (q->second == NO_OPERATION) {
                q->first = item->dequeue;
                q->second = operations[i];
            }
            if (o->ended < item->left) {
                item->dequeue = operations[i];
                item->left = o->ended;
            }
        }
    }
    return 0;
}

/* What came out and had not been put in, or came twice. */
static void check_fresh(const struct queue *q, bool twice_allowed, struct check_result *out)
{
    if (!twice_allowed && q->second != NO_OPERATION)
        fail(q, q->first, q->second, "was dequeued twice from", out);
    for (size_t i = 0; i < q->items.count && out->verdict == VERDICT_VALID; i++) {
        const struct item *item = &q->items.items[i];
        if (item->dequeue != NO_OPERATION && item->enqueue == NO_OPERATION)
            fail(q, item->dequeue, NO_OPERATION, "was never enqueued, and dequeued from", out);
        else if (item->dequeue != NO_OPERATION && item->left < item->asked)
            fail(q, item->dequeue, item->enqueue, "was dequeued before it was enqueued, from", out);
    }
}

/* ---- order ---- */

static int by_entered(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;
    return (*x)->entered < (*y)->entered ? -1 : (*x)->entered > (*y)->entered;
}

static int by_asked(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;
    return (*x)->asked < (*y)->asked ? -1 : (*x)->asked > (*y)->asked;
}

static int rising(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The missing values that dequeues of unknown end have to explain, each by the time one that was enqueued later left.
 */
static int check_missing(const struct queue *q, const struct item **asked, const struct item **entered, size_t count,
                         struct check_result *out)
{
    ARRAY(uint64_t) due = {0};
    const struct item *overtook = NULL; /* the first to leave of those asked for later */
    size_t after = count;
    for (size_t i = count; i-- > 0;) {
        const struct item *a = entered[i];
        while (after > 0 && asked[after - 1]->asked > a->entered) {
            after--;
            if (asked[after]->dequeue != NO_OPERATION && (overtook == NULL || asked[after]->left < overtook->left))
                overtook = asked[after];
        }
        if (a->dequeue != NO_OPERATION || a->entered == TIME_NEVER || overtook == NULL || overtook->left == TIME_NEVER)
            continue;
        if (q->unknown.count == 0) {
            word key, x, y;
            say_invalid(out, q->key, (size_t[]){a->enqueue, overtook->enqueue, overtook->dequeue}, 3,
                        "value %s was enqueued after %s was, and dequeued from %s though %s never was",
                        value_word(q->h, q->h->operations[overtook->enqueue].value, x),
                        value_word(q->h, q->h->operations[a->enqueue].value, y), key_word(q->h, q->key, key), y);
            return 0;
        }
        if (!array_push(&due, overtook->left)) {
            array_deinit(&due);
            return ERROR_MEMORY;
        }
    }
    if (due.count > 0)
        qsort(due.items, due.count, sizeof *due.items, rising);
    for (size_t i = 0; i < due.count && out->verdict == VERDICT_VALID; i++) {
        if (i < q->unknown.count && q->unknown.items[i] <= due.items[i])
            continue;
        for (size_t n = 0; n < count && out->verdict == VERDICT_VALID; n++)
            if (asked[n]->dequeue != NO_OPERATION && asked[n]->left == due.items[i]) {
                word key, x;
                say_invalid(out, q->key, (size_t[]){asked[n]->enqueue, asked[n]->dequeue}, 2,
                            "value %s left %s before %zu values enqueued before it, which %zu dequeues of unknown end "
                            "cannot have taken in time",
                            value_word(q->h, q->h->operations[asked[n]->enqueue].value, x), key_word(q->h, q->key, key),
                            i + 1, q->unknown.count);
            }
    }
    array_deinit(&due);
    return 0;
}

static int check_order(const struct queue *q, struct check_result *out)
{
    size_t count = q->items.count, in = 0;
    const struct item **entered = malloc((count + 1) * sizeof *entered), **asked = malloc((count + 1) * sizeof *asked);
    int code = entered != NULL && asked != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < count; i++)
        entered[i] = asked[i] = &q->items.items[i];
    if (code == 0 && count > 0) {
        const struct item *last = NULL; /* the last to leave of those that had entered */
        qsort(entered, count, sizeof *entered, by_entered);
        qsort(asked, count, sizeof *asked, by_asked);
        for (size_t i = 0; i < count && out->verdict == VERDICT_VALID; i++) {
            const struct item *b = asked[i];
            for (; in < count && entered[in]->entered < b->asked; in++)
                if (entered[in]->dequeue != NO_OPERATION && (last == NULL || entered[in]->leaving > last->leaving))
                    last = entered[in];
            if (last == NULL || b->dequeue == NO_OPERATION || b->left >= last->leaving)
                continue;
            word key, x, y;
            say_invalid(out, q->key, (size_t[]){last->enqueue, last->dequeue, b->enqueue, b->dequeue}, 4,
                        "value %s was enqueued after %s and dequeued before it, from %s",
                        value_word(q->h, q->h->operations[b->enqueue].value, x),
                        value_word(q->h, q->h->operations[last->enqueue].value, y), key_word(q->h, q->key, key));
        }
        if (out->verdict == VERDICT_VALID)
            code = check_missing(q, asked, entered, count, out);
    }
    free(entered);
    free(asked);
    return code;
}

/* ---- empty ---- */

/* A stretch in which some value is certainly in, its ends left out. */
struct stretch {
    uint64_t from, to;
    const struct item *first, *last;
};

static int check_empty(const struct queue *q, struct check_result *out)
{
    size_t count = 0, stretches = 0;
    const struct item **entered = malloc((q->items.count + 1) * sizeof *entered);
    struct stretch *stretch = malloc((q->items.count + 1) * sizeof *stretch);
    int code = entered != NULL && stretch != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < q->items.count; i++)
        if (q->items.items[i].entered < q->items.items[i].leaving)
            entered[count++] = &q->items.items[i];
    if (code == 0 && count > 0)
        qsort(entered, count, sizeof *entered, by_entered);
    for (size_t i = 0; code == 0 && i < count; i++) {
        struct stretch *now = &stretch[stretches];
        if (stretches == 0 || entered[i]->entered >= now[-1].to) {
            *now = (struct stretch){entered[i]->entered, entered[i]->leaving, entered[i], entered[i]};
            stretches++;
        } else if (entered[i]->leaving > now[-1].to) {
            now[-1].to = entered[i]->leaving;
            now[-1].last = entered[i];
        }
    }
    for (size_t i = 0; code == 0 && i < q->empties.count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &q->h->operations[q->empties.items[i]];
        size_t low = 0; /* stretches that began before it */
        for (size_t high = stretches; low < high;) {
            size_t middle = low + (high - low) / 2;
            if (stretch[middle].from < o->invoked)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == 0 || stretch[low - 1].to <= o->ended)
            continue;
        word key, x, y;
        say_invalid(out, q->key,
                    (size_t[]){q->empties.items[i], stretch[low - 1].first->enqueue, stretch[low - 1].last->enqueue}, 3,
                    "process %d found %s empty while something was in it all the time: from %s to %s", o->process,
                    key_word(q->h, q->key, key),
                    value_word(q->h, q->h->operations[stretch[low - 1].first->enqueue].value, x),
                    value_word(q->h, q->h->operations[stretch[low - 1].last->enqueue].value, y));
    }
    free(entered);
    free(stretch);
    return code;
}

/* ---- models ---- */

/* `with`: the order of the values counts. */
static int check_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                     struct budget *b, struct check_result *out, struct error *err)
{
    bool ordered = *(const bool *)with;
    (void)err;
    struct queue q = {.h = h, .key = count > 0 ? h->operations[operations[0]].key : 0};
    int code = gather(&q, operations, count, b->limits);
    bool missing = false;
    for (size_t i = 0; i < q.items.count; i++)
        missing |= q.items.items[i].dequeue == NO_OPERATION;
    if (code == 0 && (q.repeated || (q.unknown.count > 0 && q.empties.count > 0 && missing))) {
        code = search_key(ordered ? &machine_queue : &machine_bag, h, operations, count, b, out);
    } else if (code == 0) {
        if (out->verdict == VERDICT_VALID)
            check_fresh(&q, false, out);
        if (out->verdict == VERDICT_VALID && ordered)
            code = check_order(&q, out);
        if (code == 0 && out->verdict == VERDICT_VALID)
            code = check_empty(&q, out);
    }
    queue_deinit(&q);
    return code;
}

/* Lost: more acknowledged values that never came than dequeues of unknown end, though somebody then found it empty. */
static void check_lost(const struct queue *q, struct check_result *out)
{
    uint64_t found_empty = 0, until = 0;
    uint32_t by = NO_OPERATION, first = NO_OPERATION;
    for (size_t i = 0; i < q->empties.count; i++) {
        const struct operation *o = &q->h->operations[q->empties.items[i]];
        if (by == NO_OPERATION || o->invoked >= found_empty) {
            found_empty = o->invoked;
            until = o->ended;
            by = q->empties.items[i];
        }
    }
    size_t lost = 0, explained = 0;
    for (size_t i = 0; by != NO_OPERATION && i < q->items.count; i++) {
        const struct item *item = &q->items.items[i];
        if (item->dequeue != NO_OPERATION || item->entered >= found_empty)
            continue;
        if (lost++ == 0)
            first = item->enqueue;
    }
    for (size_t i = 0; i < q->unknown.count; i++)
        explained += q->unknown.items[i] <= until;
    if (lost <= explained)
        return;
    word key, value;
    say_invalid(out, q->key, (size_t[]){first, by}, 2,
                "%zu acknowledged values of %s never came though process %d then found it empty, as %s", lost,
                key_word(q->h, q->key, key), q->h->operations[by].process,
                value_word(q->h, q->h->operations[first].value, value));
}

/* `with`: what comes may come twice, and is not lost. */
static int check_delivery(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                          struct budget *b, struct check_result *out, struct error *err)
{
    const bool *twice_allowed = with;
    struct queue q = {.h = h, .key = h->operations[operations[0]].key};
    (void)err;
    int code = gather(&q, operations, count, b->limits);
    if (code == 0 && q.repeated) {
        out->verdict = VERDICT_UNKNOWN;
        out->key = q.key;
        out->checked = 0;
        snprintf(out->reason, sizeof out->reason, "a value was enqueued twice: this model needs unique values");
    }
    if (code == 0 && out->verdict == VERDICT_VALID)
        check_fresh(&q, *twice_allowed, out);
    if (code == 0 && out->verdict == VERDICT_VALID && *twice_allowed)
        check_lost(&q, out);
    queue_deinit(&q);
    return code;
}

static const bool yes = true, no = false;

const struct check_model model_queue = {
    .name = "queue",
    .summary = "linearizable queues, a key each, first in, first out; a failed dequeue found it empty",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ENQUEUE) | KNOWS(DEQUEUE),
    .bonds = BONDS_VALUES,
    .check_key = check_key,
    .with = &yes,
    .twin = &machine_queue,
};

const struct check_model model_unordered_queue = {
    .name = "unordered-queue",
    .summary = "linearizable queues without order: each value comes once; a failed dequeue found it empty",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ENQUEUE) | KNOWS(DEQUEUE),
    .bonds = BONDS_VALUES,
    .check_key = check_key,
    .with = &no,
    .twin = &machine_bag,
};

const struct check_model model_at_most_once = {
    .name = "queue-at-most-once",
    .summary = "what comes was enqueued, not later than it came, and comes once; values may be lost",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ENQUEUE) | KNOWS(DEQUEUE),
    .bonds = BONDS_VALUES,
    .check_key = check_delivery,
    .with = &no,
    .exhaustive = rules_at_most_once,
};

const struct check_model model_at_least_once = {
    .name = "queue-at-least-once",
    .summary = "what comes was enqueued, not later than it came, any number of times; nothing acknowledged is missing "
               "when the queue is then found empty",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ENQUEUE) | KNOWS(DEQUEUE),
    .bonds = BONDS_VALUES,
    .check_key = check_delivery,
    .with = &yes,
    .exhaustive = rules_at_least_once,
};
