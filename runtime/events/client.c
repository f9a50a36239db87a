#include "runtime/events/client.h"

#include "base/array.h"
#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST (100 * MILLISECOND)
#define BACKOFF_MAX   (5 * SECOND)
#define METADATA_MAX  32
#define ID_MAX        64
#define OPEN_MAX      4096 /* events seen and not done that a reader alone remembers; the component gives out fewer */
#define CONSUME_PATH  "/events.Stream/Consume"
#define POSITION      "micro-events-position"
#define AFTER         "micro-events-after"

/* An event seen by a reader alone, in order. */
struct seen {
    char id[ID_MAX];
    bool done;
};

struct events_reader {
    struct micro_service *service;
    struct events_read wanted;
    char *topic, *group;
    struct text request;
    struct rpc_stream *stream;
    struct world_timer retry;
    uint64_t backoff;
    char after[ID_MAX]; /* where a reader alone goes on; "" */
    ARRAY(struct seen) seen;
    bool lost, told, closed;
};

static void reader_free(struct events_reader *r)
{
    world_timer_stop(&r->retry);
    text_deinit(&r->request);
    array_deinit(&r->seen);
    free(r->topic);
    free(r->group);
    free(r);
}

static bool alone(const struct events_reader *r)
{
    return r->group[0] == '\0';
}

static void try_later(struct events_reader *r)
{
    uint64_t half = r->backoff / 2;
    uint64_t wait = half + random_below(world_random(micro_service_world(r->service)), half + 1);
    r->backoff = r->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : r->backoff * 2;
    if (world_timer_start(&r->retry, wait) != 0)
        log_error("events", "out of memory: the reader of %s is lost", r->topic);
}

static void keep(char out[ID_MAX], struct bytes id)
{
    size_t len = id.len < ID_MAX ? id.len : 0;
    memcpy(out, id.data, len);
    out[len] = '\0';
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct events_reader *r = arg;
    struct bytes position = grpc_metadata_get(headers, POSITION);
    if (r->closed || !position.data) /* headers of a refusal */
        return;
    if (alone(r) && !r->after[0])
        keep(r->after, position);
    bool gap = r->lost;
    r->told = true;
    r->lost = false;
    r->backoff = BACKOFF_FIRST;
    if (r->wanted.subscribed)
        r->wanted.subscribed(r->wanted.arg, gap);
}

static void send_ack(struct events_reader *r, const char *id, bool success)
{
    Events__AckRequest ack = EVENTS__ACK_REQUEST__INIT;
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    ack.id = arena_string(&arena, id);
    ack.success = success;
    /* One that does not get through is delivered again. */
    if (r->stream && ack.id && pb_pack(&ack.base, &packed) == 0 && text_ok(&packed))
        (void)rpc_stream_send(r->stream, text_bytes(&packed));
    text_deinit(&packed);
    arena_deinit(&arena);
}

/* False: it was dealt with before the stream broke. */
static bool note(struct events_reader *r, const char *id)
{
    if (!alone(r))
        return true;
    if (r->wanted.auto_ack) {
        keep(r->after, bytes_of(id));
        return true;
    }
    for (size_t i = 0; i < r->seen.count; i++)
        if (strcmp(r->seen.items[i].id, id) == 0)
            return !r->seen.items[i].done;
    struct seen seen = {.done = false};
    keep(seen.id, bytes_of(id));
    if (r->seen.count < OPEN_MAX)
        (void)array_push(&r->seen, seen);
    return true;
}

static void on_message(void *arg, struct bytes packed)
{
    struct events_reader *r = arg;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *message = NULL;
    if (r->closed)
        return;
    if (pb_unpack(&events__event__descriptor, packed, &arena, &message, &err) != 0) {
        log_warn("events", "an event of %s cannot be read: %s", r->topic, err.message ? err.message : "?");
        error_clear(&err);
    } else {
        const Events__Event *event = (const Events__Event *)(const void *)message;
        if (note(r, event->id))
            r->wanted.event(r->wanted.arg, event);
        else
            send_ack(r, event->id, true);
    }
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct events_reader *r = arg;
    r->stream = NULL;
    if (r->closed) {
        reader_free(r);
        return;
    }
    if (reply->status == GRPC_FAILED_PRECONDITION && r->after[0]) { /* the topic is another one than it was */
        r->after[0] = '\0';
        array_clear(&r->seen);
        r->lost = true;
    } else if (alone(r) && !r->after[0] && !r->wanted.offset) {
        r->lost = true; /* what came before the first time it stood */
    }
    if (r->told)
        log_info("events", "the stream of %s ended (%s): opening it again", r->topic, grpc_status_name(reply->status));
    if (reply->status == GRPC_UNAUTHENTICATED)
        (void)micro_token_refused(r->service);
    try_later(r);
}

