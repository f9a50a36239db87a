/* How long the calls of an experiment's clients took: by method, by whether they ended well, and by whether a fault was
 * in force at any time of them. For the result stream: docs/results.md. */
#ifndef CHAOS_WORKLOAD_LATENCY_H
#define CHAOS_WORKLOAD_LATENCY_H

#include "base/map.h"
#include "base/result.h"

/* BEFORE the first fault; while one held; and while none did any more, in which a component may still be coming back.
 */
enum latency_phase { LATENCY_BEFORE, LATENCY_DURING, LATENCY_AFTER, LATENCY_PHASES };

/* Zeroed it is empty. */
struct latency {
    struct map methods; /* name -> its histograms; owned */
    int in_force;       /* faults */
    uint64_t over;      /* when the last one was; 0: there was none */
    bool incomplete;    /* memory ran out: nothing is told */
};
/* A fault begins to take effect; and does so no more. `at` 0: it never did. */
void latency_fault_begins(struct latency *l);
void latency_fault_ends(struct latency *l, uint64_t at);
/* A call ended at `now`, after `duration` ns. `method`: "store.Store/Read", copied when it is the first. */
void latency_call(struct latency *l, const char *method, bool ok, uint64_t now, uint64_t duration);
/* Lines "latency", in the order in which the methods were first called. */
void latency_tell(const struct latency *l, struct result_stream *r, bool virtual_time);
void latency_deinit(struct latency *l);

#endif
