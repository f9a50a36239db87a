/* Floods, on real processes and real sockets: what a client can do to make a component work or remember for nothing.
 * While each flood goes on, a client that behaves is answered within a second of the component's processor time (how
 * long others make it wait is not its doing); afterwards the component still runs and holds no more than GROWTH_MAX
 * bytes above what it held before. Slowness is tested in security_limits_test.c, where minutes pass at once.
 *
 * helloworld stands for every gRPC server (they are one server), the gateway for HTTP. */
#include "base/test.h"

#include "base/units.h"
#include "rpc/http.h"
#include "rpc/rpc.h"
#include "tests/system/security_raw.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MICRO_PROGRAM
#error "MICRO_PROGRAM must be the path of the program under test"
#endif

#define START_LIMIT ((uint64_t)(60 * SECOND)) /* under sanitizers, on a busy machine */
#define FLOOD       ((size_t)2000)            /* pieces; of those that open streams that stay, a quarter */
#define FULL_ROUNDS 20                        /* in a row in which no piece was taken */
#define END_WITHIN  ((uint64_t)(60 * SECOND)) /* of a connection that is to be cut off */
#define ANSWER_MAX  ((uint64_t)SECOND)        /* of processor time */
#define CALL_LIMIT  ((uint64_t)(60 * SECOND))
#define GROWTH_MAX  ((uint64_t)96 << 20) /* bytes resident; of these the sanitizer's own books are a part */
#define PUSH_HIGH   ((size_t)1 << 20)    /* bytes waiting for the kernel, above which a flood pauses */
#define CALL_PATH   "/helloworld.Helloworld/Call"
#define STREAM_PATH "/helloworld.Helloworld/Stream"

struct program {
    struct world_process *process;
    struct text out;
    bool exited;
};

static struct world *world;
static char directory[256], grpc_address[128], http_address[128];
static struct program hello, gateway;
static struct rpc_channel *channel;

/* ---- programs ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct program *p = arg;
    (void)fd;
    if (p->out.len < 20000)
        text_printf(&p->out, "%.*s\n", (int)line.len, (const char *)line.data);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct program *p = arg;
    (void)status;
    p->exited = true;
}

static int start(struct program *p, const char *name)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    char run[300];
    snprintf(run, sizeof run, "%s/run", directory);
    const char *const argv[] = {MICRO_PROGRAM, "service",   name,          "--data-dir", directory,     "--run-dir",
                                run,           "--address", "127.0.0.1:0", "--peers",    "policy=none", NULL};
    /* What is freed is to be gone, for the figures below. */
    const char *const environment[] = {"ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0", "MICRO_LOG_LEVEL=warn",
                                       NULL};
    const struct world_spawn how = {.name = name, .argv = argv, .environment = environment};
    return world_process_spawn(world, &how, &events, p, &p->process, NULL);
}

static bool address_of(const char *file, char out[128])
{
    char path[400];
    struct text text = TEXT_INIT;
    snprintf(path, sizeof path, "%s/run/%s", directory, file);
    bool there = world_read_file(world, path, 100, &text, NULL) == 0 && text.len > 0;
    if (there)
        snprintf(out, 128, "%.*s", (int)strcspn(text_string(&text), "\n"), text_string(&text));
    text_deinit(&text);
    return there;
}

static uint64_t resident(const struct program *p)
{
    uint64_t bytes = 0, cpu;
    assert_int_equal(world_process_usage(p->process, &bytes, &cpu), 0);
    return bytes;
}

static uint64_t cpu_of(const struct program *p)
{
    uint64_t bytes, cpu = 0;
    assert_int_equal(world_process_usage(p->process, &bytes, &cpu), 0);
    return cpu;
}

/* ---- the client that behaves ---- */

static void answered_in_time(void)
{
    struct rpc_answer answer = {0};
    struct http_answer page = {0};
    char url[200];
    uint64_t before = cpu_of(&hello);
    const struct rpc_request request = {
        .path = CALL_PATH, .timeout = CALL_LIMIT, .wait_for_ready = true, .message = BYTES("", 0), .has_message = true};
    assert_int_equal(rpc_unary_wait(world, channel, &request, &answer, NULL), 0);
    uint64_t took = cpu_of(&hello) - before;
    if (answer.reply.status != GRPC_OK || took > ANSWER_MAX)
        fail_msg("helloworld: %s after %llu ms", grpc_status_name(answer.reply.status),
                 (unsigned long long)(took / MILLISECOND));
    rpc_answer_deinit(&answer);
    snprintf(url, sizeof url, "http://%s/_health", http_address);
    const struct http_fetch fetch = {.method = "GET", .url = url, .timeout = CALL_LIMIT};
    before = cpu_of(&gateway);
    assert_int_equal(http_fetch_wait(world, &fetch, &page, NULL), 0);
    assert_true(cpu_of(&gateway) - before <= ANSWER_MAX);
    assert_int_equal(page.status, 200);
    http_answer_deinit(&page);
}

