#include "fuzz/frames/headers.h"

void frames_writer_start(struct frames_writer *w)
{
    block_init(&w->encoder);
    text_clear(&w->block);
}

void frames_writer_deinit(struct frames_writer *w)
{
    text_deinit(&w->block);
}

static void zeros(struct text *out, size_t n)
{
    static const uint8_t none[256];
    text_add(out, none, n);
}

void headers_put(struct text *out, uint32_t stream, uint64_t number, bool empty_pieces, struct bytes block)
{
    uint8_t flags = (uint8_t)(number & 0xff), padding = (uint8_t)(number >> 8 & 0xff);
    uint32_t piece = (uint32_t)(number >> 16 & 0xffff), extra = 0;
    uint8_t end = flags & FRAME_END_HEADERS;
    if (flags & FRAME_PADDED)
        extra += 1 + padding;
    if (flags & FRAME_WITH_PRIORITY)
        extra += 5;
    if (piece == 0)
        piece = FRAME_PAYLOAD_MAX - extra;
    size_t first = block.len < piece ? block.len : piece;
    bool more = first < block.len;
    frame_put_head(out, (uint32_t)first + extra, FRAME_HEADERS, more ? flags & (uint8_t)~FRAME_END_HEADERS : flags,
                   stream);
    if (flags & FRAME_PADDED)
        text_char(out, (char)padding);
    if (flags & FRAME_WITH_PRIORITY) {
        frame_put_number(out, (uint32_t)(number >> 32));
        text_char(out, HEADERS_WEIGHT);
    }
    if (first > 0)
        text_add(out, block.data, first);
    if (flags & FRAME_PADDED)
        zeros(out, padding);
    for (size_t at = first; at < block.len;) {
        size_t n = block.len - at < piece ? block.len - at : piece;
        if (empty_pieces)
            frame_put_head(out, 0, FRAME_CONTINUATION, 0, stream);
        frame_put(out, FRAME_CONTINUATION, at + n == block.len ? end : 0, stream, BYTES(block.data + at, n));
        at += n;
    }
}

int frames_write(struct frames_writer *w, const struct fuzz_case *c, const struct fuzz_event *e, struct text *out)
{
    struct bytes value = fuzz_case_bytes(c, e->value);
    switch (e->kind) {
    case EVENT_CONNECT:
        frames_writer_start(w);
        break;
    case EVENT_FRAME:
        frame_put(out, (uint8_t)(e->number >> 8 & 0xff), (uint8_t)(e->number & 0xff), e->call, value);
        break;
    case EVENT_HEADERS:
        text_clear(&w->block);
        block_write(&w->encoder, value, &w->block);
        if (!text_ok(&w->block))
            return ERROR_MEMORY;
        headers_put(out, e->call, e->number, e->flags & HEADERS_EMPTY_PIECES, text_bytes(&w->block));
        break;
    case EVENT_BYTES:
        if (value.len > 0)
            text_add(out, value.data, value.len);
        break;
    default:
        break;
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
