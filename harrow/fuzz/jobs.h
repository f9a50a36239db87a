/* Campaigns side by side, from the inside: jobs.c is about all of them together, job.c about the process of
 * each.
 *
 * A simulated system takes its worker down with it, or has it stand still. The worker's journal is left then, and in
 * its place comes a process that looks which of the cases in there did it (--suspects, fuzz/live/suspects.c): what that
 * one tells has its own replay line. Only then the worker is started again. */
#ifndef HARROW_FUZZ_JOBS_H
#define HARROW_FUZZ_JOBS_H

#include "base/map.h"
#include "harrow/fuzz/run.h"

struct jobs;
struct job {
    struct jobs *jobs;
    int number; /* from 1 */
    int starts;
    struct world_process *process;
    bool ended;
    bool began, finished;      /* it said that it does something, and that it is through with it */
    bool looking;              /* the process looks for the case that the worker before it ended with */
    bool still;                /* it was killed, for it stood still */
    struct world_stat journal; /* when it last changed, */
    uint64_t changed_at;       /* by the worker's processor time */
};

struct jobs {
    struct run *run;
    const struct fuzz_request *request;
    const char *corpus;
    struct job *items;
    int count;
    uint64_t started;
    double calls;        /* since the last tick */
    struct map titles;   /* of findings told */
    int refused;         /* workers that could not begin */
    int refused_with;    /* the first one's exit code, */
    struct text refusal; /* and why */
    struct fuzz_summary summary;
    struct world_timer tick;
    bool stopped; /* told to */
};

/* Starts the worker, the next time with another seed. */
int job_start(struct job *job, struct error *err);
/* Asked now and then: a worker of a simulated system that stands still is killed, and looked into. */
void job_look(struct job *job);
/* jobs.c: a line of what its process prints. */
void job_output(void *arg, int fd, struct bytes line);

#endif
