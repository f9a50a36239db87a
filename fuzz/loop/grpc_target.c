#include "fuzz/loop/grpc_target.h"

#include "fuzz/loop/grpc_frames.h"
#include "wire/grpc.h"
#include "base/base64.h"

#include <stdlib.h>

#define PATHS    16                        /* header blocks kept */
#define TIME_MAX ((uint64_t)3600000000000) /* ns one event lets pass at the most */
#define SEND_MAX ((size_t)1 << 20)         /* bytes taken from the server at a time */

struct path_block {
    struct text path, block;
    const struct pb_method *method;
};

/* A call as the server sees it, and the answer as the client does. */
struct call {
    const struct pb_method *method;
    struct grpc_stream *stream; /* NULL: none, or it is closed */
    uint64_t deadline;          /* in the connection's time; 0: none */
    struct text reply;          /* of a call that does not stream replies: the last one */
    int status;                 /* of the handler */
    uint32_t messages;
    bool finished;
};

struct fuzz_grpc {
    const struct fuzz_grpc_service *service;
    struct grpc_settings settings;
    struct text hello, frames, out, block, binary;
    struct path_block paths[PATHS];
    size_t path_count, path_next;
    struct grpc_reader reader;
    struct call calls[FUZZ_GRPC_CALLS_MAX];
    struct grpc_answer answers[FUZZ_GRPC_CALLS_MAX];
    bool half_closed[FUZZ_GRPC_CALLS_MAX];
    /* The connection under way. */
    struct grpc_conn *conn;
    uint64_t now;
    size_t opened;
    bool readable, wide; /* wide: grpc_frames_windows() are out */
    bool compressed;     /* some message of the case is */
};

static void finish(struct grpc_stream *s, struct call *c, int status)
{
    struct grpc_metadata none = {NULL, 0};
    if (c->finished)
        return;
    c->finished = true;
    c->status = status;
    grpc_stream_finish(s, status, BYTES_NONE, BYTES_NONE, none);
}

static void on_request(void *arg, struct grpc_stream *s, struct bytes path, struct grpc_metadata metadata,
                       uint64_t timeout)
{
    struct fuzz_grpc *g = arg;
    char name[256];
    uint32_t number = grpc_stream_id(s) / 2;
    (void)metadata;
    if (number >= FUZZ_GRPC_CALLS_MAX || path.len >= sizeof name) {
        grpc_stream_reset(s, H2_REFUSED_STREAM);
        return;
    }
    struct call *c = &g->calls[number];
    grpc_stream_set_user(s, c);
    c->stream = s;
    c->deadline = timeout ? g->now + (timeout < UINT64_MAX - g->now ? timeout : UINT64_MAX - g->now) : 0;
    c->method = NULL;
    for (size_t i = 0; i < g->path_count; i++)
        if (bytes_equal(text_bytes(&g->paths[i].path), path))
            c->method = g->paths[i].method;
    if (!c->method && !memchr(path.data, 0, path.len)) {
        memcpy(name, path.data, path.len);
        name[path.len] = 0;
        c->method = pb_find_method(g->service->pool, name, true);
    }
    if (!c->method)
        finish(s, c, GRPC_UNIMPLEMENTED);
}

static void on_message(void *arg, struct grpc_stream *s, struct bytes message, size_t cost)
{
    struct fuzz_grpc *g = arg;
    struct call *c = grpc_stream_user(s);
    if (!c || c->finished) {
        grpc_stream_consumed(s, cost);
        return;
    }
    if (c->messages++ > 0 && !c->method->client_streaming) {
        finish(s, c, GRPC_INTERNAL);
    } else {
        text_clear(&c->reply);
        int status = g->service->message(g->service->arg, c->method, message, &c->reply);
        if (status != GRPC_OK)
            finish(s, c, status);
        else if (c->method->server_streaming)
            grpc_stream_send_message(s, text_bytes(&c->reply));
    }
    grpc_stream_consumed(s, cost);
}

static void on_half_closed(void *arg, struct grpc_stream *s)
{
    struct call *c = grpc_stream_user(s);
    (void)arg;
    if (!c || c->finished)
        return;
    if (c->messages == 0 && !c->method->client_streaming) {
        finish(s, c, GRPC_INTERNAL);
        return;
    }
    if (!c->method->server_streaming) /* an empty one where nothing came */
        grpc_stream_send_message(s, text_bytes(&c->reply));
    finish(s, c, GRPC_OK);
}

static void on_closed(void *arg, struct grpc_stream *s)
{
    struct call *c = grpc_stream_user(s);
    (void)arg;
    if (c)
        c->stream = NULL;
    grpc_stream_set_user(s, NULL);
}