static void open_stream(void *arg)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct events_reader *r = arg;
    struct rpc_channel *channel = NULL;
    struct micro_outgoing own;
    struct grpc_header items[sizeof own.items / sizeof own.items[0] + 1];
    r->told = false;
    micro_outgoing_init(r->service, &own, CONSUME_PATH);
    struct grpc_metadata metadata = {.items = items, .count = own.metadata.count};
    memcpy(items, own.metadata.items, metadata.count * sizeof items[0]);
    if (r->after[0])
        items[metadata.count++] = (struct grpc_header){.name = bytes_of(AFTER), .value = bytes_of(r->after)};
    const struct rpc_request request = {.path = CONSUME_PATH, .metadata = metadata, .wait_for_ready = true};
    int rc = micro_service_channel(r->service, "events", &channel, NULL);
    if (rc == 0)
        rc = rpc_stream_open(channel, &request, &events, r, &r->stream, NULL);
    if (rc == 0 && rpc_stream_send(r->stream, text_bytes(&r->request)) != 0)
        rpc_stream_cancel(r->stream);
    if (rc) {
        r->stream = NULL;
        try_later(r);
    }
}

int events_reader_open(struct micro_service *s, const struct events_read *wanted, struct events_reader **out,
                       struct error *err)
{
    struct events_reader *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->service = s;
    r->wanted = *wanted;
    r->backoff = BACKOFF_FIRST;
    r->topic = strdup(wanted->topic);
    r->group = strdup(wanted->group ? wanted->group : "");
    world_timer_init(&r->retry, micro_service_world(s), open_stream, r);
    Events__ConsumeRequest q = EVENTS__CONSUME_REQUEST__INIT;
    q.topic = r->topic;
    q.group = r->group;
    q.offset = wanted->offset;
    q.auto_ack = wanted->auto_ack;
    q.ack_wait = wanted->ack_wait > INT64_MAX ? INT64_MAX : (int64_t)wanted->ack_wait;
    q.retry_limit = wanted->retry_limit;
    if (!r->topic || !r->group || pb_pack(&q.base, &r->request) != 0 || !text_ok(&r->request)) {
        reader_free(r);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    open_stream(r);
    *out = r;
    return 0;
}

void events_reader_ack(struct events_reader *r, const char *id, bool success)
{
    if (r->closed)
        return;
    send_ack(r, id, success);
    if (!success || !alone(r))
        return;
    for (size_t i = 0; i < r->seen.count; i++)
        if (strcmp(r->seen.items[i].id, id) == 0)
            r->seen.items[i].done = true;
    size_t through = 0;
    while (through < r->seen.count && r->seen.items[through].done)
        through++;
    if (through == 0)
        return;
    memcpy(r->after, r->seen.items[through - 1].id, ID_MAX);
    r->seen.count -= through;
    memmove(r->seen.items, r->seen.items + through, r->seen.count * sizeof r->seen.items[0]);
}

void events_reader_close(struct events_reader *r)
{
    if (!r || r->closed)
        return;
    r->closed = true;
    if (r->stream)
        rpc_stream_cancel(r->stream); /* freed when its end is told */
    else
        reader_free(r);
}

static void nobody_asked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    (void)arg;
    (void)status;
    (void)message;
    (void)reply;
}

int events_publish(struct micro_service *s, const char *topic, const char *const *metadata, struct bytes payload,
                   micro_done *done, void *arg)
{
    Events__PublishRequest q = EVENTS__PUBLISH_REQUEST__INIT;
    Events__PublishRequest__MetadataEntry entries[METADATA_MAX], *list[METADATA_MAX];
    struct arena arena = ARENA_INIT;
    size_t n = 0;
    int rc = 0;
    for (; rc == 0 && metadata && metadata[2 * n]; n++) {
        if (n == METADATA_MAX) {
            rc = ERROR_LIMIT;
            break;
        }
        events__publish_request__metadata_entry__init(&entries[n]);
        entries[n].key = arena_string(&arena, metadata[2 * n]);
        entries[n].value = arena_string(&arena, metadata[2 * n + 1]);
        list[n] = &entries[n];
        if (!entries[n].key || !entries[n].value)
            rc = ERROR_MEMORY;
    }
    q.topic = arena_string(&arena, topic);
    q.metadata = list;
    q.n_metadata = n;
    q.payload.data = payload.len ? arena_copy(&arena, payload.data, payload.len) : NULL;
    q.payload.len = payload.len;
    if (rc == 0 && (!q.topic || (payload.len && !q.payload.data)))
        rc = ERROR_MEMORY;
    if (rc == 0)
        rc = micro_call(s, "events", "Stream.Publish", &q.base, &events__publish_response__descriptor, 0,
                        done ? done : nobody_asked, arg);
    arena_deinit(&arena);
    return rc;
}
