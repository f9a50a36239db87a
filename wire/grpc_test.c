/* The engine against itself in memory: every kind of call, limits, flow control, keepalive, drain. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/grpc_internal.h"
#include "wire/grpc_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct bytes repeated(size_t len)
{
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    return BYTES(data, len);
}

static void drop(struct bytes b)
{
    union {
        const uint8_t *in;
        void *out;
    } u = {.in = b.data};
    free(u.out);
}

static void ended(const struct kit_call *call, int status)
{
    assert_int_equal(call->finished, 1);
    assert_int_equal(call->closed, 1);
    if (call->status != status)
        print_error("status %s: %s\n", grpc_status_name(call->status), text_string(&call->message));
    assert_int_equal(call->status, status);
}

static void unary(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct kit k;
        struct kit_call call;
        assert_int_equal(kit_init(&k, seed, NULL, NULL), 0);
        kit_unary(&k, &call, "/kit.Echo/Echo", bytes_of("hello"));
        ended(&call, GRPC_OK);
        assert_int_equal(call.messages, 1);
        assert_string_equal(text_string(&call.body), "hello");
        assert_string_equal(text_string(&k.content_type), "application/grpc+proto");
        assert_int_equal(k.timeout, 0);
        assert_int_equal(k.cancelled, 0);
        assert_int_equal(k.server_closed, 1);
        assert_int_equal(grpc_conn_stream_count(k.client), 0);
        assert_int_equal(grpc_conn_stream_count(k.server), 0);
        assert_int_equal(k.receive_error, 0);
        kit_call_deinit(&call);
        kit_unary(&k, &call, "/kit.Echo/Echo", BYTES_NONE); /* an empty message is a message */
        ended(&call, GRPC_OK);
        assert_int_equal(call.messages, 1);
        assert_int_equal(call.body.len, 0);
        kit_call_deinit(&call);
        kit_unary(&k, &call, "/kit.Echo/Nothing", bytes_of("x"));
        ended(&call, GRPC_UNIMPLEMENTED);
        assert_int_equal(call.responses, 0); /* trailers-only */
        kit_call_deinit(&call);
        kit_deinit(&k);
    }
}

static void streams_both_ways(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 7, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Echo"), 0);
    struct text expected = TEXT_INIT;
    for (int i = 0; i < 2000; i++) {
        char message[32];
        int n = snprintf(message, sizeof message, "message %d;", i);
        text_add(&expected, message, (size_t)n);
        assert_int_equal(grpc_stream_send_message(call.stream, BYTES(message, (size_t)n)), 0);
        if (i % 97 == 0)
            kit_pump(&k);
    }
    kit_pump(&k);
    assert_int_equal(call.messages, 2000);
    assert_int_equal(call.finished, 0);
    assert_int_equal(grpc_stream_half_close(call.stream), 0);
    assert_int_equal(grpc_stream_send_message(call.stream, bytes_of("late")), ERROR_CLOSED);
    kit_pump(&k);
    ended(&call, GRPC_OK);
    assert_string_equal(text_string(&call.body), text_string(&expected));
    text_deinit(&expected);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void many_at_once(void **state)
{
    (void)state;
    enum { CALLS = 300 };
    struct grpc_settings server;
    grpc_settings_init(&server, true);
    server.streams_max = 50; /* the client's surplus waits its turn */
    struct kit k;
    struct kit_call *calls = calloc(CALLS, sizeof *calls);
    assert_non_null(calls);
    assert_int_equal(kit_init(&k, 3, NULL, &server), 0);
    kit_pump(&k);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(grpc_conn_accepts_calls(k.client), i < 50);
        assert_int_equal(kit_start_path(&k, &calls[i], "/kit.Echo/Echo"), 0);
        struct bytes message = BYTES("0123456789", (size_t)i % 11);
        assert_int_equal(grpc_stream_send_message(calls[i].stream, message), 0);
        assert_int_equal(grpc_stream_half_close(calls[i].stream), 0);
    }
    kit_pump(&k);
    for (int i = 0; i < CALLS; i++) {
        ended(&calls[i], GRPC_OK);
        assert_int_equal(calls[i].body.len, i % 11);
        kit_call_deinit(&calls[i]);
    }
    free(calls);
    kit_deinit(&k);
}

