/* The whole runtime in simulation, fed by libFuzzer or AFL++: every component is a node, the input is what one client
 * does. It is parts with \xff\xfe between them, so that what grows or shrinks in one part leaves the others as they
 * are:
 *
 *   byte 0   what: a call / raw bytes / raw bytes after a valid HTTP/2 preface / frames after it
 *   byte 1   a call: the method, any of the contracts, at the component that serves it
 *            else:   the door: one of the components' gRPC ports, or the gateway's HTTP port
 *   rest     a call:          flags (enum call_flag), then messages with \xff\xfd between them
 *            raw, preface:    pieces: length, pause, bytes
 *            frames:          frames: type, flags, stream, length, pause, payload (the header is made right)
 *
 * Afterwards every node still runs, and those that were talked to answer their health check, all in virtual time.
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
#define PARTS_MAX       32
#define OPEN_MAX        8 /* calls at a time */
#define MESSAGES_MAX    16
#define HEADERS_MAX     8 /* of a call, its token included */
#define PIECES_MAX      64
#define TOKEN_SECONDS   ((int64_t)365 * 24 * 3600)

#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

#define PART_ENDS    BYTES("\xff\xfe", 2)
#define MESSAGE_ENDS BYTES("\xff\xfd", 2)

enum mode { MODE_CALL, MODE_RAW, MODE_PREFACE, MODE_FRAMES, MODE_COUNT };
enum call_flag {
    CALL_NO_TOKEN = 1,
    CALL_JSON = 2,
    CALL_GZIP = 4,
    CALL_OPEN = 8,     /* neither half-closed nor waited for: it ends with the input */
    CALL_METADATA = 16 /* the first message is metadata instead: lines of name:value */
};

struct node {
    const char *name;
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel;
    bool talked_to;
};

struct call {
    struct rpc_stream *stream; /* NULL: it is over */
};

