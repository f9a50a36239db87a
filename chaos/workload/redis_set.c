/* Sets in Redis: SADD, SREM and SMEMBERS. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/members.h"
#include "chaos/workload/redis_calls.h"

#include <stdlib.h>

static struct workload_outcome added(struct workload_client *c, const struct redis_answer *answer)
{
    enum operation_end end = redis_end_of_write(c, answer);
    if (end == END_OK)
        members_added(workload_state(c->workload), c);
    return (struct workload_outcome){end, VALUE_NIL};
}

/* How many were there to be taken out. */
static struct workload_outcome removed(struct workload_client *c, const struct redis_answer *answer)
{
    enum operation_end end = redis_end_of_write(c, answer);
    if (end == END_OK && answer->replies[0]->integer == 0)
        end = END_FAIL;
    return (struct workload_outcome){end, VALUE_NIL};
}

static struct workload_outcome listed(struct workload_client *c, const struct redis_answer *answer)
{
    const struct resp_reply *list = answer->code == 0 ? answer->replies[0] : NULL;
    bool ok = list != NULL && list->kind == RESP_LIST;
    int64_t *items = ok ? malloc((list->count + 1) * sizeof *items) : NULL;
    ok = items != NULL;
    for (size_t i = 0; ok && i < list->count; i++)
        ok = redis_value(list->items[i], &items[i]);
    ok = ok && history_set_list(workload_write(c->workload), c->operation, items, list->count) == 0;
    free(items);
    return (struct workload_outcome){ok ? END_OK : END_FAIL, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[REDIS_KEY_MAX];
    redis_key(c->workload, "s", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? redis_ask(c, &(struct redis_words){{"SMEMBERS", name}}, 1, listed) : code;
}

static int begin(struct workload_client *c)
{
    struct workload *w = c->workload;
    struct random *r = workload_random(w);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(w));
    char name[REDIS_KEY_MAX], digits[24];
    int64_t value = 0;
    if (random_below(r, 5) < 2)
        return begin_read(c, key);
    bool remove = members_take(workload_state(w), w, key, &value);
    if (!remove)
        value = workload_value(w);
    redis_key(w, "s", key, name);
    const struct redis_words change = {{remove ? "SREM" : "SADD", name, redis_digits(value, digits)}};
    int code = workload_invoke(c, remove ? OPERATION_REMOVE : OPERATION_ADD, key, value);
    return code == 0 ? redis_ask(c, &change, 1, remove ? removed : added) : code;
}

static int prepare(struct workload *w, struct error *err)
{
    struct members *m = members_new(w);
    workload_set_state(w, m);
    return m != NULL ? redis_prepare(w, err) : error_set(err, ERROR_MEMORY, "out of memory");
}

static void release(struct workload *w)
{
    members_free(workload_state(w), w);
}

const struct workload_kind workload_redis_set = {
    .name = "redis-set",
    .summary = "values added to sets of Redis, removed, and read as a whole",
    .services = (const char *const[]){REDIS_SERVICE, NULL},
    .models = (const char *const[]){"set-elements", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = begin_read,
    .stop = redis_stop,
    .release = release,
};
