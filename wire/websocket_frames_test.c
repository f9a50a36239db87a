/* The rules of the WebSocket handshake by table, and frames: what the RFC's examples say, and what breaks the rules. */
#include "base/failing.h"
#include "wire/websocket_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- handshake ---- */

struct parsed {
    bool client; /* parse an answer */
    const char *key;
    char accept[WS_ACCEPT_SIZE];
    int rc, status;
    const char *why;
};

static void on_head(void *arg, const struct http1_head *head)
{
    struct parsed *p = arg;
    p->why = "";
    if (p->client)
        p->rc = ws_check_answer(head, p->key, &p->why) ? 0 : ERROR_PROTOCOL;
    else
        p->rc = ws_check_request(head, p->accept, &p->status, &p->why);
}

static void on_body(void *arg, struct bytes piece)
{
    (void)arg;
    (void)piece;
}

static void on_complete(void *arg)
{
    (void)arg;
}

static void check(struct parsed *p, const char *message)
{
    static const struct http1_events events = {on_head, on_body, on_complete};
    struct http1_parser *parser = NULL;
    p->rc = 1;
    assert_int_equal(http1_parser_new(p->client, 1000, &events, p, &parser), 0);
    assert_int_equal(http1_parser_feed(parser, bytes_of(message), NULL, NULL), 0);
    assert_int_not_equal(p->rc, 1);
    http1_parser_free(parser);
}

#define UP  "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define GET "GET /chat HTTP/1.1\r\nHost: a\r\n"

