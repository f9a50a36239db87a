#include "chaos/workload/subscribers.h"

#include "base/units.h"
#include "broker/broker.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET   ((uint64_t)SECOND)
#define UNKNOWN (-1) /* what nobody published */

struct state {
    struct follower *subscribers; /* SUBSCRIBERS_EACH of each topic */
    int64_t next_subscription;
};

static size_t subscriber_count(struct workload *w)
{
    return (size_t)workload_keys(w) * SUBSCRIBERS_EACH;
}

static void topic_of(struct workload *w, uint32_t key, char *out, size_t size)
{
    snprintf(out, size, "%s.%u", workload_name(w), key);
}

static struct workload_outcome published(struct workload_client *c, const struct rpc_reply *reply)
{
    (void)c;
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

int subscribers_publish(struct workload_client *c, enum operation_function f)
{
    uint32_t key = (uint32_t)random_below(workload_random(c->workload), (uint64_t)workload_keys(c->workload));
    int64_t value = workload_value(c->workload);
    char topic[96], body[24];
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message message = BROKER__MESSAGE__INIT;
    topic_of(c->workload, key, topic, sizeof topic);
    int len = snprintf(body, sizeof body, "%lld", (long long)value);
    message.body = (ProtobufCBinaryData){.len = (size_t)len, .data = (uint8_t *)body};
    request.topic = topic;
    request.message = &message;
    int code = workload_invoke(c, f, key, value);
    return code == 0 ? workload_call(c, BROKER_SERVICE, "/broker.Broker/Publish", &request.base, published) : code;
}

int subscribers_request(struct follower *f, struct text *wire)
{
    char topic[96];
    Broker__SubscribeRequest request = BROKER__SUBSCRIBE_REQUEST__INIT;
    topic_of(f->workload, f->key, topic, sizeof topic);
    request.topic = topic;
    if (f->arg != NULL)
        request.queue = f->arg;
    return pb_pack(&request.base, wire);
}

void subscribers_message(struct follower *f, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    int64_t value = UNKNOWN;
    char digits[24] = "";
    if (pb_unpack(&broker__message__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Broker__Message *m = (const Broker__Message *)unpacked;
        if (m->body.len > 0 && m->body.len < sizeof digits)
            memcpy(digits, m->body.data, m->body.len);
    }
    if (units_parse_integer(digits, 1, INT64_MAX, &value, NULL) != 0)
        value = UNKNOWN;
    if (f->kind->function == OPERATION_DEQUEUE)
        follower_value(f, value);
    else
        follower_pair(f, VALUE_NIL, value);
    arena_deinit(&arena);
}

/* What comes on the next stream is another subscription's: what was sent in between is nobody's. */
void subscribers_ended(struct follower *f, const struct rpc_reply *reply)
{
    struct state *s = workload_state(f->workload);
    (void)reply;
    f->subscription = ++s->next_subscription;
}

int subscribers_prepare(struct workload *w, const struct follower_kind *kind, char *queue, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s != NULL)
        s->subscribers = calloc(subscriber_count(w), sizeof *s->subscribers);
    if (s == NULL || s->subscribers == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < subscriber_count(w); i++)
        follower_init(&s->subscribers[i], w, kind, (uint32_t)(i / SUBSCRIBERS_EACH), ++s->next_subscription, queue);
    return 0;
}

void subscribers_start(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; i < subscriber_count(w); i++)
        follower_start(&s->subscribers[i]);
}

bool subscribers_quiet(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; i < subscriber_count(w); i++)
        if (!follower_idle(&s->subscribers[i], QUIET))
            return false;
    return true;
}

void subscribers_stop(struct workload *w)
{
    struct state *s = workload_state(w);
    for (size_t i = 0; s != NULL && s->subscribers != NULL && i < subscriber_count(w); i++)
        follower_deinit(&s->subscribers[i]);
}

void subscribers_release(struct workload *w)
{
    struct state *s = workload_state(w);
    if (s != NULL)
        free(s->subscribers);
    free(s);
}
