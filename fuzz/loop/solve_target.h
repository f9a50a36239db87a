/* What a solver has to get through: targets whose edges are counted by hand and whose comparisons are recorded. */
#ifndef FUZZ_LOOP_SOLVE_TARGET_H
#define FUZZ_LOOP_SOLVE_TARGET_H

#include "fuzz/loop/target.h"

#define SOLVE_EDGES 32
#define SOLVE_PATH  "/store.Store/Write"
extern uint8_t solve_edges[SOLVE_EDGES];

/* Each goes past one kind of gate (edge 1), or `layers` past one after the other (edges 1 to 6; the last is of a limit
 * in the options). `raw` takes bytes. */
extern const struct fuzz_target solve_magic, solve_text, solve_block, solve_length, solve_checksum, solve_behind,
    solve_layers, solve_raw;

#endif
