/* The broker component: messages for whoever listens now, kept for nobody. What waits for whom is in lanes.c; here are
 * the calls: who may publish and subscribe, what a message carries, and the end.
 *
 * A topic belongs to the namespace of the caller's account: tenants never see each other's. A message goes out with the
 * headers it came with; of the request's own metadata what the publisher added is put beside them, in the form it has
 * in Micro's libraries ("micro-trace-id" becomes Micro-Trace-Id), and Micro-Topic and Content-Type when absent. Tokens
 * and what belongs to the transport stay behind. */
#include "base/log.h"
#include "base/units.h"
#include "base/utf8.h"
#include "proto/broker/broker.pb-c.h"
#include "runtime/broker/lanes.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_MAX         256               /* bytes of a topic's or a queue's name */
#define HEADERS_MAX       64                /* headers of a message, metadata added */
#define METADATA_MAX      ((size_t)8 << 10) /* bytes of metadata added to a message */
#define MESSAGE_MAX       ((uint64_t)16 << 20)
#define PUBLISH           "broker.Broker.Publish"
#define SUBSCRIBE         "broker.Broker.Subscribe"
#define CONTENT_TYPE_NAME "Content-Type"

struct broker {
    struct world *world;
    struct micro_service *service;
    struct lanes lanes;
    uint64_t message_max;
    struct text packed;
    bool draining;
};

/* The caller's account, or NULL: the call was finished. */
static const struct micro_account *account_of(struct rpc_call *call, const char *id)
{
    const struct micro_account *a = micro_caller(call);
    if (!a)
        micro_fail(call, 401, id, "an account is required");
    return a;
}

static bool name_ok(struct rpc_call *call, const char *id, const char *what, const char *name)
{
    if (strlen(name) <= TOPIC_MAX)
        return true;
    micro_fail(call, 400, id, "the %s's name is longer than %d bytes", what, TOPIC_MAX);
    return false;
}

/* "<issuer>\0<topic>": with a dot between, as v3 has it, "a.b"+"c" and "a"+"b.c" would be one. */
static struct bytes key_of(struct rpc_call *call, const char *issuer, const char *topic)
{
    size_t n = strlen(issuer), m = strlen(topic);
    char *key = arena_alloc(rpc_call_arena(call), n + 1 + m + 1);
    if (!key)
        return BYTES_NONE;
    memcpy(key, issuer, n);
    memcpy(key + n + 1, topic, m);
    return BYTES(key, n + 1 + m);
}

/* ---- what a message carries ------------------------------------------------------------------------------------- */

static bool stays_behind(struct bytes name)
{
    static const char *const names[] = {"authorization",  "cookie",     "content-type", "x-content-type",
                                        "user-agent",     "te",         "timeout",      "grpc-timeout",
                                        "host",           "connection", "micro-token",  "forwarded",
                                        "x-forwarded-for"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_is(name, names[i]))
            return true;
    return name.len == 0 || name.data[0] == ':' || (name.len >= 5 && memcmp(name.data, "grpc-", 5) == 0) ||
           (name.len >= 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0);
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
        char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;
        if (x != y)
            return false;
    }
    return *a == *b;
}

static bool has_header(const Broker__Message *m, const char *name)
{
    for (size_t i = 0; i < m->n_header; i++)
        if (same_name(m->header[i]->key, name))
            return true;
    return false;
}

static int add_header(struct rpc_call *call, Broker__Message *m, const char *name, const char *value)
{
    Broker__Message__HeaderEntry *e = ARENA_NEW(rpc_call_arena(call), Broker__Message__HeaderEntry);
    if (!e)
        return ERROR_MEMORY;
    broker__message__header_entry__init(e);
    e->key = arena_string(rpc_call_arena(call), name);
    e->value = arena_string(rpc_call_arena(call), value);
    if (!e->key || !e->value)
        return ERROR_MEMORY;
    m->header[m->n_header++] = e;
    return 0;
}

static char *title_case(struct arena *arena, struct bytes name)
{
    char *out = arena_string_n(arena, (const char *)name.data, name.len);
    bool start = true;
    for (char *p = out; p && *p; p++) {
        if (start && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 32);
        start = *p == '-';
    }
    return out;
}

