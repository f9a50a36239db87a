/* Twins by looking at everything with everything: the rules as their pages state them, with no thought for speed. */
#include "chaos/check/inside.h"

#include <stdio.h>

static int broken(struct check_result *out, size_t index)
{
    say_invalid(out, 0, &index, 1, "a rule is broken");
    return 0;
}

static bool same(const struct operation *a, const struct operation *b)
{
    return a->key == b->key;
}

/* ---- queues ---- */

static int delivery(const struct history *h, bool twice_allowed, struct check_result *out)
{
    const struct operation *all = h->operations;
    size_t lost = 0, unknown = 0;
    for (size_t i = 0; i < h->count; i++)
        for (size_t n = 0; n < i; n++)
            if (all[i].function == OPERATION_ENQUEUE && all[n].function == OPERATION_ENQUEUE &&
                same(&all[i], &all[n]) && all[i].end != END_FAIL && all[n].end != END_FAIL &&
                all[i].value == all[n].value) {
                out->verdict = VERDICT_UNKNOWN;
                return 0;
            }
    for (size_t i = 0; i < h->count; i++) {
        if (all[i].function != OPERATION_DEQUEUE || all[i].end != END_OK)
            continue;
        bool found = false;
        for (size_t n = 0; n < h->count; n++) {
            if (!same(&all[i], &all[n]) || all[n].value != all[i].value || all[n].end == END_FAIL)
                continue;
            if (all[n].function == OPERATION_ENQUEUE)
                found = all[i].ended >= all[n].invoked;
            else if (n != i && all[n].end == END_OK && !twice_allowed)
                return broken(out, i);
        }
        if (!found)
            return broken(out, i);
    }
    if (!twice_allowed)
        return 0;
    const struct operation *empty = NULL;
    for (size_t i = 0; i < h->count; i++)
        if (all[i].function == OPERATION_DEQUEUE && all[i].end == END_FAIL &&
            (empty == NULL || all[i].invoked >= empty->invoked))
            empty = &all[i];
    for (size_t i = 0; empty != NULL && i < h->count; i++) {
        if (all[i].function == OPERATION_DEQUEUE)
            unknown += (all[i].end == END_INFO || all[i].end == END_OPEN) && all[i].invoked <= empty->ended;
        if (all[i].function != OPERATION_ENQUEUE || all[i].end != END_OK || all[i].ended >= empty->invoked)
            continue;
        bool came = false;
        for (size_t n = 0; n < h->count; n++)
            came |= all[n].function == OPERATION_DEQUEUE && all[n].end == END_OK && all[n].value == all[i].value;
        lost += !came;
    }
    return lost > unknown ? broken(out, 0) : 0;
}

RULES(at_most_once)
{
    (void)limits;
    (void)err;
    return delivery(h, false, out);
}

RULES(at_least_once)
{
    (void)limits;
    (void)err;
    return delivery(h, true, out);
}

/* ---- logs and watches ---- */

/* What some operation says a position holds: sends that ended ok, then what was read. */
struct told {
    size_t index;
    int64_t position, value;
};

#define TOLD_MAX 4096

static size_t all_told(const struct history *h, bool log, struct told *told)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t items_count;
        const int64_t *items = history_list(h, o, &items_count);
        uint64_t revision = history_revision(h, i);
        if (o->end != END_OK)
            continue;
        if (o->function == OPERATION_SEND || o->function == OPERATION_WRITE) {
            int64_t position = log ? o->other : revision != 0 ? (int64_t)revision : VALUE_NIL;
            if (position != VALUE_NIL && count < TOLD_MAX)
                told[count++] = (struct told){i, position, o->value};
            continue;
        }
        for (size_t n = 0; n + 1 < items_count && count < TOLD_MAX; n += 2)
            told[count++] = (struct told){i, items[n], items[n + 1]};
    }
    return count;
}

static const struct operation *send_of(const struct history *h, uint32_t key, int64_t value)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if ((o->function == OPERATION_SEND || o->function == OPERATION_WRITE) && o->key == key && o->value == value &&
            o->end != END_FAIL)
            return o;
    }
    return NULL;
}

static bool sent_twice(const struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if ((o->function == OPERATION_SEND || o->function == OPERATION_WRITE) && o->end != END_FAIL &&
            o->value != VALUE_NIL && send_of(h, o->key, o->value) != o)
            return true;
    }
    return false;
}