static struct {
    struct sim *sim;
    struct world *world;
    struct node nodes[NODES_MAX];
    size_t count;
    struct sim_micro *micro;
    struct arena arena;
    const char *bearer;
    struct call calls[OPEN_MAX];
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
    const char *token =
        sim_micro_token(s.micro, &s.arena, "tester", "service", MICRO_NAMESPACE, "service", TOKEN_SECONDS);
    MUST(token != NULL);
    s.bearer = arena_printf(&s.arena, "Bearer %s", token);
    MUST(s.bearer != NULL && sim_micro_boot(s.micro, READY_WITHIN, NULL) == 0);
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

static bool serves(const char *node, const char *service)
{
    const struct component *c = component_find(node);
    for (size_t i = 0; c != NULL && c->services[i] != NULL; i++)
        if (strcmp(c->services[i], service) == 0)
            return true;
    return false;
}

/* What all of them serve (health, reflection) is asked of any, as the byte says. */
static struct node *node_of(const struct pb_method *m, uint8_t which)
{
    for (size_t i = 0; i < s.count; i++)
        if (serves(s.nodes[i].name, m->service->full_name))
            return &s.nodes[i];
    return &s.nodes[which % s.count];
}

/* What stands before the next `end`, which is taken as well. */
static struct bytes until(struct bytes *input, struct bytes end)
{
    const uint8_t *at = memmem(input->data, input->len, end.data, end.len);
    struct bytes part = fuzz_take(input, at != NULL ? (size_t)(at - input->data) : input->len);
    fuzz_take(input, at != NULL ? end.len : 0);
    return part;
}

static size_t headers_of(struct bytes *input, uint8_t flags, struct grpc_header out[HEADERS_MAX])
{
    size_t count = 0;
    if ((flags & CALL_NO_TOKEN) == 0)
        out[count++] = (struct grpc_header){bytes_of("authorization"), bytes_of(s.bearer)};
    struct bytes lines = (flags & CALL_METADATA) != 0 ? until(input, MESSAGE_ENDS) : BYTES_NONE;
    while (lines.len > 0 && count < HEADERS_MAX) {
        struct bytes value = until(&lines, BYTES("\n", 1)), name = until(&value, BYTES(":", 1));
        out[count++] = (struct grpc_header){name, value};
    }
    return count;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *c = arg;
    MUST(reply->status >= GRPC_OK && reply->status <= GRPC_UNAUTHENTICATED);
    c->stream = NULL;
}

static bool is_over(void *arg)
{
    const struct call *c = arg;
    return c->stream == NULL;
}

static void finish(struct call *c)
{
    if (c->stream != NULL)
        rpc_stream_cancel(c->stream);
    MUST(world_run_until(s.world, is_over, c, READY_WITHIN) == 0);
}

static void call(uint8_t which, struct bytes input)
{
    static const struct rpc_stream_events events = {.finished = on_finished};
    struct grpc_header headers[HEADERS_MAX];
    const struct pb_method *m = method_of(which);
    struct node *n = node_of(m, which);
    struct call *c = s.calls;
    uint8_t flags = fuzz_byte(&input);
    while (c < s.calls + OPEN_MAX - 1 && c->stream != NULL)
        c++;
    finish(c); /* when as many are open as may be, the last of them gives way */
    size_t count = headers_of(&input, flags, headers);
    struct rpc_request request = {.path = m->path,
                                  .metadata = {headers, count},
                                  .timeout = (flags & CALL_OPEN) != 0 ? 0 : CALL_LIMIT,
                                  .content_type = (flags & CALL_JSON) != 0 ? "application/grpc+json" : NULL,
                                  .gzip = (flags & CALL_GZIP) != 0};
    n->talked_to = true;
    if (rpc_stream_open(n->channel, &request, &events, c, &c->stream, NULL) != 0) {
        c->stream = NULL; /* metadata that cannot be sent */
        return;
    }
    for (int i = 0; i < MESSAGES_MAX && (i == 0 || input.len > 0) && c->stream != NULL; i++)
        rpc_stream_send(c->stream, until(&input, MESSAGE_ENDS));
    if (c->stream != NULL && (flags & CALL_OPEN) == 0)
        rpc_stream_half_close(c->stream);
    /* An open one has the time its messages need to be heard. */
    int rc = world_run_until(s.world, is_over, c, (flags & CALL_OPEN) != 0 ? LAST_WORDS : READY_WITHIN);
    MUST(rc == 0 || (flags & CALL_OPEN) != 0);
}

/* ---- the target ---- */

static void part(struct bytes input)
{
    enum mode mode = fuzz_byte(&input) % MODE_COUNT;
    uint8_t which = fuzz_byte(&input);
    size_t door = which % (s.count + 1);
    char http[64];
    if (mode == MODE_CALL) {
        call(which, input);
        return;
    }
    snprintf(http, sizeof http, "api:%d", MICRO_BASE_PORT + API_PORT_OFFSET);
    converse(door < s.count ? s.nodes[door].address : http, mode, &input);
    if (door < s.count)
        s.nodes[door].talked_to = true;
}

static void all_are_well(void)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        finish(&s.calls[i]);
    for (size_t i = 0; i < s.count; i++) {
        struct node *n = &s.nodes[i];
        MUST(sim_running(s.sim, n->name));
        MUST(!n->talked_to || rpc_wait_ready(s.world, n->channel, "", READY_WITHIN, NULL) == 0);
        n->talked_to = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    if (pool == NULL) {
        log_set_sink(drop_line, NULL);
        MUST(pb_pool_new(proto_set(), "set", &pool, NULL) == 0 && atexit(at_exit) == 0);
    }
    if (size < 2)
        return 0;
    if (s.runs++ % RUNS_PER_SYSTEM == 0) {
        system_stop();
        system_start();
        s.runs = 1;
    }
    for (int i = 0; i < PARTS_MAX && input.len > 0; i++)
        part(until(&input, PART_ENDS));
    all_are_well();
    return 0;
}
