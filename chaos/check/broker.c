/* Brokers that deliver until they are told to stop: a subscription is the `other` of a poll and of an acknowledgement.
 * Decided for each topic, with unique values:
 *
 *   known        what is delivered was sent, and not later than it came
 *   finished     nothing comes to a subscription in a poll that began after its acknowledgement there had ended ok
 *   redelivered  with limits.redelivery R: an empty answer does not leave out a message that was sent (acknowledged by
 *                the broker) or last delivered to that subscription more than R before it was asked for, unless an
 *                acknowledgement had been begun by the time it came. A message that never came is owed only to
 *                subscriptions that had been polled before it was sent.
 *
 * For each message and subscription the stretches in which it was owed are compared with the empty answers, which stand
 * sorted by invocation with the earliest end of all that follow: O(n log n), and with R a step for each message of each
 * subscription. */
#include "chaos/check/inside.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

/* A message as a subscription saw it. */
struct delivery {
    uint32_t subscription, message;
    size_t index; /* poll */
};

struct pair {
    uint64_t finished; /* the earliest end of an acknowledgement that ended ok */
    uint64_t begun;    /* the earliest invocation of one that may have happened */
    size_t by;         /* operation of `finished` */
};

struct subscription {
    uint32_t key;
    uint64_t polled; /* the earliest end of a poll */
    ARRAY(uint32_t) empties;
    uint64_t *ends; /* for each: the earliest end of it and all later ones */
};

struct broker {
    const struct history *h;
    uint64_t redelivery;
    struct table values, subscriptions, pairs;
    ARRAY(size_t) sends; /* by value's number */
    ARRAY(struct subscription) list;
    ARRAY(struct pair) state;
    ARRAY(struct delivery) deliveries;
};

static void broker_deinit(struct broker *b)
{
    for (size_t i = 0; i < b->list.count; i++) {
        array_deinit(&b->list.items[i].empties);
        free(b->list.items[i].ends);
    }
    table_deinit(&b->values);
    table_deinit(&b->subscriptions);
    table_deinit(&b->pairs);
    array_deinit(&b->sends);
    array_deinit(&b->list);
    array_deinit(&b->state);
    array_deinit(&b->deliveries);
}

static struct pair *pair_of(struct broker *b, uint32_t subscription, uint32_t message)
{
    const struct pair none = {TIME_NEVER, TIME_NEVER, NO_OPERATION};
    uint32_t n = table_add(&b->pairs, subscription, message);
    if (n == TABLE_NONE || (n == b->state.count && !array_push(&b->state, none)))
        return NULL;
    return &b->state.items[n];
}

static uint32_t subscription_of(struct broker *b, const struct operation *o)
{
    const struct subscription none = {.key = o->key, .polled = TIME_NEVER};
    uint32_t n = table_add(&b->subscriptions, o->key, o->other);
    if (n != TABLE_NONE && n == b->list.count && !array_push(&b->list, none))
        return TABLE_NONE;
    return n;
}

static void fail(const struct broker *b, size_t a, size_t other, int64_t value, const char *what,
                 struct check_result *out)
{
    size_t witness[2] = {a, other};
    word key, v;
    say_invalid(out, b->h->operations[a].key, witness, other != NO_OPERATION ? 2 : 1, "value %s of %s %s",
                value_word(b->h, value, v), key_word(b->h, b->h->operations[a].key, key), what);
}

static int gather_sends(struct broker *b, struct check_result *out)
{
    for (size_t i = 0; i < b->h->count; i++) {
        const struct operation *o = &b->h->operations[i];
        if (o->function != OPERATION_SEND || !may_have_happened(o))
            continue;
        uint32_t n = table_add(&b->values, o->key, o->value);
        if (n == TABLE_NONE)
            return ERROR_MEMORY;
        if (n < b->sends.count) {
            out->verdict = VERDICT_UNKNOWN;
            out->key = o->key;
            out->checked = i;
            snprintf(out->reason, sizeof out->reason, "a value was sent twice: this model needs unique values");
            return 0;
        }
        if (!array_push(&b->sends, i))
            return ERROR_MEMORY;
    }
    return 0;
}

static int gather_acknowledgements(struct broker *b)
{
    for (size_t i = 0; i < b->h->count; i++) {
        const struct operation *o = &b->h->operations[i];
        if (o->function != OPERATION_ACKNOWLEDGE || !may_have_happened(o))
            continue;
        uint32_t message = table_find(&b->values, o->key, o->value), s = subscription_of(b, o);
        if (s == TABLE_NONE)
            return ERROR_MEMORY;
        if (message == TABLE_NONE)
            continue;
        struct pair *pair = pair_of(b, s, message);
        if (pair == NULL)
            return ERROR_MEMORY;
        if (o->invoked < pair->begun)
            pair->begun = o->invoked;
        if (o->end == END_OK && (pair->by == NO_OPERATION || o->ended < pair->finished)) {
            pair->finished = o->ended;
            pair->by = i;
        }
    }
    return 0;
}

