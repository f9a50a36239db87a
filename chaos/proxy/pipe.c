/* One direction of a connection. Without effects bytes go straight from the read to the write. With them a read is
 * queued as a piece, with the time before which it may not go on; from the queue it goes on as rate, slices and holds
 * allow. */
#include "base/units.h"
#include "chaos/proxy/internal.h"

#include <stdlib.h>
#include <string.h>

#define RATE_TURNS        50 /* slices of a second's bytes, when a rate is all that cuts */
#define COMPACT_AT        ((size_t)16 << 10)
#define PIECES_COMPACT_AT 64

/* What all effects on this direction amount to. */
struct tune {
    uint64_t rate, gap;
    size_t slice, queue;
    bool hold, deaf;
    uint64_t change; /* when `hold` changes by itself; UINT64_MAX: it does not */
};

static struct world *world_of(const struct pipe *p)
{
    return p->owner->link->proxy->world;
}

/* The i-th effect on this direction, or NULL when it is for the other. */
static struct proxy_effect *effect_at(const struct pipe *p, size_t i)
{
    const struct attached *a = &p->owner->link->effects[i];
    return (a->directions & p->direction) != 0 ? a->effect : NULL;
}

static bool holds(const struct proxy_effect *e, uint64_t now, uint64_t *change)
{
    if (!e->hold || e->on + e->off == 0)
        return e->hold;
    uint64_t at = (now - e->since) % (e->on + e->off);
    bool on = at < e->on;
    uint64_t next = now + (on ? e->on : e->on + e->off) - at;
    if (next < *change)
        *change = next;
    return on;
}

static struct tune tune_of(const struct pipe *p)
{
    struct tune t = {.queue = PROXY_QUEUE_MAX, .change = UINT64_MAX};
    for (size_t i = 0; i < p->owner->link->effect_count; i++) {
        const struct proxy_effect *e = effect_at(p, i);
        if (e == NULL)
            continue;
        if (e->rate > 0 && (t.rate == 0 || e->rate < t.rate))
            t.rate = e->rate;
        if (e->slice > 0 && (t.slice == 0 || e->slice < t.slice))
            t.slice = e->slice;
        if (e->queue > 0 && e->queue < t.queue)
            t.queue = e->queue;
        t.gap += e->gap;
        t.deaf = t.deaf || e->deaf;
        t.hold = holds(e, world_now(world_of(p)), &t.change) || t.hold;
    }
    return t;
}

static bool shapes(const struct proxy_effect *e)
{
    return e->delay + e->jitter + e->rate + e->slice + e->flip + e->repeat + e->garbage > 0 || e->hold || e->bytes > 0;
}

/* Whether anything here has to do with bytes at all. */
static bool shaped(const struct pipe *p)
{
    for (size_t i = 0; i < p->owner->link->effect_count; i++) {
        const struct proxy_effect *e = effect_at(p, i);
        if (e != NULL && (shapes(e) || e->lose))
            return true;
    }
    return false;
}

size_t pipe_held(const struct pipe *p)
{
    return p->data.len - p->head;
}

static void out_of_memory(struct pipe *p)
{
    connection_end(p->owner, true);
}

/* ---- the sender's pace ---- */

bool pipe_busy(struct pipe *p)
{
    struct world_stream *sink = *pipe_sink(p);
    return pipe_held(p) > 0 || (sink != NULL && world_stream_queued(sink) > WORLD_WRITE_HIGH);
}

static void pace(struct pipe *p, size_t queue)
{
    struct world_stream *source = *pipe_source(p), *sink = *pipe_sink(p);
    bool full = pipe_held(p) >= queue || (sink != NULL && world_stream_queued(sink) > WORLD_WRITE_HIGH);
    bool room = pipe_held(p) <= queue / 2 && (sink == NULL || world_stream_queued(sink) <= WORLD_WRITE_HIGH);
    if (p->owner->transit != NULL) {
        /* A transit's streams are slowed down by HTTP/2's own windows. */
        if (room)
            transit_flow(p->owner->transit);
    } else if (full && !p->paused && source != NULL && !p->ended) {
        p->paused = true;
        world_stream_pause(source);
    } else if (room && p->paused) {
        p->paused = false;
        if (source != NULL)
            world_stream_resume(source);
    }
}

/* ---- going on ---- */

/* How many of `len` bytes may still pass before an effect ends the connection; *e is that one. */
static size_t allowed(const struct pipe *p, size_t len, struct proxy_effect **e)
{
    *e = NULL;
    for (size_t i = 0; i < p->owner->link->effect_count; i++) {
        struct proxy_effect *each = effect_at(p, i);
        if (each == NULL || each->bytes == 0)
            continue;
        size_t left = each->bytes > p->passed ? (size_t)(each->bytes - p->passed) : 0;
        if (left <= len) {
            len = left;
            *e = each;
        }
    }
    return len;
}

