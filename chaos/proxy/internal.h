/* What the files of the proxy share. Not for other folders.
 *
 *   proxy.c       the links and their doors; what is attached to them
 *   connection.c  one connection: two streams, one pipe each way
 *   pipe.c        one direction: bytes that wait, and what effects do to them
 *   frames.c      where HTTP/2's frames begin in a direction, without reading them
 *   transit.c       HTTP/2 and gRPC ended on both sides, for rules (rule.h)
 *
 * A connection that is over stays in memory until the loop's next turn, so that whoever is in the middle of it can see
 * that it is over. */
#ifndef CHAOS_PROXY_INTERNAL_H
#define CHAOS_PROXY_INTERNAL_H

#include "base/array.h"
#include "chaos/proxy/frames.h"
#include "chaos/proxy/proxy.h"
#include "chaos/proxy/rule.h"

struct connection;
struct transit;

struct piece {
    uint64_t at; /* not before */
    size_t len;
};
struct pipe {
    struct connection *owner;
    unsigned direction;
    struct world_timer timer;
    struct text data; /* waits, from `head` on */
    size_t head;
    ARRAY(struct piece) pieces; /* of it, from `first` on */
    size_t first;
    uint64_t last_at;     /* of the last piece */
    uint64_t free_at;     /* when rate and gap let the next slice go */
    uint64_t passed;      /* bytes, since an effect that counts them was attached */
    bool paused;          /* the sender is not read */
    bool ended, broken;   /* the sender ended, in order or not */
    bool shut;            /* and the receiver was told */
    struct frames frames; /* of the called */
};

struct connection {
    struct proxy_link *link;
    struct connection *next, **place; /* in the link's list, or the proxy's of those that are over */
    struct world_stream *stream[2];   /* the caller's and ours to the called; NULL: gone */
    struct pipe pipe[2];              /* [0]: up, read from stream[0], written to stream[1] */
    struct world_timer limit;         /* of effects with `after` */
    struct transit *transit;          /* when rules act on it */
    struct text kept;                 /* what it said until it is clear what it speaks */
    size_t greeting;                  /* bytes of HTTP/2's that the caller began with */
    bool other;                       /* it began with something else */
    bool goaway_due;                  /* where a frame of the called's ends: rules are waiting for new connections */
    bool goaway_sent;
    bool spoilt; /* bytes were lost or changed */
    bool waits;  /* not yet connected on, for a hold */
    bool over;   /* freed soon */
};

struct attached {
    struct proxy_effect *effect;
    unsigned directions;
};
struct proxy_link {
    struct proxy *proxy;
    char *from, *to, *to_address, *listen;
    struct world_listener *listener; /* NULL: the door is shut */
    struct connection *connections;
    size_t count;
    uint64_t accepted, bytes[2];
    struct attached effects[PROXY_ATTACHED_MAX];
    size_t effect_count;
    struct proxy_rule *rules[PROXY_ATTACHED_MAX];
    size_t rule_count;
};
struct proxy {
    struct world *world;
    ARRAY(struct proxy_link *) links;
    struct connection *over;
    struct world_task sweep;
};

static inline struct pipe *pipe_of(struct connection *c, unsigned direction)
{
    return &c->pipe[direction == PROXY_UP ? 0 : 1];
}
static inline struct world_stream **pipe_source(struct pipe *p)
{
    return &p->owner->stream[p->direction == PROXY_UP ? 0 : 1];
}
static inline struct world_stream **pipe_sink(struct pipe *p)
{
    return &p->owner->stream[p->direction == PROXY_UP ? 1 : 0];
}

/* connection.c */
void connection_accept(struct proxy_link *l, struct world_stream *s);
void connection_end(struct connection *c, bool reset);
void connection_changed(struct connection *c); /* something was attached to its link, or taken away */
void connection_limit(struct connection *c);   /* `after` runs from now on */
void connection_go_on(struct connection *c);   /* what waited to be connected on is */

/* pipe.c */
void pipe_init(struct pipe *p, struct connection *c, unsigned direction);
void pipe_deinit(struct pipe *p);
void pipe_enter(struct pipe *p, struct bytes data);
void pipe_end(struct pipe *p, bool broken); /* the sender ended */
void pipe_run(struct pipe *p);              /* passes on what may go */
void pipe_goaway(struct pipe *p);           /* where a frame ends: "no more calls on this connection" */
size_t pipe_held(const struct pipe *p);
bool pipe_busy(struct pipe *p); /* more waits than should: whoever fills it should wait */

/* transit.c */
int transit_new(struct connection *c, struct transit **out);
void transit_free(struct transit *r);
void transit_receive(struct transit *r, unsigned direction, struct bytes data);
void transit_ended(struct transit *r, unsigned direction, bool broken);
void transit_flow(struct transit *r);    /* a pipe has room again */
void transit_abandon(struct transit *r); /* its connection is over: no rule counts any more */
void transit_forget(struct transit *r, const struct proxy_rule *rule);

#endif