/* Since when a value is known: acknowledged, told, or (of a watch's history) read; TIME_NEVER: it is not. */
static uint64_t known_since(const struct history *h, bool log, uint32_t key, int64_t value)
{
    const struct operation *sent = send_of(h, key, value);
    uint64_t known = sent != NULL && sent->end == END_OK ? sent->ended : TIME_NEVER;
    for (size_t i = 0; !log && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        bool here = o->function == OPERATION_READ && o->value == value;
        for (size_t n = 0; o->function == OPERATION_WATCH && n + 1 < count; n += 2)
            here = here || items[n + 1] == value;
        if (here && o->end == END_OK && o->key == key && o->ended < known)
            known = o->ended;
    }
    return known;
}

/* A write nobody told the position of, that lies between. */
static bool hole(const struct history *h, uint32_t key, uint64_t from, int64_t next, const struct told *told,
                 size_t count)
{
    const struct operation *end = send_of(h, key, next);
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *w = &h->operations[i];
        bool placed = false;
        for (size_t t = 0; t < count; t++)
            placed = placed || (h->operations[told[t].index].key == key && told[t].value == w->value);
        if (w->function == OPERATION_WRITE && w->end != END_FAIL && w->key == key && w->value != VALUE_NIL && !placed &&
            end != NULL && w->invoked > from && known_since(h, false, key, w->value) < end->invoked)
            return true;
    }
    return false;
}

static int stream_rules(const struct history *h, bool log, struct check_result *out)
{
    static struct told told[TOLD_MAX];
    const struct operation *all = h->operations;
    size_t count = all_told(h, log, told);
    if (sent_twice(h)) {
        out->verdict = VERDICT_UNKNOWN;
        return 0;
    }
    for (size_t a = 0; a < count; a++) {
        const struct operation *o = &all[told[a].index], *sent = send_of(h, o->key, told[a].value);
        if (o->function == OPERATION_POLL || o->function == OPERATION_WATCH) {
            if (told[a].value != VALUE_NIL && (sent == NULL || o->ended < sent->invoked))
                return broken(out, told[a].index);
        }
        for (size_t b = 0; b < count; b++) {
            const struct operation *p = &all[told[b].index], *other = send_of(h, p->key, told[b].value);
            if (o->key != p->key)
                continue;
            if ((told[a].position == told[b].position) != (told[a].value == told[b].value) &&
                (told[a].position == told[b].position || told[a].value != VALUE_NIL))
                return broken(out, told[a].index);
            if (sent != NULL && other != NULL && told[a].position > told[b].position &&
                known_since(h, log, o->key, told[a].value) < other->invoked)
                return broken(out, told[a].index);
        }
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &all[i];
        int64_t at = VALUE_NIL;
        uint64_t known = TIME_NEVER; /* what is at it */
        if ((o->function != OPERATION_POLL && o->function != OPERATION_WATCH) || o->end != END_OK)
            continue;
        /* What this reader got up to and with this answer, once more from the beginning. */
        for (size_t n = 0; n <= i; n++) {
            const struct operation *p = &all[n];
            size_t items_count;
            const int64_t *items = history_list(h, p, &items_count);
            uint64_t mark = log ? 0 : history_revision(h, n);
            if (p->function != o->function || p->end != END_OK || !same(o, p) || p->other != o->other)
                continue;
            for (size_t k = 0; k + 1 < items_count; k += 2) {
                if (at != VALUE_NIL && items[k] <= at)
                    return broken(out, n);
                for (size_t t = 0; at != VALUE_NIL && t < count; t++)
                    if (all[told[t].index].key == o->key && told[t].position > at && told[t].position < items[k])
                        return broken(out, n);
                if (!log && at != VALUE_NIL && items[k + 1] != VALUE_NIL &&
                    hole(h, o->key, known, items[k + 1], told, count))
                    return broken(out, n);
                at = items[k];
                known = items[k + 1] != VALUE_NIL ? known_since(h, log, o->key, items[k + 1]) : p->ended;
            }
            for (size_t t = 0; at != VALUE_NIL && mark != 0 && t < count; t++)
                if (all[told[t].index].key == o->key && told[t].position > at && told[t].position <= (int64_t)mark)
                    return broken(out, n);
            if (mark != 0 && (at == VALUE_NIL || (int64_t)mark > at)) {
                at = (int64_t)mark;
                known = p->ended;
            }
            for (size_t t = 0; log && items_count == 0 && at != VALUE_NIL && t < count; t++) {
                const struct operation *sent = send_of(h, o->key, told[t].value);
                if (all[told[t].index].key == o->key && told[t].position > at && sent != NULL && sent->end == END_OK &&
                    sent->ended < p->invoked)
                    return broken(out, n);
            }
        }
    }
    return 0;
}

