/* Sets in the store: each value is a record of its own, the set is what List tells of their common prefix. Values are
 * added once and removed once, by who knows that they went in, so that a removal always finds its value.
 *
 * A list comes in messages of up to 1,000 keys and is a snapshot only within one; so the model looks at each value by
 * itself. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/members.h"
#include "chaos/workload/record_calls.h"
#include "chaos/workload/record_list.h"

#include <stdio.h>

struct client {
    struct record_list list;
};

static void member_of(uint32_t key, int64_t value, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "s%u.%lld", key, (long long)value);
}

static struct workload_outcome added(struct workload_client *c, const struct rpc_reply *reply)
{
    enum operation_end end = workload_end_of_write(reply);
    workload_keep_revision(c, reply);
    if (end == END_OK)
        members_added(workload_state(c->workload), c);
    return (struct workload_outcome){end, VALUE_NIL};
}

static struct workload_outcome removed(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_keep_revision(c, reply);
    return (struct workload_outcome){record_end(c, reply), VALUE_NIL};
}

static void on_keys(struct workload_client *c, struct bytes message)
{
    record_list_add(&((struct client *)c->state)->list, message);
}

static struct workload_outcome listed(struct workload_client *c, const struct rpc_reply *reply)
{
    return record_list_end(c, &((struct client *)c->state)->list, reply);
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char prefix[RECORD_TEXT_MAX];
    snprintf(prefix, sizeof prefix, "s%u.", key);
    return record_list(c, &((struct client *)c->state)->list, key, prefix, on_keys, listed);
}

static int begin_add(struct workload_client *c, uint32_t key)
{
    char name[RECORD_TEXT_MAX];
    int64_t value = workload_value(c->workload);
    member_of(key, value, name);
    int code = workload_invoke(c, OPERATION_ADD, key, value);
    return code == 0 ? record_call_write(c, name, name, 0, NULL, added) : code;
}

static int begin_remove(struct workload_client *c, uint32_t key, int64_t value)
{
    char name[RECORD_TEXT_MAX];
    member_of(key, value, name);
    int code = workload_invoke(c, OPERATION_REMOVE, key, value);
    return code == 0 ? record_call_delete(c, name, NULL, removed) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    int64_t value;
    if (random_below(r, 5) < 2)
        return begin_read(c, key);
    if (members_take(workload_state(c->workload), c->workload, key, &value))
        return begin_remove(c, key, value);
    return begin_add(c, key);
}

static int prepare(struct workload *w, struct error *err)
{
    struct members *m = members_new(w);
    workload_set_state(w, m);
    if (m == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return workload_client_states(w, sizeof(struct client), err);
}

static void release(struct workload *w)
{
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            record_list_deinit(&((struct client *)workload_client(w, i)->state)->list);
    members_free(workload_state(w), w);
}

const struct workload_kind workload_store_set = {
    .name = "store-set",
    .summary = "values added to sets as records, removed, and read by listing them",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"set-elements", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .release = release,
};
