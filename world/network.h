/* Networks of our own: a network namespace (network_namespaces(7)) with a TUN device (Linux, networking/tuntap.rst),
 * whose other end is a descriptor in our loop: whatever is said over the device comes to us as IPv4 packets, and what
 * we send comes out of it. Real world only, and of root; in simulation all of these answer ERROR_UNSUPPORTED.
 *
 * Nothing has to be undone: a namespace goes with its last process and the last descriptor of it, a device with its
 * descriptor, an address and a route with their device. So they go with us, however we end.
 *
 * The loopback address means the process itself, and programs that were written for one machine find each other at
 * 127.0.0.1:PORT all the same. So that they need not be told anything else, ports can be sent out over the device
 * (world_network_send_out): a rule before that of local addresses (ip-rule(8)), and route_localnet, by which the kernel
 * takes and sends loopback addresses on that device (networking/ip-sysctl.rst). */
#ifndef WORLD_NETWORK_H
#define WORLD_NETWORK_H

#include "world/world.h"

#define NETWORK_PACKET_MAX 65535
#define NETWORK_MTU        1500 /* bytes of a packet the kernel hands us */

struct world_network;
struct world_tun;

/* With the loopback device up and nothing else. Free once the processes started in it (world_spawn.network) are to
 * keep it alive alone. */
int world_network_new(struct world *w, struct world_network **out, struct error *err);
void world_network_free(struct world_network *n); /* NULL is fine */
/* A file that stands for it while it is held here: what nsenter(1) takes with --net=. */
void world_network_path(const struct world_network *n, char *out, size_t size);

struct world_tun_config {
    const char *name; /* of the device; at most 15 characters */
    uint32_t address; /* IPv4, as a number: 0x7f000001 */
    int prefix;       /* bits of the network it reaches; of the rest nothing is routed there */
    void (*packet)(void *arg, struct bytes packet); /* an IPv4 packet; borrowed for the call */
    void *arg;
};
/* In that network, or in our own (NULL). ERROR_EXISTS: there is a device of this name. */
int world_tun_open(struct world *w, const struct world_network *in, const struct world_tun_config *config,
                   struct world_tun **out, struct error *err);
int world_tun_send(struct world_tun *t, struct bytes packet); /* an error: it is lost, as packets are */
void world_tun_close(struct world_tun *t);                    /* before its world is freed; NULL is fine */

/* In that network, which has a device, what is said to this TCP port of 127.0.0.1 goes out over it. */
int world_network_send_out(struct world *w, const struct world_network *n, uint16_t port, struct error *err);

/* What TCP counts in the network a process is in (proc(5), net/snmp and net/netstat). */
struct world_tcp_counts {
    uint64_t sent, received; /* segments */
    uint64_t sent_again;     /* segments */
    uint64_t bad;            /* received with a wrong checksum or otherwise broken */
    uint64_t out_of_order;   /* received before what comes before them */
    uint64_t seen_twice;     /* received though they had been before */
};
int world_network_counts(struct world *w, int64_t process, struct world_tcp_counts *out, struct error *err);

#endif
