#include "rpc/channel_internal.h"

#include <stdlib.h>
#include <string.h>

static void on_task(void *arg);
static void on_deadline(void *arg);
static void on_backoff(void *arg);

/* ---- the line --------------------------------------------------------------------------------------------------- */

void stream_wait(struct rpc_stream *s)
{
    struct rpc_channel *c = s->channel;
    s->state = STREAM_WAITING;
    s->line_next = NULL;
    s->line_back = c->line_end;
    *c->line_end = s;
    c->line_end = &s->line_next;
    c->line_count++;
}

void stream_line_remove(struct rpc_stream *s)
{
    if (!s->line_back)
        return;
    *s->line_back = s->line_next;
    if (s->line_next)
        s->line_next->line_back = s->line_back;
    else
        s->channel->line_end = s->line_back;
    s->line_back = NULL;
    s->line_next = NULL;
    s->channel->line_count--;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static struct rpc_stream *stream_new(struct rpc_channel *c)
{
    struct rpc_stream *s = c->free_streams;
    if (s) {
        c->free_streams = s->next;
        c->free_count--;
        struct arena arena = s->arena;
        struct text body = s->body, buffer = s->buffer;
        memset(s, 0, sizeof *s);
        s->arena = arena;
        s->body = body;
        s->buffer = buffer;
    } else {
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
    }
    s->channel = c;
    s->world = c->world;
    s->peer = "";
    world_timer_init(&s->deadline_timer, c->world, on_deadline, s);
    world_timer_init(&s->backoff_timer, c->world, on_backoff, s);
    world_task_init(&s->task, c->world, on_task, s);
    s->next = c->streams;
    if (c->streams)
        c->streams->back = &s->next;
    s->back = &c->streams;
    c->streams = s;
    return s;
}

static void stream_destroy(struct rpc_stream *s)
{
    arena_deinit(&s->arena);
    text_deinit(&s->body);
    text_deinit(&s->buffer);
    free(s);
}

void stream_free_list(struct rpc_channel *c)
{
    while (c->free_streams) {
        struct rpc_stream *s = c->free_streams;
        c->free_streams = s->next;
        stream_destroy(s);
    }
}

static void trim(struct text *t)
{
    if (t->capacity > RPC_BODY_KEEP)
        text_deinit(t);
    else
        text_clear(t);
}

static void stream_unlink(struct rpc_stream *s)
{
    if (!s->back)
        return;
    *s->back = s->next;
    if (s->next)
        s->next->back = s->back;
    s->back = NULL;
}

/* The stream has been told its end, or never began. */
static void stream_free(struct rpc_stream *s)
{
    struct rpc_channel *c = s->channel;
    stream_unlink(s);
    rpc_inbox_clear(&s->inbox);
    if (c->dead || c->free_count >= RPC_FREE_STREAMS_MAX) {
        stream_destroy(s);
        return;
    }
    if (s->arena.used > RPC_STREAM_ARENA_KEEP)
        arena_deinit(&s->arena);
    else
        arena_reset(&s->arena);
    trim(&s->body);
    trim(&s->buffer);
    s->next = c->free_streams;
    c->free_streams = s;
    c->free_count++;
}

/* Callbacks of this stream run between enter and leave; true: it is gone. */
static void enter(struct rpc_stream *s)
{
    channel_enter(s->channel);
    s->depth++;
}

static bool leave(struct rpc_stream *s)
{
    struct rpc_channel *c = s->channel;
    bool gone = s->gone;
    s->depth--;
    if (gone && s->depth == 0)
        stream_free(s);
    channel_leave(c);
    return gone;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Nothing more happens to the stream by itself. */
static void quiet(struct rpc_stream *s)
{
    stream_line_remove(s);
    world_timer_stop(&s->deadline_timer);
    world_timer_stop(&s->backoff_timer);
    world_task_cancel(&s->task);
}

static void detach(struct rpc_stream *s, bool reset)
{
    if (!s->wire)
        return;
    struct grpc_stream *wire = s->wire;
    struct channel_connection *connection = s->connection;
    s->wire = NULL;
    s->connection = NULL;
    grpc_stream_set_user(wire, NULL);
    if (reset) {
        grpc_stream_reset(wire, 8 /* CANCEL */);
        rpc_link_schedule(&connection->link);
    }
}

/* Calls `finished` and lets the stream go. */
static void tell(struct rpc_stream *s, int status, struct bytes message, struct bytes details,
                 struct grpc_metadata trailers)
{
    if (s->state == STREAM_TOLD)
        return;
    quiet(s);
    detach(s, true);
    s->state = STREAM_TOLD;
    if (s->unary_done && status == GRPC_OK && (!s->has_body || s->many_bodies)) {
        /* The server broke the contract of a unary call; INTERNAL is what other clients say too. */
        status = GRPC_INTERNAL;
        message = bytes_of(s->many_bodies ? "the server sent more than one message for a unary call"
                                          : "the server ended a unary call with OK but sent no message");
    }
    uint64_t now = world_now(s->world);
    struct rpc_reply reply = {
        .status = status,
        .message = message,
        .details = details,
        .headers = s->headers,
        .trailers = trailers,
        .peer = s->peer,
        .attempts = s->attempts,
        .duration = now > s->started ? now - s->started : 0,
        .lost = s->lost,
        .unseen = s->lost && !s->seen,
    };
    if (s->has_body)
        reply.body = BYTES(text_string(&s->body), s->body.len);
    enter(s);
    s->gone = true;
    if (s->unary_done)
        s->unary_done(s->arg, &reply);
    else if (s->events.finished)
        s->events.finished(s->arg, &reply);
    leave(s);
}

static void tell_text(struct rpc_stream *s, int status, const char *message)
{
    tell(s, status, bytes_of(message), BYTES_NONE, (struct grpc_metadata){0});
}

void stream_unavailable(struct rpc_stream *s, const char *why)
{
    s->lost = true;
    tell_text(s, GRPC_UNAVAILABLE, why);
}

void stream_kill(struct rpc_stream *s)
{
    stream_unlink(s);
    tell_text(s, GRPC_CANCELLED, "the channel was closed");
}

void stream_forget(struct rpc_stream *s)
{
    s->events = (struct rpc_stream_events){0};
    s->unary_done = NULL;
    tell_text(s, GRPC_CANCELLED, "");
}

/* Keeps a result to be told from the task: because we are inside a function of the caller's, or messages wait. */
static void end_later(struct rpc_stream *s, int status, struct bytes message, struct bytes details,
                      struct grpc_metadata trailers)
{
    if (s->state >= STREAM_ENDING)
        return;
    quiet(s);
    detach(s, true);
    s->state = STREAM_ENDING;
    s->status = status;
    void *copy = arena_copy(&s->arena, message.data, message.len);
    s->message = copy ? BYTES(copy, message.len) : BYTES_NONE;
    copy = details.len ? arena_copy(&s->arena, details.data, details.len) : NULL;
    s->details = copy ? BYTES(copy, details.len) : BYTES_NONE;
    if (rpc_metadata_copy(&s->arena, trailers, &s->trailers) != 0)
        s->trailers = (struct grpc_metadata){0};
    world_task_post(&s->task);
}

static void on_deadline(void *arg)
{
    tell_text(arg, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

/* Marks, in the buffer's lengths, what goes without a message's prefix. */
#define BUFFER_RAW (UINT64_C(1) << 63)

static int wire_send(struct grpc_stream *wire, struct bytes data, bool raw)
{
    return raw ? grpc_stream_send_raw(wire, data) : grpc_stream_send_message(wire, data);
}

static int buffer_message(struct rpc_stream *s, struct bytes message, bool raw)
{
    uint64_t len = message.len | (raw ? BUFFER_RAW : 0);
    if (!text_reserve(&s->buffer, sizeof len + message.len)) {
        s->buffer.failed = false; /* what it holds is whole; only this message is not taken */
        return ERROR_MEMORY;
    }
    text_add(&s->buffer, &len, sizeof len);
    text_add(&s->buffer, message.data, message.len);
    return 0;
}

/* No retry from here on: what was sent need not be kept. */
static void commit(struct rpc_stream *s)
{
    if (s->committed)
        return;
    s->committed = true;
    text_deinit(&s->buffer);
}

static int send_all(struct rpc_stream *s)
{
    int rc = 0;
    if (s->has_first)
        rc = grpc_stream_send_message(s->wire, s->first);
    for (size_t at = 0; rc == 0 && at < s->buffer.len;) {
        uint64_t len;
        memcpy(&len, s->buffer.data + at, sizeof len);
        at += sizeof len;
        size_t n = (size_t)(len & ~BUFFER_RAW);
        rc = wire_send(s->wire, BYTES(s->buffer.data + at, n), (len & BUFFER_RAW) != 0);
        at += n;
    }
    if (rc == 0 && s->half_closed)
        rc = grpc_stream_half_close(s->wire);
    return rc;
}

void stream_begin(struct rpc_stream *s, struct channel_connection *connection)
{
    struct grpc_request r = {
        .path = bytes_of(s->path), .metadata = s->metadata, .content_type = s->content_type, .gzip = s->gzip};
    if (s->deadline != UINT64_MAX) {
        uint64_t now = world_now(s->world);
        if (now >= s->deadline) {
            end_later(s, GRPC_DEADLINE_EXCEEDED, bytes_of("deadline exceeded"), BYTES_NONE, (struct grpc_metadata){0});
            return;
        }
        r.timeout = s->deadline - now;
    }
    struct error err = ERROR_INIT;
    int rc = grpc_conn_request(connection->link.conn, &r, s, &s->wire, &err);
    if (rc) {
        s->wire = NULL;
        rpc_link_schedule(&connection->link); /* it may have failed as a whole, which only that finds out */
        struct text why = TEXT_INIT;
        if (err.code)
            error_format(&err, &why);
        else
            text_puts(&why, error_code_name(rc));
        end_later(s, rc == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL, text_bytes(&why), BYTES_NONE,
                  (struct grpc_metadata){0});
        text_deinit(&why);
        error_clear(&err);
        return;
    }
    s->connection = connection;
    s->state = STREAM_ACTIVE;
    s->attempts++;
    s->lost = false;
    s->mark = connection->link.written;
    const char *peer = arena_string(&s->arena, connection->address);
    s->peer = peer ? peer : "";
    rc = send_all(s);
    if (rc) {
        end_later(s, rc == ERROR_MEMORY || rc == ERROR_LIMIT ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL,
                  bytes_of(error_code_name(rc)), BYTES_NONE, (struct grpc_metadata){0});
        return;
    }
    if (s->was_busy && grpc_stream_queued(s->wire) <= GRPC_WRITE_HIGH)
        world_task_post(&s->task);
    if (s->buffer.len > RPC_RETRY_BUFFER_MAX)
        commit(s);
    rpc_link_schedule(&connection->link);
}

static int stream_send(struct rpc_stream *s, struct bytes message, bool raw)
{
    if (s->state >= STREAM_ENDING || s->cancel)
        return ERROR_CLOSED;
    if (s->half_closed)
        return ERROR_INVALID;
    if (message.len > s->channel->settings.message_max)
        return ERROR_LIMIT;
    if (!s->committed) {
        int rc = buffer_message(s, message, raw);
        if (rc)
            return rc;
        if (s->wire && s->buffer.len > RPC_RETRY_BUFFER_MAX)
            commit(s);
    }
    if (rpc_stream_busy(s))
        s->was_busy = true;
    if (!s->wire)
        return 0;
    int rc = wire_send(s->wire, message, raw);
    if (grpc_stream_queued(s->wire) > GRPC_WRITE_HIGH)
        s->was_busy = true;
    rpc_link_schedule(&s->connection->link);
    return rc;
}

int rpc_stream_send(struct rpc_stream *s, struct bytes message)
{
    return stream_send(s, message, false);
}

int rpc_stream_send_raw(struct rpc_stream *s, struct bytes data)
{
    return stream_send(s, data, true);
}

int rpc_stream_half_close(struct rpc_stream *s)
{
    if (s->state >= STREAM_ENDING || s->cancel)
        return ERROR_CLOSED;
    if (s->half_closed)
        return 0;
    s->half_closed = true;
    if (!s->wire)
        return 0;
    int rc = grpc_stream_half_close(s->wire);
    rpc_link_schedule(&s->connection->link);
    return rc;
}

bool rpc_stream_busy(const struct rpc_stream *s)
{
    if (s->state >= STREAM_ENDING)
        return false;
    return s->wire ? grpc_stream_queued(s->wire) > GRPC_WRITE_HIGH : s->buffer.len > GRPC_WRITE_HIGH;
}

void stream_on_writable(struct rpc_stream *s)
{
    if (!s->was_busy || s->cancel)
        return;
    s->was_busy = false;
    if (!s->events.writable)
        return;
    enter(s);
    s->events.writable(s->arg);
    leave(s);
}

/* ---- receiving -------------------------------------------------------------------------------------------------- */

void stream_on_response(struct rpc_stream *s, struct grpc_metadata metadata)
{
    commit(s);
    if (rpc_metadata_copy(&s->arena, metadata, &s->headers) != 0) {
        end_later(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"), BYTES_NONE, (struct grpc_metadata){0});
        return;
    }
    if (!s->events.headers || s->cancel)
        return;
    enter(s);
    s->events.headers(s->arg, s->headers);
    leave(s);
}

static void deliver(struct rpc_stream *s, struct bytes message)
{
    if (s->unary_done) {
        s->many_bodies = s->has_body;
        if (s->has_body)
            return;
        text_clear(&s->body);
        text_add(&s->body, message.data, message.len);
        s->has_body = true;
        if (!text_ok(&s->body))
            end_later(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"), BYTES_NONE, (struct grpc_metadata){0});
        return;
    }
    if (s->events.message && !s->cancel)
        s->events.message(s->arg, message);
}

void stream_on_message(struct rpc_stream *s, struct bytes message, size_t window_cost)
{
    if (s->paused || !rpc_inbox_empty(&s->inbox)) {
        if (!rpc_inbox_put(&s->inbox, message, window_cost))
            end_later(s, GRPC_RESOURCE_EXHAUSTED, bytes_of("out of memory"), BYTES_NONE, (struct grpc_metadata){0});
        return;
    }
    grpc_stream_consumed(s->wire, window_cost);
    enter(s);
    deliver(s, message);
    leave(s);
}

/* ---- retries ---------------------------------------------------------------------------------------------------- */

static uint64_t pushback(struct grpc_metadata trailers, bool *forbidden)
{
    struct bytes v = grpc_metadata_get(trailers, "grpc-retry-pushback-ms");
    *forbidden = false;
    if (!v.data)
        return 0;
    uint64_t ms = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9' || ms > 1000000000) {
            *forbidden = true; /* a negative or unreadable number means: do not retry */
            return 0;
        }
        ms = ms * 10 + (uint64_t)(v.data[i] - '0');
    }
    return ms * 1000000;
}

/* Starts the next attempt if there is to be one. */
static bool try_again(struct rpc_stream *s, const struct grpc_result *result, bool never_seen)
{
    if (s->committed || s->cancel)
        return false;
    uint64_t delay = 0;
    if (never_seen && s->transparent < RPC_TRANSPARENT_MAX) {
        s->transparent++;
    } else {
        bool forbidden;
        uint64_t asked = pushback(result->trailers, &forbidden);
        bool listed = result->status > 0 && result->status < 32 && (s->retry.statuses >> result->status & 1);
        if (!listed || forbidden || s->attempts >= s->retry.attempts)
            return false;
        uint64_t max = s->retry.backoff_max ? s->retry.backoff_max : RPC_RETRY_MAX;
        delay = s->retry.backoff_first ? s->retry.backoff_first : RPC_RETRY_FIRST;
        for (int i = 1; i < s->attempts && delay < max; i++)
            delay *= 2;
        if (delay > max)
            delay = max;
        delay = asked ? asked : random_below(world_random(s->world), delay + 1);
    }
    s->state = STREAM_BACKOFF;
    rpc_inbox_clear(&s->inbox);
    return world_timer_start(&s->backoff_timer, delay) == 0;
}

static void on_backoff(void *arg)
{
    struct rpc_stream *s = arg;
    stream_wait(s);
    struct error err = ERROR_INIT;
    if (channel_resolve(s->channel, &err) != 0)
        error_move(&s->channel->last, &err);
    world_task_post(&s->channel->pump);
}

void stream_on_finished(struct rpc_stream *s, const struct grpc_result *result)
{
    struct channel_connection *connection = s->connection;
    struct bytes message = result->message;
    bool lost = connection->link.closed || connection->link.over;
    bool never_seen = result->unprocessed || (lost && connection->link.written == s->mark);
    if (lost && result->status == GRPC_UNAVAILABLE && connection->lost)
        message = bytes_of(connection->lost);
    s->lost = lost || result->unprocessed;
    s->seen = s->seen || !never_seen;
    detach(s, false);
    if (s->cancel || s->state >= STREAM_ENDING)
        return; /* its task tells the end */
    if (result->status != GRPC_OK && try_again(s, result, never_seen))
        return;
    if (!rpc_inbox_empty(&s->inbox)) {
        end_later(s, result->status, message, result->details, result->trailers);
        return;
    }
    tell(s, result->status, message, result->details, result->trailers);
}

/* ---- what the caller asks --------------------------------------------------------------------------------------- */

static void on_task(void *arg)
{
    struct rpc_stream *s = arg;
    if (s->cancel) {
        tell_text(s, GRPC_CANCELLED, "cancelled by the caller");
        return;
    }
    enter(s);
    while (!s->paused && !s->gone && !s->cancel && !rpc_inbox_empty(&s->inbox)) {
        size_t cost;
        void *storage;
        struct bytes message = rpc_inbox_take(&s->inbox, &cost, &storage);
        if (s->wire)
            grpc_stream_consumed(s->wire, cost);
        deliver(s, message);
        free(storage);
    }
    if (!s->gone && s->wire) {
        rpc_link_schedule(&s->connection->link);
        if (s->was_busy && !rpc_stream_busy(s))
            stream_on_writable(s);
    }
    if (!leave(s)) {
        if (s->cancel)
            tell_text(s, GRPC_CANCELLED, "cancelled by the caller");
        else if (s->state == STREAM_ENDING && rpc_inbox_empty(&s->inbox))
            tell(s, s->status, s->message, s->details, s->trailers);
    }
}

void rpc_stream_cancel(struct rpc_stream *s)
{
    if (s->state == STREAM_TOLD || s->cancel)
        return;
    s->cancel = true;
    detach(s, true);
    world_task_post(&s->task);
}

void rpc_stream_pause(struct rpc_stream *s)
{
    s->paused = true;
}

void rpc_stream_resume(struct rpc_stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    world_task_post(&s->task);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool path_ok(const char *path)
{
    if (!path || path[0] != '/')
        return false;
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p == 0x7f)
            return false;
    return true;
}

static int copy_request(struct rpc_stream *s, const struct rpc_request *r)
{
    s->path = arena_string(&s->arena, r->path);
    s->content_type = arena_string(&s->arena, r->content_type);
    if (!s->path || (r->content_type && !s->content_type))
        return ERROR_MEMORY;
    if (r->has_message) {
        void *copy = arena_alloc(&s->arena, r->message.len + 1);
        if (!copy)
            return ERROR_MEMORY;
        if (r->message.len > 0)
            memcpy(copy, r->message.data, r->message.len);
        s->first = BYTES(copy, r->message.len);
        s->has_first = s->half_closed = true;
    }
    s->gzip = r->gzip;
    s->wait_for_ready = r->wait_for_ready;
    s->retry = r->retry ? *r->retry : s->channel->options.retry;
    return rpc_metadata_copy(&s->arena, r->metadata, &s->metadata);
}

static int open_stream(struct rpc_channel *c, const struct rpc_request *request, const struct rpc_stream_events *events,
                       void (*done)(void *arg, const struct rpc_reply *reply), void *arg, struct rpc_stream **out,
                       struct error *err)
{
    if (c->dead)
        return error_set(err, ERROR_CLOSED, "the channel was closed");
    if (!path_ok(request->path))
        return error_set(err, ERROR_INVALID, "\"%s\" is not a method's path: expected /service/method",
                         request->path ? request->path : "");
    if (request->has_message && request->message.len > c->settings.message_max)
        return error_set(err, ERROR_LIMIT, "the request has %zu bytes, the limit is %zu", request->message.len,
                         c->settings.message_max);
    struct rpc_stream *s = stream_new(c);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = copy_request(s, request);
    s->started = world_now(c->world);
    s->deadline = UINT64_MAX;
    if (rc == 0 && request->timeout) {
        if (request->timeout < UINT64_MAX - s->started)
            s->deadline = s->started + request->timeout;
        rc = world_timer_start(&s->deadline_timer, request->timeout);
    }
    if (rc) {
        world_timer_stop(&s->deadline_timer);
        s->gone = true;
        stream_free(s);
        return error_set(err, rc, "out of memory");
    }
    if (events)
        s->events = *events;
    s->unary_done = done;
    s->arg = arg;
    struct error why = ERROR_INIT;
    if (channel_resolve(c, &why) != 0)
        error_move(&c->last, &why);
    channel_connect_all(c);
    struct channel_connection *connection = c->line ? NULL : channel_pick(c);
    if (connection) {
        stream_begin(s, connection);
    } else {
        stream_wait(s);
        world_task_post(&c->pump);
    }
    if (out)
        *out = s;
    return 0;
}

int rpc_stream_open(struct rpc_channel *c, const struct rpc_request *request, const struct rpc_stream_events *events,
                    void *arg, struct rpc_stream **out, struct error *err)
{
    return open_stream(c, request, events, NULL, arg, out, err);
}

int rpc_unary(struct rpc_channel *c, const struct rpc_request *request,
              void (*done)(void *arg, const struct rpc_reply *reply), void *arg, struct rpc_stream **out,
              struct error *err)
{
    return open_stream(c, request, NULL, done, arg, out, err);
}
