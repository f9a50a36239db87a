/* What is too large, too deep or too slow, in the simulated world, where minutes pass at once: the stated status comes
 * back, the connection is cut in the stated time, and others are served meanwhile. */
#include "base/test.h"

#include "base/units.h"
#include "tests/system/security_kit.h"
#include "tests/system/security_raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP      "api:8080"
#define GRPC      "helloworld:8100"
#define CALL_PATH "/helloworld.Helloworld/Call"
#define LORIS     50
#define HTTP_HEAD (10 * SECOND) /* docs/gateway.md: a head has so long */
#define HTTP_BODY (30 * SECOND) /* and a body brings 1 KiB a second over each of these */
#define H2_FRAME  (30 * SECOND) /* a frame is complete in the keepalive's time: 20 s and 10 s */
#define SLACK     (2 * SECOND)

static struct security system_;

static void served(void)
{
    const struct security_call call = {
        .address = GRPC, .path = CALL_PATH, .json = "{\"name\":\"x\"}", .timeout = SECOND};
    assert_int_equal(security_status(&system_, &call), GRPC_OK);
    assert_int_equal(security_http(&system_, "GET", "/_health", NULL, NULL, BYTES_NONE, NULL), 200);
}

/* ---- too slow ---- */

/* All of them end by `limit`, and while they last others are served. */
static void cut_by(struct raw *list, size_t count, uint64_t limit)
{
    served();
    for (size_t i = 0; i < count; i++) {
        if (!raw_wait_end(&list[i], limit + SLACK))
            fail_msg("connection %zu still stands after %llu s", i,
                     (unsigned long long)((world_now(list[i].world) - list[i].opened) / SECOND));
        assert_true(list[i].ended_at - list[i].opened <= limit + SLACK);
        raw_close(&list[i]);
    }
    served();
}

static void slow_http(void **state)
{
    static struct raw list[LORIS];
    static const char head[] =
        "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char line[] = "x: y\r\n";
    (void)state;
    for (size_t i = 0; i < LORIS; i++) {
        raw_open(&list[i], system_.world, HTTP);
        if (i % 3 == 0) { /* nothing at all; a byte a second of a head; whole lines, for ever */
            continue;
        } else if (i % 3 == 1) {
            raw_drip(&list[i], head, sizeof head - 1, SECOND);
        } else {
            raw_send(&list[i], "GET / HTTP/1.1\r\n", 16);
            raw_drip(&list[i], line, sizeof line - 1, 200 * MILLISECOND);
        }
    }
    cut_by(list, LORIS, 60 * SECOND); /* the idle ones; the others much sooner: */
    for (size_t i = 0; i < LORIS; i++)
        if (i % 3 != 0)
            assert_true(list[i].ended_at - list[i].opened <= HTTP_HEAD + SLACK);
}

