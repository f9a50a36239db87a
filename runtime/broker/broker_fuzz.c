/* The broker in simulation, fed by libFuzzer: publishers and subscribers of two tenants do what the input says, a third
 * tenant sends rubbish. There are three brokers, one for each policy of full lanes, with narrow limits.
 *
 *   byte 0   which broker
 *   rest     operations, see there: publish, subscribe, pause, resume, cancel, sleep, a raw call, a death of the broker
 *
 * What every subscriber gets is held against what was published: its tenant's and its topic's messages only, whole,
 * with nobody's token among the headers; in order and without a gap, unless the gap is told in Micro-Dropped; in a
 * queue never the same message twice. Afterwards the broker answers its health check.
 *
 * A start costs as much as many inputs, so one simulation serves RUNS_PER_SYSTEM of them and is then made anew from the
 * same seed. */
#include "base/log.h"
#include "base/units.h"
#include "proto/broker/broker.pb-c.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_keys.h"
#include "runtime/server/sim_micro.h"
#include "runtime/service/service.h"
#include "wire/grpc_fuzz.h"
#include "wire/pb.h"

#include <string.h>

#define RUNS_PER_SYSTEM 200
#define BROKERS         3
#define TENANTS         2
#define TOPICS          3
#define SLOTS           6 /* subscribers */
#define OPERATIONS_MAX  64
#define FILL_UNIT       1024 /* bytes of a body per step of the input's byte: a few large ones fill all buffers */
#define NUMBER_SIZE     4
#define READY           ((uint64_t)(20 * SECOND)) /* all times are virtual */
#define CALL_LIMIT      ((uint64_t)(5 * SECOND))
#define RAW_LIMIT       ((uint64_t)(50 * MILLISECOND))
#define SETTLE          ((uint64_t)(1 * SECOND))
#define TOKEN_SECONDS   ((int64_t)365 * 24 * 3600)
#define MESSAGE_MAX     ((size_t)192 << 10) /* as the brokers are told below */

enum policy { CUT, OLDEST, NEWEST };

struct published {
    uint8_t tenant, topic, fill, queues; /* bits of the queues that got it */
    size_t len;
    bool accepted;
};
struct slot {
    struct rpc_stream *stream;
    enum policy policy;
    bool stood, raw;
    uint8_t tenant, topic, queue; /* 0: none */
    size_t next;                  /* the number after the last that came */
    uint64_t missing, told;
};

static struct {
    struct sim *sim;
    struct world *world;
    struct sim_micro *micro;
    struct arena arena;
    const char *bearers[TENANTS + 1];                 /* the last is the raw caller's */
    struct rpc_channel *channels[BROKERS][SLOTS + 1]; /* one for each subscriber, one for calls */
    int runs;
} s;
static struct published published[OPERATIONS_MAX];
static size_t published_count;
static struct slot slots[SLOTS];

static const char *const nodes[] = {"cut", "oldest", "newest", "registry", NULL};
static const char *const topics[TOPICS] = {"a", "a.b", "\xc3\xa4"};
static const char *const queues[] = {"", "q", "r"};

static void drop_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

/* ---- the system ---- */

static void system_stop(void)
{
    for (size_t i = 0; i < BROKERS; i++)
        for (size_t k = 0; k <= SLOTS; k++)
            rpc_channel_free(s.channels[i][k]);
    sim_micro_free(s.micro);
    if (s.sim)
        sim_free(s.sim);
    arena_deinit(&s.arena);
    memset(&s, 0, sizeof s);
}

