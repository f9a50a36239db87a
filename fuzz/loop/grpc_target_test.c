/* Cases through the in-memory gRPC server: what comes back is what a client on a real connection would have got. */
#include "base/test.h"

#include "fuzz/loop/grpc_target.h"
#include "proto/set.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/store.Store/Delete"

static struct pb_pool *pool;
static struct fuzz_grpc *grpc;
static struct fuzz_trace trace;
static size_t served;

/* Says what was sent; a message that begins with 'n' is not found. */
static int echo(void *arg, const struct pb_method *method, struct bytes message, struct text *reply)
{
    (void)arg;
    assert_non_null(method);
    served++;
    if (message.len && message.data[0] == 'n')
        return GRPC_NOT_FOUND;
    if (message.len)
        text_add(reply, message.data, message.len);
    return GRPC_OK;
}

static const struct fuzz_grpc_service service_of_all = {.message = echo};
static struct fuzz_grpc_service service;

static void run(const struct fuzz_case *c)
{
    fuzz_trace_clear(&trace);
    served = 0;
    fuzz_grpc_run(grpc, c, &trace);
}

static void add(struct fuzz_case *c, uint8_t kind, uint32_t call, uint16_t flags, const char *name, struct bytes value)
{
    struct fuzz_event e = {.kind = kind, .call = call, .flags = flags};
    assert_true(fuzz_case_add(c, &e, bytes_of(name), value) >= 0);
}

static void test_unary(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    add(&c, EVENT_CALL, 0, 0, PATH, BYTES_NONE);
    add(&c, EVENT_METADATA, 0, 0, "x-a", bytes_of("b"));
    add(&c, EVENT_MESSAGE, 0, 0, "", bytes_of("hello"));
    add(&c, EVENT_HALF_CLOSE, 0, 0, "", BYTES_NONE);
    run(&c);
    assert_int_equal(served, 1);
    assert_int_equal(trace.calls.count, 1);
    assert_int_equal(trace.calls.items[0].status, GRPC_OK);
    assert_int_equal(trace.calls.items[0].replies, 1);
    assert_string_equal(trace.calls.items[0].method->path, PATH);
    assert_true(bytes_is(fuzz_trace_bytes(&trace, trace.replies.items[0].body), "hello"));
    assert_true(trace.bytes_sent > 100 && trace.bytes_received > 30);
    for (int i = 0; i < 100; i++) { /* again and again the same */
        run(&c);
        assert_int_equal(trace.calls.items[0].status, GRPC_OK);
        assert_true(bytes_is(fuzz_trace_bytes(&trace, trace.replies.items[0].body), "hello"));
    }
    fuzz_case_deinit(&c);
}

static int status_of(struct bytes message, uint16_t flags, const char *path, bool end)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    add(&c, EVENT_CALL, 0, 0, path, BYTES_NONE);
    add(&c, EVENT_MESSAGE, 0, flags, "", message);
    if (end)
        add(&c, EVENT_HALF_CLOSE, 0, 0, "", BYTES_NONE);
    run(&c);
    fuzz_case_deinit(&c);
    assert_int_equal(trace.calls.count, 1);
    return trace.calls.items[0].status;
}

static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(status_of(bytes_of("none"), 0, PATH, true), GRPC_NOT_FOUND);
    assert_int_equal(status_of(BYTES_NONE, 0, PATH, true), GRPC_OK);
    assert_int_equal(status_of(bytes_of("x"), 0, "/no.Such/Method", true), GRPC_UNIMPLEMENTED);
    assert_int_equal(status_of(bytes_of("x"), 0, PATH, false), TRACE_NO_STATUS);
    assert_int_not_equal(status_of(bytes_of("hello"), EVENT_LENGTH_LONG, PATH, true), GRPC_OK);
    assert_int_equal(served, 0);
    assert_int_not_equal(status_of(bytes_of("hello"), EVENT_LENGTH_SHORT, PATH, true), GRPC_OK);
    assert_int_not_equal(status_of(bytes_of("hello"), EVENT_FLAG_LIE, PATH, true), GRPC_OK);
    assert_int_equal(served, 0);
    struct text large = TEXT_INIT;
    for (int i = 0; i < 100000; i++)
        text_char(&large, (char)('a' + i % 5));
    assert_int_equal(status_of(text_bytes(&large), 0, PATH, true), GRPC_OK);
    assert_true(bytes_equal(fuzz_trace_bytes(&trace, trace.replies.items[0].body), text_bytes(&large)));
    text_deinit(&large);
}

