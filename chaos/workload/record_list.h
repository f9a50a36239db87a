/* Reading a set that is kept as records of a common prefix: "s0.17" is the value 17 of the set "s0.". */
#ifndef CHAOS_WORKLOAD_RECORD_LIST_H
#define CHAOS_WORKLOAD_RECORD_LIST_H

#include "chaos/workload/record_calls.h"

#define RECORD_LIST_MAX ((size_t)1 << 16) /* keys of one answer; one with more is not taken */

struct record_list { /* of a client: the answer as far as it came */
    ARRAY(int64_t) values;
    bool wrong;
};
/* Invokes a read of `key` and asks; `message` calls record_list_add(), `answered` returns record_list_end(). */
int record_list(struct workload_client *c, struct record_list *list, uint32_t key, const char *prefix,
                void (*message)(struct workload_client *c, struct bytes message), workload_answered *answered);
void record_list_add(struct record_list *list, struct bytes message);
struct workload_outcome record_list_end(struct workload_client *c, struct record_list *list,
                                        const struct rpc_reply *reply);
void record_list_deinit(struct record_list *list);

#endif
