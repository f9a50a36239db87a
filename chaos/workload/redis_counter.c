/* Counters in Redis: INCR and GET. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/redis_calls.h"

/* A counter nobody has added to is not there, and 0. */
static struct workload_outcome read_answered(struct workload_client *c, const struct redis_answer *answer)
{
    struct workload_outcome outcome = redis_read_answered(c, answer);
    if (outcome.end == END_OK && outcome.value == VALUE_NIL)
        outcome.value = 0;
    return outcome;
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[REDIS_KEY_MAX];
    redis_key(c->workload, "n", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? redis_ask(c, &(struct redis_words){{"GET", name}}, 1, read_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    char name[REDIS_KEY_MAX];
    if (random_below(r, 3) == 0)
        return begin_read(c, key);
    redis_key(c->workload, "n", key, name);
    int code = workload_invoke(c, OPERATION_ADD, key, 1);
    return code == 0 ? redis_ask(c, &(struct redis_words){{"INCR", name}}, 1, redis_write_answered) : code;
}

const struct workload_kind workload_redis_counter = {
    .name = "redis-counter",
    .summary = "counters of Redis counted up and read",
    .services = (const char *const[]){REDIS_SERVICE, NULL},
    .models = (const char *const[]){"counter", NULL},
    .prepare = redis_prepare,
    .begin = begin,
    .final_read = begin_read,
    .stop = redis_stop,
};
