#include "fuzz/loop/grpc_frames.h"

#include "fuzz/live/framing.h"
#include "wire/grpc.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#define PREFIX_SIZE 5

void grpc_frames_hello(struct text *out)
{
    text_add(out, FRAME_PREFACE, FRAME_PREFACE_LEN);
    frame_put_head(out, 0, FRAME_SETTINGS, 0, 0);
}

void grpc_frames_windows(struct text *out)
{
    frame_put_head(out, 6, FRAME_SETTINGS, 0, 0);
    frame_put_setting(out, FRAME_SETTING_WINDOW, FRAME_WINDOW_MAX);
    frame_put_head(out, 4, FRAME_WINDOW_UPDATE, 0, 0);
    frame_put_number(out, FRAME_WINDOW_MAX - FRAME_WINDOW);
    frame_put_head(out, 0, FRAME_SETTINGS, FRAME_ACK, 0); /* from here the server's own windows count */
}

/* RFC 7541, section 5.1: an integer behind a prefix of 7 bits. */
static void put_integer(struct text *out, size_t value)
{
    if (value < 127) {
        text_char(out, (char)value);
        return;
    }
    text_char(out, 127);
    for (value -= 127; value >= 128; value >>= 7)
        text_char(out, (char)((value & 127) | 128));
    text_char(out, (char)value);
}

void grpc_frames_field(struct text *out, struct bytes name, struct bytes value)
{
    text_char(out, 0);
    put_integer(out, name.len);
    text_add(out, name.data, name.len);
    put_integer(out, value.len);
    if (value.len)
        text_add(out, value.data, value.len);
}

void grpc_frames_message(struct text *out, uint32_t stream, struct bytes message, unsigned flags, bool end,
                         struct text *scratch)
{
    size_t prefix = PREFIX_SIZE, at = 0, all;
    if (!framing_is_plain((uint16_t)flags)) {
        text_clear(scratch);
        framing_put((uint16_t)flags, message, scratch);
        message = text_bytes(scratch);
        prefix = 0; /* it is in there */
    }
    all = prefix + message.len;
    do {
        size_t piece = all < FRAME_PAYLOAD_MAX ? all : FRAME_PAYLOAD_MAX;
        all -= piece;
        frame_put_head(out, (uint32_t)piece, FRAME_DATA, end && !all ? FRAME_END_STREAM : 0, stream);
        if (prefix) {
            text_char(out, 0);
            frame_put_number(out, (uint32_t)message.len);
            piece -= prefix;
            prefix = 0;
        }
        if (piece)
            text_add(out, message.data + at, piece);
        at += piece;
    } while (all > 0);
}

#define NO_BLOCKS (-2) /* they cannot be decoded */

static int status_of(const nghttp2_nv *nv)
{
    int status = 0;
    for (size_t i = 0; i < nv->valuelen && i < 4; i++)
        status = nv->value[i] >= '0' && nv->value[i] <= '9' ? status * 10 + nv->value[i] - '0' : GRPC_UNKNOWN;
    return status;
}

/* The grpc-status in one block; TRACE_NO_STATUS: it has none. */
static int decode_block(nghttp2_hd_inflater *inflater, struct bytes block)
{
    int status = TRACE_NO_STATUS;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.data, block.len, 1);
        if (n < 0)
            return NO_BLOCKS;
        block.data += n;
        block.len -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT && bytes_is(BYTES(nv.name, nv.namelen), "grpc-status"))
            status = status_of(&nv);
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            nghttp2_hd_inflate_end_headers(inflater);
            return status;
        }
        if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
            return NO_BLOCKS;
    }
}

/* All blocks from the first; what the last one said. */
static int decode_all(struct bytes blocks)
{
    nghttp2_hd_inflater *inflater;
    int status = NO_BLOCKS;
    if (nghttp2_hd_inflate_new(&inflater))
        return NO_BLOCKS;
    while (blocks.len > 0) {
        size_t len = (size_t)blocks.data[0] << 8 | blocks.data[1];
        status = decode_block(inflater, BYTES(blocks.data + 2, len));
        if (status == NO_BLOCKS)
            break;
        blocks.data += 2 + len;
        blocks.len -= 2 + len;
    }
    nghttp2_hd_inflate_del(inflater);
    return status;
}

static size_t slot_of(struct bytes blocks)
{
    uint64_t sum = blocks.len, word;
    for (; blocks.len >= 8; blocks.data += 8, blocks.len -= 8) {
        memcpy(&word, blocks.data, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    }
    for (; blocks.len > 0; blocks.data++, blocks.len--)
        sum = (sum ^ *blocks.data) * 0x9e3779b97f4a7c15;
    return (size_t)(sum >> 32) % GRPC_KNOWN_SLOTS;
}

/* The status the newest block said, through HPACK's state. */
static int read_block(struct grpc_reader *r, struct bytes block)
{
    text_char(&r->blocks, (char)(block.len >> 8));
    text_char(&r->blocks, (char)block.len);
    text_add(&r->blocks, block.data, block.len);
    struct bytes all = text_bytes(&r->blocks);
    if (!text_ok(&r->blocks) || block.len > UINT16_MAX)
        return NO_BLOCKS;
    if (all.len > GRPC_KNOWN_LEN)
        return decode_all(all);
    struct grpc_known *k = &r->known[slot_of(all)];
    if (k->len != all.len || memcmp(k->blocks, all.data, all.len) != 0) {
        k->status = (int16_t)decode_all(all);
        k->len = (uint16_t)all.len;
        memcpy(k->blocks, all.data, all.len);
    }
    return k->status;
}

void grpc_reader_start(struct grpc_reader *r)
{
    text_clear(&r->blocks);
    r->going_away = false;
}

bool grpc_reader_feed(struct grpc_reader *r, struct bytes data, struct grpc_answer *answers, size_t count)
{
    struct frame f;
    while (frame_take(&data, &f)) {
        struct grpc_answer *a = f.stream % 2 && f.stream / 2 < count ? &answers[f.stream / 2] : NULL;
        if (f.type == FRAME_GOAWAY)
            r->going_away = true;
        /* Our server neither pads nor continues its blocks, nor gives priorities. */
        if (f.type == FRAME_CONTINUATION ||
            (f.type == FRAME_HEADERS && (f.flags & ~(unsigned)(FRAME_END_STREAM | FRAME_END_HEADERS))))
            return false;
        int status = f.type == FRAME_HEADERS ? read_block(r, f.payload) : TRACE_NO_STATUS;
        if (status == NO_BLOCKS)
            return false;
        if (!a)
            continue;
        if (status != TRACE_NO_STATUS)
            a->status = status;
        if (f.type == FRAME_DATA)
            text_add(&a->body, f.payload.data, f.payload.len);
        a->headers |= f.type == FRAME_HEADERS;
        a->ended |= (f.type == FRAME_DATA || f.type == FRAME_HEADERS) && f.flags & FRAME_END_STREAM;
        if (f.type == FRAME_RST_STREAM && f.payload.len == 4) {
            a->reset = true;
            a->reset_code = frame_number(f.payload.data);
        }
    }
    return data.len == 0;
}

void grpc_reader_deinit(struct grpc_reader *r)
{
    text_deinit(&r->blocks);
}
