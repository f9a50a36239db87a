#include "fuzz/frames/live.h"

#include "fuzz/frames/headers.h"
#include "fuzz/frames/memory.h"
#include "fuzz/frames/oracle.h"

#include <stdlib.h>

struct slot {
    struct frames_live *live;
    const struct fuzz_case *c; /* NULL: free */
    void (*done)(void *arg, const struct frames_live_result *r);
    void *arg;
    struct fuzz_trace *trace; /* when begun through the door */
    void (*trace_done)(void *arg, struct fuzz_trace *t);
    size_t next; /* event */
    struct world_stream *stream;
    struct world_timer timer;
    struct frames_writer writer;
    struct exchange exchange;
    struct frames_cost cost;
    struct frames_reading reading;
    struct text out;
    bool connected;      /* the stream */
    bool reached;        /* some stream was */
    bool waiting;        /* everything was sent */
    bool quiet;          /* the probe was answered; a moment more */
    bool asked;          /* our own probe was sent */
    bool finishing;      /* the end is posted */
    bool polite;         /* DATA waits for the peer's windows */
    bool held;           /* it does */
    uint64_t held_since; /* 0: the last one went */
    bool settled;
    uint64_t wait_since;
    struct world_task task;
};

struct frames_live {
    struct world *world;
    char *address;
    size_t width, busy;
    uint64_t limit, limit_silent;
    struct frames_meter meter;
    struct slot *slots;
    struct fuzz_door door;
};

/* ---- the end of a case ------------------------------------------------------------------------------------------ */

static void look(struct slot *s)
{
    const struct frames_meter *m = &s->live->meter;
    if (m->memory || m->cpu)
        frames_meter_look(m, &s->reading, &s->cost);
}

static void disconnect(struct slot *s)
{
    world_stream_abort(s->stream);
    s->stream = NULL;
    s->connected = false;
}

static void release(struct slot *s)
{
    if (s->stream)
        disconnect(s);
    world_timer_stop(&s->timer);
    world_task_cancel(&s->task);
    s->c = NULL;
    s->live->busy--;
}

static void finish(void *arg)
{
    struct slot *s = arg;
    look(s);
    s->cost.data += s->exchange.content_received;
    struct frames_live_result r = {
        .c = s->c, .exchange = &s->exchange, .cost = &s->cost, .settled = s->settled, .connected = s->reached};
    if (s->done)
        s->done(s->arg, &r);
    if (s->trace) {
        (void)frames_trace_fill(s->trace, &s->exchange, &s->cost, s->settled && frames_hung(&s->exchange));
        struct fuzz_trace *t = s->trace;
        void (*done)(void *, struct fuzz_trace *) = s->trace_done;
        void *to = s->arg;
        s->trace = NULL;
        release(s);
        done(to, t);
        return;
    }
    release(s);
}

/* From the loop, so that nobody's callback is on the stack when the slot goes. */
static void end_soon(struct slot *s, bool settled)
{
    if (s->finishing)
        return;
    s->finishing = true;
    s->settled = settled;
    world_timer_stop(&s->timer);
    world_task_post(&s->task);
}

/* ---- waiting for answers ---------------------------------------------------------------------------------------- */

/* What was asked has been answered: the PING, and the call of the last stream if it was a whole one. */
static bool answered(const struct exchange *x)
{
    const struct exchange_stream *last = exchange_find(x, x->sent_last);
    if (!x->probe_acked)
        return false;
    return !last || !last->opened || !last->ended_by_us || last->ended || last->reset;
}

static void arm(struct slot *s, uint64_t delay)
{
    if (world_timer_start(&s->timer, delay) != 0)
        end_soon(s, false);
}

static uint64_t patience(const struct slot *s)
{
    return exchange_clean(&s->exchange) || exchange_over(&s->exchange) ? s->live->limit : s->live->limit_silent;
}

static void look_for_end(struct slot *s)
{
    if (!s->waiting || s->finishing)
        return;
    if (!s->stream || s->exchange.closed || s->exchange.violation) {
        end_soon(s, true);
    } else if (!s->quiet && answered(&s->exchange) && !exchange_over(&s->exchange)) {
        s->quiet = true;
        arm(s, FRAMES_LIVE_QUIET);
    }
}

static void send_bytes(struct slot *s)
{
    if (!s->stream || s->out.len == 0)
        return;
    s->cost.sent += s->out.len;
    if (exchange_sent(&s->exchange, text_bytes(&s->out)) != 0) {
        end_soon(s, false);
        return;
    }
    (void)world_stream_write(s->stream, text_bytes(&s->out)); /* that it is closed is an answer, and told by `ended` */
}

