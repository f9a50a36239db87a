/* The store workload: clients that read and write registers with unique values and write down what they learn. */
#ifndef CHAOS_WORKLOAD_H
#define CHAOS_WORKLOAD_H

#include "chaos/history/history.h"
#include "rpc/target.h"

struct workload;

struct workload_options {
    uint64_t seed;
    int clients, keys;
    int rate; /* operations a second over all clients; 0: as fast as they are answered */
};

int workload_new(struct target *t, const struct workload_options *options, struct workload **out, struct error *err);
void workload_start(struct workload *w);
/* No new operations; waits until none is open (an operation that outlives its deadline becomes info). */
int workload_stop(struct workload *w);
/* Reads every key until it is answered, within `timeout` ns all together. They are at the end of the history. */
int workload_final_reads(struct workload *w, uint64_t timeout, struct error *err);
const struct history *workload_history(const struct workload *w);
size_t workload_final_from(const struct workload *w);
void workload_free(struct workload *w);

/* What happened since the last look: for curves and for the steady state. */
struct workload_window {
    int64_t ok, failed, unknown;
    double p50, p99; /* ms; 0 when nothing was answered */
};
void workload_take_window(struct workload *w, struct workload_window *out);

#endif
