#include "base/log.h"
#include "base/utf8.h"
#include "runtime/events/internal.h"

#define PUBLISH      "events.Stream.Publish"
#define READ         "events.Store.Read"
#define WRITE        "events.Store.Write"
#define READ_LIMIT   250                 /* events, when the caller names no limit */
#define METADATA_MAX 256                 /* entries of one event */
#define ID_MAX       128                 /* bytes of an id the caller gives */
#define TTL_MAX      INT64_C(3153600000) /* seconds: a hundred years */

const char *events_place(struct rpc_call *call, const char *id, const char *topic)
{
    size_t len = strlen(topic);
    const char *namespace = micro_call_namespace(call);
    if (!micro_authorize_admin(call, namespace, id))
        return NULL;
    bool plain = true;
    for (size_t i = 0; plain && i < len; i++)
        plain = (unsigned char)topic[i] >= ' ' && topic[i] != 0x7f;
    if (len > 0 && len <= EVENTS_NAME_MAX && plain)
        return namespace;
    if (len == 0)
        micro_fail(call, 400, id, "Missing topic");
    else
        micro_fail(call, 400, id, "a topic has at most %d bytes and no control characters", EVENTS_NAME_MAX);
    return NULL;
}

static int64_t time_of(const struct events *e, int64_t given)
{
    return given > 0 ? given : world_wall(e->world) / SECOND;
}

/* Into the batch; the call is answered when it is committed, or here when it cannot be. */
static void submit(struct events *e, struct rpc_call *call, const char *id, const char *namespace, const char *topic,
                   Events__Event *event, bool live, int64_t expires)
{
    struct events_topic *t = NULL;
    struct events_pending *p = ARENA_NEW(rpc_call_arena(call), struct events_pending);
    int rc = p ? events_topic_get(e, namespace, topic, &t) : ERROR_MEMORY;
    struct events_record *r = NULL;
    if (rc == 0 && t->next_number > EVENTS_NUMBER_MAX)
        rc = ERROR_LIMIT;
    if (rc == 0 && !(r = events_pack(e, t, event, event->id && event->id[0])))
        rc = ERROR_MEMORY;
    if (rc == 0 && r->len > EVENTS_BODY_MAX) {
        micro_fail(call, 429, id, "the event has %zu bytes, %zu are allowed", r->len, EVENTS_BODY_MAX);
        events_record_release(r);
        events_topic_release(t);
        return;
    }
    if (rc) {
        if (t)
            events_topic_release(t);
        micro_fail(call, rc == ERROR_LIMIT ? 429 : 507, id, "%s",
                   rc == ERROR_LIMIT ? "there are too many topics, or the topic had too many events"
                                     : error_code_name(rc));
        return;
    }
    r->live = live;
    *p = (struct events_pending){.call = call, .method = id, .record = r, .expires = expires};
    events_submit(e, p);
}

/* ---- Publish ---------------------------------------------------------------------------------------------------- */

static void publish(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct events *e = context;
    const Events__PublishRequest *r = (const Events__PublishRequest *)(const void *)request;
    const char *namespace = events_place(call, PUBLISH, r->topic);
    if (!namespace)
        return;
    if (r->n_metadata > METADATA_MAX) {
        micro_fail(call, 400, PUBLISH, "an event may have %d entries of metadata", METADATA_MAX);
        return;
    }
    Events__Event event = EVENTS__EVENT__INIT;
    struct arena *arena = rpc_call_arena(call);
    Events__Event__MetadataEntry *entries = NULL;
    if (r->n_metadata) {
        entries = ARENA_NEW_N(arena, Events__Event__MetadataEntry, r->n_metadata);
        event.metadata = ARENA_NEW_N(arena, Events__Event__MetadataEntry *, r->n_metadata);
        if (!entries || !event.metadata) {
            micro_fail(call, 507, PUBLISH, "out of memory");
            return;
        }
    }
    for (size_t i = 0; i < r->n_metadata; i++) {
        events__event__metadata_entry__init(&entries[i]);
        entries[i].key = r->metadata[i]->key;
        entries[i].value = r->metadata[i]->value;
        event.metadata[i] = &entries[i];
    }
    event.n_metadata = r->n_metadata;
    event.payload = r->payload;
    event.timestamp = time_of(e, r->timestamp);
    event.id = NULL;
    submit(e, call, PUBLISH, namespace, r->topic, &event, true, 0);
}

/* ---- Store.Write ------------------------------------------------------------------------------------------------ */

