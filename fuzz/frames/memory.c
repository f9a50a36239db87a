#include "fuzz/frames/memory.h"

#include "base/random.h"
#include "fuzz/frames/headers.h"

#define SLICE      ((size_t)4096)       /* bytes given to the server at a time, as rpc/link.h does */
#define SEND_MAX   ((size_t)256 << 10)  /* bytes taken from it at a time */
#define CHUNK_MAX  17                   /* bytes, when a case asks for chunks */
#define START_TIME UINT64_C(1000000000) /* ns */
#define TIME_MAX   UINT64_C(3600000000000)

struct frames_memory {
    struct grpc_settings settings;
    struct frames_meter meter;
    struct frames_reading reading;
    struct frames_cost cost;
    struct frames_writer writer;
    struct exchange exchange;
    struct fuzz_door door;
    struct grpc_conn *conn; /* NULL: none, or it is over */
    struct text out, in;
    struct random random;
    bool chunks;
    uint64_t now;
    uint64_t requests, closed; /* of the connection */
};

/* ---- the server ------------------------------------------------------------------------------------------------- */

static char echo_mark, hold_mark; /* what a stream's user pointer says of it */

static void on_request(void *arg, struct grpc_stream *s, struct bytes path, struct grpc_metadata metadata,
                       uint64_t timeout)
{
    struct frames_memory *m = arg;
    (void)metadata;
    (void)timeout;
    m->requests++;
    if (bytes_is(path, FRAMES_ECHO_PATH))
        grpc_stream_set_user(s, &echo_mark);
    else if (bytes_is(path, FRAMES_HOLD_PATH))
        grpc_stream_set_user(s, &hold_mark);
    else
        (void)grpc_stream_finish(s, GRPC_UNIMPLEMENTED, bytes_of("no such method"), BYTES_NONE,
                                 (struct grpc_metadata){NULL, 0});
}

static void on_message(void *arg, struct grpc_stream *s, struct bytes message, size_t window_cost)
{
    (void)arg;
    if (grpc_stream_user(s) == &hold_mark)
        return;
    (void)grpc_stream_send_message(s, message);
    grpc_stream_consumed(s, window_cost);
}

static void on_half_closed(void *arg, struct grpc_stream *s)
{
    (void)arg;
    if (grpc_stream_user(s) == &echo_mark)
        (void)grpc_stream_finish(s, GRPC_OK, BYTES_NONE, BYTES_NONE, (struct grpc_metadata){NULL, 0});
}

static void on_closed(void *arg, struct grpc_stream *s)
{
    struct frames_memory *m = arg;
    (void)s;
    m->closed++;
}

static const struct grpc_events server_events = {
    .request = on_request, .message = on_message, .half_closed = on_half_closed, .closed = on_closed};

/* ---- the connection --------------------------------------------------------------------------------------------- */

static void look(struct frames_memory *m)
{
    if (m->meter.memory || m->meter.cpu)
        frames_meter_look(&m->meter, &m->reading, &m->cost);
}

static int take_output(struct frames_memory *m)
{
    for (;;) {
        text_clear(&m->in);
        if (grpc_conn_send(m->conn, &m->in, SEND_MAX) == 0)
            return 0;
        uint64_t data = m->exchange.content_received;
        m->cost.received += m->in.len;
        int rc = exchange_received(&m->exchange, text_bytes(&m->in));
        m->cost.data += m->exchange.content_received - data;
        if (rc)
            return rc;
    }
}

static void drop_connection(struct frames_memory *m)
{
    grpc_conn_free(m->conn);
    m->conn = NULL;
    if (m->requests != m->closed && !m->exchange.violation)
        m->exchange.violation = "a stream of the server was begun and never closed, or closed twice";
    m->requests = m->closed = 0;
}

static void hang_up(struct frames_memory *m, int reason)
{
    drop_connection(m);
    exchange_closed(&m->exchange, reason);
}

static int open_connection(struct frames_memory *m)
{
    drop_connection(m);
    int rc = exchange_start(&m->exchange);
    return rc ? rc : grpc_conn_new(&m->settings, &server_events, m, m->now, &m->conn);
}

/* What the network and rpc/link.c would do: slices in, answers out, and the end when the server wants no more. */
static int give(struct frames_memory *m, struct bytes data)
{
    m->cost.sent += data.len;
    int rc = exchange_sent(&m->exchange, data);
    while (rc == 0 && m->conn && data.len > 0) {
        size_t n = m->chunks ? 1 + (size_t)random_below(&m->random, CHUNK_MAX) : SLICE;
        n = n < data.len ? n : data.len;
        int failed = grpc_conn_receive(m->conn, BYTES(data.data, n), m->now, NULL);
        look(m);
        data = BYTES(data.data + n, data.len - n);
        rc = take_output(m);
        look(m);
        if (failed || grpc_conn_done(m->conn))
            hang_up(m, failed);
    }
    return rc;
}

static int pass_time(struct frames_memory *m, uint64_t ns)
{
    m->now += ns < TIME_MAX ? ns : TIME_MAX;
    if (!m->conn)
        return 0;
    int failed = grpc_conn_tick(m->conn, m->now);
    int rc = take_output(m);
    if (failed || grpc_conn_done(m->conn))
        hang_up(m, failed);
    return rc;
}