static void ignore(void *arg, struct grpc_stream *s)
{
    (void)arg;
    (void)s;
}

static const struct grpc_events events = {.request = on_request,
                                          .message = on_message,
                                          .half_closed = on_half_closed,
                                          .cancelled = ignore,
                                          .writable = ignore,
                                          .closed = on_closed};

int fuzz_grpc_new(const struct fuzz_grpc_service *service, struct fuzz_grpc **out)
{
    struct fuzz_grpc *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g)
        return ERROR_MEMORY;
    g->service = service;
    grpc_settings_init(&g->settings, true);
    g->settings.message_max = FUZZ_GRPC_MESSAGE_MAX;
    g->settings.window = 2 * FUZZ_CASE_BYTES_MAX; /* our client does not wait for window */
    grpc_frames_hello(&g->hello);
    if (!text_ok(&g->hello)) {
        fuzz_grpc_free(g);
        return ERROR_MEMORY;
    }
    *out = g;
    return 0;
}

void fuzz_grpc_free(struct fuzz_grpc *g)
{
    if (!g)
        return;
    grpc_conn_free(g->conn);
    for (size_t i = 0; i < PATHS; i++) {
        text_deinit(&g->paths[i].path);
        text_deinit(&g->paths[i].block);
    }
    for (size_t i = 0; i < FUZZ_GRPC_CALLS_MAX; i++) {
        text_deinit(&g->calls[i].reply);
        text_deinit(&g->answers[i].body);
    }
    grpc_reader_deinit(&g->reader);
    text_deinit(&g->hello);
    text_deinit(&g->frames);
    text_deinit(&g->out);
    text_deinit(&g->block);
    text_deinit(&g->binary);
    free(g);
}

/* The fields every call to a path begins with. NULL: no memory. */
static const struct path_block *block_of(struct fuzz_grpc *g, struct bytes path)
{
    for (size_t i = 0; i < g->path_count; i++)
        if (bytes_equal(text_bytes(&g->paths[i].path), path))
            return &g->paths[i];
    struct path_block *b = &g->paths[g->path_next++ % PATHS];
    if (g->path_count < PATHS)
        g->path_count++;
    text_clear(&b->path);
    text_clear(&b->block);
    text_add(&b->path, path.data, path.len);
    grpc_frames_field(&b->block, bytes_of(":method"), bytes_of("POST"));
    grpc_frames_field(&b->block, bytes_of(":scheme"), bytes_of("http"));
    grpc_frames_field(&b->block, bytes_of(":path"), path);
    grpc_frames_field(&b->block, bytes_of(":authority"), bytes_of("memory"));
    grpc_frames_field(&b->block, bytes_of("content-type"), bytes_of("application/grpc+proto"));
    grpc_frames_field(&b->block, bytes_of("te"), bytes_of("trailers"));
    b->method = memchr(path.data, 0, path.len) ? NULL : pb_find_method(g->service->pool, text_string(&b->path), true);
    if (text_ok(&b->path) && text_ok(&b->block))
        return b;
    text_clear(&b->path);
    text_clear(&b->block);
    return NULL;
}

static bool is_compressed(const struct fuzz_case *c, uint32_t call)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].call == call &&
            c->events.items[i].flags & EVENT_COMPRESSED)
            return true;
    return false;
}

static void put_metadata(struct fuzz_grpc *g, struct bytes name, struct bytes value)
{
    if (name.len <= 4 || memcmp(name.data + name.len - 4, "-bin", 4) != 0) {
        grpc_frames_field(&g->block, name, value);
        return;
    }
    text_clear(&g->binary);
    base64_encode(&g->binary, value);
    grpc_frames_field(&g->block, name, text_bytes(&g->binary));
}

/* Metadata goes with the call opened before it, so the header block reaches as far as its entries do. */
static size_t put_call(struct fuzz_grpc *g, const struct fuzz_case *c, size_t at, uint32_t number)
{
    const struct fuzz_event *e = &c->events.items[at];
    struct bytes path = fuzz_case_bytes(c, e->name);
    const struct path_block *b = path.len ? block_of(g, path) : NULL;
    size_t next = at + 1;
    if (!b)
        return next;
    text_clear(&g->block);
    if (e->number) {
        char timeout[16];
        size_t len = grpc_timeout_format(e->number, timeout);
        grpc_frames_field(&g->block, bytes_of("grpc-timeout"), BYTES(timeout, len));
    }
    if (g->compressed && is_compressed(c, number))
        grpc_frames_field(&g->block, bytes_of("grpc-encoding"), bytes_of("gzip"));
    for (; next < c->events.count && c->events.items[next].kind == EVENT_METADATA; next++) {
        struct bytes name = fuzz_case_bytes(c, c->events.items[next].name);
        struct bytes value = fuzz_case_bytes(c, c->events.items[next].value);
        if (name.len && b->block.len + g->block.len + name.len + 2 * value.len + 16 < FRAME_PAYLOAD_MAX)
            put_metadata(g, name, value);
    }
    frame_put_head(&g->frames, (uint32_t)(b->block.len + g->block.len), FRAME_HEADERS, FRAME_END_HEADERS,
                   2 * number + 1);
    text_add(&g->frames, b->block.data, b->block.len);
    if (g->block.len)
        text_add(&g->frames, g->block.data, g->block.len);
    return next;
}

