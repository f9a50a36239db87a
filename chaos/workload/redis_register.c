/* Registers in Redis: SET and GET. */
#include "chaos/workload/kinds.h"
#include "chaos/workload/redis_calls.h"

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[REDIS_KEY_MAX];
    redis_key(c->workload, "r", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? redis_ask(c, &(struct redis_words){{"GET", name}}, 1, redis_read_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    char name[REDIS_KEY_MAX], digits[24];
    if (random_below(r, 2) == 0)
        return begin_read(c, key);
    int64_t value = workload_value(c->workload);
    redis_key(c->workload, "r", key, name);
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    const struct redis_words set = {{"SET", name, redis_digits(value, digits)}};
    return code == 0 ? redis_ask(c, &set, 1, redis_write_answered) : code;
}

const struct workload_kind workload_redis_register = {
    .name = "redis-register",
    .summary = "keys of Redis set and read",
    .services = (const char *const[]){REDIS_SERVICE, NULL},
    .models = (const char *const[]){"register", NULL},
    .prepare = redis_prepare,
    .begin = begin,
    .final_read = begin_read,
    .stop = redis_stop,
};
