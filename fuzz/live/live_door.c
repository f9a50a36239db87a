#include "fuzz/live/live_door.h"

#include "fuzz/case/generate_case.h"
#include "fuzz/case/links.h"
#include "fuzz/live/framing.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 512
#define METADATA_MAX   48                             /* entries of one call beside the target's own */
#define WAKE_STEP      ((uint64_t)(5 * MILLISECOND))  /* of the clock: longer waits end there */
#define WAKE_TOGETHER  ((uint64_t)(20 * MILLISECOND)) /* what is a longer one */

struct run;
struct call {
    struct run *run;
    struct rpc_stream *stream; /* NULL: not begun, or over */
    size_t number;
    bool half_closed;
    bool gzip; /* compression was announced: rpc/ would then compress what it is given */
};

struct run {
    struct live *live;
    const struct fuzz_case *c; /* NULL: idle */
    struct fuzz_trace *t;
    void (*done)(void *arg, struct fuzz_trace *t);
    void *arg;
    size_t at;                  /* the event to be done next */
    ARRAY(struct call *) calls; /* kept for the next case */
    size_t open;                /* calls of this case */
    bool leaving;               /* no more events: what is open is waited for */
    bool resting;
    bool owed;               /* an answer is, by the present wait */
    uint64_t since;          /* when the present wait began; 0: nothing is waited for */
    struct world_timer wait; /* looks again at `wakes`; not stopped when the wait is over, for most are short */
    uint64_t wakes;
    struct world_task step;
    struct text message, raw;
};

struct live {
    struct fuzz_door door; /* first */
    struct live_options options;
    struct run *runs, **free; /* `free`: those without a case, taken from the end */
    size_t free_count, resting;
};

static struct live *live_of(struct fuzz_door *d)
{
    return (struct live *)d;
}

const struct target_component *live_component(const struct target *t, struct bytes path)
{
    char service[PATH_MAX_BYTES];
    const uint8_t *slash = path.len > 1 ? memchr(path.data + 1, '/', path.len - 1) : NULL;
    size_t len = slash ? (size_t)(slash - path.data) - 1 : 0;
    if (len > 0 && len < sizeof service) {
        memcpy(service, path.data + 1, len);
        service[len] = '\0';
        const struct target_component *c = target_serving(t, service);
        if (c && c->address)
            return c;
    }
    for (size_t i = 0; i < t->component_count; i++)
        if (t->components[i].address)
            return &t->components[i];
    return NULL;
}

/* The component a METADATA event says the call goes by; NULL: it says no such thing. */
static const struct target_component *relay_of(const struct target *t, const struct fuzz_case *c,
                                               const struct fuzz_event *e)
{
    if (!bytes_is(fuzz_case_bytes(c, e->name), FUZZ_RELAY))
        return NULL;
    for (size_t i = 0; i < t->component_count; i++)
        if (t->components[i].address && bytes_is(fuzz_case_bytes(c, e->value), t->components[i].name))
            return &t->components[i];
    return NULL;
}

const struct target_component *live_asked(const struct target *t, const struct fuzz_case *c, size_t event)
{
    for (size_t i = event + 1; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_METADATA && e->kind != EVENT_LINK)
            break;
        const struct target_component *relay = e->kind == EVENT_METADATA ? relay_of(t, c, e) : NULL;
        if (relay)
            return relay;
    }
    return live_component(t, fuzz_case_bytes(c, c->events.items[event].name));
}

/* ---- what comes back -------------------------------------------------------------------------------------------- */

static struct trace_call *traced(const struct call *k)
{
    return &k->run->t->calls.items[k->number];
}

static bool streams(const struct trace_call *c)
{
    return !c->method || c->method->server_streaming;
}