static void test_requests(void **state)
{
    static const struct {
        const char *request;
        int status; /* 0: fine */
    } rows[] = {
        {GET UP KEY V13 "\r\n", 0},
        {GET UP KEY V13 "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 0},
        {GET "Upgrade: WebSocket\r\nConnection: upgrade\r\n" KEY V13 "\r\n", 0},
        {"POST /chat HTTP/1.1\r\nHost: a\r\n" UP KEY V13 "\r\n", 405},
        {"GET /chat HTTP/1.0\r\nHost: a\r\n" UP KEY V13 "\r\n", 400},
        {GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n", 400},
        {GET "Upgrade: websocket\r\n" KEY V13 "\r\n", 400},
        {GET UP KEY "\r\n", 426},
        {GET UP KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
        {GET UP KEY V13 V13 "\r\n", 426},
        {GET UP V13 "\r\n", 400},
        {GET UP KEY KEY V13 "\r\n", 400},
        {GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n", 400},
        {GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n\r\n", 400},
        {GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n", 400},
        {GET UP KEY V13 "Content-Length: 1\r\n\r\nx", 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p = {0};
        check(&p, rows[i].request);
        if (p.rc != (rows[i].status ? ERROR_PROTOCOL : 0) || p.status != rows[i].status)
            fail_msg("row %zu: %d, status %d: %s", i, p.rc, p.status, p.why);
        if (p.rc == 0)
            assert_string_equal(p.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455, 1.3 */
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *answer;
        bool fine;
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\n" UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", true},
        {"HTTP/1.1 101 Switching Protocols\r\n" UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n", false},
        {"HTTP/1.1 101 Switching Protocols\r\n" UP "\r\n", false},
        {"HTTP/1.1 200 OK\r\n" UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nContent-Length: 0\r\n\r\n",
         false},
        {"HTTP/1.1 101 Switching Protocols\r\n" UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
         "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parsed p = {.client = true, .key = "dGhlIHNhbXBsZSBub25jZQ=="};
        check(&p, rows[i].answer);
        if ((p.rc == 0) != rows[i].fine)
            fail_msg("row %zu: %s", i, p.why);
    }
}

/* ---- frames ---- */

struct end {
    struct ws_frames *frames;
    struct text got; /* messages, each behind "t" or "b" and before "|" */
    int code;
};

static void on_message(void *arg, bool text, struct bytes message)
{
    struct end *e = arg;
    text_char(&e->got, text ? 't' : 'b');
    text_add(&e->got, message.data, message.len);
    text_char(&e->got, '|');
}

static void on_closed(void *arg, int code, struct bytes reason)
{
    struct end *e = arg;
    assert_int_equal(e->code, 0); /* once */
    e->code = code;
    text_printf(&e->got, "closed %d %.*s", code, (int)reason.len, reason.len ? (const char *)reason.data : "");
}

static void mask(void *arg, uint8_t *out, size_t len)
{
    (void)arg;
    memset(out, 0x5a, len);
}

static int end_init(struct end *e, bool client, size_t message_max)
{
    static const struct ws_events events = {on_message, on_closed};
    const struct ws_options options = {.client = client, .message_max = message_max, .mask = mask};
    *e = (struct end){0};
    return ws_frames_new(&options, &events, e, &e->frames);
}

static void end_deinit(struct end *e)
{
    ws_frames_free(e->frames);
    text_deinit(&e->got);
}

static void test_frames(void **state)
{
    struct end client, server;
    struct text up = TEXT_INIT, down = TEXT_INIT;
    (void)state;
    assert_int_equal(end_init(&client, true, 0), 0);
    assert_int_equal(end_init(&server, false, 0), 0);
    assert_int_equal(ws_frames_send(client.frames, true, bytes_of("Hello"), &up), 0);
    assert_int_equal(ws_frames_send(client.frames, false, bytes_of("\x01\x02"), &up), 0);
    assert_int_equal(ws_frames_ping(client.frames, &up), 0);
    for (size_t i = 0; i < up.len; i++) /* however it is cut */
        assert_int_equal(ws_frames_receive(server.frames, BYTES(up.data + i, 1), &down), 0);
    assert_string_equal(text_string(&server.got), "tHello|b\x01\x02|");
    assert_memory_equal(down.data, "\x8a\x00", 2); /* the pong */
    text_clear(&down);
    assert_int_equal(ws_frames_send(server.frames, true, bytes_of("Hello"), &down), 0);
    assert_memory_equal(down.data, "\x81\x05Hello", 7); /* RFC 6455, 5.7 */
    assert_int_equal(ws_frames_close(server.frames, WS_NORMAL, "bye", &down), 0);
    assert_int_equal(ws_frames_send(server.frames, true, bytes_of("x"), &down), ERROR_CLOSED);
    text_clear(&up);
    assert_int_equal(ws_frames_receive(client.frames, text_bytes(&down), &up), 0);
    assert_string_equal(text_string(&client.got), "tHello|closed 1000 bye");
    assert_true(ws_frames_over(client.frames));
    assert_false(ws_frames_over(server.frames));
    assert_int_equal(ws_frames_receive(server.frames, text_bytes(&up), &down), 0);
    assert_true(ws_frames_over(server.frames));
    end_deinit(&client);
    end_deinit(&server);
    text_deinit(&up);
    text_deinit(&down);
}

/* Masked with zeroes, so that they can be read here. */
#define M "\0\0\0\0"
static void test_bad_frames(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int code, rc;
    } rows[] = {
        {"\x81\x05Hello", 7, WS_PROTOCOL_ERROR, ERROR_PROTOCOL},       /* not masked */
        {"\xc1\x85" M "Hello", 11, WS_PROTOCOL_ERROR, ERROR_PROTOCOL}, /* a reserved bit */
        {"\x83\x80" M, 6, WS_PROTOCOL_ERROR, ERROR_PROTOCOL},          /* a reserved opcode */
        {"\x80\x81" M "x", 7, WS_PROTOCOL_ERROR, ERROR_PROTOCOL},      /* a continuation of nothing */
        {"\x09\x80" M, 6, WS_PROTOCOL_ERROR, ERROR_PROTOCOL},          /* a ping in pieces */
        {"\x81\x82" M "\xc3\x28", 8, WS_INVALID_DATA, ERROR_PROTOCOL}, /* not UTF-8 */
        {"\x81\xfe\x20\x00" M "x", 9, WS_TOO_BIG, ERROR_LIMIT},        /* 8192 bytes to come */
        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" M "x", 15, WS_PROTOCOL_ERROR,
         ERROR_PROTOCOL},                            /* a negative length */
        {"\x88\x81" M "x", 7, WS_PROTOCOL_ERROR, 0}, /* half a close code */
        {"\x88\x82" M "\x03\xe8", 8, WS_NORMAL, 0},
        {"\x88\x80" M, 6, WS_NO_STATUS, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct end server;
        struct text out = TEXT_INIT;
        assert_int_equal(end_init(&server, false, 4096), 0);
        int rc = ws_frames_receive(server.frames, BYTES(rows[i].bytes, rows[i].len), &out);
        if (rc != rows[i].rc || server.code != rows[i].code)
            fail_msg("row %zu: %d, %s", i, rc, text_string(&server.got));
        assert_true(out.len >= 2 && (uint8_t)out.data[0] == 0x88); /* told by a close frame */
        end_deinit(&server);
        text_deinit(&out);
    }
}

static void test_fragments(void **state)
{
    struct end server;
    struct text out = TEXT_INIT;
    (void)state;
    assert_int_equal(end_init(&server, false, 0), 0);
    assert_int_equal(ws_frames_receive(server.frames, BYTES("\x01\x81" M "a", 7), &out), 0);
    for (int i = 1; i < WS_FRAGMENTS_MAX; i++)
        assert_int_equal(ws_frames_receive(server.frames, BYTES("\x00\x81" M "b", 7), &out), 0);
    assert_int_equal(server.got.len, 0);
    assert_int_equal(ws_frames_receive(server.frames, BYTES("\x00\x81" M "b", 7), &out), ERROR_LIMIT);
    assert_int_equal(server.code, WS_POLICY);
    end_deinit(&server);
    text_deinit(&out);
}

static void test_out_of_memory(void **state)
{
    bool hit = true;
    size_t n = 1;
    (void)state;
    for (; hit; n++) {
        struct end server;
        struct text out = TEXT_INIT;
        failing_arm(n);
        int rc = end_init(&server, false, 0);
        if (rc == 0)
            rc = ws_frames_receive(server.frames, BYTES("\x01\x81" M "a\x80\x81" M "b\x89\x80" M, 20), &out);
        if (rc == 0)
            rc = ws_frames_send(server.frames, true, bytes_of("answer"), &out);
        hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || rc == ERROR_MEMORY);
        if (!hit)
            assert_string_equal(text_string(&server.got), "tab|");
        end_deinit(&server);
        text_deinit(&out);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests),  cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_frames),    cmocka_unit_test(test_bad_frames),
                                       cmocka_unit_test(test_fragments), cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
