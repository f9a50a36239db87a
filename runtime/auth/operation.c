#include "runtime/auth/operation.h"

static void operation_drop(void *arg)
{
    struct auth_operation *o = arg;
    micro_fail(o->call, 503, o->error_id, "auth is stopping");
}

void *auth_operation_new(struct auth *a, struct rpc_call *call, const char *error_id, const char *namespace,
                         size_t size)
{
    struct auth_operation *o = arena_alloc(rpc_call_arena(call), size);
    if (!o) {
        auth_no_memory(call, error_id);
        return NULL;
    }
    o->auth = a;
    o->call = call;
    o->error_id = error_id;
    o->namespace = namespace;
    o->turn.arg = o;
    o->turn.drop = operation_drop;
    return o;
}

void auth_operation_begin(struct auth_operation *o, void (*begin)(void *arg))
{
    o->turn.begin = begin;
    auth_turn_begin(o->auth, &o->turn);
}

/* The turn ends before the call does: with the call goes the operation's memory. */
void auth_operation_fail(struct auth_operation *o, int code, const char *detail)
{
    auth_turn_end(o->auth);
    micro_fail(o->call, code, o->error_id, "%s", detail);
}

bool auth_operation_again(struct auth_operation *o)
{
    if (!o->auth->stopping && ++o->tries < AUTH_TRIES_MAX)
        return true;
    auth_operation_fail(o, 409, "somebody else changes the same all the time: try again");
    return false;
}

void auth_operation_fail_store(struct auth_operation *o, int status, const char *message)
{
    auth_turn_end(o->auth);
    auth_store_failed(o->call, o->error_id, status, message);
}

void auth_operation_fail_memory(struct auth_operation *o)
{
    auth_operation_fail(o, 503, "out of memory");
}

void auth_operation_reply(struct auth_operation *o, const ProtobufCMessage *reply)
{
    auth_turn_end(o->auth);
    auth_reply_changed(o->auth, o->call, reply);
}

void auth_operation_written(struct auth_operation *o, int status, const char *message, const ProtobufCMessage *reply)
{
    if (status == GRPC_OK)
        auth_operation_reply(o, reply);
    else
        auth_operation_fail_store(o, status, message);
}
