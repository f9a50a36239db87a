/* Subscriptions of a flow: what came on a topic of events (events.Stream) or of the broker (broker.Broker) and was not
 * consumed yet. One is opened before the thing that causes its messages, and lives until its case ends. When its stream
 * is lost it is opened again: events go on behind the last one that came, the broker's messages may be missed. */
#ifndef E2E_FEED_H
#define E2E_FEED_H

#include "e2e/internal.h"

struct feed;
struct feed_wish {
    const char *name; /* what the flow calls it */
    const char *topic;
    const char *group; /* or the broker's queue; "": none */
    const char *after; /* id of an event; "": none */
    int64_t offset;    /* unix seconds; 0: from now on */
    bool broker;
    /* Events: each is acknowledged by feed_answer(), or comes again after `ack_wait`, at most `retry_limit` times (-1:
     * without end). */
    bool manual;
    int64_t ack_wait, retry_limit; /* ns; a count */
};
/* Of this case, by name; NULL: there is none. */
struct feed *feed_find(const struct flow_context *x, const char *name);
/* Returns when it stands: from now on nothing is missed. `place` is where errors point to. */
int feed_open(struct flow_context *x, const struct node *place, const struct feed_wish *wish, struct feed **out);
/* What came, the oldest first: a list of {id, topic, timestamp, metadata, payload}, of the broker {metadata, payload}.
 * One whose payload is not what the topic's contract says has a member "wrong". Borrowed. */
json_t *feed_came(const struct feed *f);
bool feed_broker(const struct feed *f);
bool feed_manual(const struct feed *f);
/* Of an event that came on a manual one: it is done (`done`), or comes again at once. Not waited for. */
int feed_answer(struct feed *f, const json_t *event, bool done, struct error *err);
/* It has ended and will not come back; `why` is appended. */
bool feed_ended(const struct feed *f, struct text *why);
void feed_take(struct feed *f, size_t count); /* forgets the oldest */

/* The type of a topic's payload: of package TOPICevents the message Event; NULL: none is known, or there is no memory
 * and the error is set. */
const struct pb_type *topic_type(struct flow_context *x, const char *topic);

#endif
