/* Events: publishers with unique payloads, a consumer that follows the topic from the beginning, and a group of two
 * that acknowledges by hand. The log that Store.Read shows in the end is the truth everything is held against:
 *
 *     no loss       every acknowledged publish is in it, once
 *     nothing new   everything in it was published; nothing twice
 *     order         a publisher's events are in the order it was answered
 *     no gap        what a consumer saw on one stream is a run of the log without holes
 *     redelivery    every event reaches the group; one whose acknowledgement must have arrived does not come again
 *     same id       the id on the stream is the id in the log */
#include "tests/soak/soak.h"

#include "proto/events/events.pb-c.h"
#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>

#define PUBLISHERS  3
#define MEMBERS     2
#define EVENTS_MAX  4096
#define PAUSE_MAX   ((int64_t)(150 * MILLISECOND))
#define ACK_WAIT    ((int64_t)(2 * SECOND))
#define ACK_CERTAIN ((uint64_t)(5 * SECOND)) /* a stream that lived on so long after an acknowledgement has sent it */
#define PAGE        200
#define CATCH_UP    ((uint64_t)(60 * SECOND))
#define TOPIC       "soak.events"

struct event { /* by payload number */
    bool invoked, acknowledged, known_refused;
    uint64_t answered_at;
    int publisher;
    long place;         /* in the log; -1: not there */
    bool group_saw;     /* at least once */
    uint64_t acked_at;  /* by a member; 0: never */
    uint64_t ack_ended; /* when that member's stream ended; 0: it lives */
    char id[64];
};
struct consumer {
    struct load *load;
    struct soak_feed feed;
    bool group;
    int64_t from;         /* seconds since 1970, the follower's beginning */
    ARRAY(uint32_t) seen; /* payload numbers, of the current stream */
    ARRAY(uint32_t) acked;
    ARRAY(uint32_t) past; /* of the streams before, each ended by UINT32_MAX */
};
struct publisher {
    struct load *load;
    struct soak_client client;
    int number;
    uint32_t event;
};
struct load {
    struct soak *soak;
    struct soak_crew crew;
    struct publisher publishers[PUBLISHERS];
    struct consumer follower, members[MEMBERS];
    struct event events[EVENTS_MAX];
    uint32_t count;
    uint64_t ok, followed;
};

/* ---- publishing ---- */

static void published(void *arg, const struct soak_answer *a)
{
    struct publisher *p = arg;
    struct event *e = &p->load->events[p->event];
    e->acknowledged = a->end == SOAK_OK;
    e->known_refused = a->end == SOAK_REFUSED;
    e->answered_at = sim_now(p->load->soak->sim);
    p->load->ok += e->acknowledged;
    if (e->known_refused)
        soak_fail(p->load->soak, "events: Publish was refused: %s", a->message);
    soak_client_done(&p->client);
}

static void publish(void *arg)
{
    struct publisher *p = arg;
    struct load *l = p->load;
    char topic[] = TOPIC, payload[16];
    Events__PublishRequest request = EVENTS__PUBLISH_REQUEST__INIT;
    if (l->count == EVENTS_MAX) {
        soak_client_done(&p->client);
        return;
    }
    p->event = l->count++;
    l->events[p->event] = (struct event){.invoked = true, .publisher = p->number, .place = -1};
    int len = snprintf(payload, sizeof payload, "%u", p->event);
    request.topic = topic;
    request.payload = (ProtobufCBinaryData){(size_t)len, (uint8_t *)payload};
    soak_call(l->soak, "events", "/events.Stream/Publish", NULL, &request.base, &events__publish_response__descriptor,
              published, p);
}

/* ---- consuming ---- */

static bool number_of(const Events__Event *e, uint32_t count, uint32_t *out)
{
    char digits[16];
    char *end = NULL;
    if (e->payload.len == 0 || e->payload.len >= sizeof digits)
        return false;
    memcpy(digits, e->payload.data, e->payload.len);
    digits[e->payload.len] = '\0';
    unsigned long n = strtoul(digits, &end, 10);
    *out = (uint32_t)n;
    return *end == '\0' && n < count;
}

static void acknowledge(struct consumer *c, const Events__Event *e, uint32_t n)
{
    struct load *l = c->load;
    Events__AckRequest ack = EVENTS__ACK_REQUEST__INIT;
    struct text packed = TEXT_INIT;
    bool success = random_below(&l->crew.random, 8) != 0;
    ack.id = e->id;
    ack.success = success;
    if (pb_pack(&ack.base, &packed) != 0)
        abort();
    if (rpc_stream_send(c->feed.stream, text_bytes(&packed)) == 0 && success) {
        if (!l->events[n].acked_at && !array_push(&c->acked, n))
            abort();
        if (!l->events[n].acked_at)
            l->events[n].acked_at = sim_now(l->soak->sim);
    }
    text_deinit(&packed);
}

