/* What the kinds of workload that use events share: topics of the run's own, payloads that are values, offsets. */
#ifndef CHAOS_WORKLOAD_EVENT_CALLS_H
#define CHAOS_WORKLOAD_EVENT_CALLS_H

#include "chaos/workload/workload.h"
#include "events/events.pb-c.h"

#define EVENTS_STREAM   "events.Stream"
#define EVENTS_STORE    "events.Store"
#define EVENT_TOPIC_MAX 96
#define EVENT_UNKNOWN   (-1) /* the value of an event no workload ever published: no model explains it */

void event_topic(struct workload *w, uint32_t key, char out[EVENT_TOPIC_MAX]);
int64_t event_value(const Events__Event *e);
int64_t event_offset(struct bytes id); /* VALUE_NIL: the id tells none */
/* Publishes the next value, as an operation `f`. */
int event_publish(struct workload_client *c, enum operation_function f, uint32_t key, workload_answered *answered);

#endif