static void test_many(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    char text[16];
    for (uint32_t i = 0; i < FUZZ_GRPC_CALLS_MAX + 3; i++)
        add(&c, EVENT_CALL, 0, 0, PATH, BYTES_NONE);
    for (uint32_t i = FUZZ_GRPC_CALLS_MAX + 2; i < UINT32_MAX; i--) {
        snprintf(text, sizeof text, "m%u", i);
        add(&c, EVENT_MESSAGE, i, 0, "", bytes_of(text));
        add(&c, EVENT_HALF_CLOSE, i, i % 2 ? EVENT_TRAILERS : 0, "", BYTES_NONE);
        if (i % 4 == 0)
            add(&c, EVENT_MESSAGE, i, 0, "", bytes_of("late")); /* nobody sends after the end */
    }
    run(&c);
    assert_int_equal(trace.calls.count, FUZZ_GRPC_CALLS_MAX);
    for (uint32_t i = 0; i < FUZZ_GRPC_CALLS_MAX; i++) {
        snprintf(text, sizeof text, "m%u", i);
        if (trace.calls.items[i].status == GRPC_OK)
            assert_true(
                bytes_is(fuzz_trace_bytes(&trace, trace.replies.items[trace.calls.items[i].first_reply].body), text));
        assert_true(i % 2 || trace.calls.items[i].status == GRPC_OK);
    }
    fuzz_case_deinit(&c);
}

static void test_cancel_and_raw(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    add(&c, EVENT_CALL, 0, 0, PATH, BYTES_NONE);
    add(&c, EVENT_CANCEL, 0, 0, "", BYTES_NONE);
    add(&c, EVENT_MESSAGE, 0, 0, "", bytes_of("x"));
    run(&c);
    assert_int_equal(trace.calls.items[0].status, TRACE_NO_STATUS);
    assert_int_equal(served, 0);
    add(&c, EVENT_BYTES, 0, 0, "", bytes_of("no frames at all, and many of them"));
    run(&c);
    assert_int_equal(trace.calls.count, 1);
    fuzz_trace_clear(&trace);
    fuzz_grpc_raw(grpc, bytes_of("neither are these"), &trace);
    assert_true(trace.bytes_received > 0);
    fuzz_case_deinit(&c);
}

#define UNARY  PATH
#define SERVER "/store.Store/List"
#define CLIENT "/store.BlobStore/Write"
#define BOTH   "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

static bool reply_is(size_t call, size_t number, const char *text)
{
    const struct trace_call *c = &trace.calls.items[call];
    assert_true(number < c->replies);
    return bytes_is(fuzz_trace_bytes(&trace, trace.replies.items[c->first_reply + number].body), text);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int none, one, three; /* statuses after so many messages */
        uint32_t replies[3];
    } kinds[] = {{UNARY, GRPC_INTERNAL, GRPC_OK, GRPC_INTERNAL, {0, 1, 0}},
                 {SERVER, GRPC_INTERNAL, GRPC_OK, GRPC_INTERNAL, {0, 1, 1}},
                 {CLIENT, GRPC_OK, GRPC_OK, GRPC_OK, {1, 1, 1}},
                 {BOTH, GRPC_OK, GRPC_OK, GRPC_OK, {0, 1, 3}}};
    static const int counts[] = {0, 1, 3};
    static const char *const words[] = {"one", "two", "three"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (size_t n = 0; n < 3; n++) {
            struct fuzz_case c = FUZZ_CASE_INIT;
            add(&c, EVENT_CALL, 0, 0, kinds[i].path, BYTES_NONE);
            for (int m = 0; m < counts[n]; m++)
                add(&c, EVENT_MESSAGE, 0, 0, "", bytes_of(words[m]));
            add(&c, EVENT_HALF_CLOSE, 0, 0, "", BYTES_NONE);
            run(&c);
            assert_int_equal(trace.calls.items[0].status, n == 0   ? kinds[i].none
                                                          : n == 1 ? kinds[i].one
                                                                   : kinds[i].three);
            assert_int_equal(trace.calls.items[0].replies, kinds[i].replies[n]);
            /* The last of a client's stream, each of both. */
            if (n == 2 && i == 2)
                assert_true(reply_is(0, 0, "three"));
            for (size_t m = 0; n == 2 && i == 3 && m < 3; m++)
                assert_true(reply_is(0, m, words[m]));
            fuzz_case_deinit(&c);
        }
}

