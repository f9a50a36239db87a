/* Long streams of a workload: subscribers, consumers, watches. A follower keeps one stream open, opens it again a
 * moment after it broke, and writes down what comes, as one operation after the other:
 *
 *   - an operation is invoked when the stream stands (its headers are there) and after each one that ended ok;
 *   - it ends ok with what came in one turn of the loop, as pairs (FOLLOWER_PAIRS) or as one value each;
 *   - when the stream ends, the one under way ends "fail" if it took nothing from anybody, else "info" (a queue's
 *     message may have been on its way to it); the follower goes on as another process.
 *
 * It has a connection of its own, as a reader has that is a process of its own: what holds it up holds up nobody else.
 * Where the workload's kind says so it is a slow one: now and then, as long as the clients work, it takes nothing for a
 * while, until the windows before it are closed and what is said to it has to wait.
 *
 * A follower is embedded in the kind's state. All its memory is bounded by what one turn brings. */
#ifndef CHAOS_WORKLOAD_FOLLOWER_H
#define CHAOS_WORKLOAD_FOLLOWER_H

#include "chaos/workload/workload.h"

#define FOLLOWER_REOPEN ((uint64_t)100000000) /* ns */

struct follower;
struct follower_kind {
    const char *service, *path;
    enum operation_function function; /* POLL, WATCH: pairs; DEQUEUE: a value each */
    bool talks;                       /* our side of the stream stays open */
    /* Packs the request of the next stream. */
    int (*request)(struct follower *f, struct text *wire);
    /* It stands; follower_mark() may be called. NULL: nothing to do. */
    void (*opened)(struct follower *f, struct grpc_metadata headers);
    /* Calls follower_pair() or follower_value() for what is in it. */
    void (*message)(struct follower *f, struct bytes message);
    void (*ended)(struct follower *f, const struct rpc_reply *reply); /* NULL: nothing to do */
};

struct follower {
    const struct follower_kind *kind;
    struct workload *workload;
    uint32_t key;
    int64_t position;      /* of the last pair, from which a stream may be resumed; VALUE_NIL: none yet */
    int64_t subscription;  /* `other` of its operations; the kind may change it when a stream ended */
    void *arg;             /* the kind's */
    bool direct;           /* at who serves it, although the kind's calls go through somebody */
    const char *header;    /* sent with the next stream, with header_value; NULL: none */
    char header_value[64]; /* blank: not sent */
    /* internal */
    int32_t process;
    int64_t operation; /* -1: none */
    ARRAY(int64_t) items;
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    struct world_timer again, deliver, dawdle;
    uint64_t came;  /* when the last message came, or the stream stood */
    uint64_t stood; /* since when, or when last */
    bool stands, stopped, dawdling;
};

void follower_init(struct follower *f, struct workload *w, const struct follower_kind *kind, uint32_t key,
                   int64_t subscription, void *arg);
void follower_start(struct follower *f);
void follower_pair(struct follower *f, int64_t position, int64_t value);
void follower_value(struct follower *f, int64_t value);
/* Ends the operation under way with what has come so far, maybe nothing, and the revision (0: none) as its mark. */
void follower_mark(struct follower *f, uint64_t revision);
int follower_send(struct follower *f, const ProtobufCMessage *message);
/* It stands and takes what comes, and nothing has come for `duration` ns. */
bool follower_idle(const struct follower *f, uint64_t duration);
/* Ends the stream, if there is one; it is opened again as after any other end. */
void follower_leave(struct follower *f);
/* From now on it takes what comes, be it a slow one or not. */
void follower_wake(struct follower *f);
/* Cancels the stream and waits for its end. */
void follower_stop(struct follower *f);
void follower_deinit(struct follower *f);

#endif