static void metadata(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 1, 255, ',', ' '};
    struct grpc_header items[] = {
        {bytes_of("x-plain"), bytes_of("a b, c")},   {bytes_of("x-raw-bin"), BYTES(raw, sizeof raw)},
        {bytes_of("x-raw-bin"), BYTES(raw, 1)},      {bytes_of("x-empty"), bytes_of("")},
        {bytes_of("grpc-trace-bin"), bytes_of("t")},
    };
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 5, NULL, NULL), 0);
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Headers"),
                             .metadata = {items, sizeof items / sizeof items[0]},
                             .timeout = 1500 * MS,
                             .content_type = "application/grpc+json"};
    struct error err = ERROR_INIT;
    assert_int_equal(kit_start(&k, &call, &r, &err), 0);
    kit_pump(&k);
    ended(&call, GRPC_OK);
    struct text expected = TEXT_INIT;
    text_puts(&expected, "x-plain=a b, c;x-raw-bin=");
    text_add(&expected, raw, sizeof raw);
    text_puts(&expected, ";x-raw-bin=");
    text_add(&expected, raw, 1);
    text_puts(&expected, ";x-empty=;grpc-trace-bin=t;");
    assert_true(bytes_equal(text_bytes(&call.headers), text_bytes(&expected)));
    assert_true(bytes_equal(text_bytes(&call.trailers), text_bytes(&expected)));
    assert_int_equal(k.timeout, 1500 * MS);
    assert_string_equal(text_string(&k.content_type), "application/grpc+json");
    assert_int_equal(memcmp(text_string(&k.metadata), "user-agent=", 11), 0);
    text_deinit(&expected);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void metadata_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
    } bad[] = {
        {"te", "x", "cannot be named \"te\""},      {"grpc-status", "0", "cannot be named"},
        {"grpc-anything", "0", "cannot be named"},  {"content-type", "x", "cannot be named"},
        {":path", "/", "cannot be named"},          {"Upper", "x", "cannot be named \"Upper\""},
        {"sp ace", "x", "cannot be named"},         {"", "x", "cannot be named"},
        {"x-value", "line\nbreak", "name it -bin"}, {"x-value", "\xc3\xa9", "name it -bin"},
    };
    struct kit k;
    assert_int_equal(kit_init(&k, 5, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct grpc_header item = {bytes_of(bad[i].name), bytes_of(bad[i].value)};
        struct grpc_request r = {.path = bytes_of("/a/B"), .metadata = {&item, 1}};
        struct kit_call call;
        struct error err = ERROR_INIT;
        assert_int_equal(kit_start(&k, &call, &r, &err), ERROR_INVALID);
        assert_non_null(strstr(err.message, bad[i].says));
        error_clear(&err);
    }
    static const char *const paths[] = {"", "/", "a/B", "/a b", "/a\x7f"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct grpc_request r = {.path = bytes_of(paths[i])};
        struct kit_call call;
        assert_int_equal(kit_start(&k, &call, &r, NULL), ERROR_INVALID);
    }
    char *large = calloc(1, GRPC_METADATA_MAX_DEFAULT + 1);
    assert_non_null(large);
    memset(large, 'x', GRPC_METADATA_MAX_DEFAULT);
    struct grpc_header item = {bytes_of("x-large"), bytes_of(large)};
    struct grpc_request r = {.path = bytes_of("/a/B"), .metadata = {&item, 1}};
    struct kit_call call;
    assert_int_equal(kit_start(&k, &call, &r, NULL), ERROR_LIMIT);
    free(large);
    assert_int_equal(grpc_conn_stream_count(k.client), 0);
    kit_deinit(&k);
}

static void status_and_details(void **state)
{
    (void)state;
    static const uint8_t details[] = {8, 5, 18, 3, 'a', 0, 'b'};
    struct grpc_header items[] = {
        {bytes_of("code"), bytes_of("ALREADY_EXISTS")},
        {bytes_of("text-bin"), bytes_of("sch\xc3\xb6n % \n done")},
        {bytes_of("details-bin"), BYTES(details, sizeof details)},
    };
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 9, NULL, NULL), 0);
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Status"), .metadata = {items, 3}};
    assert_int_equal(kit_start(&k, &call, &r, NULL), 0);
    kit_pump(&k);
    ended(&call, GRPC_ALREADY_EXISTS);
    assert_string_equal(text_string(&call.message), "sch\xc3\xb6n % \n done");
    assert_true(bytes_equal(text_bytes(&call.details), BYTES(details, sizeof details)));
    kit_call_deinit(&call);
    kit_deinit(&k);
}

