/* Broker: messages for whoever listens. Nothing is kept, so much may be lost in a storm; but on one stream no message
 * comes twice, each publisher's come in order, of two subscribers of one queue only one gets each message, and with
 * everything well nothing is lost. */
#include "tests/soak/soak.h"

#include "proto/broker/broker.pb-c.h"
#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>

#define PUBLISHERS   2
#define PLAIN        2 /* subscribers without a queue; the others share one */
#define SUBSCRIBERS  4
#define PAUSE_MAX    ((int64_t)(120 * MILLISECOND))
#define RETRY        ((uint64_t)(300 * MILLISECOND))
#define LAST_ROUND   20 /* messages published in the end, with everything well */
#define ARRIVE       ((uint64_t)(5 * SECOND))
#define MESSAGES_MAX 8192
#define TOPIC        "soak.broker"

struct subscriber {
    struct load *load;
    struct rpc_stream *stream;
    struct world_timer again;
    bool shared;
    long last[PUBLISHERS]; /* numbers on the current stream */
};
struct publisher {
    struct load *load;
    struct world_timer next;
    int number;
    bool busy;
};
struct load {
    struct soak *soak;
    struct random random;
    struct publisher publishers[PUBLISHERS];
    struct subscriber subscribers[SUBSCRIBERS];
    uint8_t queue_saw[MESSAGES_MAX];
    uint8_t plain_saw[MESSAGES_MAX]; /* how many plain subscribers */
    long count;
    uint64_t ok, came;
    bool publishing, stopped;
};

static void publish_later(struct publisher *p)
{
    p->busy = false;
    if (p->load->publishing)
        (void)world_timer_start(&p->next, (uint64_t)random_range(&p->load->random, 0, PAUSE_MAX));
}

static void published(void *arg, const struct soak_answer *a)
{
    struct publisher *p = arg;
    p->load->ok += a->end == SOAK_OK;
    if (a->end == SOAK_REFUSED)
        soak_fail(p->load->soak, "broker: Publish was refused: %s", a->message);
    publish_later(p);
}

static void publish(void *arg)
{
    struct publisher *p = arg;
    struct load *l = p->load;
    char topic[] = TOPIC, body[32];
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message message = BROKER__MESSAGE__INIT;
    if (l->count == MESSAGES_MAX)
        return;
    int len = snprintf(body, sizeof body, "%d %ld", p->number, l->count++);
    p->busy = true;
    message.body = (ProtobufCBinaryData){(size_t)len, (uint8_t *)body};
    request.topic = topic;
    request.message = &message;
    soak_call(l->soak, "broker", "/broker.Broker/Publish", NULL, &request.base, &broker__empty__descriptor, published,
              p);
}

static void subscribe(void *arg);

static void on_message(void *arg, struct bytes bytes)
{
    struct subscriber *s = arg;
    struct load *l = s->load;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    char body[32] = "", *rest = NULL;
    if (pb_unpack(&broker__message__descriptor, bytes, &arena, &m, NULL) == 0) {
        const Broker__Message *message = (const Broker__Message *)(const void *)m;
        if (message->body.len < sizeof body)
            memcpy(body, message->body.data, message->body.len);
    }
    long who = strtol(body, &rest, 10), number = strtol(rest, NULL, 10);
    if (body[0] == '\0' || who < 0 || who >= PUBLISHERS || number < 0 || number >= l->count) {
        soak_fail(l->soak, "broker: a message nobody published: \"%s\"", body);
    } else {
        if (number <= s->last[who])
            soak_fail(l->soak, "broker: %ld of publisher %ld came after %ld", number, who, s->last[who]);
        s->last[who] = number;
        if (s->shared && l->queue_saw[number]++)
            soak_fail(l->soak, "broker: the queue got %ld twice", number);
        if (!s->shared)
            l->plain_saw[number]++;
        l->came++;
    }
    arena_deinit(&arena);
}

