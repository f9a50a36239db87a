#include "rpc/inbox.h"

#include <stdlib.h>

struct rpc_inbox_message {
    struct rpc_inbox_message *next;
    size_t window_cost, len;
    uint8_t data[];
};

bool rpc_inbox_put(struct rpc_inbox *inbox, struct bytes message, size_t window_cost)
{
    struct rpc_inbox_message *m = malloc(sizeof *m + message.len);
    if (!m)
        return false;
    m->next = NULL;
    m->window_cost = window_cost;
    m->len = message.len;
    if (message.len > 0)
        memcpy(m->data, message.data, message.len);
    if (!inbox->first)
        inbox->last = &inbox->first;
    *inbox->last = m;
    inbox->last = &m->next;
    return true;
}

struct bytes rpc_inbox_take(struct rpc_inbox *inbox, size_t *window_cost, void **storage)
{
    struct rpc_inbox_message *m = inbox->first;
    inbox->first = m->next;
    *window_cost = m->window_cost;
    *storage = m;
    return BYTES(m->data, m->len);
}

void rpc_inbox_clear(struct rpc_inbox *inbox)
{
    while (inbox->first) {
        struct rpc_inbox_message *m = inbox->first;
        inbox->first = m->next;
        free(m);
    }
}