/* The server is done while the client is not: RST_STREAM(NO_ERROR) behind the trailers ends the stream. */
static void early_answer(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 11, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Late"), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(grpc_stream_send_message(call.stream, bytes_of("again")), 0);
    kit_pump(&k);
    ended(&call, GRPC_FAILED_PRECONDITION);
    assert_int_equal(call.messages, 1);
    assert_string_equal(text_string(&call.message), "enough");
    assert_int_equal(k.messages, 1);
    assert_int_equal(k.cancelled, 0);
    assert_int_equal(k.server_closed, 1);
    assert_int_equal(grpc_conn_stream_count(k.server), 0);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void cancel_by_client(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 13, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
    grpc_stream_send_message(call.stream, bytes_of("one"));
    kit_pump(&k);
    assert_int_equal(k.messages, 1);
    grpc_stream_reset(call.stream, 8);
    assert_int_equal(grpc_stream_send_message(call.stream, bytes_of("two")), ERROR_CLOSED);
    kit_pump(&k);
    ended(&call, GRPC_CANCELLED);
    assert_int_equal(k.cancelled, 1);
    assert_int_equal(k.server_closed, 1);
    kit_call_deinit(&call);
    /* Cancelled before a byte of it went out: the server never hears of it. */
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
    grpc_stream_reset(call.stream, 8);
    kit_pump(&k);
    ended(&call, GRPC_CANCELLED);
    assert_int_equal(k.requests, 1);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void reset_by_server(void **state)
{
    (void)state;
    static const struct {
        uint32_t h2;
        int status;
        bool unprocessed;
    } table[] = {
        {0, GRPC_INTERNAL, false},
        {1, GRPC_INTERNAL, false},
        {2, GRPC_INTERNAL, false},
        {3, GRPC_INTERNAL, false},
        {5, GRPC_UNKNOWN, false},
        {6, GRPC_INTERNAL, false},
        {7, GRPC_UNAVAILABLE, true},
        {8, GRPC_CANCELLED, false},
        {9, GRPC_INTERNAL, false},
        {10, GRPC_INTERNAL, false},
        {11, GRPC_RESOURCE_EXHAUSTED, false},
        {12, GRPC_PERMISSION_DENIED, false},
        {13, GRPC_UNKNOWN, false},
    };
    struct kit k;
    assert_int_equal(kit_init(&k, 13, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct kit_call call;
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        grpc_stream_reset(k.last, table[i].h2);
        kit_pump(&k);
        ended(&call, table[i].status);
        assert_int_equal(call.unprocessed, table[i].unprocessed);
        kit_call_deinit(&call);
    }
    assert_int_equal(k.cancelled, 0);
    assert_int_equal(k.server_closed, sizeof table / sizeof table[0]);
    kit_deinit(&k);
}

/* A server that breaks the protocol on purpose: its client is told so. */
static void ends_without_trailers(void **state)
{
    struct kit k;
    (void)state;
    assert_int_equal(kit_init(&k, 13, NULL, NULL), 0);
    for (int with_message = 0; with_message < 2; with_message++) {
        struct kit_call call;
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        assert_int_equal(grpc_stream_end_bare(call.stream), ERROR_INVALID); /* a client has no trailers */
        if (with_message)
            assert_int_equal(grpc_stream_send_message(k.last, bytes_of("all there is")), 0);
        assert_int_equal(grpc_stream_end_bare(k.last), 0);
        assert_int_equal(grpc_stream_end_bare(k.last), ERROR_CLOSED);
        kit_pump(&k);
        assert_int_equal(call.messages, with_message);
        ended(&call, GRPC_INTERNAL);
        kit_call_deinit(&call);
    }
    kit_deinit(&k);
}

static void connection_lost(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 17, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
    kit_pump(&k);
    kit_drop_server(&k);
    assert_int_equal(k.cancelled, 1);
    assert_int_equal(k.server_closed, 1);
    struct kit_call unsent;
    assert_int_equal(kit_start_path(&k, &unsent, "/kit.Echo/Hold"), 0);
    kit_drop_client(&k);
    ended(&call, GRPC_UNAVAILABLE);
    assert_false(call.unprocessed);
    ended(&unsent, GRPC_UNAVAILABLE);
    assert_true(unsent.unprocessed);
    kit_call_deinit(&call);
    kit_call_deinit(&unsent);
    kit_deinit(&k);
}

static void gzip(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 19, NULL, NULL), 0);
    static uint8_t zeros[200000];
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Echo"), .gzip = true};
    assert_int_equal(kit_start(&k, &call, &r, NULL), 0);
    assert_int_equal(grpc_stream_send_message(call.stream, BYTES(zeros, sizeof zeros)), 0);
    assert_int_equal(grpc_stream_send_message(call.stream, BYTES_NONE), 0);
    assert_int_equal(grpc_stream_send_message(call.stream, bytes_of("x")), 0); /* does not shrink: goes plain */
    grpc_stream_half_close(call.stream);
    kit_pump(&k);
    ended(&call, GRPC_OK);
    assert_int_equal(call.messages, 3);
    assert_int_equal(call.body.len, sizeof zeros + 1);
    assert_true(k.client_bytes < 3000); /* 200 kB went as little */
    assert_true(k.server_bytes < 3000);
    kit_call_deinit(&call);
    kit_deinit(&k);

    /* The server has no gzip: says so, and what it takes. */
    struct grpc_settings server;
    grpc_settings_init(&server, true);
    server.gzip = false;
    assert_int_equal(kit_init(&k, 19, NULL, &server), 0);
    assert_int_equal(kit_start(&k, &call, &r, NULL), 0);
    kit_pump(&k);
    ended(&call, GRPC_UNIMPLEMENTED);
    assert_int_equal(k.requests, 0);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void gzip_bomb(void **state)
{
    (void)state;
    struct grpc_settings server;
    grpc_settings_init(&server, true);
    server.message_max = 100000;
    static uint8_t zeros[100001];
    struct kit k;
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Echo"), .gzip = true};
    for (size_t len = sizeof zeros - 1; len <= sizeof zeros; len++) {
        struct kit_call call;
        assert_int_equal(kit_init(&k, 23, NULL, &server), 0);
        assert_int_equal(kit_start(&k, &call, &r, NULL), 0);
        assert_int_equal(grpc_stream_send_message(call.stream, BYTES(zeros, len)), 0);
        grpc_stream_half_close(call.stream);
        kit_pump(&k);
        ended(&call, len == sizeof zeros ? GRPC_RESOURCE_EXHAUSTED : GRPC_OK);
        assert_int_equal(k.cancelled, len == sizeof zeros ? 1 : 0);
        kit_call_deinit(&call);
        kit_deinit(&k);
    }
}

static void large_messages(void **state)
{
    (void)state;
    struct grpc_settings client, server;
    grpc_settings_init(&client, false);
    grpc_settings_init(&server, true);
    server.message_max = (size_t)6 << 20;
    client.window = server.window = 65535; /* much smaller than the message */
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 29, &client, &server), 0);
    k.split = false;
    struct bytes large = repeated((size_t)5 << 20);
    kit_unary(&k, &call, "/kit.Echo/Echo", large);
    ended(&call, GRPC_OK);
    assert_true(bytes_equal(text_bytes(&call.body), large));
    kit_call_deinit(&call);
    for (int i = 0; i < 4; i++) { /* 25 MiB in all: more than the connection's window */
        kit_unary(&k, &call, "/kit.Echo/Echo", large);
        ended(&call, GRPC_OK);
        assert_int_equal(call.body.len, large.len);
        kit_call_deinit(&call);
    }
    drop(large);

    struct bytes larger = repeated(((size_t)6 << 20) + 1);
    kit_unary(&k, &call, "/kit.Echo/Echo", larger);
    ended(&call, GRPC_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(text_string(&call.message), "larger than the limit"));
    kit_call_deinit(&call);
    drop(larger);
    kit_unary(&k, &call, "/kit.Echo/Echo", bytes_of("the connection lives on"));
    ended(&call, GRPC_OK);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

/* What the client refuses, and what it may not even send. */
static void client_limits(void **state)
{
    (void)state;
    struct grpc_settings client;
    grpc_settings_init(&client, false);
    client.message_max = 1000;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 31, &client, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Flood"), 0);
    struct bytes more = repeated(1001);
    assert_int_equal(grpc_stream_send_message(call.stream, more), ERROR_LIMIT);
    drop(more);
    assert_int_equal(grpc_stream_send_message(call.stream, BYTES("\x01", 1)), 0);
    kit_pump(&k);
    ended(&call, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(k.cancelled, 1); /* the server heard of it: RST_STREAM(CANCEL) */
    kit_call_deinit(&call);
    kit_deinit(&k);
}

/* A reader that does not consume stops the writer at one window; consuming sets it going again. */
static void back_pressure(void **state)
{
    (void)state;
    struct grpc_settings server;
    grpc_settings_init(&server, true);
    server.window = 100000;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 37, NULL, &server), 0);
    k.consume = false;
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
    kit_pump(&k);
    struct bytes piece = repeated(10000);
    size_t sent = 0;
    while (grpc_stream_queued(call.stream) <= GRPC_WRITE_HIGH) {
        assert_int_equal(grpc_stream_send_message(call.stream, piece), 0);
        sent++;
        kit_pump(&k);
    }
    assert_in_range(k.server_unconsumed, 90000, 100000);
    assert_int_equal(k.messages, k.server_unconsumed / 10005);
    assert_int_equal(call.writable, 0);
    k.consume = true;
    grpc_stream_consumed(k.last, k.server_unconsumed);
    kit_pump(&k);
    assert_int_equal(k.messages, sent);
    assert_int_equal(call.writable, 1);
    assert_int_equal(grpc_stream_queued(call.stream), 0);
    drop(piece);
    grpc_stream_reset(call.stream, 8);
    kit_pump(&k);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

static void back_pressure_down(void **state)
{
    (void)state;
    struct grpc_settings client;
    grpc_settings_init(&client, false);
    client.window = 65536;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 41, &client, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Flood"), 0);
    call.keep = true;
    grpc_stream_send_message(call.stream, BYTES("\xff", 1));
    grpc_stream_send_message(call.stream, BYTES("\xff", 1));
    kit_pump(&k);
    assert_in_range(call.unconsumed, 60000, 65536);
    assert_true(grpc_stream_queued(k.last) > GRPC_WRITE_HIGH);
    call.keep = false;
    grpc_stream_consumed(call.stream, call.unconsumed);
    kit_pump(&k);
    assert_int_equal(call.messages, 510);
    assert_int_equal(k.writable, 1);
    grpc_stream_half_close(call.stream);
    kit_pump(&k);
    ended(&call, GRPC_OK);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

/* A client that asks after a second, and waits 300 ms for the answer. */
static void start_patient(struct kit *k)
{
    struct grpc_settings client;
    grpc_settings_init(&client, false);
    client.keepalive_every = 1000 * MS;
    client.keepalive_timeout = 300 * MS;
    assert_int_equal(kit_init(k, 43, &client, NULL), 0);
    kit_pump(k);
}

static void keepalive(void **state)
{
    (void)state;
    for (int dead_peer = 0; dead_peer < 2; dead_peer++) {
        struct kit k;
        struct kit_call call;
        start_patient(&k);
        assert_true(grpc_conn_wakeup(k.client) == UINT64_MAX); /* no call, no PING */
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        uint64_t at = grpc_conn_wakeup(k.client);
        assert_true(at == k.now + 1000 * MS);
        k.now = at - 1;
        assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
        assert_false(grpc_conn_wants_send(k.client));
        k.now = at;
        assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
        assert_true(grpc_conn_wants_send(k.client));
        if (dead_peer) {
            kit_drop_server(&k);
            kit_pump(&k);
            assert_true(grpc_conn_wakeup(k.client) == at + 300 * MS);
            assert_int_equal(grpc_conn_tick(k.client, at + 300 * MS - 1), 0);
            assert_int_equal(grpc_conn_tick(k.client, at + 300 * MS), ERROR_TIMEOUT);
            assert_true(grpc_conn_done(k.client));
            kit_drop_client(&k);
            ended(&call, GRPC_UNAVAILABLE);
            assert_non_null(strstr(text_string(&call.message), "keepalive"));
        } else {
            k.now += 10 * MS;
            kit_pump(&k); /* the ACK re-arms */
            assert_true(grpc_conn_wakeup(k.client) == k.now + 1000 * MS);
        }
        kit_deinit(&k);
        kit_call_deinit(&call);
    }
}

/* Who stood still beyond the limit does not blame the other side for it, which has answered long ago. */
static void late_itself(void **state)
{
    (void)state;
    for (int dead_peer = 0; dead_peer < 2; dead_peer++) {
        struct kit k;
        struct kit_call call;
        start_patient(&k);
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        k.now = grpc_conn_wakeup(k.client);
        assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
        if (dead_peer) {
            kit_drop_server(&k);
            kit_pump(&k);
        }
        k.now += 5000 * MS;
        assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
        assert_true(grpc_conn_wakeup(k.client) == k.now + MS);
        if (dead_peer) {
            assert_int_equal(grpc_conn_tick(k.client, k.now + 2 * MS), ERROR_TIMEOUT);
            kit_drop_client(&k);
            ended(&call, GRPC_UNAVAILABLE);
        } else {
            kit_pump(&k);
            assert_true(grpc_conn_wakeup(k.client) == k.now + 1000 * MS);
        }
        kit_deinit(&k);
        kit_call_deinit(&call);
    }
}

/* Whole frames are a sign of life; a byte of one now and then is not, or it would hold the connection for ever. */
static void slow_frames(void **state)
{
    static const uint8_t opening[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    static const uint8_t whole[] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1};          /* WINDOW_UPDATE */
    static const uint8_t part[] = {0, 0x40, 0, 1, 0, 0, 0, 0, 1, 0, 1, 'x', 1, 'y'}; /* HEADERS of 16 KiB */
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        const struct grpc_events events = {0};
        struct grpc_settings settings;
        struct grpc_conn *conn = NULL;
        struct text out = TEXT_INIT;
        uint64_t now = 0, every = 100 * MS;
        int rc = 0;
        grpc_settings_init(&settings, true);
        settings.keepalive_every = 1000 * MS;
        settings.keepalive_timeout = 300 * MS;
        assert_int_equal(grpc_conn_new(&settings, &events, NULL, now, &conn), 0);
        assert_int_equal(grpc_conn_receive(conn, BYTES(opening, sizeof opening - 1), now, NULL), 0);
        for (int i = 0; rc == 0 && i < 40; i++) {
            struct bytes piece = slow ? BYTES(part + (i < 13 ? i : 13), 1) : BYTES(whole, sizeof whole);
            now += every;
            assert_int_equal(grpc_conn_receive(conn, piece, now, NULL), 0);
            rc = grpc_conn_tick(conn, now);
            (void)grpc_conn_send(conn, &out, 65536);
        }
        assert_int_equal(rc, slow ? ERROR_TIMEOUT : 0);
        assert_true(slow ? now == 1300 * MS : now == 4000 * MS);
        grpc_conn_free(conn);
        text_deinit(&out);
    }
}

static void ping_abuse(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct grpc_settings client, server;
        grpc_settings_init(&client, false);
        grpc_settings_init(&server, true);
        client.keepalive_every = 10 * MS;
        server.ping_min = 1000 * MS;
        struct kit k;
        struct kit_call call, other;
        assert_int_equal(kit_init(&k, 47, &client, &server), 0);
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        int pings = 0;
        while (!grpc_conn_done(k.server) && pings < 10) {
            k.now = grpc_conn_wakeup(k.client);
            assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
            pings++;
            kit_pump(&k);
            if (busy) { /* a server that answers calls forgives */
                kit_unary(&k, &other, "/kit.Echo/Echo", bytes_of("x"));
                ended(&other, GRPC_OK);
                kit_call_deinit(&other);
            }
        }
        if (busy) {
            assert_int_equal(pings, 10);
            assert_int_equal(k.going_away, 0);
        } else {
            assert_int_equal(pings, 4); /* the first is free, then three strikes */
            assert_int_equal(k.going_away, 1);
            assert_int_equal(k.going_away_error, 11);
            assert_string_equal(text_string(&k.going_away_debug), "too_many_pings");
            assert_int_equal(k.receive_error, ERROR_PROTOCOL);
            assert_false(grpc_conn_accepts_calls(k.client));
        }
        kit_deinit(&k);
        ended(&call, GRPC_UNAVAILABLE);
        if (!busy)
            assert_non_null(strstr(text_string(&call.message), "too_many_pings"));
        kit_call_deinit(&call);
    }
}

