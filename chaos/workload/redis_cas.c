/* Compare-and-set in Redis: a key is watched and read (WATCH), and replaced or taken away by a transaction that is
 * carried out if nobody wrote since (MULTI, EXEC). Deleting writes nil. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/redis_calls.h"

/* EXEC answers a list when it was done, nil when somebody wrote, an error when nothing was. */
static struct workload_outcome changed(struct workload_client *c, const struct redis_answer *answer)
{
    enum operation_end end = END_INFO;
    if (answer->code != 0)
        end = answer->sent ? END_INFO : workload_end_undone(c);
    else if (answer->replies[2]->kind == RESP_LIST)
        end = END_OK;
    else if (answer->replies[2]->kind == RESP_NIL)
        end = END_FAIL;
    else if (answer->replies[2]->kind == RESP_ERROR)
        end = workload_end_undone(c);
    return (struct workload_outcome){end, VALUE_NIL};
}

/* What was read is what the change rests on. Only now is it known what the operation is: what it replaces. */
static struct workload_outcome read_to_change(struct workload_client *c, const struct redis_answer *answer)
{
    struct operation *o = workload_operation(c);
    char name[REDIS_KEY_MAX], digits[24];
    int64_t value = VALUE_NIL;
    bool watched = answer->code == 0 && answer->replies[1]->kind == RESP_STATUS;
    bool told = answer->code == 0 && redis_value(answer->replies[2], &value);
    if (!watched || !told || value == REDIS_GARBLED) {
        o->function = OPERATION_READ; /* that is all it was */
        o->value = VALUE_NIL;
        return (struct workload_outcome){told ? END_OK : END_FAIL, value};
    }
    o->other = value;
    if (value != VALUE_NIL && random_below(workload_random(c->workload), 8) == 0)
        o->value = VALUE_NIL;
    redis_key(c->workload, "c", o->key, name);
    const bool removal = o->value == VALUE_NIL;
    const struct redis_words commands[] = {
        {{"MULTI"}},
        {{removal ? "DEL" : "SET", name, removal ? NULL : redis_digits(o->value, digits)}},
        {{"EXEC"}},
    };
    redis_ask(c, commands, 3, changed);
    return (struct workload_outcome){END_OPEN, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[REDIS_KEY_MAX];
    redis_key(c->workload, "c", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? redis_ask(c, &(struct redis_words){{"GET", name}}, 1, redis_read_answered) : code;
}

static int begin_write(struct workload_client *c, uint32_t key, int64_t value)
{
    char name[REDIS_KEY_MAX], digits[24];
    redis_key(c->workload, "c", key, name);
    const bool removal = value == VALUE_NIL;
    const struct redis_words command = {{removal ? "DEL" : "SET", name, removal ? NULL : redis_digits(value, digits)}};
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? redis_ask(c, &command, 1, redis_write_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    uint64_t what = random_below(r, 20);
    char name[REDIS_KEY_MAX];
    if (what < 8)
        return begin_read(c, key);
    if (what < 12)
        return begin_write(c, key, what == 8 ? VALUE_NIL : workload_value(c->workload));
    redis_key(c->workload, "c", key, name);
    /* What an earlier attempt may have left watched is none of this one's business. */
    const struct redis_words commands[] = {{{"UNWATCH"}}, {{"WATCH", name}}, {{"GET", name}}};
    int code = workload_invoke(c, OPERATION_CAS, key, workload_value(c->workload));
    return code == 0 ? redis_ask(c, commands, 3, read_to_change) : code;
}

const struct workload_kind workload_redis_cas = {
    .name = "redis-cas",
    .summary = "keys of Redis set, deleted, read, and changed by transactions that watch them",
    .services = (const char *const[]){REDIS_SERVICE, NULL},
    .models = (const char *const[]){"cas-register", NULL},
    .prepare = redis_prepare,
    .begin = begin,
    .final_read = begin_read,
    .stop = redis_stop,
};
