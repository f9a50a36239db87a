/* Operators on the connection: its beginning, its settings, its PINGs, its frames as such. */
#include "fuzz/frames/build.h"
#include "fuzz/gateway/gateway.h"

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

/* What speaks another protocol: the requests are those HTTP doors get (fuzz/gateway). */
static int foreign(struct frame_build *b, const char *operator)
{
    static const struct gateway_base base = {.path = "/", .host = "localhost", .json = "{}"};
    struct gateway_request request = {.op = NULL};
    struct random none = {{0}}; /* whole requests have nothing to be drawn */
    bool made = gateway_make(&none, &base, gateway_operator_find(bytes_of(operator)), &request);
    int rc = made && text_ok(&request.raw) ? 0 : ERROR_MEMORY;
    frame_build_here(b);
    frame_build_connect(b);
    if (rc == 0)
        frame_build_bytes(b, text_bytes(&request.raw));
    b->no_ping = true;
    gateway_request_deinit(&request);
    return rc;
}

int op_http1_upgrade(struct frame_build *b)
{
    return foreign(b, "upgrade-h2c");
}

int op_http1_two_lengths(struct frame_build *b)
{
    return foreign(b, "length-two");
}

int op_http1_chunk_endless(struct frame_build *b)
{
    return foreign(b, "chunk-huge");
}

int op_tls_hello(struct frame_build *b)
{
    return foreign(b, "tls-hello");
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

/* A greeting after which nothing may be sent to us on any stream. */
static void hello_without_window(struct frame_build *b)
{
    frame_build_connect(b);
    frame_build_bytes(b, bytes_of(FRAME_PREFACE));
    frame_put_setting(&b->text, FRAME_SETTING_WINDOW, 0);
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, text_bytes(&b->text));
    text_clear(&b->text);
    frame_build_pause(b, FRAMES_PAUSE);
    frame_build_frame(b, FRAME_SETTINGS, FRAME_ACK, 0, BYTES_NONE);
}

static void put_call(struct frame_build *b, const char *path, struct bytes message)
{
    frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, b->next, frame_build_plain_block(b, path, ""));
    frame_put_head(&b->text, (uint32_t)message.len + 5, FRAME_DATA, FRAME_END_STREAM, b->next);
    frame_put_message(&b->text, message);
    b->next += 2;
}

/* What is answered has nowhere to go, and has to be kept until the client thinks better of it. */
int op_slow_reader(struct frame_build *b)
{
    hello_without_window(b);
    frame_build_here(b);
    for (uint32_t i = 0; i < b->repeat / 20 + (b->repeat < 20); i++)
        put_call(b, b->plan->path, b->plan->message);
    frame_build_flush(b);
    frame_build_pause(b, FRAMES_PAUSE);
    b->no_call = true; /* nobody could answer it */
    return 0;
}

#define LARGE_CALLS_FEW  12
#define LARGE_CALLS_MANY 70 /* together more than a connection's queues should hold */

/* Where none is known the plain call stands for it, which fits less well. */
static const char *large_path(const struct frame_build *b)
{
    return b->plan->large_path != NULL ? b->plan->large_path : b->plan->path;
}

static struct bytes large_message(const struct frame_build *b)
{
    return b->plan->large_path != NULL ? b->plan->large_message : b->plan->message;
}

static void put_window(struct frame_build *b, uint32_t stream, uint32_t by)
{
    frame_put_head(&b->text, 4, FRAME_WINDOW_UPDATE, 0, stream);
    frame_put_number(&b->text, by);
}

/* Calls with long answers, and a client that takes nothing for a while. */
static void begin_large(struct frame_build *b, uint32_t calls)
{
    hello_without_window(b);
    for (uint32_t i = 0; i < calls; i++)
        put_call(b, large_path(b), large_message(b));
    frame_build_flush(b);
    frame_build_pause(b, FRAMES_PAUSE);
}

/* Then takes all of one answer: whoever was told to wait must be told to go on, however much the others hold. First it
 * gets a little, so that it is woken with much in its queue and with nothing. */
int op_reader_stops(struct frame_build *b)
{
    begin_large(b, LARGE_CALLS_MANY);
    frame_build_here(b);
    uint32_t subject = b->next;
    frame_build_headers(b, large_path(b), NULL, subject, FRAME_END_HEADERS, 0);
    frame_build_message(b, subject, FRAME_END_STREAM, large_message(b));
    frame_build_pause(b, FRAMES_PAUSE);
    put_window(b, 0, FRAME_WINDOW_MAX - FRAME_WINDOW);
    put_window(b, subject, 1000);
    frame_build_flush(b);
    frame_build_pause(b, FRAMES_PAUSE);
    put_window(b, subject, FRAME_WINDOW_MAX / 2);
    frame_build_flush(b);
    b->no_call = true; /* the subject is one */
    return 0;
}

/* Then takes a little of each and leaves it in the same breath: a third after it was woken, the others meanwhile. */
int op_reader_leaves(struct frame_build *b)
{
    begin_large(b, LARGE_CALLS_FEW);
    frame_build_here(b);
    put_window(b, 0, FRAME_WINDOW_MAX - FRAME_WINDOW);
    for (uint32_t id = 1; id < b->next; id += 2) {
        put_window(b, id, id % 3 == 0 ? 1000 : FRAME_WINDOW_MAX / 4);
        if (id % 3 == 1)
            continue;
        frame_put_head(&b->text, 4, FRAME_RST_STREAM, 0, id);
        frame_put_number(&b->text, H2_CANCEL);
    }
    frame_build_flush(b);
    for (uint32_t id = 1; id < b->next; id += 2) {
        frame_put_head(&b->text, 4, FRAME_RST_STREAM, 0, id);
        frame_put_number(&b->text, H2_CANCEL);
    }
    frame_build_flush(b);
    frame_build_there(b);
    frame_put_head(&b->text, 6, FRAME_SETTINGS, 0, 0);
    frame_put_setting(&b->text, FRAME_SETTING_WINDOW, FRAME_WINDOW); /* for the probe */
    frame_build_flush(b);
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

static void table_size(struct frame_build *b, uint32_t size)
{
    struct text payload = TEXT_INIT;
    frame_put_setting(&payload, FRAME_SETTING_TABLE_SIZE, size);
    frame_build_frame(b, FRAME_SETTINGS, 0, 0, text_bytes(&payload));
    if (!text_ok(&payload))
        b->rc = ERROR_MEMORY;
    text_deinit(&payload);
    frame_build_pause(b, FRAMES_PAUSE);
}

/* Calls before, so that the peer's table holds something, and behind each size. Who goes on as before speaks of entries
 * that are gone. */
int op_settings_table_lowered(struct frame_build *b)
{
    static const uint32_t sizes[] = {100, 0};
    uint32_t id = 1;
    frame_build_hello(b);
    for (; id < 7; id += 2)
        frame_build_call(b, b->plan->path, id, true);
    frame_build_pause(b, FRAMES_PAUSE);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++, id += 2) {
        frame_build_here(b);
        table_size(b, sizes[i]);
        frame_build_there(b);
        frame_build_call(b, b->plan->path, id, true);
        frame_build_pause(b, FRAMES_PAUSE);
    }
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