static void group_saw(struct consumer *c, const Events__Event *e, uint32_t n)
{
    struct load *l = c->load;
    struct event *event = &l->events[n];
    /* The stream that carried the acknowledgement lived on for long, and there was a disk to write it to: it has
     * arrived, and is kept. Nobody is told when an acknowledgement is durable, so while the disk is full none is. */
    uint64_t now = sim_now(l->soak->sim), lived = event->ack_ended ? event->ack_ended : now;
    uint64_t from = event->acked_at > l->soak->events_disk ? event->acked_at : l->soak->events_disk;
    if (event->acked_at && lived > from && lived - from > ACK_CERTAIN)
        soak_fail(l->soak, "events: %u came again %.3f s after it was acknowledged", n,
                  (double)(now - event->acked_at) / 1e9);
    event->group_saw = true;
    if (random_below(&l->crew.random, 6) != 0) /* else silence: it comes again after the wait */
        acknowledge(c, e, n);
}

static void on_event(void *arg, struct bytes message)
{
    struct consumer *c = arg;
    struct load *l = c->load;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    uint32_t n = 0;
    if (pb_unpack(&events__event__descriptor, message, &arena, &m, NULL) != 0) {
        soak_fail(l->soak, "events: an event cannot be read");
    } else {
        const Events__Event *e = (const Events__Event *)(const void *)m;
        struct event *event = number_of(e, l->count, &n) ? &l->events[n] : NULL;
        if (!event || strcmp(e->topic, TOPIC) != 0) {
            soak_fail(l->soak, "events: an event nobody published");
        } else {
            if (event->id[0] && strcmp(event->id, e->id) != 0)
                soak_fail(l->soak, "events: %u has the ids %s and %s", n, event->id, e->id);
            snprintf(event->id, sizeof event->id, "%s", e->id);
            if (c->group)
                group_saw(c, e, n);
            else if (!array_push(&c->seen, n))
                abort();
            l->followed += !c->group;
        }
    }
    arena_deinit(&arena);
}

static void on_end(void *arg, const struct rpc_reply *reply)
{
    struct consumer *c = arg;
    struct load *l = c->load;
    (void)reply;
    for (size_t i = 0; i < c->acked.count; i++)
        l->events[c->acked.items[i]].ack_ended = sim_now(l->soak->sim);
    array_clear(&c->acked);
    for (size_t i = 0; i < c->seen.count; i++)
        if (!array_push(&c->past, c->seen.items[i]))
            abort();
    if (!array_push(&c->past, UINT32_MAX))
        abort();
    array_clear(&c->seen);
    soak_feed_ended(&c->feed);
}

static void consume(void *arg)
{
    static const struct rpc_stream_events events = {.message = on_event, .finished = on_end};
    struct consumer *c = arg;
    char topic[] = TOPIC, group[] = "soak";
    Events__ConsumeRequest request = EVENTS__CONSUME_REQUEST__INIT;
    request.topic = topic;
    request.offset = c->from;
    request.auto_ack = !c->group;
    if (c->group) {
        request.group = group;
        request.ack_wait = ACK_WAIT;
        request.retry_limit = -1;
    }
    /* Our side stays open, for acknowledgements. */
    soak_feed_open(&c->feed, "events", "/events.Stream/Consume", &request.base, true, &events);
}

static void start_consumer(struct load *l, struct consumer *c, bool group, int64_t from)
{
    *c = (struct consumer){.load = l, .group = group, .from = from};
    soak_feed_init(&c->feed, l->soak, consume, c);
}

/* ---- the end ---- */