/* True when the next event is the half-close of the same call, which then rides on the message's last frame. */
static bool ends_with(const struct fuzz_case *c, size_t at, uint32_t call)
{
    return at + 1 < c->events.count && c->events.items[at + 1].kind == EVENT_HALF_CLOSE &&
           c->events.items[at + 1].call == call && !(c->events.items[at + 1].flags & EVENT_TRAILERS);
}

static void put_end(struct fuzz_grpc *g, const struct fuzz_event *e, uint32_t stream)
{
    if (!(e->flags & EVENT_TRAILERS)) {
        frame_put_head(&g->frames, 0, FRAME_DATA, FRAME_END_STREAM, stream);
        return;
    }
    text_clear(&g->block);
    grpc_frames_field(&g->block, bytes_of("x-early"), bytes_of("trailer"));
    frame_put(&g->frames, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, stream, text_bytes(&g->block));
}

static void widen(struct fuzz_grpc *g)
{
    g->wide = true;
    grpc_frames_windows(&g->frames);
}

static bool waits_for_window(const struct fuzz_grpc *g)
{
    for (size_t i = 0; i < g->opened; i++)
        if (g->calls[i].stream && grpc_stream_queued(g->calls[i].stream))
            return true;
    return false;
}

/* What is written so far goes to the server, and what it says to the reader. No reply waits for window. */
static void flush(struct fuzz_grpc *g, struct fuzz_trace *t)
{
    do {
        if (g->conn && g->frames.len && text_ok(&g->frames)) {
            t->bytes_sent += g->frames.len;
            grpc_conn_receive(g->conn, text_bytes(&g->frames), g->now, NULL);
        }
        text_clear(&g->frames);
        while (g->conn && grpc_conn_wants_send(g->conn)) {
            text_clear(&g->out);
            if (grpc_conn_send(g->conn, &g->out, SEND_MAX) == 0)
                break;
            t->bytes_received += g->out.len;
            g->readable = g->readable && grpc_reader_feed(&g->reader, text_bytes(&g->out), g->answers, g->opened);
        }
        if (!g->wide && waits_for_window(g))
            widen(g);
    } while (g->frames.len);
}

/* Time passes; calls whose deadline came are ended as a server's call would be. */
static void pass_time(struct fuzz_grpc *g, uint64_t ns, struct fuzz_trace *t)
{
    flush(g, t);
    g->now += ns < TIME_MAX ? ns : TIME_MAX;
    for (size_t i = 0; i < g->opened; i++)
        if (g->calls[i].stream && g->calls[i].deadline && g->calls[i].deadline <= g->now)
            finish(g->calls[i].stream, &g->calls[i], GRPC_DEADLINE_EXCEEDED);
}

static void play(struct fuzz_grpc *g, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t)
{
    for (size_t i = from; i < to;) {
        const struct fuzz_event *e = &c->events.items[i];
        uint32_t stream = 2 * e->call + 1;
        bool known = e->call < g->opened;
        size_t next = i + 1;
        if (e->kind == EVENT_CALL && g->opened < FUZZ_GRPC_CALLS_MAX) {
            next = put_call(g, c, i, (uint32_t)g->opened);
            g->half_closed[g->opened++] = false;
        } else if (e->kind == EVENT_MESSAGE && known && !g->half_closed[e->call]) {
            bool end = next < to && ends_with(c, i, e->call);
            grpc_frames_message(&g->frames, stream, fuzz_case_bytes(c, e->value), e->flags, end, &g->block);
            g->half_closed[e->call] = end;
            next += end;
        } else if (e->kind == EVENT_HALF_CLOSE && known && !g->half_closed[e->call]) {
            put_end(g, e, stream);
            g->half_closed[e->call] = true;
        } else if (e->kind == EVENT_CANCEL && known) {
            frame_put_head(&g->frames, 4, FRAME_RST_STREAM, 0, stream);
            frame_put_number(&g->frames, (uint32_t)e->number);
            g->half_closed[e->call] = true;
        } else if (e->kind == EVENT_BYTES && e->value.len) {
            struct bytes raw = fuzz_case_bytes(c, e->value);
            text_add(&g->frames, raw.data, raw.len);
        } else if (e->kind == EVENT_AWAIT) {
            flush(g, t);
        } else if (e->kind == EVENT_TIME) {
            pass_time(g, e->number, t);
        }
        i = next;
    }
}