static void write_on(struct pipe *p, struct bytes data)
{
    struct connection *c = p->owner;
    struct world_stream *sink = *pipe_sink(p);
    struct proxy_effect *last = NULL;
    data.len = allowed(p, data.len, &last);
    p->passed += data.len;
    c->link->bytes[p->direction == PROXY_UP ? 0 : 1] += data.len;
    if (sink != NULL && data.len > 0) {
        int code = world_stream_write(sink, data);
        if (code == ERROR_MEMORY) {
            out_of_memory(p);
            return;
        }
        /* ERROR_CLOSED: its `ended` comes, and tells why. */
    }
    if (last != NULL) {
        last->hits++;
        connection_end(c, last->reset);
    }
}

static void consume(struct pipe *p, size_t len)
{
    struct piece *piece = &p->pieces.items[p->first];
    piece->len -= len;
    p->head += len;
    if (piece->len == 0)
        p->first++;
    if (p->head == p->data.len) {
        text_clear(&p->data);
        p->head = 0;
    } else if (p->head >= COMPACT_AT && p->head > p->data.len / 2) {
        text_consume(&p->data, p->head);
        p->head = 0;
    }
    if (p->first == p->pieces.count) {
        array_clear(&p->pieces);
        p->first = 0;
    } else if (p->first >= PIECES_COMPACT_AT && p->first > p->pieces.count / 2) {
        memmove(p->pieces.items, p->pieces.items + p->first, (p->pieces.count - p->first) * sizeof *p->pieces.items);
        p->pieces.count -= p->first;
        p->first = 0;
    }
}

static void wait_until(struct pipe *p, uint64_t at)
{
    uint64_t now = world_now(world_of(p));
    if (world_timer_start(&p->timer, at > now ? at - now : 0) != 0)
        out_of_memory(p);
}

static void end_on(struct pipe *p, const struct tune *t)
{
    struct connection *c = p->owner;
    if (!p->ended || p->shut || pipe_held(p) > 0)
        return;
    if (t->deaf) {
        c->spoilt = true;
        return;
    }
    if (p->broken) {
        connection_end(c, true);
        return;
    }
    p->shut = true;
    if (*pipe_sink(p) != NULL)
        world_stream_shutdown(*pipe_sink(p));
    if (c->pipe[0].shut && c->pipe[1].shut)
        connection_end(c, false);
}

/* True when the next bytes have to wait, for a time or for an event. */
static bool must_wait(struct pipe *p, const struct tune *t)
{
    struct world_stream *sink = *pipe_sink(p);
    uint64_t at = p->pieces.items[p->first].at;
    if ((t->rate > 0 || t->gap > 0) && p->free_at > at)
        at = p->free_at;
    if (at > world_now(world_of(p))) {
        wait_until(p, at);
        return true;
    }
    return p->owner->waits || (sink != NULL && world_stream_queued(sink) > WORLD_WRITE_HIGH);
}

void pipe_run(struct pipe *p)
{
    struct connection *c = p->owner;
    struct tune t = tune_of(p);
    world_timer_stop(&p->timer);
    if (c->over)
        return;
    if (t.hold) {
        if (t.change != UINT64_MAX)
            wait_until(p, t.change);
        if (!c->over)
            pace(p, t.queue);
        return;
    }
    if (c->waits && p->direction == PROXY_UP) {
        connection_go_on(c);
        return;
    }
    while (pipe_held(p) > 0 && !must_wait(p, &t)) {
        size_t n = p->pieces.items[p->first].len;
        uint64_t now = world_now(world_of(p));
        if (t.slice > 0 && n > t.slice)
            n = t.slice;
        if (t.rate > 0 && n > t.rate / RATE_TURNS + 1)
            n = (size_t)(t.rate / RATE_TURNS) + 1;
        p->free_at = now + t.gap + (t.rate > 0 ? (uint64_t)n * (uint64_t)SECOND / t.rate : 0);
        write_on(p, BYTES(p->data.data + p->head, n));
        if (c->over)
            return;
        consume(p, n);
    }
    if (c->over)
        return;
    end_on(p, &t);
    if (!c->over)
        pace(p, t.queue);
}

static void run_later(void *arg)
{
    pipe_run(arg);
}

/* ---- coming in ---- */