RULES(log)
{
    (void)limits;
    (void)err;
    return stream_rules(h, true, out);
}

RULES(watch)
{
    (void)limits;
    (void)err;
    return stream_rules(h, false, out);
}

/* ---- publish and subscribe ---- */

static bool is_poll(const struct operation *o)
{
    return o->function == OPERATION_POLL && o->end == END_OK;
}

static bool delivers(const struct history *h, const struct operation *o, int64_t value)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    for (size_t n = 0; n + 1 < count; n += 2)
        if (items[n + 1] == value)
            return true;
    return false;
}

static int pubsub_rules(const struct history *h, bool reliable, struct check_result *out)
{
    const struct operation *all = h->operations;
    if (sent_twice(h)) {
        out->verdict = VERDICT_UNKNOWN;
        return 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        size_t count;
        const int64_t *items = history_list(h, &all[i], &count);
        for (size_t a = 0; is_poll(&all[i]) && a + 1 < count; a += 2) {
            const struct operation *x = send_of(h, all[i].key, items[a + 1]);
            if (x == NULL || all[i].ended < x->invoked)
                return broken(out, i);
            /* Everything that came to the subscription before this one. */
            for (size_t n = 0; n <= i; n++) {
                size_t before;
                const int64_t *others = history_list(h, &all[n], &before);
                if (!is_poll(&all[n]) || !same(&all[n], &all[i]) || all[n].other != all[i].other)
                    continue;
                for (size_t b = 0; b + 1 < before && (n < i || b < a); b += 2) {
                    const struct operation *y = send_of(h, all[i].key, others[b + 1]);
                    if (y == NULL)
                        return broken(out, n);
                    if (x == y || (x->process == y->process && x < y))
                        return broken(out, i);
                }
            }
        }
    }
    for (size_t i = 0; reliable && i < h->count; i++) {
        if (all[i].function != OPERATION_SEND || all[i].end != END_OK)
            continue;
        /* Who got something of this publisher's from before it and from after it got it as well. */
        for (size_t p = 0; p < h->count; p++) {
            bool before = false, after = false, here = false;
            if (!is_poll(&all[p]) || !same(&all[p], &all[i]))
                continue;
            for (size_t n = 0; n < h->count; n++) {
                if (!is_poll(&all[n]) || !same(&all[n], &all[p]) || all[n].other != all[p].other)
                    continue;
                here |= delivers(h, &all[n], all[i].value);
                for (size_t s = 0; s < h->count; s++) {
                    bool came = all[s].function == OPERATION_SEND && all[s].process == all[i].process &&
                                all[s].end != END_FAIL && same(&all[s], &all[i]) && delivers(h, &all[n], all[s].value);
                    before |= came && s < i;
                    after |= came && s > i;
                }
            }
            if (before && after && !here)
                return broken(out, i);
        }
    }
    return 0;
}

RULES(pubsub)
{
    (void)limits;
    (void)err;
    return pubsub_rules(h, false, out);
}

RULES(pubsub_reliable)
{
    (void)limits;
    (void)err;
    return pubsub_rules(h, true, out);
}

/* ---- brokers ---- */

/* The message is owed to the poll, which found nothing. */
static bool owed(const struct history *h, const struct operation *poll, const struct operation *sent, uint64_t within)
{
    bool polled = false, came = false;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (!same(o, poll) || o->other != poll->other)
            continue;
        if (o->function == OPERATION_ACKNOWLEDGE && o->value == sent->value && o->end != END_FAIL &&
            o->invoked <= poll->ended)
            return false;
        if (!is_poll(o))
            continue;
        polled |= o->ended < sent->invoked;
        if (!delivers(h, o, sent->value))
            continue;
        if (o->ended + within >= poll->invoked && o->invoked <= poll->ended)
            return false;
        came |= o->ended + within < poll->invoked;
    }
    return came || (polled && sent->end == END_OK && sent->ended + within < poll->invoked);
}

