/* Programs of the machine that are run to their end, for what has no system call: mkfs(8), nft(8), ip(8). The loop
 * turns meanwhile. Real world only; in simulation they answer what spawning does. */
#ifndef WORLD_COMMAND_H
#define WORLD_COMMAND_H

#include "world/world.h"

#define COMMAND_OUTPUT_MAX ((size_t)1 << 20) /* bytes kept; what comes behind is dropped */

struct world_command {
    const char *const *argv;             /* NULL-terminated */
    struct bytes input;                  /* what it reads; data NULL: nothing */
    const struct world_network *network; /* NULL: ours */
    uint64_t within;                     /* ns, then it is killed; 0: 10 s */
};
/* 0 when it ended with 0. `output`, which may be NULL, gets what it printed; the error the first line it complained
 * with. */
int world_command_run(struct world *w, const struct world_command *c, struct text *output, struct error *err);

#endif
