/* The in-process loop: a worker mutates and runs (worker.h), a parent watches it, keeps the corpus on disk, and starts
 * the next worker when the target killed one. "A lost worker costs nothing": the case that killed it stands in shared
 * memory, what it had found has been handed over, and the next one is a fork that knows all of it.
 *
 * Findings are crashes, hangs, memory eaten, and verdicts: what a target that judges its own runs says in its trace,
 * which costs no worker (verdict.h). The case of a crash or verdict is made smaller for as long as it stays the same
 * finding (`shrink`), crashes with a worker for each candidate.
 *
 * A crash or hang is run once more in a fresh worker before it is told (`confirmed`); what cannot be repeated is told
 * as such. Findings of one place (the frames of the fault, or of a sanitizer's report) are counted, not told again.
 *
 * Hangs go by the worker's processor time, so that a machine that is busy or stopped makes none; a target that waits
 * instead of computing is given up after FUZZ_BLOCKED_LIMIT of wall time.
 *
 * With a limit of executions and no other process at the folder, everything follows from the seed. */
#ifndef FUZZ_LOOP_LOOP_H
#define FUZZ_LOOP_LOOP_H

#include "fuzz/loop/worker.h"
#include "world/world.h"

#define FUZZ_MAX_DEFAULT    4096                    /* bytes of a case */
#define FUZZ_HANG_DEFAULT   ((uint64_t)1000000000)  /* ns of processor time of one run */
#define FUZZ_BLOCKED_LIMIT  ((uint64_t)60000000000) /* ns of wall time of one run */
#define FUZZ_MEMORY_DEFAULT ((uint64_t)2 << 30)     /* bytes resident */
#define FUZZ_FINDINGS_MAX   256                     /* distinct ones; then the loop ends */
#define FUZZ_DETAIL_MAX     ((size_t)64 << 10)      /* bytes kept of what a worker wrote to standard error */

enum fuzz_end { END_CRASH, END_HANG, END_MEMORY, END_VERDICT };
const char *fuzz_end_name(enum fuzz_end end); /* "crash", "hang", "memory", "verdict" */

struct fuzz_found {
    enum fuzz_end end;
    const struct fuzz_case *c; /* borrowed for the call */
    uint64_t signature;        /* of the place */
    bool confirmed;            /* it came again when run alone */
    struct mutated how;        /* the change that made the case */
    uint64_t parent, execution;
    size_t tries, steps;        /* runs it took to make the case smaller, and how often that went */
    const struct pb_pool *pool; /* of the target's contracts; NULL: none */
    const char *text;           /* what is known: signal, frames, sanitizer's report */
};

struct fuzz_loop_stats {
    uint64_t executions, cpu, wall; /* cpu: of workers and parent, ns */
    size_t edges, edges_all, pairs, features;
    size_t cases, case_bytes;
    size_t findings, findings_same, workers_lost;
    uint64_t verdicts_same;  /* runs whose verdict was known */
    uint64_t trimmed;        /* executions that made new cases smaller */
    uint64_t suffixes;       /* executions that began from a snapshot */
    uint64_t asked, patched; /* of the twin that solves: cases it was asked about, cases it made */
    uint64_t checked, unchecked,
        findings_checked; /* of the twin that checks: cases it ran, had no time for, findings */
    bool twin_lost;
    uint64_t imported, duplicates;
    uint64_t last_find; /* ns since the start, of the last new case */
    struct worker_tally lanes[LANE_COUNT];
    double lane_shares[LANE_COUNT];                     /* of what is drawn now */
    struct worker_operator operators[WORKER_OPERATORS]; /* those with a name */
};

struct fuzz_loop_config {
    struct world *world; /* a real one */
    const struct fuzz_target *target;
    struct fuzz_mutator mutator;
    struct cover *cover; /* NULL: the program's own counters */
    uint64_t seed;
    uint64_t executions, duration; /* limits, 0: none; duration in ns of wall time */
    uint64_t plateau;              /* ns without anything new after which it ends; 0: never */
    size_t max;                    /* bytes of a case; 0: FUZZ_MAX_DEFAULT */
    uint64_t hang, memory;         /* 0: the defaults */
    enum pool_schedule schedule;
    const char *corpus;            /* folder; NULL: in memory only */
    const char *import;            /* a folder whose cases are taken in where they are new; NULL: none */
    bool only_import;              /* no mutation: corpora are merged */
    size_t shrink;                 /* runs to make the case of a finding smaller; 0: it stays as it is */
    size_t snapshots;              /* mutants run from one snapshot of targets that have parts; 0: none are made */
    struct twin *compares;         /* a build that records comparisons, started by the caller; NULL: none */
    struct twin *checks;           /* a build with sanitizers, started by the caller; NULL: none */
    struct twin *follow;           /* this is that build: nothing is kept, cases come from there until it is over */
    const struct fuzz_case *seeds; /* borrowed; run first */
    size_t seed_count;
    void *arg;
    void (*found)(void *arg, const struct fuzz_found *f); /* once per signature */
    void (*progress)(void *arg, const struct fuzz_loop_stats *s);
    uint64_t progress_every; /* ns; 0: never */
    bool quiet;              /* the target's standard output goes nowhere */
};

/* Returns when a limit is reached or `*stop` (may be NULL) became true. ERROR_INVALID: nothing to begin with. */
int fuzz_loop_run(const struct fuzz_loop_config *config, const bool *stop, struct fuzz_loop_stats *out,
                  struct error *err);

/* Copies to `to` as few and small cases of `from` as together reach all that `from` reaches (greedy cover: most new
 * pairs per byte first). Cases that kill a worker are left out and counted in `stats->workers_lost`. */
int fuzz_loop_distil(const struct fuzz_loop_config *config, const char *from, const char *to,
                     struct fuzz_loop_stats *stats, struct error *err);

#endif
