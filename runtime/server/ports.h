/* Ports of a whole runtime: one block, every component at its own offset (v3's ports are the block at 8000). */
#ifndef RUNTIME_SERVER_PORTS_H
#define RUNTIME_SERVER_PORTS_H

#include "runtime/component.h"
#include "world/world.h"

#define SERVER_CLAIM_OFFSET (MICRO_OFFSET_MAX + 1)

/* Fails with ERROR_IN_USE, naming port and component, when a port of the block is taken. */
int server_ports_check(struct world *w, const char *host, int base, struct error *err);
/* A base whose whole block is free right now. The port behind the block's last is listened on until the caller closes
 * *claim: who looks at the same moment, before anything of ours listens, takes another block. */
int server_ports_find(struct world *w, const char *host, int *base, struct world_listener **claim, struct error *err);

#endif
