#include "chaos/workload/redis_calls.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

struct user { /* of a client */
    struct redis_client *redis;
    redis_answered *answered;
    const char *command; /* the first of those under way */
    uint64_t asked;
};

void redis_key(const struct workload *w, const char *prefix, uint32_t key, char out[REDIS_KEY_MAX])
{
    snprintf(out, REDIS_KEY_MAX, "%s/%s%u", workload_name(w), prefix, key);
}

const char *redis_digits(int64_t value, char out[24])
{
    snprintf(out, 24, "%lld", (long long)value);
    return out;
}

int redis_prepare(struct workload *w, struct error *err)
{
    struct target *t = workload_target(w);
    int code = workload_client_states(w, sizeof(struct user), err);
    for (int i = 0; code == 0 && i < workload_clients(w); i++) {
        struct user *u = workload_client(w, i)->state;
        const struct target_component *door = workload_door(w, REDIS_SERVICE, (uint32_t)i);
        if (door == NULL || door->tcp.address == NULL)
            code = error_set(err, ERROR_UNSUPPORTED, "%s has no \"tcp\" door to speak to Redis at",
                             door != NULL ? door->name : "the system");
        else
            code = redis_client_new(t->world, door->tcp.address, &u->redis, err);
    }
    return code;
}

/* Nobody is called back any more: what was under way may have happened, or may still. */
void redis_stop(struct workload *w)
{
    for (int i = 0; i < workload_clients(w); i++) {
        struct workload_client *c = workload_client(w, i);
        struct user *u = c->state;
        if (u == NULL)
            continue;
        redis_client_free(u->redis);
        u->redis = NULL;
        if (c->operation >= 0)
            workload_end(c, END_INFO, VALUE_NIL);
    }
}

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct workload_client *c = arg;
    const struct user *u = c->state;
    workload_called(c, u->command, answer->code == 0, world_now(workload_target(c->workload)->world) - u->asked);
    struct workload_outcome outcome = u->answered(c, answer);
    if (outcome.end != END_OPEN)
        workload_end(c, outcome.end, outcome.value);
}

int redis_ask(struct workload_client *c, const struct redis_words *commands, size_t count, redis_answered *answered)
{
    struct user *u = c->state;
    struct bytes words[REDIS_COMMANDS_MAX][REDIS_WORDS_MAX];
    struct redis_command list[REDIS_COMMANDS_MAX];
    int code = u->redis == NULL ? ERROR_CANCELLED : count > REDIS_COMMANDS_MAX ? ERROR_LIMIT : 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        list[i] = (struct redis_command){words[i], 0};
        for (size_t n = 0; n < REDIS_WORDS_MAX && commands[i].words[n] != NULL; n++)
            words[i][list[i].count++] = bytes_of(commands[i].words[n]);
    }
    u->answered = answered;
    u->command = commands[0].words[0];
    u->asked = world_now(workload_target(c->workload)->world);
    if (code == 0)
        code = redis_call(u->redis, list, count, WORKLOAD_OPERATION_LIMIT, on_answer, c, NULL);
    if (code != 0)
        workload_end(c, workload_end_undone(c), VALUE_NIL);
    return code;
}

enum operation_end redis_end_of_write(struct workload_client *c, const struct redis_answer *answer)
{
    if (answer->code != 0)
        return answer->sent ? END_INFO : workload_end_undone(c);
    return answer->replies[0]->kind == RESP_ERROR ? workload_end_undone(c) : END_OK;
}

bool redis_value(const struct resp_reply *reply, int64_t *out)
{
    char digits[24] = "";
    if (reply->kind != RESP_NIL && reply->kind != RESP_TEXT)
        return false;
    *out = reply->kind == RESP_NIL ? VALUE_NIL : REDIS_GARBLED;
    if (reply->kind == RESP_TEXT && reply->text.len < sizeof digits) {
        memcpy(digits, reply->text.data, reply->text.len);
        if (units_parse_integer(digits, 1, INT64_MAX, out, NULL) != 0)
            *out = REDIS_GARBLED;
    }
    return true;
}

struct workload_outcome redis_read_answered(struct workload_client *c, const struct redis_answer *answer)
{
    int64_t value = VALUE_NIL;
    (void)c;
    bool told = answer->code == 0 && redis_value(answer->replies[0], &value);
    return (struct workload_outcome){told ? END_OK : END_FAIL, value};
}

struct workload_outcome redis_write_answered(struct workload_client *c, const struct redis_answer *answer)
{
    return (struct workload_outcome){redis_end_of_write(c, answer), VALUE_NIL};
}
