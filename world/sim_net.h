/* Simulated streams: the inside, shared by sim_net.c (handles) and sim_pipe.c (bytes under way).
 *
 * A connection has two ends and one pipe for each direction. A pipe is one buffer with four marks:
 *
 *     delivered <= arrived <= sent <= written
 *
 * Writing moves `written`. As long as less than the stream buffer lies between delivered and sent, bytes are sent: cut
 * into chunks by lot, each arriving after a latency drawn for it but never before the one ahead of it. An arriving
 * chunk moves `arrived`, and what is there is delivered unless the reader paused. The end of the direction and a reset
 * travel through the same line. On a cut link an arrival is counted as stalled, and comes again after the heal.
 *
 * Connections are counted: each end's handle and each event under way hold one reference. */
#ifndef WORLD_SIM_NET_H
#define WORLD_SIM_NET_H

#include "world/sim_internal.h"

#define SIM_ADDRESS_MAX (WORLD_HOST_MAX + 16)

struct sim_pipe {
    struct text data; /* from `delivered` - head on */
    size_t head;      /* bytes at the front of `data` that were delivered already */
    uint64_t written, sent, arrived, delivered;
    uint64_t last_arrival;
    bool end_wanted, end_sent, end_arrived;
    bool reset_sent, reset_arrived;
    uint64_t stalled; /* bytes that came to a cut link */
    bool stalled_end, stalled_reset;
    bool delivery_due; /* an event to deliver what arrived is in the queue */
};

struct sim_connection {
    struct sim *sim;
    uint64_t id;
    struct sim_node *node[2];
    uint64_t incarnation[2];
    struct sim_stream *end[2]; /* NULL: closed, or its node ended */
    struct sim_pipe pipe[2];   /* pipe[i] carries what end i writes */
    unsigned references;
    bool established;           /* the connecting side knows */
    bool accepted;              /* the listening side made its end */
    bool over;                  /* neither side can hear of the other any more */
    bool stalled_answer;        /* the accepting side's answer met a cut link */
    struct sim_event *deadline; /* of connecting */
    struct sim_event *linger;   /* of flushing after close */
    uint64_t retry;             /* wait before the next attempt over a cut link */
    char key[SIM_ADDRESS_MAX];  /* the listener's */
    struct sim_connection *next, **link;
};

struct sim_stream {
    struct world_stream base;          /* first */
    struct sim_connection *connection; /* NULL: severed */
    int side;
    bool paused, accepted, ended, shut;
    bool finished; /* the peer's end of its direction was told, and no more */
    bool above_high, drain_due;
    char peer[SIM_ADDRESS_MAX];
    struct sim_stream *next, **link;
};

/* sim_pipe.c */
void sim_pipe_pump(struct sim_connection *c, int side);          /* sends what the window allows */
void sim_pipe_deliver_later(struct sim_connection *c, int side); /* what arrived in pipe[side] */
void sim_pipe_reset(struct sim_connection *c, int side); /* end `side` tells the other in line that it is gone */
void sim_pipe_drop_unsent(struct sim_pipe *p);
void sim_pipe_unstall(struct sim_connection *c, int side);
void sim_connection_reference(struct sim_connection *c);
void sim_connection_unreference(struct sim_connection *c);
void sim_stream_end(struct sim_stream *s, int reason); /* tells the user, once; within an event of its node */
bool sim_stream_live(const struct sim_stream *s);
void sim_connection_cancel(struct sim_connection *c, struct sim_event **e);

#endif
