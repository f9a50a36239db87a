#include "runtime/broker/client.h"

#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST  (100 * MILLISECOND)
#define BACKOFF_MAX    (5 * SECOND)
#define HEADERS_MAX    32
#define SUBSCRIBE_PATH "/broker.Broker/Subscribe"

struct broker_subscription {
    struct micro_service *service;
    struct broker_subscribe wanted;
    char *topic, *queue;
    struct text request;
    struct rpc_stream *stream;
    struct world_timer retry;
    uint64_t backoff;
    bool stood, lost, closed, told; /* closed: to be freed when its stream has ended */
};

static void subscription_free(struct broker_subscription *b)
{
    world_timer_stop(&b->retry);
    text_deinit(&b->request);
    free(b->topic);
    free(b->queue);
    free(b);
}

static void open_stream(void *arg);

static void try_later(struct broker_subscription *b)
{
    uint64_t half = b->backoff / 2;
    uint64_t wait = half + random_below(world_random(micro_service_world(b->service)), half + 1);
    b->backoff = b->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : b->backoff * 2;
    if (world_timer_start(&b->retry, wait) != 0)
        log_error("broker", "out of memory: the subscription to %s is lost", b->topic);
}

static void stands(struct broker_subscription *b)
{
    b->told = true;
    b->backoff = BACKOFF_FIRST;
    bool gap = b->stood && b->lost;
    b->stood = true;
    b->lost = false;
    if (b->wanted.subscribed)
        b->wanted.subscribed(b->wanted.arg, gap);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct broker_subscription *b = arg;
    (void)headers;
    if (!b->closed)
        stands(b);
}

static bool was_dropped(const Broker__Message *m)
{
    for (size_t i = 0; i < m->n_header; i++)
        if (strcmp(m->header[i]->key, "Micro-Dropped") == 0)
            return true;
    return false;
}

static void on_message(void *arg, struct bytes packed)
{
    struct broker_subscription *b = arg;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *message = NULL;
    if (b->closed)
        return;
    if (pb_unpack(&broker__message__descriptor, packed, &arena, &message, &err) != 0) {
        log_warn("broker", "a message of %s cannot be read: %s", b->topic, err.message ? err.message : "?");
        error_clear(&err);
    } else {
        const Broker__Message *m = (const Broker__Message *)(const void *)message;
        if (was_dropped(m)) {
            b->lost = true;
            stands(b);
        }
        if (!b->closed)
            b->wanted.message(b->wanted.arg, m);
    }
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct broker_subscription *b = arg;
    b->stream = NULL;
    if (b->closed) {
        subscription_free(b);
        return;
    }
    if (b->told)
        log_info("broker", "the subscription to %s ended (%s): subscribing again", b->topic,
                 grpc_status_name(reply->status));
    b->lost = true;
    if (reply->status == GRPC_UNAUTHENTICATED)
        (void)micro_token_refused(b->service);
    try_later(b);
}

static void open_stream(void *arg)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct broker_subscription *b = arg;
    struct rpc_channel *channel = NULL;
    struct micro_outgoing own;
    b->told = false;
    micro_outgoing_init(b->service, &own, SUBSCRIBE_PATH);
    const struct rpc_request request = {.path = SUBSCRIBE_PATH,
                                        .metadata = own.metadata,
                                        .wait_for_ready = true,
                                        .message = text_bytes(&b->request),
                                        .has_message = true};
    if (micro_service_channel(b->service, "broker", &channel, NULL) != 0 ||
        rpc_stream_open(channel, &request, &events, b, &b->stream, NULL) != 0) {
        b->stream = NULL;
        b->lost = true;
        try_later(b);
    }
}

int broker_subscribe(struct micro_service *s, const struct broker_subscribe *wanted, struct broker_subscription **out,
                     struct error *err)
{
    struct broker_subscription *b = calloc(1, sizeof *b);
    if (!b)
        return error_set(err, ERROR_MEMORY, "out of memory");
    b->service = s;
    b->wanted = *wanted;
    b->backoff = BACKOFF_FIRST;
    b->topic = strdup(wanted->topic);
    b->queue = strdup(wanted->queue ? wanted->queue : "");
    world_timer_init(&b->retry, micro_service_world(s), open_stream, b);
    Broker__SubscribeRequest r = BROKER__SUBSCRIBE_REQUEST__INIT;
    r.topic = b->topic;
    r.queue = b->queue;
    if (!b->topic || !b->queue || pb_pack(&r.base, &b->request) != 0 || !text_ok(&b->request)) {
        subscription_free(b);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    open_stream(b);
    *out = b;
    return 0;
}

void broker_unsubscribe(struct broker_subscription *b)
{
    if (!b || b->closed)
        return;
    b->closed = true;
    if (b->stream)
        rpc_stream_cancel(b->stream); /* freed when its end is told */
    else
        subscription_free(b);
}

static void nobody_asked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    (void)arg;
    (void)status;
    (void)message;
    (void)reply;
}

int broker_publish(struct micro_service *s, const char *topic, const char *const *headers, struct bytes body,
                   micro_done *done, void *arg)
{
    Broker__PublishRequest r = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message m = BROKER__MESSAGE__INIT;
    struct arena arena = ARENA_INIT;
    Broker__Message__HeaderEntry entries[HEADERS_MAX], *list[HEADERS_MAX];
    size_t n = 0;
    int rc = 0;
    for (; headers && headers[2 * n]; n++) {
        if (n == HEADERS_MAX) {
            rc = ERROR_LIMIT;
            break;
        }
        broker__message__header_entry__init(&entries[n]);
        entries[n].key = arena_string(&arena, headers[2 * n]);
        entries[n].value = arena_string(&arena, headers[2 * n + 1]);
        if (!entries[n].key || !entries[n].value) {
            rc = ERROR_MEMORY;
            break;
        }
        list[n] = &entries[n];
    }
    r.topic = arena_string(&arena, topic);
    m.body.data = arena_copy(&arena, body.data, body.len);
    m.body.len = body.len;
    m.header = list;
    m.n_header = n;
    r.message = &m;
    if (rc == 0 && (!r.topic || (body.len && !m.body.data)))
        rc = ERROR_MEMORY;
    if (rc == 0)
        rc = micro_call(s, "broker", "Broker.Publish", &r.base, &broker__empty__descriptor, 0,
                        done ? done : nobody_asked, arg);
    arena_deinit(&arena);
    return rc;
}
