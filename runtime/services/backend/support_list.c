/* Tickets that match, the most urgent and then the oldest first. */
#include "runtime/services/backend/support.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 25

struct list_work {
    struct support_work work;
    struct support_ticket *tickets;
    size_t count, room;
};

static bool wanted(const struct support_work *w, const struct support_ticket *t)
{
    const Support__ListRequest *r = w->request;
    Support__State state = support_state(w, t);
    bool of_state = r->n_states == 0 && state != SUPPORT__STATE__STATE_CLOSED;
    for (size_t i = 0; i < r->n_states; i++)
        of_state = of_state || r->states[i] == state;
    return of_state && (!r->agent_id[0] || strcmp(r->agent_id, t->agent_id) == 0) &&
           (!r->customer_id[0] || strcmp(r->customer_id, t->customer_id) == 0) &&
           (!r->tag[0] || backend_list_has(&t->tags, r->tag)) && t->priority >= (int64_t)r->priority_min;
}

static bool failed(struct support_work *w, int code, const char *why)
{
    task_fail(&w->task, code, "%s", why);
    return false;
}

static bool list_each(struct task *t, const struct backend_found *f)
{
    struct list_work *l = (struct list_work *)(void *)t;
    struct support_work *w = &l->work;
    if (!f) {
        l->count = 0;
        return true;
    }
    if (!backend_decode(support_memory(w), support_shape.fields, support_shape.count, f->value, &w->ticket))
        return failed(w, 500, support_shape.damaged);
    if (!support_is_theirs(w) || !wanted(w, &w->ticket))
        return true;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct support_ticket *more = ARENA_NEW_N(support_memory(w), struct support_ticket, room);
        if (!more)
            return failed(w, 507, "out of memory");
        if (l->count)
            memcpy(more, l->tickets, l->count * sizeof *more);
        l->tickets = more;
        l->room = room;
    }
    l->tickets[l->count++] = w->ticket;
    return true;
}

static int by_urgency(const void *a, const void *b)
{
    const struct support_ticket *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void list_read(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)(void *)t;
    const Support__ListRequest *r = l->work.request;
    Support__ListResponse reply = SUPPORT__LIST_RESPONSE__INIT;
    (void)a; /* a scan that failed has failed the call */
    if (l->count)
        qsort(l->tickets, l->count, sizeof *l->tickets, by_urgency);
    size_t limit = r->limit ? r->limit : LIMIT;
    reply.total = (uint32_t)l->count;
    reply.tickets = ARENA_NEW_N(rpc_call_arena(t->call), Support__Ticket *, limit + 1);
    if (!reply.tickets) {
        task_no_memory(t);
        return;
    }
    for (size_t i = r->offset; i < l->count && reply.n_tickets < limit; i++) {
        Support__Ticket *m = support_message(&l->work, &l->tickets[i], false);
        if (!m)
            return;
        reply.tickets[reply.n_tickets++] = m;
    }
    rpc_call_reply(t->call, &reply.base);
}

void support_list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.List";
    const Support__ListRequest *r = (const Support__ListRequest *)(const void *)message;
    const struct support_work *w = support_work(call, context, id, r);
    if (!w || (r->limit && !backend_check_page(call, id, r->limit, 100)))
        return;
    struct list_work *l = task_new(sizeof *l, context, call, id);
    if (!l)
        return;
    l->work = *w;
    task_scan(&l->work.task, SUPPORT_TABLE, "ticket:", list_each, list_read);
}
