/* Operators on the connection: its beginning, its settings, its PINGs, its frames as such. */
#include "fuzz/frames/build.h"

int op_preface_cut(struct frame_build *b)
{
    frame_build_here(b);
    frame_build_connect(b);
    frame_build_bytes(b, BYTES(FRAME_PREFACE, 10));
    b->no_ping = true;
    return 0;
}

int op_preface_wrong(struct frame_build *b)
{
    frame_build_here(b);
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of("PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n"));
    frame_build_settings(b);
    return 0;
}

int op_preface_twice(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_bytes(b, bytes_of(FRAME_PREFACE));
    b->no_ping = true; /* its first bytes are the head of a frame of five megabytes */
    return 0;
}

static int http1(struct frame_build *b, const char *request)
{
    frame_build_here(b);
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of(request));
    b->no_ping = true;
    return 0;
}

int op_http1_upgrade(struct frame_build *b)
{
    return http1(b, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
}

int op_http1_two_lengths(struct frame_build *b)
{
    return http1(b, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n"
                    "Content-Length: 6\r\n\r\n12345");
}

int op_http1_chunk_endless(struct frame_build *b)
{
    return http1(b, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/grpc\r\n"
                    "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n12345");
}

int op_tls_hello(struct frame_build *b)
{
    static const char hello[] = "\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03"
                                "0123456789abcdef0123456789abcdef"
                                "\x00\x00\x02\x13\x01\x01\x00\x00\x02\x00\x00";
    frame_build_here(b);
    frame_build_connect(b);
    frame_build_bytes(b, BYTES(hello, sizeof hello - 1));
    b->no_ping = true;
    return 0;
}

int op_settings_missing(struct frame_build *b)
{
    frame_build_here(b);
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of(FRAME_PREFACE));
    frame_build_call(b, b->plan->path, 1, true);
    return 0;
}

int op_settings_ack_unasked(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    for (int i = 0; i < 3; i++)
        frame_build_frame(b, FRAME_SETTINGS, FRAME_ACK, 0, BYTES_NONE);
    return 0;
}

static void one_settings(struct frame_build *b, uint32_t i)
{
    (void)i;
    frame_put_head(&b->text, 0, FRAME_SETTINGS, 0, 0);
}

int op_settings_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_settings);
    return 0;
}

/* What is answered has nowhere to go, and has to be kept until the client thinks better of it. */
int op_slow_reader(struct frame_build *b)
{
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of(FRAME_PREFACE));
    frame_put_setting(&b->text, FRAME_SETTING_WINDOW, 0);
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, text_bytes(&b->text));
    text_clear(&b->text);
    frame_build_pause(b, FRAMES_PAUSE);
    frame_build_frame(b, FRAME_SETTINGS, FRAME_ACK, 0, BYTES_NONE);
    frame_build_here(b);
    for (uint32_t i = 0; i < b->repeat / 20 + (b->repeat < 20); i++) {
        frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, b->next, frame_build_plain_block(b, b->plan->path, ""));
        frame_put_head(&b->text, (uint32_t)b->plan->message.len + 5, FRAME_DATA, FRAME_END_STREAM, b->next);
        frame_put_message(&b->text, b->plan->message);
        b->next += 2;
    }
    frame_build_flush(b);
    frame_build_pause(b, FRAMES_PAUSE);
    b->no_call = true; /* nobody could answer it */
    return 0;
}

int op_half_open(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    frame_build_frame(b, FRAME_DATA, 0, 1, BYTES_NONE);
    frame_build_shut(b);
    b->no_ping = true;
    return 0;
}

static void one_window_flip(struct frame_build *b, uint32_t i)
{
    frame_put_head(&b->text, 6, FRAME_SETTINGS, 0, 0);
    frame_put_setting(&b->text, FRAME_SETTING_WINDOW, i & 1 ? FRAME_WINDOW : FRAME_WINDOW + 1);
}

/* Each flip is work for every stream that is open. */
int op_settings_window_flips(struct frame_build *b)
{
    frame_build_hello(b);
    for (uint32_t i = 0; i < 64; i++)
        frame_build_call(b, frame_build_hold_path(b), 1 + 2 * i, false);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_window_flip);
    return 0;
}

static void one_table_flip(struct frame_build *b, uint32_t i)
{
    frame_put_head(&b->text, 6, FRAME_SETTINGS, 0, 0);
    frame_put_setting(&b->text, FRAME_SETTING_TABLE_SIZE, i & 1 ? BLOCK_TABLE_MAX : 0);
}

int op_settings_table_flips(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, b->plan->path, 1, true); /* something is in the table */
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_table_flip);
    return 0;
}

/* Windows may become negative (6.9.2); the answer must then wait. */
int op_settings_window_lowered(struct frame_build *b)
{
    struct text payload = TEXT_INIT;
    frame_build_hello(b);
    frame_build_call(b, b->plan->path, 1, false);
    frame_build_here(b);
    frame_put_setting(&payload, FRAME_SETTING_WINDOW, 0);
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, text_bytes(&payload));
    frame_build_there(b);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    frame_build_pause(b, FRAMES_PAUSE);
    text_clear(&payload);
    frame_build_here(b);
    frame_put_setting(&payload, FRAME_SETTING_WINDOW, FRAME_WINDOW);
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, text_bytes(&payload));
    int rc = text_ok(&payload) ? 0 : ERROR_MEMORY;
    text_deinit(&payload);
    return rc;
}

static void one_ping(struct frame_build *b, uint32_t i)
{
    frame_put_head(&b->text, 8, FRAME_PING, 0, 0);
    frame_put_number(&b->text, i);
    frame_put_number(&b->text, ~i);
}

int op_ping_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_ping);
    return 0;
}

static void zeros(struct text *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_char(out, '\0');
}

int op_frame_too_long(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    zeros(&b->text, FRAME_PAYLOAD_MAX + 1);
    frame_build_frame(b, FRAME_DATA, 0, 1, text_bytes(&b->text));
    text_clear(&b->text);
    return 0;
}

int op_frame_head_huge(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_put_head(&b->text, FRAME_LENGTH_MAX, FRAME_HEADERS, FRAME_END_HEADERS, 1);
    text_puts(&b->text, "a few bytes of it");
    frame_build_flush(b);
    b->no_ping = true;
    return 0;
}

int op_frame_cut(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_put_head(&b->text, 8, FRAME_PING, 0, 0);
    text_puts(&b->text, "half");
    frame_build_flush(b);
    b->no_ping = true;
    return 0;
}

static void one_unknown(struct frame_build *b, uint32_t i)
{
    frame_put_head(&b->text, 0, (uint8_t)(0xb0 + i % 16), (uint8_t)(i & 0xff), i % 7);
}

int op_frame_unknown_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_unknown);
    return 0;
}

int op_goaway_then_call(struct frame_build *b)
{
    static const char payload[8] = {0};
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_frame(b, FRAME_GOAWAY, 0, 0, BYTES(payload, sizeof payload));
    frame_build_call(b, b->plan->path, 1, true);
    return 0;
}
