/* What calls cost the system: memory that a component holds more with every call, and processor time or memory that a
 * few bytes take.
 *
 * A component's resident size is looked at once a second. The line through the looks behind the first quarter says
 * bytes per call; a component without data of its own that grows along a line, and by more than a start's noise, is
 * suspected of a leak. Where the driver cannot tell sizes there is nothing to say.
 *
 * Cases whose calls took longest, by the bytes sent, are run again alone with the component's processor time and size
 * read before and after. In simulation cases are repeated instead (repeat.h). */
#ifndef FUZZ_LIVE_COST_H
#define FUZZ_LIVE_COST_H

#include "fuzz/case/trace.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/repeat.h"

#define COST_SUSPECTS_MAX 16

struct cost_look {
    double calls, resident;
};
struct cost_component {
    int64_t process; /* another one: looks begin anew */
    int64_t calls;   /* so far, over all processes */
    uint64_t cpu;
    ARRAY(struct cost_look) looks;
};
struct cost_suspect {
    struct fuzz_case c; /* owned */
    uint64_t duration;
};
struct cost {
    struct cost_component *components; /* as the target's */
    size_t component_count;
    struct cost_suspect suspects[COST_SUSPECTS_MAX]; /* the slowest, in no order */
    size_t suspect_count;
    struct repeat repeat;
};

struct engine;
int cost_open(struct cost *c, const struct target *t, struct error *err);
void cost_close(struct cost *c);
void cost_call(struct cost *c, const struct target *t, const struct target_component *component);
/* A case is done: one of the slowest so far? */
void cost_case(struct cost *c, const struct fuzz_case *test, const struct fuzz_trace *t);
void cost_look(struct cost *c, struct target *t);

/* A line through the looks; false: too few to say anything. `fit` is the part of the variance it explains. */
bool cost_line(const struct cost_look *looks, size_t count, double *slope, double *fit);

/* Before and after one case that runs alone. */
struct cost_reading {
    uint64_t cpu, resident;
    bool known;
};
struct cost_reading cost_read(struct target *t, const struct target_component *c);
#define COST_REPEATS 10 /* times a case has to hold more memory: beyond what a sanitizer keeps of freed memory */
/* Too much for so few bytes; a sentence is appended. What was held once may be a buffer kept for the next call: the
 * caller looks whether it is held anew each time. */
enum cost_excess { COST_FAIR, COST_TIME, COST_MEMORY };
enum cost_excess cost_excessive(struct cost_reading before, struct cost_reading after, uint64_t bytes,
                                struct text *why);

/* At the end: runs the suspects alone, keeps what is excessive as findings; tells leaks. */
void cost_settle(struct engine *e);
void cost_tell_leaks(struct engine *e);

#endif