static void on_end(void *arg, const struct rpc_reply *reply)
{
    struct subscriber *s = arg;
    (void)reply;
    s->stream = NULL;
    if (!s->load->stopped)
        (void)world_timer_start(&s->again, RETRY);
}

static void subscribe(void *arg)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_end};
    struct subscriber *s = arg;
    struct text packed = TEXT_INIT, bearer = TEXT_INIT;
    char topic[] = TOPIC, queue[] = "soak";
    Broker__SubscribeRequest request = BROKER__SUBSCRIBE_REQUEST__INIT;
    request.topic = topic;
    if (s->shared)
        request.queue = queue;
    text_printf(&bearer, "Bearer %s", s->load->soak->token);
    if (pb_pack(&request.base, &packed) != 0)
        abort();
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request r = {.path = "/broker.Broker/Subscribe",
                                  .metadata = {&header, 1},
                                  .message = text_bytes(&packed),
                                  .has_message = true};
    for (size_t i = 0; i < PUBLISHERS; i++)
        s->last[i] = -1;
    if (rpc_stream_open(soak_channel(s->load->soak, "broker"), &r, &events, s, &s->stream, NULL) != 0)
        (void)world_timer_start(&s->again, RETRY);
    text_deinit(&packed);
    text_deinit(&bearer);
}

/* ---- the load ---- */

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    l->publishing = true;
    random_fork(&s->random, "soak.broker", &l->random);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        l->subscribers[i] = (struct subscriber){.load = l, .shared = i >= PLAIN};
        world_timer_init(&l->subscribers[i].again, s->world, subscribe, &l->subscribers[i]);
        subscribe(&l->subscribers[i]);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        l->publishers[i] = (struct publisher){.load = l, .number = i};
        world_timer_init(&l->publishers[i].next, s->world, publish, &l->publishers[i]);
        publish_later(&l->publishers[i]);
    }
    return l;
}

static bool idle(void *arg)
{
    const struct load *l = arg;
    for (size_t i = 0; i < PUBLISHERS; i++)
        if (l->publishers[i].busy)
            return false;
    return true;
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    l->publishing = false;
    for (size_t i = 0; i < PUBLISHERS; i++)
        world_timer_stop(&l->publishers[i].next);
    if (world_run_until(s->world, idle, l, 2 * SOAK_CALL) != 0)
        soak_fail(s, "broker: operations do not end");
    long from = l->count;
    uint64_t ok = l->ok;
    for (int i = 0; i < LAST_ROUND; i++) {
        publish(&l->publishers[i % PUBLISHERS]);
        (void)world_run_until(s->world, idle, l, 2 * SOAK_CALL);
    }
    if (l->ok - ok != (uint64_t)(l->count - from))
        soak_fail(s, "broker: with everything well, a Publish failed");
    (void)world_sleep(s->world, ARRIVE);
    for (long n = from; n < l->count; n++)
        if (l->plain_saw[n] != PLAIN || l->queue_saw[n] != 1)
            soak_fail(s, "broker: with everything well, %ld came to %d of %d subscribers and %d times to the queue", n,
                      l->plain_saw[n], PLAIN, l->queue_saw[n]);
}

static uint64_t progress(const void *load)
{
    const struct load *l = load;
    return l->ok < l->came ? l->ok : l->came;
}

static bool all_over(void *arg)
{
    const struct load *l = arg;
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        if (l->subscribers[i].stream)
            return false;
    return idle(arg);
}

static void stop(void *load)
{
    struct load *l = load;
    l->stopped = true;
    l->publishing = false;
    for (size_t i = 0; i < PUBLISHERS; i++)
        world_timer_stop(&l->publishers[i].next);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        world_timer_stop(&l->subscribers[i].again);
        if (l->subscribers[i].stream)
            rpc_stream_cancel(l->subscribers[i].stream);
    }
    (void)world_run_until(l->soak->world, all_over, l, 2 * SOAK_CALL);
    free(l);
}

const struct soak_load soak_broker = {"broker", start, check, progress, stop};
