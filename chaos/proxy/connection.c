#include "chaos/proxy/internal.h"

#include <stdlib.h>
#include <string.h>

static struct world *world_of(const struct connection *c)
{
    return c->link->proxy->world;
}

static void unlink_from(struct connection *c)
{
    *c->place = c->next;
    if (c->next != NULL)
        c->next->place = c->place;
}

static void link_into(struct connection *c, struct connection **list)
{
    c->next = *list;
    c->place = list;
    if (c->next != NULL)
        c->next->place = &c->next;
    *list = c;
}

/* ---- the end ---- */

static void part(struct connection *c, int side, bool reset)
{
    struct world_stream *s = c->stream[side];
    c->stream[side] = NULL;
    if (reset && s != NULL)
        world_stream_abort(s);
    else
        world_stream_close(s);
}

void connection_end(struct connection *c, bool reset)
{
    struct proxy *p = c->link->proxy;
    if (c->over)
        return;
    c->over = true;
    part(c, 0, reset);
    part(c, 1, reset);
    world_timer_stop(&c->limit);
    world_timer_stop(&c->pipe[0].timer);
    world_timer_stop(&c->pipe[1].timer);
    c->link->count--;
    if (c->transit != NULL)
        transit_abandon(c->transit);
    unlink_from(c);
    link_into(c, &p->over);
    world_task_post(&p->sweep);
}

/* ---- what streams tell ---- */

/* Decides, with the first bytes of the caller, whether it speaks HTTP/2. */
static void greet(struct connection *c, struct bytes data)
{
    for (size_t i = 0; i < data.len && c->greeting < FRAMES_GREETING && !c->other; i++) {
        if (data.data[i] != (uint8_t)frames_greeting[c->greeting])
            c->other = true;
        c->greeting++;
    }
}

/* The caller's bytes, with those that were kept before. */
static void pass_up(struct connection *c, struct bytes data)
{
    struct text kept = c->kept;
    c->kept = TEXT_INIT;
    text_add(&kept, data.data, data.len);
    if (!text_ok(&kept))
        connection_end(c, true);
    else if (c->transit != NULL)
        transit_receive(c->transit, PROXY_UP, text_bytes(&kept));
    else
        pipe_enter(&c->pipe[0], text_bytes(&kept));
    text_deinit(&kept);
}

/* With rules on the link, a caller that speaks HTTP/2 is served by a transit: until that is clear its bytes are kept.
 */
static void caller_says(struct connection *c, struct bytes data)
{
    bool undecided = !c->other && c->greeting < FRAMES_GREETING;
    bool keep = undecided && c->link->rule_count > 0 && (c->greeting == 0 || c->kept.len > 0);
    if (undecided)
        greet(c, data);
    if (keep && !c->other && c->greeting < FRAMES_GREETING) {
        text_add(&c->kept, data.data, data.len);
        if (!text_ok(&c->kept))
            connection_end(c, true);
        return;
    }
    if (keep && !c->other && transit_new(c, &c->transit) != 0) {
        connection_end(c, true);
        return;
    }
    if (keep || c->kept.len > 0)
        pass_up(c, data);
    else if (c->transit != NULL)
        transit_receive(c->transit, PROXY_UP, data);
    else
        pipe_enter(&c->pipe[0], data);
}

static void readable(struct connection *c, int side, struct bytes data)
{
    if (side == 0)
        caller_says(c, data);
    else if (c->transit != NULL)
        transit_receive(c->transit, PROXY_DOWN, data);
    else
        pipe_enter(&c->pipe[1], data);
}

static void ended(struct connection *c, int side, bool broken)
{
    if (broken) { /* of no more use; the other side hears of it in its turn */
        struct world_stream *s = c->stream[side];
        c->stream[side] = NULL;
        world_stream_close(s);
    }
    if (side == 0 && c->kept.len > 0)
        pass_up(c, BYTES_NONE);
    if (c->over)
        return;
    if (c->transit != NULL)
        transit_ended(c->transit, side == 0 ? PROXY_UP : PROXY_DOWN, broken);
    if (!c->over)
        pipe_end(&c->pipe[side], broken);
    /* What was to be sent to the one who is gone goes nowhere. */
    if (!c->over && broken && !c->waits)
        pipe_run(&c->pipe[1 - side]);
}

static void caller_readable(void *arg, struct bytes data)
{
    readable(arg, 0, data);
}

