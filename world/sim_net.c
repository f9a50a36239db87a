/* Handles of simulated streams and listeners, and making connections: see sim_net.h. */
#include "world/sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST     UINT64_C(1000000000) /* of connecting over a cut link; doubles, as TCP's does */
#define PORT_MAX        65535
#define FIRST_PEER_PORT 50000

struct sim_listener {
    struct world_listener base; /* first */
    char key[SIM_ADDRESS_MAX];
    char address[SIM_ADDRESS_MAX];
    int port;
    bool listed;
    struct sim_listener *next, **link;         /* of the node's open ones */
    struct sim_listener *all_next, **all_link; /* of every handle */
};

static struct sim_stream *stream_of(struct world_stream *s)
{
    return (struct sim_stream *)s;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static struct sim_stream *stream_new(struct sim_node *n, struct sim_connection *c, int side)
{
    struct sim_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->base.world = &n->base;
    s->connection = c;
    s->side = side;
    sim_connection_reference(c);
    c->end[side] = s;
    s->next = n->streams;
    s->link = &n->streams;
    if (s->next)
        s->next->link = &s->next;
    n->streams = s;
    return s;
}

static void stream_detach(struct sim_stream *s)
{
    struct sim_connection *c = s->connection;
    s->connection = NULL;
    if (!c)
        return;
    c->end[s->side] = NULL;
    sim_connection_unreference(c);
}

static void stream_free(struct sim_stream *s)
{
    stream_detach(s);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    free(s);
}

void sim_stream_accept(struct world_stream *base)
{
    struct sim_stream *s = stream_of(base);
    s->accepted = true;
    if (s->connection)
        sim_pipe_deliver_later(s->connection, 1 - s->side);
}

int sim_stream_write(struct world_stream *base, struct bytes data)
{
    struct sim_stream *s = stream_of(base);
    if (!sim_stream_live(s) || s->ended || s->shut || s->connection->over)
        return ERROR_CLOSED;
    struct sim_pipe *p = &s->connection->pipe[s->side];
    if (p->reset_sent)
        return ERROR_CLOSED;
    if (data.len == 0)
        return 0;
    if (!text_reserve(&p->data, data.len))
        return ERROR_MEMORY;
    text_add(&p->data, data.data, data.len);
    p->written += data.len;
    sim_pipe_pump(s->connection, s->side);
    if (p->written - p->sent > WORLD_WRITE_HIGH)
        s->above_high = true;
    return 0;
}

size_t sim_stream_queued(const struct world_stream *base)
{
    const struct sim_stream *s = (const struct sim_stream *)base;
    if (!s->connection)
        return 0;
    const struct sim_pipe *p = &s->connection->pipe[s->side];
    return (size_t)(p->written - p->sent);
}

void sim_stream_pause(struct world_stream *base)
{
    stream_of(base)->paused = true;
}

void sim_stream_resume(struct world_stream *base)
{
    struct sim_stream *s = stream_of(base);
    if (!s->paused)
        return;
    s->paused = false;
    if (sim_stream_live(s) && !s->ended)
        sim_pipe_deliver_later(s->connection, 1 - s->side);
}

void sim_stream_shutdown(struct world_stream *base)
{
    struct sim_stream *s = stream_of(base);
    if (!sim_stream_live(s) || s->ended || s->shut)
        return;
    s->shut = true;
    s->connection->pipe[s->side].end_wanted = true;
    sim_pipe_pump(s->connection, s->side);
}

static void linger_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    if (c->linger == e)
        c->linger = NULL;
    if (!dropped && !c->pipe[e->number].end_sent)
        sim_pipe_reset(c, (int)e->number);
    sim_connection_unreference(c);
}

/* The end goes, what it wrote is still sent for a while. `c` may be freed. */
static void end_flush(struct sim_connection *c, int side)
{
    struct sim_pipe *p = &c->pipe[side];
    p->end_wanted = true;
    sim_pipe_pump(c, side);
    if (p->end_sent || p->reset_sent || c->over)
        return;
    c->linger = sim_schedule(c->node[side], c->sim->now + SIM_CLOSE_LINGER, linger_run, c, (uint64_t)side);
    if (c->linger)
        sim_connection_reference(c);
}

/* An end that never was connected goes without a trace. */
static bool end_before_connected(struct sim_connection *c, int side)
{
    if (side == 1 || c->established)
        return false;
    sim_connection_cancel(c, &c->deadline);
    if (c->accepted)
        sim_pipe_reset(c, 0);
    else
        c->over = true;
    return true;
}