static void write_event(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct events *e = context;
    const Events__WriteRequest *r = (const Events__WriteRequest *)(const void *)request;
    const char *namespace = events_place(call, WRITE, r->event ? r->event->topic : "");
    if (!namespace)
        return;
    if (r->ttl < 0 || r->ttl > TTL_MAX) {
        micro_fail(call, 400, WRITE, "ttl is a number of seconds between 0 and %lld", (long long)TTL_MAX);
        return;
    }
    if (strlen(r->event->id) > ID_MAX || r->event->n_metadata > METADATA_MAX) {
        micro_fail(call, 400, WRITE, "an id may have %d bytes, an event %d entries of metadata", ID_MAX, METADATA_MAX);
        return;
    }
    Events__Event event = *r->event;
    event.timestamp = time_of(e, event.timestamp);
    submit(e, call, WRITE, namespace, r->event->topic, &event, false,
           r->ttl ? world_wall(e->world) + r->ttl * SECOND : 0);
}

/* ---- Store.Read ------------------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    Events__ReadResponse reply;
    size_t capacity, bytes;
    int rc;
};

static bool on_event(void *arg, const struct log_event *found)
{
    struct reading *r = arg;
    ProtobufCMessage *event = NULL;
    r->bytes += found->body.len + 8; /* tag and length around it */
    if (r->bytes > EVENTS_ANSWER_MAX) {
        r->rc = ERROR_LIMIT;
        return false;
    }
    if (r->reply.n_events == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        Events__Event **grown = ARENA_NEW_N(r->arena, Events__Event *, capacity);
        if (!grown) {
            r->rc = ERROR_MEMORY;
            return false;
        }
        if (r->capacity)
            memcpy(grown, r->reply.events, r->capacity * sizeof(Events__Event *));
        r->reply.events = grown;
        r->capacity = capacity;
    }
    r->rc = pb_unpack(&events__event__descriptor, found->body, r->arena, &event, NULL);
    if (r->rc)
        return false;
    r->reply.events[r->reply.n_events++] = (Events__Event *)(void *)event;
    return true;
}

static void read_events(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct events *e = context;
    const Events__ReadRequest *q = (const Events__ReadRequest *)(const void *)request;
    const char *namespace = events_place(call, READ, q->topic);
    if (!namespace)
        return;
    struct reading r = {.arena = rpc_call_arena(call), .reply = EVENTS__READ_RESPONSE__INIT};
    struct error err = ERROR_INIT;
    const struct events_topic *t = events_topic_find(e, namespace, q->topic);
    int64_t now = world_wall(e->world);
    if (t)
        r.rc = events_log_list(e->log, t->log.id, now, now - (int64_t)e->retention, q->limit ? q->limit : READ_LIMIT,
                               q->offset, on_event, &r, &err) != 0
                   ? ERROR_IO
                   : r.rc;
    if (r.rc == ERROR_LIMIT)
        micro_fail(call, 400, READ, "these events take more than %zu bytes: ask for fewer", EVENTS_ANSWER_MAX);
    else if (r.rc == ERROR_MEMORY)
        micro_fail(call, 507, READ, "out of memory");
    else if (r.rc)
        micro_fail(call, 503, READ, "%s", err.message ? err.message : "an event on disk cannot be read");
    else
        rpc_call_reply(call, &r.reply.base);
    error_clear(&err);
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static const struct rpc_method stream_methods[] = {
    {.name = "Publish",
     .input = &events__publish_request__descriptor,
     .output = &events__publish_response__descriptor,
     .unary = publish},
    {.name = "Consume",
     .input = &events__consume_request__descriptor,
     .later = &events__ack_request__descriptor,
     .output = &events__event__descriptor,
     .message = events_consume_message,
     .half_closed = events_consume_half_closed,
     .cancelled = events_consume_cancelled,
     .writable = events_consume_writable},
};
const struct rpc_service events_stream_service = {.name = "events.Stream",
                                                  .methods = stream_methods,
                                                  .method_count = sizeof stream_methods / sizeof stream_methods[0]};

static const struct rpc_method store_methods[] = {
    {.name = "Read",
     .input = &events__read_request__descriptor,
     .output = &events__read_response__descriptor,
     .unary = read_events},
    {.name = "Write",
     .input = &events__write_request__descriptor,
     .output = &events__write_response__descriptor,
     .unary = write_event},
};
const struct rpc_service events_store_service = {
    .name = "events.Store", .methods = store_methods, .method_count = sizeof store_methods / sizeof store_methods[0]};
