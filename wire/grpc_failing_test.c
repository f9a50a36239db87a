/* Every allocation of a connection's life fails once, nghttp2's and zlib's too: no crash, no leak, no call left
 * hanging. After nghttp2's own failmalloc suite. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/failing.h"
#include "wire/grpc_kit.h"

#include <stdlib.h>
#include <string.h>

static void call_to_its_end(struct kit *k, const char *path, bool gzip, struct bytes message)
{
    struct grpc_header items[] = {
        {bytes_of("x-text"), bytes_of("value")},        {bytes_of("x-raw-bin"), bytes_of("raw")},
        {bytes_of("code"), bytes_of("ABORTED")},        {bytes_of("text-bin"), bytes_of("text")},
        {bytes_of("details-bin"), bytes_of("details")},
    };
    struct grpc_request r = {.path = bytes_of(path), .metadata = {items, 5}, .timeout = 5000, .gzip = gzip};
    struct kit_call call;
    struct error err = ERROR_INIT;
    int rc = kit_start(k, &call, &r, &err);
    error_clear(&err);
    if (rc == 0) {
        grpc_stream_send_message(call.stream, message);
        grpc_stream_half_close(call.stream);
        kit_pump(k);
        if (call.stream)
            grpc_stream_reset(call.stream, 8);
        kit_pump(k);
        if (call.stream)
            kit_drop_client(k); /* the connection failed */
        assert_int_equal(call.finished, 1);
        assert_int_equal(call.closed, 1);
    }
    kit_call_deinit(&call);
}

static void scenario(struct bytes large)
{
    struct kit k;
    static const char *const paths[] = {"/kit.Echo/Echo", "/kit.Echo/Headers", "/kit.Echo/Status", "/kit.Echo/Late"};
    if (kit_init(&k, 1, NULL, NULL) == 0) {
        for (size_t i = 0; i < 4 && k.client; i++)
            call_to_its_end(&k, paths[i], i == 0, bytes_of("a message, a message, a message, a message"));
        if (k.client)
            call_to_its_end(&k, "/kit.Echo/Echo", false, large);
        grpc_conn_drain(k.server);
        kit_pump(&k);
    }
    kit_deinit(&k);
    assert_int_equal(k.requests, k.server_closed);
}

static void walk(void **state)
{
    (void)state;
    static uint8_t data[100000];
    size_t n = 1;
    for (;; n++) {
        failing_arm(n);
        scenario(BYTES(data, sizeof data));
        bool hit = failing_hit();
        failing_disarm();
        if (!hit)
            break;
    }
    print_message("%zu allocations walked\n", n - 1);
    assert_true(n > 100);
}

static void all_from(void **state)
{
    (void)state;
    static uint8_t data[100000];
    for (size_t n = 1;; n++) {
        failing_arm_from(n);
        scenario(BYTES(data, sizeof data));
        bool hit = failing_hit();
        failing_disarm();
        if (!hit)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk),
        cmocka_unit_test(all_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
