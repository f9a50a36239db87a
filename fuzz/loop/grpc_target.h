/* A gRPC server in memory as something to fuzz: the calls of a case go, as the frames a client would send, into a
 * server connection of wire/grpc.h, its answers are read back frame by frame. No sockets, no time, no client session.
 *
 * Client frames are made here: preface, SETTINGS, and for each call a header block of literals that need no HPACK
 * state, so that it is made once per path and copied from then on. Messages are cut into DATA frames; flags of the
 * case's events lie about compression and length as they say. The server hears the client up to each EVENT_AWAIT and
 * EVENT_TIME at once; time passes by the latter alone, and ends calls whose deadline comes.
 *
 * Each message goes to the handler; its reply goes out at once, or at the client's half-close where the method does not
 * stream replies. The handler is where a user's code is: it must answer from the request and `arg` alone. */
#ifndef FUZZ_LOOP_GRPC_TARGET_H
#define FUZZ_LOOP_GRPC_TARGET_H

#include "fuzz/case/trace.h"

#define FUZZ_GRPC_CALLS_MAX   64                /* of one case; later ones are not made */
#define FUZZ_GRPC_MESSAGE_MAX ((size_t)4 << 20) /* bytes the server takes, as gRPC's own do by default */

struct fuzz_grpc_service {
    const struct pb_pool *pool;
    /* A message of a call. Appends the reply to `reply`, gives the status (enum grpc_status); what is not OK ends the
     * call. `method` is of the pool; calls to others are answered UNIMPLEMENTED. */
    int (*message)(void *arg, const struct pb_method *method, struct bytes message, struct text *reply);
    void *arg;
};

struct fuzz_grpc;
/* ERROR_MEMORY. The service is borrowed. */
int fuzz_grpc_new(const struct fuzz_grpc_service *service, struct fuzz_grpc **out);
void fuzz_grpc_free(struct fuzz_grpc *g);
/* The events [from, to) of a case on one connection: from 0 on it is a new one, at the last event it ends and `t` is
 * filled. For targets that are run in parts (target.h). */
void fuzz_grpc_part(struct fuzz_grpc *g, const struct fuzz_case *c, size_t from, size_t to, struct fuzz_trace *t);
/* All of it. */
void fuzz_grpc_run(struct fuzz_grpc *g, const struct fuzz_case *c, struct fuzz_trace *t);
/* The same with bytes behind the preface in place of frames: HTTP/2 itself is what is fuzzed. */
void fuzz_grpc_raw(struct fuzz_grpc *g, struct bytes data, struct fuzz_trace *t);

#endif
