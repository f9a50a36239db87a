/* The whole runtime in simulation, fed by libFuzzer: every component is a node, the input is what one client sends.
 *
 *   byte 0   the door: one of the components' gRPC ports, or the gateway's HTTP port
 *   byte 1   how: raw bytes / raw bytes after a valid HTTP/2 preface / frames after it / gRPC calls
 *   rest     raw, preface:  pieces: length, pause, bytes
 *            frames:        frames: type, flags, stream, length, pause, payload (the header is made right)
 *            calls:         calls: method (any of the contracts), flags (token, JSON), length, message
 *
 * Afterwards every node still runs and answers its health check, all in virtual time.
 *
 * A start of all components costs as much as a hundred inputs, so one simulation serves many inputs and is
 * made anew, from the same seed, after RUNS_PER_SYSTEM of them. All of it is deterministic: a run of the same files in
 * the same order does the same. A failure that does not come back from its file alone needs what came before it. */
#include "base/log.h"
#include "base/units.h"
#include "proto/set.h"
#include "rpc/rpc.h"
#include "runtime/api/api.h"
#include "runtime/component.h"
#include "runtime/server/sim_keys.h"
#include "runtime/server/sim_micro.h"
#include "runtime/service/service.h"
#include "wire/grpc_fuzz.h"
#include "world/sim.h"

#include <string.h>

#define RUNS_PER_SYSTEM 500
#define NODES_MAX       24
#define READY_WITHIN    ((uint64_t)(20 * SECOND)) /* all times are virtual */
#define CALL_LIMIT      ((uint64_t)(200 * MILLISECOND))
#define LAST_WORDS      ((uint64_t)(20 * MILLISECOND)) /* for answers before the connection is aborted */
#define CALLS_MAX       8
#define PIECES_MAX      64
#define TOKEN_SECONDS   ((int64_t)365 * 24 * 3600)

#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

enum mode { MODE_RAW, MODE_PREFACE, MODE_FRAMES, MODE_CALLS, MODE_COUNT };

struct node {
    const char *name;
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel;
};

static struct {
    struct sim *sim;
    struct world *world;
    struct node nodes[NODES_MAX];
    size_t count;
    struct sim_micro *micro;
    struct arena arena;
    const char *token;
    int runs;
} s;
static struct pb_pool *pool;

static void drop_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static void system_stop(void)
{
    for (size_t i = 0; i < s.count; i++)
        rpc_channel_free(s.nodes[i].channel);
    sim_micro_free(s.micro);
    if (s.sim != NULL)
        sim_free(s.sim);
    arena_deinit(&s.arena);
    memset(&s, 0, sizeof s);
}

static void system_start(void)
{
    const struct sim_micro_options options = {
        .private_key = sim_private_key, .public_key = sim_public_key, .admin_secret = "correct horse"};
    s.sim = sim_new(&(struct sim_options){.seed = 1});
    MUST(s.sim != NULL);
    MUST(sim_micro_new(s.sim, "client", &options, &s.micro, NULL) == 0);
    s.world = sim_node(s.sim, "client");
    s.token = sim_micro_token(s.micro, &s.arena, "tester", "service", MICRO_NAMESPACE, "service", TOKEN_SECONDS);
    MUST(s.token != NULL && sim_micro_boot(s.micro, READY_WITHIN, NULL) == 0);
    MUST(sim_micro_count(s.micro) <= NODES_MAX);
    for (size_t i = 0; i < sim_micro_count(s.micro); i++) {
        struct node *n = &s.nodes[s.count++];
        n->name = sim_micro_name(s.micro, i);
        sim_micro_address(n->name, n->address);
        MUST(rpc_channel_new(s.world, &(struct rpc_channel_options){.addresses = n->address}, &n->channel, NULL) == 0);
    }
}

static void at_exit(void)
{
    system_stop();
    pb_pool_free(pool);
}

/* ---- a connection ---- */

struct connection {
    struct world_stream *stream;
    bool connected, over;
};

static void on_connected(void *arg)
{
    struct connection *c = arg;
    c->connected = true;
}

static void on_readable(void *arg, struct bytes data)
{
    (void)arg;
    (void)data;
}

static void on_ended(void *arg, int reason)
{
    struct connection *c = arg;
    (void)reason;
    c->over = true;
}

static bool is_settled(void *arg)
{
    const struct connection *c = arg;
    return c->connected || c->over;
}

static void pause_for(uint8_t how)
{
    static const uint64_t pauses[] = {0, 0, (uint64_t)MILLISECOND, (uint64_t)(50 * MILLISECOND)};
    if (pauses[how % 4] > 0)
        world_sleep(s.world, pauses[how % 4]);
}

