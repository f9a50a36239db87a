/* Calls of store.Store as the kinds of workload make them: records of a table of the run's own, whose values are whole
 * numbers written as digits. */
#ifndef CHAOS_WORKLOAD_RECORD_CALLS_H
#define CHAOS_WORKLOAD_RECORD_CALLS_H

#include "chaos/workload/workload.h"

#define RECORD_SERVICE  "store.Store"
#define RECORD_TEXT_MAX 64
#define RECORD_GARBLED  (-1) /* the value of a record that no workload ever wrote: no model explains it */

/* What must hold for a change to happen (docs/store.md); all zero: nothing. */
struct record_condition {
    uint64_t revision;
    bool absent;
};

/* Each makes the operation's next call, as workload_call(). */
int record_call_read(struct workload_client *c, const char *key, workload_answered *answered);
/* With a token of the caller's own. */
int record_call_read_as(struct workload_client *c, const char *token, const char *key, workload_answered *answered);
int record_call_write(struct workload_client *c, const char *key, const char *text, int64_t expiry_seconds,
                      const struct record_condition *condition, workload_answered *answered);
int record_call_delete(struct workload_client *c, const char *key, const struct record_condition *condition,
                       workload_answered *answered);

/* What a read's answer holds. False: there was no answer to the question. */
struct record_found {
    bool there;
    char text[RECORD_TEXT_MAX]; /* "" when it is longer or not there */
    int64_t value;              /* of digits; VALUE_NIL: not there; RECORD_GARBLED */
    uint64_t revision;          /* of the record, or when it is not there of the store; 0: not told */
};
bool record_found(const struct rpc_reply *reply, struct record_found *out);
int64_t record_number(const char *digits); /* RECORD_GARBLED when it is none */

/* A change under a condition: 412 is a change that did not happen because the condition did not hold, which is
 * END_FAIL; what was refused otherwise, or never sent, ends undone. */
enum operation_end record_end(struct workload_client *c, const struct rpc_reply *reply);
/* The database every record of the run is in. */
void record_database(const struct workload_client *c, char *out, size_t size);

#endif
