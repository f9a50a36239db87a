/* Events shared by a group: clients publish, two members of a group consume each topic and acknowledge by hand. One
 * delivery in eight is refused, one in six left without a word, so that it has to come again.
 *
 * Nobody answers an acknowledgement. It counts as done (END_OK) when, with its stream still there, a publication begun
 * after it was answered (so the component had read it: both travel on one connection), and then another one, begun
 * SETTLES later (so the component had lived on, with a disk that takes writes, for longer than it may keep a group's
 * progress in memory, docs/events.md). When the stream breaks before that, nobody knows.
 *
 * In the end everything that is owed has to have come: after a silence of all members an empty poll is written down. */
#include "base/units.h"
#include "chaos/workload/event_calls.h"
#include "chaos/workload/follower.h"
#include "chaos/workload/kinds.h"
#include "events/events.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS    2
#define GROUP      1 /* the subscription all members are of */
#define ACK_WAIT   ((uint64_t)(2 * SECOND))
#define REDELIVERY (ACK_WAIT + (uint64_t)(3 * SECOND))
#define SILENCE    (REDELIVERY + (uint64_t)SECOND)
#define LAST_POLL  ((uint64_t)SECOND)
#define SETTLES    ((uint64_t)(100 * MILLISECOND))

struct acknowledgement {
    const struct follower *member;
    int64_t operation;
    uint64_t since; /* a publication begun after this tells something */
    bool read;      /* by the component */
};
struct state {
    struct follower *members; /* MEMBERS of each topic */
    ARRAY(struct acknowledgement) open;
    uint64_t silent; /* when the last polls began; 0: not yet */
    bool told;
};

static size_t member_count(struct workload *w)
{
    return (size_t)workload_keys(w) * MEMBERS;
}

static void end_acknowledgement(struct workload *w, size_t i, enum operation_end end)
{
    struct state *s = workload_state(w);
    history_end(workload_write(w), s->open.items[i].operation, end, VALUE_NIL, world_now(workload_target(w)->world));
    array_remove(&s->open, i);
}

/* A publication begun at `begun` was answered. */
static void look_at_acknowledgements(struct workload *w, uint64_t begun)
{
    struct state *s = workload_state(w);
    uint64_t now = world_now(workload_target(w)->world);
    for (size_t i = s->open.count; i-- > 0;) {
        struct acknowledgement *a = &s->open.items[i];
        if (begun <= a->since)
            continue;
        if (a->read) {
            end_acknowledgement(w, i, END_OK);
        } else {
            a->read = true;
            a->since = now + SETTLES;
        }
    }
}

static void acknowledge(struct follower *f, Events__Event *e, int64_t value, bool success)
{
    struct state *s = workload_state(f->workload);
    struct history *h = workload_write(f->workload);
    uint64_t now = world_now(workload_target(f->workload)->world);
    Events__AckRequest ack = EVENTS__ACK_REQUEST__INIT;
    ack.id = e->id;
    ack.success = success;
    if (success && array_grow(&s->open)) {
        int64_t index = history_invoke(h, workload_process(f->workload), OPERATION_ACKNOWLEDGE, f->key, value, now);
        if (index < 0)
            return; /* not written down, not done */
        h->operations[index].other = GROUP;
        s->open.items[s->open.count++] = (struct acknowledgement){.member = f, .operation = index, .since = now};
    } else if (success) {
        return;
    }
    if (follower_send(f, &ack.base) != 0 && success)
        end_acknowledgement(f->workload, s->open.count - 1, END_INFO);
}

static void on_event(struct follower *f, struct bytes message)
{
    struct random *r = workload_random(f->workload);
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&events__event__descriptor, message, &arena, &unpacked, NULL) == 0) {
        Events__Event *e = (Events__Event *)unpacked;
        int64_t value = event_value(e);
        bool running = workload_running(f->workload);
        follower_pair(f, event_offset(bytes_of(e->id)), value);
        if (!running || random_below(r, 6) != 0)
            acknowledge(f, e, value, !running || random_below(r, 8) != 0);
    }
    arena_deinit(&arena);
}

static void on_ended(struct follower *f, const struct rpc_reply *reply)
{
    struct state *s = workload_state(f->workload);
    (void)reply;
    for (size_t i = s->open.count; i-- > 0;)
        if (s->open.items[i].member == f)
            end_acknowledgement(f->workload, i, END_INFO);
}

static int request_stream(struct follower *f, struct text *wire)
{
    char topic[EVENT_TOPIC_MAX], group[] = "workers";
    Events__ConsumeRequest request = EVENTS__CONSUME_REQUEST__INIT;
    event_topic(f->workload, f->key, topic);
    request.topic = topic;
    request.group = group;
    request.offset = 1;
    request.ack_wait = (int64_t)ACK_WAIT;
    request.retry_limit = -1;
    return pb_pack(&request.base, wire);
}

static const struct follower_kind member = {
    .service = EVENTS_STREAM,
    .path = "/events.Stream/Consume",
    .function = OPERATION_POLL,
    .talks = true,
    .request = request_stream,
    .message = on_event,
    .ended = on_ended,
};

static struct workload_outcome published(struct workload_client *c, const struct rpc_reply *reply)
{
    if (reply->status == GRPC_OK)
        look_at_acknowledgements(c->workload, workload_operation(c)->invoked);
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return event_publish(c, OPERATION_SEND, key, published);
}

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s != NULL)
        s->members = calloc(member_count(w), sizeof *s->members);
    if (s == NULL || s->members == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < member_count(w); i++)
        follower_init(&s->members[i], w, &member, (uint32_t)(i / MEMBERS), GROUP, NULL);
    return 0;
}

static void start(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; i < member_count(w); i++)
        follower_start(&s->members[i]);
}

static bool quiet(struct workload *w)
{
    struct state *s = workload_state(w);
    uint64_t now = world_now(workload_target(w)->world);
    bool last = s->silent != 0;
    for (size_t i = 0; i < member_count(w) && !s->told; i++)
        if (!follower_idle(&s->members[i], last ? now - s->silent : SILENCE)) {
            s->silent = 0; /* something came after all */
            return false;
        }
    if (s->told || (last && now - s->silent < LAST_POLL))
        return s->told;
    for (size_t i = 0; i < member_count(w); i++)
        follower_mark(&s->members[i], 0);
    s->silent = now;
    s->told = last;
    return s->told;
}

static void stop(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; s != NULL && s->members != NULL && i < member_count(w); i++)
        follower_deinit(&s->members[i]);
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    if (s != NULL) {
        array_deinit(&s->open);
        free(s->members);
    }
    free(s);
}

const struct workload_kind workload_events_group = {
    .name = "events-group",
    .summary = "events shared by a group that acknowledges by hand: refusals and silence make them come again",
    .services = (const char *const[]){EVENTS_STREAM, NULL},
    .models = (const char *const[]){"broker", NULL},
    .waits = SILENCE + LAST_POLL,
    .redelivery = REDELIVERY,
    .prepare = prepare,
    .begin = begin,
    .start = start,
    .quiet = quiet,
    .stop = stop,
    .release = release,
};
