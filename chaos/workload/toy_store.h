/* A small register server for tests: store.Store's Read and Write over a log file, as a program of the simulation, and
 * a struct target that drives it. It can be told to be wrong in one way. Used by the tests of this folder only. */
#ifndef CHAOS_TOY_STORE_H
#define CHAOS_TOY_STORE_H

#include "rpc/target.h"
#include "world/sim.h"

/* How the server behaves: argv[1] of its program. */
#define TOY_CORRECT   "correct"   /* appends, syncs, answers */
#define TOY_EARLY_ACK "early-ack" /* answers, and appends a little later */
#define TOY_NO_SYNC   "no-sync"   /* appends and answers: right until the power is cut */
#define TOY_STALE     "stale"     /* now and then reads what was there before */
#define TOY_MUTE      "mute"      /* never answers a write, though it does it */
#define TOY_REFUSE    "refuse"    /* refuses every write */
#define TOY_BROKEN    "broken"    /* does every write, then answers INTERNAL */

struct toy {
    struct sim *sim;
    struct target target;
    struct target_component component;
    struct result_stream results;
    struct pb_pool *pool;
    struct text lines; /* of the result stream */
    const char *behaviour;
    bool act_fails, start_fails; /* the levers do nothing; nothing can be started again */
    int acts[TARGET_ACTION_COUNT];
};

void toy_init(struct toy *t, const char *behaviour, uint64_t seed);
void toy_deinit(struct toy *t);
/* How often `needle` is in the result stream. */
size_t toy_count(const struct toy *t, const char *needle);

#endif
