/* All kinds of workload, in the order they are listed: WORKLOAD(name) for `workload_name`, in name.c or beside the kind
 * it is another way to. */
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
    WORKLOAD(broker_slow)                                                                                              \
    WORKLOAD(broker_queue)                                                                                             \
    WORKLOAD(proxy_register)                                                                                           \
    WORKLOAD(proxy_pubsub)                                                                                             \
    WORKLOAD(proxy_slow)                                                                                               \
    WORKLOAD(proxy_config)                                                                                             \
    WORKLOAD(gateway_register)                                                                                         \
    WORKLOAD(gateway_pubsub)                                                                                           \
    WORKLOAD(registry)                                                                                                 \
    WORKLOAD(registry_slow)                                                                                            \
    WORKLOAD(config)                                                                                                   \
    WORKLOAD(auth_token)                                                                                               \
    WORKLOAD(auth_refresh)                                                                                             \
    WORKLOAD(etcd_register)                                                                                            \
    WORKLOAD(etcd_cas)                                                                                                 \
    WORKLOAD(etcd_set)                                                                                                 \
    WORKLOAD(etcd_watch)                                                                                               \
    WORKLOAD(etcd_lock)                                                                                                \
    WORKLOAD(etcd_lock_fenced)                                                                                         \
    WORKLOAD(redis_register)                                                                                           \
    WORKLOAD(redis_cas)                                                                                                \
    WORKLOAD(redis_counter)                                                                                            \
    WORKLOAD(redis_set)

#define WORKLOAD(name) extern const struct workload_kind workload_##name;
WORKLOADS
#undef WORKLOAD

#endif
