/* Running cases of fuzz/case against the whole of micro in a simulation, call by call: what a sequence needs (calls,
 * metadata, messages with links, half-close, awaiting, time, HTTP requests). Frames, bytes and faults are left out.
 *
 * Each call goes to the component that serves its method. A call is in flight until it is awaited, so that streams go
 * on beside other calls; what is open when the case ends is ended by us. */
#ifndef TESTS_SYSTEM_FUZZ_DOOR_H
#define TESTS_SYSTEM_FUZZ_DOOR_H

#include "base/arena.h"
#include "fuzz/case/case.h"
#include "fuzz/case/trace.h"
#include "runtime/server/sim_micro.h"
#include "wire/pb.h"

#define FUZZ_DOOR_CHANNELS_MAX 24

struct fuzz_micro {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct pb_pool *pool;
    struct arena arena;
    const char *token, *other; /* "Bearer ..." of an admin of micro, and of one of another namespace */
    struct {
        const char *component;
        char address[SIM_MICRO_ADDRESS_MAX];
        struct rpc_channel *channel;
    } doors[FUZZ_DOOR_CHANNELS_MAX];
    size_t door_count;
};

/* Boots all components; asserts that they start. The pool is borrowed: it outlives what is learnt from traces. */
void fuzz_micro_init(struct fuzz_micro *m, struct pb_pool *pool, uint64_t seed);
void fuzz_micro_deinit(struct fuzz_micro *m);
const char *fuzz_micro_component(const struct pb_method *m); /* the one that serves it; NULL: none */
void fuzz_micro_run(struct fuzz_micro *m, const struct fuzz_case *c, struct fuzz_trace *t);
struct rpc_channel *fuzz_micro_channel(struct fuzz_micro *m,
                                       const struct pb_method *method); /* NULL: nobody serves it */

#endif
