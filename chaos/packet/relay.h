/* A relay of IPv4 packets between parts of a system that have a network each (world/network.h): what a wire with a
 * switch does, in user space, with whatever faults a wire can have. Unlike a proxy of bytes it lets the kernels on both
 * sides see them: TCP itself misses packets, sends them again, slows down, throws away what is broken, and gives up.
 *
 * Who joins has an address and doors: TCP ports of the loopback address at which everybody else finds him. A packet to
 * 127.0.0.1 goes to whose door its port is; any other to whose address it has. The outsider, who cannot have the
 * loopback address sent out to us (the harness on the machine's own network), calls parts by their addresses: on the
 * way to them those become 127.0.0.1, and back, with the checksums put right (RFC 1624).
 *
 * Sans I/O: packets come by packet_relay_take() and leave by `send`; clock and timer are the world's, so that the same
 * code runs in virtual time. Packets that wait are at most PACKET_RELAY_HELD_MAX bytes; more are lost, as on a wire. */
#ifndef CHAOS_PACKET_RELAY_H
#define CHAOS_PACKET_RELAY_H

#include "base/random.h"
#include "world/world.h"

#define PACKET_RELAY_PARTS_MAX    253 /* of one network of 8 bits, with the outsider */
#define PACKET_RELAY_ATTACHED_MAX 64
#define PACKET_RELAY_HELD_MAX     ((size_t)64 << 20)
#define PACKET_SHARE_ALL          1000000 /* shares are parts per million */
#define PACKET_HEADER_MIN         20      /* bytes of IPv4 */

struct packet_relay;
struct packet_part;

struct packet_relay *packet_relay_new(struct world *w); /* NULL: out of memory */
void packet_relay_free(struct packet_relay *r);         /* what waits is lost; NULL is fine */

/* `send` gives the packet to that part; borrowed for the call. The name is copied. */
int packet_relay_join(struct packet_relay *r, const char *name, uint32_t address, bool outsider,
                      void (*send)(void *arg, struct bytes packet), void *arg, struct packet_part **out,
                      struct error *err);
int packet_part_door(struct packet_part *p, uint16_t port, struct error *err); /* ERROR_EXISTS: it is another's */
void packet_relay_take(struct packet_part *from, struct bytes packet);

struct packet_relay_counts {
    uint64_t packets, bytes; /* passed on */
    uint64_t lost;           /* by faults */
    uint64_t strays;         /* to nobody, or broken when they came */
    uint64_t full;           /* no room to hold them */
};
struct packet_relay_counts packet_relay_counted(const struct packet_relay *r);
size_t packet_relay_parts(const struct packet_relay *r);
bool packet_relay_has(const struct packet_relay *r, const char *name);

/* ---- faults ---- */

struct packet_effect {
    bool cut;
    uint32_t lose;     /* share of packets that vanish, */
    uint32_t in_a_row; /* and how many at a time on average; 0 or 1: each by its own lot (Gilbert) */
    uint32_t twice;    /* share that comes twice */
    uint32_t flip;     /* share in which `bits` bits behind the IP header are turned over */
    uint32_t bits;
    uint32_t late;          /* share that is held back by `by`, so that what follows overtakes it */
    uint64_t by;            /* ns */
    uint64_t delay, jitter; /* ns; the order stays */
    uint64_t rate;          /* bytes a second in each direction; 0: any */
    uint64_t queue;         /* ns worth of bytes that may wait for the rate; more are lost */
    size_t size_max;        /* bytes: larger packets vanish; 0: any */
    /* Kept by the relay. */
    struct random random; /* seeded by the caller */
    uint64_t hits;        /* packets touched */
    uint64_t last[2];     /* of each direction: when the last packet leaves, */
    uint64_t line[2];     /* and when the line is free */
    bool losing[2];
};

enum { PACKET_SAYS = 1, PACKET_HEARS = 2, PACKET_BOTH = 3 }; /* as the component sees it */

/* On what the component says to the peer (NULL: everybody) or hears from it. The effect is the caller's until it is
 * detached. ERROR_NOT_FOUND: no part has this name. */
int packet_relay_attach(struct packet_relay *r, struct packet_effect *e, const char *component, const char *peer,
                        unsigned sides, struct error *err);
/* What it holds back leaves at once. Fine when it is not attached. */
void packet_relay_detach(struct packet_relay *r, struct packet_effect *e);

#endif