static int gather_poll(struct broker *b, size_t index, struct check_result *out)
{
    const struct operation *o = &b->h->operations[index];
    size_t count;
    const int64_t *items = history_list(b->h, o, &count);
    uint32_t s = subscription_of(b, o);
    if (s == TABLE_NONE)
        return ERROR_MEMORY;
    struct subscription *subscription = &b->list.items[s];
    if (o->ended < subscription->polled)
        subscription->polled = o->ended;
    if (count == 0 && !array_push(&subscription->empties, (uint32_t)index))
        return ERROR_MEMORY;
    for (size_t n = 0; n + 1 < count && out->verdict == VERDICT_VALID; n += 2) {
        uint32_t message = table_find(&b->values, o->key, items[n + 1]);
        if (message == TABLE_NONE) {
            fail(b, index, NO_OPERATION, items[n + 1], "was delivered, and nobody sent it", out);
            return 0;
        }
        if (ended_before(o, &b->h->operations[b->sends.items[message]])) {
            fail(b, index, b->sends.items[message], items[n + 1], "was delivered before it was sent", out);
            return 0;
        }
        const struct delivery d = {s, message, index};
        struct pair *pair = pair_of(b, s, message);
        if (pair == NULL || !array_push(&b->deliveries, d))
            return ERROR_MEMORY;
        if (pair->by != NO_OPERATION && pair->finished < o->invoked)
            fail(b, pair->by, index, items[n + 1], "was delivered again though its acknowledgement had ended", out);
    }
    return 0;
}

static int by_pair_and_time(const void *a, const void *b)
{
    const struct delivery *x = a, *y = b;
    if (x->subscription != y->subscription)
        return x->subscription < y->subscription ? -1 : 1;
    if (x->message != y->message)
        return x->message < y->message ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* An empty answer of the subscription within a stretch in which the message was owed. */
static bool check_owed(const struct broker *b, uint32_t s, uint32_t message, uint64_t from, uint64_t until,
                       struct check_result *out)
{
    const struct subscription *subscription = &b->list.items[s];
    if (from > TIME_NEVER - b->redelivery)
        return true;
    size_t low = 0;
    for (size_t high = subscription->empties.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (b->h->operations[subscription->empties.items[middle]].invoked <= from + b->redelivery)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == subscription->empties.count || subscription->ends[low] >= until)
        return true;
    while (b->h->operations[subscription->empties.items[low]].ended >= until)
        low++;
    size_t send = b->sends.items[message];
    fail(b, send, subscription->empties.items[low], b->h->operations[send].value,
         "was neither acknowledged nor delivered again in time", out);
    return false;
}

static int check_redelivery(struct broker *b, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < b->list.count; i++) {
        struct subscription *s = &b->list.items[i];
        s->ends = malloc((s->empties.count + 1) * sizeof *s->ends);
        if (s->ends == NULL)
            return ERROR_MEMORY;
        for (size_t n = s->empties.count; n-- > 0;) {
            uint64_t ended = b->h->operations[s->empties.items[n]].ended;
            s->ends[n] = n + 1 < s->empties.count && s->ends[n + 1] < ended ? s->ends[n + 1] : ended;
        }
    }
    if (b->deliveries.count > 0)
        qsort(b->deliveries.items, b->deliveries.count, sizeof *b->deliveries.items, by_pair_and_time);
    size_t at = 0, steps = 0;
    for (uint32_t s = 0; s < b->list.count && out->verdict == VERDICT_VALID; s++) {
        const struct subscription *subscription = &b->list.items[s];
        for (uint32_t m = 0; m < b->sends.count && out->verdict == VERDICT_VALID; m++) {
            const struct operation *sent = &b->h->operations[b->sends.items[m]];
            if (stop_asked(limits, steps++))
                return ERROR_CANCELLED;
            bool came = at < b->deliveries.count && b->deliveries.items[at].subscription == s &&
                        b->deliveries.items[at].message == m;
            if (sent->key != subscription->key || (!came && subscription->empties.count == 0))
                continue;
            uint32_t n = table_find(&b->pairs, s, m);
            uint64_t begun = n != TABLE_NONE ? b->state.items[n].begun : TIME_NEVER, from = sent->ended;
            bool owed = sent->end == END_OK && subscription->polled < sent->invoked;
            for (bool more = true; more && out->verdict == VERDICT_VALID;) {
                more = at < b->deliveries.count && b->deliveries.items[at].subscription == s &&
                       b->deliveries.items[at].message == m;
                const struct operation *next = more ? &b->h->operations[b->deliveries.items[at].index] : NULL;
                uint64_t until = more && next->invoked < begun ? next->invoked : begun;
                if (owed)
                    check_owed(b, s, m, from, until, out);
                if (more) {
                    from = owed && from != sent->ended && from > next->ended ? from : next->ended;
                    owed = true;
                    at++;
                }
            }
        }
    }
    return 0;
}

static int check_broker(const struct history *h, const struct check_limits *limits, struct check_result *out,
                        struct error *err)
{
    struct broker b = {.h = h, .redelivery = limits->redelivery};
    out->checked = h->count;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        history_list(h, o, &count);
        if (o->function == OPERATION_POLL && o->end == END_OK && count % 2 != 0)
            return error_set(err, ERROR_INVALID, "operation %zu got a list that is not pairs of offset and value", i);
    }
    int code = gather_sends(&b, out);
    if (code == 0 && out->verdict == VERDICT_VALID)
        code = gather_acknowledgements(&b);
    for (size_t i = 0; i < h->count && code == 0 && out->verdict == VERDICT_VALID; i++)
        if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
        else if (h->operations[i].function == OPERATION_POLL && h->operations[i].end == END_OK)
            code = gather_poll(&b, i, out);
    if (code == 0 && out->verdict == VERDICT_VALID && limits->redelivery != TIME_NEVER)
        code = check_redelivery(&b, limits, out);
    broker_deinit(&b);
    return code;
}

const struct check_model model_broker = {
    .name = "broker",
    .summary =
        "subscriptions with acknowledgements: nothing comes after its acknowledgement; what has none comes again",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(SEND) | KNOWS(POLL) | KNOWS(ACKNOWLEDGE),
    .check = check_broker,
    .exhaustive = rules_broker,
};