/* Replies of one call, as messages in the trace. */
static void keep_replies(struct fuzz_trace *t, struct trace_call *call, uint32_t number, struct bytes body)
{
    while (body.len >= 5) {
        size_t len = (size_t)body.data[1] << 24 | (size_t)body.data[2] << 16 | (size_t)body.data[3] << 8 | body.data[4];
        if (len > body.len - 5)
            return;
        struct trace_reply reply = {.call = number, .body = fuzz_trace_keep(t, BYTES(body.data + 5, len))};
        if (call->method && body.data[0] == 0)
            reply.broken = pb_scan(call->method->output->descriptor, BYTES(body.data + 5, len), NULL) != 0;
        if (!array_push(&t->replies, reply))
            return;
        call->replies++;
        body.data += 5 + len;
        body.len -= 5 + len;
    }
}

static void fill_trace(struct fuzz_grpc *g, const struct fuzz_case *c, size_t opened, struct fuzz_trace *t)
{
    size_t number = 0;
    for (size_t i = 0; i < c->events.count && number < opened; i++) {
        if (c->events.items[i].kind != EVENT_CALL)
            continue;
        const struct grpc_answer *a = &g->answers[number];
        struct trace_call call = {.method = g->calls[number].method,
                                  .event = (uint32_t)i,
                                  .status = a->ended ? a->status : TRACE_NO_STATUS,
                                  .first_reply = (uint32_t)t->replies.count};
        keep_replies(t, &call, (uint32_t)number, text_bytes(&a->body));
        if (!array_push(&t->calls, call))
            return;
        number++;
    }
}

static void forget(struct fuzz_grpc *g, size_t opened)
{
    for (size_t i = 0; i < opened; i++) {
        struct call *c = &g->calls[i];
        struct grpc_answer *a = &g->answers[i];
        struct text reply = c->reply, body = a->body;
        text_clear(&reply);
        text_clear(&body);
        *c = (struct call){.reply = reply};
        *a = (struct grpc_answer){.status = TRACE_NO_STATUS, .body = body};
    }
}

/* A new connection that is about to make so many calls; `large`: they may need more than the first windows. */
static void start(struct fuzz_grpc *g, size_t calls, bool large)
{
    grpc_conn_free(g->conn);
    g->conn = NULL;
    g->wide = false;
    g->now = 1;
    g->opened = 0;
    g->readable = true;
    forget(g, calls < FUZZ_GRPC_CALLS_MAX ? calls : FUZZ_GRPC_CALLS_MAX);
    grpc_reader_start(&g->reader);
    text_clear(&g->frames);
    text_add(&g->frames, g->hello.data, g->hello.len);
    if (large)
        widen(g);
    if (grpc_conn_new(&g->settings, &events, g, g->now, &g->conn))
        g->conn = NULL; /* the calls stay unanswered */
}

static void end(struct fuzz_grpc *g, struct fuzz_trace *t)
{
    flush(g, t);
    grpc_conn_free(g->conn);
    g->conn = NULL;
}

void fuzz_grpc_part(struct fuzz_grpc *g, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t)
{
    if (from == 0) {
        size_t calls = 0, size = 0;
        bool raw = false; /* bytes in a case may open what the case does not */
        g->compressed = false;
        for (size_t i = 0; i < c->events.count; i++) {
            const struct fuzz_event *e = &c->events.items[i];
            calls += e->kind == EVENT_CALL;
            size += e->value.len;
            raw |= e->kind == EVENT_BYTES;
            g->compressed |= e->kind == EVENT_MESSAGE && e->flags & EVENT_COMPRESSED;
        }
        /* What is compressed or lies may be more than it was. */
        start(g, raw ? FUZZ_GRPC_CALLS_MAX : calls, raw || g->compressed || size > FRAME_WINDOW / 2);
    }
    play(g, c, from, to, t);
    if (to < c->events.count)
        return;
    end(g, t);
    fill_trace(g, c, g->opened, t);
}

void fuzz_grpc_run(struct fuzz_grpc *g, const struct fuzz_case *c, struct fuzz_trace *t)
{
    fuzz_grpc_part(g, c, 0, c->events.count, t);
}

void fuzz_grpc_raw(struct fuzz_grpc *g, struct bytes data, struct fuzz_trace *t)
{
    start(g, FUZZ_GRPC_CALLS_MAX, true);
    if (data.len)
        text_add(&g->frames, data.data, data.len);
    end(g, t);
}
