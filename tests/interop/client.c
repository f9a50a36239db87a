/* Our client, tried on a server nobody here wrote. The server answers the test service of rpc/.
 *
 *   rpc_interop_client HOST:PORT                                                                                    */
#include "base/units.h"
#include "rpc/rpc.h"
#include "test.pb-c.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS      ((uint64_t)MILLISECOND)
#define PATIENT ((uint64_t)(300 * SECOND)) /* for what takes a few */

struct program {
    struct world *world;
    struct rpc_channel *channel;
    int failed, passed;
    bool bad; /* the check under way has failed */
};

typedef Harrow__Test__Order order_message;
typedef Harrow__Test__Answer answer_message;

#define EXPECT(p, condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("  line %d: not true: %s\n", __LINE__, #condition);                                                 \
            (p)->bad = true;                                                                                           \
        }                                                                                                              \
    } while (0)

static struct text pack(const order_message *order)
{
    struct text t = TEXT_INIT;
    if (pb_pack(&order->base, &t) != 0 || !text_ok(&t))
        abort();
    return t;
}

struct call {
    struct rpc_answer answer;
    const answer_message *message;
    int status;
};

static void call_unary(struct program *p, const char *path, const order_message *order, const struct rpc_request *extra,
                       struct call *out)
{
    struct rpc_request request = extra ? *extra : (struct rpc_request){.timeout = PATIENT};
    struct text packed = pack(order);
    request.path = path;
    request.message = BYTES(text_string(&packed), packed.len);
    request.has_message = true;
    memset(out, 0, sizeof *out);
    struct error err = ERROR_INIT;
    out->status = -1;
    if (rpc_unary_wait(p->world, p->channel, &request, &out->answer, &err) == 0)
        out->status = out->answer.reply.status;
    else
        printf("  %s\n", err.message ? err.message : "?");
    error_clear(&err);
    text_deinit(&packed);
    ProtobufCMessage *m = NULL;
    if (out->status == GRPC_OK &&
        pb_unpack(&harrow__test__answer__descriptor, out->answer.reply.body, &out->answer.arena, &m, NULL) == 0)
        out->message = (const answer_message *)(void *)m;
}

static void call_end(struct call *c)
{
    rpc_answer_deinit(&c->answer);
}

#define UNARY "/harrow.test.Test/Unary"

/* ---- streams ---- */

struct stream {
    struct rpc_stream *s;
    int messages, finished, status, index;
    size_t bytes;
    int64_t total;
    bool ordered;
};

static void on_message(void *arg, struct bytes message)
{
    struct stream *r = arg;
    answer_message *a = harrow__test__answer__unpack(NULL, message.len, message.data);
    if (!a) {
        r->ordered = false;
        return;
    }
    r->ordered = r->ordered && a->index == r->messages;
    r->messages++;
    r->bytes += a->payload.len;
    r->index = a->index;
    r->total = a->total;
    harrow__test__answer__free_unpacked(a, NULL);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct stream *r = arg;
    r->finished = 1;
    r->status = reply->status;
    r->s = NULL;
}

static void open_stream(struct program *p, struct stream *r, const char *path, const order_message *order)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    memset(r, 0, sizeof *r);
    r->ordered = true;
    r->status = -1;
    struct rpc_request request = {.path = path, .timeout = PATIENT};
    struct text packed = TEXT_INIT;
    if (order) {
        packed = pack(order);
        request.message = BYTES(text_string(&packed), packed.len);
        request.has_message = true;
    }
    if (rpc_stream_open(p->channel, &request, &events, r, &r->s, NULL) != 0)
        abort();
    text_deinit(&packed);
}

static bool is_finished(void *arg)
{
    return ((struct stream *)arg)->finished;
}

static bool is_free(void *arg)
{
    struct stream *r = arg;
    return r->finished || !rpc_stream_busy(r->s);
}

static void wait_for(struct program *p, struct stream *r, bool (*what)(void *arg))
{
    EXPECT(p, world_run_until(p->world, what, r, PATIENT) == 0);
}

/* ---- the checks ---- */

static void check_unary(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct call c;
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_OK && c.message && c.message->payload.len == 0);
    call_end(&c);
    uint8_t payload[] = {0, 255, 7};
    order.text = (char[]){"hello"};
    order.payload = (ProtobufCBinaryData){sizeof payload, payload};
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_OK && c.message && strcmp(c.message->text, "hello") == 0);
    EXPECT(p, c.message && c.message->payload.len == 3 && memcmp(c.message->payload.data, payload, 3) == 0);
    call_end(&c);
}

static void check_deadline(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct call c;
    struct rpc_request extra = {.timeout = 200 * MS};
    call_unary(p, "/harrow.test.Test/Never", &order, &extra, &c);
    EXPECT(p, c.status == GRPC_DEADLINE_EXCEEDED);
    call_end(&c);
}