/* The whole log, by pages, into the events' places. */
static long read_log(struct soak *s, struct load *l)
{
    long place = 0;
    for (;;) {
        struct arena arena = ARENA_INIT;
        char topic[] = TOPIC;
        Events__ReadRequest request = EVENTS__READ_REQUEST__INIT;
        request.topic = topic;
        request.limit = PAGE;
        request.offset = (uint64_t)place;
        struct soak_answer a = soak_wait(s, &arena, "events", "/events.Store/Read", NULL, &request.base,
                                         &events__read_response__descriptor);
        const Events__ReadResponse *page = (const Events__ReadResponse *)(const void *)a.reply;
        if (!page)
            soak_fail(s, "events: Store.Read is not answered: %s", a.message);
        size_t got = page ? page->n_events : 0;
        for (size_t i = 0; i < got; i++, place++) {
            uint32_t n = 0;
            struct event *e = number_of(page->events[i], l->count, &n) ? &l->events[n] : NULL;
            if (!e)
                soak_fail(s, "events: the log holds what nobody published");
            else if (e->place >= 0)
                soak_fail(s, "events: %u is in the log twice", n);
            else if (e->id[0] && strcmp(e->id, page->events[i]->id) != 0)
                soak_fail(s, "events: %u came as %s and is %s in the log", n, e->id, page->events[i]->id);
            else
                e->place = place;
        }
        arena_deinit(&arena);
        if (got < PAGE)
            return place;
    }
}

static void check_log(struct soak *s, const struct load *l)
{
    long last[PUBLISHERS] = {-1, -1, -1};
    for (uint32_t n = 0; n < l->count; n++) {
        const struct event *e = &l->events[n];
        if (e->acknowledged && e->place < 0)
            soak_fail(s, "events: %u was acknowledged and is lost", n);
        if (e->acknowledged && e->place >= 0 && e->place < last[e->publisher])
            soak_fail(s, "events: %u of publisher %d is out of order", n, e->publisher);
        if (e->acknowledged && e->place >= 0)
            last[e->publisher] = e->place;
    }
}

/* One stream's events: a run of the log without holes. */
static void check_stream(struct soak *s, const struct load *l, const uint32_t *seen, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        long before = l->events[seen[i - 1]].place, now = l->events[seen[i]].place;
        if (before >= 0 && now != before + 1) {
            soak_fail(s, "events: a stream went from place %ld of the log to %ld", before, now);
            return;
        }
    }
}

static bool all_reached(void *arg)
{
    const struct load *l = arg;
    for (uint32_t n = 0; n < l->count; n++)
        if (l->events[n].acknowledged && !l->events[n].group_saw)
            return false;
    return true;
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    soak_crew_rest(&l->crew);
    if (world_run_until(s->world, all_reached, l, CATCH_UP) != 0)
        for (uint32_t n = 0; n < l->count; n++)
            if (l->events[n].acknowledged && !l->events[n].group_saw)
                soak_fail(s, "events: %u never reached the group", n);
    long end = read_log(s, l);
    check_log(s, l);
    const struct consumer *f = &l->follower;
    size_t from = 0;
    for (size_t i = 0; i < f->past.count; i++)
        if (f->past.items[i] == UINT32_MAX) {
            check_stream(s, l, &f->past.items[from], i - from);
            from = i + 1;
        }
    check_stream(s, l, f->seen.items, f->seen.count);
    if (end > 0 && (f->seen.count == 0 || l->events[f->seen.items[f->seen.count - 1]].place != end - 1))
        soak_fail(s, "events: the follower's stream does not reach the end of the log");
}

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    int64_t now = world_wall(s->world) / SECOND;
    l->soak = s;
    soak_crew_init(&l->crew, s, "events", PAUSE_MAX);
    /* A minute before the beginning: nodes' clocks may be behind. */
    start_consumer(l, &l->follower, false, now - 60);
    for (size_t i = 0; i < MEMBERS; i++)
        start_consumer(l, &l->members[i], true, now - 60);
    for (int i = 0; i < PUBLISHERS; i++) {
        l->publishers[i] = (struct publisher){.load = l, .number = i};
        soak_client_init(&l->publishers[i].client, &l->crew, publish, &l->publishers[i]);
    }
    return l;
}

static uint64_t progress(const void *load)
{
    const struct load *l = load;
    return l->ok < l->followed ? l->ok : l->followed;
}

static bool all_over(void *arg)
{
    const struct load *l = arg;
    for (size_t i = 0; i < MEMBERS; i++)
        if (l->members[i].feed.stream)
            return false;
    return !l->follower.feed.stream;
}

static void stop(void *load)
{
    struct load *l = load;
    struct consumer *all[] = {&l->follower, &l->members[0], &l->members[1]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        soak_feed_stop(&all[i]->feed);
    (void)world_run_until(l->soak->world, all_over, l, 2 * SOAK_CALL);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        array_deinit(&all[i]->seen);
        array_deinit(&all[i]->acked);
        array_deinit(&all[i]->past);
    }
    free(l);
}

const struct soak_load soak_events = {"events", start, check, progress, stop};
