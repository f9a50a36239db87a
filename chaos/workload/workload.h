/* A workload: clients that use one kind of object under faults and write down what they asked and learnt, so that a
 * checker can judge it. Every written value is unique. Kinds are in the table below, a file each; the loop of clients,
 * pace, windows and final reads are shared (workload.c). docs/chaos.md. */
#ifndef CHAOS_WORKLOAD_WORKLOAD_H
#define CHAOS_WORKLOAD_WORKLOAD_H

#include "chaos/check/check.h"
#include "chaos/workload/latency.h"
#include "rpc/target.h"

struct workload;
struct workload_kind;

struct workload_options {
    const struct workload_kind *kind; /* NULL: the first that the target serves */
    uint64_t seed;
    int clients, keys;
    int rate; /* operations a second over all clients; 0: as fast as they are answered */
};

/* ERROR_UNSUPPORTED when nothing in the target serves what the kind uses. */
int workload_new(struct target *t, const struct workload_options *options, struct workload **out, struct error *err);
/* Counts its clients' calls there from now on; `l` outlives the workload. NULL, as in the beginning: nowhere. */
void workload_measure(struct workload *w, struct latency *l);
void workload_start(struct workload *w);
/* No new operations; waits until none is open (an operation that outlives its deadline becomes info). */
int workload_stop(struct workload *w);
/* Reads every key until it is answered, within `timeout` ns all together. They are at the end of the history. */
int workload_final_reads(struct workload *w, uint64_t timeout, struct error *err);
/* What one of the kind's models says about the history: about the operations that model knows, with the witness's
 * numbers in the whole history. Readers have to agree from the final reads on; `limits` NULL: the default. */
int workload_judge(struct workload *w, const struct check_model *m, const struct check_limits *limits,
                   struct check_result *out, struct error *err);
const struct workload_kind *workload_kind_of(const struct workload *w);
const struct history *workload_history(const struct workload *w);
size_t workload_final_from(const struct workload *w);
void workload_free(struct workload *w);

/* What happened since the last look: for curves and for the steady state. */
struct workload_window {
    int64_t ok, failed, unknown; /* ok: answered, be it by a refusal where that is an answer (a token refused) */
    double p50, p99;             /* ms; 0 when nothing was answered */
};
void workload_take_window(struct workload *w, struct workload_window *out);

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

#define WORKLOAD_OPERATION_LIMIT ((uint64_t)2000000000) /* ns: the deadline of each call */
/* Of one history, what long streams bring included. Then clients begin nothing any more and streams are closed. */
#define WORKLOAD_OPERATIONS_MAX ((size_t)4 << 20)
/* Services of components that pass calls on; the gateway takes those of one message each, as HTTP. */
#define WORKLOAD_PROXY      "client.Client"
#define WORKLOAD_GATEWAY    "api.Api"
#define WORKLOAD_PIECES_MAX 16 /* messages of a call that streams its request */

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
    const char *through;       /* WORKLOAD_PROXY or WORKLOAD_GATEWAY passes the clients' calls on; NULL: nobody does */
    const char *const *models; /* chaos/check models that judge the history; NULL-terminated */
    uint64_t redelivery;       /* ns, for the model "broker"; 0: no rule */
    uint64_t waits;            /* ns its final reads and `quiet` wait by themselves, on top of the settling time */
    uint64_t dawdles;          /* ns its long streams take nothing at most, now and then; 0: they take what comes */
    bool clocks; /* the history has times that are the servers' own: moving their clocks breaks it, and rightly */
    /* Makes what the clients need; sets workload_set_state(). */
    int (*prepare)(struct workload *w, struct error *err);
    /* Begins the client's next operation: workload_invoke() and workload_call(). Negative: tried again later. */
    int (*begin)(struct workload_client *c);
    /* Begins a read of `key` after everything has healed. It is called until a read ended ok, a poll ended ok and
     * empty, or a use was accepted or refused; other operations it begins come before that. NULL: there is none. */
    int (*final_read)(struct workload_client *c, uint32_t key);
    /* Long streams (subscribers, watches) that write down what arrives: opened again by the kind when they break.
     * `quiet`: everything that will arrive has arrived, looked at until it says so, from the end of the clients' work
     * on. `stop`: streams are closed, whatever they have brought. NULL: none. */
    void (*start)(struct workload *w);
    bool (*quiet)(struct workload *w);
    void (*stop)(struct workload *w);
    void (*release)(struct workload *w); /* frees the state; NULL: nothing */
};
extern const struct workload_kind *const workload_kinds[]; /* NULL-terminated */
const struct workload_kind *workload_kind_find(const char *name);
struct node;
int workload_unknown(const struct node *n, const char *name, struct error *err); /* as fault_unknown() */

struct target *workload_target(struct workload *w);
struct history *workload_write(struct workload *w); /* the history, to add to */
struct random *workload_random(struct workload *w);
int workload_keys(const struct workload *w);
int workload_clients(const struct workload *w);
struct workload_client *workload_client(struct workload *w, int number);
bool workload_running(const struct workload *w); /* clients begin new operations */
int64_t workload_value(struct workload *w);      /* the next unique value, 1 and up */
int32_t workload_process(struct workload *w);    /* the next unused process number */
/* Who takes gRPC calls for a service: the proxy when the kind goes through it, else who serves it; NULL: nobody. Where
 * several do, callers of different numbers are spread over them. */
const struct target_component *workload_door(const struct workload *w, const char *service, uint32_t number);
const char *workload_name(const struct workload *w); /* of this run's own table, topic, ...: no other run's */
/* A piece of zeroed memory for each client, as its `state`; given back with the workload. */
int workload_client_states(struct workload *w, size_t size, struct error *err);
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
/* The end of the operation under way when its call was refused or never sent. That is "fail", but where the history's
 * "fail" is an answer (a cas that saw another value, a removal of what was not there, a token refused) it is "info". */
enum operation_end workload_end_undone(struct workload_client *c);
/* The server's revision of the answer (trailer micro-revision) becomes the operation's, where there is one. */
void workload_keep_revision(struct workload_client *c, const struct rpc_reply *reply);
/* A whole number from a trailer or header; 0: there is none. */
uint64_t workload_number(struct grpc_metadata metadata, const char *name);

/* Makes the call; `answered` says how the operation under way ended and what was learnt, or END_OPEN: it goes on, with
 * the next call, which `answered` has made. When a call cannot even begin the operation ends undone and a negative
 * code is returned. `service` is one of the kind's; `path` stays valid. */
struct workload_outcome {
    enum operation_end end;
    int64_t value;
};
typedef struct workload_outcome workload_answered(struct workload_client *c, const struct rpc_reply *reply);
int workload_call(struct workload_client *c, const char *service, const char *path, const ProtobufCMessage *request,
                  workload_answered *answered);
/* As workload_call() with a token of the caller's own in place of the target's; blank: none. */
int workload_call_as(struct workload_client *c, const char *token, const char *service, const char *path,
                     const ProtobufCMessage *request, workload_answered *answered);
/* Of kinds that make their calls by themselves: one ended, after `duration` ns. */
void workload_called(struct workload_client *c, const char *method, bool ok, uint64_t duration);
/* As workload_call() for streaming methods: all pieces are sent, then every message of the answer goes to `message`. */
int workload_exchange(struct workload_client *c, const char *service, const char *path,
                      const ProtobufCMessage *const *pieces, size_t count,
                      void (*message)(struct workload_client *c, struct bytes message), workload_answered *answered);

#endif
