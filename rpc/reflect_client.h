/* Asks a running server for its contracts by server reflection: v1 first, then v1alpha. For outermost programs: waits
 * by running the loop. What is asked and what answers add up to is in reflect_talk.h. */
#ifndef RPC_REFLECT_CLIENT_H
#define RPC_REFLECT_CLIENT_H

#include "rpc/reflect_talk.h"
#include "rpc/rpc.h"

/* `t` is a zeroed talk with its files set; afterwards its services and files are those of the server. `timeout` is for
 * each of the versions. ERROR_UNSUPPORTED: the server offers neither. ERROR_DENIED: the call was not allowed. */
int reflect_ask(struct world *w, struct rpc_channel *c, struct grpc_metadata metadata, uint64_t timeout,
                struct reflect_talk *t, struct error *err);

#endif
