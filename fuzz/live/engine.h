/* The live campaign's inside: slots that each have one case under way, what is kept about methods, and findings. */
#ifndef FUZZ_LIVE_ENGINE_H
#define FUZZ_LIVE_ENGINE_H

#include "base/array.h"
#include "base/map.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/judge.h"
#include "fuzz/live/live_door.h"
#include "fuzz/live/maker.h"

struct method_tally {
    const struct pb_method *method;
    const struct target_component *component;
    int64_t calls, findings;
    int64_t statuses[17];
    struct text refusal; /* what it said first, for "why nothing succeeded" */
};

struct fuzz_finding {
    struct fuzz_case c; /* owned; reduced later */
    const struct pb_method *method;
    const struct target_component *component;
    const char *oracle, *defect; /* static */
    char *why;                   /* owned */
    int64_t count;               /* 0: a suspect that was cleared */
    int64_t crash;               /* the crash this case is suspected of, from 1; 0: none */
    bool repeats;                /* it came again when it was run alone */
};

/* A case some call of which broke off while its component still seemed well. */
struct lost_case {
    const struct target_component *component;
    struct fuzz_case c; /* owned */
    uint64_t at;
};

struct component_watch {
    const struct target_component *component;
    int64_t process; /* its number when last looked */
    bool down;       /* it was seen to be gone and not seen since */
};

struct engine;
struct slot {
    struct engine *engine;
    struct made made;
    struct fuzz_trace trace;
    bool busy;
};

struct engine {
    struct target *target;
    struct fuzz_options options;
    struct fuzz_summary *summary;
    struct method_tally *tallies;
    const struct pb_method **methods;
    size_t method_count;
    struct maker *maker;
    struct fuzz_door *door;
    struct slot *slots;
    size_t slot_count;
    size_t busy;
    bool stopping;
    int failed; /* why no more cases could be made or sent; 0 */
    uint64_t started, deadline;
    struct world_timer tick;
    int64_t calls_at_tick;
    struct map known; /* finding by its identity */
    ARRAY(struct fuzz_finding *) findings;
    ARRAY(struct lost_case) lost; /* the latest */
    int64_t crashes, unrepeated;
    struct component_watch *watches;
    size_t watch_count;
};

/* A finding by the gravest oracle: of a call, or of the sequence. False: nothing is wrong. `why` is appended to. */
struct engine_verdict {
    const char *oracle, *defect;
    const struct pb_method *method;
    const struct target_component *component;
};
bool engine_judge(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, struct engine_verdict *out,
                  struct text *why);
/* Runs the case alone and waits for the verdict: for replays and for the minimiser. False: nothing was wrong. */
bool engine_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);
struct method_tally *engine_tally(struct engine *e, const struct pb_method *m); /* NULL: not taking part */

/* findings.c */
void engine_keep(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, struct text *why);
/* True when it is new; else the one known is counted. */
bool engine_is_new(struct engine *e, struct fuzz_finding *f);
struct fuzz_finding *engine_finding_new(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v,
                                        const char *why); /* in the list; NULL: no memory */
/* Runs each alone, makes those that come again smaller, tells them all. */
void engine_settle_findings(struct engine *e);
void engine_report(struct engine *e, struct fuzz_finding *f, size_t number);
void engine_findings_free(struct engine *e);

/* crash.c. Has the component's process gone, or been replaced, since last asked? */
bool engine_crashed(struct engine *e, const struct target_component *c);
/* It answered: what is there now is the process to watch. */
void engine_answered(struct engine *e, const struct target_component *c);
/* Waits until the components that were seen to be gone are back. */
void engine_await(struct engine *e);
/* A call of the slot's case broke off, with its component still there as far as one can see. */
void engine_keep_lost(struct engine *e, const struct slot *s, const struct target_component *c);
/* The component is gone: every case with calls to it that was under way is suspected. */
void engine_keep_crash(struct engine *e, const struct slot *s, const struct engine_verdict *v, const struct text *why);
/* Tries the suspects one by one; those that do it again stay findings. */
void engine_settle_crashes(struct engine *e);

/* connections.c: connections that do not speak the protocol at all, to every door of the target. */
int engine_break_connections(struct engine *e, struct error *err);

#endif
