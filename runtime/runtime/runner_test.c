/* The runtime component in the simulated world: the life of services, their restarts, what survives, who may do what.
 */
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

static void lives(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 1);
    test_runtime(&f, READ, "{}", GRPC_OK, "\"services\":[]");
    test_runtime(&f, CREATE, "{}", GRPC_INVALID_ARGUMENT, "missing resource");
    test_runtime(&f, CREATE, "{\"resource\":{}}", GRPC_INVALID_ARGUMENT, "missing resource");
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_NOT_FOUND, "not found");
    test_runtime(&f, UPDATE, test_of(&f, "one"), GRPC_NOT_FOUND, "not found");
    test_create(&f, "one", "sleeper",
                ",\"env\":[\"COLOUR=blue\"],\"secrets\":{\"PASSWORD\":\"sesame\"},\"type\":\"service\"");
    test_runtime(&f, CREATE, "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"command\":[\"sleeper\"]}}",
                 GRPC_ALREADY_EXISTS, "already exists");
    test_runtime_until(&f, "\"status\":4", 3);
    assert_string_equal(test_metadata(&f, "status"), "running");
    assert_string_equal(test_metadata(&f, "group"), "micro");
    assert_string_equal(test_metadata(&f, "owner"), "tester");
    assert_string_equal(test_metadata(&f, "instances"), "1/1");
    assert_string_equal(test_metadata(&f, "error"), "");
    assert_int_equal(strlen(test_metadata(&f, "started")), 24);
    assert_int_equal(test_starts, 1);
    /* who it is, and nothing of who the runtime is; never test_told by Read */
    const char *env = text_string(&test_told);
    assert_non_null(strstr(env, "MICRO_SERVICE_NAME=one;MICRO_SERVICE_VERSION=latest;MICRO_NAMESPACE=micro;"
                                "MICRO_AUTH_ID=one-latest;MICRO_AUTH_SECRET="));
    assert_non_null(strstr(env, "MICRO_PROFILE=service;MICRO_SERVICE_ADDRESS=0.0.0.0:0;COLOUR=blue;PASSWORD=sesame;"));
    assert_null(strstr(env, "MICRO_TOKEN"));
    assert_null(strstr(env, "PRIVATE_KEY"));
    struct sim_answer a = {0};
    sim_system_call(&f.system, "runtime", READ, f.token, "{}", &a);
    assert_null(strstr(text_string(&a.text), "sesame"));
    assert_null(strstr(text_string(&a.text), "blue"));
    sim_answer_deinit(&a);
    /* its account works */
    char secret[128];
    const char *from = strstr(env, "MICRO_AUTH_SECRET=") + 18;
    snprintf(secret, sizeof secret, "%.*s", (int)strcspn(from, ";"), from);
    assert_int_equal(strlen(secret), 64);
    char *ask = arena_printf(&f.arena, "{\"id\":\"one-latest\",\"secret\":\"%s\"}", secret);
    test_expect(&f.system, "auth", "/auth.Auth/Token", NULL, ask, GRPC_OK, "access_token");
    /* filters */
    test_runtime(&f, READ, "{\"options\":{\"service\":\"two\"}}", GRPC_OK, "\"services\":[]");
    test_runtime(&f, READ, "{\"options\":{\"version\":\"1\"}}", GRPC_OK, "\"services\":[]");
    test_runtime(&f, READ, "{\"options\":{\"type\":\"service\",\"service\":\"one\"}}", GRPC_OK, "\"name\":\"one\"");
    /* and the end of it */
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
    assert_int_equal(test_stops, 1);
    test_runtime(&f, READ, "{}", GRPC_OK, "\"services\":[]");
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_NOT_FOUND, "not found");
    test_expect(&f.system, "auth", "/auth.Auth/Token", NULL, ask, GRPC_INVALID_ARGUMENT, "not found");
    test_create(&f, "one", "sleeper", "");
    test_runtime_until(&f, "\"status\":4", 3);
    test_end(&f);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *service, *options, *words;
    } bad[] = {
        {"\"name\":\"../x\"", "\"command\":[\"a\"]", "invalid service name"},
        {"\"name\":\"\"", "\"command\":[\"a\"]", "invalid service name"},
        {"\"name\":\"x\",\"version\":\"a/b\"", "\"command\":[\"a\"]", "invalid version"},
        {"\"name\":\"x\"", "\"instances\":1", "a source or a command is required"},
        {"\"name\":\"x\"", "\"command\":[\"\"]", "blank"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"instances\":17", "instances"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"instances\":-1", "instances"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"env\":[\"NOVALUE\"]", "invalid environment variable"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"env\":[\"A B=c\"]", "invalid environment variable"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"env\":[\"MICRO_AUTH_ID=root\"]", "set by the runtime"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"secrets\":{\"1\":\"a\"}", "invalid environment variable"},
        {"\"name\":\"x\"", "\"image\":\"busybox\"", "images"},
        {"\"name\":\"x\"", "\"command\":[\"a\"],\"volumes\":{\"a\":\"b\"}", "volumes"},
        {"\"name\":\"x\",\"source\":\"ftp://x\"", "\"instances\":1", "invalid source"},
        {"\"name\":\"x\",\"source\":\"source://x\"", "\"instances\":1", "invalid source"},
        {"\"name\":\"x\",\"source\":\"source://../a:b\"", "\"instances\":1", "invalid source"},
        {"\"name\":\"x\",\"metadata\":{\"retries\":\"many\"}", "\"command\":[\"a\"]", "retries"},
    };
    struct test_runner f;
    test_begin(&f, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *json = arena_printf(&f.arena, "{\"resource\":{\"service\":{%s}},\"options\":{%s}}", bad[i].service,
                                  bad[i].options);
        test_runtime(&f, CREATE, json, GRPC_INVALID_ARGUMENT, bad[i].words);
    }
    test_runtime(&f, READ, "{}", GRPC_OK, "\"services\":[]");
    /* who may */
    struct sim_system *s = &f.system;
    const char *user = sim_system_token(s, &f.arena, "u", "user", "micro", NULL);
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    const char *json = "{\"resource\":{\"service\":{\"name\":\"x\"}},\"options\":{\"command\":[\"sleeper\"]}}";
    const char *theirs = "{\"resource\":{\"service\":{\"name\":\"x\"}},\"options\":{\"command\":[\"sleeper\"],"
                         "\"namespace\":\"micro\"}}";
    const char *plain = "{\"resource\":{\"service\":{\"name\":\"x\"}}}";
    const char *plainly = "{\"resource\":{\"service\":{\"name\":\"x\"}},\"options\":{\"namespace\":\"micro\"}}";
    static const char *const paths[] = {CREATE, UPDATE, DELETE};
    for (size_t i = 0; i < 3; i++) {
        test_expect(s, "runtime", paths[i], NULL, i ? plain : json, GRPC_UNAUTHENTICATED, "account is required");
        test_expect(s, "runtime", paths[i], user, i ? plain : json, GRPC_UNAUTHENTICATED, "Unauthorized");
        test_expect(s, "runtime", paths[i], stranger, i ? plainly : theirs, GRPC_PERMISSION_DENIED, "Forbidden");
    }
    test_expect(s, "runtime", READ, NULL, "{}", GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "runtime", READ, user, "{}", GRPC_OK, NULL);
    test_expect(s, "runtime", LOGS, user, "{\"service\":\"x\"}", GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "runtime", LOGS, stranger, "{\"service\":\"store\",\"options\":{\"namespace\":\"micro\"}}",
                GRPC_PERMISSION_DENIED, NULL);
    /* names that would be somebody else's */
    test_runtime(&f, CREATE,
                 "{\"resource\":{\"service\":{\"name\":\"store\"}},\"options\":{\"command\":[\"sleeper\"]}}",
                 GRPC_INVALID_ARGUMENT, "component of micro");
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"service\":{\"name\":\"a\",\"version\":\"b-c\"}},\"options\":{\"command\":[\"sleeper\"]}}",
        GRPC_OK, NULL);
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"service\":{\"name\":\"a-b\",\"version\":\"c\"}},\"options\":{\"command\":[\"sleeper\"]}}",
        GRPC_ALREADY_EXISTS, "written together");
    test_runtime(&f, DELETE, "{\"resource\":{\"service\":{\"name\":\"a\",\"version\":\"b-c\"}}}", GRPC_OK, NULL);
    /* each namespace has its own */
    test_expect(s, "runtime", CREATE, stranger, json, GRPC_OK, NULL);
    test_runtime(&f, READ, "{}", GRPC_OK, "\"services\":[]");
    test_eventually(s, "runtime", READ, stranger, "{}", GRPC_OK, "\"status\":4", 3);
    test_runtime(&f, READ, "{\"options\":{\"namespace\":\"tenant\"}}", GRPC_OK, "\"group\":\"tenant\"");
    test_runtime(&f, READ, "{\"options\":{\"namespace\":\"../x\"}}", GRPC_INVALID_ARGUMENT, "namespace");
    test_end(&f);
}

