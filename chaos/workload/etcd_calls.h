/* Calls of etcd (proto/etcd) as the kinds of workload make them: keys of the run's own, whose values are whole numbers
 * written as digits. Reads are linearizable ones, through a quorum. Clients are spread over the members. */
#ifndef CHAOS_WORKLOAD_ETCD_CALLS_H
#define CHAOS_WORKLOAD_ETCD_CALLS_H

#include "chaos/workload/workload.h"

#define ETCD_KV      "etcdserverpb.KV"
#define ETCD_KEY_MAX 128  /* bytes, with the zero behind it */
#define ETCD_GARBLED (-1) /* the value of a key that no workload ever wrote: no model explains it */

/* "RUN/PREFIX3". Keys of different prefixes are different things. */
void etcd_key(const struct workload *w, const char *prefix, uint32_t key, char out[ETCD_KEY_MAX]);

/* Each makes the operation's next call, as workload_call(). */
int etcd_call_read(struct workload_client *c, const char *key, workload_answered *answered);
int etcd_call_list(struct workload_client *c, const char *prefix, workload_answered *answered); /* in one snapshot */
/* VALUE_NIL: deletes. */
int etcd_call_write(struct workload_client *c, const char *key, int64_t value, workload_answered *answered);
int etcd_call_delete(struct workload_client *c, const char *key, workload_answered *answered);

/* What has to hold for a change to be made. */
struct etcd_condition {
    const char *key;
    enum { ETCD_ABSENT, ETCD_VALUE, ETCD_MODIFIED_AT, ETCD_CREATED_AT } what;
    int64_t number;
};
int etcd_call_write_if(struct workload_client *c, const struct etcd_condition *condition, const char *key,
                       int64_t value, workload_answered *answered);

/* What bytes say as a number. */
int64_t etcd_number(const ProtobufCBinaryData *data);
/* What a read's answer holds. False: there was no answer to the question. */
struct etcd_found {
    bool there;
    int64_t value; /* VALUE_NIL: not there; ETCD_GARBLED */
    int64_t created, modified;
};
bool etcd_found(const struct rpc_reply *reply, struct etcd_found *out);
/* What each key of a list holds after the prefix, as a number. False: no answer, or no memory. */
bool etcd_listed(const struct rpc_reply *reply, size_t prefix, int64_t **items, size_t *count);

/* How many keys a deletion found, and in which revision it took them away (0: none). False: that cannot be read. */
bool etcd_deleted(const struct rpc_reply *reply, int64_t *count, uint64_t *revision);
/* How a change ended, and in which revision (0: it changed nothing, or nobody knows). That a condition did not hold is
 * END_FAIL; what was refused otherwise, or never sent, ends undone. */
enum operation_end etcd_end_of_write(struct workload_client *c, const struct rpc_reply *reply, uint64_t *revision);
enum operation_end etcd_end_of_condition(struct workload_client *c, const struct rpc_reply *reply, uint64_t *revision);

/* The usual ends of an operation that is one read; one write, whose revision is kept. */
struct workload_outcome etcd_read_answered(struct workload_client *c, const struct rpc_reply *reply);
struct workload_outcome etcd_write_answered(struct workload_client *c, const struct rpc_reply *reply);

#endif
