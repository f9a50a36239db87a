/* The parent's side of a worker: starts it, takes over what it found, sees when it hangs, grows or dies, and starts the
 * next. Inside of loop.c and distil.c. */
#ifndef FUZZ_LOOP_WATCH_H
#define FUZZ_LOOP_WATCH_H

#include "fuzz/loop/loop.h"
#include "world/worker.h"

struct watch {
    const struct fuzz_loop_config *config;
    struct worker worker; /* what every worker begins as */
    struct world_worker *process;
    struct world_mapping shared, found, given, hits, suffixes;
    bool setup, own_cover;
    uint64_t cpu_before; /* of workers that ended */
    /* To see a hang: when the count of executions last moved. */
    uint64_t moved_at, moved_cpu, moved_count;
    struct text errors, text;
};

enum watch_news {
    WATCH_RUNS,
    WATCH_ENDED, /* it did what it had to: `status.code` is enum worker_exit */
    WATCH_LOST,  /* it died or was killed; `end` says why, and the case is worker_running() */
};
struct watch_event {
    enum watch_news news;
    enum fuzz_end end;
    struct world_exit status;
    bool between; /* lost while no case was run: a fault of the loop itself */
};

int watch_init(struct watch *w, const struct fuzz_loop_config *config, struct error *err);
void watch_deinit(struct watch *w);
int watch_start(struct watch *w, enum worker_work work, struct error *err);
/* What became of the worker in up to `wait` ns. */
struct watch_event watch_look(struct watch *w, uint64_t wait);
/* What the worker handed over. `each` may stop with a negative code. */
int watch_harvest(struct watch *w, int (*each)(void *arg, const struct record *r), void *arg);
/* Puts a case in front of the worker. False: there is no room just now, or never (`*never`). */
bool watch_give(struct watch *w, const struct fuzz_case *c, const char *what, uint32_t number, bool *never);
uint64_t watch_cpu(struct watch *w); /* of all workers so far */
void watch_kill(struct watch *w);

#endif