static void wait_for_answers(struct slot *s)
{
    s->waiting = true;
    if (s->stream && !s->asked && exchange_clean(&s->exchange) && !s->exchange.probe_acked) {
        s->asked = true;
        text_clear(&s->out);
        frame_put(&s->out, FRAME_PING, 0, 0, BYTES(exchange_probe, sizeof exchange_probe));
        send_bytes(s);
    }
    s->wait_since = world_now(s->live->world);
    arm(s, patience(s));
    look_for_end(s);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static void go_on(struct slot *s);

static void on_connected(void *arg)
{
    struct slot *s = arg;
    s->connected = s->reached = true;
    world_timer_stop(&s->timer);
    go_on(s);
}

static void on_readable(void *arg, struct bytes data)
{
    struct slot *s = arg;
    if (s->finishing)
        return;
    s->cost.received += data.len;
    look(s);
    if (exchange_received(&s->exchange, data) != 0)
        end_soon(s, false);
    if (s->held && !s->finishing) {
        s->held = false;
        go_on(s);
    } else {
        look_for_end(s);
    }
}

static void on_ended(void *arg, int reason)
{
    struct slot *s = arg;
    bool was_connected = s->connected;
    exchange_closed(&s->exchange, reason);
    world_stream_close(s->stream);
    s->stream = NULL;
    s->connected = false;
    if (!was_connected)
        go_on(s); /* it could not be reached: what follows goes nowhere */
    else
        look_for_end(s);
}

static const struct world_stream_events stream_events = {
    .connected = on_connected, .readable = on_readable, .ended = on_ended};

/* True: later goes on from `connected`. */
static bool begin_connection(struct slot *s)
{
    if (s->stream)
        disconnect(s);
    frames_writer_start(&s->writer);
    s->cost.data += s->exchange.content_received;
    if (exchange_start(&s->exchange) != 0) {
        end_soon(s, false);
        return true;
    }
    s->asked = false;
    if (world_connect(s->live->world, s->live->address, &stream_events, s, &s->stream, NULL) != 0) {
        exchange_closed(&s->exchange, ERROR_REFUSED);
        s->stream = NULL;
        return false;
    }
    arm(s, s->live->limit);
    return true;
}

static bool is_data(const struct fuzz_event *e)
{
    return e->kind == EVENT_FRAME && (e->number >> 8 & 0xff) == FRAME_DATA;
}

/* Nobody waits for it any more. */
static bool is_over(const struct slot *s, uint32_t stream)
{
    const struct exchange_stream *of = exchange_find(&s->exchange, stream);
    return !s->stream || exchange_over(&s->exchange) || (of && (of->ended || of->reset));
}

/* Until something comes, at most as long as any answer may take: then the rest is not sent. */
static void hold_back(struct slot *s)
{
    if (!s->held_since)
        s->held_since = world_now(s->live->world);
    uint64_t waited = world_now(s->live->world) - s->held_since;
    s->held = waited < s->live->limit;
    if (s->held) {
        arm(s, s->live->limit - waited);
        return;
    }
    s->exchange.starved = true;
    s->next = s->c->events.count;
    wait_for_answers(s);
}

static void go_on(struct slot *s)
{
    while (s->next < s->c->events.count && !s->finishing) {
        const struct fuzz_event *e = &s->c->events.items[s->next++];
        if (e->kind == EVENT_CONNECT) {
            if (s->exchange.violation)
                break;
            if (begin_connection(s))
                return;
            continue;
        }
        if (e->kind == EVENT_TIME) {
            arm(s, e->number < FRAMES_LIVE_PAUSE ? e->number : FRAMES_LIVE_PAUSE);
            return;
        }
        if (s->polite && is_data(e)) {
            if (is_over(s, e->call))
                continue;
            if ((int64_t)e->value.len > exchange_window(&s->exchange, e->call)) {
                s->next--;
                hold_back(s);
                return;
            }
            s->held_since = 0;
        }
        if (e->kind == EVENT_HALF_CLOSE) {
            exchange_shut(&s->exchange);
            if (s->stream)
                world_stream_shutdown(s->stream);
            continue;
        }
        text_clear(&s->out);
        if (frames_write(&s->writer, s->c, e, &s->out) != 0) {
            end_soon(s, false);
            return;
        }
        send_bytes(s);
    }
    if (!s->finishing)
        wait_for_answers(s);
}

static void on_timer(void *arg)
{
    struct slot *s = arg;
    look(s);
    if (s->stream && !s->connected) { /* connecting took too long */
        disconnect(s);
        exchange_closed(&s->exchange, ERROR_TIMEOUT);
        go_on(s);
    } else if (!s->waiting) {
        go_on(s);
    } else if (s->quiet && !exchange_over(&s->exchange)) {
        end_soon(s, true);
    } else {
        /* What is unfinished may have become so, or the other way round, since the timer was set. */
        uint64_t since = world_now(s->live->world) - s->wait_since, limit = patience(s);
        if (since < limit)
            arm(s, limit - since);
        else
            end_soon(s, true);
    }
}

/* ---- beginning -------------------------------------------------------------------------------------------------- */

static bool is_polite(const struct fuzz_case *c)
{
    struct frames_verdict of;
    frames_recognise(c, &of);
    return of.op && of.op->polite;
}

static struct slot *start(struct frames_live *l, const struct fuzz_case *c)
{
    struct slot *s = NULL;
    for (size_t i = 0; i < l->width && !s; i++)
        if (!l->slots[i].c)
            s = &l->slots[i];
    if (!s)
        return NULL;
    s->c = c;
    s->next = 0;
    s->cost = (struct frames_cost){0};
    s->connected = s->reached = s->waiting = s->quiet = s->asked = s->finishing = s->settled = s->held = false;
    s->held_since = 0;
    s->polite = is_polite(c);
    s->done = NULL;
    s->trace = NULL;
    return s;
}

/* The first step is taken from the loop: `done` is never called from inside begin. */
static int launch(struct slot *s)
{
    struct frames_live *l = s->live;
    l->busy++;
    if (l->meter.memory || l->meter.cpu)
        frames_meter_start(&l->meter, &s->reading, &s->cost);
    int rc = exchange_start(&s->exchange);
    if (rc == 0)
        rc = world_timer_start(&s->timer, 0);
    if (rc)
        release(s);
    return rc;
}

int frames_live_begin(struct frames_live *l, const struct fuzz_case *c,
                      void (*done)(void *arg, const struct frames_live_result *r), void *arg)
{
    struct slot *s = start(l, c);
    if (!s)
        return ERROR_LIMIT;
    s->done = done;
    s->arg = arg;
    return launch(s);
}

size_t frames_live_busy(const struct frames_live *l)
{
    return l->busy;
}

void frames_live_set_silent(struct frames_live *l, uint64_t limit)
{
    l->limit_silent = limit;
}

static bool idle(void *arg)
{
    return frames_live_busy(arg) == 0;
}

int frames_live_run(struct frames_live *l, const struct fuzz_case *c,
                    void (*done)(void *arg, const struct frames_live_result *r), void *arg)
{
    int rc = frames_live_begin(l, c, done, arg);
    return rc ? rc : world_run_until(l->world, idle, l, 0);
}

static struct frames_live *live_of(struct fuzz_door *d)
{
    return (struct frames_live *)(void *)((char *)d - offsetof(struct frames_live, door));
}

static int door_begin(struct fuzz_door *d, const struct fuzz_case *c, struct fuzz_trace *t,
                      void (*done)(void *arg, struct fuzz_trace *t), void *arg)
{
    struct slot *s = start(live_of(d), c);
    if (!s)
        return ERROR_LIMIT;
    s->trace = t;
    s->trace_done = done;
    s->arg = arg;
    return launch(s);
}

static void cancel_all(struct frames_live *l)
{
    for (size_t i = 0; i < l->width; i++)
        if (l->slots[i].c)
            release(&l->slots[i]);
}

static void door_cancel(struct fuzz_door *d)
{
    cancel_all(live_of(d));
}

static int door_reset(struct fuzz_door *d, struct error *err)
{
    (void)d;
    return error_set(err, ERROR_UNSUPPORTED, "the server is not ours to restart");
}

struct fuzz_door *frames_live_door(struct frames_live *l)
{
    return &l->door;
}

int frames_live_new(const struct frames_live_options *options, struct frames_live **out, struct error *err)
{
    struct frames_live *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    l->world = options->world;
    l->width = options->width ? options->width : FRAMES_LIVE_WIDTH;
    l->limit = options->limit ? options->limit : FRAMES_LIVE_LIMIT;
    l->limit_silent = options->limit_silent ? options->limit_silent : FRAMES_LIVE_SILENT;
    l->meter = options->meter;
    l->address = strdup(options->address);
    l->slots = calloc(l->width, sizeof *l->slots);
    l->door = (struct fuzz_door){
        .name = "frames-live", .width = l->width, .begin = door_begin, .cancel = door_cancel, .reset = door_reset};
    if (!l->address || !l->slots) {
        frames_live_free(l);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < l->width; i++) {
        struct slot *s = &l->slots[i];
        s->live = l;
        s->exchange.stock = options->stock;
        world_timer_init(&s->timer, l->world, on_timer, s);
        world_task_init(&s->task, l->world, finish, s);
    }
    *out = l;
    return 0;
}

void frames_live_free(struct frames_live *l)
{
    if (!l)
        return;
    if (l->slots) {
        cancel_all(l);
        for (size_t i = 0; i < l->width; i++) {
            struct slot *s = &l->slots[i];
            exchange_deinit(&s->exchange);
            frames_writer_deinit(&s->writer);
            text_deinit(&s->out);
        }
    }
    free(l->slots);
    free(l->address);
    free(l);
}
