/* A look at the heads of a client's frames before nghttp2 gets them, for what it does not tell or lets pass: whether a
 * frame or a header block is half here, header blocks in endless pieces, and frames on streams that are no more.
 *
 * Closed streams are not kept. A client that ended a stream itself may send nothing more on it (RFC 9113, sections 5.1
 * and 6.1), and one that skipped a stream may not come back to it (5.1.1). So it is the others that are remembered:
 * streams that ended while the client was still free to send, whose frames may be under way and are ignored. Of those
 * the latest are kept one by one; about all up to the highest that was forgotten nothing is said. */
#include "wire/grpc_internal.h"

#include <string.h>

static bool half_here(const struct grpc_watch *w)
{
    return w->preface_left > 0 || w->head_len > 0 || w->left > 0 || w->block || !w->whole;
}

void grpc_watch_init(struct grpc_watch *w, uint64_t now)
{
    w->preface_left = NGHTTP2_CLIENT_MAGIC_LEN;
    w->since = now;
    w->highest = -1; /* the stream after it would be 1 */
}

void grpc_watch_forgive(struct grpc_watch *w, int32_t id)
{
    int32_t *slot = &w->forgiven[w->forgiven_next++ % GRPC_FORGIVEN];
    if (*slot > w->forgiven_below)
        w->forgiven_below = *slot;
    *slot = id;
}

static bool is_forgiven(const struct grpc_watch *w, int32_t id)
{
    if (id <= w->forgiven_below)
        return true;
    for (size_t i = 0; i < GRPC_FORGIVEN; i++)
        if (w->forgiven[i] == id)
            return true;
    return false;
}

static bool was_skipped(const struct grpc_watch *w, int32_t id)
{
    for (size_t i = 0; i < GRPC_SKIPS; i++)
        if (id >= w->skips[i].first && id <= w->skips[i].last)
            return true;
    return false;
}

/* A stream nghttp2 knows; one that exists only because a PRIORITY named it does not count. */
static bool is_open(struct grpc_conn *c, int32_t id)
{
    nghttp2_stream *s = nghttp2_session_find_stream(c->session, id);
    return s && nghttp2_stream_get_state(s) != NGHTTP2_STREAM_STATE_IDLE;
}

/* A frame on stream `id`, everything before it having been handled. False: the connection ends here. */
static bool judge(struct grpc_conn *c, int32_t id)
{
    const struct grpc_watch *w = &c->watch;
    if (is_open(c, id))
        return true;
    if (was_skipped(w, id)) {
        grpc_session_expel(c, NGHTTP2_PROTOCOL_ERROR, "stream_skipped",
                           "the client began a stream below one it had begun already");
        return false;
    }
    /* Above what was taken on before a GOAWAY, streams came to nothing; the client need not know yet. */
    if (id > nghttp2_session_get_last_proc_stream_id(c->session) || is_forgiven(w, id))
        return true;
    grpc_session_expel(c, NGHTTP2_STREAM_CLOSED, "stream_closed", "the client goes on on a stream it had ended");
    return false;
}

static void began(struct grpc_watch *w, int32_t id)
{
    if (id > w->highest + 2) {
        w->skips[w->skip_next % GRPC_SKIPS].first = w->highest + 2;
        w->skips[w->skip_next % GRPC_SKIPS].last = id - 2;
        w->skip_next++;
    }
    w->highest = id;
}

static void frame_ended(struct grpc_watch *w)
{
    w->whole = true;
    if (!w->block)
        w->since = UINT64_MAX;
}

static int32_t head_stream(const uint8_t *head)
{
    return (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8]);
}

/* Whether a frame on that stream needs a judge. Streams above `known` began in bytes that nghttp2 has not seen. */
static bool is_odd(struct grpc_conn *c, uint8_t type, int32_t id, int32_t known)
{
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA)
        return false;
    return (id & 1) && id <= (type == NGHTTP2_DATA ? known : c->watch.highest) && !is_open(c, id);
}

static void note(struct grpc_watch *w, uint8_t type, uint8_t flags, int32_t id)
{
    if (type == NGHTTP2_HEADERS) {
        w->block = !(flags & NGHTTP2_FLAG_END_HEADERS);
        w->continuations = 0;
        if ((id & 1) && id > w->highest)
            began(w, id);
    } else if (type == NGHTTP2_CONTINUATION) {
        w->block = w->block && !(flags & NGHTTP2_FLAG_END_HEADERS);
        w->continuations++;
    }
}

int grpc_watch_receive(struct grpc_conn *c, struct bytes data)
{
    struct grpc_watch *w = &c->watch;
    const int32_t known = w->highest;
    size_t fed = 0, at = 0;
    while (at < data.len) {
        size_t have = data.len - at;
        if (w->preface_left > 0) {
            size_t n = have < w->preface_left ? have : w->preface_left;
            w->preface_left = (uint8_t)(w->preface_left - n);
            at += n;
            continue;
        }
        if (w->left > 0) {
            size_t n = have < w->left ? have : w->left;
            w->left -= (uint32_t)n;
            at += n;
            if (w->left == 0)
                frame_ended(w);
            continue;
        }
        size_t n = sizeof w->head - w->head_len;
        const uint8_t *head = data.data + at;
        if (w->head_len > 0 || have < sizeof w->head) {
            n = n < have ? n : have;
            memcpy(w->head + w->head_len, data.data + at, n);
            w->head_len = (uint8_t)(w->head_len + n);
            head = w->head;
        }
        at += n;
        if (w->head_len > 0 && w->head_len < sizeof w->head)
            break;
        w->head_len = 0;
        w->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
        const uint8_t type = head[3], flags = head[4];
        const int32_t id = head_stream(head);
        if (is_odd(c, type, id, known)) {
            /* What came before it first: it may be that which closed the stream. */
            int rc = grpc_session_feed(c, BYTES(data.data + fed, at - n - fed));
            fed = at - n;
            if (rc || c->expelled || c->failed || !judge(c, id))
                return rc;
        }
        note(w, type, flags, id);
        if (w->continuations > GRPC_CONTINUATIONS_MAX) {
            grpc_session_expel(c, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_continuations",
                               "the client sends a header block in too many pieces (too_many_continuations)");
            return 0;
        }
        if (w->left == 0)
            frame_ended(w);
    }
    if (half_here(w) && w->since == UINT64_MAX)
        w->since = c->now;
    return grpc_session_feed(c, BYTES(data.data + fed, data.len - fed));
}
