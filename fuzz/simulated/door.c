#include "fuzz/simulated/door.h"

#include "fuzz/case/links.h"
#include "fuzz/live/framing.h"
#include "fuzz/simulated/environment.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 256
#define HEADERS_MAX    24 /* of one call */

struct call {
    struct simulated *door;
    uint32_t number;
    struct rpc_stream *stream; /* NULL: not opened, or over */
    bool finished, half_closed, gzip;
};

struct simulated {
    struct fuzz_door door; /* first */
    struct simulated_options options;
    struct environment environment;
    struct text bearer, other_bearer;
    const struct fuzz_case *c;
    struct fuzz_trace *t;
    size_t at;      /* the event to be done next */
    uint32_t count; /* calls of the case */
    struct call calls[SIMULATED_CALLS_MAX];
    const struct call *awaited;
    uint64_t awaited_replies, steps_limit;
    struct text message, raw, headers;
};

/* ---- what comes back ---- */

static struct trace_call *traced(const struct call *k)
{
    return &k->door->t->calls.items[k->number];
}

static void leave(struct call *k)
{
    if (!k->stream)
        return;
    traced(k)->ended_by_us = true;
    rpc_stream_cancel(k->stream);
}

static void on_message(void *arg, struct bytes message)
{
    struct call *k = arg;
    struct fuzz_trace *t = k->door->t;
    struct trace_call *c = traced(k);
    struct trace_reply reply = {.call = k->number, .body = fuzz_trace_keep(t, message)};
    reply.broken = c->method && pb_scan(c->method->output->descriptor, message, NULL) != 0;
    t->bytes_received += message.len;
    if (c->replies++ == 0)
        c->first_reply = (uint32_t)t->replies.count;
    if (!array_push(&t->replies, reply))
        t->data.failed = true;
    if (c->replies >= SIMULATED_STREAM_REPLIES && (!c->method || c->method->server_streaming))
        leave(k);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *k = arg;
    struct trace_call *c = traced(k);
    bool reached = reply->peer[0] != '\0';
    /* What HTTP/2 cannot say at all never went out. */
    bool unsayable = !reached && reply->status == GRPC_INTERNAL;
    k->stream = NULL;
    k->finished = true;
    c->ended_by_us |= unsayable;
    c->status = unsayable || reply->lost || c->ended_by_us ? TRACE_NO_STATUS : reply->status;
    c->text = fuzz_trace_keep(k->door->t, reply->message);
    c->detail = fuzz_trace_keep(k->door->t, reply->details);
    c->duration = reply->duration;
}

/* ---- what is sent ---- */

static size_t add_header(struct grpc_header *to, size_t count, struct bytes name, struct bytes value)
{
    if (count == HEADERS_MAX)
        return count;
    to[count] = (struct grpc_header){.name = name, .value = value};
    return count + 1;
}

/* The token, then the case's METADATA behind the CALL at `at`, with what links put into it. */
static size_t gather(struct simulated *s, size_t at, struct grpc_header *out)
{
    const struct fuzz_case *c = s->c;
    const struct fuzz_event *call = &c->events.items[at];
    const struct text *bearer = call->flags & EVENT_OTHER_TENANT ? &s->other_bearer : &s->bearer;
    size_t count = 0;
    if (!(call->flags & EVENT_NO_TOKEN) && bearer->len)
        count = add_header(out, count, bytes_of("authorization"), text_bytes(bearer));
    text_clear(&s->headers);
    for (size_t i = at + 1; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_LINK)
            continue;
        if (e->kind != EVENT_METADATA)
            break;
        struct bytes value = fuzz_case_bytes(c, e->value);
        text_clear(&s->message);
        /* Room for all that was linked before is never moved: what does not fit goes without its link. */
        if (fuzz_links_any(c, i) && fuzz_links_apply(c, i, s->t, &s->message) >= 0 &&
            s->headers.capacity - s->headers.len > s->message.len) {
            size_t from = s->headers.len;
            text_add(&s->headers, s->message.data, s->message.len);
            value = BYTES(s->headers.data + from, s->message.len);
        }
        count = add_header(out, count, fuzz_case_bytes(c, e->name), value);
    }
    return count;
}

static bool wants_gzip(const struct fuzz_case *c, size_t at, uint32_t number)
{
    for (size_t i = at + 1; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_MESSAGE && e->call == number && (e->flags & EVENT_COMPRESSED))
            return true;
    }
    return false;
}

