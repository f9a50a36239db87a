/* Header blocks on their way out. nghttp2 gets HEADERS frames without fields; when the turn of one comes, the true
 * frame is written in its place, with a block of our own encoder (wire/hpack.h says why). Blocks are encoded in the
 * order they are sent, since each one may change the table. */
#include "wire/grpc_internal.h"

#include <string.h>

#define FRAME_MAX        ((size_t)16384) /* bytes of payload: what every peer takes (RFC 9113, section 4.2) */
#define BEARER_MIN       ((size_t)64)    /* bytes: a shorter one could be guessed */
#define STATUS_TEXT_SIZE 2

/* A secret short enough to be guessed bit by bit stays out of the table. A token whose signature alone has hundreds of
 * bits does not need that, and comes with every call. */
static bool is_secret(struct bytes name, struct bytes value)
{
    static const char bearer[] = "bearer ";
    if (bytes_is(name, "authorization")) {
        if (value.len < BEARER_MIN)
            return true;
        for (size_t i = 0; i < sizeof bearer - 1; i++)
            if ((value.data[i] | 0x20) != bearer[i])
                return true;
        return false;
    }
    return bytes_is(name, "cookie") || bytes_is(name, "set-cookie") || bytes_is(name, "proxy-authorization");
}

struct block {
    struct hpack_encoder *encoder;
    struct text *out;
    int rc;
};

static void field(struct block *b, struct bytes name, struct bytes value)
{
    if (b->rc == 0)
        b->rc = hpack_field(b->encoder, name, value, is_secret(name, value), b->out);
}

static void literal(struct block *b, const char *name, const char *value)
{
    field(b, bytes_of(name), bytes_of(value));
}

/* The record at *at, which moves behind it. */
static void record(struct block *b, const struct text *records, size_t *at)
{
    uint32_t lengths[2];
    memcpy(lengths, records->data + *at, sizeof lengths);
    const char *name = records->data + *at + sizeof lengths, *value = name + lengths[0];
    *at += sizeof lengths + lengths[0] + lengths[1];
    field(b, BYTES(name, lengths[0]), BYTES(value, lengths[1]));
}

static void records(struct block *b, const struct text *list, size_t at)
{
    while (at < list->len)
        record(b, list, &at);
}

static void status(struct block *b, int number)
{
    char digits[STATUS_TEXT_SIZE];
    if (number < GRPC_OK || number > GRPC_UNAUTHENTICATED)
        number = GRPC_UNKNOWN;
    size_t n = 0;
    if (number >= 10)
        digits[n++] = '1';
    digits[n++] = (char)('0' + number % 10);
    field(b, bytes_of("grpc-status"), BYTES(digits, n));
}

static void request(struct block *b, const struct grpc_stream *s)
{
    const struct grpc_conn *c = s->conn;
    size_t at = 0;
    literal(b, ":method", "POST");
    literal(b, ":scheme", c->settings.tls ? "https" : "http");
    record(b, &s->head, &at); /* :path */
    literal(b, ":authority", c->authority);
    literal(b, "te", "trailers");
    literal(b, "content-type", s->content_type);
    if (!s->own_agent)
        literal(b, "user-agent", c->user_agent);
    if (c->settings.gzip)
        literal(b, "grpc-accept-encoding", "identity,gzip");
    if (s->gzip_announced)
        literal(b, "grpc-encoding", "gzip");
    records(b, &s->head, at);
}

static void response(struct block *b, const struct grpc_stream *s)
{
    literal(b, ":status", s->http_status ? s->http_status : "200");
    literal(b, "content-type", s->content_type[0] ? s->content_type : "application/grpc");
    if (s->gzip_announced)
        literal(b, "grpc-encoding", "gzip");
    records(b, &s->head, 0);
}

static void trailers(struct block *b, const struct grpc_stream *s)
{
    status(b, s->status);
    records(b, &s->tail, 0);
}

static void put_frame_head(char *at, size_t len, uint8_t type, uint8_t flags, int32_t id)
{
    uint32_t number = (uint32_t)id;
    const uint8_t head[GRPC_FRAME_HEAD] = {(uint8_t)(len >> 16),
                                           (uint8_t)(len >> 8 & 0xff),
                                           (uint8_t)(len & 0xff),
                                           type,
                                           flags,
                                           (uint8_t)(number >> 24),
                                           (uint8_t)(number >> 16 & 0xff),
                                           (uint8_t)(number >> 8 & 0xff),
                                           (uint8_t)(number & 0xff)};
    memcpy(at, head, sizeof head);
}

/* A block larger than a frame goes on in CONTINUATIONs. Its first bytes lie at `at`, behind the first frame's head. */
static void split(struct grpc_conn *c, size_t at, uint8_t flags, int32_t id)
{
    struct text *out = c->sending;
    size_t len = out->len - at, extra = (len - 1) / FRAME_MAX;
    if (!text_reserve(out, extra * GRPC_FRAME_HEAD))
        return;
    out->len += extra * GRPC_FRAME_HEAD;
    out->data[out->len] = '\0';
    /* From the last piece on, each moved behind the heads that come before it. */
    for (size_t i = extra; i > 0; i--) {
        size_t from = i * FRAME_MAX, n = i == extra ? len - from : FRAME_MAX;
        char *to = out->data + at + from + i * GRPC_FRAME_HEAD;
        memmove(to, out->data + at + from, n);
        put_frame_head(to - GRPC_FRAME_HEAD, n, NGHTTP2_CONTINUATION, i == extra ? NGHTTP2_FLAG_END_HEADERS : 0, id);
    }
    put_frame_head(out->data + at - GRPC_FRAME_HEAD, FRAME_MAX, NGHTTP2_HEADERS, flags, id);
}

int grpc_block_send(struct grpc_stream *s, bool end_stream)
{
    static const char head[GRPC_FRAME_HEAD];
    struct grpc_conn *c = s->conn;
    struct text *out = c->sending;
    struct block b = {.encoder = &c->encoder, .out = out};
    const size_t start = out->len;
    text_add(out, head, sizeof head);
    size_t at = out->len;
    hpack_start(b.encoder, out);
    if (!c->settings.server)
        request(&b, s);
    else if (!s->head_out)
        response(&b, s);
    if (c->settings.server && (s->head_out || end_stream))
        trailers(&b, s);
    s->head_out = true;
    if (!text_ok(out))
        goto failed;
    uint8_t flags = end_stream ? NGHTTP2_FLAG_END_STREAM : 0;
    if (out->len - at > FRAME_MAX)
        split(c, at, flags, s->id);
    else
        put_frame_head(out->data + at - GRPC_FRAME_HEAD, out->len - at, NGHTTP2_HEADERS,
                       flags | NGHTTP2_FLAG_END_HEADERS, s->id);
    if (text_ok(out) && b.rc == 0)
        return 0;
failed:
    text_truncate(out, start); /* what came before still goes out, and no half of a frame with it */
    return text_ok(out) ? b.rc : ERROR_MEMORY;
}
