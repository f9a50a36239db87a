/* Handing the events of a topic to the consumers of a group.
 *
 * A pass of events_group_deliver() first gives out what waits to be delivered again, lowest number first, then what is
 * new, each event to the next consumer in turn that has room: whose call is not busy, and who holds fewer than its
 * limit. It ends when there is nothing to give, nobody to give it to, or the pass is long enough that others should
 * have a turn; every change that could make room wakes the group again.
 *
 * An event is done when it is acknowledged; with auto_ack, when its bytes have left this process. Until then it is held
 * by its consumer, and goes to another member when that one vanishes. What never left does not count as a delivery. */
#include "base/log.h"
#include "runtime/events/internal.h"

#define PASS_EVENTS     256   /* given out in one pass */
#define PASS_SCAN       20000 /* numbers looked at on disk in one pass, most of which may be none of ours */
#define SETTLE_MAX      (160 * MILLISECOND)
#define READ_RETRY_WAIT ((uint64_t)EVENTS_RETRY)

void events_group_wake(struct events_group *g)
{
    if (g->ring)
        world_task_post(&g->deliver);
}

/* ---- consumers' turns ------------------------------------------------------------------------------------------- */

static bool has_room(const struct events_consumer *c)
{
    size_t max = c->auto_ack ? EVENTS_UNSENT_MAX : EVENTS_UNACKED_MAX;
    return c->held.count < max && !rpc_call_cancelled(c->call) && !rpc_call_busy(c->call);
}

/* Whose turn it is; NULL: nobody can take an event. */
static struct events_consumer *in_turn(struct events_group *g)
{
    struct events_consumer *c = g->ring;
    if (!c)
        return NULL;
    do {
        if (has_room(c)) {
            g->ring = c;
            return c;
        }
        c = c->ring_next;
    } while (c != g->ring);
    return NULL;
}

static int send_json(struct rpc_call *call, struct bytes packed)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *event = NULL;
    int rc = pb_unpack(&events__event__descriptor, packed, &arena, &event, NULL);
    if (rc == 0)
        rc = rpc_call_send(call, event);
    arena_deinit(&arena);
    return rc;
}

static void start_timer(struct events_consumer *c)
{
    const struct events_group *g = c->group;
    if (c->auto_ack || !c->held.first || world_timer_active(&c->timer))
        return;
    uint64_t now = world_now(g->topic->events->world), at = window_at(&g->window, c->held.first)->deadline;
    (void)world_timer_start(&c->timer, at > now ? at - now : 0);
}

/* The entry has its place already. False: it could not be sent, and nothing has changed. */
static bool give(struct events_consumer *c, uint64_t number, struct bytes body)
{
    struct events_group *g = c->group;
    size_t before = rpc_call_queued(c->call);
    int rc = rpc_call_json(c->call) ? send_json(c->call, body) : rpc_call_send_bytes(c->call, body);
    if (rc)
        return false;
    c->sent += rpc_call_queued(c->call) - before;
    uint64_t now = world_now(g->topic->events->world);
    window_hold(&g->window, number, &c->held, c->ack_wait < UINT64_MAX - now ? now + c->ack_wait : UINT64_MAX, c->sent);
    if (c->auto_ack && !world_timer_active(&g->settle)) {
        g->settle_wait = (uint64_t)EVENTS_GROUP_DELAY;
        (void)world_timer_start(&g->settle, g->settle_wait);
    }
    start_timer(c);
    g->ring = c->ring_next;
    return true;
}

/* ---- a pass ----------------------------------------------------------------------------------------------------- */

struct pass {
    struct events_group *group;
    size_t left;   /* events to give out */
    bool stopped;  /* nobody has room, or the window is full */
    bool failed;   /* there was room, but no memory */
    bool found;    /* for a single event */
    uint64_t only; /* the number that waits, 0: new events */
};

static bool wanted(const struct events_group *g, uint64_t number, int64_t time, bool live)
{
    return live && (number >= g->seam || time >= g->since);
}

