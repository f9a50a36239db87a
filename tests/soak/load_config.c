/* Config: every path is a register, written with unique values by Config.Set, read by Config.Get. Half of the paths lie
 * in one tree, so that merging must keep what others set beside. There are two configs on nodes of their own, and each
 * client takes either: one queues its own changes, but only the store's preconditions keep it from undoing what the
 * other one changed between its read and its write. */
#include "tests/soak/soak.h"

#include "chaos/check/check.h"
#include "proto/config/config.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS     3
#define KEYS        6
#define PAUSE_MAX   ((int64_t)(200 * MILLISECOND))
#define FINAL_TRIES 40

struct client {
    struct load *load;
    struct soak_client client;
    int64_t operation;
    int32_t process;
    bool write;
};
struct load {
    struct soak *soak;
    struct soak_crew crew;
    struct history history;
    struct client clients[CLIENTS];
    int32_t next_process;
    int64_t next_value;
};

static void path_of(uint32_t key, char out[32])
{
    snprintf(out, 32, key % 2 ? "soak.tree.k%u" : "soak_k%u", key);
}

/* "123" or "null" (VALUE_NIL); -1 when it is neither. */
static int64_t value_of(const ProtobufCMessage *reply)
{
    const Config__GetResponse *r = (const Config__GetResponse *)(const void *)reply;
    char *end = NULL;
    if (!r->value || strcmp(r->value->data, "null") == 0 || r->value->data[0] == '\0')
        return VALUE_NIL;
    long long value = strtoll(r->value->data, &end, 10);
    return *end ? -1 : value;
}

static void answered(void *arg, const struct soak_answer *a)
{
    struct client *c = arg;
    struct load *l = c->load;
    uint64_t now = world_now(l->soak->world);
    if (c->write) {
        enum operation_end end = a->end == SOAK_OK ? END_OK : a->end == SOAK_REFUSED ? END_FAIL : END_INFO;
        if (a->end == SOAK_REFUSED)
            soak_fail(l->soak, "config: Set was refused: %s", a->message);
        history_end(&l->history, c->operation, end, 0, now);
        if (end == END_INFO)
            c->process = l->next_process++;
    } else if (a->end == SOAK_OK) {
        int64_t value = value_of(a->reply);
        if (value == -1)
            soak_fail(l->soak, "config: Get answered what nobody wrote");
        history_end(&l->history, c->operation, END_OK, value, now);
    } else if (a->status == GRPC_NOT_FOUND) {
        history_end(&l->history, c->operation, END_OK, VALUE_NIL, now); /* nothing was ever set */
    } else {
        history_end(&l->history, c->operation, END_FAIL, 0, now);
    }
    soak_client_done(&c->client);
}

static const char *either(struct load *l)
{
    return random_below(&l->crew.random, 2) ? SOAK_SECOND_CONFIG : "config";
}

static void get(struct soak *s, const char *where, uint32_t key, soak_done *done, void *arg)
{
    char path[32], namespace[] = "micro";
    Config__GetRequest request = CONFIG__GET_REQUEST__INIT;
    path_of(key, path);
    request.namespace_ = namespace;
    request.path = path;
    soak_call(s, where, "/config.Config/Get", NULL, &request.base, &config__get_response__descriptor, done, arg);
}

static void set(struct soak *s, const char *where, uint32_t key, int64_t value, soak_done *done, void *arg)
{
    char path[32], namespace[] = "micro", digits[24], format[] = "json";
    Config__SetRequest request = CONFIG__SET_REQUEST__INIT;
    Config__Value v = CONFIG__VALUE__INIT;
    path_of(key, path);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    v.data = digits;
    v.format = format;
    request.namespace_ = namespace;
    request.path = path;
    request.value = &v;
    soak_call(s, where, "/config.Config/Set", NULL, &request.base, &config__set_response__descriptor, done, arg);
}

static void act(void *arg)
{
    struct client *c = arg;
    struct load *l = c->load;
    uint32_t key = (uint32_t)random_below(&l->crew.random, KEYS);
    c->write = random_below(&l->crew.random, 2) == 0;
    int64_t value = c->write ? ++l->next_value : 0;
    c->operation = history_invoke(&l->history, c->process, c->write ? OPERATION_WRITE : OPERATION_READ, key, value,
                                  world_now(l->soak->world));
    if (c->operation < 0)
        abort();
    if (c->write)
        set(l->soak, either(l), key, value, answered, c);
    else
        get(l->soak, either(l), key, answered, c);
}

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    soak_crew_init(&l->crew, s, "config", PAUSE_MAX);
    history_init(&l->history);
    for (size_t i = 0; i < CLIENTS; i++) {
        l->clients[i] = (struct client){.load = l, .process = l->next_process++};
        soak_client_init(&l->clients[i].client, &l->crew, act, &l->clients[i]);
    }
    return l;
}

/* Reads a key until it is answered. */
static void final_read(struct soak *s, struct load *l, uint32_t key)
{
    struct client *c = &l->clients[0];
    for (int i = 0; i < FINAL_TRIES; i++) {
        c->write = false;
        c->client.busy = true;
        c->operation = history_invoke(&l->history, c->process, OPERATION_READ, key, 0, world_now(s->world));
        get(s, i % 2 ? SOAK_SECOND_CONFIG : "config", key, answered, c);
        soak_crew_wait(&l->crew);
        if (l->history.operations[c->operation].end == END_OK)
            return;
        (void)world_sleep(s->world, (uint64_t)(250 * MILLISECOND));
    }
    soak_fail(s, "config: the last reads are not answered");
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    struct check_result result;
    check_result_init(&result);
    soak_crew_rest(&l->crew);
    size_t final_from = l->history.count;
    for (uint32_t key = 0; key < KEYS; key++)
        final_read(s, l, key);
    if (check_register(&l->history, &result) != 0 || result.verdict != VERDICT_VALID)
        soak_fail(s, "config: not linearizable at key %u: %s", result.key, result.reason);
    if (check_lost_writes(&l->history, final_from, &result) != 0 || result.verdict != VERDICT_VALID)
        soak_fail(s, "config: lost write at key %u: %s", result.key, result.reason);
    check_result_deinit(&result);
}

static uint64_t progress(const void *load)
{
    const struct load *l = load;
    uint64_t ok = 0;
    for (size_t i = 0; i < l->history.count; i++)
        ok += l->history.operations[i].end == END_OK;
    return ok;
}

static void stop(void *load)
{
    struct load *l = load;
    history_deinit(&l->history);
    free(l);
}

const struct soak_load soak_config = {"config", start, check, progress, stop};
