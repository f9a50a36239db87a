/* Publish and subscribe without positions: a reader is the subscription in `other`, a publisher a process. Decided for
 * each topic, with unique values:
 *
 *   known     what is delivered was sent, and not later than it came
 *   unique    no subscription gets a value twice
 *   ordered   what one publisher sent reaches a subscription in the order it was sent
 *   reliable  (pubsub-reliable) between two deliveries of one publisher's to a subscription, none that was acknowledged
 *             is missing; what is before the first and after the last is not judged
 *
 * O(n). */
#include "chaos/check/inside.h"

#include <stdio.h>

#define NO_OPERATION SIZE_MAX

struct message {
    size_t send;
    uint32_t publisher;    /* number of (topic, process) */
    uint32_t acknowledged; /* of this publisher's, before this one */
};

/* What a subscription got last of a publisher. */
struct place {
    uint32_t message; /* number + 1; 0: nothing */
    size_t delivery;
};

struct pubsub {
    const struct history *h;
    struct table values, publishers, subscriptions, places, delivered;
    ARRAY(struct message) messages;
    ARRAY(uint32_t) sent; /* by publisher: acknowledged so far */
    ARRAY(struct place) at;
    ARRAY(size_t) deliveries; /* by number in `delivered` */
};

static void pubsub_deinit(struct pubsub *p)
{
    table_deinit(&p->values);
    table_deinit(&p->publishers);
    table_deinit(&p->subscriptions);
    table_deinit(&p->places);
    table_deinit(&p->delivered);
    array_deinit(&p->messages);
    array_deinit(&p->sent);
    array_deinit(&p->at);
    array_deinit(&p->deliveries);
}

static int gather(struct pubsub *p, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < p->h->count; i++) {
        const struct operation *o = &p->h->operations[i];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (o->function != OPERATION_SEND || !may_have_happened(o))
            continue;
        uint32_t publisher = table_add(&p->publishers, o->key, o->process), n = table_add(&p->values, o->key, o->value);
        if (publisher == TABLE_NONE || n == TABLE_NONE || (publisher == p->sent.count && !array_push(&p->sent, 0)))
            return ERROR_MEMORY;
        if (n < p->messages.count) {
            out->verdict = VERDICT_UNKNOWN;
            out->key = o->key;
            out->checked = i;
            snprintf(out->reason, sizeof out->reason, "a value was sent twice: this model needs unique values");
            return 0;
        }
        const struct message m = {i, publisher, p->sent.items[publisher]};
        if (!array_push(&p->messages, m))
            return ERROR_MEMORY;
        p->sent.items[publisher] += o->end == END_OK;
    }
    return 0;
}

static void fail(const struct pubsub *p, size_t a, size_t b, size_t c, int64_t value, const char *what,
                 struct check_result *out)
{
    size_t witness[3] = {a, b, c};
    word key, v;
    say_invalid(out, p->h->operations[a].key, witness,
                c != NO_OPERATION   ? 3
                : b != NO_OPERATION ? 2
                                    : 1,
                "value %s of %s %s", value_word(p->h, value, v), key_word(p->h, p->h->operations[a].key, key), what);
}

/* The first acknowledged message of a publisher between two of its messages. */
static size_t missing(const struct pubsub *p, uint32_t from, uint32_t to)
{
    for (uint32_t n = from + 1; n < to; n++) {
        const struct message *m = &p->messages.items[n];
        if (m->publisher == p->messages.items[to].publisher && p->h->operations[m->send].end == END_OK)
            return m->send;
    }
    return NO_OPERATION;
}

static int deliver(struct pubsub *p, size_t index, int64_t value, bool reliable, struct check_result *out)
{
    const struct operation *o = &p->h->operations[index];
    uint32_t n = table_find(&p->values, o->key, value);
    if (n == TABLE_NONE) {
        fail(p, index, NO_OPERATION, NO_OPERATION, value, "was delivered, and nobody sent it", out);
        return 0;
    }
    const struct message *m = &p->messages.items[n];
    if (ended_before(o, &p->h->operations[m->send])) {
        fail(p, index, m->send, NO_OPERATION, value, "was delivered before it was sent", out);
        return 0;
    }
    uint32_t subscription = table_add(&p->subscriptions, o->key, o->other);
    uint32_t once = subscription != TABLE_NONE ? table_add(&p->delivered, subscription, n) : TABLE_NONE;
    uint32_t place = once != TABLE_NONE ? table_add(&p->places, subscription, m->publisher) : TABLE_NONE;
    const struct place nothing = {0, NO_OPERATION};
    if (place == TABLE_NONE || (place == p->at.count && !array_push(&p->at, nothing)))
        return ERROR_MEMORY;
    if (once < p->deliveries.count) {
        fail(p, p->deliveries.items[once], index, NO_OPERATION, value, "was delivered twice to one subscription", out);
        return 0;
    }
    if (!array_push(&p->deliveries, index))
        return ERROR_MEMORY;
    struct place *at = &p->at.items[place];
    if (at->message > n + 1) {
        fail(p, at->delivery, index, m->send, value, "was delivered after one its publisher sent later", out);
        return 0;
    }
    if (reliable && at->message != 0) {
        const struct message *last = &p->messages.items[at->message - 1];
        bool known = p->h->operations[last->send].end == END_OK;
        size_t lost = m->acknowledged > last->acknowledged + known ? missing(p, at->message - 1, n) : NO_OPERATION;
        if (lost != NO_OPERATION) {
            fail(p, lost, at->delivery, index, p->h->operations[lost].value,
                 "was acknowledged, and left out for a subscription that got what came before and after", out);
            return 0;
        }
    }
    *at = (struct place){n + 1, index};
    return 0;
}

static int check(const struct history *h, bool reliable, const struct check_limits *limits, struct check_result *out,
                 struct error *err)
{
    struct pubsub p = {.h = h};
    out->checked = h->count;
    int code = gather(&p, limits, out);
    for (size_t i = 0; i < h->count && code == 0 && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
        if (o->function != OPERATION_POLL || o->end != END_OK)
            continue;
        if (count % 2 != 0)
            code = error_set(err, ERROR_INVALID, "operation %zu got a list that is not pairs of offset and value", i);
        for (size_t n = 0; n + 1 < count && code == 0 && out->verdict == VERDICT_VALID; n += 2)
            code = deliver(&p, i, items[n + 1], reliable, out);
    }
    pubsub_deinit(&p);
    return code;
}

static int check_pubsub(const struct history *h, const struct check_limits *limits, struct check_result *out,
                        struct error *err)
{
    return check(h, false, limits, out, err);
}

static int check_reliable(const struct history *h, const struct check_limits *limits, struct check_result *out,
                          struct error *err)
{
    return check(h, true, limits, out, err);
}

const struct check_model model_pubsub = {
    .name = "pubsub",
    .summary =
        "topics: what comes was sent, comes once to a subscription, in its publisher's order; some may be missing",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(SEND) | KNOWS(POLL),
    .check = check_pubsub,
    .exhaustive = rules_pubsub,
};

const struct check_model model_pubsub_reliable = {
    .name = "pubsub-reliable",
    .summary = "topics: as pubsub, and nothing acknowledged is missing between two deliveries of a publisher's",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(SEND) | KNOWS(POLL),
    .check = check_reliable,
    .exhaustive = rules_pubsub_reliable,
};