static bool lot(struct proxy_effect *e, uint32_t share)
{
    return share > 0 && random_below(&e->random, PROXY_SHARE_ALL) < share;
}

/* What lies behind `from` in the queue has just come. */
static void change_bytes(struct pipe *p, struct proxy_effect *e, size_t from)
{
    struct text *d = &p->data;
    size_t len = d->len - from;
    for (size_t i = from; e->flip > 0 && i < d->len; i++) {
        if (!lot(e, e->flip))
            continue;
        d->data[i] = (char)((uint8_t)d->data[i] ^ (uint8_t)(1u << random_below(&e->random, 8)));
        e->hits++;
        p->owner->spoilt = true;
    }
    if (lot(e, e->repeat) && text_reserve(d, len)) {
        text_add(d, d->data + from, len);
        e->hits += len;
        p->owner->spoilt = true;
    }
    if (lot(e, e->garbage)) {
        for (size_t i = 0; i < e->garbage_size; i++)
            text_char(d, (char)random_below(&e->random, 256));
        e->hits += e->garbage_size;
        p->owner->spoilt = true;
    }
}

/* True when the bytes go no further. */
static bool lost(struct pipe *p, size_t len)
{
    bool any = false;
    for (size_t i = 0; i < p->owner->link->effect_count; i++) {
        struct proxy_effect *e = effect_at(p, i);
        if (e == NULL || !e->lose)
            continue;
        e->hits += len;
        any = p->owner->spoilt = true;
    }
    return any || (*pipe_sink(p) == NULL && !p->owner->waits);
}

static void queue_up(struct pipe *p, struct bytes data)
{
    const size_t from = p->data.len;
    uint64_t now = world_now(world_of(p)), at = now;
    text_add(&p->data, data.data, data.len);
    for (size_t i = 0; i < p->owner->link->effect_count && text_ok(&p->data); i++) {
        struct proxy_effect *e = effect_at(p, i);
        uint64_t ignored = UINT64_MAX;
        if (e == NULL || !shapes(e))
            continue;
        at += e->delay + (e->jitter > 0 ? random_below(&e->random, e->jitter + 1) : 0);
        if (e->delay + e->jitter + e->rate + e->slice > 0 || holds(e, now, &ignored))
            e->hits += data.len;
        change_bytes(p, e, from);
    }
    if (at < p->last_at)
        at = p->last_at;
    p->last_at = at;
    if (!text_ok(&p->data) || !array_push(&p->pieces, ((struct piece){.at = at, .len = p->data.len - from})))
        out_of_memory(p);
}

static void enter(struct pipe *p, struct bytes data)
{
    if (p->owner->over || data.len == 0 || lost(p, data.len))
        return;
    if (pipe_held(p) == 0 && !p->owner->waits && !shaped(p)) {
        write_on(p, data);
        if (!p->owner->over)
            pace(p, PROXY_QUEUE_MAX);
        return;
    }
    queue_up(p, data);
    pipe_run(p);
}

static struct bytes bytes_from(struct bytes data, size_t at)
{
    return BYTES(data.data + at, data.len - at);
}

void pipe_goaway(struct pipe *p)
{
    uint8_t goaway[FRAMES_GOAWAY];
    frames_goaway(goaway);
    p->owner->goaway_due = false;
    p->owner->goaway_sent = true;
    enter(p, BYTES(goaway, sizeof goaway));
}

/* The called's frames are followed, so that a GOAWAY can be put between two of them. */
static void enter_between(struct pipe *p, struct bytes data)
{
    struct connection *c = p->owner;
    size_t from = 0, at = 0;
    bool between;
    while (at < data.len && !c->over) {
        at += frames_step(&p->frames, bytes_from(data, at), &between);
        if (!between || !c->goaway_due)
            continue;
        enter(p, BYTES(data.data + from, at - from));
        pipe_goaway(p);
        from = at;
    }
    enter(p, bytes_from(data, from));
}

void pipe_enter(struct pipe *p, struct bytes data)
{
    if (p->direction == PROXY_DOWN && p->owner->transit == NULL && !p->owner->other)
        enter_between(p, data);
    else
        enter(p, data);
}

void pipe_end(struct pipe *p, bool broken)
{
    p->ended = true;
    p->broken = p->broken || broken;
    pipe_run(p);
}

void pipe_init(struct pipe *p, struct connection *c, unsigned direction)
{
    *p = (struct pipe){.owner = c, .direction = direction};
    world_timer_init(&p->timer, world_of(p), run_later, p);
}

void pipe_deinit(struct pipe *p)
{
    world_timer_stop(&p->timer);
    text_deinit(&p->data);
    array_deinit(&p->pieces);
}
