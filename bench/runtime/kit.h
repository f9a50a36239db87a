/* What the benchmarks of the runtime share: a component as a process of its own, a token it takes, calls in flight on
 * one connection, medians. The rival's figures are taken in the same run, turn about with ours, so that a busy machine
 * hurts both. */
#ifndef BENCH_RUNTIME_KIT_H
#define BENCH_RUNTIME_KIT_H

#include "base/text.h"
#include "base/units.h"
#include "rpc/rpc.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIT_RUNS_MAX 25

struct kit {
    const char *program; /* for messages */
    const char *component;
    struct world *world;
    struct text private_key, public_key, bearer, directory;
    struct grpc_header authorization;
    struct world_process *process;
    struct rpc_channel_options channel;
    char address[128];
    bool gone, wanted_gone;
};

/* Keys, a token, an empty directory below `parent`. Says on stderr what went wrong. */
int kit_init(struct kit *k, const char *program, const char *parent);
/* `micro service NAME` on a port of its own, the same one when it is started again; until it answers. */
int kit_start(struct kit *k, const char *component);
int kit_kill(struct kit *k);                    /* at once, as kill -9 does */
struct rpc_channel *kit_channel(struct kit *k); /* NULL: no */
void kit_deinit(struct kit *k);                 /* ends the process, removes the directory */

/* Resident bytes and CPU time of the component. */
uint64_t kit_resident(const struct kit *k);
uint64_t kit_cpu(const struct kit *k);

/* A closed loop of calls: `in_flight` at a time; the next request is made by `next` (into `message`, cleared before)
 * and the answer looked at by `check` (NULL: the status alone). */
struct kit_load {
    struct kit *kit;
    struct rpc_channel *channel;
    const char *path;
    int in_flight;
    void (*next)(void *arg, struct text *message);
    bool (*check)(void *arg, const struct rpc_reply *reply);
    void *arg;
    uint64_t limit; /* calls in all, 0: until the time is over */
    /* out */
    uint64_t calls, started;
    bool failed;
    /* its own */
    struct text message;
    int flying;
    bool running;
};
struct kit_figures {
    double calls_per_second, cpu_us; /* of the server, per call */
};
/* Runs for `duration`, or until `limit` calls were answered. */
int kit_run(struct kit_load *l, uint64_t duration, struct kit_figures *out);

double kit_median(const double *values, int count);

#endif
