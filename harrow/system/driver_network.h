/* A network of its own for each part of a system that runs as processes (world/network.h), joined by a relay of packets
 * in harrow's own loop (chaos/packet/relay.h), so that faults can act on packets: `--network namespaces`, root only.
 *
 * Parts go on finding each other at 127.0.0.1 and their ports; nothing of a manifest has to say where they are. The
 * ports of `address` and `http` are those that can be reached from elsewhere. What the harness starts it starts in the
 * right network; what the system's own supervisor starts has to be led there by a command in front of it, ${enter},
 * in which {} stands for the component's name. The harness itself reaches the parts over a device on the machine's own
 * network, in the range for measurements (RFC 2544).
 *
 * All of it goes with harrow, however that ends. */
#ifndef HARROW_SYSTEM_DRIVER_NETWORK_H
#define HARROW_SYSTEM_DRIVER_NETWORK_H

#include "harrow/system/system.h"

#define DRIVER_NETWORK_SUPERVISOR "supervisor" /* the part that starts the others, where there is one */

struct world_network;

#define NETWORK_OPTION                                                                                                 \
    {                                                                                                                  \
        .name = "network", .kind = OPTION_CHOICE, .target = &common.network, .argument = "KIND",                       \
        .choices = network_names,                                                                                      \
        .help = "processes: shared with this machine (default), or namespaces: each part has one of its own (needs "   \
                "root)"                                                                                                \
    }
extern const char *const network_names[];

bool driver_network_asked(void); /* on the command line, or by the experiment's file */
/* Whether that goes with no other driver than this one's; says so. */
bool driver_network_refuses(const char *command);

/* Once the components' addresses are known, and before anything is started: makes the networks, puts the addresses at
 * which the harness reaches the components in the place of theirs, and sets ${enter}. */
int driver_network_start(struct system *s, struct error *err);
/* The network of a component, or of the supervisor (any other name); NULL: they share the machine's. */
const struct world_network *driver_network_of(const struct system *s, const char *name);
void driver_network_stop(struct system *s); /* when the processes are gone */

#endif