/* Sends so many pieces, or until the component takes no more or the connection ends, with proper calls in between. 0:
 * it has to end the connection. */
static void flood(const char *what, struct raw *r, void (*next)(struct text *out, uint32_t *stream), size_t pieces)
{
    uint64_t before = resident(&hello), before_http = resident(&gateway), end = world_now(world) + END_WITHIN;
    struct text piece = TEXT_INIT;
    uint32_t stream = 1;
    size_t sent = 0;
    for (int full = 0; !r->ended && world_now(world) < end && (pieces == 0 || (sent < pieces && full < FULL_ROUNDS));
         full++) {
        for (int i = 0; i < 50 && !r->ended && world_stream_queued(r->stream) < PUSH_HIGH; i++, sent++, full = 0) {
            text_clear(&piece);
            next(&piece, &stream);
            raw_send(r, text_string(&piece), piece.len);
        }
        answered_in_time();
        (void)world_sleep(world, (uint64_t)MILLISECOND);
    }
    if (pieces == 0 && !r->ended)
        fail_msg("%s: the connection still stands after %u streams", what, stream / 2);
    answered_in_time();
    uint64_t grown = resident(&hello) > before ? resident(&hello) - before : 0;
    uint64_t grown_http = resident(&gateway) > before_http ? resident(&gateway) - before_http : 0;
    print_message("%s: %s, helloworld grew by %llu kB, the gateway by %llu kB\n", what,
                  r->ended ? "cut off" : "bounded", (unsigned long long)(grown >> 10),
                  (unsigned long long)(grown_http >> 10));
    assert_true(grown <= GROWTH_MAX && grown_http <= GROWTH_MAX);
    assert_false(hello.exited || gateway.exited);
    raw_close(r);
    text_deinit(&piece);
    answered_in_time();
}

static void greet(struct raw *r)
{
    struct text t = TEXT_INIT;
    raw_open(r, world, grpc_address);
    h2_preface(&t);
    raw_send(r, text_string(&t), t.len);
    text_deinit(&t);
}

static void add_request(struct text *out, uint32_t stream, unsigned flags, const char *path)
{
    struct text block = TEXT_INIT;
    h2_request(&block, path);
    h2_frame(out, H2_HEADERS, H2_END_HEADERS | flags, stream, text_string(&block), block.len);
    text_deinit(&block);
}

/* ---- floods ---- */

static uint32_t streams_opened;

static void open_streams(struct text *out, uint32_t *stream)
{
    for (int i = 0; i < 20; i++, *stream += 2)
        add_request(out, *stream, 0, CALL_PATH);
    streams_opened = *stream / 2;
}

static void ten_thousand_streams(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("streams that never finish", &r, open_streams, FLOOD / 4);
    assert_true(streams_opened >= 10000);
}

/* CVE-2023-44487 */
static void open_and_reset(struct text *out, uint32_t *stream)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    /* Many at once: the server allows so many a second, however long the sender has to wait for its turn. */
    for (int i = 0; i < 100; i++, *stream += 2) {
        add_request(out, *stream, 0, CALL_PATH);
        h2_frame(out, H2_RESET, 0, *stream, cancel, 4);
    }
}

static void rapid_reset(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("rapid reset", &r, open_and_reset, 0);
}

static void one_settings(struct text *out, uint32_t *stream)
{
    (void)stream;
    for (int i = 0; i < 20; i++)
        h2_frame(out, H2_SETTINGS, 0, 0, "\0\3\0\0\0\x64", 6);
}

static void settings_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    world_stream_pause(r.stream); /* and reads no answer */
    flood("SETTINGS", &r, one_settings, FLOOD);
}

static void one_ping(struct text *out, uint32_t *stream)
{
    (void)stream;
    for (int i = 0; i < 20; i++)
        h2_frame(out, H2_PING, 0, 0, "pingping", 8);
}

static void ping_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    world_stream_pause(r.stream);
    flood("PING", &r, one_ping, FLOOD);
}

/* CVE-2024-27316, CVE-2024-28182 */
static void one_continuation(struct text *out, uint32_t *stream)
{
    struct text block = TEXT_INIT;
    char value[100];
    memset(value, 'a', sizeof value);
    for (int i = 0; i < 100; i++)
        h2_header(&block, "x", value, sizeof value);
    h2_frame(out, *stream == 1 ? H2_HEADERS : H2_CONTINUATION, 0, 1, text_string(&block), block.len);
    *stream += 2;
    text_deinit(&block);
}

static void continuation_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("CONTINUATION", &r, one_continuation, 0);
}

static void empty_continuation(struct text *out, uint32_t *stream)
{
    h2_frame(out, *stream == 1 ? H2_HEADERS : H2_CONTINUATION, 0, 1, "", 0);
    *stream += 2;
}

