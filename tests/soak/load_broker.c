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
#define LAST_ROUND   20 /* messages published in the end, with everything well */
#define ARRIVE       ((uint64_t)(5 * SECOND))
#define MESSAGES_MAX 8192
#define TOPIC        "soak.broker"

struct subscriber {
    struct load *load;
    struct soak_feed feed;
    bool shared;
    long last[PUBLISHERS]; /* numbers on the current stream */
};
struct publisher {
    struct load *load;
    struct soak_client client;
    int number;
};
struct load {
    struct soak *soak;
    struct soak_crew crew;
    struct publisher publishers[PUBLISHERS];
    struct subscriber subscribers[SUBSCRIBERS];
    uint8_t queue_saw[MESSAGES_MAX];
    uint8_t plain_saw[MESSAGES_MAX]; /* how many plain subscribers */
    long count;
    uint64_t ok, came;
};

static void published(void *arg, const struct soak_answer *a)
{
    struct publisher *p = arg;
    p->load->ok += a->end == SOAK_OK;
    if (a->end == SOAK_REFUSED)
        soak_fail(p->load->soak, "broker: Publish was refused: %s", a->message);
    soak_client_done(&p->client);
}

static void publish(void *arg)
{
    struct publisher *p = arg;
    struct load *l = p->load;
    char topic[] = TOPIC, body[32];
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message message = BROKER__MESSAGE__INIT;
    if (l->count == MESSAGES_MAX) {
        soak_client_done(&p->client);
        return;
    }
    int len = snprintf(body, sizeof body, "%d %ld", p->number, l->count++);
    message.body = (ProtobufCBinaryData){(size_t)len, (uint8_t *)body};
    request.topic = topic;
    request.message = &message;
    soak_call(l->soak, "broker", "/broker.Broker/Publish", NULL, &request.base, &broker__empty__descriptor, published,
              p);
}

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
    soak_feed_ended(&s->feed);
}

static void subscribe(void *arg)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_end};
    struct subscriber *s = arg;
    char topic[] = TOPIC, queue[] = "soak";
    Broker__SubscribeRequest request = BROKER__SUBSCRIBE_REQUEST__INIT;
    request.topic = topic;
    if (s->shared)
        request.queue = queue;
    for (size_t i = 0; i < PUBLISHERS; i++)
        s->last[i] = -1;
    soak_feed_open(&s->feed, "broker", "/broker.Broker/Subscribe", &request.base, false, &events);
}

/* ---- the load ---- */

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    soak_crew_init(&l->crew, s, "broker", PAUSE_MAX);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        l->subscribers[i] = (struct subscriber){.load = l, .shared = i >= PLAIN};
        soak_feed_init(&l->subscribers[i].feed, s, subscribe, &l->subscribers[i]);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        l->publishers[i] = (struct publisher){.load = l, .number = i};
        soak_client_init(&l->publishers[i].client, &l->crew, publish, &l->publishers[i]);
    }
    return l;
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    soak_crew_rest(&l->crew);
    long from = l->count;
    uint64_t ok = l->ok;
    for (int i = 0; i < LAST_ROUND; i++)
        soak_client_act(&l->publishers[i % PUBLISHERS].client);
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
        if (l->subscribers[i].feed.stream)
            return false;
    return true;
}

static void stop(void *load)
{
    struct load *l = load;
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        soak_feed_stop(&l->subscribers[i].feed);
    (void)world_run_until(l->soak->world, all_over, l, 2 * SOAK_CALL);
    free(l);
}

const struct soak_load soak_broker = {"broker", start, check, progress, stop};
