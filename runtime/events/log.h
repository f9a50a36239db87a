/* The events on disk: one SQLite file (WAL, synchronous=FULL), the only thing that outlives the process.
 *
 *   topics   (id, namespace, name, tag, head, tail, bytes)   head: number of the last event ever; tail: of the oldest
 * kept events   (key, stored, time, expires, live, body)        key = topic id * 2^40 + number, so a topic is one range
 * of the table's own b-tree, and appending goes to its end groups   (topic, name, position, done, since, seam, used)
 * see group.h counter  the revision: counts events ever written, in the same transaction
 *
 * `body` is the packed events.Event as it goes out on the wire. An event that is only stored (Store.Write) has live 0.
 * An event's id is made of its number and its topic's tag (UUID version 8, RFC 9562): 48 bits number, then 74 random
 * bits that are the topic's, so that an id names its place in the log without being looked up.
 *
 * SQLite rather than a log file of our own: measured on one disk, 200-byte rows in batches of 256 cost it 1.4 us of CPU
 * each where a bare append costs 0.6, of about 20 us that a call costs in all; and it brings checksums, recovery and
 * deletion with it. */
#ifndef RUNTIME_EVENTS_LOG_H
#define RUNTIME_EVENTS_LOG_H

#include "world/world.h"

#define EVENTS_TAG_SIZE   10
#define EVENTS_NUMBER_MAX ((UINT64_C(1) << 40) - 1) /* events of one topic, ever */
#define EVENTS_ID_SIZE    37                        /* with the NUL */

struct events_log;
int events_log_open(struct world *w, const char *path, struct events_log **out, struct error *err);
void events_log_close(struct events_log *l);

struct log_topic {
    uint64_t id;
    const char *namespace, *name;
    uint8_t tag[EVENTS_TAG_SIZE];
    uint64_t head, tail; /* tail is head + 1 when nothing is kept */
    uint64_t bytes;      /* of the bodies kept */
};
struct log_group {
    uint64_t topic;
    const char *name;
    uint64_t position; /* the lowest number not done */
    struct bytes done; /* a bit for each number from position on */
    int64_t since;     /* of the events below seam only those not older (unix seconds) are wanted */
    uint64_t seam;
    int64_t used; /* wall ns of the last change */
};
int events_log_topics(struct events_log *l, int (*each)(void *arg, const struct log_topic *t), void *arg,
                      struct error *err);
int events_log_groups(struct events_log *l, int (*each)(void *arg, const struct log_group *g), void *arg,
                      struct error *err);
uint64_t events_log_revision(const struct events_log *l);

/* Changes, between begin and commit. When one fails, or the commit does, everything is rolled back by the caller. */
int events_log_begin(struct events_log *l, struct error *err);
int events_log_commit(struct events_log *l, struct error *err);
void events_log_rollback(struct events_log *l);
int events_log_probe(struct events_log *l, struct error *err); /* does the disk take a write? */
int events_log_put_topic(struct events_log *l, const struct log_topic *t, struct error *err); /* new, or its figures */
int events_log_remove_topic(struct events_log *l, uint64_t topic, struct error *err);         /* with its groups */
int events_log_put_group(struct events_log *l, const struct log_group *g, struct error *err);
int events_log_remove_group(struct events_log *l, uint64_t topic, const char *name, struct error *err);

struct log_event {
    uint64_t topic, number;
    int64_t stored;  /* wall ns */
    int64_t time;    /* unix seconds, the event's own */
    int64_t expires; /* wall ns; 0: with its topic's retention */
    bool live;       /* false: stored only */
    struct bytes body;
};
int events_log_append(struct events_log *l, const struct log_event *e, uint64_t *revision, struct error *err);
/* Removes events `first` to `last`. */
int events_log_remove(struct events_log *l, uint64_t topic, uint64_t first, uint64_t last, struct error *err);

/* Events `first` to `last`, in order, until `each` says false. Of those below `seam`, only those with time >= since. */
struct log_range {
    uint64_t topic, first, last;
    int64_t since;
    uint64_t seam;
    bool headers_only; /* bodies have their length, no data */
};
int events_log_read(struct events_log *l, const struct log_range *r, bool (*each)(void *arg, const struct log_event *e),
                    void *arg, struct error *err);
/* For Store.Read: neither expired at `now` nor stored before `oldest` without an expiry of its own. */
int events_log_list(struct events_log *l, uint64_t topic, int64_t now, int64_t oldest, uint64_t limit, uint64_t offset,
                    bool (*each)(void *arg, const struct log_event *e), void *arg, struct error *err);
/* Events with an expiry of their own that have passed it; at most `max` are told. */
int events_log_expired(struct events_log *l, int64_t now, uint64_t max,
                       bool (*each)(void *arg, const struct log_event *e), void *arg, struct error *err);

void events_id_format(const uint8_t tag[EVENTS_TAG_SIZE], uint64_t number, char out[EVENTS_ID_SIZE]);
/* False: not an id of this topic. */
bool events_id_parse(const uint8_t tag[EVENTS_TAG_SIZE], struct bytes id, uint64_t *number);

#endif