static void system_start(void)
{
#define NARROW "--waiting-messages", "4", "--waiting-bytes", "512KiB", "--message-bytes", "192KiB", NULL
    static const char *const cut[] = {"cut", "--full", "cut", NARROW};
    static const char *const oldest[] = {"oldest", "--full", "oldest", NARROW};
    static const char *const newest[] = {"newest", "--full", "newest", NARROW};
    static const char *const *const arguments[] = {cut, oldest, newest, NULL};
    static const char *const components_[] = {"broker", "broker", "broker", "registry", NULL};
    static const char *const tenants[TENANTS + 1] = {"alpha", "beta", "raw"};
    const struct sim_micro_options options = {.private_key = sim_private_key,
                                              .public_key = sim_public_key,
                                              .components = components_,
                                              .nodes = nodes,
                                              .arguments = arguments};
    s.sim = sim_new(&(struct sim_options){.seed = 1});
    MUST(s.sim && sim_micro_new(s.sim, "client", &options, &s.micro, NULL) == 0);
    s.world = sim_node(s.sim, "client");
    MUST(sim_micro_boot(s.micro, READY, NULL) == 0);
    for (size_t i = 0; i <= TENANTS; i++) {
        const char *token =
            sim_micro_token(s.micro, &s.arena, "tester", "service", tenants[i], "service", TOKEN_SECONDS);
        s.bearers[i] = token ? arena_printf(&s.arena, "Bearer %s", token) : NULL;
        MUST(s.bearers[i]);
    }
    for (size_t i = 0; i < BROKERS; i++) {
        char address[SIM_MICRO_ADDRESS_MAX];
        snprintf(address, sizeof address, "%s:%d", nodes[i], sim_micro_port(component_find("broker")));
        const struct rpc_channel_options channel = {.addresses = address};
        for (size_t k = 0; k <= SLOTS; k++)
            MUST(rpc_channel_new(s.world, &channel, &s.channels[i][k], NULL) == 0);
    }
}

/* ---- what subscribers get ---- */

/* Those of the slot's topic that were accepted, from number to number. */
static uint64_t accepted(const struct slot *t, size_t from, size_t to)
{
    uint64_t count = 0;
    for (size_t n = from; n < to; n++)
        count += published[n].accepted && published[n].tenant == t->tenant && published[n].topic == t->topic;
    return count;
}

static void check_headers(struct slot *t, const Broker__Message *m)
{
    bool topic = false;
    for (size_t i = 0; i < m->n_header; i++) {
        const char *name = m->header[i]->key, *value = m->header[i]->value;
        MUST(strcasecmp(name, "authorization") != 0 && !strstr(value, "Bearer"));
        if (strcmp(name, "Micro-Topic") == 0)
            topic = strcmp(value, topics[t->topic]) == 0;
        if (strcmp(name, "Micro-Dropped") == 0)
            t->told += strtoull(value, NULL, 10);
    }
    MUST(topic);
}

static void check_turn(struct slot *t, struct published *p, size_t number)
{
    if (t->queue) { /* what another member never sent may come late, but nothing comes twice */
        MUST(!(p->queues & 1U << t->queue));
        p->queues |= (uint8_t)(1U << t->queue);
        return;
    }
    MUST(number >= t->next);
    t->missing += accepted(t, t->next, number);
    t->next = number + 1;
    MUST(t->policy == NEWEST ? t->told >= t->missing : t->told == t->missing);
    MUST(t->policy != CUT || t->missing == 0);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct slot *t = arg;
    (void)headers;
    t->stood = true;
}

static void on_message(void *arg, struct bytes message)
{
    struct slot *t = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (t->raw)
        return;
    MUST(pb_unpack(&broker__message__descriptor, message, &arena, &unpacked, NULL) == 0);
    const Broker__Message *m = (const Broker__Message *)(const void *)unpacked;
    uint32_t number;
    MUST(m->body.len >= NUMBER_SIZE);
    memcpy(&number, m->body.data, NUMBER_SIZE);
    MUST(number < published_count);
    struct published *p = &published[number];
    MUST(p->tenant == t->tenant && p->topic == t->topic && m->body.len == p->len);
    for (size_t i = NUMBER_SIZE; i < p->len; i++)
        MUST(m->body.data[i] == p->fill);
    check_headers(t, m);
    check_turn(t, p, number);
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct slot *t = arg;
    MUST(reply->status != GRPC_OK); /* a subscription has no end of its own */
    MUST(t->policy == CUT || t->raw || reply->status != GRPC_RESOURCE_EXHAUSTED);
    t->stream = NULL;
}

/* ---- operations ---- */