static void slow_body(void **state)
{
    static struct raw list[LORIS];
    static const char head[] = "POST /helloworld/Call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                               "Content-Length: 100000\r\n\r\n{";
    (void)state;
    for (size_t i = 0; i < LORIS; i++) {
        raw_open(&list[i], system_.world, HTTP);
        raw_send(&list[i], head, sizeof head - 1);
        raw_drip(&list[i], " ", 1, SECOND);
    }
    cut_by(list, LORIS, HTTP_BODY);
}

static void slow_http2(void **state)
{
    static struct raw list[LORIS];
    struct text whole = TEXT_INIT, block = TEXT_INIT, data = TEXT_INIT;
    (void)state;
    h2_preface(&whole);
    h2_request(&block, CALL_PATH);
    size_t greeted = whole.len;
    h2_frame(&whole, H2_HEADERS, H2_END_HEADERS, 1, text_string(&block), block.len);
    size_t asked = whole.len;
    char *zeros = calloc(1, 16384);
    h2_frame(&data, H2_DATA, 0, 1, zeros, 16384);
    for (size_t i = 0; i < LORIS; i++) {
        raw_open(&list[i], system_.world, GRPC);
        switch (i % 5) {
        case 0: /* nothing */
            break;
        case 1: /* the preface, a byte a second */
            raw_drip(&list[i], text_string(&whole), whole.len, SECOND);
            break;
        case 2: /* a HEADERS frame, a byte a second */
            raw_send(&list[i], text_string(&whole), greeted);
            raw_drip(&list[i], text_string(&whole) + greeted, asked - greeted, SECOND);
            break;
        case 3: /* a DATA frame, a byte a second */
            raw_send(&list[i], text_string(&whole), asked);
            raw_drip(&list[i], text_string(&data), data.len, SECOND);
            break;
        default: /* greeted, and silent: no PING is answered */
            raw_send(&list[i], text_string(&whole), greeted);
        }
    }
    cut_by(list, LORIS, H2_FRAME);
    free(zeros);
    text_deinit(&whole);
    text_deinit(&block);
    text_deinit(&data);
}

/* ---- too large, over HTTP ---- */

static void http_says(const char *what, const struct text *request, int wanted)
{
    struct raw r;
    raw_open(&r, system_.world, HTTP);
    raw_send(&r, text_string(request), request->len);
    (void)world_sleep(system_.world, (uint64_t)(5 * SECOND));
    if (raw_http_status(&r) != wanted)
        fail_msg("%s: %d, wanted %d: %.200s", what, raw_http_status(&r), wanted, r.head);
    raw_close(&r);
    served();
}

static void fill(struct text *t, char c, size_t count)
{
    assert_true(text_reserve(t, count));
    memset(t->data + t->len, c, count);
    t->len += count;
    t->data[t->len] = '\0';
}

static void large_http(void **state)
{
    struct text t = TEXT_INIT;
    (void)state;
    text_puts(&t, "GET / HTTP/1.1\r\nHost: x\r\nX-Large: ");
    fill(&t, 'a', 100000);
    text_puts(&t, "\r\n\r\n");
    http_says("a header of 100 kB", &t, 431);
    text_clear(&t);
    text_puts(&t, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 10000; i++)
        text_printf(&t, "X-%d: a\r\n", i);
    text_puts(&t, "\r\n");
    http_says("10,000 headers", &t, 431);
    text_clear(&t);
    text_puts(&t, "GET /");
    fill(&t, 'a', 20000);
    text_puts(&t, " HTTP/1.1\r\nHost: x\r\n\r\n");
    http_says("a target of 20 kB", &t, 414);
    text_clear(&t);
    text_puts(&t, "POST /helloworld/Call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Content-Length: 99999999999\r\n\r\n{");
    http_says("a body said to have 100 GB", &t, 413);
    text_clear(&t);
    text_puts(&t, "POST /helloworld/Call HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++) {
        text_puts(&t, "100000\r\n");
        fill(&t, ' ', 0x100000);
        text_puts(&t, "\r\n");
    }
    http_says("chunks of 11 MiB", &t, 413);
    text_clear(&t);
    text_puts(&t, "POST /helloworld/Call HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n\r\n");
    http_says("two lengths", &t, 400);
    text_deinit(&t);
}

static void large_bodies(void **state)
{
    struct text t = TEXT_INIT, answer = TEXT_INIT;
    (void)state;
    fill(&t, '[', 200000);
    assert_int_equal(security_http(&system_, "POST", "/helloworld/Call", NULL, "Content-Type: application/json",
                                   text_bytes(&t), &answer),
                     400);
    text_clear(&t);
    text_puts(&t, "{\"name\":");
    for (int i = 0; i < 100000; i++)
        text_puts(&t, "{\"a\":");
    assert_int_equal(security_http(&system_, "POST", "/helloworld/Call", NULL, "Content-Type: application/json",
                                   text_bytes(&t), &answer),
                     400);
    text_clear(&t); /* 5,000 parts, 1,000 are allowed */
    for (int i = 0; i < 5000; i++)
        text_printf(&t, "--b\r\nContent-Disposition: form-data; name=\"n%d\"\r\n\r\nx\r\n", i);
    text_puts(&t, "--b--\r\n");
    assert_int_equal(security_http(&system_, "POST", "/helloworld/Call", NULL,
                                   "Content-Type: multipart/form-data; boundary=b", text_bytes(&t), &answer),
                     400);
    text_clear(&t); /* one part of 11 MiB */
    text_puts(&t, "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n");
    fill(&t, 'x', (size_t)11 << 20);
    text_puts(&t, "\r\n--b--\r\n");
    assert_int_equal(security_http(&system_, "POST", "/helloworld/Call", NULL,
                                   "Content-Type: multipart/form-data; boundary=b", text_bytes(&t), &answer),
                     413);
    text_clear(&t); /* 5,000 values of a query */
    text_puts(&t, "/helloworld/Call?");
    for (int i = 0; i < 3000; i++)
        text_printf(&t, "a%d&", i % 10);
    assert_int_equal(security_http(&system_, "GET", text_string(&t), NULL, NULL, BYTES_NONE, &answer), 400);
    served();
    text_deinit(&t);
    text_deinit(&answer);
}

/* ---- too large, over gRPC ---- */

static int ask(const char *address, const char *path, struct bytes message, const char *json)
{
    const struct security_call call = {.address = address, .path = path, .message = message, .json = json};
    return security_status(&system_, &call);
}

static void large_messages(void **state)
{
    struct text t = TEXT_INIT;
    (void)state;
    fill(&t, 'x', ((size_t)32 << 20) + 1);
    assert_int_equal(ask(GRPC, CALL_PATH, text_bytes(&t), NULL), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(ask("proxy:8081", CALL_PATH, text_bytes(&t), NULL), GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(ask("network:8443", CALL_PATH, text_bytes(&t), NULL), GRPC_RESOURCE_EXHAUSTED);
    text_clear(&t);
    fill(&t, '[', 200000);
    assert_int_equal(ask(GRPC, CALL_PATH, BYTES_NONE, text_string(&t)), GRPC_INVALID_ARGUMENT);
    text_clear(&t);
    fill(&t, '\x0b', 200000); /* groups inside groups */
    assert_int_equal(ask(GRPC, CALL_PATH, text_bytes(&t), NULL), GRPC_INVALID_ARGUMENT);
    served();
    text_deinit(&t);
}

/* 33 kB that are 33 MiB once they are unpacked. */
static void compressed_bomb(void **state)
{
    struct text t = TEXT_INIT;
    (void)state;
    fill(&t, '\0', (size_t)33 << 20);
    static const char *const doors[] = {GRPC, "proxy:8081", "network:8443"};
    for (size_t i = 0; i < 3; i++) {
        const struct security_call call = {
            .address = doors[i], .path = CALL_PATH, .message = text_bytes(&t), .gzip = true, .timeout = 60 * SECOND};
        assert_int_equal(security_status(&system_, &call), GRPC_RESOURCE_EXHAUSTED);
    }
    served();
    text_deinit(&t);
}

/* By a status; from four times the limit on by a reset, RST_STREAM with ENHANCE_YOUR_CALM, which costs less. */
static bool refused_metadata(int outcome)
{
    return outcome == GRPC_RESOURCE_EXHAUSTED || outcome == 100 + H2_ENHANCE_YOUR_CALM;
}

/* One block of 16 kB that stands for 40 MB of headers: an entry of 4 kB in the table, named 10,000 times. */
static void hpack_bomb(void **state)
{
    struct raw r;
    struct text wire = TEXT_INIT, block = TEXT_INIT;
    char *value = malloc(4000);
    (void)state;
    memset(value, 'a', 4000);
    h2_preface(&wire);
    h2_request(&block, CALL_PATH);
    size_t start = block.len;
    h2_header(&block, "x", value, 4000);
    block.data[start] = 0x40;               /* with indexing: RFC 7541, 6.2.1 */
    fill(&block, (char)(0x80 | 62), 10000); /* the newest entry */
    h2_frame(&wire, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, text_string(&block), block.len);
    assert_true(block.len < 16384);
    raw_open(&r, system_.world, GRPC);
    raw_send(&r, text_string(&wire), wire.len);
    (void)world_sleep(system_.world, (uint64_t)(3 * SECOND));
    assert_true(refused_metadata(raw_h2_outcome(&r)));
    raw_close(&r);
    served();
    free(value);
    text_deinit(&wire);
    text_deinit(&block);
}

/* More metadata than 64 KiB, from a client that minds no limit of its own. */
static void large_metadata(void **state)
{
    struct raw r;
    struct text wire = TEXT_INIT, block = TEXT_INIT;
    (void)state;
    h2_preface(&wire);
    h2_request(&block, CALL_PATH);
    for (int i = 0; i < 10000; i++) {
        char name[16];
        snprintf(name, sizeof name, "x-%d", i);
        h2_header(&block, name, "aaaa", 4);
    }
    for (size_t at = 0; at < block.len; at += 16384) {
        size_t n = block.len - at < 16384 ? block.len - at : 16384;
        h2_frame(&wire, at ? H2_CONTINUATION : H2_HEADERS,
                 (at ? 0 : H2_END_STREAM) | (at + n == block.len ? H2_END_HEADERS : 0), 1, block.data + at, n);
    }
    raw_open(&r, system_.world, GRPC);
    raw_send(&r, text_string(&wire), wire.len);
    (void)world_sleep(system_.world, (uint64_t)(3 * SECOND));
    int outcome = raw_h2_outcome(&r);
    if (!refused_metadata(outcome) && outcome < 200)
        fail_msg("outcome %d", outcome);
    raw_close(&r);
    served();
    text_deinit(&wire);
    text_deinit(&block);
}

static int set_up(void **state)
{
    (void)state;
    security_init(&system_, 9, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    security_deinit(&system_);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_http),       cmocka_unit_test(slow_body),    cmocka_unit_test(slow_http2),
        cmocka_unit_test(large_http),      cmocka_unit_test(large_bodies), cmocka_unit_test(large_messages),
        cmocka_unit_test(compressed_bomb), cmocka_unit_test(hpack_bomb),   cmocka_unit_test(large_metadata),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
