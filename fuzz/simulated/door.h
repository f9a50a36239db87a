/* The simulated door: a case's calls, and everything around them that a simulation can turn, against the components of
 * a target whose world is simulated. The same case against the same world gives the same trace.
 *
 * Events are done in order, in virtual time, one case at a time; running the simulation is what waiting means. Each
 * call goes to the component that serves its method, over a channel that stays open from case to case. A call is in
 * flight until it is awaited, so that streams go on beside other calls. An awaited answer counts as not given after
 * SIMULATED_HANG_AFTER; a stream, or a call whose request is not complete, is listened to for SIMULATED_STREAM_TIME.
 * What is open at the end is half-closed, waited for in the same way, and then ended by us.
 *
 * EVENT_FAULT goes to the target's levers. EVENT_ENVIRONMENT names what the simulation does otherwise from then on:
 *
 *     schedule N         latencies and the order of things are drawn from seed N
 *     chunks N           streams are cut into pieces of at most N bytes (0: as usual)
 *     latency N          every message takes N ns
 *     reset N            the streams of the N-th component (modulo their number) are reset
 *     pass N             N ns pass, up to SIMULATED_PASS_MAX (EVENT_TIME: up to a second)
 *     allocation N       the N-th allocation from now fails, where the program can do that
 *     write N            as COMPONENT/write, of component N modulo their number
 *     repeat N           does nothing now: simulated_repeats() says it to who judges the case
 *     COMPONENT/write N  the N-th write, sync or creation of a file there fails
 *     COMPONENT/space N  its disk holds N KiB more than nothing
 *     COMPONENT/clock N  its wall clock jumps N s ahead (the lowest bit: back)
 *     COMPONENT/pause N  it does nothing for N ns, up to SIMULATED_PASS_MAX; the others go on
 *
 * What is not named here is left out and counted (faults_skipped), as is what cannot be done. simulated_heal() takes
 * all of it back. Frames, raw bytes and the gateway's requests are not this door's. */
#ifndef FUZZ_SIMULATED_DOOR_H
#define FUZZ_SIMULATED_DOOR_H

#include "base/units.h"
#include "fuzz/case/door.h"
#include "rpc/target.h"
#include "world/sim.h"

#define SIMULATED_CALLS_MAX      64                        /* of one case; later ones are not made */
#define SIMULATED_HANG_AFTER     ((uint64_t)(10 * SECOND)) /* all times are virtual */
#define SIMULATED_STREAM_TIME    ((uint64_t)(50 * MILLISECOND))
#define SIMULATED_STREAM_REPLIES 64
#define SIMULATED_PASS_MAX       ((uint64_t)(48 * HOUR))
#define SIMULATED_STEPS_MAX      1000000 /* events of the simulation in one wait; more is a hang */

struct simulated_options {
    struct target *target;                     /* its world is a node of a simulation */
    const char *token, *other_token;           /* of the first tenant and of a second one; NULL: calls go without */
    void (*allocation)(void *arg, uint64_t n); /* arms it; NULL: cannot be done */
    void *arg;
};

struct simulated;
int simulated_new(const struct simulated_options *options, struct simulated **out, struct error *err);
void simulated_free(struct simulated *s);              /* before the target */
struct fuzz_door *simulated_door(struct simulated *s); /* begin() finishes before it returns */

/* "Bearer ..." of one of the tenants; empty: there is none. */
struct bytes simulated_bearer(const struct simulated *s, bool other);

/* A case as a whole, or in pieces: begun, gone on with up to (not including) an event, ended. Between the pieces the
 * events behind may be exchanged: the case is the caller's. */
void simulated_run(struct simulated *s, const struct fuzz_case *c, struct fuzz_trace *t);
void simulated_begin(struct simulated *s, const struct fuzz_case *c, struct fuzz_trace *t);
void simulated_go(struct simulated *s, size_t to);
void simulated_end(struct simulated *s);

/* Whether the case did more than call: then answers may be missing or INTERNAL by right. */
bool simulated_disturbed(const struct simulated *s);
/* The largest number a `repeat` of the case has; 0: it has none. */
uint64_t simulated_repeats(const struct simulated *s);
/* Takes back what the case did to the environment; what died is for the target's supervisor to start. */
void simulated_heal(struct simulated *s);

#endif