static void restarts(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 3);
    test_create(&f, "bad", "failer", "");
    test_runtime_until(&f, "\"status\":7", 2);
    assert_non_null(strstr(test_metadata(&f, "error"), "exited with code 1"));
    sim_run_for(f.system.sim, (uint64_t)(60 * SECOND));
    /* 100 ms doubling to 30 s: 0.1 0.3 0.7 1.5 3.1 6.3 12.7 25.5 51.1 */
    assert_in_range(test_failures, 9, 11);
    assert_string_equal(test_metadata(&f, "status"), "error");
    test_succeed = 1;
    test_runtime_until(&f, "\"status\":4", 40);
    assert_string_equal(test_metadata(&f, "error"), "");
    /* a death is seen at once, and after a steady time the back-off test_starts over */
    sim_run_for(f.system.sim, RUNNER_STEADY);
    assert_int_equal(sim_kill(f.system.sim, "bad-latest"), 0);
    sim_run_for(f.system.sim, (uint64_t)MILLISECOND);
    assert_non_null(strstr(test_metadata(&f, "error"), "killed by signal 9"));
    assert_string_equal(test_metadata(&f, "instances"), "0/1");
    test_runtime_until(&f, "\"instances\":\"1/1\"", 1);
    /* its log says all that, also to whoever asks later */
    struct test_stream t;
    test_stream_open(&t, &f.system, "runtime", LOGS, f.token, "{\"service\":\"bad\",\"count\":\"5\"}");
    test_stream_wait(&t, 0);
    assert_int_equal(t.status, GRPC_OK);
    assert_int_equal(t.messages, 5);
    assert_non_null(strstr(text_string(&t.lines), "killed by signal 9"));
    assert_non_null(strstr(text_string(&t.lines), "\"stream\":\"runtime\""));
    test_stream_close(&t);
    test_end(&f);
}

