/* What happened in an experiment, as a set of small facts ("state summary"): an experiment that shows a fact nobody saw
 * before is worth keeping. Each is a 64-bit number, the hash of a few words. They are coarse on purpose (families of
 * faults, times in powers of four, few or many), so that there are hundreds of them and most experiments show none that
 * is new.
 *
 * - faults: which took effect at all; which families were in force together, on one component or on two
 * - recoveries: who after a fault of which family, how long (to the answer, to the baseline), whether it was noticed,
 *   who came back after whom
 * - operations: per workload and function how they ended under which family of faults, on who is called or on another;
 *   how long they took; the longest time without an answer; unknown ones that were seen to have happened, and not
 * - kinds of log lines (words without numbers), and cases and findings that failed or were skipped
 *
 * It takes the target's result stream for as long as it observes, and gives it back. */
#ifndef CHAOS_SEARCH_OBSERVE_H
#define CHAOS_SEARCH_OBSERVE_H

#include "chaos/chaos.h"
#include "chaos/workload/workload.h"

#define OBSERVED_MAX     4096 /* facts of one experiment; more are not kept */
#define OBSERVED_FAULTS  256  /* that operations are held against */
#define OBSERVED_KEY_MAX 128

struct observed_fault {
    const struct chaos_fault *fault;
    char target[48];
    uint64_t from, to; /* on the target's clock; `to` TIME_NEVER while in force */
};
struct observer {
    struct target *target;
    struct result_stream stream, *before;
    ARRAY(uint64_t) facts; /* sorted and each once after observer_end() */
    struct observed_fault faults[OBSERVED_FAULTS];
    size_t fault_count;
    char last_recovered[48];
    char failure[OBSERVED_KEY_MAX]; /* what failed first: "store-register / every key is linearizable"; "" nothing */
    char title[256];                /* the same for people */
    bool out_of_memory;
};
void observer_begin(struct observer *o, struct target *t);
/* For chaos_options.look, with the observer as its argument. */
void observer_look(void *arg, struct workload *w);
/* A line that a component logged, for whoever gets them (base/log.h). */
void observer_log(struct observer *o, const char *component, const char *message, size_t len);
/* 0 or ERROR_MEMORY. The facts stay until observer_deinit(). */
int observer_end(struct observer *o);
void observer_deinit(struct observer *o);

#endif
