#include "fakes/record/record.h"

#include "rpc/metadata.h"

#include <stdlib.h>
#include <string.h>

struct passage { /* one call under way to the server */
    struct recorder *recorder;
    struct fake_stream *down; /* its client; NULL once it is gone */
    struct rpc_stream *up;
    const struct pb_method *method;
    struct arena arena;
    struct text requests;
    ARRAY(size_t) request_ends;
    struct text replies; /* since the last turn was written down */
    ARRAY(size_t) reply_ends;
    ARRAY(uint64_t) waits; /* before each of them, with the recorder's timing */
    uint64_t last;         /* when the last message was passed on, either way */
    struct grpc_metadata headers;
    bool both;  /* streams both ways: turns */
    bool ended; /* the client's side */
};

struct recorder {
    struct world *world;
    struct rpc_channel *channel;
    struct map passages; /* struct fake_stream * -> struct passage */
    struct tape tape;
    bool timing;
    uint64_t calls, lost;
};

/* ---- remembering ------------------------------------------------------------------------------------------------ */

/* How long it took since the last message of either side. */
static void note_wait(struct passage *p)
{
    uint64_t now = world_now(p->recorder->world);
    if (p->recorder->timing && !array_push(&p->waits, now - p->last))
        p->recorder->lost++;
    p->last = now;
}

static void put_on_tape(struct passage *p, struct tape_answer *a)
{
    if (p->recorder->timing && p->waits.count == a->count + 1)
        a->waits = p->waits.items;
    if (tape_add(&p->recorder->tape, p->method, text_bytes(&p->requests), p->request_ends.items, p->request_ends.count,
                 p->ended, a) != 0)
        p->recorder->lost++;
}

/* What was said since the client's last message is that turn's answer. */
static void write_turn(struct passage *p)
{
    struct tape_answer a = {.status = GRPC_OK,
                            .headers = p->headers,
                            .replies = text_bytes(&p->replies),
                            .ends = p->reply_ends.items,
                            .count = p->reply_ends.count};
    if (p->recorder->timing) /* until the client goes on is its own time */
        (void)array_push(&p->waits, 0);
    if (p->request_ends.count > 0)
        put_on_tape(p, &a);
    text_clear(&p->replies);
    array_clear(&p->reply_ends);
    array_clear(&p->waits);
    p->headers = (struct grpc_metadata){0};
}

static void write_end(struct passage *p, const struct rpc_reply *reply)
{
    struct tape_answer a = {.status = reply->status,
                            .message = reply->message,
                            .details = reply->details,
                            .headers = p->headers,
                            .trailers = reply->trailers,
                            .replies = text_bytes(&p->replies),
                            .ends = p->reply_ends.items,
                            .count = p->reply_ends.count};
    note_wait(p);
    put_on_tape(p, &a);
}

/* ---- from the server -------------------------------------------------------------------------------------------- */

static void passage_free(struct passage *p)
{
    text_deinit(&p->requests);
    text_deinit(&p->replies);
    array_deinit(&p->request_ends);
    array_deinit(&p->reply_ends);
    array_deinit(&p->waits);
    arena_deinit(&p->arena);
    free(p);
}

static bool servers_own(struct bytes name)
{
    return bytes_is(name, "content-type") || bytes_is(name, "date") ||
           (name.len >= 5 && memcmp(name.data, "grpc-", 5) == 0);
}

static void pass_headers(struct passage *p, struct grpc_metadata m, bool trailers)
{
    for (size_t i = 0; p->down != NULL && i < m.count; i++) {
        const char *name = arena_string_n(&p->arena, (const char *)m.items[i].name.data, m.items[i].name.len);
        if (name != NULL && !servers_own(m.items[i].name))
            (void)fake_stream_header(p->down, name, m.items[i].value, trailers);
    }
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct passage *p = arg;
    if (rpc_metadata_copy(&p->arena, headers, &p->headers) != 0)
        p->headers = (struct grpc_metadata){0};
    pass_headers(p, headers, false);
}

static void on_message(void *arg, struct bytes message)
{
    struct passage *p = arg;
    note_wait(p);
    text_add(&p->replies, message.data, message.len);
    if (!text_ok(&p->replies) || !array_push(&p->reply_ends, p->replies.len))
        p->recorder->lost++;
    if (p->down == NULL)
        return;
    if (fake_stream_send(p->down, message) != 0)
        rpc_stream_cancel(p->up); /* its client hears of it in `finished` */
    else if (fake_stream_busy(p->down))
        rpc_stream_pause(p->up);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct passage *p = arg;
    struct fake_stream *down = p->down;
    if (down != NULL) {
        if (!reply->lost) /* else it is not the server's answer */
            write_end(p, reply);
        pass_headers(p, reply->trailers, true);
        map_remove_n(&p->recorder->passages, &down, sizeof down);
        p->down = NULL;
        fake_stream_finish_details(down, reply->status, reply->message, reply->details);
    }
    passage_free(p);
}

/* ---- from the client -------------------------------------------------------------------------------------------- */