/* The message as its readers get it; what is in `given` is borrowed. */
static int complete(struct rpc_call *call, const char *topic, const Broker__Message *given, Broker__Message *out)
{
    struct grpc_metadata metadata = rpc_call_metadata(call);
    struct arena *arena = rpc_call_arena(call);
    size_t room = given->n_header + metadata.count + 2, bytes = 0;
    broker__message__init(out);
    out->body = given->body;
    out->header = ARENA_NEW_N(arena, Broker__Message__HeaderEntry *, room);
    if (!out->header)
        return ERROR_MEMORY;
    for (size_t i = 0; i < given->n_header; i++)
        out->header[out->n_header++] = given->header[i];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < metadata.count && out->n_header < HEADERS_MAX; i++) {
        const struct grpc_header *h = &metadata.items[i];
        bytes += h->name.len + h->value.len;
        if (stays_behind(h->name) || bytes > METADATA_MAX || !utf8_valid(h->value))
            continue;
        const char *name = title_case(arena, h->name),
                   *value = arena_string_n(arena, (const char *)h->value.data, h->value.len);
        if (!name || !value)
            return ERROR_MEMORY;
        if (!has_header(out, name))
            rc = add_header(call, out, name, value);
    }
    if (rc == 0 && !has_header(out, "Micro-Topic"))
        rc = add_header(call, out, "Micro-Topic", topic);
    const char *type = rpc_call_header(call, "x-content-type");
    if (rc == 0 && type && *type && !has_header(out, CONTENT_TYPE_NAME))
        rc = add_header(call, out, CONTENT_TYPE_NAME, type);
    return rc;
}

/* ---- Publish ---------------------------------------------------------------------------------------------------- */

static void publish(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct broker *b = context;
    const Broker__PublishRequest *r = (const Broker__PublishRequest *)(const void *)request;
    const struct micro_account *account = account_of(call, PUBLISH);
    if (!account)
        return;
    if (!r->message || !r->topic[0]) {
        micro_fail(call, 400, PUBLISH, r->message ? "Missing topic" : "Missing message");
        return;
    }
    if (!name_ok(call, PUBLISH, "topic", r->topic))
        return;
    if (r->message->n_header > HEADERS_MAX) {
        micro_fail(call, 400, PUBLISH, "a message may have %d headers, not %zu", HEADERS_MAX, r->message->n_header);
        return;
    }
    Broker__Message message;
    struct bytes key = key_of(call, account->issuer, r->topic);
    int rc = key.data ? complete(call, r->topic, r->message, &message) : ERROR_MEMORY;
    text_clear(&b->packed);
    if (rc == 0)
        rc = pb_pack(&message.base, &b->packed);
    if (rc == 0 && !text_ok(&b->packed))
        rc = ERROR_MEMORY;
    if (rc == 0 && b->packed.len > b->message_max) {
        micro_fail(call, 429, PUBLISH, "the message has %zu bytes, %llu are allowed", b->packed.len,
                   (unsigned long long)b->message_max);
        rc = ERROR_LIMIT;
    } else {
        if (rc == 0)
            rc = lanes_publish(&b->lanes, key, text_bytes(&b->packed));
        if (rc == ERROR_LIMIT)
            micro_fail(call, 503, PUBLISH, "too much is waiting for slow subscribers: try again later");
        else if (rc)
            micro_fail(call, 507, PUBLISH, "the message cannot be handed on: %s", error_code_name(rc));
    }
    if (b->packed.capacity > (size_t)1 << 20)
        text_deinit(&b->packed);
    if (rc)
        return;
    Broker__Empty empty = BROKER__EMPTY__INIT;
    rpc_call_reply(call, &empty.base);
}

/* ---- Subscribe -------------------------------------------------------------------------------------------------- */

static void cut_off(struct rpc_call *call)
{
    micro_fail(call, 429, SUBSCRIBE, "messages come faster than you read them: some are lost, subscribe again");
}

static void subscribe(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct broker *b = context;
    const Broker__SubscribeRequest *r = (const Broker__SubscribeRequest *)(const void *)request;
    const struct micro_account *account = account_of(call, SUBSCRIBE);
    if (!account)
        return;
    if (!r->topic[0]) {
        micro_fail(call, 400, SUBSCRIBE, "Missing topic");
        return;
    }
    if (!name_ok(call, SUBSCRIBE, "topic", r->topic) || !name_ok(call, SUBSCRIBE, "queue", r->queue))
        return;
    if (b->draining) {
        micro_fail(call, 503, SUBSCRIBE, "the broker is shutting down");
        return;
    }
    struct bytes key = key_of(call, account->issuer, r->topic);
    struct lane_member *member = NULL;
    (void)rpc_call_flush_headers(call); /* it may know that from here on it misses nothing */
    int rc = key.data ? lanes_join(&b->lanes, key, r->queue, call, &member) : ERROR_MEMORY;
    if (rc)
        micro_fail(call, rc == ERROR_LIMIT ? 429 : 507, SUBSCRIBE, "%s",
                   rc == ERROR_LIMIT ? "too many subscribers or topics" : "out of memory");
    else
        rpc_call_set_user(call, member);
}

