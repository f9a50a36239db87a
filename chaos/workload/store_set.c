/* Sets in the store: each value is a record of its own, the set is what List tells of their common prefix. Values are
 * added once and removed once, by who knows that they went in, so that a removal always finds its value.
 *
 * A list comes in messages of up to 1,000 keys and is a snapshot only within one; so the model looks at each value by
 * itself. Sets are kept near SET_SIZE values, for lists are what a history's memory goes to. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"
#include "chaos/workload/record_list.h"

#include <stdio.h>
#include <stdlib.h>

#define SET_SIZE 24

struct set {
    ARRAY(int64_t) in; /* added for certain, and nobody has begun to take them out */
};
struct state {
    struct set *sets;
};
struct client {
    struct record_list list;
};

static void member_of(uint32_t key, int64_t value, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "s%u.%lld", key, (long long)value);
}

static struct workload_outcome added(struct workload_client *c, const struct rpc_reply *reply)
{
    const struct operation *o = workload_operation(c);
    const struct state *s = workload_state(c->workload);
    enum operation_end end = workload_end_of_write(reply);
    workload_keep_revision(c, reply);
    if (end == END_OK && !array_push(&s->sets[o->key].in, o->value))
        array_clear(&s->sets[o->key].in); /* then they stay in */
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

static int begin_remove(struct workload_client *c, uint32_t key, struct set *set)
{
    char name[RECORD_TEXT_MAX];
    size_t at = (size_t)random_below(workload_random(c->workload), set->in.count);
    int64_t value = set->in.items[at];
    array_remove(&set->in, at);
    member_of(key, value, name);
    int code = workload_invoke(c, OPERATION_REMOVE, key, value);
    return code == 0 ? record_call_delete(c, name, NULL, removed) : code;
}

static int begin(struct workload_client *c)
{
    const struct state *s = workload_state(c->workload);
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    struct set *set = &s->sets[key];
    if (random_below(r, 5) < 2)
        return begin_read(c, key);
    if (set->in.count > 0 && random_below(r, 2 * SET_SIZE) < set->in.count)
        return begin_remove(c, key, set);
    return begin_add(c, key);
}

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    if (s != NULL && (s->sets = calloc((size_t)workload_keys(w), sizeof *s->sets)) == NULL) {
        free(s);
        s = NULL;
    }
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    workload_set_state(w, s);
    return workload_client_states(w, sizeof(struct client), err);
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            record_list_deinit(&((struct client *)workload_client(w, i)->state)->list);
    for (int i = 0; s != NULL && i < workload_keys(w); i++)
        array_deinit(&s->sets[i].in);
    free(s != NULL ? s->sets : NULL);
    free(s);
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
