/* Retention: every so often, what is too old or too much goes, a bounded piece at a time so that nobody waits long.
 * Events are stored in the order of their numbers, so what goes is the front of a topic, up to the first event that is
 * young enough and within the limit of bytes; `tail` says how far that went. Events written with an expiry of their own
 * are left out of this (and of the bytes): they go when it has passed. Topics nothing is left of go as well, and groups
 * nobody has consumed with for EVENTS_GROUP_IDLE. */
#include "base/log.h"
#include "runtime/events/internal.h"

#define SWEEP_MIN   (1 * SECOND)
#define SWEEP_MAX   (60 * SECOND)
#define SWEEP_SOON  (10 * MILLISECOND) /* there is more to do */
#define SWEEP_PIECE 2000               /* events looked at in one topic, or expired, in one sweep */

struct sweep {
    struct events *events;
    struct events_topic *topic;
    int64_t now, oldest;
    size_t seen;
    uint64_t up_to;     /* numbers below go */
    uint64_t run_first; /* of those, a run that is to be removed; 0: none */
    uint64_t bytes;     /* of the topic, with what was removed taken off */
    struct error *err;
    int rc;
    bool more, any;
};

static void remove_run(struct sweep *s, uint64_t end)
{
    if (s->run_first && end > s->run_first)
        s->rc = events_log_remove(s->events->log, s->topic->log.id, s->run_first, end - 1, s->err);
    s->run_first = 0;
}

/* Looks only: removing while a statement reads is left for afterwards. */
struct looked {
    struct sweep *sweep;
    uint64_t numbers[SWEEP_PIECE];
    bool timed[SWEEP_PIECE];
    size_t count;
};

static bool on_old(void *arg, const struct log_event *e)
{
    struct looked *l = arg;
    struct sweep *s = l->sweep;
    bool too_much = s->events->topic_bytes && s->bytes > s->events->topic_bytes;
    if (l->count == SWEEP_PIECE) {
        s->more = true;
        return false;
    }
    if (!e->expires && e->stored > s->oldest && !too_much)
        return false;
    l->numbers[l->count] = e->number;
    l->timed[l->count++] = e->expires != 0;
    if (!e->expires)
        s->bytes -= e->body.len < s->bytes ? e->body.len : s->bytes;
    s->up_to = e->number + 1;
    return true;
}

/* The front of one topic. */
static int sweep_topic(struct sweep *s, struct events_topic *t, struct looked *l)
{
    s->topic = t;
    s->bytes = t->log.bytes;
    s->up_to = t->log.tail;
    s->run_first = 0;
    l->count = 0;
    const struct log_range range = {
        .topic = t->log.id, .first = t->log.tail, .last = t->log.head, .seam = 0, .headers_only = true};
    int rc = t->log.tail > t->log.head ? 0 : events_log_read(s->events->log, &range, on_old, l, s->err);
    if (rc || s->up_to == t->log.tail)
        return rc;
    for (size_t i = 0; s->rc == 0 && i < l->count; i++) {
        if (l->timed[i])
            remove_run(s, l->numbers[i]);
        else if (!s->run_first)
            s->run_first = l->numbers[i];
    }
    if (s->rc == 0)
        remove_run(s, s->up_to);
    if (s->rc)
        return s->rc;
    struct log_topic log = t->log;
    log.tail = s->up_to;
    log.bytes = s->bytes;
    s->any = true;
    return events_log_put_topic(s->events->log, &log, s->err);
}

static bool on_expired(void *arg, const struct log_event *e)
{
    struct looked *l = arg;
    if (l->count == SWEEP_PIECE)
        return false;
    l->numbers[l->count++] = e->topic << 40 | e->number;
    return true;
}

static int sweep_expired(struct sweep *s, struct looked *l)
{
    l->count = 0;
    int rc = events_log_expired(s->events->log, s->now, SWEEP_PIECE, on_expired, l, s->err);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        uint64_t number = l->numbers[i] & EVENTS_NUMBER_MAX;
        rc = events_log_remove(s->events->log, l->numbers[i] >> 40, number, number, s->err);
    }
    s->any |= l->count > 0;
    s->more |= l->count == SWEEP_PIECE;
    return rc;
}

