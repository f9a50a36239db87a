/* Quotas of the runtime component in the simulated world: that they hold, also for what comes at the same moment. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "runtime/runtime/runner.h"
#include "runtime/runtime/test_runner.h"

#include <stdio.h>
#include <string.h>

/* A Create, or with UPDATE an Update, that says its memory and instances; `name` is a service's. */
static void ask_memory(struct test_runner *f, const char *path, const char *name, const char *memory, int instances,
                       int status, const char *words)
{
    char json[500];
    (void)snprintf(
        json, sizeof json,
        "{\"resource\":{\"service\":{\"name\":\"%s\",\"metadata\":{%s%s%s}}},\"options\":{%s\"namespace\":\"blue\","
        "\"instances\":%d}}",
        name, memory ? "\"memory\":\"" : "", memory ? memory : "", memory ? "\"" : "",
        strcmp(path, CREATE) == 0 ? "\"command\":[\"sleeper\"]," : "", instances);
    test_runtime(f, path, json, status, words);
}

/* Until every update has taken over. */
static void updated(struct test_runner *f)
{
    assert_int_equal(sim_run_for(f->system.sim, (uint64_t)(5 * SECOND)), 0);
}

static void quotas_hold(void **state)
{
    (void)state;
    static const char quota[] = "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"requests\":"
                                "{\"Memory\":300},\"limits\":{\"Memory\":200}}}}";
    static const char larger[] = "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"limits\":"
                                 "{\"Memory\":256}}}}";
    static const char smaller[] = "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"limits\":"
                                  "{\"Memory\":255}}}}";
    struct test_runner f;
    test_begin(&f, 22);
    ask_memory(&f, CREATE, "bad", "15", 1, GRPC_INVALID_ARGUMENT, "memory");
    ask_memory(&f, CREATE, "bad", "lots", 1, GRPC_INVALID_ARGUMENT, "memory");
    ask_memory(&f, CREATE, "one", NULL, 1, GRPC_OK, NULL);
    test_runtime(&f, CREATE, quota, GRPC_ALREADY_EXISTS, "one of namespace blue has no bound");
    ask_memory(&f, UPDATE, "one", "128", 1, GRPC_OK, NULL);
    test_runtime(&f, CREATE, quota, GRPC_ALREADY_EXISTS, "has no bound"); /* it may still stay as it is */
    updated(&f);
    test_runtime(&f, CREATE, quota, GRPC_OK, NULL);
    ask_memory(&f, CREATE, "two", NULL, 1, GRPC_INVALID_ARGUMENT, "memory quota q");
    ask_memory(&f, CREATE, "two", "64", 2, GRPC_RESOURCE_EXHAUSTED, "200 MiB of memory, 128 of them taken: 128 (2");
    ask_memory(&f, CREATE, "two", "64", 1, GRPC_OK, NULL);
    ask_memory(&f, UPDATE, "two", "64", 2, GRPC_RESOURCE_EXHAUSTED, "quota q");
    ask_memory(&f, UPDATE, "one", "136", 1, GRPC_OK, NULL); /* to the last MiB */
    ask_memory(&f, UPDATE, "one", "137", 1, GRPC_RESOURCE_EXHAUSTED, "quota q");
    /* It is the namespace's, and holds after a restart. */
    test_create(&f, "free", "sleeper", "");
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(5 * SECOND)), 0);
    assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    ask_memory(&f, UPDATE, "two", "65", 1, GRPC_RESOURCE_EXHAUSTED, "quota q");
    test_runtime(&f, UPDATE, larger, GRPC_OK, NULL);
    ask_memory(&f, UPDATE, "two", "120", 1, GRPC_OK, NULL);
    test_runtime(&f, UPDATE, smaller, GRPC_ALREADY_EXISTS, "256 MiB of memory already");
    test_end(&f);
}

/* ---- at once ---------------------------------------------------------------------------------------------------- */

/* A call nobody waits for. One connection for each, so that what is asked first is heard first. */
struct asked {
    struct rpc_channel *channel;
    int status;
    struct text words;
};

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct asked *a = arg;
    a->status = reply->status;
    text_add(&a->words, reply->message.data, reply->message.len);
}

static void ask(struct test_runner *f, struct asked *a, const char *path, const char *json)
{
    const struct rpc_channel_options options = {.addresses = "runtime:8088"};
    const struct grpc_header bearer = {bytes_of("authorization"),
                                       bytes_of(arena_printf(&f->arena, "Bearer %s", f->token))};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&bearer, 1},
                                        .content_type = "application/grpc+json",
                                        .wait_for_ready = true,
                                        .message = bytes_of(json),
                                        .has_message = true};
    *a = (struct asked){.status = -1};
    assert_int_equal(rpc_channel_new(f->system.client, &options, &a->channel, NULL), 0);
    assert_int_equal(rpc_unary(a->channel, &request, on_answer, a, NULL, NULL), 0);
}

static void forget(struct asked *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rpc_channel_free(asked[i].channel);
        text_deinit(&asked[i].words);
    }
}

/* Two at a time cannot both have the last of it. */
static void quotas_hold_at_once(void **state)
{
    (void)state;
    enum { MANY = 4 };
    struct test_runner f;
    struct asked asked[MANY];
    int made = 0;
    test_begin(&f, 23);
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"limits\":{\"Memory\":40}}}}",
        GRPC_OK, NULL);
    for (int i = 0; i < MANY; i++)
        ask(&f, &asked[i], CREATE,
            arena_printf(&f.arena,
                         "{\"resource\":{\"service\":{\"name\":\"s%d\",\"metadata\":{\"memory\":\"20\"}}},"
                         "\"options\":{\"command\":[\"sleeper\"],\"namespace\":\"blue\"}}",
                         i));
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(10 * SECOND)), 0);
    for (int i = 0; i < MANY; i++) {
        made += asked[i].status == GRPC_OK;
        assert_true(asked[i].status == GRPC_OK || asked[i].status == GRPC_RESOURCE_EXHAUSTED);
    }
    assert_int_equal(made, 2);
    forget(asked, MANY);
    test_end(&f);
}

