/* What the files of the events component share. See docs/events.md for what it promises.
 *
 *   log.c        the file: topics, events, groups (log.h)
 *   window.c     what a group has in hand (window.h)
 *   topics.c     topics and groups in memory, and the newest events kept there for those who consume live
 *   batch.c      group commit: one transaction for what a turn of the loop brought
 *   group.c      handing events to consumers: turns, acknowledgements, redelivery
 *   consume.c    the calls of consumers
 *   handlers.c   Publish, Read, Write
 *   sweep.c      retention
 *   events.c     the component
 *
 * One log serves live and past alike: a consumer reads its topic from its position on, from memory what is there and
 * from disk what is not, so between the two there is no seam to lose an event at. Nothing is kept for a slow consumer
 * but its position. */
#ifndef RUNTIME_EVENTS_INTERNAL_H
#define RUNTIME_EVENTS_INTERNAL_H

#include "base/map.h"
#include "base/units.h"
#include "proto/events/events.pb-c.h"
#include "runtime/events/log.h"
#include "runtime/events/window.h"
#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_NAME_MAX      256                /* bytes of a topic's or a group's name */
#define EVENTS_BODY_MAX      ((size_t)16 << 20) /* bytes of a packed event */
#define EVENTS_ANSWER_MAX    ((size_t)30 << 20) /* bytes of events in one answer; the wire's limit is 32 MiB */
#define EVENTS_TOPICS_MAX    10000
#define EVENTS_GROUPS_MAX    10000 /* durable ones */
#define EVENTS_CONSUMERS_MAX 10000
#define EVENTS_RECENT_MAX    ((size_t)16 << 20) /* bytes of the newest events kept in memory, all topics together */
#define EVENTS_UNACKED_MAX   1024               /* events a consumer holds unacknowledged */
#define EVENTS_UNSENT_MAX    8192               /* events to a consumer with auto_ack that have not left us */
#define EVENTS_ACK_WAIT      (10 * SECOND)      /* when the consumer names none */
#define EVENTS_GROUP_DELAY   (5 * MILLISECOND)  /* until a group's progress is on disk */
#define EVENTS_RETRY         (1 * SECOND)       /* after the disk refused */
#define EVENTS_GROUP_IDLE    (30 * 24 * HOUR)   /* a group nobody consumes with for so long is forgotten */
#define EVENTS_DEAD_SUFFIX   ".dead-letter"
#define EVENTS_POSITION      "micro-events-position"
#define EVENTS_AFTER         "micro-events-after"

struct events;
struct events_group;

/* A stored event in memory; shared by the batch and the newest events of a topic. */
struct events_record {
    unsigned references;
    struct events_topic *topic;
    uint64_t number;
    int64_t time;
    bool live;
    struct events_record *next; /* among the newest of all topics */
    size_t len;
    uint8_t body[];
};

struct events_topic {
    struct events *events;
    struct log_topic log; /* as on disk; strings are the topic's */
    char *namespace, *name;
    bool on_disk;
    uint64_t next_number; /* handed to the next event that is submitted; log.head + 1 between batches */
    uint64_t next_bytes;  /* log.bytes when the batch is committed */
    bool touched;         /* by the batch */
    struct events_topic *next_touched;
    struct events_group *groups;
    struct events_topic *next, **back;
    /* the newest events without a hole, oldest first */
    struct events_record **recent;
    size_t recent_capacity; /* a power of two, or 0 */
    uint64_t recent_first, recent_end;
};

struct events_consumer {
    struct window_list held; /* first */
    struct events_group *group;
    struct rpc_call *call;
    bool auto_ack, joined;
    uint64_t ack_wait;
    int64_t retry_limit;
    uint64_t sent; /* bytes given to the call */
    struct world_timer timer;
    struct events_consumer *ring_next, *ring_back;
    struct events_consumer *opening_next; /* until the group is on disk */
    struct events_consumer *next, **back; /* of all */
};

struct events_group {
    struct events_topic *topic;
    char *name; /* NULL: of one consumer, never on disk */
    struct window window;
    int64_t since; /* of the events below `seam` only those not older */
    uint64_t seam;
    int64_t used;
    bool on_disk, dirty;
    struct events_group *next_dirty;
    struct events_consumer *ring; /* whose turn is next */
    size_t consumer_count;
    struct world_task deliver;
    struct world_timer settle; /* looks at what has left us, and tries again what could not be read */
    uint64_t settle_wait;
    struct events_group *next, **back;
};