static void check_cancel(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct stream r;
    open_stream(p, &r, "/harrow.test.Test/Never", &order);
    world_sleep(p->world, 100 * MS);
    rpc_stream_cancel(r.s);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_CANCELLED);
    order.count = 1000000;
    open_stream(p, &r, "/harrow.test.Test/Down", &order);
    while (r.messages < 10 && !r.finished)
        world_sleep(p->world, 1 * MS);
    rpc_stream_cancel(r.s);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_CANCELLED && r.ordered);
}

static void check_metadata(struct program *p)
{
    static const uint8_t raw[] = {0, 255, ',', 10};
    const struct grpc_header items[] = {{bytes_of("x-echo-text"), bytes_of("a, b")},
                                        {bytes_of("x-echo-raw-bin"), BYTES(raw, sizeof raw)}};
    struct rpc_request extra = {.timeout = PATIENT, .metadata = {items, 2}};
    order_message order;
    harrow__test__order__init(&order);
    struct call c;
    call_unary(p, UNARY, &order, &extra, &c);
    const struct rpc_reply *reply = &c.answer.reply;
    EXPECT(p, bytes_is(grpc_metadata_get(reply->headers, "x-echo-text"), "a, b"));
    EXPECT(p, bytes_equal(grpc_metadata_get(reply->headers, "x-echo-raw-bin"), BYTES(raw, sizeof raw)));
    EXPECT(p, bytes_is(grpc_metadata_get(reply->trailers, "x-echo-text-trailer"), "a, b"));
    EXPECT(p, bytes_equal(grpc_metadata_get(reply->trailers, "x-echo-raw-trailer-bin"), BYTES(raw, sizeof raw)));
    call_end(&c);
}

static void check_status(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    uint8_t details[] = {8, 5, 18, 1, 'x'};
    order.message = (char[]){"nicht gefunden: Grüße, 世界 100%"};
    order.details = (ProtobufCBinaryData){sizeof details, details};
    for (int status = 1; status <= 16; status++) {
        order.status = status;
        struct call c;
        call_unary(p, UNARY, &order, NULL, &c);
        EXPECT(p, c.status == status);
        EXPECT(p, bytes_is(c.answer.reply.message, order.message));
        EXPECT(p, bytes_equal(c.answer.reply.details, BYTES(details, sizeof details)));
        call_end(&c);
    }
}

static void check_unknown(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct call c;
    call_unary(p, "/harrow.test.Test/Nope", &order, NULL, &c);
    EXPECT(p, c.status == GRPC_UNIMPLEMENTED);
    call_end(&c);
}

static void check_streams(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct stream r;
    order.count = 5000;
    open_stream(p, &r, "/harrow.test.Test/Down", &order);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_OK && r.messages == 5000 && r.ordered);
    order.count = 3;
    order.status = GRPC_ABORTED;
    open_stream(p, &r, "/harrow.test.Test/Down", &order);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_ABORTED && r.messages == 3);

    harrow__test__order__init(&order);
    uint8_t payload[10] = {0};
    order.payload = (ProtobufCBinaryData){sizeof payload, payload};
    struct text packed = pack(&order);
    struct bytes message = BYTES(text_string(&packed), packed.len);
    open_stream(p, &r, "/harrow.test.Test/Up", NULL);
    for (int i = 0; i < 5000 && !r.finished; i++) {
        wait_for(p, &r, is_free);
        EXPECT(p, rpc_stream_send(r.s, message) == 0);
    }
    rpc_stream_half_close(r.s);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_OK && r.index == 5000 && r.total == 50000);

    open_stream(p, &r, "/harrow.test.Test/Both", NULL);
    for (int i = 0; i < 5000 && !r.finished; i++) {
        wait_for(p, &r, is_free);
        EXPECT(p, rpc_stream_send(r.s, message) == 0);
    }
    rpc_stream_half_close(r.s);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_OK && r.messages == 5000 && r.ordered && r.bytes == 50000);
    text_deinit(&packed);
}

static void check_slow_reader(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    order.count = 300;
    order.size = 100000;
    struct stream r;
    open_stream(p, &r, "/harrow.test.Test/Down", &order);
    rpc_stream_pause(r.s);
    world_sleep(p->world, 300 * MS);
    EXPECT(p, r.messages == 0 && !r.finished);
    rpc_stream_resume(r.s);
    wait_for(p, &r, is_finished);
    EXPECT(p, r.status == GRPC_OK && r.messages == 300 && r.bytes == 30000000);
}