static struct rpc_request request_of(const char *path, const struct grpc_header *header, struct bytes message)
{
    return (struct rpc_request){.path = path,
                                .metadata = {header, 1},
                                .timeout = CALL_LIMIT,
                                .wait_for_ready = true,
                                .message = message,
                                .has_message = true};
}

static void publish(size_t broker, struct bytes *input)
{
    static uint8_t body[NUMBER_SIZE + 255 * FILL_UNIT];
    uint8_t how = fuzz_byte(input), size = fuzz_byte(input);
    uint32_t number = (uint32_t)published_count++;
    struct published *p = &published[number];
    *p = (struct published){.tenant = how % TENANTS,
                            .topic = (uint8_t)(how >> 1) % TOPICS,
                            .fill = size,
                            .len = NUMBER_SIZE + (size_t)size * FILL_UNIT};
    memcpy(body, &number, NUMBER_SIZE);
    memset(body + NUMBER_SIZE, size, p->len - NUMBER_SIZE);
    char colour[] = "Colour", green[] = "green", topic[8];
    Broker__Message__HeaderEntry entry = BROKER__MESSAGE__HEADER_ENTRY__INIT, *entries[] = {&entry};
    Broker__PublishRequest request = BROKER__PUBLISH_REQUEST__INIT;
    Broker__Message message = BROKER__MESSAGE__INIT;
    struct text packed = TEXT_INIT;
    struct rpc_answer answer = {0};
    snprintf(topic, sizeof topic, "%s", topics[p->topic]);
    entry.key = colour;
    entry.value = green;
    message.n_header = how >> 7;
    message.header = entries;
    message.body = (ProtobufCBinaryData){p->len, body};
    request.topic = topic;
    request.message = &message;
    MUST(pb_pack(&request.base, &packed) == 0);
    const struct grpc_header bearer = {bytes_of("authorization"), bytes_of(s.bearers[p->tenant])};
    const struct rpc_request r = request_of("/broker.Broker/Publish", &bearer, text_bytes(&packed));
    MUST(rpc_unary_wait(s.world, s.channels[broker][SLOTS], &r, &answer, NULL) == 0);
    p->accepted = answer.reply.status == GRPC_OK;
    MUST(p->len < MESSAGE_MAX - 1024 ? p->accepted : p->accepted || answer.reply.status == GRPC_RESOURCE_EXHAUSTED);
    MUST(p->len <= MESSAGE_MAX || !p->accepted);
    rpc_answer_deinit(&answer);
    text_deinit(&packed);
}

static bool has_stood(void *arg)
{
    const struct slot *t = arg;
    return t->stood || !t->stream;
}

static void subscribe(size_t broker, size_t i, struct bytes *input, bool raw)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    uint8_t how = fuzz_byte(input);
    struct slot *t = &slots[i];
    if (t->stream)
        return;
    *t = (struct slot){.policy = (enum policy)broker,
                       .raw = raw,
                       .tenant = raw ? TENANTS : how % TENANTS,
                       .topic = (uint8_t)(how >> 1) % TOPICS,
                       .queue = (uint8_t)(how >> 4) % 3,
                       .next = published_count};
    struct text packed = TEXT_INIT;
    struct bytes rubbish = raw ? fuzz_take(input, fuzz_byte(input)) : BYTES_NONE;
    char topic[8], queue[8];
    Broker__SubscribeRequest request = BROKER__SUBSCRIBE_REQUEST__INIT;
    snprintf(topic, sizeof topic, "%s", topics[t->topic]);
    snprintf(queue, sizeof queue, "%s", queues[t->queue]);
    request.topic = topic;
    request.queue = queue;
    MUST(pb_pack(&request.base, &packed) == 0);
    const struct grpc_header bearer = {bytes_of("authorization"), bytes_of(s.bearers[t->tenant])};
    struct rpc_request r = request_of("/broker.Broker/Subscribe", &bearer, raw ? rubbish : text_bytes(&packed));
    r.timeout = 0;
    if (raw && how & 0x80)
        r.content_type = "application/grpc+json";
    MUST(rpc_stream_open(s.channels[broker][i], &r, &events, t, &t->stream, NULL) == 0);
    MUST(world_run_until(s.world, has_stood, t, READY) == 0);
    MUST(raw || t->stream);
    text_deinit(&packed);
}

