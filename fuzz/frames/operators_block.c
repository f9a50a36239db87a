/* Operators on header blocks: HPACK, and CONTINUATION. */
#include "fuzz/frames/build.h"

#define BOMB_VALUE  3900  /* bytes: nearly the whole table in one entry */
#define BOMB_BLOCKS 20    /* streams */
#define BOMB_MAX    16000 /* references, a byte each: a frame's worth */

/* A call whose block ends in the defect. A block that breaks off takes the rest of the connection with it. */
static int bad_block(struct frame_build *b, const char *defect)
{
    struct text lines = TEXT_INIT;
    frame_build_hello(b);
    frame_build_here(b);
    text_puts(&lines, ":method: POST\n:scheme: http\n:path: @\n:authority: $\n"
                      "content-type: application/grpc\nte: trailers\n!bad ");
    text_puts(&lines, defect);
    text_char(&lines, '\n');
    int rc = text_ok(&lines) ? 0 : ERROR_MEMORY;
    if (rc == 0)
        frame_build_headers(b, b->plan->path, text_string(&lines), 1, FRAME_END_HEADERS, 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    text_deinit(&lines);
    return rc;
}

#define BAD_BLOCK(function, defect)                                                                                    \
    int function(struct frame_build *b)                                                                                \
    {                                                                                                                  \
        return bad_block(b, defect);                                                                                   \
    }
BAD_BLOCK(op_hpack_index_zero, "index-zero")
BAD_BLOCK(op_hpack_index_far, "index-far")
BAD_BLOCK(op_hpack_name_index_far, "name-index-far")
BAD_BLOCK(op_hpack_integer_huge, "integer-huge")
BAD_BLOCK(op_hpack_integer_endless, "integer-endless")
BAD_BLOCK(op_hpack_integer_cut, "integer-cut")
BAD_BLOCK(op_hpack_integer_overlong, "integer-overlong")
BAD_BLOCK(op_hpack_resize_over, "resize-over")
BAD_BLOCK(op_hpack_resize_late, "resize-late")
BAD_BLOCK(op_hpack_string_cut, "string-cut")
BAD_BLOCK(op_hpack_huffman_eos, "huffman-eos")
BAD_BLOCK(op_hpack_huffman_padding_zero, "huffman-padding-zero")
BAD_BLOCK(op_hpack_huffman_padding_long, "huffman-padding-long")

/* All of it is right; a decoder that gets one of these wrong answers COMPRESSION_ERROR to the next call. */
int op_hpack_every_form(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path,
                        "!resize 0\n!resize 4096\n:method: POST\n!huffman on\n:scheme: http\n!mode never\n:path: @\n"
                        "!mode incremental\n:authority: $\n!huffman off\ncontent-type: application/grpc\n"
                        "!mode without\nte: trailers\n!mode incremental\nx-a: 1\nx-a: 2\nx-empty: \n!huffman on\n"
                        "x-a: three\n!mode auto\nx-a: 1\nx-a: 2\nx-a: three\n",
                        1, headers_number(FRAME_END_HEADERS | FRAME_PADDED | FRAME_WITH_PRIORITY, 7, 40, 0), 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    return 0;
}

static void bomb_entry(struct frame_build *b, struct text *lines)
{
    (void)b;
    text_puts(lines, "!mode incremental\nx-bomb: ");
    for (int i = 0; i < BOMB_VALUE; i++)
        text_char(lines, 'b');
    text_char(lines, '\n');
}

static int bomb(struct frame_build *b, uint32_t streams, uint32_t repeats)
{
    struct text lines = TEXT_INIT;
    frame_build_hello(b);
    frame_build_here(b);
    for (uint32_t i = 0; i < streams; i++) {
        text_clear(&lines);
        text_puts(&lines, "!mode without\n:method: POST\n:scheme: http\n:path: @\n:authority: $\n"
                          "content-type: application/grpc\n");
        if (i == 0)
            bomb_entry(b, &lines);
        text_puts(&lines, "!mode auto\n!hex ");
        for (uint32_t n = 0; n < repeats; n++)
            text_puts(&lines, "be"); /* index 62: the newest entry */
        text_char(&lines, '\n');
        if (!text_ok(&lines))
            break;
        frame_build_headers(b, b->plan->path, text_string(&lines), 1 + 2 * i, FRAME_END_HEADERS | FRAME_END_STREAM, 0);
    }
    int rc = text_ok(&lines) ? 0 : ERROR_MEMORY;
    text_deinit(&lines);
    return rc;
}

static uint32_t references(const struct frame_build *b, uint32_t times)
{
    return b->repeat < BOMB_MAX / times ? b->repeat * times : BOMB_MAX;
}

int op_hpack_bomb(struct frame_build *b)
{
    return bomb(b, 1, references(b, 6));
}

int op_hpack_bomb_streams(struct frame_build *b)
{
    return bomb(b, BOMB_BLOCKS, references(b, 8));
}

int op_hpack_resize_flood(struct frame_build *b)
{
    struct text lines = TEXT_INIT;
    frame_build_hello(b);
    frame_build_here(b);
    for (uint32_t i = 0; i < 2 * b->repeat; i++)
        text_puts(&lines, i & 1 ? "!hex 3fe11f\n" : "!hex 20\n"); /* 4096, 0 */
    text_puts(&lines, ":method: POST\n:scheme: http\n:path: @\n:authority: $\ncontent-type: application/grpc\n");
    int rc = text_ok(&lines) ? 0 : ERROR_MEMORY;
    if (rc == 0)
        frame_build_headers(b, b->plan->path, text_string(&lines), 1, FRAME_END_HEADERS, 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    text_deinit(&lines);
    return rc;
}

/* ---- CONTINUATION ----------------------------------------------------------------------------------------------- */

/* The first half of a call's block, END_HEADERS yet to come. */
static struct bytes half_a_call(struct frame_build *b, uint32_t stream)
{
    struct bytes block = frame_build_plain_block(b, b->plan->path, "");
    size_t half = block.len / 2;
    frame_put(&b->text, FRAME_HEADERS, 0, stream, BYTES(block.data, half));
    return BYTES(block.data + half, block.len - half);
}

int op_continuation_other_stream(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    struct bytes rest = half_a_call(b, 1);
    frame_put(&b->text, FRAME_CONTINUATION, FRAME_END_HEADERS, 3, rest);
    frame_build_flush(b);
    return 0;
}

static int interrupted(struct frame_build *b, uint8_t type)
{
    frame_build_hello(b);
    frame_build_here(b);
    struct bytes rest = half_a_call(b, 1);
    frame_put(&b->text, type, 0, 0, BYTES("12345678", 8));
    frame_put(&b->text, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, rest);
    frame_build_flush(b);
    return 0;
}

int op_continuation_interrupted(struct frame_build *b)
{
    return interrupted(b, FRAME_PING);
}

int op_continuation_unknown_between(struct frame_build *b)
{
    return interrupted(b, 0xbe);
}

int op_headers_held(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    (void)half_a_call(b, 1);
    frame_build_flush(b);
    b->no_ping = true;
    return 0;
}

static void one_continuation(struct frame_build *b, uint32_t i)
{
    struct block_encoder encoder;
    (void)i;
    struct text *block = &b->block;
    text_clear(block);
    block_init(&encoder);
    encoder.mode = BLOCK_WITHOUT;
    block_field(&encoder, bytes_of("x-more"), bytes_of("and more, and more, and more, and more, and more"), block);
    frame_put(&b->text, FRAME_CONTINUATION, 0, 1, text_bytes(block));
}

/* The run is never ended: the other side must neither keep all of it nor listen for ever. */
int op_continuation_endless(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    struct bytes block = frame_build_plain_block(b, b->plan->path, "");
    frame_put(&b->text, FRAME_HEADERS, 0, 1, block);
    frame_build_flood(b, b->repeat, one_continuation);
    b->no_ping = true;
    return 0;
}

static void one_empty_continuation(struct frame_build *b, uint32_t i)
{
    if (i == 0)
        frame_put(&b->text, FRAME_HEADERS, FRAME_END_STREAM, 1, frame_build_plain_block(b, b->plan->path, ""));
    frame_put_head(&b->text, 0, FRAME_CONTINUATION, i + 1 == b->repeat ? FRAME_END_HEADERS : 0, 1);
}

int op_continuation_empty_run(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_flood(b, b->repeat, one_empty_continuation);
    b->next = 3;
    return 0;
}

/* Beyond what any defence lets pass. */
static void one_of_many(struct frame_build *b, uint32_t i)
{
    (void)i;
    frame_put_head(&b->text, 0, FRAME_CONTINUATION, 0, 1);
}

int op_continuation_empty_long(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_put(&b->text, FRAME_HEADERS, 0, 1, frame_build_plain_block(b, b->plan->path, ""));
    frame_build_flood(b, b->repeat * FRAMES_LONG, one_of_many);
    frame_build_frame(b, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, BYTES_NONE);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    b->next = 3;
    return 0;
}

/* A call in a few pieces, as proxies may cut it. */
int op_continuation_pieces(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(b, b->plan->path, NULL, 1, headers_number(FRAME_END_HEADERS, 0, 30, 0), 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    return 0;
}

int op_metadata_huge(struct frame_build *b)
{
    frame_build_hello(b);
    frame_build_here(b);
    frame_build_headers(
        b, b->plan->path,
        "!mode without\n:method: POST\n:scheme: http\n:path: @\n:authority: $\n"
        "content-type: application/grpc\n!repeat 2500 x-much: 0123456789012345678901234567890123456789\n",
        1, FRAME_END_HEADERS, 0);
    frame_build_message(b, 1, FRAME_END_STREAM, b->plan->message);
    return 0;
}
