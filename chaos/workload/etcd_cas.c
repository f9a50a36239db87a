/* Compare-and-set in etcd: a key is read, and put or deleted by a transaction on the condition that it is still what
 * was read: by its value, or by the revision that wrote it, which stands for one value because values are unique.
 * Deleting writes nil. */
#include "chaos/workload/etcd_calls.h"
#include "chaos/workload/kinds.h"

static struct workload_outcome changed(struct workload_client *c, const struct rpc_reply *reply)
{
    uint64_t revision;
    enum operation_end end = etcd_end_of_condition(c, reply, &revision);
    if (revision != 0)
        (void)history_set_revision(workload_write(c->workload), c->operation, revision);
    return (struct workload_outcome){end, VALUE_NIL};
}

/* What was read is what the change rests on. Only now is it known what the operation is: what it replaces. */
static struct workload_outcome read_to_change(struct workload_client *c, const struct rpc_reply *reply)
{
    struct operation *o = workload_operation(c);
    struct random *r = workload_random(c->workload);
    struct etcd_found found;
    char name[ETCD_KEY_MAX];
    bool told = etcd_found(reply, &found);
    if (!told || found.value == ETCD_GARBLED) {
        o->function = OPERATION_READ; /* that is all it was */
        o->value = VALUE_NIL;
        return (struct workload_outcome){told ? END_OK : END_FAIL, found.value};
    }
    etcd_key(c->workload, "c", o->key, name);
    struct etcd_condition condition = {.key = name, .what = ETCD_ABSENT};
    if (found.there && random_below(r, 2) == 0)
        condition = (struct etcd_condition){name, ETCD_VALUE, found.value};
    else if (found.there)
        condition = (struct etcd_condition){name, ETCD_MODIFIED_AT, found.modified};
    o->other = found.value;
    if (found.there && random_below(r, 8) == 0)
        o->value = VALUE_NIL;
    etcd_call_write_if(c, &condition, name, o->value, changed);
    return (struct workload_outcome){END_OPEN, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "c", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? etcd_call_read(c, name, etcd_read_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    uint64_t what = random_below(r, 20);
    char name[ETCD_KEY_MAX];
    if (what < 8)
        return begin_read(c, key);
    int64_t value = what == 8 ? VALUE_NIL : workload_value(c->workload);
    etcd_key(c->workload, "c", key, name);
    int code = workload_invoke(c, what < 12 ? OPERATION_WRITE : OPERATION_CAS, key, value);
    if (code != 0)
        return code;
    return what < 12 ? etcd_call_write(c, name, value, etcd_write_answered) : etcd_call_read(c, name, read_to_change);
}

const struct workload_kind workload_etcd_cas = {
    .name = "etcd-cas",
    .summary = "keys of etcd put, deleted, read, and changed by transactions that compare",
    .services = (const char *const[]){ETCD_KV, NULL},
    .models = (const char *const[]){"cas-register", NULL},
    .begin = begin,
    .final_read = begin_read,
};
