/* A call of one request and one answer as the HTTP gateway takes it: POST, protobuf both ways. Its answer is told as
 * gRPC would have told it; trailers do not come that way. */
#ifndef CHAOS_WORKLOAD_GATEWAY_CALL_H
#define CHAOS_WORKLOAD_GATEWAY_CALL_H

#include "rpc/http.h"
#include "rpc/target.h"

/* "/store.Store/Write" at the target's gateway; `done` is called with the answer, whose body is borrowed for the call,
 * unless the call is cancelled: http_fetch_cancel(). */
int gateway_call_start(struct target *t, const char *path, struct bytes message, uint64_t timeout,
                       void (*done)(void *arg, struct http_answer *answer, struct error *err), void *arg,
                       struct http_client_call **out);
/* What it would have been by gRPC. */
void gateway_call_reply(const struct http_answer *answer, const struct error *err, struct rpc_reply *out);

#endif
