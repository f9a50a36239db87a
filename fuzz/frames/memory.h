/* A case's frames against a server of wire/grpc.h in this process: no sockets, no clock but the case's own, the same
 * trace for the same case.
 *
 * The server answers /frames.Echo/Echo with the messages it gets, and OK when we have sent the last; to
 * /frames.Echo/Hold it never answers nor takes anything in; to all else it says UNIMPLEMENTED. As the network would,
 * it is given its bytes in slices of 4 KiB, what it says in between is taken from it. EVENT_ENVIRONMENT "chunks" gives
 * them in pieces of a few bytes by that seed. A case may make several connections, one after the other.
 *
 * At the end the connection is asked for a sign of life, if it can be (exchange_clean). Then it is freed, and the
 * server's callbacks must have come in pairs. */
#ifndef FUZZ_FRAMES_MEMORY_H
#define FUZZ_FRAMES_MEMORY_H

#include "fuzz/case/door.h"
#include "fuzz/frames/cost.h"
#include "fuzz/frames/exchange.h"
#include "wire/grpc.h"

#define FRAMES_ECHO_PATH "/frames.Echo/Echo"
#define FRAMES_HOLD_PATH "/frames.Echo/Hold"

struct frames_memory;
struct frames_memory_options {
    /* Of the server; NULL: grpc_settings_init()'s. */
    const struct grpc_settings *settings;
    struct frames_meter meter;
};

/* ERROR_MEMORY. */
int frames_memory_new(const struct frames_memory_options *options, struct frames_memory **out);
void frames_memory_free(struct frames_memory *m);
/* Runs one case. ERROR_MEMORY: ours, not the server's. */
int frames_memory_run(struct frames_memory *m, const struct fuzz_case *c);
/* The last connection of the last run, or the first of it on which the server broke a rule. Valid until the next. */
const struct exchange *frames_memory_exchange(const struct frames_memory *m);
const struct frames_cost *frames_memory_cost(const struct frames_memory *m);
/* The same as a door for the fuzzing loop: "frames", width 1. Its trace has a call for each stream that was answered,
 * at most FRAMES_TRACE_CALLS. */
#define FRAMES_TRACE_CALLS 64
struct fuzz_door *frames_memory_door(struct frames_memory *m);

/* Fills a trace from what was seen. For doors. ERROR_MEMORY. */
int frames_trace_fill(struct fuzz_trace *t, const struct exchange *x, const struct frames_cost *cost, bool hung);
/* The connection could be asked whether it lives, and neither answered nor ended. */
bool frames_hung(const struct exchange *x);

#endif
