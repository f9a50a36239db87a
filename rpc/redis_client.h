/* A client of Redis on a world stream: one connection, made when it is first needed and again after it was lost. A call
 * is a few commands sent at once, and ends when all of them are answered, or with the connection: one call at a time,
 * so that what an answer belongs to is never in doubt.
 *
 * A new connection is tried with a PING first, and the call goes out when that was answered, whatever the answer is:
 * something between may take connections for a server that is not there, and a call that was never sent is known not
 * to have happened. */
#ifndef RPC_REDIS_CLIENT_H
#define RPC_REDIS_CLIENT_H

#include "rpc/resp.h"
#include "world/world.h"

#define REDIS_COMMANDS_MAX 16 /* of one call */

struct redis_command {
    const struct bytes *words;
    size_t count;
};

/* How a call ended. `code` 0: `replies` are there, one for each command, errors of the server among them, until the
 * callback ends or makes the next call. Else why there is no answer: ERROR_TIMEOUT, ERROR_REFUSED, ERROR_RESET,
 * ERROR_CLOSED, ERROR_INVALID, ...; unless it was `sent` the server has not seen it. */
struct redis_answer {
    int code;
    bool sent;
    const struct resp_reply *const *replies;
    size_t count;
};

struct redis_client;
int redis_client_new(struct world *w, const char *address, struct redis_client **out, struct error *err);
/* What is under way ends without an answer: `done` is not called any more. NULL is fine. */
void redis_client_free(struct redis_client *c);
/* `done` is called once, from the loop, within `timeout` ns. ERROR_EXISTS: a call is under way. */
int redis_call(struct redis_client *c, const struct redis_command *commands, size_t count, uint64_t timeout,
               void (*done)(void *arg, const struct redis_answer *answer), void *arg, struct error *err);

#endif
