/* The engine's inside: slots that each send one input at a time, and what is kept about methods and findings. */
#ifndef FUZZ_ENGINE_H
#define FUZZ_ENGINE_H

#include "base/array.h"
#include "base/map.h"
#include "fuzz/fuzz.h"
#include "fuzz/oracle.h"

struct method_tally {
    const struct pb_method *method;
    const struct target_component *component;
    int64_t inputs, findings;
    int64_t statuses[17];
};

struct fuzz_finding {
    struct fuzz_input input; /* owned; reduced later */
    const struct target_component *component;
    const char *oracle; /* static */
    char *why;          /* owned */
    int64_t count;      /* 0: a suspect that was cleared */
    int64_t crash;      /* the crash this input is suspected of, from 1; 0: none */
};

/* A call whose connection broke while its component still seemed well. */
struct lost_call {
    const struct target_component *component;
    int64_t number;
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
    struct fuzz_input input;
    struct method_tally *tally;
    struct rpc_stream *stream;
    struct world_timer limit; /* ends a stream that goes on */
    struct text body;         /* the first reply message that is not valid, else the last one */
    bool has_body, body_broken, ended_by_us, busy;
    size_t replies;
    uint64_t started;
};

struct engine {
    struct target *target;
    struct fuzz_options options;
    struct fuzz_summary *summary;
    struct method_tally *tallies;
    const struct pb_method **methods;
    size_t method_count;
    struct slot *slots;
    size_t slot_count;
    size_t busy;
    int64_t next_number;
    bool stopping;
    int failed; /* why no more inputs could be made or sent; 0 */
    uint64_t started, deadline;
    struct world_timer tick;
    int64_t inputs_at_tick;
    struct map known; /* finding by its identity */
    ARRAY(struct fuzz_finding *) findings;
    ARRAY(struct lost_call) lost; /* the latest */
    int64_t crashes;
    struct component_watch *watches;
    size_t watch_count;
};

/* Sends the input and waits for the verdict: for replays and for the minimiser. The oracle, or NULL. */
const char *engine_try(struct engine *e, const struct fuzz_input *in, const struct target_component *c,
                       struct text *why);
struct method_tally *engine_tally(struct engine *e, const struct pb_method *m);
/* True when it is new; else the one known is counted. */
bool engine_is_new(struct engine *e, struct fuzz_finding *f);
/* Has the component's process gone, or been replaced, since last asked? */
bool engine_crashed(struct engine *e, const struct target_component *c);
/* It answered: what is there now is the process to watch. */
void engine_answered(struct engine *e, const struct target_component *c);
/* Waits until a component that was seen to be gone is back. */
void engine_await(struct engine *e, const struct target_component *c);
/* The slot's call broke off, with its component still there as far as one can see. */
void engine_keep_lost(struct engine *e, const struct slot *s);
/* The slot's call broke off, and its component is gone: every call that was under way is suspected. */
void engine_keep_crash(struct engine *e, const struct slot *s, const struct text *why);
/* Tries the suspects one by one; those that do it again stay findings. */
void engine_settle_crashes(struct engine *e);
/* Makes the finding's messages shorter for as long as the same oracle fires. */
void engine_minimise(struct engine *e, struct fuzz_finding *f);
/* Connections that do not speak the protocol at all, to every door of the target. */
int engine_break_connections(struct engine *e, struct error *err);

#endif
