/* The events log: clients publish unique payloads to topics and read topics page by page through events.Store; beside
 * them each topic is followed from its beginning by a live consumer, which resumes behind the last event it saw when
 * its stream broke (`micro-events-after`). Offsets are the numbers in the events' ids (UUID version 8, the first 48
 * bits); a server that gives other ids has no offsets, and its history no model that can judge it. */
#include "base/units.h"
#include "chaos/workload/event_calls.h"
#include "chaos/workload/follower.h"
#include "chaos/workload/kinds.h"
#include "events/events.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE  100
#define QUIET ((uint64_t)(2 * SECOND)) /* nothing came for so long: nothing will */

struct client {
    uint64_t *read; /* by topic: events read so far */
};
struct state {
    struct follower *followers; /* by topic */
    bool *told;                 /* that nothing came any more */
};

static struct workload_outcome published(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_operation(c)->other = event_offset(grpc_metadata_get(reply->trailers, "micro-event-id"));
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

static struct workload_outcome page_read(struct workload_client *c, const struct rpc_reply *reply)
{
    const struct operation *o = workload_operation(c);
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t items[2 * PAGE];
    size_t count = 0;
    bool ok = reply->status == GRPC_OK &&
              pb_unpack(&events__read_response__descriptor, reply->body, &arena, &message, NULL) == 0;
    const Events__ReadResponse *page = (const Events__ReadResponse *)message;
    for (size_t i = 0; ok && i < page->n_events && count < 2 * PAGE; i++) {
        items[count++] = event_offset(bytes_of(page->events[i]->id));
        items[count++] = event_value(page->events[i]);
    }
    arena_deinit(&arena);
    if (ok && count > 0)
        ok = history_set_list(workload_write(c->workload), c->operation, items, count) == 0;
    if (ok)
        own->read[o->key] += count / 2;
    return (struct workload_outcome){ok ? END_OK : END_FAIL, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    struct client *own = c->state;
    char topic[EVENT_TOPIC_MAX];
    Events__ReadRequest request = EVENTS__READ_REQUEST__INIT;
    event_topic(c->workload, key, topic);
    request.topic = topic;
    request.limit = PAGE;
    request.offset = own->read[key];
    int code = workload_invoke(c, OPERATION_POLL, key, VALUE_NIL);
    if (code != 0)
        return code;
    workload_operation(c)->other = c->number; /* a reader of its own; the followers' numbers are behind */
    return workload_call(c, EVENTS_STORE, "/events.Store/Read", &request.base, page_read);
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return random_below(r, 4) == 0 ? begin_read(c, key) : event_publish(c, OPERATION_SEND, key, published);
}

/* ---- who follows ---- */

static int request_stream(struct follower *f, struct text *wire)
{
    char topic[EVENT_TOPIC_MAX];
    Events__ConsumeRequest request = EVENTS__CONSUME_REQUEST__INIT;
    event_topic(f->workload, f->key, topic);
    request.topic = topic;
    request.offset = 1; /* the second after 1970 began: all there is */
    request.auto_ack = true;
    return pb_pack(&request.base, wire);
}

static void on_event(struct follower *f, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&events__event__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Events__Event *e = (const Events__Event *)unpacked;
        snprintf(f->header_value, sizeof f->header_value, "%s", e->id);
        follower_pair(f, event_offset(bytes_of(e->id)), event_value(e));
    }
    arena_deinit(&arena);
}

static const struct follower_kind follows = {
    .service = EVENTS_STREAM,
    .path = "/events.Stream/Consume",
    .function = OPERATION_POLL,
    .request = request_stream,
    .message = on_event,
};

static int prepare(struct workload *w, struct error *err)
{
    size_t keys = (size_t)workload_keys(w);
    struct state *s = calloc(1, sizeof *s);
    int code = s != NULL ? workload_client_states(w, sizeof(struct client), err) : ERROR_MEMORY;
    workload_set_state(w, s);
    if (code != 0)
        return code;
    s->followers = calloc(keys, sizeof *s->followers);
    s->told = calloc(keys, sizeof *s->told);
    bool ok = s->followers != NULL && s->told != NULL;
    for (int i = 0; i < workload_clients(w); i++) {
        struct client *own = workload_client(w, i)->state;
        own->read = calloc(keys, sizeof *own->read);
        ok = ok && own->read != NULL;
    }
    if (!ok)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < keys; i++) {
        follower_init(&s->followers[i], w, &follows, (uint32_t)i, workload_clients(w) + (int64_t)i, NULL);
        s->followers[i].header = "micro-events-after";
    }
    return 0;
}

static void start(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        follower_start(&s->followers[i]);
}

/* A follower to whom nothing came for a while has read an empty page: the tail is judged as well. */
static bool quiet(struct workload *w)
{
    struct state *s = workload_state(w);
    bool all = true;
    for (int i = 0; i < workload_keys(w); i++) {
        if (!s->told[i] && follower_idle(&s->followers[i], QUIET)) {
            follower_mark(&s->followers[i], 0);
            s->told[i] = true;
        }
        all = all && s->told[i];
    }
    return all;
}

static void stop(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; s != NULL && s->followers != NULL && i < workload_keys(w); i++)
        follower_deinit(&s->followers[i]);
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            free(((struct client *)workload_client(w, i)->state)->read);
    if (s != NULL) {
        free(s->followers);
        free(s->told);
    }
    free(s);
}

const struct workload_kind workload_events_log = {
    .name = "events-log",
    .summary = "events published to topics, read by pages and followed from the beginning",
    .services = (const char *const[]){EVENTS_STREAM, EVENTS_STORE, NULL},
    .models = (const char *const[]){"log", NULL},
    .waits = QUIET,
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .start = start,
    .quiet = quiet,
    .stop = stop,
    .release = release,
};