static void check_gzip_and_sizes(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    struct call c;
    size_t len = (size_t)17 << 20;
    uint8_t *payload = malloc(len);
    if (!payload)
        abort();
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    struct rpc_request extra = {.timeout = PATIENT, .gzip = true};
    order.payload = (ProtobufCBinaryData){300000, payload};
    call_unary(p, UNARY, &order, &extra, &c);
    EXPECT(p, c.status == GRPC_OK && c.message && c.message->payload.len == 300000 &&
                  memcmp(c.message->payload.data, payload, 300000) == 0);
    call_end(&c);
    order.payload.len = (size_t)5 << 20;
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_OK && c.message && c.message->payload.len == (size_t)5 << 20 &&
                  memcmp(c.message->payload.data, payload, (size_t)5 << 20) == 0);
    call_end(&c);
    order.payload.len = len; /* the server's limit is 16 MiB */
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_RESOURCE_EXHAUSTED);
    call_end(&c);
    free(payload);
    harrow__test__order__init(&order);
    order.size = 40 << 20; /* ours is 32 MiB */
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_RESOURCE_EXHAUSTED);
    call_end(&c);
}

static void check_many(struct program *p)
{
    enum { MANY = 3000 };
    order_message order;
    harrow__test__order__init(&order);
    struct stream *r = calloc(MANY, sizeof *r);
    if (!r)
        abort();
    for (int i = 0; i < MANY; i++)
        open_stream(p, &r[i], UNARY, &order);
    int good = 0;
    for (int i = 0; i < MANY; i++) {
        wait_for(p, &r[i], is_finished);
        good += r[i].status == GRPC_OK && r[i].messages == 1;
    }
    EXPECT(p, good == MANY);
    free(r);
}

static void check_retry(struct program *p)
{
    static const struct rpc_retry retry = {.attempts = 4, .backoff_first = 1000000, .statuses = 1u << GRPC_UNAVAILABLE};
    struct rpc_request extra = {.timeout = PATIENT, .retry = &retry};
    order_message order;
    harrow__test__order__init(&order);
    order.text = (char[]){"retry"};
    order.count = 3;
    struct call c;
    call_unary(p, "/harrow.test.Test/Flaky", &order, &extra, &c);
    EXPECT(p, c.status == GRPC_OK && c.answer.reply.attempts == 4);
    call_end(&c);
}

/* The channel pings every 100 ms; the server must see a live client, and we a live server. */
static void check_keepalive(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    order.delay_ms = 1000;
    struct call c;
    call_unary(p, UNARY, &order, NULL, &c);
    EXPECT(p, c.status == GRPC_OK);
    call_end(&c);
}

static void check_drain(struct program *p)
{
    order_message order;
    harrow__test__order__init(&order);
    order.text = (char[]){"drain"}; /* answered when our parent reads that we were refused */
    struct stream slow;
    struct call c;
    open_stream(p, &slow, UNARY, &order);
    order.text = (char[]){""};
    call_unary(p, UNARY, &order, NULL, &c); /* the server has begun with what came before it */
    EXPECT(p, c.status == GRPC_OK);
    call_end(&c);
    printf("drain now\n"); /* our parent stops the server with a grace period */
    fflush(stdout);
    int status = GRPC_OK; /* CANCELLED: it came as grpcio was about to stop */
    while ((status == GRPC_OK || status == GRPC_CANCELLED) && !slow.finished) {
        call_unary(p, UNARY, &order, NULL, &c);
        status = c.status;
        call_end(&c);
    }
    EXPECT(p, status == GRPC_UNAVAILABLE);
    printf("refused now\n");
    fflush(stdout);
    wait_for(p, &slow, is_finished);
    EXPECT(p, slow.status == GRPC_OK);
}

static const struct {
    const char *name;
    void (*run)(struct program *p);
} checks[] = {
    {"unary and empty", check_unary},
    {"deadline", check_deadline},
    {"cancellation", check_cancel},
    {"metadata", check_metadata},
    {"status, text, details", check_status},
    {"unknown method", check_unknown},
    {"streams", check_streams},
    {"slow reader", check_slow_reader},
    {"gzip, large messages, limits", check_gzip_and_sizes},
    {"3000 calls at once", check_many},
    {"retry", check_retry},
    {"keepalive", check_keepalive},
    {"drain", check_drain}, /* last: the server is gone afterwards */
};

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: rpc_interop_client HOST:PORT\n");
        return 2;
    }
    struct program p = {0};
    struct error err = ERROR_INIT;
    struct rpc_channel_options options = {.addresses = argv[1], .keepalive_every = 100 * MS};
    if (world_real_new(0, &p.world, &err) != 0 || rpc_channel_new(p.world, &options, &p.channel, &err) != 0) {
        fprintf(stderr, "rpc_interop_client: %s\n", err.message ? err.message : "out of memory");
        return 1;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        p.bad = false;
        checks[i].run(&p);
        printf("%s %s\n", p.bad ? "FAIL" : "ok  ", checks[i].name);
        fflush(stdout);
        *(p.bad ? &p.failed : &p.passed) += 1;
    }
    printf("%d of %d passed\n", p.passed, p.passed + p.failed);
    rpc_channel_free(p.channel);
    world_real_free(p.world);
    return p.failed ? 1 : 0;
}