/* What belongs to this hop, or is the next one's to say. */
static bool stays_here(struct bytes name)
{
    static const char *const own[] = {"te",         "content-type",   "user-agent",      "host",
                                      "connection", "content-length", "accept-encoding", "double-session",
                                      "timeout"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (bytes_is(name, own[i]))
            return true;
    return name.len == 0 || name.data[0] == ':' || (name.len >= 5 && memcmp(name.data, "grpc-", 5) == 0);
}

static struct passage *passage_new(struct recorder *r, const struct fake_asked *asked, struct error *err)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct passage *p = calloc(1, sizeof *p);
    struct grpc_header *headers = calloc(asked->metadata.count + 1, sizeof *headers);
    size_t count = 0;
    if (p == NULL || headers == NULL || !map_put_n(&r->passages, &asked->stream, sizeof asked->stream, p)) {
        free(p);
        free(headers);
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *p = (struct passage){.recorder = r,
                          .down = asked->stream,
                          .method = asked->method,
                          .last = world_now(r->world),
                          .both = asked->method->client_streaming && asked->method->server_streaming};
    for (size_t i = 0; i < asked->metadata.count; i++)
        if (!stays_here(asked->metadata.items[i].name))
            headers[count++] = asked->metadata.items[i];
    struct rpc_request request = {.path = asked->method->path,
                                  .metadata = {.items = headers, .count = count},
                                  .timeout = asked->timeout,
                                  .wait_for_ready = false};
    int code = rpc_stream_open(r->channel, &request, &events, p, &p->up, err);
    free(headers);
    if (code != 0) {
        map_remove_n(&r->passages, &asked->stream, sizeof asked->stream);
        passage_free(p);
        return NULL;
    }
    r->calls++;
    return p;
}

/* The messages that have come since the last time. */
static bool pass_messages(struct passage *p, const struct fake_asked *asked)
{
    for (size_t i = p->request_ends.count; i < asked->messages; i++) {
        struct bytes m = fake_asked_message(asked, i);
        if (p->both && i > 0)
            write_turn(p);
        text_add(&p->requests, m.data, m.len);
        if (!text_ok(&p->requests) || !array_push(&p->request_ends, p->requests.len) || rpc_stream_send(p->up, m) != 0)
            return false;
    }
    p->last = world_now(p->recorder->world);
    if (!asked->complete)
        return true;
    if (p->both)
        write_turn(p);
    p->ended = true;
    return rpc_stream_half_close(p->up) == 0;
}

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct recorder *r = arg;
    struct error err = ERROR_INIT;
    answer->by = "the recorded server";
    if (asked->stream == NULL) {
        fake_answer_fail(answer, GRPC_UNIMPLEMENTED, "calls in process are not passed on");
        return FAKE_ANSWERED;
    }
    struct passage *p = map_get_n(&r->passages, &asked->stream, sizeof asked->stream);
    if (p == NULL)
        p = passage_new(r, asked, &err);
    if (p == NULL) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        fake_answer_fail(answer, GRPC_UNAVAILABLE, "the call cannot be passed on: %s", text_string(&why));
        text_deinit(&why);
        error_clear(&err);
        return FAKE_ANSWERED;
    }
    answer->ending = FAKE_STAYS;
    if (!pass_messages(p, asked))
        rpc_stream_cancel(p->up);
    return FAKE_ANSWERED;
}

static void gone(void *arg, struct fake_stream *stream)
{
    struct recorder *r = arg;
    struct passage *p = map_remove_n(&r->passages, &stream, sizeof stream);
    if (p == NULL)
        return;
    p->down = NULL;
    rpc_stream_cancel(p->up); /* freed when that has ended */
}

static void drained(void *arg, struct fake_stream *stream)
{
    struct recorder *r = arg;
    struct passage *p = map_get_n(&r->passages, &stream, sizeof stream);
    if (p != NULL)
        rpc_stream_resume(p->up);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

int recorder_new(struct world *w, const struct recorder_options *options, struct recorder **out, struct error *err)
{
    struct recorder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = w;
    r->timing = options->timing;
    int code = rpc_channel_new(w, &(struct rpc_channel_options){.addresses = options->upstream, .tls = options->tls},
                               &r->channel, err);
    if (code != 0) {
        free(r);
        return code;
    }
    *out = r;
    return 0;
}

void recorder_free(struct recorder *r)
{
    if (r == NULL)
        return;
    rpc_channel_free(r->channel); /* passages end here */
    map_deinit(&r->passages);
    tape_deinit(&r->tape);
    free(r);
}

struct fake_responder recorder_responder(struct recorder *r)
{
    return (struct fake_responder){
        .name = "recorder", .respond = respond, .gone = gone, .drained = drained, .late = true, .arg = r};
}

const struct tape *recorder_tape(const struct recorder *r)
{
    return &r->tape;
}

uint64_t recorder_calls(const struct recorder *r)
{
    return r->calls;
}

uint64_t recorder_lost(const struct recorder *r)
{
    return r->lost;
}