/* Frees the stream; what becomes of the connection is another matter. */
static void part(struct world_stream *base, bool abort)
{
    struct sim_stream *s = stream_of(base);
    struct sim_connection *c = s->connection;
    int side = s->side;
    if (!sim_stream_live(s)) {
        stream_free(s);
        return;
    }
    sim_connection_reference(c);
    stream_free(s);
    if (!end_before_connected(c, side)) {
        sim_trace_line(c->node[side], "net %s to %s", abort ? "abort" : "close", c->node[1 - side]->name);
        if (abort) {
            sim_pipe_reset(c, side);
        } else {
            end_flush(c, side);
            sim_pipe_deliver_later(c, 1 - side); /* unread bytes are thrown away, which opens the peer's window */
        }
    }
    sim_connection_unreference(c);
}

void sim_stream_close(struct world_stream *base)
{
    part(base, false);
}

void sim_stream_abort(struct world_stream *base)
{
    part(base, true);
}

const char *sim_stream_peer(const struct world_stream *s)
{
    return ((const struct sim_stream *)s)->peer;
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

static bool host_is_self(const struct sim_node *n, const struct world_address *a)
{
    static const char *const self[] = {"127.0.0.1", "localhost", "0.0.0.0", "::1", "::"};
    for (size_t i = 0; i < sizeof(self) / sizeof(*self); i++)
        if (strcmp(a->host, self[i]) == 0)
            return true;
    return strcmp(a->host, n->name) == 0;
}

static void key_of(const struct world_address *a, char *out, size_t size)
{
    if (a->local)
        snprintf(out, size, "unix:%s", a->path);
    else
        snprintf(out, size, "%d", a->port);
}

static struct sim_listener *listener_find(const struct sim_node *n, const char *key)
{
    for (struct sim_listener *l = n->listeners; l; l = l->next)
        if (strcmp(l->key, key) == 0)
            return l;
    return NULL;
}

static int free_port(struct sim_node *n)
{
    char key[16];
    do {
        if (n->next_port > PORT_MAX)
            return 0;
        snprintf(key, sizeof(key), "%d", n->next_port++);
    } while (listener_find(n, key));
    return n->next_port - 1;
}

int sim_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
               struct world_listener **out, struct error *err)
{
    struct sim_node *n = node_of(w);
    struct world_address a;
    int code = world_address_parse(address, &a, err);
    if (code < 0)
        return code;
    if (!a.local && !host_is_self(n, &a))
        return error_set(err, ERROR_INVALID, "cannot listen on %s: %s is no address of node %s", address, a.host,
                         n->name);
    if (!a.local && a.port == 0)
        a.port = free_port(n);
    if (!a.local && a.port == 0)
        return error_set(err, ERROR_IN_USE, "cannot listen on %s: no port is free", address);
    struct sim_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    key_of(&a, l->key, sizeof(l->key));
    if (listener_find(n, l->key)) {
        free(l);
        return error_set(err, ERROR_IN_USE, "%s is already in use", address);
    }
    l->base = (struct world_listener){.world = w, .accept = accept, .arg = arg};
    l->port = a.port;
    if (a.local)
        snprintf(l->address, sizeof(l->address), "%s", l->key);
    else
        snprintf(l->address, sizeof(l->address), "%s:%d", n->name, a.port);
    l->listed = true;
    l->next = n->listeners;
    l->link = &n->listeners;
    if (l->next)
        l->next->link = &l->next;
    n->listeners = l;
    l->all_next = n->all_listeners;
    l->all_link = &n->all_listeners;
    if (l->all_next)
        l->all_next->all_link = &l->all_next;
    n->all_listeners = l;
    sim_trace_line(n, "net listen %s", l->address);
    *out = &l->base;
    return 0;
}

const char *sim_listener_address(const struct world_listener *l)
{
    return ((const struct sim_listener *)l)->address;
}

int sim_listener_port(const struct world_listener *l)
{
    return ((const struct sim_listener *)l)->port;
}

static void listener_unlist(struct sim_listener *l)
{
    if (!l->listed)
        return;
    l->listed = false;
    *l->link = l->next;
    if (l->next)
        l->next->link = l->link;
}