static void retries(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 4);
    test_runtime(&f, CREATE,
                 "{\"resource\":{\"service\":{\"name\":\"bad\",\"metadata\":{\"retries\":\"3\",\"team\":\"red\"}}},"
                 "\"options\":{\"command\":[\"failer\"]}}",
                 GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(100 * SECOND));
    assert_int_equal(test_failures, 4);
    assert_non_null(strstr(test_metadata(&f, "error"), "not started again after 3 retries"));
    assert_string_equal(test_metadata(&f, "team"), "red");
    assert_string_equal(test_metadata(&f, "status"), "error");
    /* a program that is not there is test_told, not only failed */
    test_runtime(&f, DELETE, test_of(&f, "bad"), GRPC_OK, NULL);
    test_create(&f, "none", "no-such-program", "");
    test_runtime_until(&f, "cannot run no-such-program", 2);
    test_end(&f);
}

static void jobs(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 5);
    test_create(&f, "job", "done", "");
    test_runtime_until(&f, "\"instances\":\"1/1\"", 3); /* it runs half a second */
    test_runtime_until(&f, "\"status\":6", 3);
    sim_run_for(f.system.sim, (uint64_t)(60 * SECOND));
    assert_int_equal(test_starts, 1);
    /* what is done is not done again after a restart */
    assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(test_starts, 1);
    assert_string_equal(test_metadata(&f, "status"), "stopped");
    /* unless somebody wants it */
    test_runtime(&f, UPDATE, test_of(&f, "job"), GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(test_starts, 2);
    assert_string_equal(test_metadata(&f, "status"), "stopped");
    test_end(&f);
}

