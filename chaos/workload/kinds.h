/* All kinds of workload, in the order they are listed: WORKLOAD(name) for `workload_name` in name.c. */
#ifndef CHAOS_WORKLOAD_KINDS_H
#define CHAOS_WORKLOAD_KINDS_H

#include "chaos/workload/workload.h"

#define WORKLOADS                                                                                                      \
    WORKLOAD(store_register)                                                                                           \
    WORKLOAD(store_cas)                                                                                                \
    WORKLOAD(store_counter)                                                                                            \
    WORKLOAD(store_set)                                                                                                \
    WORKLOAD(store_blob)                                                                                               \
    WORKLOAD(store_expiry)                                                                                             \
    WORKLOAD(store_lock)                                                                                               \
    WORKLOAD(events_log)                                                                                               \
    WORKLOAD(events_group)                                                                                             \
    WORKLOAD(broker_pubsub)                                                                                            \
    WORKLOAD(broker_queue)                                                                                             \
    WORKLOAD(registry)                                                                                                 \
    WORKLOAD(config)                                                                                                   \
    WORKLOAD(auth_token)                                                                                               \
    WORKLOAD(auth_refresh)

#define WORKLOAD(name) extern const struct workload_kind workload_##name;
WORKLOADS
#undef WORKLOAD

#endif
