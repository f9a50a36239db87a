/* Bytes under way between two simulated nodes: see sim_net.h. */
#include "world/sim_net.h"

#include <stdlib.h>
#include <string.h>

#define SPLIT_ONE_IN 4 /* how often a chunk is cut in two */
#define COMPACT_AT   ((size_t)16 << 10)
#define FNV_BASIS    UINT32_C(2166136261)
#define FNV_PRIME    UINT32_C(16777619)

/* ---- references -------------------------------------------------------------------------------------------------- */

void sim_connection_reference(struct sim_connection *c)
{
    c->references++;
}

void sim_connection_unreference(struct sim_connection *c)
{
    if (--c->references > 0)
        return;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    else
        c->sim->connections_end = c->link;
    text_deinit(&c->pipe[0].data);
    text_deinit(&c->pipe[1].data);
    free(c);
}

/* An event about a connection, which it keeps alive. */
static struct sim_event *connection_schedule(struct sim_connection *c, struct sim_node *node, uint64_t at,
                                             void (*run)(struct sim_event *e, bool dropped), uint64_t number)
{
    struct sim_event *e = sim_schedule(node, at, run, c, number);
    if (e)
        sim_connection_reference(c);
    return e;
}

void sim_connection_cancel(struct sim_connection *c, struct sim_event **e)
{
    struct sim_event *event = *e;
    *e = NULL;
    /* Out of the queue means: put aside on a paused node. It finds itself unwanted when it comes. */
    if (event && event->slot != 0)
        sim_event_cancel(c->sim, event);
}

bool sim_stream_live(const struct sim_stream *s)
{
    return s->connection != NULL && !s->base.world->dead;
}

void sim_stream_end(struct sim_stream *s, int reason)
{
    if (s->ended)
        return;
    s->ended = true;
    if (!s->accepted)
        return;
    sim_trace_line(node_of(s->base.world), "net end %s from %s", reason ? error_code_name(reason) : "orderly", s->peer);
    if (s->base.events.ended)
        s->base.events.ended(s->base.arg, reason);
}

/* The peer's orderly end: of the stream, or of its direction alone when the user can tell the two apart. */
static void stream_finished(struct sim_stream *s)
{
    if (!s->base.events.finished || s->ended) {
        sim_stream_end(s, 0);
        return;
    }
    if (s->finished || !s->accepted)
        return;
    s->finished = true;
    sim_trace_line(node_of(s->base.world), "net finished from %s", s->peer);
    s->base.events.finished(s->base.arg);
}

/* ---- arriving ---------------------------------------------------------------------------------------------------- */

static uint32_t checksum(struct bytes data)
{
    uint32_t hash = FNV_BASIS;
    for (size_t i = 0; i < data.len; i++)
        hash = (hash ^ data.data[i]) * FNV_PRIME;
    return hash;
}

static bool scratch_room(struct sim *s, size_t len)
{
    if (len <= s->scratch_size)
        return true;
    char *scratch = realloc(s->scratch, len);
    if (!scratch) {
        s->broken = ERROR_MEMORY;
        return false;
    }
    s->scratch = scratch;
    s->scratch_size = len;
    return true;
}

/* Takes `len` arrived bytes off the front. They are copied, since the reader may write into this very buffer when both
 * ends are its own. */
static struct bytes pipe_take(struct sim_connection *c, struct sim_pipe *p, size_t len)
{
    if (!scratch_room(c->sim, len))
        return BYTES_NONE;
    memcpy(c->sim->scratch, p->data.data + p->head, len);
    p->head += len;
    p->delivered += len;
    if (p->head == p->data.len) {
        text_clear(&p->data);
        p->head = 0;
    } else if (p->head >= COMPACT_AT && p->head > p->data.len / 2) {
        text_consume(&p->data, p->head);
        p->head = 0;
    }
    return BYTES(c->sim->scratch, len);
}

/* Bytes for an end that was closed: thrown away. Once that end's own bytes are all sent, the writer learns of it. */
static void pipe_discard(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    const struct sim_pipe *back = &c->pipe[1 - side];
    size_t len = (size_t)(p->arrived - p->delivered);
    if (len == 0)
        return;
    pipe_take(c, p, len);
    if (back->end_sent && !back->reset_sent)
        sim_pipe_reset(c, 1 - side);
    sim_pipe_pump(c, side);
}

static void pipe_deliver(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    struct sim_stream *reader = c->end[1 - side];
    if (c->over)
        return;
    if (!reader) {
        pipe_discard(c, side);
        return;
    }
    if (!reader->accepted || !c->accepted || (1 - side == 0 && !c->established))
        return;
    if (!reader->paused && !reader->ended && p->arrived > p->delivered) {
        struct bytes data = pipe_take(c, p, (size_t)(p->arrived - p->delivered));
        if (data.len == 0)
            return;
        sim_trace_line(c->node[1 - side], "net deliver %zu bytes from %s #%08x", data.len, c->node[side]->name,
                       c->sim->trace ? checksum(data) : 0);
        sim_pipe_pump(c, side);
        if (reader->base.events.readable)
            reader->base.events.readable(reader->base.arg, data);
        reader = c->end[1 - side]; /* it may have closed itself */
    }
    if (reader && p->reset_arrived && (reader->paused || p->arrived == p->delivered))
        sim_stream_end(reader, ERROR_RESET);
    else if (reader && !reader->paused && p->end_arrived && p->arrived == p->delivered)
        stream_finished(reader);
}