static void on_message(void *arg, struct bytes message)
{
    struct call *k = arg;
    struct fuzz_trace *t = k->run->t;
    struct trace_call *c = traced(k);
    struct trace_reply reply = {.call = (uint32_t)k->number};
    reply.broken = c->method && pb_refused_by_all(c->method->output->descriptor, message);
    reply.body = fuzz_trace_keep(t, BYTES(message.data, message.len < LIVE_REPLY_MAX ? message.len : LIVE_REPLY_MAX));
    t->bytes_received += message.len;
    if (c->replies == 0)
        c->first_reply = (uint32_t)t->replies.count;
    if (!array_push(&t->replies, reply))
        t->data.failed = true;
    c->replies++;
    if (streams(c) && c->replies >= LIVE_STREAM_REPLIES && k->stream) {
        c->ended_by_us = true;
        rpc_stream_cancel(k->stream);
    }
    world_task_post(&k->run->step);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct call *k = arg;
    struct trace_call *c = traced(k);
    if (reply->body.data && c->replies == 0)
        on_message(k, reply->body);
    k->stream = NULL;
    /* A status nobody sent is none, unless it is ours. A request that cannot be said at all is nobody's fault. */
    bool reached = reply->peer[0] != '\0';
    bool unsayable = !reached && reply->status == GRPC_INTERNAL;
    c->status = unsayable || (reply->lost && !c->ended_by_us) ? TRACE_NO_STATUS : reply->status;
    c->ended_by_us |= unsayable;
    c->timed_out &= reached; /* nobody was there to answer */
    c->text = fuzz_trace_keep(k->run->t, reply->message);
    c->detail = fuzz_trace_keep(k->run->t, reply->details);
    c->duration = world_now(k->run->live->options.target->world) - c->started;
    world_task_post(&k->run->step);
}

/* ---- what is sent ----------------------------------------------------------------------------------------------- */

static bool is(struct bytes name, const char *word)
{
    return bytes_is(name, word);
}

struct headers {
    struct grpc_header items[METADATA_MAX + TARGET_HEADERS_MAX];
    size_t count;
};

/* The target's own, then the case's METADATA behind the CALL at `at`, with what links put into it. */
static void gather(struct run *r, size_t at, const struct fuzz_event *call, struct headers *out)
{
    const struct live_options *o = &r->live->options;
    struct grpc_metadata own = target_metadata(o->target);
    for (size_t i = 0; i < own.count && i < TARGET_HEADERS_MAX; i++) {
        bool token = is(own.items[i].name, "authorization");
        if (token && (call->flags & (EVENT_NO_TOKEN | EVENT_OTHER_TENANT)))
            continue;
        out->items[out->count++] = own.items[i];
    }
    text_clear(&r->raw);
    if ((call->flags & EVENT_OTHER_TENANT) && o->other_token) {
        text_printf(&r->raw, "Bearer %s", o->other_token);
        out->items[out->count++] =
            (struct grpc_header){.name = bytes_of("authorization"), .value = text_bytes(&r->raw)};
    }
    for (size_t i = at + 1; i < r->c->events.count && out->count < METADATA_MAX; i++) {
        const struct fuzz_event *e = &r->c->events.items[i];
        if (e->kind == EVENT_LINK)
            continue;
        if (e->kind != EVENT_METADATA)
            break;
        if (relay_of(o->target, r->c, e))
            continue;
        struct bytes value = fuzz_case_bytes(r->c, e->value);
        if (fuzz_links_any(r->c, i)) { /* one linked value a call: it needs memory of its own */
            text_clear(&r->message);
            if (fuzz_links_apply(r->c, i, r->t, &r->message) >= 0)
                value = text_bytes(&r->message);
        }
        out->items[out->count++] = (struct grpc_header){.name = fuzz_case_bytes(r->c, e->name), .value = value};
    }
}

static struct call *next_call(struct run *r)
{
    if (r->open == r->calls.count) {
        struct call *k = calloc(1, sizeof *k);
        if (!k || !array_push(&r->calls, k)) {
            free(k);
            return NULL;
        }
    }
    struct call *k = r->calls.items[r->open];
    *k = (struct call){.run = r, .number = r->open++};
    return k;
}

static bool wants_gzip(const struct fuzz_case *c, size_t number)
{
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_MESSAGE && e->call == number && (e->flags & EVENT_COMPRESSED))
            return true;
    }
    return false;
}

