/* Counters in the store, as applications make them: read, add one, write on the condition that nobody wrote since. An
 * addition refused with 412 did not happen. The model is the counter's: one that is lost, or counted twice, shows. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>

static void name_of(uint32_t key, char out[RECORD_TEXT_MAX])
{
    snprintf(out, RECORD_TEXT_MAX, "n%u", key);
}

/* A counter nobody has added to is not there, and 0. */
static int64_t count_of(const struct record_found *found)
{
    return found->there ? found->value : 0;
}

static struct workload_outcome read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    struct record_found found;
    (void)c;
    if (!record_found(reply, &found))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    return (struct workload_outcome){END_OK, count_of(&found)};
}

static struct workload_outcome added(struct workload_client *c, const struct rpc_reply *reply)
{
    workload_keep_revision(c, reply);
    return (struct workload_outcome){record_end(c, reply), VALUE_NIL};
}

static struct workload_outcome read_to_add(struct workload_client *c, const struct rpc_reply *reply)
{
    char name[RECORD_TEXT_MAX], digits[RECORD_TEXT_MAX];
    struct record_found found;
    if (!record_found(reply, &found) || count_of(&found) < 0 || (found.there && found.revision == 0))
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    struct record_condition condition = {.revision = found.revision, .absent = !found.there};
    name_of(workload_operation(c)->key, name);
    snprintf(digits, sizeof digits, "%lld", (long long)(count_of(&found) + 1));
    record_call_write(c, name, digits, 0, &condition, added);
    return (struct workload_outcome){END_OPEN, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[RECORD_TEXT_MAX];
    name_of(key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? record_call_read(c, name, read_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    char name[RECORD_TEXT_MAX];
    if (random_below(r, 3) == 0)
        return begin_read(c, key);
    name_of(key, name);
    int code = workload_invoke(c, OPERATION_ADD, key, 1);
    return code == 0 ? record_call_read(c, name, read_to_add) : code;
}

const struct workload_kind workload_store_counter = {
    .name = "store-counter",
    .summary = "counters kept by reading, adding one and writing under a precondition",
    .services = (const char *const[]){RECORD_SERVICE, NULL},
    .models = (const char *const[]){"counter", NULL},
    .begin = begin,
    .final_read = begin_read,
};
