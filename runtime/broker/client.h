/* Messages of the broker for a service, through the broker's restarts.
 *
 * A subscription keeps a stream to the broker open. When it ends, for whatever reason, it is opened again after a
 * back-off (100 ms, doubling up to 5 s, with jitter), for as long as the subscription is open. The broker keeps nothing
 * for those who are not there, so messages may be missed meanwhile: `subscribed` is told each time the stream stands,
 * with `gap` when some may have been missed since it stood last, or when the broker says that it dropped some. */
#ifndef RUNTIME_BROKER_CLIENT_H
#define RUNTIME_BROKER_CLIENT_H

#include "proto/broker/broker.pb-c.h"
#include "runtime/service/service.h"

struct broker_subscription;
struct broker_subscribe {
    const char *topic, *queue;                                  /* copied; queue NULL or blank: every message */
    void (*message)(void *arg, const Broker__Message *message); /* borrowed */
    void (*subscribed)(void *arg, bool gap);                    /* may be NULL */
    void *arg;
};
int broker_subscribe(struct micro_service *s, const struct broker_subscribe *wanted, struct broker_subscription **out,
                     struct error *err);
/* No callback follows. To be called before the service is freed; fine inside the callbacks. */
void broker_unsubscribe(struct broker_subscription *b);

/* Hands a message on; `done` hears whether the broker took it (may be NULL). Header names and values in turn, ended by
 * NULL; may be NULL itself. */
int broker_publish(struct micro_service *s, const char *topic, const char *const *headers, struct bytes body,
                   micro_done *done, void *arg);

#endif
