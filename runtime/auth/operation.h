/* One call that changes accounts or rules, or reads them in several steps: what the handlers of accounts.c and rules.c
 * share. A handler's own state embeds a struct auth_operation as its first member and lives in the call's arena, so it
 * is gone as soon as the call is finished: the auth_operation_ functions that end the call are the last thing a step
 * does. They are for operations that have their turn (auth.h): they end the turn before they end the call. */
#ifndef RUNTIME_AUTH_OPERATION_H
#define RUNTIME_AUTH_OPERATION_H

#include "runtime/auth/auth.h"

struct auth_operation {
    struct auth_turn turn;
    struct auth *auth;
    struct rpc_call *call;
    const char *error_id;
    const char *namespace;
    int tries;
};

/* `size` bytes in the call's arena, zero beyond the struct auth_operation they begin with; `error_id` and `namespace`
 * stay valid for the call. NULL: no memory, and the call was ended. */
void *auth_operation_new(struct auth *a, struct rpc_call *call, const char *error_id, const char *namespace,
                         size_t size);
/* Calls begin(the operation) when it is its turn; ends the call with 503 when auth stops before that. */
void auth_operation_begin(struct auth_operation *o, void (*begin)(void *arg));

/* Somebody else's change came first, so nothing was written: true when it shall be done again from the reading. False:
 * it was tried often enough, and the call was ended with 409. */
bool auth_operation_again(struct auth_operation *o);
void auth_operation_fail(struct auth_operation *o, int code, const char *detail);
void auth_operation_fail_store(struct auth_operation *o, int status, const char *message);
void auth_operation_fail_memory(struct auth_operation *o);
void auth_operation_reply(struct auth_operation *o, const ProtobufCMessage *reply);
/* After the last write: `reply` when the store took it, else the store's failure. */
void auth_operation_written(struct auth_operation *o, int status, const char *message, const ProtobufCMessage *reply);

#endif
