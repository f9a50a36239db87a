/* A workload: clients that use one kind of object under faults and write down what they asked and learnt, so that a
 * checker can judge it. Every written value is unique. Kinds are in the table below, a file each; the loop of clients,
 * pace, windows and final reads are shared (workload.c). docs/chaos.md. */
#ifndef CHAOS_WORKLOAD_WORKLOAD_H
#define CHAOS_WORKLOAD_WORKLOAD_H

#include "chaos/history/history.h"
#include "rpc/target.h"

struct workload;
struct workload_kind;

struct workload_options {
    const struct workload_kind *kind; /* NULL: store-register */
    uint64_t seed;
    int clients, keys;
    int rate; /* operations a second over all clients; 0: as fast as they are answered */
};

/* ERROR_UNSUPPORTED when nothing in the target serves what the kind uses. */
int workload_new(struct target *t, const struct workload_options *options, struct workload **out, struct error *err);
void workload_start(struct workload *w);
/* No new operations; waits until none is open (an operation that outlives its deadline becomes info). */
int workload_stop(struct workload *w);
/* Reads every key until it is answered, within `timeout` ns all together. They are at the end of the history. */
int workload_final_reads(struct workload *w, uint64_t timeout, struct error *err);
const struct workload_kind *workload_kind_of(const struct workload *w);
const struct history *workload_history(const struct workload *w);
size_t workload_final_from(const struct workload *w);
void workload_free(struct workload *w);

/* What happened since the last look: for curves and for the steady state. */
struct workload_window {
    int64_t ok, failed, unknown;
    double p50, p99; /* ms; 0 when nothing was answered */
};
void workload_take_window(struct workload *w, struct workload_window *out);

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

#define WORKLOAD_OPERATION_LIMIT ((uint64_t)2000000000) /* ns: the deadline of each operation */

/* One at a time each. `process` changes when an operation's end is unknown. */
struct workload_client {
    struct workload *workload;
    int number;
    int32_t process;
    int64_t operation;       /* the index of the one under way, or -1 */
    struct rpc_stream *call; /* it is waiting for */
    struct world_timer next;
    uint64_t due;
    void *state; /* the kind's */
};

struct workload_kind {
    const char *name, *summary;
    const char *const *services; /* that have to be served, the one the clients call first; NULL-terminated */
    const char *const *models;   /* chaos/check models that judge the history; NULL-terminated */
    /* Makes what the clients need; sets workload_set_state(). */
    int (*prepare)(struct workload *w, struct error *err);
    /* Begins the client's next operation: workload_invoke() and workload_call(). Negative: tried again later. */
    int (*begin)(struct workload_client *c);
    /* Begins a read of `key` after everything has healed; it is repeated until it ends ok. NULL: there is none. */
    int (*final_read)(struct workload_client *c, uint32_t key);
    /* Long streams (subscribers, watches) that write down what arrives: opened again by the kind when they break.
     * `quiet`: everything that will arrive has arrived. NULL: none. */
    void (*start)(struct workload *w);
    bool (*quiet)(struct workload *w);
    void (*stop)(struct workload *w);
    void (*release)(struct workload *w); /* frees the state; NULL: nothing */
};
extern const struct workload_kind *const workload_kinds[]; /* NULL-terminated */
const struct workload_kind *workload_kind_find(const char *name);

struct target *workload_target(struct workload *w);
struct history *workload_write(struct workload *w); /* the history, to add to */
struct random *workload_random(struct workload *w);
int workload_keys(const struct workload *w);
int64_t workload_value(struct workload *w);          /* the next unique value, 1 and up */
int32_t workload_process(struct workload *w);        /* the next unused process number */
const char *workload_name(const struct workload *w); /* of this run's own table, topic, ...: no other run's */
void workload_set_state(struct workload *w, void *state);
void *workload_state(const struct workload *w);

/* Writes down that the client asks. Its end is written by workload_end(), or by workload_call()'s `answered`. */
int workload_invoke(struct workload_client *c, enum operation_function f, uint32_t key, int64_t value);
void workload_end(struct workload_client *c, enum operation_end end, int64_t value);
/* The operation under way, to set `other`, a list or a revision. */
struct operation *workload_operation(struct workload_client *c);

/* What an answer to something that changes state says: a call that may have reached the server has an unknown end
 * unless the server refused it in so many words. */
enum operation_end workload_end_of_write(const struct rpc_reply *reply);

/* Makes the call; `answered` says how the operation under way ended and what was learnt. When the call cannot even
 * begin the operation fails and a negative code is returned. `service` is one of the kind's. */
struct workload_outcome {
    enum operation_end end;
    int64_t value;
};
int workload_call(struct workload_client *c, const char *service, const char *path, const ProtobufCMessage *request,
                  struct workload_outcome (*answered)(struct workload_client *c, const struct rpc_reply *reply));

#endif