static void raw_call(size_t broker, struct bytes *input)
{
    uint8_t how = fuzz_byte(input);
    struct bytes message = fuzz_take(input, fuzz_byte(input));
    const struct grpc_header bearer = {bytes_of("authorization"), bytes_of(how & 2 ? s.bearers[TENANTS] : "Bearer x")};
    struct rpc_request r =
        request_of(how & 1 ? "/broker.Broker/Publish" : "/broker.Broker/Subscribe", &bearer, message);
    struct rpc_answer answer = {0};
    r.timeout = RAW_LIMIT;
    r.metadata.count = (how & 4) == 0;
    r.content_type = how & 8 ? "application/grpc+json" : NULL;
    r.gzip = (how & 16) != 0;
    MUST(rpc_unary_wait(s.world, s.channels[broker][SLOTS], &r, &answer, NULL) == 0);
    MUST((how & 2 && !(how & 4)) || answer.reply.status != GRPC_OK); /* never without an account */
    rpc_answer_deinit(&answer);
}

static bool all_over(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].stream)
            return false;
    return true;
}

static void resume_all(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].stream)
            rpc_stream_resume(slots[i].stream);
}

static void die(size_t broker)
{
    MUST(sim_kill(s.sim, nodes[broker]) == 0);
    resume_all();
    MUST(world_run_until(s.world, all_over, NULL, READY) == 0);
    MUST(sim_micro_start_one(s.micro, nodes[broker], NULL) == 0);
    MUST(sim_micro_wait(s.micro, nodes[broker], READY, NULL) == 0);
}

static void operate(size_t broker, struct bytes *input)
{
    uint8_t what = fuzz_byte(input);
    struct slot *t = &slots[(what >> 4) % SLOTS];
    switch (what & 15) {
    case 0:
    case 1:
    case 2:
        subscribe(broker, (size_t)(t - slots), input, false);
        break;
    case 3:
        subscribe(broker, (size_t)(t - slots), input, true);
        break;
    case 4:
    case 5:
        if (t->stream)
            rpc_stream_pause(t->stream);
        break;
    case 6:
        if (t->stream)
            rpc_stream_resume(t->stream);
        break;
    case 7:
        if (t->stream)
            rpc_stream_cancel(t->stream);
        break;
    case 8:
        (void)world_sleep(s.world, (uint64_t)fuzz_byte(input) * (uint64_t)MILLISECOND);
        break;
    case 9:
        raw_call(broker, input);
        break;
    case 10:
        die(broker);
        break;
    default:
        publish(broker, input);
    }
}

/* ---- the target ---- */

static void at_exit(void)
{
    system_stop();
    micro_pool_free();
}

/* Everybody reads to the end, and has everything. */
static void finish(size_t broker)
{
    resume_all();
    (void)world_sleep(s.world, SETTLE);
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *t = &slots[i];
        if (!t->stream || t->raw || t->queue)
            continue;
        uint64_t left = accepted(t, t->next, published_count);
        MUST(t->policy == NEWEST ? t->told <= t->missing + left : left == 0);
    }
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].stream)
            rpc_stream_cancel(slots[i].stream);
    MUST(world_run_until(s.world, all_over, NULL, READY) == 0);
    MUST(sim_running(s.sim, nodes[broker]));
    MUST(sim_micro_wait(s.micro, nodes[broker], READY, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    struct bytes input = BYTES(data, size);
    if (!begun) {
        log_set_sink(drop_line, NULL);
        MUST(atexit(at_exit) == 0);
        begun = true;
    }
    if (size < 3)
        return 0;
    if (s.runs++ % RUNS_PER_SYSTEM == 0) {
        system_stop();
        system_start();
        s.runs = 1;
    }
    size_t broker = fuzz_byte(&input) % BROKERS;
    published_count = 0;
    for (int i = 0; i < OPERATIONS_MAX && input.len > 0; i++)
        operate(broker, &input);
    finish(broker);
    return 0;
}