/* An event waiting for its commit. */
struct events_pending {
    struct rpc_call *call; /* whose arena this lives in */
    const char *method;    /* for errors */
    struct events_record *record;
    int64_t expires;
    uint64_t revision;
    struct events_pending *next;
};

/* An event given up on, on its way to the dead-letter topic: still in its own topic's log. */
struct events_dead {
    struct events_topic *topic;
    char *group;
    uint64_t number;
    uint32_t deliveries;
    struct events_record *record; /* of the transaction that is tried */
    struct events_dead *next;
};

struct events {
    struct world *world;
    struct micro_service *service;
    struct events_log *log;
    /* options */
    uint64_t retention;   /* ns */
    uint64_t topic_bytes; /* 0: no limit */
    bool dead_letters;
    /* topics */
    struct map by_name; /* "<namespace>\0<name>" */
    struct events_topic *topics;
    size_t topic_count, group_count, consumer_count;
    uint64_t next_topic;
    struct events_record *recent_first, *recent_last;
    size_t recent_bytes;
    struct events_consumer *consumers;
    /* the batch */
    struct events_pending *pending, **pending_end;
    size_t pending_count, gathered, pending_bytes; /* gathered: how many there were a turn ago */
    struct events_dead *dead, **dead_end;
    struct events_topic *touched;
    struct events_group *dirty;
    struct events_consumer *opening;
    struct world_task flush;
    struct world_timer late;  /* flushes what only groups have changed */
    struct world_timer probe; /* while the disk refuses */
    struct world_timer sweep;
    int64_t last_stored;
    struct text scratch;
    bool draining, stopping;
};

/* topics.c */
int events_load(struct events *e, struct error *err);
void events_unload(struct events *e);
struct events_topic *events_topic_find(struct events *e, const char *namespace, const char *name);
/* Made when it is not there; ERROR_LIMIT, ERROR_MEMORY. */
int events_topic_get(struct events *e, const char *namespace, const char *name, struct events_topic **out);
void events_topic_release(struct events_topic *t); /* frees it when nothing needs it and nothing of it is on disk */
void events_topic_free(struct events_topic *t);
void events_topic_touch(struct events_topic *t);
/* `name` NULL: a group of one. At `position`. */
int events_group_new(struct events_topic *t, const char *name, uint64_t position, struct events_group **out);
struct events_group *events_group_find(const struct events_topic *t, const char *name);
void events_group_free(struct events_group *g);
void events_group_dirty(struct events_group *g);
struct events_record *events_record_new(struct events_topic *t, uint64_t number, struct bytes body);
void events_record_release(struct events_record *r);
void events_recent_add(struct events_record *r);
const struct events_record *events_recent(const struct events_topic *t, uint64_t number); /* NULL: ask the disk */

/* batch.c */
void events_submit(struct events *e, struct events_pending *p);
void events_bury(struct events_group *g, uint64_t number, uint32_t deliveries); /* to the dead-letter topic */
void events_gather(void *events);
void events_flush(void *events);
void events_disk_refused(struct events *e, const struct error *err);
void events_on_probe(void *events);
/* The packed event with the next number of its topic. Not yet submitted; NULL: out of memory. */
struct events_record *events_pack(struct events *e, struct events_topic *t, Events__Event *event, bool own_id);

/* group.c */
void events_group_deliver(void *group);
void events_group_settle(void *group);
void events_group_wake(struct events_group *g);
void events_consumer_join(struct events_consumer *c);
void events_consumer_leave(struct events_consumer *c);
void events_consumer_ack(struct events_consumer *c, uint64_t number, bool success);
void events_consumer_timer(void *consumer);

/* consume.c */
void events_consume_opened(struct events_consumer *c, int rc, const char *why); /* its group is on disk, or not */
void events_consume_dismiss(struct events *e);
void events_consume_message(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void events_consume_half_closed(struct rpc_call *call, void *context);
void events_consume_cancelled(struct rpc_call *call, void *context);
void events_consume_writable(struct rpc_call *call, void *context);

/* handlers.c */
extern const struct rpc_service events_stream_service, events_store_service;
/* The caller must be its namespace's admin and the topic have a usable name. NULL: the call was finished. */
const char *events_place(struct rpc_call *call, const char *id, const char *topic);

/* sweep.c */
void events_sweep(void *events);

#endif