static bool on_any(void *arg, const struct log_event *e)
{
    (void)e;
    *(bool *)arg = true;
    return false;
}

/* Groups and topics that nothing keeps. Not in a transaction with others: a failure leaves them for the next time. */
static void sweep_names(struct events *e, int64_t now)
{
    for (struct events_topic *t = e->topics, *next; t; t = next) {
        next = t->next;
        for (struct events_group *g = t->groups, *after; g; g = after) {
            after = g->next;
            if (g->name && g->consumer_count == 0 && !g->dirty && now - g->used > EVENTS_GROUP_IDLE &&
                events_log_begin(e->log, NULL) == 0) {
                if (events_log_remove_group(e->log, t->log.id, g->name, NULL) == 0 &&
                    events_log_commit(e->log, NULL) == 0)
                    events_group_free(g);
                else
                    events_log_rollback(e->log);
            }
        }
        if (!t->on_disk || t->groups || t->touched || t->log.tail <= t->log.head || t->log.head == 0)
            continue;
        bool any = false;
        const struct log_range all = {.topic = t->log.id, .last = EVENTS_NUMBER_MAX, .headers_only = true};
        if (events_log_read(e->log, &all, on_any, &any, NULL) != 0 || any || events_log_begin(e->log, NULL) != 0)
            continue;
        if (events_log_remove_topic(e->log, t->log.id, NULL) == 0 && events_log_commit(e->log, NULL) == 0)
            events_topic_free(t);
        else
            events_log_rollback(e->log);
    }
}

/* What the transaction did, now that it is on disk: the same look over the topics gives the same figures. */
struct figures {
    struct events_topic *topic;
    uint64_t tail, bytes;
};

void events_sweep(void *arg)
{
    struct events *e = arg;
    struct error err = ERROR_INIT;
    events_flush(e); /* so that figures in memory are those on disk */
    int64_t now = world_wall(e->world);
    struct sweep s = {.events = e, .now = now, .oldest = now - (int64_t)e->retention, .err = &err};
    struct looked *l = malloc(sizeof *l);
    struct figures *figures = calloc(e->topic_count + 1, sizeof *figures);
    size_t count = 0;
    int rc = l && figures ? events_log_begin(e->log, &err) : ERROR_MEMORY;
    bool begun = rc == 0;
    if (l)
        l->sweep = &s;
    for (struct events_topic *t = e->topics; rc == 0 && t; t = t->next) {
        if (!t->on_disk || t->touched)
            continue;
        rc = sweep_topic(&s, t, l);
        if (rc == 0 && s.up_to != t->log.tail)
            figures[count++] = (struct figures){t, s.up_to, s.bytes};
    }
    if (rc == 0)
        rc = sweep_expired(&s, l);
    if (rc == 0 && s.any)
        rc = world_point(e->world, "events.sweep.before_commit");
    if (rc == 0 && s.any)
        rc = events_log_commit(e->log, &err);
    else if (begun)
        events_log_rollback(e->log);
    if (rc) {
        if (begun)
            events_log_rollback(e->log);
        log_warn("events", "old events cannot be removed: %s", err.message ? err.message : error_code_name(rc));
        s.more = false;
    } else {
        for (size_t i = 0; i < count; i++) {
            struct events_topic *t = figures[i].topic;
            t->log.tail = figures[i].tail;
            t->log.bytes = t->next_bytes = figures[i].bytes;
        }
        sweep_names(e, now);
    }
    error_clear(&err);
    free(figures);
    free(l);
    int64_t every = (int64_t)(e->retention / 100);
    every = every < SWEEP_MIN ? SWEEP_MIN : every > SWEEP_MAX ? SWEEP_MAX : every;
    (void)world_timer_start(&e->sweep, (uint64_t)(s.more ? SWEEP_SOON : every));
}
