/* Messages that arrived while the application had paused its call. They wait here, copied, and their share of the
 * flow-control window stays closed until they are taken, so that the peer stops sending. */
#ifndef RPC_INBOX_H
#define RPC_INBOX_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct rpc_inbox_message;
struct rpc_inbox {
    struct rpc_inbox_message *first, **last;
};

bool rpc_inbox_put(struct rpc_inbox *inbox, struct bytes message, size_t window_cost); /* false: no memory */
static inline bool rpc_inbox_empty(const struct rpc_inbox *inbox)
{
    return inbox->first == NULL;
}
/* Takes the oldest message; the caller frees *storage with free(). Not to be called on an empty inbox. */
struct bytes rpc_inbox_take(struct rpc_inbox *inbox, size_t *window_cost, void **storage);
void rpc_inbox_clear(struct rpc_inbox *inbox);

#endif
