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
    int64_t count;
};

struct component_watch {
    const struct target_component *component;
    int64_t process; /* its number when last looked */
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
    struct component_watch *watches;
    size_t watch_count;
};

/* Sends the input and waits for the verdict: for replays and for the minimiser. The oracle, or NULL. */
const char *engine_try(struct engine *e, const struct fuzz_input *in, const struct target_component *c,
                       struct text *why);
/* Has the component's process gone, or been replaced, since last asked? */
bool engine_crashed(struct engine *e, const struct target_component *c);
/* Makes the finding's messages shorter for as long as the same oracle fires. */
void engine_minimise(struct engine *e, struct fuzz_finding *f);
/* Connections that do not speak the protocol at all, to every door of the target. */
int engine_break_connections(struct engine *e, struct error *err);

#endif
