/* Registers in etcd: keys that are put and read. Reads go through a quorum, so every key has to be linearizable
 * whatever member is asked. */
#include "chaos/workload/etcd_calls.h"
#include "chaos/workload/kinds.h"

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "r", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? etcd_call_read(c, name, etcd_read_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    char name[ETCD_KEY_MAX];
    if (random_below(r, 2) == 0)
        return begin_read(c, key);
    int64_t value = workload_value(c->workload);
    etcd_key(c->workload, "r", key, name);
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? etcd_call_write(c, name, value, etcd_write_answered) : code;
}

const struct workload_kind workload_etcd_register = {
    .name = "etcd-register",
    .summary = "keys of etcd put, and read through a quorum",
    .services = (const char *const[]){ETCD_KV, NULL},
    .models = (const char *const[]){"register", NULL},
    .begin = begin,
    .final_read = begin_read,
};
