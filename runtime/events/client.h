/* Events for a service: publishing, and reading a topic through every restart of the events component.
 *
 * A reader keeps a stream open and opens it again when it ends (back-off 100 ms, doubling up to 5 s, with jitter). In a
 * named group it goes on where the group is. Without a group it goes on behind the last event it is through with (with
 * auto_ack: the last one seen; else: the last one before the first it has not acknowledged), so that nothing is missed
 * and nothing acknowledged comes twice. `subscribed` is told each time the stream stands; `gap` is true when events may
 * have been missed all the same: the topic was removed meanwhile, or the component was not there at the very start. */
#ifndef RUNTIME_EVENTS_CLIENT_H
#define RUNTIME_EVENTS_CLIENT_H

#include "proto/events/events.pb-c.h"
#include "runtime/service/service.h"

struct events_reader;
struct events_read {
    const char *topic, *group; /* copied; group NULL or blank: all events for this reader alone */
    int64_t offset;            /* unix seconds; 0: from now on, or where the group is */
    bool auto_ack;
    uint64_t ack_wait;                                    /* ns; 0: the component's default */
    int64_t retry_limit;                                  /* -1: without end */
    void (*event)(void *arg, const Events__Event *event); /* borrowed */
    void (*subscribed)(void *arg, bool gap);              /* may be NULL */
    void *arg;
};
int events_reader_open(struct micro_service *s, const struct events_read *wanted, struct events_reader **out,
                       struct error *err);
/* Without auto_ack: the event was dealt with, or is to be delivered again. Unknown ids are fine. */
void events_reader_ack(struct events_reader *r, const char *id, bool success);
/* No callback follows. To be called before the service is freed; fine inside the callbacks. */
void events_reader_close(struct events_reader *r);

/* `done` hears when the event is on disk (may be NULL). Names and values of metadata in turn, ended by NULL; may be
 * NULL itself. The time is now. */
int events_publish(struct micro_service *s, const char *topic, const char *const *metadata, struct bytes payload,
                   micro_done *done, void *arg);

#endif
