/* The loop's worker: draws a case, mutates it, runs it, keeps what is new. A fork of the parent (world/worker.h) that
 * does no I/O: it shares a block of memory with the parent, in which stand the case being run, the counts, a ring of
 * what it found and a ring of cases to take in. When the target kills it, nothing but the run is lost: the parent has
 * the case and forks the next worker from its own copy of the corpus.
 *
 * Everything it does follows from the seed, the number of the execution it begins with, and what it was given. */
#ifndef FUZZ_LOOP_WORKER_H
#define FUZZ_LOOP_WORKER_H

#include "fuzz/cover/cover.h"
#include "fuzz/loop/pool.h"
#include "fuzz/loop/ring.h"
#include "fuzz/loop/target.h"
#include "fuzz/loop/twin.h"
#include "world/mapping.h"

#define WORKER_FRAMES    32  /* of a crash's stack */
#define WORKER_OPERATORS 256 /* distinct names that are tallied; a power of two */
#define WORKER_FOUND     ((size_t)64 << 20)
#define WORKER_GIVEN     ((size_t)64 << 20) /* taken from the system only as far as used */
#define WORKER_SUFFIX    ((size_t)16 << 20)
#define WORKER_VERDICTS  256 /* distinct ones that are told */
#define WORKER_SAMPLE    64  /* one run in so many has its edges counted */

enum worker_phase { WORKER_BETWEEN, WORKER_RUNNING };
enum worker_exit {
    WORKER_DONE = 0,
    WORKER_NO_MEMORY = 3,
    WORKER_NOTHING = 4,     /* an empty corpus: nothing to mutate */
    WORKER_HUNG = 5,        /* a copy of the worker did, in the case that is in the block */
    WORKER_FOUND_WRONG = 77 /* a copy of the worker did: its verdict's words are in the block */
};
enum worker_work {
    WORKER_FUZZ,    /* take in what is given, then mutate until told to stop */
    WORKER_IMPORT,  /* take in what is given, keep what is new */
    WORKER_MEASURE, /* run what is given, report all that each reaches */
    WORKER_CONFIRM, /* run the case in the block once */
};

struct worker_tally {
    uint64_t runs, found;
};
struct worker_operator {
    const char *what; /* NULL: free */
    struct worker_tally tally;
};

/* One on its way to the parent (verdict.h). */
struct worker_verdict {
    _Atomic bool full; /* by the worker; the parent empties it */
    bool confirmed;
    const char *oracle;
    char blamed[128], why[2048];
    uint64_t signature, parent, execution;
    struct mutated how;
    size_t tries, steps; /* of making it smaller */
    uint32_t event_count, data_len;
    struct fuzz_event events[FUZZ_CASE_EVENTS_MAX];
    char data[FUZZ_CASE_BYTES_MAX];
};

/* What the processes share. The parent writes `stop`, `limit`, `epoch`; the worker the rest. */
struct worker_shared {
    _Atomic bool stop;
    uint64_t limit; /* executions of the campaign; 0: none */
    uint64_t epoch; /* world_worker_now() at the campaign's start */

    _Atomic uint64_t executions, phase; /* enum worker_phase */
    uint64_t duplicates;                /* of mutants that were the case they were made of */
    uint64_t imported;
    uint64_t trimmed;  /* runs that made new cases smaller */
    uint64_t solved;   /* cases of the pool the twin was asked about, the first ones */
    uint64_t patched;  /* cases it made that were run */
    uint64_t suffixes; /* executions from snapshots */
    struct worker_tally lanes[LANE_COUNT];
    /* Of late, for the shares of the lanes: halved now and then. */
    double lane_runs[LANE_COUNT], lane_finds[LANE_COUNT]; /* runs: by what they cost */
    double work;                                          /* of a run, about: cover_last_work() */
    struct worker_operator operators[WORKER_OPERATORS];

    /* The case being run, and where it came from. */
    uint64_t running_parent;
    struct mutated running_how;
    uint32_t running_events, running_bytes;
    struct fuzz_event events[FUZZ_CASE_EVENTS_MAX];
    char bytes[FUZZ_CASE_BYTES_MAX];

    struct worker_verdict verdict;
    uint64_t verdicts[WORKER_VERDICTS], verdicts_same;
    uint64_t verdict_tried; /* the one that was being made smaller last, by so many workers */
    uint32_t verdict_count, verdict_tries;

    /* Of the fault, by the worker's signal handler; not where a sanitizer has its own. */
    int fault_signal;
    uint32_t fault_frames;
    uintptr_t fault_address, fault_stack[WORKER_FRAMES]; /* addresses of this program's image */
};

struct worker {
    const struct fuzz_target *target;
    void *state;
    struct fuzz_mutator mutator;
    uint64_t seed;
    size_t max; /* bytes of a case */
    enum worker_work work;
    struct cover *cover;
    struct pool pool;
    struct worker_shared *shared;
    struct ring *found, *given;
    struct twin *compares, *checks;  /* second builds; NULL: none */
    size_t suffixes;                 /* mutants run from one snapshot; 0: none are made */
    uint64_t hang;                   /* ns of processor time a run may take */
    struct ring *suffix_found;       /* from the copies of the worker */
    const struct pb_pool *contracts; /* the target's; NULL: none */
    size_t shrink;                   /* runs it may take to make the case of a verdict smaller */
    struct fuzz_case judged;
    uint64_t run_time; /* ns: what a run takes, about; with `checks` */
    struct fuzz_case scratch[2];
    struct fuzz_trace trace;
    struct random random;
    double lane_shares[LANE_COUNT]; /* as of `lane_draws` draws, a little while ago */
    uint32_t lane_draws;
};

int worker_main(void *arg); /* struct worker; for world_worker_start(). enum worker_exit */
/* The case in the block, as one to read from. */
struct fuzz_case worker_running(const struct worker_shared *s);
void worker_set_running(struct worker_shared *s, const struct fuzz_case *c);
/* How often each lane is drawn now. */
void worker_lane_shares(const struct worker_shared *s, double out[LANE_COUNT]);
/* fault.c: signals that mean a crash leave their stack in the block before they kill. Nothing where a sanitizer does
 * this better. */
void worker_watch_faults(struct worker_shared *s, const void *stack_top);
/* Ends this process by that signal, leaving the stack in the block as it is. */
void worker_die(int signal);

#endif
