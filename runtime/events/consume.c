/* The calls of consumers. The first message of the stream is a ConsumeRequest, later ones are AckRequests. A group that
 * is new goes to disk before its consumer is told that the stream stands (by its headers), so that from then on nothing
 * can be missed. The headers say where: micro-events-position is the id before the first event the stream can bring.
 * Who consumes alone and was cut off sends that, or the id of the last event seen, as micro-events-after. */
#include "runtime/events/internal.h"

#define ID "events.Stream.Consume"

static void tell_position(struct events_consumer *c)
{
    char id[EVENTS_ID_SIZE];
    const struct events_group *g = c->group;
    events_id_format(g->topic->log.tag, g->window.next - 1, id);
    (void)rpc_call_send_header(c->call, EVENTS_POSITION, bytes_of(id));
    (void)rpc_call_flush_headers(c->call);
}

static void unlist(struct events_consumer *c)
{
    *c->back = c->next;
    if (c->next)
        c->next->back = c->back;
    c->group->topic->events->consumer_count--;
}

void events_consume_opened(struct events_consumer *c, int rc, const char *why)
{
    if (rc == 0) {
        tell_position(c);
        events_consumer_join(c);
        return;
    }
    struct rpc_call *call = c->call;
    rpc_call_set_user(call, NULL);
    unlist(c);
    events_consumer_leave(c);
    micro_fail(call, rc == ERROR_NO_SPACE || rc == ERROR_MEMORY ? 507 : 503, ID, "the group cannot be set up: %s",
               why ? why : error_code_name(rc));
}

/* Where a consumer without a group starts. False: the call was finished. */
static bool start_of(struct rpc_call *call, const struct events_topic *t, uint64_t *position)
{
    const char *after = rpc_call_header(call, EVENTS_AFTER);
    uint64_t number;
    if (!after || !*after)
        return true;
    /* Number 0 stands before the first event, of whichever topic of that name. */
    if ((!events_id_parse(t->log.tag, bytes_of(after), &number) && number != 0) || number > t->log.head) {
        micro_fail(call, 412, ID, "the topic has no event with the id in " EVENTS_AFTER);
        return false;
    }
    *position = number + 1;
    return true;
}

static int group_of(struct events_topic *t, const Events__ConsumeRequest *r, uint64_t position,
                    struct events_group **out)
{
    if (r->group[0] && (*out = events_group_find(t, r->group)) != NULL)
        return 0;
    int rc = events_group_new(t, r->group[0] ? r->group : NULL, position, out);
    if (rc == 0 && r->offset > 0) {
        (*out)->since = r->offset;
        (*out)->seam = t->log.head + 1;
    }
    return rc;
}

static void refuse(struct rpc_call *call, int rc)
{
    micro_fail(call, rc == ERROR_LIMIT ? 429 : 507, ID, "%s",
               rc == ERROR_LIMIT ? "too many topics, groups or consumers" : error_code_name(rc));
}

static void consume(struct events *e, struct rpc_call *call, const Events__ConsumeRequest *r)
{
    const char *namespace = events_place(call, ID, r->topic);
    if (!namespace)
        return;
    if (strlen(r->group) > EVENTS_NAME_MAX) {
        micro_fail(call, 400, ID, "the group's name is longer than %d bytes", EVENTS_NAME_MAX);
        return;
    }
    if (r->ack_wait < 0 || r->retry_limit < -1) {
        micro_fail(call, 400, ID,
                   r->ack_wait < 0 ? "ack_wait is a number of nanoseconds, 0 or more"
                                   : "retry_limit is -1 (without end), 0 or more");
        return;
    }
    if (e->draining) {
        micro_fail(call, 503, ID, "events are shutting down");
        return;
    }
    struct events_topic *t = NULL;
    struct events_group *g = NULL;
    struct events_consumer *c = ARENA_NEW(rpc_call_arena(call), struct events_consumer);
    int rc = !c ? ERROR_MEMORY : e->consumer_count >= EVENTS_CONSUMERS_MAX ? ERROR_LIMIT : 0;
    if (rc == 0)
        rc = events_topic_get(e, namespace, r->topic, &t);
    if (rc) {
        refuse(call, rc);
        return;
    }
    uint64_t position = r->offset > 0 ? t->log.tail : t->log.head + 1;
    if (!r->group[0] && !start_of(call, t, &position)) {
        events_topic_release(t);
        return;
    }
    rc = group_of(t, r, position, &g);
    if (rc) {
        events_topic_release(t);
        refuse(call, rc);
        return;
    }
    *c = (struct events_consumer){.group = g,
                                  .call = call,
                                  .auto_ack = r->auto_ack,
                                  .ack_wait = r->ack_wait ? (uint64_t)r->ack_wait : (uint64_t)EVENTS_ACK_WAIT,
                                  .retry_limit = r->retry_limit,
                                  .next = e->consumers,
                                  .back = &e->consumers};
    world_timer_init(&c->timer, e->world, events_consumer_timer, c);
    if (c->next)
        c->next->back = &c->next;
    e->consumers = c;
    e->consumer_count++;
    g->consumer_count++;
    rpc_call_set_user(call, c);
    if (!g->name || g->on_disk) {
        events_consume_opened(c, 0, NULL);
        return;
    }
    c->opening_next = e->opening;
    e->opening = c;
    events_group_dirty(g);
    world_task_post(&e->flush);
}

static void acknowledge(struct rpc_call *call, const Events__AckRequest *r)
{
    struct events_consumer *c = rpc_call_user(call);
    uint64_t number;
    /* An id that is none of the topic's is nothing that was given out. */
    if (c && events_id_parse(c->group->topic->log.tag, bytes_of(r->id), &number))
        events_consumer_ack(c, number, r->success);
}

void events_consume_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    if (message->descriptor == &events__consume_request__descriptor)
        consume(context, call, (const Events__ConsumeRequest *)(const void *)message);
    else
        acknowledge(call, (const Events__AckRequest *)(const void *)message);
}

/* A caller that half-closes behind its request can acknowledge nothing, which is fine with auto_ack and is what plain
 * server-streaming clients do. */
void events_consume_half_closed(struct rpc_call *call, void *context)
{
    (void)context;
    if (!rpc_call_user(call))
        micro_fail(call, 400, ID, "a request is required");
}

void events_consume_writable(struct rpc_call *call, void *context)
{
    (void)context;
    struct events_consumer *c = rpc_call_user(call);
    if (c && c->joined) {
        events_group_settle(c->group);
        events_group_wake(c->group);
    }
}

static void leave(struct events_consumer *c)
{
    struct events *e = c->group->topic->events;
    for (struct events_consumer **p = &e->opening; !c->joined && *p; p = &(*p)->opening_next)
        if (*p == c) {
            *p = c->opening_next;
            break;
        }
    rpc_call_set_user(c->call, NULL);
    unlist(c);
    events_consumer_leave(c);
}

void events_consume_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    struct events_consumer *c = rpc_call_user(call);
    if (c)
        leave(c);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

void events_consume_dismiss(struct events *e)
{
    e->draining = true;
    while (e->consumers) {
        struct events_consumer *c = e->consumers;
        struct rpc_call *call = c->call;
        leave(c);
        micro_fail(call, 503, ID, "events are shutting down");
    }
}
