/* A target of two victims (victim.h) as real processes, for tests of faults: levers, the lines they write, waiting for
 * something to be seen, and who is left of our children. Tests only. */
#ifndef CHAOS_FAULT_VICTIMS_H
#define CHAOS_FAULT_VICTIMS_H

#include "base/test.h"

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/fault/victim.h"
#include "world/real.h"

#define PARTS 2

struct report {
    int codes[PROBE_COUNT];
    long long sync_us, turn_us;
    int caught;
    long long wall_us[3], monotonic_us; /* the wall clock in the three ways it is asked for */
    int64_t read_at;                    /* the true wall clock when the line came, us */
};
struct part {
    struct fixture *fixture;
    const char *name, *kind;
    struct world_process *process;
    struct world_foreign foreign; /* id 0: it is our child */
    struct world_exit status;
    bool exited;
    struct report report, worst; /* the last one; the worst since the last injection */
    size_t reports, failures;    /* turns; those in which something failed */
};
struct fixture {
    struct world *world;
    struct target target;
    struct target_component components[PARTS]; /* "a", which needs "b", and "b" */
    struct part parts[PARTS];
    struct fault_injection f;
    char folder[64], program[1024];
    bool held; /* by the lever */
};

/* In a folder of its own (NULL) or that one, which also has the journal. */
struct fixture *victims_new(const char *folder);
void victims_free(struct fixture *x, bool remove);
int victims_setup(void **state);
int victims_teardown(void **state);                   /* fails when a child of ours is left */
void victims_supervised(struct fixture *x, bool yes); /* "a" plays the supervisor */
int victim_start(struct part *p, struct error *err);
void victims_begin(struct fixture *x, const char *kind); /* both; returns when "a" is well */
bool victim_alive(struct fixture *x, const char *component);
int64_t victim_process(struct fixture *x, const char *component);

/* Within a time that is long enough on a busy machine. */
bool within(struct fixture *x, bool (*what)(struct fixture *x));
bool well(struct fixture *x); /* three turns of "a" in which nothing failed and the clock was right */
bool clock_ahead(const struct report *r, int64_t by); /* by that many us, about */
/* False: not on this machine; says why. An injection that fails fails the test. */
bool victims_inject(struct fixture *x, const char *name, const char *component, int64_t first, int64_t second);
void victims_heal(struct fixture *x);

#endif
