/* All kinds of workload, in the order they are listed: WORKLOAD(name) for `workload_name` in name.c. */
#ifndef CHAOS_WORKLOAD_KINDS_H
#define CHAOS_WORKLOAD_KINDS_H

#include "chaos/workload/workload.h"

#define WORKLOADS WORKLOAD(store_register)

#define WORKLOAD(name) extern const struct workload_kind workload_##name;
WORKLOADS
#undef WORKLOAD

#endif
