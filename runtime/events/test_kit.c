#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/events/test_kit.h"

#include <stdio.h>
#include <string.h>

#define MANY_WAIT ((uint64_t)(300 * SECOND)) /* virtual */

void kit_begin(struct kit *k, uint64_t seed, const char *const *options)
{
    *k = (struct kit){0};
    sim_system_init(&k->system, seed);
    sim_system_start(&k->system, "registry");
    sim_system_wait(&k->system, "registry");
    test_node_start(&k->system, "events", options);
    k->token = sim_system_token(&k->system, &k->arena, "tester", "service", "micro", "service");
    const struct rpc_channel_options channel = {.addresses = "events:8004"};
    assert_int_equal(rpc_channel_new(k->system.client, &channel, &k->channel, NULL), 0);
}

void kit_end(struct kit *k)
{
    rpc_channel_free(k->channel);
    arena_deinit(&k->arena);
    sim_system_deinit(&k->system);
}

void kit_restart(struct kit *k, const char *const *options)
{
    assert_int_equal(sim_crash(k->system.sim, "events"), 0);
    test_node_start(&k->system, "events", options);
}

void kit_call(struct kit *k, const char *path, const ProtobufCMessage *request)
{
    test_call(&k->system, &k->arena, "events", path, k->token, NULL, request, &k->last);
}

int kit_try_publish_bytes(struct kit *k, const char *topic, const void *payload, size_t len)
{
    Events__PublishRequest q = EVENTS__PUBLISH_REQUEST__INIT;
    q.topic = arena_string(&k->arena, topic);
    q.payload.data = arena_copy(&k->arena, payload, len);
    q.payload.len = len;
    kit_call(k, "/events.Stream/Publish", &q.base);
    return k->last.status;
}

int kit_try_publish(struct kit *k, const char *topic, const char *payload)
{
    return kit_try_publish_bytes(k, topic, payload, strlen(payload));
}

void kit_publish(struct kit *k, const char *topic, const char *payload)
{
    if (kit_try_publish(k, topic, payload) != GRPC_OK)
        fail_msg("publishing %s: %s", payload, k->last.text);
}

struct many {
    unsigned left, failed;
};

static void on_published(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    m->left--;
    m->failed += reply->status != GRPC_OK;
}

static bool all_published(void *arg)
{
    return ((const struct many *)arg)->left == 0;
}

static void publish_all(struct kit *k, const char *topic, unsigned first, unsigned count, size_t size)
{
    struct many m = {.left = count};
    const struct grpc_header header = {bytes_of("authorization"),
                                       bytes_of(arena_printf(&k->arena, "Bearer %s", k->token))};
    uint8_t *payload = calloc(1, size + 16);
    assert_non_null(payload);
    for (unsigned i = 0; i < count; i++) {
        struct text packed = TEXT_INIT;
        Events__PublishRequest q = EVENTS__PUBLISH_REQUEST__INIT;
        q.topic = arena_string(&k->arena, topic);
        int n = snprintf((char *)payload, 16, "%u", first + i);
        q.payload.data = payload;
        q.payload.len = size > (size_t)n ? size : (size_t)n;
        assert_int_equal(pb_pack(&q.base, &packed), 0);
        const struct rpc_request r = {.path = "/events.Stream/Publish",
                                      .metadata = {&header, 1},
                                      .wait_for_ready = true,
                                      .message = text_bytes(&packed),
                                      .has_message = true};
        assert_int_equal(rpc_unary(k->channel, &r, on_published, &m, NULL, NULL), 0);
        text_deinit(&packed);
    }
    assert_int_equal(world_run_until(k->system.client, all_published, &m, MANY_WAIT), 0);
    assert_int_equal(m.failed, 0);
    free(payload);
}

void kit_publish_many(struct kit *k, const char *topic, unsigned first, unsigned count)
{
    publish_all(k, topic, first, count, 0);
}

void kit_publish_big(struct kit *k, const char *topic, unsigned count, size_t size)
{
    publish_all(k, topic, 0, count, size);
}

const Events__ReadResponse *kit_read(struct kit *k, const char *topic, uint64_t limit, uint64_t offset)
{
    Events__ReadRequest q = EVENTS__READ_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    q.topic = arena_string(&k->arena, topic);
    q.limit = limit;
    q.offset = offset;
    kit_call(k, "/events.Store/Read", &q.base);
    if (k->last.status != GRPC_OK)
        fail_msg("reading %s: %s", topic, k->last.text);
    assert_int_equal(pb_unpack(&events__read_response__descriptor, k->last.body, &k->arena, &reply, NULL), 0);
    return (const Events__ReadResponse *)(const void *)reply;
}

const char *kit_payload(struct kit *k, const Events__Event *e)
{
    return arena_string_n(&k->arena, e->payload.len ? (const char *)e->payload.data : "", e->payload.len);
}

const char *kit_metadata(const Events__Event *e, const char *key)
{
    for (size_t i = 0; i < e->n_metadata; i++)
        if (strcmp(e->metadata[i]->key, key) == 0)
            return e->metadata[i]->value;
    return "";
}

void kit_consume(struct kit *k, struct test_pipe *p, const char *node, const char *topic, const char *group,
                 int64_t offset, bool auto_ack, int64_t ack_wait, int64_t retry_limit)
{
    Events__ConsumeRequest q = EVENTS__CONSUME_REQUEST__INIT;
    q.topic = arena_string(&k->arena, topic);
    q.group = arena_string(&k->arena, group);
    q.offset = offset;
    q.auto_ack = auto_ack;
    q.ack_wait = ack_wait;
    q.retry_limit = retry_limit;
    test_pipe_open(p, &k->system, node, "events", "/events.Stream/Consume", k->token, NULL, &q.base, false);
}

const Events__Event *kit_event(struct test_pipe *p, size_t i)
{
    ProtobufCMessage *e = NULL;
    assert_true(i < p->messages.count);
    assert_int_equal(pb_unpack(&events__event__descriptor, p->messages.items[i], &p->arena, &e, NULL), 0);
    return (const Events__Event *)(const void *)e;
}

unsigned kit_number(struct test_pipe *p, size_t i)
{
    const Events__Event *e = kit_event(p, i);
    char digits[16] = "";
    memcpy(digits, e->payload.data, e->payload.len < 15 ? e->payload.len : 15);
    return (unsigned)strtoul(digits, NULL, 10);
}

void kit_ack(struct test_pipe *p, size_t i, bool success)
{
    Events__AckRequest ack = EVENTS__ACK_REQUEST__INIT;
    ack.id = kit_event(p, i)->id;
    ack.success = success;
    test_pipe_send(p, &ack.base);
}

void kit_expect(struct kit *k, struct test_pipe *p, const char *payloads)
{
    struct text got = TEXT_INIT;
    for (size_t i = 0; i < p->messages.count; i++)
        text_printf(&got, "%s ", kit_payload(k, kit_event(p, i)));
    assert_string_equal(text_string(&got), payloads);
    text_deinit(&got);
}