/* Two strikes before each answer never make three. */
static void ping_strikes_forgiven(void **state)
{
    (void)state;
    struct grpc_settings client, server;
    grpc_settings_init(&client, false);
    grpc_settings_init(&server, true);
    client.keepalive_every = 10 * MS;
    server.ping_min = 1000 * MS;
    struct kit k;
    struct kit_call call, other;
    assert_int_equal(kit_init(&k, 48, &client, &server), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
    kit_pump(&k);
    for (int i = 0; i < 12; i++) {
        k.now = grpc_conn_wakeup(k.client);
        assert_int_equal(grpc_conn_tick(k.client, k.now), 0);
        kit_pump(&k);
        if (i % 3 == 2) {
            kit_unary(&k, &other, "/kit.Echo/Echo", bytes_of("x"));
            ended(&other, GRPC_OK);
            kit_call_deinit(&other);
        }
    }
    assert_int_equal(k.receive_error, 0);
    kit_deinit(&k);
    kit_call_deinit(&call);
}

static void rapid_reset(void **state)
{
    (void)state;
    struct kit k;
    assert_int_equal(kit_init(&k, 53, NULL, NULL), 0);
    k.split = false;
    int i = 0;
    for (; i < 5000 && !k.receive_error; i++) {
        struct kit_call call;
        if (kit_start_path(&k, &call, "/kit.Echo/Hold") != 0)
            break;
        kit_pump(&k);
        if (call.stream)
            grpc_stream_reset(call.stream, 8);
        kit_pump(&k);
        kit_call_deinit(&call);
        if (call.stream)
            break;
    }
    assert_in_range(i, 1999, 2002);
    assert_non_null(strstr(text_string(&k.error), "too_many_resets"));
    kit_deinit(&k);

    /* At a rate a person could mean, never. */
    assert_int_equal(kit_init(&k, 53, NULL, NULL), 0);
    k.split = false;
    for (i = 0; i < 5000; i++) {
        struct kit_call call;
        assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Hold"), 0);
        kit_pump(&k);
        grpc_stream_reset(call.stream, 8);
        kit_pump(&k);
        kit_call_deinit(&call);
        k.now += 2 * MS;
    }
    assert_int_equal(k.receive_error, 0);
    kit_deinit(&k);
}

/* The last number a connection has makes its last call; its owner is told in time to make another one. */
static void numbers_used_up(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call last[2], refused;
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Echo")};
    assert_int_equal(kit_init(&k, 61, NULL, NULL), 0);
    kit_pump(&k);
    assert_int_equal(nghttp2_session_set_next_stream_id(k.client->session, INT32_MAX - 2), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(k.going_away, 0);
        assert_true(grpc_conn_accepts_calls(k.client));
        assert_int_equal(kit_start(&k, &last[i], &r, NULL), 0);
        assert_int_equal(grpc_stream_send_message(last[i].stream, bytes_of("x")), 0);
        assert_int_equal(grpc_stream_half_close(last[i].stream), 0);
    }
    assert_int_equal(k.going_away, 1);
    assert_int_equal(k.going_away_error, 0);
    assert_false(grpc_conn_accepts_calls(k.client));
    assert_int_equal(kit_start(&k, &refused, &r, NULL), ERROR_CLOSED);
    kit_pump(&k);
    for (size_t i = 0; i < 2; i++) {
        ended(&last[i], GRPC_OK);
        kit_call_deinit(&last[i]);
    }
    assert_true(grpc_conn_done(k.client));
    kit_deinit(&k);
}

static void graceful_drain(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call, next;
    assert_int_equal(kit_init(&k, 59, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Echo"), 0);
    kit_pump(&k);
    grpc_conn_drain(k.server);
    /* A call made before the client could hear of it is still answered. */
    assert_int_equal(kit_start_path(&k, &next, "/kit.Echo/Echo"), 0);
    grpc_stream_send_message(next.stream, bytes_of("crossing"));
    grpc_stream_half_close(next.stream);
    kit_pump(&k);
    ended(&next, GRPC_OK);
    assert_int_equal(k.going_away, 1);
    assert_int_equal(k.going_away_error, 0);
    assert_false(grpc_conn_accepts_calls(k.client));
    struct kit_call refused;
    struct grpc_request r = {.path = bytes_of("/kit.Echo/Echo")};
    assert_int_equal(kit_start(&k, &refused, &r, NULL), ERROR_CLOSED);
    assert_false(grpc_conn_done(k.server));
    grpc_stream_send_message(call.stream, bytes_of("last words"));
    grpc_stream_half_close(call.stream);
    kit_pump(&k);
    ended(&call, GRPC_OK);
    assert_string_equal(text_string(&call.body), "last words");
    assert_true(grpc_conn_done(k.server));
    assert_true(grpc_conn_done(k.client));
    kit_call_deinit(&call);
    kit_call_deinit(&next);
    kit_deinit(&k);

    /* A client that drains only makes no more calls. */
    assert_int_equal(kit_init(&k, 60, NULL, NULL), 0);
    assert_int_equal(kit_start_path(&k, &call, "/kit.Echo/Echo"), 0);
    grpc_conn_drain(k.client);
    assert_false(grpc_conn_accepts_calls(k.client));
    grpc_stream_half_close(call.stream);
    assert_false(grpc_conn_done(k.client));
    kit_pump(&k);
    ended(&call, GRPC_OK);
    assert_true(grpc_conn_done(k.client));
    assert_false(grpc_conn_done(k.server));
    kit_call_deinit(&call);
    kit_deinit(&k);

    /* The peer never answers the PING of the drain: time ends it. */
    assert_int_equal(kit_init(&k, 61, NULL, NULL), 0);
    kit_pump(&k);
    kit_drop_client(&k);
    grpc_conn_drain(k.server);
    kit_pump(&k);
    assert_false(grpc_conn_done(k.server));
    uint64_t at = grpc_conn_wakeup(k.server);
    assert_true(at != UINT64_MAX);
    assert_int_equal(grpc_conn_tick(k.server, at), 0);
    kit_pump(&k);
    assert_true(grpc_conn_done(k.server));
    kit_deinit(&k);
}

/* Callbacks may call anything but free and receive; what they must not do is answered, not obeyed. */
static void reentrant_message(void *arg, struct grpc_stream *s, struct bytes message, size_t cost)
{
    struct kit *k = arg;
    struct text out = TEXT_INIT;
    (void)message;
    assert_int_equal(grpc_conn_send(k->server, &out, 1000), 0);
    assert_int_equal(grpc_conn_receive(k->server, bytes_of("x"), k->now, NULL), ERROR_INVALID);
    grpc_stream_consumed(s, cost);
    assert_int_equal(grpc_stream_finish(s, GRPC_OK, BYTES_NONE, BYTES_NONE, (struct grpc_metadata){NULL, 0}), 0);
    assert_int_equal(grpc_stream_finish(s, GRPC_OK, BYTES_NONE, BYTES_NONE, (struct grpc_metadata){NULL, 0}),
                     ERROR_CLOSED);
    grpc_stream_reset(s, 8);
    text_deinit(&out);
}

static void reentrancy(void **state)
{
    (void)state;
    struct kit k;
    struct kit_call call;
    assert_int_equal(kit_init(&k, 67, NULL, NULL), 0);
    kit_drop_server(&k);
    struct grpc_settings settings;
    struct grpc_events events = kit_server_events;
    grpc_settings_init(&settings, true);
    events.message = reentrant_message;
    assert_int_equal(grpc_conn_new(&settings, &events, &k, k.now, &k.server), 0);
    kit_unary(&k, &call, "/kit.Echo/Echo", bytes_of("x"));
    assert_int_equal(call.finished, 1);
    assert_int_equal(call.closed, 1);
    assert_int_equal(k.server_closed, 1);
    kit_call_deinit(&call);
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary),
        cmocka_unit_test(streams_both_ways),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(metadata),
        cmocka_unit_test(metadata_refused),
        cmocka_unit_test(status_and_details),
        cmocka_unit_test(early_answer),
        cmocka_unit_test(cancel_by_client),
        cmocka_unit_test(reset_by_server),
        cmocka_unit_test(ends_without_trailers),
        cmocka_unit_test(connection_lost),
        cmocka_unit_test(gzip),
        cmocka_unit_test(gzip_bomb),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(client_limits),
        cmocka_unit_test(back_pressure),
        cmocka_unit_test(back_pressure_down),
        cmocka_unit_test(keepalive),
        cmocka_unit_test(late_itself),
        cmocka_unit_test(slow_frames),
        cmocka_unit_test(ping_abuse),
        cmocka_unit_test(ping_strikes_forgiven),
        cmocka_unit_test(rapid_reset),
        cmocka_unit_test(numbers_used_up),
        cmocka_unit_test(graceful_drain),
        cmocka_unit_test(reentrancy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