static const struct target_component *serving(const struct simulated *s, const char *path)
{
    const char *slash = strchr(path + 1, '/');
    char service[PATH_MAX_BYTES];
    size_t len = slash ? (size_t)(slash - path) - 1 : 0;
    const struct target *t = s->options.target;
    memcpy(service, path + 1, len);
    service[len] = '\0';
    const struct target_component *c = target_serving(t, service);
    for (size_t i = 0; !c && i < t->component_count; i++)
        if (t->components[i].address)
            c = &t->components[i];
    return c;
}

static void open_call(struct simulated *s)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct fuzz_event *e = &s->c->events.items[s->at];
    struct bytes name = fuzz_case_bytes(s->c, e->name);
    struct grpc_header headers[HEADERS_MAX];
    struct rpc_channel *channel;
    char path[PATH_MAX_BYTES];
    if (s->count == SIMULATED_CALLS_MAX)
        return;
    struct call *k = &s->calls[s->count];
    *k = (struct call){.door = s, .number = s->count, .finished = true};
    struct trace_call c = {.event = (uint32_t)s->at,
                           .status = TRACE_NO_STATUS,
                           .without_token = (e->flags & EVENT_NO_TOKEN) != 0,
                           .other_tenant = (e->flags & EVENT_OTHER_TENANT) != 0,
                           .ended_by_us = true,
                           .started = world_now(s->options.target->world)};
    bool sayable = name.len > 0 && name.len < sizeof path && !memchr(name.data, 0, name.len);
    if (sayable) {
        memcpy(path, name.data, name.len);
        path[name.len] = '\0';
        c.method = pb_find_method(s->door.pool, path, true);
    }
    if (!array_push(&s->t->calls, c)) {
        s->t->data.failed = true;
        return;
    }
    s->count++;
    const struct target_component *component = sayable ? serving(s, path) : NULL;
    k->gzip = wants_gzip(s->c, s->at, k->number);
    const struct rpc_request request = {.path = path,
                                        .gzip = k->gzip,
                                        .metadata = {headers, gather(s, s->at, headers)},
                                        .timeout = e->number,
                                        .wait_for_ready = true};
    /* What could not be sent at all is nobody's fault. */
    if (!component || target_channel(s->options.target, component, &channel, NULL) != 0 ||
        rpc_stream_open(channel, &request, &events, k, &k->stream, NULL) != 0)
        return;
    k->finished = false;
    traced(k)->ended_by_us = false;
}

static void send_message(struct simulated *s, struct call *k)
{
    const struct fuzz_event *e = &s->c->events.items[s->at];
    struct bytes message = fuzz_case_bytes(s->c, e->value);
    if (!k->stream || k->half_closed)
        return;
    if (fuzz_links_any(s->c, s->at)) {
        text_clear(&s->message);
        if (fuzz_links_apply(s->c, s->at, s->t, &s->message) < 0) {
            s->t->data.failed = true;
            return;
        }
        message = text_bytes(&s->message);
    }
    s->t->bytes_sent += message.len;
    traced(k)->sent++;
    if (framing_is_plain(e->flags) && !k->gzip && rpc_stream_send(k->stream, message) != ERROR_LIMIT)
        return;
    text_clear(&s->raw);
    framing_put(e->flags, message, &s->raw);
    if (text_ok(&s->raw))
        (void)rpc_stream_send_raw(k->stream, text_bytes(&s->raw));
    else
        s->t->data.failed = true;
}

static void half_close(struct call *k)
{
    if (k->stream && !k->half_closed) {
        k->half_closed = true;
        (void)rpc_stream_half_close(k->stream);
    }
}

/* ---- waiting ---- */

static bool is_settled(void *arg)
{
    struct simulated *s = arg;
    const struct call *k = s->awaited;
    return k->finished || (s->awaited_replies > 0 && traced(k)->replies >= s->awaited_replies) ||
           sim_events(s->environment.sim) > s->steps_limit;
}

/* Until the call ended or gave that many replies. A server may be silent on a stream, and has to be as long as the
 * request is not complete; what else does not answer in time is a hang. */
static void await(struct simulated *s, struct call *k, uint64_t replies)
{
    struct world *w = s->options.target->world;
    struct trace_call *c = traced(k);
    bool owed = k->half_closed && c->method && !c->method->server_streaming;
    s->awaited = k;
    s->awaited_replies = replies;
    s->steps_limit = sim_events(s->environment.sim) + SIMULATED_STEPS_MAX;
    if (is_settled(s))
        return;
    int rc = world_run_until(w, is_settled, s, owed ? SIMULATED_HANG_AFTER : SIMULATED_STREAM_TIME);
    bool turning = sim_events(s->environment.sim) > s->steps_limit;
    if ((rc == 0 && !turning) || !k->stream)
        return;
    c->timed_out = owed || turning;
    leave(k);
    s->awaited_replies = 0;
    s->steps_limit = sim_events(s->environment.sim) + SIMULATED_STEPS_MAX;
    (void)world_run_until(w, is_settled, s, SIMULATED_HANG_AFTER);
}

