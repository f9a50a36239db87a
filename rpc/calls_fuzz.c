/* Fuzz target: what callers, handlers and the network do in any order. The input is a list of operations on one channel
 * and one server in a simulated world: open, send, half-close, cancel, pause, resume, wait; stop and start the server,
 * drain it, cut and heal the link, reset connections, free the channel. Requests are raw bytes. Every stream must end
 * exactly once. */
#include "rpc/rpc.h"
#include "rpc/test_service.h"
#include "world/sim.h"

#include <stdlib.h>

#define STREAMS   8
#define STEPS_MAX 20000
#define MS        UINT64_C(1000000)

struct input {
    const uint8_t *at, *end;
};

struct slot {
    struct rpc_stream *stream;
    struct fuzz *fuzz;
    bool open;
};

struct fuzz {
    struct sim *sim;
    struct world *client, *world;
    struct pb_pool *pool;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct test_service service;
    struct slot slots[STREAMS];
    bool free_in_callback;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static struct bytes take_bytes(struct input *in)
{
    size_t n = take(in), left = (size_t)(in->end - in->at);
    n = n < left ? n : left;
    struct bytes b = BYTES(in->at, n);
    in->at += n;
    return b;
}

static void start_server(struct fuzz *f)
{
    struct rpc_server_options options = {
        .pool = f->pool, .package_free = true, .streams_max = 4, .message_max = 4096, .deadline_max = 500 * MS};
    f->service = (struct test_service){.size_max = 2048};
    if (f->server || rpc_server_new(f->world, &options, &f->server, NULL) != 0)
        return;
    if (test_service_add(&f->service, f->server) != 0 || rpc_server_add_health(f->server) != 0 ||
        rpc_server_add_reflection(f->server) != 0 || rpc_server_listen(f->server, "0.0.0.0:7000", NULL) != 0)
        abort();
}

static void stop_server(struct fuzz *f)
{
    rpc_server_free(f->server);
    f->server = NULL;
}

static void start_channel(struct fuzz *f)
{
    struct rpc_channel_options options = {
        .addresses = "server:7000,server:7001",
        .message_max = 4096,
        .connect_timeout = 50 * MS,
        .keepalive_every = 20 * MS,
        .keepalive_timeout = 20 * MS,
        .retry = {.attempts = 3, .backoff_first = 1 * MS, .statuses = 1u << GRPC_UNAVAILABLE}};
    if (!f->channel && rpc_channel_new(f->client, &options, &f->channel, NULL) != 0)
        abort();
}

static void stop_channel(struct fuzz *f)
{
    rpc_channel_free(f->channel);
    f->channel = NULL;
}

static void on_message(void *arg, struct bytes message)
{
    struct slot *s = arg;
    (void)message;
    if (!s->open)
        abort();
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct slot *s = arg;
    if (!s->open || reply->status < 0 || reply->status > 16)
        abort(); /* told twice, or a status that is none */
    s->open = false;
    s->stream = NULL;
    if (s->fuzz->free_in_callback) {
        s->fuzz->free_in_callback = false;
        stop_channel(s->fuzz);
    }
}

static void open_stream(struct fuzz *f, struct slot *s, struct input *in)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    static const char *const paths[] = {
        "/harrow.test.Test/Unary",
        "/harrow.test.Test/Down",
        "/harrow.test.Test/Up",
        "/x.Test/Both",
        "/harrow.test.Test/Never",
        "/harrow.test.Test/Flaky",
        "/harrow.test.Test/None",
        "/malformed",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    };
    if (s->open || !f->channel)
        return;
    uint8_t flags = take(in);
    struct rpc_request r = {.path = paths[take(in) % (sizeof paths / sizeof *paths)],
                            .timeout = ((uint64_t)(flags >> 5) + 1) * 20 * MS,
                            .gzip = flags & 1,
                            .wait_for_ready = flags & 2,
                            .content_type = flags & 4 ? "application/grpc+json" : NULL};
    if (flags & 8) {
        r.has_message = true;
        r.message = take_bytes(in);
    }
    struct grpc_header header = {bytes_of("x-echo-a-bin"), take_bytes(in)};
    r.metadata = (struct grpc_metadata){&header, flags & 16 ? 1 : 0};
    s->fuzz = f;
    s->open = rpc_stream_open(f->channel, &r, &events, s, &s->stream, NULL) == 0;
}

static void operate(struct fuzz *f, struct input *in)
{
    uint8_t op = take(in);
    struct slot *s = &f->slots[op >> 4 & (STREAMS - 1)];
    switch (op & 15) {
    case 1:
        if (s->open)
            (void)rpc_stream_send(s->stream, take_bytes(in));
        break;
    case 2:
        if (s->open)
            (void)rpc_stream_half_close(s->stream);
        break;
    case 3:
        if (s->open)
            rpc_stream_cancel(s->stream);
        break;
    case 4:
        if (s->open)
            rpc_stream_pause(s->stream);
        break;
    case 5:
        if (s->open)
            rpc_stream_resume(s->stream);
        break;
    case 6:
    case 7:
        (void)sim_run_for(f->sim, (take(in) + 1) * MS / 8);
        break;
    case 8:
        stop_server(f);
        break;
    case 9:
        start_server(f);
        break;
    case 10:
        if (f->server)
            rpc_server_drain(f->server, take(in) * MS, NULL, NULL);
        break;
    case 11:
        sim_reset_streams(f->sim, "client", "server");
        break;
    case 12:
        if (op >> 4 & 1)
            sim_cut(f->sim, "client", "server", op >> 5 & 1);
        else
            sim_heal_all(f->sim);
        break;
    case 13:
        stop_channel(f);
        start_channel(f);
        break;
    case 14:
        f->free_in_callback = true;
        break;
    case 15:
        if (f->server) {
            f->service.hold_streams = op >> 4 & 1;
            if (!f->service.hold_streams)
                test_service_release(&f->service);
            rpc_server_set_health(f->server, "", op >> 5 & 1);
        }
        break;
    default:
        open_stream(f, s, in);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct sim_options options = {.seed = take(&in), .steps_max = STEPS_MAX};
    struct fuzz f = {.sim = sim_new(&options)};
    if (!f.sim || pb_pool_new(test_service_set(), "test", &f.pool, NULL) != 0)
        abort();
    f.client = sim_node(f.sim, "client");
    f.world = sim_node(f.sim, "server");
    start_server(&f);
    while (in.at < in.end) {
        start_channel(&f);
        operate(&f, &in);
    }
    (void)sim_run_for(f.sim, 1000 * MS);
    stop_channel(&f);
    for (int i = 0; i < STREAMS; i++)
        if (f.slots[i].open)
            abort(); /* the channel is gone and a call was never told its end */
    stop_server(&f);
    pb_pool_free(f.pool);
    sim_free(f.sim);
    return 0;
}
