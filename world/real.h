/* The real world: libuv for the loop and the network, the operating system for the rest. One per process. */
#ifndef WORLD_REAL_H
#define WORLD_REAL_H

#include "world/world.h"

/* `seed` 0: drawn from the system's generator (world_seed() tells it, for printing). */
int world_real_new(uint64_t seed, struct world **out, struct error *err);
/* Closes what is still open, reaps children (they are killed), frees. */
void world_real_free(struct world *w);

#endif