static void deliver_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    int side = (int)e->number;
    c->pipe[side].delivery_due = false;
    if (!dropped)
        pipe_deliver(c, side);
    sim_connection_unreference(c);
}

void sim_pipe_deliver_later(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    if (p->delivery_due || c->over || (p->arrived == p->delivered && !p->end_arrived && !p->reset_arrived))
        return;
    if (connection_schedule(c, c->node[1 - side], c->sim->now, deliver_run, (uint64_t)side))
        p->delivery_due = true;
}

/* Event numbers of arrivals: the side in the lowest bit, what comes in the next two, the length above. */
enum { ARRIVE_BYTES, ARRIVE_END, ARRIVE_RESET };

static uint64_t arrival_number(int side, unsigned kind, uint64_t len)
{
    return (uint64_t)side | (uint64_t)kind << 1 | len << 3;
}

static void arrive_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    int side = (int)(e->number & 1);
    unsigned kind = (e->number >> 1) & 3;
    uint64_t len = e->number >> 3;
    struct sim_pipe *p = &c->pipe[side];
    if (!dropped && !c->over) {
        bool stalls =
            p->stalled > 0 || p->stalled_end || p->stalled_reset || sim_link_cut(c->node[side], c->node[1 - side]);
        if (stalls) {
            p->stalled += len;
            p->stalled_end = p->stalled_end || kind == ARRIVE_END;
            p->stalled_reset = p->stalled_reset || kind == ARRIVE_RESET;
        } else {
            p->arrived += len;
            p->end_arrived = p->end_arrived || kind == ARRIVE_END;
            p->reset_arrived = p->reset_arrived || kind == ARRIVE_RESET;
            pipe_deliver(c, side);
        }
    }
    sim_connection_unreference(c);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* When a thing sent now arrives: after its own latency, and not before what was sent ahead of it. */
static uint64_t arrival_time(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    uint64_t at = sim_node_now(c->node[side]) + sim_link_latency(c->node[side], c->node[1 - side]);
    if (at < p->last_arrival)
        at = p->last_arrival;
    p->last_arrival = at;
    return at;
}

static void pipe_send(struct sim_connection *c, int side, unsigned kind, uint64_t len)
{
    connection_schedule(c, c->node[1 - side], arrival_time(c, side), arrive_run, arrival_number(side, kind, len));
}

static void drained_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    struct sim_stream *s = c->end[e->number];
    if (s)
        s->drain_due = false;
    if (!dropped && s && !s->ended && s->above_high && sim_stream_queued(&s->base) <= WORLD_WRITE_LOW) {
        s->above_high = false;
        if (s->base.events.drained)
            s->base.events.drained(s->base.arg);
    }
    sim_connection_unreference(c);
}

void sim_pipe_pump(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    struct random *r = &c->sim->network;
    struct sim_stream *writer = c->end[side];
    bool open = side == 0 ? c->established : c->accepted;
    if (c->over || !open)
        return;
    uint64_t window = c->sim->options.stream_buffer;
    while (p->written > p->sent && p->sent - p->delivered < window) {
        uint64_t len = p->written - p->sent, room = window - (p->sent - p->delivered);
        /* Silly window avoidance (RFC 1122, 4.2.3.4): no crumbs just because some were read. */
        if (room < len && room < window / 4)
            break;
        if (len > room)
            len = room;
        if (c->sim->travel.chunk_max && len > c->sim->travel.chunk_max)
            len = 1 + random_below(r, c->sim->travel.chunk_max);
        else if (len > 1 && random_below(r, SPLIT_ONE_IN) == 0)
            len = 1 + random_below(r, len - 1);
        p->sent += len;
        pipe_send(c, side, ARRIVE_BYTES, len);
    }
    if (p->end_wanted && !p->end_sent && !p->reset_sent && p->sent == p->written) {
        p->end_sent = true;
        pipe_send(c, side, ARRIVE_END, 0);
        if (!writer)
            sim_connection_cancel(c, &c->linger);
    }
    if (writer && writer->above_high && !writer->drain_due && p->written - p->sent <= WORLD_WRITE_LOW)
        writer->drain_due = connection_schedule(c, c->node[side], c->sim->now, drained_run, (uint64_t)side) != NULL;
}

void sim_pipe_drop_unsent(struct sim_pipe *p)
{
    text_truncate(&p->data, p->data.len - (size_t)(p->written - p->sent));
    p->written = p->sent;
}

void sim_pipe_reset(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    sim_pipe_drop_unsent(p);
    if (p->reset_sent || c->over)
        return;
    p->reset_sent = true;
    pipe_send(c, side, ARRIVE_RESET, 0);
}

void sim_pipe_unstall(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    uint64_t bytes = p->stalled;
    bool end = p->stalled_end, reset = p->stalled_reset;
    p->stalled = 0;
    p->stalled_end = p->stalled_reset = false;
    if (bytes)
        pipe_send(c, side, ARRIVE_BYTES, bytes);
    if (end)
        pipe_send(c, side, ARRIVE_END, 0);
    if (reset)
        pipe_send(c, side, ARRIVE_RESET, 0);
}
