/* micro with a planted crash, for what becomes of a campaign whose simulated system takes it down: who is greeted by a
 * long name does not survive it. Linked with --wrap=rpc_call_reply into a harrow of its own. */
#include "proto/helloworld/helloworld.pb-c.h"
#include "rpc/rpc.h"

#include <stdlib.h>
#include <string.h>

#define TOO_LONG 12

void __real_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *message);
void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *message);

void __wrap_rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *message)
{
    if (message->descriptor == &helloworld__response__descriptor &&
        strlen(((const Helloworld__Response *)(const void *)message)->msg) > TOO_LONG)
        abort();
    __real_rpc_call_reply(call, message);
}