static void open_call(struct run *r, size_t at)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    const struct fuzz_event *e = &r->c->events.items[at];
    struct target *target = r->live->options.target;
    struct bytes path = fuzz_case_bytes(r->c, e->name);
    struct trace_call c = {.event = (uint32_t)at,
                           .status = TRACE_NO_STATUS,
                           .without_token = (e->flags & EVENT_NO_TOKEN) != 0,
                           .other_tenant = (e->flags & EVENT_OTHER_TENANT) != 0,
                           .started = world_now(target->world)};
    struct call *k = next_call(r);
    if (!k || !array_push(&r->t->calls, c)) {
        r->t->data.failed = true;
        if (k)
            r->open--;
        return;
    }
    traced(k)->method = fuzz_case_method(r->c, (uint32_t)k->number, target->pool);
    struct headers headers = {.count = 0};
    gather(r, at, e, &headers);
    char text[PATH_MAX_BYTES];
    const struct target_component *component = live_asked(target, r->c, at);
    if (!component || path.len == 0 || path.len >= sizeof text || memchr(path.data, 0, path.len)) {
        traced(k)->ended_by_us = true;
        return;
    }
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    k->gzip = wants_gzip(r->c, k->number);
    struct rpc_request request = {.path = text,
                                  .gzip = k->gzip,
                                  .metadata = {.items = headers.items, .count = headers.count},
                                  .timeout = e->number,
                                  .wait_for_ready = true};
    struct rpc_channel *channel;
    if (target_channel(target, component, &channel, NULL) != 0 ||
        rpc_stream_open(channel, &request, &events, k, &k->stream, NULL) != 0) {
        k->stream = NULL;
        traced(k)->ended_by_us = true; /* what could not be sent at all is nobody's fault */
        return;
    }
}

static struct call *call_of(const struct run *r, const struct fuzz_event *e)
{
    struct call *k = e->call < r->open ? r->calls.items[e->call] : NULL;
    return k && k->stream ? k : NULL;
}

static void send_message(struct run *r, size_t at)
{
    const struct fuzz_event *e = &r->c->events.items[at];
    struct call *k = call_of(r, e);
    struct bytes message = fuzz_case_bytes(r->c, e->value);
    if (!k || k->half_closed)
        return;
    if (fuzz_links_any(r->c, at)) {
        text_clear(&r->message);
        if (fuzz_links_apply(r->c, at, r->t, &r->message) < 0)
            r->t->data.failed = true;
        else
            message = text_bytes(&r->message);
    }
    r->t->bytes_sent += message.len;
    traced(k)->sent++;
    if (framing_is_plain(e->flags) && !k->gzip && rpc_stream_send(k->stream, message) != ERROR_LIMIT)
        return;
    text_clear(&r->raw);
    framing_put(e->flags, message, &r->raw);
    if (text_ok(&r->raw))
        (void)rpc_stream_send_raw(k->stream, text_bytes(&r->raw));
    else
        r->t->data.failed = true;
}

static void half_close(struct call *k)
{
    if (k && !k->half_closed) {
        k->half_closed = true;
        (void)rpc_stream_half_close(k->stream);
    }
}