static void survives(void **state)
{
    (void)state;
    static const char *const nodes[] = {"runtime", "auth", "store", "registry"};
    struct test_runner f;
    test_begin(&f, 6);
    test_create(&f, "one", "sleeper", ",\"instances\":3,\"secrets\":{\"PASSWORD\":\"sesame\"}");
    test_create(&f, "two", "sleeper", "");
    test_runtime_until(&f, "\"3/3\"", 3);
    test_runtime_until(&f, "\"1/1\"", 3);
    assert_int_equal(test_starts, 4);
    assert_int_equal(sim_kill(f.system.sim, "runtime"), 0);
    sim_run_for(f.system.sim, (uint64_t)MILLISECOND);
    assert_int_equal(test_stops, 4); /* none is left */
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    test_runtime_until(&f, "\"3/3\"", 3);
    test_runtime_until(&f, "\"1/1\"", 3);
    assert_int_equal(test_starts, 8);
    assert_non_null(strstr(text_string(&test_told), "MICRO_AUTH_ID="));
    /* power cut for everybody */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sim_crash(f.system.sim, nodes[i]), 0);
    sim_run_for(f.system.sim, (uint64_t)MILLISECOND);
    assert_int_equal(test_stops, 8);
    sim_system_start(&f.system, "runtime"); /* before what it needs */
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    test_expect(&f.system, "runtime", READ, f.token, "{}", GRPC_UNAVAILABLE, "has not read its services yet");
    for (size_t i = 4; i-- > 1;)
        sim_system_start(&f.system, nodes[i]);
    sim_system_wait(&f.system, "runtime");
    test_runtime_until(&f, "\"3/3\"", 3);
    assert_int_equal(test_starts, 12);
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
    assert_int_equal(test_stops, 11);
    /* orderly: they are test_told, and gone before the component is */
    assert_int_equal(sim_terminate(f.system.sim, "runtime"), 0);
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    assert_false(sim_running(f.system.sim, "runtime"));
    assert_int_equal(test_stops, 12);
    test_end(&f);
}

static void store_away(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 7);
    test_create(&f, "one", "sleeper", "");
    test_runtime_until(&f, "\"status\":4", 3);
    assert_int_equal(sim_kill(f.system.sim, "store"), 0);
    test_runtime(&f, CREATE, "{\"resource\":{\"service\":{\"name\":\"two\"}},\"options\":{\"command\":[\"sleeper\"]}}",
                 GRPC_UNAVAILABLE, NULL);
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_UNAVAILABLE, NULL);
    test_runtime(&f, READ, "{}", GRPC_OK, "\"status\":4"); /* it still runs, and is test_told */
    assert_int_equal(test_starts, 1);
    sim_system_start(&f.system, "store");
    sim_system_wait(&f.system, "store");
    test_eventually(&f.system, "runtime", CREATE, f.token,
                    "{\"resource\":{\"service\":{\"name\":\"two\"}},\"options\":{\"command\":[\"sleeper\"]}}", GRPC_OK,
                    NULL, 10);
    test_runtime(&f, DELETE, test_of(&f, "two"), GRPC_OK, NULL);
    test_eventually(&f.system, "runtime", DELETE, f.token, test_of(&f, "one"), GRPC_OK, NULL, 20);
    test_runtime(&f, READ, "{}", GRPC_OK, "\"services\":[]");
    test_end(&f);
}

/* Deleting ends what runs at once, and ends as a whole, whatever is away and whoever dies meanwhile. */
static void deletes_in_the_end(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 15);
    test_create(&f, "one", "sleeper", "");
    test_runtime_until(&f, "\"status\":4", 3);
    assert_int_equal(sim_kill(f.system.sim, "auth"), 0);
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_UNAVAILABLE, "the deletion goes on by itself");
    assert_int_equal(test_stops, 1);
    assert_string_equal(test_metadata(&f, "status"), "stopping");
    assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    assert_string_equal(test_metadata(&f, "status"), "stopping");
    assert_int_equal(test_starts, 1);
    sim_system_start(&f.system, "auth");
    sim_system_wait(&f.system, "auth");
    test_runtime_until(&f, "\"services\":[]", 30);
    test_create(&f, "one", "sleeper", "");
    test_runtime_until(&f, "\"status\":4", 3);
    test_end(&f);
}