static void subscribe_writable(struct rpc_call *call, void *context)
{
    (void)context;
    struct lane_member *m = rpc_call_user(call);
    if (m)
        lanes_writable(m);
}

static void subscribe_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    struct lane_member *m = rpc_call_user(call);
    rpc_call_set_user(call, NULL);
    if (m)
        lanes_leave(m);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

static void dismiss(struct broker *b)
{
    b->draining = true;
    while (b->lanes.members) {
        struct lane_member *m = b->lanes.members;
        struct rpc_call *call = lane_member_call(m);
        rpc_call_set_user(call, NULL);
        lanes_leave(m);
        micro_fail(call, 503, SUBSCRIBE, "the broker is shutting down");
    }
}

/* ---- the component ---------------------------------------------------------------------------------------------- */

static const struct rpc_method methods[] = {
    {.name = "Publish",
     .input = &broker__publish_request__descriptor,
     .output = &broker__empty__descriptor,
     .unary = publish},
    {.name = "Subscribe",
     .input = &broker__subscribe_request__descriptor,
     .output = &broker__message__descriptor,
     .unary = subscribe,
     .writable = subscribe_writable,
     .cancelled = subscribe_cancelled},
};
static const struct rpc_service broker_service = {
    .name = "broker.Broker", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

static int read_options(struct broker *b, const struct micro_options *options, struct error *err)
{
    static const char *const policies[] = {
        [LANES_CUT] = "cut", [LANES_DROP_OLDEST] = "oldest", [LANES_DROP_NEWEST] = "newest"};
    const char *full = micro_option(options, "full"), *value;
    int64_t count = 0;
    size_t i = 0;
    b->message_max = MESSAGE_MAX;
    while (full && i < 3 && strcmp(full, policies[i]) != 0)
        i++;
    if (i == 3)
        return error_set(err, ERROR_INVALID, "--full is \"cut\", \"oldest\" or \"newest\", not \"%.40s\"", full);
    b->lanes.policy = (enum lanes_policy)i;
    int rc = 0;
    if ((value = micro_option(options, "message-bytes")) != NULL)
        rc = units_parse_size(value, &b->message_max, err);
    if (rc == 0 && (value = micro_option(options, "waiting-bytes")) != NULL)
        rc = units_parse_size(value, &b->lanes.bytes_max, err);
    if (rc == 0 && (value = micro_option(options, "waiting-messages")) != NULL &&
        (rc = units_parse_integer(value, 1, 1000000, &count, err)) == 0)
        b->lanes.messages_max = (uint64_t)count;
    if (rc == 0 && (b->message_max < 1 || b->message_max > MESSAGE_MAX))
        return error_set(err, ERROR_INVALID, "--message-bytes is between 1 and 16 MiB");
    return rc;
}

static void broker_stop(void *state)
{
    struct broker *b = state;
    dismiss(b);
    micro_service_free(b->service);
    lanes_deinit(&b->lanes);
    text_deinit(&b->packed);
    free(b);
}

static int broker_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct broker *b = calloc(1, sizeof *b);
    if (!b)
        return error_set(err, ERROR_MEMORY, "out of memory");
    b->world = w;
    lanes_init(&b->lanes, cut_off);
    struct micro_service_config config = {.name = "broker", .access = MICRO_OWN_RULES, .options = options};
    int rc = read_options(b, options, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &b->service, err);
    if (rc == 0 && (rc = micro_service_add(b->service, &broker_service, b)) != 0)
        error_set(err, rc, "the broker's handlers cannot be set up");
    if (rc == 0)
        rc = micro_service_start(b->service, err);
    if (rc) {
        broker_stop(b);
        return rc;
    }
    *state = b;
    return 0;
}

static void broker_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct broker *b = state;
    dismiss(b);
    micro_service_drain(b->service, grace, done, arg);
}

static const char *const broker_services[] = {"broker.Broker", NULL};
static const char *const broker_needs[] = {"registry", NULL};
static const char *const broker_options[] = {"full", "message-bytes", "waiting-messages", "waiting-bytes", NULL};
extern const struct component broker_component;
const struct component broker_component = {
    .name = "broker",
    .port_offset = 3,
    .needs = broker_needs,
    .services = broker_services,
    .options = broker_options,
    .start = broker_start,
    .drain = broker_drain,
    .stop = broker_stop,
};
