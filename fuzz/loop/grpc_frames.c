#include "fuzz/loop/grpc_frames.h"

#include "wire/grpc.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#define HEAD_SIZE      9
#define PREFIX_SIZE    5
#define LENGTH_LIE     3 /* bytes more or less than there are */
#define WINDOW_LARGE   ((uint32_t)0x7fffffff)
#define SETTING_WINDOW 4
#define SETTINGS_ENTRY 6
#define CONTINUATION   9

static void put_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void grpc_frames_head(struct text *out, size_t len, unsigned type, unsigned flags, uint32_t stream)
{
    uint8_t head[HEAD_SIZE] = {(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)type, (uint8_t)flags};
    put_u32(head + 5, stream);
    text_add(out, head, sizeof head);
}

/* Replies never wait for window: nobody would open it. */
void grpc_frames_hello(struct text *out)
{
    uint8_t window[SETTINGS_ENTRY] = {0, SETTING_WINDOW}, more[4];
    text_puts(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    put_u32(window + 2, WINDOW_LARGE);
    grpc_frames_head(out, sizeof window, FRAME_SETTINGS, 0, 0);
    text_add(out, window, sizeof window);
    put_u32(more, WINDOW_LARGE - 65535);
    grpc_frames_head(out, sizeof more, 8, 0, 0); /* WINDOW_UPDATE of the connection */
    text_add(out, more, sizeof more);
    grpc_frames_head(out, 0, FRAME_SETTINGS, 1, 0); /* ACK: from here the server's own windows count */
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

void grpc_frames_message(struct text *out, uint32_t stream, struct bytes message, unsigned flags, bool end)
{
    uint8_t prefix[PREFIX_SIZE];
    size_t said = message.len, first, rest = message.len;
    if (flags & EVENT_LENGTH_LONG)
        said += LENGTH_LIE;
    if (flags & EVENT_LENGTH_SHORT)
        said -= said < LENGTH_LIE ? said : LENGTH_LIE;
    prefix[0] = (flags & EVENT_COMPRESSED ? 1 : 0) ^ (flags & EVENT_FLAG_LIE ? 1 : 0);
    put_u32(prefix + 1, (uint32_t)said);
    first = rest < GRPC_FRAME_MAX - PREFIX_SIZE ? rest : GRPC_FRAME_MAX - PREFIX_SIZE;
    rest -= first;
    grpc_frames_head(out, PREFIX_SIZE + first, FRAME_DATA, end && !rest ? FRAME_END_STREAM : 0, stream);
    text_add(out, prefix, sizeof prefix);
    if (first)
        text_add(out, message.data, first);
    for (const uint8_t *at = rest ? message.data + first : NULL; rest > 0;) {
        size_t piece = rest < GRPC_FRAME_MAX ? rest : GRPC_FRAME_MAX;
        rest -= piece;
        grpc_frames_head(out, piece, FRAME_DATA, end && !rest ? FRAME_END_STREAM : 0, stream);
        text_add(out, at, piece);
        at += piece;
    }
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
    while (data.len > 0) {
        size_t len;
        if (data.len < HEAD_SIZE ||
            data.len - HEAD_SIZE < (len = (size_t)data.data[0] << 16 | (size_t)data.data[1] << 8 | data.data[2]))
            return false;
        unsigned type = data.data[3], flags = data.data[4];
        uint32_t stream = get_u32(data.data + 5) & 0x7fffffff;
        struct bytes payload = BYTES(data.data + HEAD_SIZE, len);
        struct grpc_answer *a = stream % 2 && stream / 2 < count ? &answers[stream / 2] : NULL;
        data.data += HEAD_SIZE + len;
        data.len -= HEAD_SIZE + len;
        if (type == FRAME_GOAWAY)
            r->going_away = true;
        /* Our server neither pads nor continues its blocks, nor gives priorities. */
        if (type == CONTINUATION ||
            (type == FRAME_HEADERS && (flags & ~(unsigned)(FRAME_END_STREAM | FRAME_END_HEADERS))))
            return false;
        int status = type == FRAME_HEADERS ? read_block(r, payload) : TRACE_NO_STATUS;
        if (status == NO_BLOCKS)
            return false;
        if (!a)
            continue;
        if (status != TRACE_NO_STATUS)
            a->status = status;
        if (type == FRAME_DATA)
            text_add(&a->body, payload.data, payload.len);
        a->headers |= type == FRAME_HEADERS;
        a->ended |= (type == FRAME_DATA || type == FRAME_HEADERS) && flags & FRAME_END_STREAM;
        if (type == FRAME_RESET && payload.len == 4) {
            a->reset = true;
            a->reset_code = get_u32(payload.data);
        }
    }
    return true;
}

void grpc_reader_deinit(struct grpc_reader *r)
{
    text_deinit(&r->blocks);
}