/* Calls of all kinds at a time, their events in turn; one is cancelled in the middle, one ends by trailers, one never.
 */
static void test_interleaved(void **state)
{
    (void)state;
    static const char *const paths[] = {BOTH, CLIENT, BOTH, BOTH, UNARY};
    struct fuzz_case c = FUZZ_CASE_INIT;
    for (size_t i = 0; i < 5; i++)
        add(&c, EVENT_CALL, 0, 0, paths[i], BYTES_NONE);
    for (uint32_t m = 0; m < 3; m++)
        for (uint32_t i = 0; i < 5; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u.%u", i, m);
            if (i < 4 || m == 0)
                add(&c, EVENT_MESSAGE, i, 0, "", bytes_of(text));
            if (i == 2 && m == 1) {
                add(&c, EVENT_AWAIT, i, 0, "", BYTES_NONE);
                add(&c, EVENT_CANCEL, i, 0, "", BYTES_NONE);
            }
        }
    add(&c, EVENT_HALF_CLOSE, 1, 0, "", BYTES_NONE);
    add(&c, EVENT_HALF_CLOSE, 0, EVENT_TRAILERS, "", BYTES_NONE);
    add(&c, EVENT_HALF_CLOSE, 4, 0, "", BYTES_NONE);
    run(&c);
    assert_int_equal(trace.calls.count, 5);
    assert_int_equal(trace.calls.items[1].status, GRPC_OK);
    assert_true(reply_is(1, 0, "1.2"));
    assert_int_equal(trace.calls.items[2].replies, 2);
    assert_int_equal(trace.calls.items[2].status, TRACE_NO_STATUS);
    assert_true(reply_is(2, 1, "2.1"));
    assert_int_equal(trace.calls.items[3].replies, 3);
    assert_int_equal(trace.calls.items[3].status, TRACE_NO_STATUS);
    assert_int_equal(trace.calls.items[4].status, GRPC_OK);
    assert_true(reply_is(0, 2, "0.2"));
    /* The same in parts, cut anywhere, is the same. */
    uint64_t sent = trace.bytes_sent;
    for (size_t cut = 1; cut < c.events.count; cut++) {
        fuzz_trace_clear(&trace);
        fuzz_grpc_part(grpc, &c, 0, cut, &trace);
        assert_int_equal(trace.calls.count, 0);
        fuzz_grpc_part(grpc, &c, cut, c.events.count, &trace);
        assert_int_equal(trace.calls.count, 5);
        assert_true(trace.bytes_sent >= sent);
        assert_int_equal(trace.calls.items[1].status, GRPC_OK);
        assert_int_equal(trace.calls.items[2].replies, 2);
        assert_int_equal(trace.calls.items[4].status, GRPC_OK);
    }
    fuzz_case_deinit(&c);
}

/* A deadline that comes before the message, between two of them, with the reset, or not at all. */
static void test_deadlines(void **state)
{
    (void)state;
    for (unsigned when = 0; when < 4; when++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_event call = {.kind = EVENT_CALL, .number = 1000000000};
        struct fuzz_event time = {.kind = EVENT_TIME, .number = when == 3 ? 10 : 2000000000};
        assert_true(fuzz_case_add(&c, &call, bytes_of(BOTH), BYTES_NONE) >= 0);
        if (when == 0)
            fuzz_case_add(&c, &time, BYTES_NONE, BYTES_NONE);
        add(&c, EVENT_MESSAGE, 0, 0, "", bytes_of("a"));
        if (when == 2)
            add(&c, EVENT_CANCEL, 0, 0, "", BYTES_NONE);
        if (when > 0)
            fuzz_case_add(&c, &time, BYTES_NONE, BYTES_NONE);
        add(&c, EVENT_MESSAGE, 0, 0, "", bytes_of("b"));
        add(&c, EVENT_HALF_CLOSE, 0, 0, "", BYTES_NONE);
        run(&c);
        static const int statuses[] = {GRPC_DEADLINE_EXCEEDED, GRPC_DEADLINE_EXCEEDED, TRACE_NO_STATUS, GRPC_OK};
        static const size_t messages[] = {0, 1, 0, 2};
        assert_int_equal(trace.calls.items[0].status, statuses[when]);
        if (when != 2)
            assert_int_equal(served, messages[when]);
        fuzz_case_deinit(&c);
    }
}