/* While the store takes its time: the first is on its way there, and the second must not miss it. */
static void first_counts(const char *path, const char *first, const char *path_2, const char *second,
                         const char *before, int status, const char *words)
{
    struct test_runner f;
    struct asked asked[2];
    test_begin(&f, 24);
    if (before)
        test_runtime(&f, CREATE, before, GRPC_OK, NULL);
    updated(&f);
    assert_int_equal(sim_pause(f.system.sim, "store"), 0);
    ask(&f, &asked[0], path, first);
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND)), 0);
    assert_int_equal(asked[0].status, -1);
    ask(&f, &asked[1], path_2, second);
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND)), 0);
    assert_int_equal(sim_resume(f.system.sim, "store"), 0);
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(10 * SECOND)), 0);
    assert_int_equal(asked[0].status, GRPC_OK);
    if (asked[1].status != status || !strstr(text_string(&asked[1].words), words))
        fail_msg("%s, then %s: %d %s", first, second, asked[1].status, text_string(&asked[1].words));
    forget(asked, 2);
    test_end(&f);
}

#define SERVICE(memory)                                                                                                \
    "{\"resource\":{\"service\":{\"name\":\"one\",\"metadata\":{" memory "}}},"                                        \
    "\"options\":{\"command\":[\"sleeper\"],\"namespace\":\"blue\"}}"
#define MEMORY(mebibytes) "\"memory\":\"" #mebibytes "\""
#define QUOTA(mebibytes)                                                                                               \
    "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"limits\":{\"Memory\":" #mebibytes "}}}" \
    "}"

static void quotas_and_services_at_once(void **state)
{
    (void)state;
    first_counts(CREATE, QUOTA(40), CREATE, SERVICE(""), NULL, GRPC_INVALID_ARGUMENT, "memory quota q");
    first_counts(CREATE, QUOTA(40), CREATE, SERVICE(MEMORY(64)), NULL, GRPC_RESOURCE_EXHAUSTED, "are too many");
    first_counts(CREATE, QUOTA(64), CREATE, SERVICE(MEMORY(64)), NULL, GRPC_OK, "");
    first_counts(CREATE, SERVICE(""), CREATE, QUOTA(40), NULL, GRPC_ALREADY_EXISTS, "has no bound");
    first_counts(CREATE, SERVICE(MEMORY(64)), CREATE, QUOTA(40), NULL, GRPC_ALREADY_EXISTS, "64 MiB of memory already");
    first_counts(CREATE, SERVICE(MEMORY(64)), CREATE, QUOTA(64), NULL, GRPC_OK, "");
    /* a quota that changes: both hold until it has */
    first_counts(UPDATE, QUOTA(40), CREATE, SERVICE(MEMORY(64)), QUOTA(80), GRPC_RESOURCE_EXHAUSTED, "are too many");
    first_counts(UPDATE, QUOTA(80), CREATE, SERVICE(MEMORY(64)), QUOTA(40), GRPC_RESOURCE_EXHAUSTED, "are too many");
    first_counts(DELETE, QUOTA(40), CREATE, SERVICE(MEMORY(64)), QUOTA(40), GRPC_RESOURCE_EXHAUSTED, "are too many");
    /* a service that changes: what it has and what it is to have */
    first_counts(UPDATE,
                 "{\"resource\":{\"service\":{\"name\":\"one\",\"metadata\":{\"memory\":\"32\"}}},\"options\":{"
                 "\"namespace\":\"blue\"}}",
                 CREATE, QUOTA(40), SERVICE(MEMORY(64)), GRPC_ALREADY_EXISTS, "64 MiB");
    /* the same quota twice */
    first_counts(CREATE, QUOTA(40), CREATE, QUOTA(80), NULL, GRPC_ALREADY_EXISTS, "another change");
}

/* An update to less that never takes over leaves the service with what it had, which nobody got meanwhile. */
static void what_an_update_gives_back(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 25);
    test_runtime(&f, CREATE, QUOTA(100), GRPC_OK, NULL);
    ask_memory(&f, CREATE, "one", "80", 1, GRPC_OK, NULL);
    updated(&f);
    ask_memory(&f, UPDATE, "one", "20", 1, GRPC_OK, NULL);
    assert_int_equal(sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND)), 0);
    ask_memory(&f, CREATE, "two", "80", 1, GRPC_RESOURCE_EXHAUSTED, "80 of them taken");
    assert_int_equal(sim_kill(f.system.sim, "blue.one-latest.1"), 0); /* any death ends an update */
    updated(&f);
    ask_memory(&f, CREATE, "two", "80", 1, GRPC_RESOURCE_EXHAUSTED, "80 of them taken");
    ask_memory(&f, UPDATE, "one", "20", 1, GRPC_OK, NULL);
    updated(&f);
    ask_memory(&f, CREATE, "two", "80", 1, GRPC_OK, NULL);
    test_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_hold),
        cmocka_unit_test(quotas_hold_at_once),
        cmocka_unit_test(quotas_and_services_at_once),
        cmocka_unit_test(what_an_update_gives_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
