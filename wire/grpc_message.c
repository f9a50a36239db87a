#include "wire/grpc_internal.h"

#include <string.h>

#define RESERVE_FACTOR ((size_t)4) /* times what came is reserved of what a length prefix promises */

/* Flow control. A message's bytes are given back to the stream's window when the owner says it consumed the message.
 * A message larger than the window would then never become whole, so of the one being collected only the newest
 * hold_max bytes (a quarter of the window) are held; older ones are given back as more come. Memory stays bounded by
 * message_max, and a peer is slowed down as soon as messages that are whole are not consumed. */
static void hold(struct grpc_stream *s, size_t bytes)
{
    struct grpc_conn *c = s->conn;
    s->held += bytes;
    if (s->held <= c->hold_max)
        return;
    size_t excess = s->held - c->hold_max;
    s->held = c->hold_max;
    if (!s->remote_closed)
        grpc_session_check(c, nghttp2_session_consume_stream(c->session, s->id, excess));
}

static void deliver(struct grpc_stream *s, struct bytes message)
{
    struct grpc_conn *c = s->conn;
    size_t cost = s->held;
    s->held = 0;
    s->prefix_len = 0;
    if (s->message_compressed && message.len > 0) {
        if (c->unpacked.capacity > GRPC_BUFFER_KEEP)
            text_deinit(&c->unpacked);
        text_clear(&c->unpacked);
        int rc = grpc_gzip_decompress(&c->gzip, message, c->settings.message_max, &c->unpacked);
        if (rc == ERROR_LIMIT)
            grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "a message is larger than %zu bytes when decompressed",
                           c->settings.message_max);
        else if (rc == ERROR_MEMORY)
            grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        else if (rc)
            grpc_call_fail(s, GRPC_INTERNAL, "a compressed message is not valid gzip");
        if (rc)
            return;
        message = text_bytes(&c->unpacked);
    }
    if (c->events.message)
        c->events.message(c->arg, s, message, cost);
    else
        grpc_stream_consumed(s, cost);
}

/* The five bytes before a message. False: the call was ended. */
static bool begin(struct grpc_stream *s, const uint8_t *prefix)
{
    const struct grpc_conn *c = s->conn;
    s->message_len = (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 | prefix[4];
    s->message_compressed = prefix[0] == 1;
    if (prefix[0] > 1) {
        grpc_call_fail(s, GRPC_INTERNAL, "a message begins with flag %u: only 0 and 1 are defined",
                       (unsigned)prefix[0]);
        return false;
    }
    if (s->message_compressed && !s->peer_gzip) {
        grpc_call_fail(s, GRPC_INTERNAL, "a message is marked compressed but grpc-encoding names no compression");
        return false;
    }
    if (s->message_len > c->settings.message_max) {
        grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "a message of %lu bytes is larger than the limit of %zu",
                       (unsigned long)s->message_len, c->settings.message_max);
        return false;
    }
    text_clear(&s->in);
    return true;
}

void grpc_message_feed(struct grpc_stream *s, struct bytes data)
{
    const uint8_t *at = data.data, *end = data.data + data.len;
    while (at < end && !s->input_dead) {
        if (s->prefix_len < GRPC_PREFIX_SIZE) {
            size_t n = GRPC_PREFIX_SIZE - s->prefix_len;
            if (n > (size_t)(end - at))
                n = (size_t)(end - at);
            memcpy(s->prefix + s->prefix_len, at, n);
            s->prefix_len = (uint8_t)(s->prefix_len + n);
            at += n;
            hold(s, n);
            if (s->prefix_len < GRPC_PREFIX_SIZE || !begin(s, s->prefix))
                return;
            if (s->message_len > 0 && at == end)
                return;
        }
        size_t have = (size_t)(end - at), need = s->message_len - s->in.len;
        if (have < need) {
            size_t room = (s->in.len + have) * RESERVE_FACTOR;
            text_reserve(&s->in, need < room ? need : room);
            text_add(&s->in, at, have);
            if (!text_ok(&s->in)) {
                text_clear(&s->in);
                grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
                return;
            }
            hold(s, have);
            return;
        }
        hold(s, need);
        if (s->in.len == 0) { /* whole in this piece: no copy */
            deliver(s, BYTES(at, need));
        } else {
            text_add(&s->in, at, need);
            if (!text_ok(&s->in)) {
                text_clear(&s->in);
                grpc_call_fail(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
                return;
            }
            deliver(s, text_bytes(&s->in));
            if (s->in.capacity > GRPC_BUFFER_KEEP)
                text_deinit(&s->in);
            else
                text_clear(&s->in);
        }
        at += need;
    }
}