/* One event, from memory or from disk. False: the pass ends. */
static bool offer(struct pass *p, uint64_t number, int64_t time, bool live, struct bytes body)
{
    struct events_group *g = p->group;
    if (p->only) {
        p->found = true;
    } else if (!window_skip(&g->window, number) || !window_reserve(&g->window)) {
        p->stopped = true;
        return false;
    } else if (!wanted(g, number, time, live)) {
        (void)window_skip(&g->window, number + 1);
        return true;
    }
    struct events_consumer *c = p->left > 0 ? in_turn(g) : NULL;
    if (!c || !give(c, number, body)) {
        p->stopped = true;
        p->failed = c != NULL;
        return false;
    }
    p->left--;
    return true;
}

static bool on_row(void *arg, const struct log_event *e)
{
    return offer(arg, e->number, e->time, e->live, e->body);
}

static int read_range(struct pass *p, uint64_t first, uint64_t last)
{
    const struct events_group *g = p->group;
    struct events *e = g->topic->events;
    struct error err = ERROR_INIT;
    const struct log_range range = {
        .topic = g->topic->log.id, .first = first, .last = last, .since = g->since, .seam = p->only ? 0 : g->seam};
    int rc = events_log_read(e->log, &range, on_row, p, &err);
    if (rc) {
        log_warn("events", "events of %s cannot be read: %s", g->topic->name,
                 err.message ? err.message : error_code_name(rc));
        error_clear(&err);
    }
    return rc;
}

/* What waits to be delivered again. */
static int redeliver(struct pass *p)
{
    struct events_group *g = p->group;
    uint64_t number;
    int rc = 0;
    while (rc == 0 && !p->stopped && (number = window_waiting(&g->window)) != 0) {
        const struct events_record *r = events_recent(g->topic, number);
        p->only = number;
        p->found = false;
        if (r)
            (void)offer(p, number, r->time, r->live, BYTES(r->body, r->len));
        else
            rc = read_range(p, number, number);
        if (rc == 0 && !p->found) { /* retention took it */
            window_done(&g->window, number);
            events_group_dirty(g);
        }
    }
    p->only = 0;
    return rc;
}

static int deliver_new(struct pass *p)
{
    struct events_group *g = p->group;
    const struct events_topic *t = g->topic;
    uint64_t scanned = 0;
    int rc = 0;
    while (rc == 0 && !p->stopped && g->window.next <= t->log.head) {
        const struct events_record *r = events_recent(t, g->window.next);
        if (r) {
            (void)offer(p, r->number, r->time, r->live, BYTES(r->body, r->len));
            continue;
        }
        if (scanned >= PASS_SCAN) {
            p->left = 0;
            break;
        }
        uint64_t first = g->window.next, last = first + PASS_SCAN - 1;
        if (t->recent_first > first && last >= t->recent_first && t->recent_first < t->recent_end)
            last = t->recent_first - 1;
        if (last > t->log.head)
            last = t->log.head;
        rc = read_range(p, first, last);
        scanned += last - first + 1;
        if (rc == 0 && !p->stopped && !window_skip(&g->window, last + 1)) /* what is not there is done */
            p->stopped = true;
    }
    return rc;
}

void events_group_deliver(void *arg)
{
    struct events_group *g = arg;
    struct events *e = g->topic->events;
    if (!g->ring || e->stopping)
        return;
    uint64_t position = g->window.position, next = g->window.next;
    window_forget(&g->window, g->topic->log.tail);
    struct pass p = {.group = g, .left = PASS_EVENTS};
    int rc = redeliver(&p);
    if (rc == 0 && !p.stopped)
        rc = deliver_new(&p);
    bool moved = g->window.position != position || g->window.next != next;
    if (g->window.position != position)
        events_group_dirty(g);
    if (moved)
        (void)world_point(e->world, "events.consume.sent");
    if (rc || p.failed) {
        g->settle_wait = READ_RETRY_WAIT;
        (void)world_timer_start(&g->settle, g->settle_wait);
    } else if (p.left == 0) {
        events_group_wake(g);
    }
}

/* ---- what becomes of what was given ----------------------------------------------------------------------------- */