static void updates(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 8);
    test_create(&f, "one", "sleeper", ",\"env\":[\"COLOUR=blue\"]");
    test_runtime_until(&f, "\"status\":4", 3);
    test_runtime(&f, UPDATE, "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"instances\":2}}", GRPC_OK,
                 NULL);
    /* the old one runs until the new ones do */
    sim_run_for(f.system.sim, (uint64_t)(500 * MILLISECOND));
    assert_int_equal(test_starts, 3);
    assert_int_equal(test_stops, 0);
    test_runtime_until(&f, "\"2/2\"", 3);
    sim_run_for(f.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_int_equal(test_stops, 1);
    assert_non_null(strstr(text_string(&test_told), "COLOUR=blue"));
    /* an update that fails leaves what runs, and says why; the next one makes up for it */
    test_runtime(&f, UPDATE, "{\"resource\":{\"service\":{\"name\":\"one\",\"source\":\"/no/such/folder\"}}}", GRPC_OK,
                 NULL);
    test_runtime_until(&f, "the update failed", 3);
    assert_string_equal(test_metadata(&f, "status"), "running");
    assert_string_equal(test_metadata(&f, "source"), "");
    assert_int_equal(test_starts, 3);
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"command\":[\"failer\"],\"force\":true}}",
        GRPC_OK, NULL);
    test_runtime_until(&f, "the update failed: process", 3);
    assert_string_equal(test_metadata(&f, "instances"), "2/2");
    /* after a restart the good one runs, not the one that failed */
    assert_int_equal(sim_kill(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    test_runtime_until(&f, "\"status\":4", 3);
    assert_string_equal(test_metadata(&f, "instances"), "2/2");
    test_succeed = 1;
    test_runtime(
        &f, CREATE,
        "{\"resource\":{\"service\":{\"name\":\"one\"}},\"options\":{\"command\":[\"failer\"],\"force\":true}}",
        GRPC_OK, NULL);
    test_runtime_until(&f, "\"1/1\"", 3);
    assert_string_equal(test_metadata(&f, "error"), "");
    test_end(&f);
}

static void kills_the_deaf(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 9);
    test_create(&f, "one", "deaf", "");
    test_runtime_until(&f, "\"status\":4", 3);
    uint64_t before = sim_now(f.system.sim);
    test_runtime(&f, DELETE, test_of(&f, "one"), GRPC_OK, NULL);
    assert_int_equal(test_stops, 1);
    assert_in_range(sim_now(f.system.sim) - before, (uint64_t)RUNNER_STOP_GRACE,
                    (uint64_t)(RUNNER_STOP_GRACE + SECOND));
    test_end(&f);
}

static void resources(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"resource\":{\"namespace\":{\"name\":\"blue\"}}}",
        "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"namespace\":\"blue\",\"limits\":{\"Memory\":100}}}}"};
    struct test_runner f;
    test_begin(&f, 10);
    for (size_t i = 0; i < 2; i++) {
        test_runtime(&f, UPDATE, bodies[i], GRPC_NOT_FOUND, "not found");
        test_runtime(&f, CREATE, bodies[i], GRPC_OK, NULL);
        test_runtime(&f, CREATE, bodies[i], GRPC_ALREADY_EXISTS, "already exists");
    }
    assert_int_equal(sim_crash(f.system.sim, "runtime"), 0);
    sim_system_start(&f.system, "runtime");
    sim_system_wait(&f.system, "runtime");
    const char *stranger = sim_system_token(&f.system, &f.arena, "s", "user", "blue", "admin");
    test_expect(&f.system, "runtime", DELETE, stranger, bodies[0], GRPC_PERMISSION_DENIED, NULL);
    test_expect(&f.system, "runtime", UPDATE, stranger, bodies[1], GRPC_OK, NULL);
    for (size_t i = 0; i < 2; i++) {
        test_runtime(&f, DELETE, bodies[i], GRPC_OK, NULL);
        test_runtime(&f, DELETE, bodies[i], GRPC_NOT_FOUND, "not found");
    }
    test_runtime(&f, CREATE, "{\"resource\":{\"namespace\":{\"name\":\"a/b\"}}}", GRPC_INVALID_ARGUMENT,
                 "invalid name");
    test_end(&f);
}