static void send_pieces(struct connection *c, struct bytes *input)
{
    for (int i = 0; i < PIECES_MAX && input->len > 0 && !c->over; i++) {
        size_t len = fuzz_byte(input);
        uint8_t how = fuzz_byte(input);
        world_stream_write(c->stream, fuzz_take(input, len));
        pause_for(how);
    }
}

static void send_frames(struct connection *c, struct bytes *input)
{
    for (int i = 0; i < PIECES_MAX && input->len > 0 && !c->over; i++) {
        uint8_t type = fuzz_byte(input), flags = fuzz_byte(input), stream = fuzz_byte(input);
        size_t len = fuzz_byte(input);
        uint8_t how = fuzz_byte(input);
        struct bytes payload = fuzz_take(input, len);
        uint8_t head[9] = {0, 0, (uint8_t)payload.len, type, flags, 0, 0, 0, stream};
        world_stream_write(c->stream, BYTES(head, sizeof head));
        world_stream_write(c->stream, payload);
        pause_for(how);
    }
}

static void converse(const char *address, enum mode mode, struct bytes *input)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    struct connection c = {0};
    MUST(world_connect(s.world, address, &events, &c, &c.stream, NULL) == 0);
    MUST(world_run_until(s.world, is_settled, &c, READY_WITHIN) == 0);
    MUST(c.connected);
    if (mode != MODE_RAW)
        world_stream_write(c.stream, BYTES(PREFACE SETTINGS, sizeof PREFACE SETTINGS - 1));
    if (mode == MODE_FRAMES)
        send_frames(&c, input);
    else
        send_pieces(&c, input);
    world_sleep(s.world, LAST_WORDS);
    world_stream_abort(c.stream);
}

/* ---- calls ---- */

static const struct pb_method *method_of(uint8_t which)
{
    size_t count = 0;
    for (size_t i = 0; i < pb_service_count(pool); i++)
        count += pb_service_at(pool, i)->method_count;
    MUST(count > 0);
    size_t n = which % count;
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *service = pb_service_at(pool, i);
        if (n < service->method_count)
            return &service->methods[n];
        n -= service->method_count;
    }
    return NULL;
}

static void call(struct node *n, struct bytes *input)
{
    for (int i = 0; i < CALLS_MAX && input->len > 0; i++) {
        const struct pb_method *m = method_of(fuzz_byte(input));
        uint8_t flags = fuzz_byte(input);
        struct bytes message = fuzz_take(input, fuzz_byte(input));
        struct text bearer = TEXT_INIT;
        struct rpc_answer answer = {0};
        text_printf(&bearer, "Bearer %s", s.token);
        const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
        struct rpc_request request = {.path = m->path,
                                      .metadata = {&header, (flags & 1) != 0},
                                      .timeout = CALL_LIMIT,
                                      .content_type = (flags & 2) != 0 ? "application/grpc+json" : NULL,
                                      .gzip = (flags & 4) != 0,
                                      .message = message,
                                      .has_message = true};
        MUST(rpc_unary_wait(s.world, n->channel, &request, &answer, NULL) == 0);
        MUST(answer.reply.status >= GRPC_OK && answer.reply.status <= GRPC_UNAUTHENTICATED);
        rpc_answer_deinit(&answer);
        text_deinit(&bearer);
    }
}

/* ---- the target ---- */

static void all_are_well(void)
{
    for (size_t i = 0; i < s.count; i++) {
        MUST(sim_running(s.sim, s.nodes[i].name));
        MUST(rpc_wait_ready(s.world, s.nodes[i].channel, "", READY_WITHIN, NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    if (pool == NULL) {
        log_set_sink(drop_line, NULL);
        MUST(pb_pool_new(proto_set(), "set", &pool, NULL) == 0 && atexit(at_exit) == 0);
    }
    if (size < 3)
        return 0;
    if (s.runs++ % RUNS_PER_SYSTEM == 0) {
        system_stop();
        system_start();
        s.runs = 1;
    }
    size_t door = fuzz_byte(&input) % (s.count + 1);
    enum mode mode = fuzz_byte(&input) % MODE_COUNT;
    char http[64];
    snprintf(http, sizeof http, "api:%d", MICRO_BASE_PORT + API_PORT_OFFSET);
    if (mode == MODE_CALLS)
        call(&s.nodes[door % s.count], &input);
    else
        converse(door < s.count ? s.nodes[door].address : http, mode, &input);
    all_are_well();
    return 0;
}