/* With auto_ack: what has left us is done. */
static bool forget_gone(struct events_consumer *c)
{
    struct events_group *g = c->group;
    uint64_t left = c->sent - rpc_call_queued(c->call);
    bool any = false;
    while (c->held.first && window_at(&g->window, c->held.first)->end <= left) {
        window_done(&g->window, c->held.first);
        any = true;
    }
    return any;
}

void events_group_settle(void *arg)
{
    struct events_group *g = arg;
    bool any = false, held = false;
    struct events_consumer *c = g->ring;
    for (size_t i = 0; c && (i == 0 || c != g->ring); i++, c = c->ring_next)
        if (c->auto_ack) {
            any |= forget_gone(c);
            held |= c->held.first != 0;
        }
    if (any)
        events_group_dirty(g);
    if (held) {
        g->settle_wait =
            any || g->settle_wait >= (uint64_t)SETTLE_MAX ? (uint64_t)EVENTS_GROUP_DELAY : g->settle_wait * 2;
        (void)world_timer_start(&g->settle, g->settle_wait);
    }
    events_group_wake(g);
}

/* A delivery that came to nothing: another one, or none any more. */
static void failed(struct events_consumer *c, uint64_t number)
{
    struct events_group *g = c->group;
    uint32_t deliveries = window_at(&g->window, number)->deliveries;
    if (c->retry_limit < 0 || deliveries <= (uint64_t)c->retry_limit) {
        window_wait(&g->window, number, false);
        return;
    }
    window_done(&g->window, number);
    events_bury(g, number, deliveries);
    events_group_dirty(g);
}

void events_consumer_timer(void *arg)
{
    struct events_consumer *c = arg;
    struct events_group *g = c->group;
    uint64_t now = world_now(g->topic->events->world);
    while (c->held.first && window_at(&g->window, c->held.first)->deadline <= now)
        failed(c, c->held.first);
    start_timer(c);
    events_group_wake(g);
}

void events_consumer_ack(struct events_consumer *c, uint64_t number, bool success)
{
    struct events_group *g = c->group;
    const struct window_entry *entry = window_at(&g->window, number);
    if (!c->joined || c->auto_ack || !entry || entry->state == WINDOW_DONE)
        return;    /* done before, or not given out by this process */
    if (success) { /* late is fine too: the work was done */
        window_done(&g->window, number);
        events_group_dirty(g);
    } else if (entry->state == WINDOW_HELD && entry->list == &c->held) {
        failed(c, number);
    }
    events_group_wake(g);
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

void events_consumer_join(struct events_consumer *c)
{
    struct events_group *g = c->group;
    c->joined = true;
    if (g->ring) {
        c->ring_next = g->ring;
        c->ring_back = g->ring->ring_back;
        c->ring_back->ring_next = c;
        c->ring_next->ring_back = c;
    } else {
        g->ring = c->ring_next = c->ring_back = c;
    }
    events_group_wake(g);
}

static void give_back(struct events_consumer *c)
{
    struct events_group *g = c->group;
    uint64_t left = c->sent - rpc_call_queued(c->call);
    while (c->held.first) {
        uint64_t number = c->held.first;
        bool ours = g->topic->events->draining && !c->auto_ack; /* that it ends is no fault of the consumer */
        if (ours || window_at(&g->window, number)->end > left)
            window_wait(&g->window, number, true);
        else if (c->auto_ack)
            window_done(&g->window, number);
        else
            failed(c, number);
    }
    events_group_dirty(g);
}

void events_consumer_leave(struct events_consumer *c)
{
    struct events_group *g = c->group;
    struct events_topic *t = g->topic;
    world_timer_stop(&c->timer);
    if (c->joined) {
        give_back(c);
        if (c->ring_next == c) {
            g->ring = NULL;
        } else {
            c->ring_next->ring_back = c->ring_back;
            c->ring_back->ring_next = c->ring_next;
            if (g->ring == c)
                g->ring = c->ring_next;
        }
        c->joined = false;
    }
    g->consumer_count--;
    if (g->consumer_count == 0) {
        world_task_cancel(&g->deliver);
        world_timer_stop(&g->settle);
        if (!g->name || !g->on_disk) {
            events_group_free(g);
            events_topic_release(t);
        }
        return;
    }
    events_group_wake(g);
}