static void inject(struct run *r, const struct fuzz_event *e)
{
    struct target *t = r->live->options.target;
    struct bytes name = fuzz_case_bytes(r->c, e->name);
    char component[PATH_MAX_BYTES];
    int rc = ERROR_UNSUPPORTED;
    if (name.len < sizeof component && e->number < TARGET_ACTION_COUNT) {
        memcpy(component, name.data ? name.data : (const uint8_t *)"", name.len);
        component[name.len] = '\0';
        if (target_find(t, component))
            rc = t->operations->act(t, component, (enum target_action)e->number, NULL);
    }
    r->t->faults_skipped += rc != 0;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static void rest(struct run *r, bool resting)
{
    struct live *l = r->live;
    if (r->resting == resting)
        return;
    r->resting = resting;
    l->resting += resting ? 1 : (size_t)-1;
    if (resting && l->options.rest)
        l->options.rest(l->options.arg);
}

/* ns that are left of `whole` since the present wait began, which is now unless it did before. */
static uint64_t left_of(struct run *r, uint64_t whole)
{
    uint64_t now = world_now(r->live->options.target->world);
    r->since = r->since ? r->since : now;
    return now - r->since < whole ? whole - (now - r->since) : 0;
}

/* False: there is no memory for it. In real time longer waits end together, for each end wakes the process. */
static bool wait_for(struct run *r, uint64_t ns)
{
    struct world *w = r->live->options.target->world;
    uint64_t now = world_now(w), wakes = now + ns;
    if (ns >= WAKE_TOGETHER && !world_is_simulated(w)) {
        wakes += WAKE_STEP - wakes % WAKE_STEP;
        ns = wakes - now;
    }
    if (world_timer_active(&r->wait) && wakes >= r->wakes)
        return true;
    world_timer_stop(&r->wait);
    r->wakes = wakes;
    bool started = world_timer_start(&r->wait, ns) == 0;
    r->t->data.failed |= !started;
    return started;
}

static void on_wait(void *arg)
{
    world_task_post(&((struct run *)arg)->step);
}

/* A server may be silent on a stream, and has to be as long as the request is not complete. */
static bool owes_answer(const struct call *k)
{
    return k->half_closed && !streams(traced(k));
}

static uint64_t patience(const struct call *k)
{
    return owes_answer(k)       ? k->run->live->options.hang_after
           : streams(traced(k)) ? LIVE_STREAM_TIME
                                : LIVE_INCOMPLETE_TIME;
}

static void give_up(struct call *k)
{
    traced(k)->timed_out = owes_answer(k);
    traced(k)->ended_by_us = true;
    rpc_stream_cancel(k->stream);
}

/* Nothing more is waited for of the call, which has had its time if it is still open; else the clock runs. */
static bool settled(struct call *k, uint64_t replies)
{
    if (!k->stream || (replies > 0 && traced(k)->replies >= replies))
        return true;
    uint64_t left = left_of(k->run, patience(k));
    k->run->owed |= owes_answer(k);
    if (left > 0 && wait_for(k->run, left))
        return false;
    give_up(k);
    return true;
}

/* Virtual time costs little, so that what takes a moment may have it. */
static uint64_t pause_of(const struct run *r, uint64_t asked)
{
    bool whole = asked <= LIVE_PAUSE_SIMULATED && world_is_simulated(r->live->options.target->world);
    return whole || asked < LIVE_PAUSE_MAX ? asked : LIVE_PAUSE_MAX;
}

/* Does the event; false: it is waited for. */
static bool perform(struct run *r)
{
    const struct fuzz_event *e = &r->c->events.items[r->at];
    struct call *k = call_of(r, e);
    uint64_t left;
    switch (e->kind) {
    case EVENT_CALL:
        open_call(r, r->at);
        return true;
    case EVENT_MESSAGE:
        send_message(r, r->at);
        return true;
    case EVENT_HALF_CLOSE:
        half_close(k);
        return true;
    case EVENT_CANCEL:
        if (k) {
            traced(k)->ended_by_us = true;
            rpc_stream_cancel(k->stream);
        }
        return true;
    case EVENT_AWAIT:
        if (!k)
            return true;
        half_close(e->number == 0 && !traced(k)->method ? k : NULL);
        return settled(k, e->number);
    case EVENT_TIME:
        left = left_of(r, pause_of(r, e->number));
        return left == 0 || !wait_for(r, left);
    case EVENT_FAULT:
        inject(r, e);
        return true;
    default:
        return true;
    }
}

static void finish(struct run *r)
{
    struct live *l = r->live;
    struct fuzz_trace *t = r->t;
    r->c = NULL;
    r->since = 0;
    rest(r, false);
    l->free[l->free_count++] = r;
    for (size_t i = 0; i < t->calls.count; i++)
        t->hung |= t->calls.items[i].timed_out;
    r->done(r->arg, t);
}

static void on_step(void *arg)
{
    struct run *r = arg;
    if (!r->c)
        return;
    for (; r->at < r->c->events.count; r->at++) {
        r->owed = false;
        if (!perform(r)) {
            rest(r, !r->owed);
            return;
        }
        r->since = 0;
    }
    for (size_t i = 0; !r->leaving && i < r->open; i++)
        if (r->calls.items[i]->stream)
            half_close(r->calls.items[i]);
    r->leaving = true;
    r->owed = false;
    bool open = false;
    for (size_t i = 0; i < r->open; i++) {
        (void)settled(r->calls.items[i], 0); /* one that was given up still says that it ended */
        open |= r->calls.items[i]->stream != NULL;
    }
    if (open)
        rest(r, !r->owed);
    else
        finish(r);
}

size_t live_resting(const struct fuzz_door *d)
{
    return ((const struct live *)d)->resting;
}

/* ---- the door --------------------------------------------------------------------------------------------------- */

static int begin(struct fuzz_door *d, const struct fuzz_case *c, struct fuzz_trace *t,
                 void (*done)(void *arg, struct fuzz_trace *t), void *arg)
{
    struct live *l = live_of(d);
    if (l->free_count == 0)
        return ERROR_LIMIT;
    struct run *r = l->free[--l->free_count];
    fuzz_trace_clear(t);
    r->c = c;
    r->t = t;
    r->done = done;
    r->arg = arg;
    r->at = r->open = 0;
    r->leaving = false;
    world_task_post(&r->step);
    return 0;
}

static void cancel(struct fuzz_door *d)
{
    struct live *l = live_of(d);
    target_close_channels(l->options.target); /* the calls end in their events, which ask for another step */
    for (size_t i = 0; i < d->width; i++) {
        struct run *r = &l->runs[i];
        world_timer_stop(&r->wait);
        world_task_cancel(&r->step);
        r->c = NULL;
        r->since = 0;
        r->resting = false;
        l->free[i] = r;
    }
    l->resting = 0;
    l->free_count = d->width;
}

static int reset(struct fuzz_door *d, struct error *err)
{
    (void)d;
    return error_set(err, ERROR_UNSUPPORTED, "a running system is not set back");
}

void live_door_set_other(struct fuzz_door *d, const char *token)
{
    live_of(d)->options.other_token = token;
}

void live_door_free(struct fuzz_door *d)
{
    struct live *l = live_of(d);
    if (!d)
        return;
    for (size_t i = 0; l->runs && i < d->width; i++) {
        struct run *r = &l->runs[i];
        world_timer_stop(&r->wait);
        world_task_cancel(&r->step);
        for (size_t k = 0; k < r->calls.count; k++)
            free(r->calls.items[k]);
        array_deinit(&r->calls);
        text_deinit(&r->message);
        text_deinit(&r->raw);
    }
    free(l->free);
    free(l->runs);
    free(l);
}

int live_door_new(const struct live_options *options, struct fuzz_door **out, struct error *err)
{
    struct live *l = calloc(1, sizeof *l);
    size_t width = options->width ? options->width : LIVE_WIDTH;
    if (l) {
        l->runs = calloc(width, sizeof *l->runs);
        l->free = calloc(width, sizeof *l->free);
    }
    if (!l || !l->runs || !l->free) {
        if (l) {
            free(l->free);
            free(l->runs);
        }
        free(l);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    l->options = *options;
    if (l->options.hang_after == 0)
        l->options.hang_after = LIVE_HANG_AFTER;
    l->door = (struct fuzz_door){.name = "live",
                                 .pool = options->target->pool,
                                 .width = width,
                                 .begin = begin,
                                 .cancel = cancel,
                                 .reset = reset};
    for (size_t i = 0; i < width; i++) {
        struct run *r = &l->runs[i];
        r->live = l;
        world_timer_init(&r->wait, options->target->world, on_wait, r);
        world_task_init(&r->step, options->target->world, on_step, r);
        l->free[l->free_count++] = r;
    }
    *out = &l->door;
    return 0;
}
