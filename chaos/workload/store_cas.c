/* Compare-and-set in the store: a record is read, and replaced, taken away or made on the condition that it is still
 * what was read (its revision, or that it is not there). Values are unique, so a revision stands for one value, and a
 * change refused with 412 is one that saw another value. Deleting writes nil.
 *
 * A record that is not there is made with `if_absent` alone: with the store's revision as well the store may refuse
 * although nothing is there, which would not be a register's answer. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>
#include <stdlib.h>

struct state { /* of a client */
    bool remove;
    char key[RECORD_TEXT_MAX];
};

static struct workload_outcome changed(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_keep_revision(c, reply);
    return (struct workload_outcome){record_end(c, reply), VALUE_NIL};
}

static struct workload_outcome read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    struct record_found found;
    (void)c;
    if (!record_found(reply, &found))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    return (struct workload_outcome){END_OK, found.value};
}

/* What was read is what the change rests on. Only now is it known what the operation is: what it replaces. */
static struct workload_outcome read_to_change(struct workload_client *c, const struct rpc_reply *reply)
{
    const struct workload_outcome goes_on = {END_OPEN, VALUE_NIL};
    struct state *s = c->state;
    struct record_found found;
    struct operation *o = workload_operation(c);
    bool told = record_found(reply, &found);
    if (!told || found.value == RECORD_GARBLED || (found.there && found.revision == 0)) {
        o->function = OPERATION_READ; /* that is all it was */
        o->value = VALUE_NIL;
        return (struct workload_outcome){told ? END_OK : END_FAIL, found.value};
    }
    struct record_condition condition = {.revision = found.there ? found.revision : 0, .absent = !found.there};
    o->other = found.value;
    if (s->remove && found.there) {
        o->value = VALUE_NIL;
        record_call_delete(c, s->key, &condition, changed);
        return goes_on;
    }
    char digits[RECORD_TEXT_MAX];
    snprintf(digits, sizeof digits, "%lld", (long long)o->value);
    record_call_write(c, s->key, digits, 0, &condition, changed);
    return goes_on;
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[RECORD_TEXT_MAX];
    snprintf(name, sizeof name, "c%u", key);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? record_call_read(c, name, read_answered) : code;
}

static int begin_write(struct workload_client *c, const char *name, uint32_t key, bool remove)
{
    int64_t value = remove ? VALUE_NIL : workload_value(c->workload);
    char digits[RECORD_TEXT_MAX];
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    if (code != 0)
        return code;
    return remove ? record_call_delete(c, name, NULL, changed) : record_call_write(c, name, digits, 0, NULL, changed);
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    struct state *s = c->state;
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    uint64_t what = random_below(r, 20);
    snprintf(s->key, sizeof s->key, "c%u", key);
    if (what < 8)
        return begin_read(c, key);
    if (what < 11)
        return begin_write(c, s->key, key, what == 10);
    s->remove = what == 11;
    int code = workload_invoke(c, OPERATION_CAS, key, workload_value(c->workload));
    return code == 0 ? record_call_read(c, s->key, read_to_change) : code;
}

static int prepare(struct workload *w, struct error *err)
{
    return workload_client_states(w, sizeof(struct state), err);
}

const struct workload_kind workload_store_cas = {
    .name = "store-cas",
    .summary = "reads, writes, deletes and changes under a precondition in a table of the store",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"cas-register", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
};
