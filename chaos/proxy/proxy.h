/* A proxy between the parts of a system, in user space: each pair "FROM reaches TO" has a link with a listener of its
 * own, so that faults act on one pair, and on one direction of it. It runs on world streams, so the same code stands
 * between processes and, in the simulation, between nodes. docs/chaos.md, docs/manifest.md.
 *
 * A connection to a link is carried on to its other side byte by byte, unchanged, ends of each direction included. What
 * faults do to it are two kinds of things, attached to links and taken away again:
 *
 *     struct proxy_effect   to bytes and connections, whatever they carry
 *     struct proxy_rule     to single gRPC calls (rule.h)
 *
 * Several may be attached at once: delays and gaps add up, the lowest rate and the smallest slice hold.
 *
 * A connection on which bytes were lost or changed is spoilt: it is reset when what did it is taken away. All others
 * stay usable, and what was held back goes on.
 *
 * Memory: a direction holds at most PROXY_QUEUE_MAX bytes and one read more, then its sender is not read any further.
 *
 * Ownership: the proxy owns its links and their connections; effects and rules are the caller's and must be released
 * before they go. */
#ifndef CHAOS_PROXY_PROXY_H
#define CHAOS_PROXY_PROXY_H

#include "base/random.h"
#include "world/world.h"

#define PROXY_QUEUE_MAX       ((size_t)1 << 20) /* bytes of one direction */
#define PROXY_CONNECTIONS_MAX 10000             /* of one link; more are closed as they come */
#define PROXY_ATTACHED_MAX    16                /* effects, and rules, on one link at a time */
#define PROXY_SHARE_ALL       1000000           /* shares are parts per million */
#define PROXY_CLIENT          "client"          /* the harness and its clients, as the one who calls */

struct proxy;
struct proxy_link;

enum { PROXY_UP = 1, PROXY_DOWN = 2, PROXY_BOTH = 3 }; /* from the caller to the called; back */

enum proxy_door {
    PROXY_DOOR_OPEN,
    PROXY_DOOR_REFUSES, /* nobody listens */
    PROXY_DOOR_CLOSES,  /* accepts, then closes */
    PROXY_DOOR_RESETS,  /* accepts, then resets */
    PROXY_DOOR_SILENT,  /* accepts; nothing goes on and nothing comes back */
};

struct proxy_effect {
    /* On bytes. */
    uint64_t delay, jitter; /* ns each piece comes later; the order stays */
    uint64_t rate;          /* bytes a second; 0: any */
    size_t slice;           /* bytes that go on at a time; 0: any */
    uint64_t gap;           /* ns between slices */
    size_t queue;           /* bytes taken from the sender ahead of the receiver; 0: PROXY_QUEUE_MAX */
    uint32_t flip;          /* share of bytes that get one bit flipped */
    uint32_t repeat;        /* share of reads passed on twice */
    uint32_t garbage;       /* share of reads with random bytes behind them */
    size_t garbage_size;
    bool hold;        /* nothing goes on until it is taken away; new connections wait as well */
    uint64_t on, off; /* ns: hold comes and goes, on first; both 0: it stays */
    bool lose;        /* what comes vanishes */
    bool deaf;        /* that the sender ended, or broke, is not told */
    /* On connections. */
    enum proxy_door door;
    uint32_t connections; /* new ones above this are closed; 0: any */
    uint64_t bytes;       /* in a direction, since it was attached: then the connection ends; 0: any */
    uint64_t after;       /* ns since it was attached, or the connection came: then it ends; 0: never */
    bool reset;           /* such ends are resets */
    /* Kept by the proxy. */
    struct random random; /* seeded by the caller */
    uint64_t since;       /* when it was attached first */
    uint64_t hits;        /* bytes touched, connections turned away or ended */
};

struct proxy *proxy_new(struct world *w);
void proxy_free(struct proxy *p); /* resets what is open; NULL is fine */
/* A link that listens on `listen` (port 0: any free one) and connects to `to_address`. Names are copied. */
int proxy_add(struct proxy *p, const char *from, const char *to, const char *to_address, const char *listen,
              struct proxy_link **out, struct error *err);
size_t proxy_count(const struct proxy *p);
struct proxy_link *proxy_link(const struct proxy *p, size_t i);

const char *proxy_link_from(const struct proxy_link *l);
const char *proxy_link_to(const struct proxy_link *l);
const char *proxy_link_address(const struct proxy_link *l);                /* where it listens */
const char *proxy_link_reaches(const struct proxy_link *l);                /* what it connects to */
size_t proxy_link_connections(const struct proxy_link *l);                 /* open now */
uint64_t proxy_link_accepted(const struct proxy_link *l);                  /* so far */
uint64_t proxy_link_bytes(const struct proxy_link *l, unsigned direction); /* passed on so far */
size_t proxy_link_held(const struct proxy_link *l);                        /* bytes in its queues */

/* ERROR_LIMIT: PROXY_ATTACHED_MAX are. The same effect may be on many links, once on each. */
int proxy_attach(struct proxy_link *l, struct proxy_effect *e, unsigned directions, struct error *err);
/* 0 also when it was not attached. A door that was shut listens again; ERROR_IN_USE when its port was taken. */
int proxy_detach(struct proxy_link *l, struct proxy_effect *e, struct error *err);
/* Resets every connection open on the link, on both sides; how many. */
size_t proxy_reset(struct proxy_link *l);
/* Resets one side of every connection and tells the other nothing: the called's when `keep` is PROXY_UP, so that the
 * caller goes on talking to nobody, else the caller's. They are spoilt: `e` is attached, and its detaching ends them.
 */
size_t proxy_orphan(struct proxy_link *l, unsigned keep);

#endif