/* ---- a case ---- */

static void step(struct simulated *s)
{
    const struct fuzz_event *e = &s->c->events.items[s->at];
    struct call *k = e->call < s->count ? &s->calls[e->call] : NULL;
    switch (e->kind) {
    case EVENT_CALL:
        open_call(s);
        break;
    case EVENT_MESSAGE:
        if (k)
            send_message(s, k);
        break;
    case EVENT_HALF_CLOSE:
        if (k)
            half_close(k);
        break;
    case EVENT_CANCEL:
        if (k)
            leave(k);
        break;
    case EVENT_AWAIT:
        if (k)
            await(s, k, e->number);
        break;
    case EVENT_TIME:
        (void)world_sleep(s->options.target->world, e->number < (uint64_t)SECOND ? e->number : (uint64_t)SECOND);
        break;
    case EVENT_FAULT:
        s->t->faults_skipped += !environment_fault(&s->environment, fuzz_case_bytes(s->c, e->name), e->number);
        break;
    case EVENT_ENVIRONMENT:
        s->t->faults_skipped += !environment_turn(&s->environment, fuzz_case_bytes(s->c, e->name), e->number);
        break;
    default:
        break; /* links are carried out with their message; the rest is not for this door */
    }
}

void simulated_begin(struct simulated *s, const struct fuzz_case *c, struct fuzz_trace *t)
{
    fuzz_trace_clear(t);
    s->c = c;
    s->t = t;
    s->at = s->count = 0;
    s->environment.disturbed = false;
    s->environment.repeats = 0;
}

void simulated_go(struct simulated *s, size_t to)
{
    for (; s->at < to && s->at < s->c->events.count; s->at++)
        step(s);
}

void simulated_end(struct simulated *s)
{
    simulated_go(s, SIZE_MAX);
    for (uint32_t i = 0; i < s->count; i++)
        half_close(&s->calls[i]);
    for (uint32_t i = 0; i < s->count; i++)
        await(s, &s->calls[i], 0);
    for (uint32_t i = 0; i < s->count; i++)
        s->t->hung |= s->t->calls.items[i].timed_out;
}

void simulated_run(struct simulated *s, const struct fuzz_case *c, struct fuzz_trace *t)
{
    simulated_begin(s, c, t);
    simulated_end(s);
}

bool simulated_disturbed(const struct simulated *s)
{
    return s->environment.disturbed;
}

uint64_t simulated_repeats(const struct simulated *s)
{
    return s->environment.repeats;
}

void simulated_heal(struct simulated *s)
{
    environment_heal(&s->environment);
}

/* ---- the door ---- */

static int begin(struct fuzz_door *d, const struct fuzz_case *c, struct fuzz_trace *t,
                 void (*done)(void *arg, struct fuzz_trace *t), void *arg)
{
    simulated_run((struct simulated *)d, c, t);
    done(arg, t);
    return 0;
}

static void cancel(struct fuzz_door *d)
{
    (void)d; /* nothing is under way when begin() has returned */
}

static int reset(struct fuzz_door *d, struct error *err)
{
    (void)d;
    return error_set(err, ERROR_UNSUPPORTED, "a simulated system is set back by who made it");
}

void simulated_free(struct simulated *s)
{
    if (!s)
        return;
    text_deinit(&s->bearer);
    text_deinit(&s->other_bearer);
    text_deinit(&s->message);
    text_deinit(&s->raw);
    text_deinit(&s->headers);
    free(s);
}

int simulated_new(const struct simulated_options *options, struct simulated **out, struct error *err)
{
    struct simulated *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->options = *options;
    s->environment =
        (struct environment){.sim = sim_of(options->target->world), .target = options->target, .options = &s->options};
    s->door = (struct fuzz_door){.name = "simulation",
                                 .pool = options->target->pool,
                                 .width = 1,
                                 .repeatable = true,
                                 .begin = begin,
                                 .cancel = cancel,
                                 .reset = reset};
    if (options->token)
        text_printf(&s->bearer, "Bearer %s", options->token);
    if (options->other_token)
        text_printf(&s->other_bearer, "Bearer %s", options->other_token);
    if (!text_reserve(&s->headers, 4096) || !text_ok(&s->bearer) || !text_ok(&s->other_bearer)) {
        simulated_free(s);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *out = s;
    return 0;
}

struct bytes simulated_bearer(const struct simulated *s, bool other)
{
    return text_bytes(other ? &s->other_bearer : &s->bearer);
}

struct fuzz_door *simulated_door(struct simulated *s)
{
    return &s->door;
}
