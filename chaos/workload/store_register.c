/* Registers in the store: clients write and read keys of a table of their own through store.Store; of the store itself,
 * or of a component that passes calls on, as the proxy and the gateway do. Those may say NOT_FOUND of the store. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>

static void name_of(uint32_t key, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "k%u", key);
}

static struct workload_outcome read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    struct record_found found;
    bool passed_on = workload_kind_of(c->workload)->through != NULL;
    if ((passed_on && reply->status == GRPC_NOT_FOUND) || !record_found(reply, &found))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    return (struct workload_outcome){END_OK, found.value};
}

static struct workload_outcome write_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_keep_revision(c, reply);
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[RECORD_TEXT_MAX];
    name_of(key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? record_call_read(c, name, read_answered) : code;
}

static int begin_write(struct workload_client *c, uint32_t key)
{
    int64_t value = workload_value(c->workload);
    char name[RECORD_TEXT_MAX], digits[RECORD_TEXT_MAX];
    name_of(key, name);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? record_call_write(c, name, digits, 0, NULL, write_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    bool read = random_below(r, 2) == 0;
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return read ? begin_read(c, key) : begin_write(c, key);
}

const struct workload_kind workload_store_register = {
    .name = "store-register",
    .summary = "reads and writes of unique values in a table of the store",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"register", NULL},
    .begin = begin,
    .final_read = begin_read,
};

const struct workload_kind workload_proxy_register = {
    .name = "proxy-register",
    .summary = "the same through the proxy",
    .services = (const char *const[]){WORKLOAD_PROXY, RECORD_SERVICE, NULL},
    .through = WORKLOAD_PROXY,
    .models = (const char *const[]){"register", NULL},
    .begin = begin,
    .final_read = begin_read,
};

const struct workload_kind workload_gateway_register = {
    .name = "gateway-register",
    .summary = "the same through the HTTP gateway",
    .services = (const char *const[]){WORKLOAD_GATEWAY, RECORD_SERVICE, NULL},
    .through = WORKLOAD_GATEWAY,
    .models = (const char *const[]){"register", NULL},
    .begin = begin,
    .final_read = begin_read,
};
