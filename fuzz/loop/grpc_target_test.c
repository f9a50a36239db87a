/* Cases through the in-memory gRPC server: what comes back is what a client on a real connection would have got. */
#include "base/test.h"

#include "fuzz/loop/grpc_target.h"
#include "proto/set.h"
#include "wire/grpc.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unary), cmocka_unit_test(test_statuses),
                                       cmocka_unit_test(test_many), cmocka_unit_test(test_cancel_and_raw)};
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