void sim_listener_close(struct world_listener *base)
{
    struct sim_listener *l = (struct sim_listener *)base;
    listener_unlist(l);
    *l->all_link = l->all_next;
    if (l->all_next)
        l->all_next->all_link = l->all_link;
    free(l);
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static void connect_failed(struct sim_connection *c, int reason)
{
    sim_connection_cancel(c, &c->deadline);
    if (c->accepted && c->end[1])
        sim_pipe_reset(c, 0);
    else
        c->over = true;
    if (c->end[0])
        sim_stream_end(c->end[0], reason);
}

static void failed_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    if (c->deadline == e)
        c->deadline = NULL;
    if (!dropped && !c->established && !c->over)
        connect_failed(c, -(int)e->number);
    sim_connection_unreference(c);
}

/* To the connecting side: this attempt failed, at that time. */
static struct sim_event *schedule_failed(struct sim_connection *c, uint64_t at, int reason)
{
    struct sim_event *e = sim_schedule(c->node[0], at, failed_run, c, (uint64_t)-reason);
    if (e)
        sim_connection_reference(c);
    return e;
}

static void answer_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    struct sim_stream *s = c->end[0];
    if (!dropped && !c->over && !c->established && s && !s->ended) {
        if (sim_link_cut(c->node[1], c->node[0])) {
            c->stalled_answer = true;
        } else {
            c->established = true;
            sim_connection_cancel(c, &c->deadline);
            sim_trace_line(c->node[0], "net connected to %s", s->peer);
            sim_pipe_pump(c, 0);
            sim_pipe_deliver_later(c, 1); /* bytes may have come with the answer */
            if (s->base.events.connected)
                s->base.events.connected(s->base.arg);
        }
    }
    sim_connection_unreference(c);
}

static void schedule_answer(struct sim_connection *c)
{
    uint64_t at = c->sim->now + sim_link_latency(c->node[1], c->node[0]);
    c->pipe[1].last_arrival = at;
    if (sim_schedule(c->node[0], at, answer_run, c, 0))
        sim_connection_reference(c);
}

static void connection_accept(struct sim_connection *c, struct sim_listener *l)
{
    struct sim_node *n = c->node[1];
    struct sim_stream *s = stream_new(n, c, 1);
    if (!s) {
        c->sim->broken = ERROR_MEMORY;
        return;
    }
    c->accepted = true;
    c->incarnation[1] = n->incarnation;
    snprintf(s->peer, sizeof(s->peer), "%s:%llu", c->node[0]->name, (unsigned long long)(FIRST_PEER_PORT + c->id));
    sim_trace_line(n, "net accept from %s", s->peer);
    schedule_answer(c);
    l->base.accept(l->base.arg, &s->base);
    s = c->end[1];
    if (s && !s->accepted)
        sim_stream_close(&s->base);
}

static void knock_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    struct sim_node *n = c->node[1];
    if (!dropped && !c->over && !c->accepted) {
        if (sim_link_cut(c->node[0], n) || sim_link_cut(n, c->node[0])) {
            if (sim_schedule(n, c->sim->now + c->retry, knock_run, c, 0))
                sim_connection_reference(c);
            c->retry *= 2;
        } else {
            struct sim_listener *l = listener_find(n, c->key);
            if (l)
                connection_accept(c, l);
            else
                schedule_failed(c, c->sim->now + sim_link_latency(n, c->node[0]), ERROR_REFUSED);
        }
    } else if (dropped && !c->over && !c->accepted) {
        /* The node went down while we knocked; its machine answers again. */
        schedule_failed(c, c->sim->now + sim_link_latency(n, c->node[0]), ERROR_REFUSED);
    }
    sim_connection_unreference(c);
}

static struct sim_connection *connection_new(struct sim_node *from, struct sim_node *to)
{
    struct sim *s = from->sim;
    struct sim_connection *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->sim = s;
    c->id = s->connections_made++;
    c->node[0] = from;
    c->node[1] = to;
    c->incarnation[0] = from->incarnation;
    c->retry = RETRY_FIRST;
    c->references = 1; /* the maker's */
    c->link = s->connections_end;
    *s->connections_end = c;
    s->connections_end = &c->next;
    return c;
}