RULES(broker)
{
    (void)err;
    const struct operation *all = h->operations;
    if (sent_twice(h)) {
        out->verdict = VERDICT_UNKNOWN;
        return 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        size_t count;
        const int64_t *items = history_list(h, &all[i], &count);
        if (!is_poll(&all[i]))
            continue;
        for (size_t a = 0; a + 1 < count; a += 2) {
            const struct operation *sent = send_of(h, all[i].key, items[a + 1]);
            if (sent == NULL || all[i].ended < sent->invoked)
                return broken(out, i);
            for (size_t n = 0; n < h->count; n++)
                if (all[n].function == OPERATION_ACKNOWLEDGE && all[n].end == END_OK && same(&all[n], &all[i]) &&
                    all[n].other == all[i].other && all[n].value == items[a + 1] && all[n].ended < all[i].invoked)
                    return broken(out, i);
        }
        for (size_t n = 0; count == 0 && limits->redelivery != TIME_NEVER && n < h->count; n++)
            if (all[n].function == OPERATION_SEND && all[n].end != END_FAIL && same(&all[n], &all[i]) &&
                owed(h, &all[i], &all[n], limits->redelivery))
                return broken(out, i);
    }
    return 0;
}

/* ---- sessions ---- */

#define VALUES_MAX 64

RULES(session)
{
    (void)err;
    const struct operation *all = h->operations;
    static bool after[VALUES_MAX][VALUES_MAX]; /* [a][b]: b is later than a. By the operations that wrote them. */
    int64_t values[VALUES_MAX];
    size_t count = 0;
    if (sent_twice(h)) {
        out->verdict = VERDICT_UNKNOWN;
        return 0;
    }
    for (size_t i = 0; i < h->count; i++) {
        size_t n = 0;
        while (n < count && values[n] != all[i].value)
            n++;
        if (n == count && count == VALUES_MAX) {
            out->verdict = VERDICT_UNKNOWN;
            return 0;
        }
        if (n == count)
            values[count++] = all[i].value;
        const struct operation *write = send_of(h, all[i].key, all[i].value);
        if (all[i].function == OPERATION_READ && all[i].end == END_OK && all[i].value != limits->initial &&
            (write == NULL || all[i].ended < write->invoked))
            return broken(out, i);
    }
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            after[a][b] = values[a] == limits->initial && a != b;
    for (size_t i = 0; i < h->count; i++) {
        for (size_t n = i + 1; n < h->count && all[i].end == END_OK; n++) {
            size_t a = 0, b = 0;
            if (all[n].process != all[i].process || all[n].end != END_OK || all[n].value == all[i].value)
                continue;
            while (values[a] != all[i].value)
                a++;
            while (values[b] != all[n].value)
                b++;
            after[a][b] = true;
        }
    }
    for (size_t k = 0; k < count; k++)
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < count; b++)
                after[a][b] |= after[a][k] && after[k][b];
    for (size_t a = 0; a < count; a++)
        if (after[a][a])
            return broken(out, 0);
    return 0;
}

/* ---- convergence ---- */

RULES(convergence)
{
    (void)err;
    const struct operation *all = h->operations;
    for (size_t i = 0; i < h->count; i++)
        if (all[i].function != OPERATION_READ && all[i].end != END_FAIL && all[i].ended != TIME_NEVER &&
            all[i].ended >= limits->converged) {
            out->verdict = VERDICT_UNKNOWN;
            return 0;
        }
    for (size_t i = 0; i < h->count; i++) {
        bool written = all[i].value == limits->initial || all[i].list != 0;
        if (all[i].function != OPERATION_READ || all[i].end != END_OK || all[i].invoked < limits->converged)
            continue;
        for (size_t n = 0; n < h->count; n++) {
            size_t a, b, common = 0;
            const int64_t *x = history_list(h, &all[i], &a), *y = history_list(h, &all[n], &b);
            if (all[n].function != OPERATION_READ) {
                written |= all[n].end != END_FAIL && all[n].value == all[i].value;
                continue;
            }
            if (all[n].end != END_OK || all[n].invoked < limits->converged)
                continue;
            for (size_t k = 0; k < a; k++) {
                size_t in_x = 0, in_y = 0;
                for (size_t m = 0; m < a; m++)
                    in_x += x[m] == x[k];
                for (size_t m = 0; m < b; m++)
                    in_y += y[m] == x[k];
                common += in_x == in_y;
            }
            if (all[n].value != all[i].value || a != b || common != a || (all[i].list == 0) != (all[n].list == 0))
                return broken(out, i);
        }
        if (!written)
            return broken(out, i);
    }
    return 0;
}
