/* Sets in etcd: each value is a key of its own, the set is what a read of their common prefix tells. */
#include "chaos/workload/etcd_calls.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void prefix_of(const struct workload *w, uint32_t key, char out[ETCD_KEY_MAX])
{
    char set[ETCD_KEY_MAX];
    etcd_key(w, "s", key, set);
    snprintf(out, ETCD_KEY_MAX, "%.*s.", ETCD_KEY_MAX - 2, set);
}

static void member_of(const struct workload *w, uint32_t key, int64_t value, char out[ETCD_KEY_MAX])
{
    prefix_of(w, key, out);
    size_t len = strlen(out);
    snprintf(out + len, ETCD_KEY_MAX - len, "%lld", (long long)value);
}

static struct workload_outcome added(struct workload_client *c, const struct rpc_reply *reply)
{
    struct workload_outcome outcome = etcd_write_answered(c, reply);
    if (outcome.end == END_OK)
        members_added(workload_state(c->workload), c);
    return outcome;
}

static struct workload_outcome removed(struct workload_client *c, const struct rpc_reply *reply)
{
    enum operation_end end = workload_end_of_write(reply);
    int64_t count;
    uint64_t revision;
    if (end == END_OK)
        end = !etcd_deleted(reply, &count, &revision) ? END_INFO : count > 0 ? END_OK : END_FAIL;
    else if (end == END_FAIL)
        end = workload_end_undone(c);
    return (struct workload_outcome){end, VALUE_NIL};
}

static struct workload_outcome listed(struct workload_client *c, const struct rpc_reply *reply)
{
    char prefix[ETCD_KEY_MAX];
    int64_t *items;
    size_t count;
    prefix_of(c->workload, workload_operation(c)->key, prefix);
    bool ok = etcd_listed(reply, strlen(prefix), &items, &count) &&
              history_set_list(workload_write(c->workload), c->operation, items, count) == 0;
    free(items);
    return (struct workload_outcome){ok ? END_OK : END_FAIL, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char prefix[ETCD_KEY_MAX];
    prefix_of(c->workload, key, prefix);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? etcd_call_list(c, prefix, listed) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    char name[ETCD_KEY_MAX];
    int64_t value = 0;
    if (random_below(r, 5) < 2)
        return begin_read(c, key);
    bool remove = members_take(workload_state(c->workload), c->workload, key, &value);
    if (!remove)
        value = workload_value(c->workload);
    member_of(c->workload, key, value, name);
    int code = workload_invoke(c, remove ? OPERATION_REMOVE : OPERATION_ADD, key, value);
    if (code != 0)
        return code;
    return remove ? etcd_call_delete(c, name, removed) : etcd_call_write(c, name, value, added);
}

static int prepare(struct workload *w, struct error *err)
{
    struct members *m = members_new(w);
    workload_set_state(w, m);
    return m != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static void release(struct workload *w)
{
    members_free(workload_state(w), w);
}

const struct workload_kind workload_etcd_set = {
    .name = "etcd-set",
    .summary = "values added to sets of keys of etcd, removed, and read by their prefix",
    .services = (const char *const[]){ETCD_KV, NULL},
    .models = (const char *const[]){"set-elements", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .release = release,
};