int sim_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                struct world_stream **out, struct error *err)
{
    struct sim_node *n = node_of(w);
    struct sim *s = n->sim;
    struct world_address a;
    int code = world_address_parse(address, &a, err);
    if (code < 0)
        return code;
    struct sim_node *to = a.local || host_is_self(n, &a) ? n : sim_find(s, a.host);
    struct sim_connection *c = connection_new(n, to ? to : n);
    struct sim_stream *stream = c ? stream_new(n, c, 0) : NULL;
    if (!stream) {
        if (c)
            sim_connection_unreference(c);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    stream->base.events = *events;
    stream->base.arg = arg;
    stream->accepted = true;
    snprintf(stream->peer, sizeof(stream->peer), "%s", address);
    key_of(&a, c->key, sizeof(c->key));
    sim_trace_line(n, "net connect %s", address);
    if (!to) {
        schedule_failed(c, s->now + sim_link_latency(n, n), ERROR_NOT_FOUND);
    } else {
        c->deadline = schedule_failed(c, s->now + SIM_CONNECT_TIMEOUT, ERROR_TIMEOUT);
        if (sim_schedule(to, s->now + sim_link_latency(n, to), knock_run, c, 0))
            sim_connection_reference(c);
    }
    sim_connection_unreference(c);
    *out = &stream->base;
    return 0;
}

/* ---- links, resets, ends of nodes -------------------------------------------------------------------------------- */

void sim_net_healed(struct sim *s)
{
    for (struct sim_connection *c = s->connections; c; c = c->next) {
        if (c->over)
            continue;
        for (int side = 0; side < 2; side++)
            if (!sim_link_cut(c->node[side], c->node[1 - side]))
                sim_pipe_unstall(c, side);
        if (c->stalled_answer && !sim_link_cut(c->node[1], c->node[0])) {
            c->stalled_answer = false;
            schedule_answer(c);
        }
    }
}

static void reset_run(struct sim_event *e, bool dropped)
{
    struct sim_connection *c = e->subject;
    struct sim_stream *s = c->end[e->number];
    if (!dropped && s)
        sim_stream_end(s, ERROR_RESET);
    sim_connection_unreference(c);
}

size_t sim_reset_streams(struct sim *s, const char *a, const char *b)
{
    const struct sim_node *first = a ? sim_find(s, a) : NULL, *second = b ? sim_find(s, b) : NULL;
    size_t count = 0;
    if ((a && !first) || (b && !second))
        return 0;
    for (struct sim_connection *c = s->connections; c; c = c->next) {
        bool forth = (!first || c->node[0] == first) && (!second || c->node[1] == second);
        bool back = (!first || c->node[1] == first) && (!second || c->node[0] == second);
        if (c->over || !c->established || !(forth || back))
            continue;
        c->over = true;
        count++;
        for (int side = 0; side < 2; side++)
            if (c->end[side] && sim_schedule(c->node[side], s->now, reset_run, c, (uint64_t)side))
                sim_connection_reference(c);
    }
    return count;
}

/* One end's node ended; the handle stays with the program until it closes it. */
static void end_sever(struct sim_connection *c, int side, bool power_cut)
{
    struct sim_stream *s = c->end[side];
    const struct sim_pipe *in = &c->pipe[1 - side];
    if (!s) {
        /* Closed before; what it still had queued dies with the process. */
        if (!c->pipe[side].end_sent && !c->pipe[side].reset_sent && !c->over) {
            sim_pipe_drop_unsent(&c->pipe[side]);
            c->pipe[side].end_wanted = true;
            sim_pipe_pump(c, side);
        }
        return;
    }
    s->ended = true;
    stream_detach(s);
    if (end_before_connected(c, side))
        return;
    /* As a kernel does for a process that died: unread bytes make it a reset. */
    if (power_cut || in->arrived > in->delivered) {
        sim_pipe_reset(c, side);
        return;
    }
    c->pipe[side].end_wanted = true;
    sim_pipe_drop_unsent(&c->pipe[side]);
    sim_pipe_pump(c, side);
}

void sim_net_sever(struct sim_node *n, bool power_cut)
{
    while (n->listeners)
        listener_unlist(n->listeners);
    struct sim_connection *next;
    for (struct sim_connection *c = n->sim->connections; c; c = next) {
        sim_connection_reference(c); /* both ends may go here */
        for (int side = 0; side < 2; side++)
            if (c->node[side] == n && c->incarnation[side] == n->incarnation)
                end_sever(c, side, power_cut);
        next = c->next;
        sim_connection_unreference(c);
    }
}

void sim_net_free(struct sim_node *n)
{
    for (struct sim_stream *s = n->streams, *next; s; s = next) {
        next = s->next;
        stream_free(s);
    }
    for (struct sim_listener *l = n->all_listeners, *next; l; l = next) {
        next = l->all_next;
        sim_listener_close(&l->base);
    }
}

void sim_net_deinit(struct sim *s)
{
    /* All handles and events are gone, and with them the last references. */
    s->connections_end = &s->connections;
}