/* What is not enforced is not kept. */
static void refuses_what_it_cannot(void **state)
{
    (void)state;
    static const char policy[] =
        "{\"resource\":{\"networkpolicy\":{\"name\":\"p\",\"namespace\":\"blue\",\"allowedlabels\":{\"a\":\"b\"}}}}";
    struct test_runner f;
    test_begin(&f, 21);
    test_runtime(&f, CREATE, policy, GRPC_UNIMPLEMENTED, "auth.Rules");
    test_runtime(&f, UPDATE, policy, GRPC_UNIMPLEMENTED, "auth.Rules");
    test_runtime(&f, DELETE, policy, GRPC_NOT_FOUND, "not found");
    test_runtime(&f, CREATE,
                 "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"limits\":{\"CPU\":100,\"Memory\":9}}}}",
                 GRPC_UNIMPLEMENTED, "control group");
    test_runtime(&f, CREATE,
                 "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"requests\":{\"EphemeralStorage\":1}}}}",
                 GRPC_UNIMPLEMENTED, "EphemeralStorage");
    test_runtime(&f, CREATE, "{\"resource\":{\"resourcequota\":{\"name\":\"q\",\"limits\":{\"Memory\":-1}}}}",
                 GRPC_INVALID_ARGUMENT, "Memory");
    test_runtime(&f, CREATE, "{\"resource\":{\"resourcequota\":{\"name\":\"q\"}}}", GRPC_INVALID_ARGUMENT, "Memory");
    test_expect(&f.system, "runtime", CREATE, NULL, policy, GRPC_UNAUTHENTICATED, NULL);
    test_end(&f);
}

static void follows_logs(void **state)
{
    (void)state;
    struct test_runner f;
    test_begin(&f, 11);
    test_runtime(&f, LOGS, "{\"service\":\"one\"}", GRPC_NOT_FOUND, "no log");
    test_runtime(&f, LOGS, "{\"service\":\"../one\"}", GRPC_INVALID_ARGUMENT, "invalid");
    test_runtime(&f, LOGS, "{\"service\":\"one\",\"count\":\"-1\"}", GRPC_INVALID_ARGUMENT, "negative");
    test_create(&f, "one", "sleeper", "");
    test_runtime_until(&f, "\"status\":4", 3);
    struct test_stream t;
    test_stream_open(&t, &f.system, "runtime", LOGS, f.token, "{\"service\":\"one\",\"stream\":true}");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    assert_int_equal(t.messages, 0);
    assert_int_equal(sim_kill(f.system.sim, "one-latest"), 0);
    test_stream_wait(&t, 1);
    assert_non_null(strstr(text_string(&t.lines), "killed by signal 9"));
    assert_false(t.ended);
    test_stream_close(&t);
    /* who still listens when the component goes is let go */
    test_stream_open(&t, &f.system, "runtime", LOGS, f.token, "{\"service\":\"one\",\"stream\":true,\"count\":\"1\"}");
    test_stream_wait(&t, 1);
    assert_int_equal(sim_terminate(f.system.sim, "runtime"), 0);
    test_stream_wait(&t, 0);
    assert_true(t.ended);
    test_stream_close(&t);
    test_end(&f);
}

static void bad_options(void **state)
{
    (void)state;
    test_bad_option("runtime", "--build-timeout", "soon");
    test_bad_option("runtime", "--stop-grace", "later");
    test_bad_option("runtime", "--upload-max", "many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options),        cmocka_unit_test(lives),        cmocka_unit_test(refuses),
        cmocka_unit_test(restarts),           cmocka_unit_test(retries),      cmocka_unit_test(jobs),
        cmocka_unit_test(survives),           cmocka_unit_test(updates),      cmocka_unit_test(store_away),
        cmocka_unit_test(deletes_in_the_end), cmocka_unit_test(resources),    cmocka_unit_test(refuses_what_it_cannot),
        cmocka_unit_test(kills_the_deaf),     cmocka_unit_test(follows_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
