/* A simulated disk as the shadow of a real one: what the real one already has is planted here as something that was
 * always there and is on the platter, and only as far as somebody comes near it. What happens to the real one is then
 * done here as well, by the functions of world.h, and at a crash the shadow tells what a real disk might have kept.
 *
 * Functions return 0 or a negative error_code; paths are absolute and clean. */
#ifndef WORLD_SIM_PLANT_H
#define WORLD_SIM_PLANT_H

#include "world/sim.h"

struct sim_planted {
    bool directory;
    uint64_t size;   /* of a file: so many zeros, until they are filled */
    uint64_t origin; /* what the planter calls it; it stays with the file whatever its name becomes */
};
/* With its parents. What is there already only gets its origin. */
int sim_plant(struct sim *s, const char *node, const char *path, const struct sim_planted *what);
/* Bytes that have been in the file all along, within its size, where nothing was written since. */
int sim_plant_fill(struct sim *s, const char *node, const char *path, struct bytes data, uint64_t offset);
/* Everything on the disk, by name, folders before what is in them. */
int sim_plant_each(struct sim *s, const char *node,
                   void (*each)(void *arg, const char *path, const struct sim_planted *what), void *arg);

#endif