static void test_compression(void **state)
{
    (void)state;
    struct bytes message = bytes_of("the same the same the same the same the same");
    assert_int_equal(status_of(message, EVENT_COMPRESSED, PATH, true), GRPC_OK);
    assert_true(bytes_equal(fuzz_trace_bytes(&trace, trace.replies.items[0].body), message));
    assert_int_not_equal(status_of(message, EVENT_FLAG_LIE, PATH, true), GRPC_OK);
    assert_int_equal(served, 0);
    /* Compressed and not said so: the handler gets what came. */
    assert_int_equal(status_of(message, EVENT_COMPRESSED | EVENT_FLAG_LIE, PATH, true), GRPC_OK);
    struct bytes packed = fuzz_trace_bytes(&trace, trace.replies.items[0].body);
    assert_true(packed.len > 2 && packed.data && packed.data[0] == 0x1f); /* gzip */
    assert_int_not_equal(status_of(message, EVENT_COMPRESSED | EVENT_LENGTH_SHORT, PATH, true), GRPC_OK);
    assert_int_not_equal(status_of(message, EVENT_COMPRESSED | EVENT_LENGTH_LONG, PATH, true), GRPC_OK);
    assert_int_equal(served, 0);
}

static void test_metadata_and_sizes(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text large = TEXT_INIT;
    add(&c, EVENT_CALL, 0, 0, PATH, BYTES_NONE);
    add(&c, EVENT_METADATA, 0, 0, "x-raw-bin", BYTES("\0\xff\n", 3)); /* bytes that may stand in no other */
    add(&c, EVENT_METADATA, 0, 0, "x-none-bin", BYTES_NONE);
    add(&c, EVENT_MESSAGE, 0, 0, "", BYTES_NONE);
    add(&c, EVENT_HALF_CLOSE, 0, 0, "", BYTES_NONE);
    run(&c);
    assert_int_equal(trace.calls.items[0].status, GRPC_OK);
    assert_int_equal(fuzz_trace_bytes(&trace, trace.replies.items[0].body).len, 0);
    fuzz_case_set_name(&c, 1, bytes_of("x-raw"));
    run(&c);
    assert_int_not_equal(trace.calls.items[0].status, GRPC_OK);
    fuzz_case_deinit(&c);
    assert_true(text_reserve(&large, FUZZ_GRPC_MESSAGE_MAX + 1));
    memset(large.data, 'x', FUZZ_GRPC_MESSAGE_MAX + 1);
    assert_int_equal(status_of(BYTES(large.data, FUZZ_GRPC_MESSAGE_MAX), 0, PATH, true), GRPC_OK);
    assert_int_equal(status_of(BYTES(large.data, FUZZ_GRPC_MESSAGE_MAX + 1), 0, PATH, true), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(status_of(BYTES(large.data, FUZZ_GRPC_MESSAGE_MAX + 1), EVENT_COMPRESSED, PATH, true),
                     GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(served, 0);
    text_deinit(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unary),
                                       cmocka_unit_test(test_statuses),
                                       cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_cancel_and_raw),
                                       cmocka_unit_test(test_kinds),
                                       cmocka_unit_test(test_interleaved),
                                       cmocka_unit_test(test_deadlines),
                                       cmocka_unit_test(test_compression),
                                       cmocka_unit_test(test_metadata_and_sizes)};
    if (pb_pool_new(proto_set(), "set", &pool, NULL))
        return 1;
    service = service_of_all;
    service.pool = pool;
    if (fuzz_grpc_new(&service, &grpc))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fuzz_grpc_free(grpc);
    fuzz_trace_deinit(&trace);
    pb_pool_free(pool);
    return failed;
}
