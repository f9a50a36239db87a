/* Networks for the parts of a system (world/network.h), one each, joined by a relay (relay.h). Whoever runs the relay
 * reaches the parts over a device on the machine's own network, at addresses of the range for measurements (RFC 2544),
 * which nobody uses in earnest: 198.18.0.0/15.
 *
 * All of it goes with us, however we end. Freed before the world is, and after the processes are gone. */
#ifndef CHAOS_PACKET_NETWORKS_H
#define CHAOS_PACKET_NETWORKS_H

#include "chaos/packet/relay.h"
#include "world/network.h"

#define PACKET_OUTSIDE   "client" /* the part we are */
#define PACKET_DOORS_MAX 1024     /* of all parts */

struct packet_networks;

int packet_networks_new(struct world *w, struct packet_networks **out, struct error *err);
void packet_networks_free(struct packet_networks *n); /* NULL is fine */
struct packet_relay *packet_networks_relay(struct packet_networks *n);

int packet_networks_add(struct packet_networks *n, const char *name, struct error *err);
/* Everybody else finds the part at this port of 127.0.0.1, and we at this port of its address. */
int packet_networks_door(struct packet_networks *n, const char *name, uint16_t port, struct error *err);
/* For world_spawn; NULL: there is no such part. */
const struct world_network *packet_networks_of(const struct packet_networks *n, const char *name);
uint32_t packet_networks_address(const struct packet_networks *n, const char *name); /* 0: there is no such part */

#endif