static int event(struct frames_memory *m, const struct fuzz_case *c, const struct fuzz_event *e)
{
    int rc;
    switch (e->kind) {
    case EVENT_CONNECT:
        if (m->exchange.violation)
            return ERROR_CANCELLED; /* enough is known */
        rc = open_connection(m);
        if (rc)
            return rc;
        frames_writer_start(&m->writer);
        return 0;
    case EVENT_FRAME:
    case EVENT_HEADERS:
    case EVENT_BYTES:
        if (!m->conn)
            return 0;
        text_clear(&m->out);
        rc = frames_write(&m->writer, c, e, &m->out);
        return rc ? rc : give(m, text_bytes(&m->out));
    case EVENT_HALF_CLOSE: /* rpc/link.c hangs up when the other side does */
        if (m->conn)
            hang_up(m, 0);
        return 0;
    case EVENT_TIME:
        return pass_time(m, e->number);
    case EVENT_ENVIRONMENT:
        m->chunks = bytes_is(fuzz_case_bytes(c, e->name), "chunks");
        random_seed(&m->random, e->number);
        return 0;
    default:
        return 0;
    }
}

static int ask_for_life(struct frames_memory *m)
{
    if (!m->conn || m->exchange.probe_acked || !exchange_clean(&m->exchange))
        return 0;
    text_clear(&m->out);
    frame_put(&m->out, FRAME_PING, 0, 0, BYTES(exchange_probe, sizeof exchange_probe));
    return text_ok(&m->out) ? give(m, text_bytes(&m->out)) : ERROR_MEMORY;
}

bool frames_hung(const struct exchange *x)
{
    return !x->closed && !exchange_over(x) && exchange_clean(x) && !x->probe_acked;
}

int frames_memory_run(struct frames_memory *m, const struct fuzz_case *c)
{
    m->now = START_TIME;
    m->chunks = false;
    m->cost = (struct frames_cost){0};
    int rc = exchange_start(&m->exchange);
    if (m->meter.memory || m->meter.cpu)
        frames_meter_start(&m->meter, &m->reading, &m->cost);
    for (size_t i = 0; i < c->events.count && rc == 0; i++)
        rc = event(m, c, &c->events.items[i]);
    if (rc == 0)
        rc = ask_for_life(m);
    if (rc == ERROR_CANCELLED)
        rc = 0;
    drop_connection(m);
    return rc;
}

const struct exchange *frames_memory_exchange(const struct frames_memory *m)
{
    return &m->exchange;
}

const struct frames_cost *frames_memory_cost(const struct frames_memory *m)
{
    return &m->cost;
}

/* ---- as a door -------------------------------------------------------------------------------------------------- */

int frames_trace_fill(struct fuzz_trace *t, const struct exchange *x, const struct frames_cost *cost, bool hung)
{
    fuzz_trace_clear(t);
    t->bytes_sent = cost->sent;
    t->bytes_received = cost->received;
    t->cpu = cost->cpu;
    t->memory = cost->memory;
    t->hung = hung;
    t->goaway = x->goaway ? x->goaway_code + 1 : 0;
    t->resets = x->reset_codes;
    if (x->violation)
        t->rule = fuzz_trace_keep(t, bytes_of(x->violation));
    for (size_t i = 0; i < x->slot_count && t->calls.count < FRAMES_TRACE_CALLS; i++) {
        const struct exchange_stream *s = &x->slots[i];
        if (!s->opened || (!s->answered && !s->reset))
            continue;
        struct trace_call call = {.status = s->grpc_status, .ended_by_us = s->reset_by_us};
        if (!array_push(&t->calls, call))
            return ERROR_MEMORY;
    }
    return t->data.failed ? ERROR_MEMORY : 0;
}

static int door_begin(struct fuzz_door *d, const struct fuzz_case *c, struct fuzz_trace *t,
                      void (*done)(void *arg, struct fuzz_trace *t), void *arg)
{
    struct frames_memory *m = (struct frames_memory *)(void *)((char *)d - offsetof(struct frames_memory, door));
    int rc = frames_memory_run(m, c);
    if (rc == 0)
        rc = frames_trace_fill(t, &m->exchange, &m->cost, frames_hung(&m->exchange));
    if (rc)
        return rc;
    done(arg, t);
    return 0;
}

static void door_cancel(struct fuzz_door *d)
{
    (void)d; /* nothing is ever under way */
}

static int door_reset(struct fuzz_door *d, struct error *err)
{
    (void)d; /* every case has its own server */
    (void)err;
    return 0;
}

struct fuzz_door *frames_memory_door(struct frames_memory *m)
{
    return &m->door;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

int frames_memory_new(const struct frames_memory_options *options, struct frames_memory **out)
{
    struct frames_memory *m = calloc(1, sizeof *m);
    if (!m)
        return ERROR_MEMORY;
    if (options && options->settings)
        m->settings = *options->settings;
    else
        grpc_settings_init(&m->settings, true);
    if (options)
        m->meter = options->meter;
    m->door = (struct fuzz_door){.name = "frames",
                                 .width = 1,
                                 .repeatable = true,
                                 .begin = door_begin,
                                 .cancel = door_cancel,
                                 .reset = door_reset};
    *out = m;
    return 0;
}

void frames_memory_free(struct frames_memory *m)
{
    if (!m)
        return;
    drop_connection(m);
    exchange_deinit(&m->exchange);
    frames_writer_deinit(&m->writer);
    text_deinit(&m->out);
    text_deinit(&m->in);
    free(m);
}