static void caller_drained(void *arg)
{
    struct connection *c = arg;
    pipe_run(&c->pipe[1]);
}

static void caller_ended(void *arg, int reason)
{
    (void)reason;
    ended(arg, 0, true);
}

static void caller_finished(void *arg)
{
    ended(arg, 0, false);
}

static void called_readable(void *arg, struct bytes data)
{
    readable(arg, 1, data);
}

static void called_drained(void *arg)
{
    struct connection *c = arg;
    pipe_run(&c->pipe[0]);
}

static void called_ended(void *arg, int reason)
{
    (void)reason;
    ended(arg, 1, true);
}

static void called_finished(void *arg)
{
    ended(arg, 1, false);
}

static const struct world_stream_events caller_events = {
    .readable = caller_readable, .drained = caller_drained, .ended = caller_ended, .finished = caller_finished};
static const struct world_stream_events called_events = {
    .readable = called_readable, .drained = called_drained, .ended = called_ended, .finished = called_finished};

/* ---- the beginning ---- */

void connection_go_on(struct connection *c)
{
    c->waits = false;
    if (world_connect(world_of(c), c->link->to_address, &called_events, c, &c->stream[1], NULL) != 0) {
        c->stream[1] = NULL;
        connection_end(c, true);
        return;
    }
    pipe_run(&c->pipe[0]);
}

static void limit_over(void *arg)
{
    struct connection *c = arg;
    struct proxy_effect *first = NULL;
    for (size_t i = 0; i < c->link->effect_count; i++) {
        struct proxy_effect *e = c->link->effects[i].effect;
        if (e->after > 0 && (first == NULL || e->after < first->after))
            first = e;
    }
    if (first == NULL)
        return;
    first->hits++;
    connection_end(c, first->reset);
}

void connection_limit(struct connection *c)
{
    uint64_t after = 0;
    for (size_t i = 0; i < c->link->effect_count; i++) {
        const struct proxy_effect *e = c->link->effects[i].effect;
        if (e->after > 0 && (after == 0 || e->after < after))
            after = e->after;
    }
    world_timer_stop(&c->limit);
    if (after > 0 && world_timer_start(&c->limit, after) != 0)
        connection_end(c, true);
}

/* What the effects make of a caller at the door. NULL: it may come in. */
static struct proxy_effect *turned_away(struct proxy_link *l, enum proxy_door *door)
{
    for (size_t i = 0; i < l->effect_count; i++) {
        struct proxy_effect *e = l->effects[i].effect;
        *door = e->door;
        if (e->connections > 0 && l->count >= e->connections)
            *door = e->reset ? PROXY_DOOR_RESETS : PROXY_DOOR_CLOSES;
        if (*door != PROXY_DOOR_OPEN)
            return e;
    }
    *door = PROXY_DOOR_OPEN;
    return NULL;
}

void connection_accept(struct proxy_link *l, struct world_stream *s)
{
    enum proxy_door door;
    struct proxy_effect *e = turned_away(l, &door);
    l->accepted++;
    if (e != NULL)
        e->hits++;
    if (door == PROXY_DOOR_RESETS || door == PROXY_DOOR_REFUSES) {
        world_stream_abort(s);
        return;
    }
    struct connection *c = door == PROXY_DOOR_CLOSES || l->count >= PROXY_CONNECTIONS_MAX ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        world_stream_close(s);
        return;
    }
    c->link = l;
    c->stream[0] = s;
    pipe_init(&c->pipe[0], c, PROXY_UP);
    pipe_init(&c->pipe[1], c, PROXY_DOWN);
    world_timer_init(&c->limit, l->proxy->world, limit_over, c);
    link_into(c, &l->connections);
    l->count++;
    world_stream_accept(s, &caller_events, c);
    c->spoilt = door == PROXY_DOOR_SILENT;
    c->waits = !c->spoilt; /* until its way up is free */
    pipe_run(&c->pipe[0]);
    if (!c->over)
        connection_limit(c);
}

void connection_changed(struct connection *c)
{
    if (c->link->rule_count > 0 && c->transit == NULL && !c->other && c->greeting > 0 && !c->goaway_sent)
        c->goaway_due = true;
    if (c->goaway_due && frames_between(&c->pipe[1].frames))
        pipe_goaway(&c->pipe[1]);
    if (!c->over)
        pipe_run(&c->pipe[0]);
    if (!c->over)
        pipe_run(&c->pipe[1]);
}