static void empty_continuation_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("empty CONTINUATION", &r, empty_continuation, 0);
}

/* CVE-2019-9518: frames with nothing in them. */
static void empty_data(struct text *out, uint32_t *stream)
{
    if (*stream == 1)
        add_request(out, 1, 0, CALL_PATH);
    for (int i = 0; i < 50; i++)
        h2_frame(out, H2_DATA, 0, 1, "", 0);
    *stream += 2;
}

static void empty_data_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("empty DATA", &r, empty_data, FLOOD);
}

static void priorities(struct text *out, uint32_t *stream)
{
    for (int i = 0; i < 50; i++) {
        h2_frame(out, H2_PRIORITY, 0, *stream, "\0\0\0\0\x10", 5);
        *stream += 2;
    }
}

static void priority_flood(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    flood("PRIORITY", &r, priorities, FLOOD);
}

/* Answers of a million messages each, none of which is let out (CVE-2019-9511, 9517). */
static void ask_much(struct text *out, uint32_t *stream)
{
    static const char message[] = {0, 0, 0, 0, 4, 8, (char)0xc0, (char)0x84, 0x3d}; /* count: 1,000,000 */
    if (*stream > 400)
        return;
    add_request(out, *stream, 0, STREAM_PATH);
    h2_frame(out, H2_DATA, H2_END_STREAM, *stream, message, sizeof message);
    *stream += 2;
}

static void zero_window(void **state)
{
    struct raw r;
    struct text t = TEXT_INIT;
    (void)state;
    raw_open(&r, world, grpc_address);
    text_puts(&t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_frame(&t, H2_SETTINGS, 0, 0, "\0\4\0\0\0\0", 6);
    raw_send(&r, text_string(&t), t.len);
    text_deinit(&t);
    flood("a window of nothing", &r, ask_much, FLOOD / 4);
}

/* The window is open, but nobody reads the socket. */
static void unread_answers(void **state)
{
    struct raw r;
    (void)state;
    greet(&r);
    world_stream_pause(r.stream);
    flood("answers nobody reads", &r, ask_much, FLOOD / 4);
}

static void pipelined(struct text *out, uint32_t *stream)
{
    (void)stream;
    for (int i = 0; i < 20; i++)
        text_puts(out, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void pipelining(void **state)
{
    struct raw r;
    (void)state;
    raw_open(&r, world, http_address);
    world_stream_pause(r.stream);
    flood("requests whose answers nobody reads", &r, pipelined, FLOOD);
}

/* Many that connect and say a little: the well-behaved are still let in. */
static void many_connections(void **state)
{
    static struct raw list[400];
    (void)state;
    for (size_t i = 0; i < 400; i++) {
        raw_open_later(&list[i], world, i % 2 ? grpc_address : http_address);
        if (i % 2)
            raw_send(&list[i], "PRI * HT", 8);
        else
            raw_send(&list[i], "GET / HTTP/1.1\r\nX-", 18);
    }
    (void)world_sleep(world, (uint64_t)(200 * MILLISECOND));
    answered_in_time();
    for (size_t i = 0; i < 400; i++)
        raw_close(&list[i]);
    answered_in_time();
}

/* ---- set-up ---- */

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(directory, sizeof directory, "%s/micro-floods-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(directory) || world_real_new(1, &world, NULL) != 0)
        return -1;
    char run[300];
    snprintf(run, sizeof run, "%s/run", directory);
    if (world_make_directory(world, run) != 0)
        return -1;
    if (start(&hello, "helloworld") != 0 || start(&gateway, "api") != 0)
        return -1;
    uint64_t end = world_now(world) + START_LIMIT;
    while (!address_of("helloworld.address", grpc_address) || !address_of("api.http", http_address)) {
        if (world_now(world) > end || hello.exited || gateway.exited) {
            print_error("they do not come up: %s%s\n", text_string(&hello.out), text_string(&gateway.out));
            return -1;
        }
        (void)world_sleep(world, (uint64_t)(20 * MILLISECOND));
    }
    const struct rpc_channel_options options = {.addresses = grpc_address};
    return rpc_channel_new(world, &options, &channel, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    rpc_channel_free(channel);
    world_process_close(hello.process);
    world_process_close(gateway.process);
    text_deinit(&hello.out);
    text_deinit(&gateway.out);
    (void)world_remove_tree(world, directory);
    world_real_free(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_streams), cmocka_unit_test(rapid_reset),
        cmocka_unit_test(settings_flood),       cmocka_unit_test(ping_flood),
        cmocka_unit_test(continuation_flood),   cmocka_unit_test(empty_continuation_flood),
        cmocka_unit_test(empty_data_flood),     cmocka_unit_test(priority_flood),
        cmocka_unit_test(zero_window),          cmocka_unit_test(unread_answers),
        cmocka_unit_test(pipelining),           cmocka_unit_test(many_connections),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
