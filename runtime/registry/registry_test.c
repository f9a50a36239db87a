/* The registry with real services around it, in the simulated world. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET        "/registry.Registry/GetService"
#define HELLOWORLD "{\"service\":\"helloworld\"}"

static void begin(struct test_fixture *f, uint64_t seed)
{
    test_fixture_begin(f, seed, NULL, NULL);
    test_eventually(&f->system, "registry", GET, f->token, HELLOWORLD, GRPC_OK, "helloworld:8100", 5);
}

static void lookups(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 1);
    struct sim_system *s = &f.system;
    test_expect(s, "registry", GET, f.token, "{\"service\":\"nobody\"}", GRPC_NOT_FOUND,
                "\"detail\":\"service not found\"");
    test_expect(s, "registry", "/registry.Registry/ListServices", f.token, "{}", GRPC_OK, "\"registry\"");
    struct sim_answer a = {0};
    sim_system_call(s, "registry", GET, f.token, HELLOWORLD, &a);
    assert_string_equal(sim_answer_text(&a, "services/0/name"), "helloworld");
    assert_string_equal(sim_answer_text(&a, "services/0/version"), "latest");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/name"), "Helloworld.Call");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/request/values/0/name"), "name");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/0/request/values/0/type"), "string");
    assert_string_equal(sim_answer_text(&a, "services/0/endpoints/1/metadata/stream"), "true");
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/metadata/protocol"), "grpc");
    sim_answer_deinit(&a);
    test_fixture_end(&f);
}

static void access_rules(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 2);
    struct sim_system *s = &f.system;
    const char *user = sim_system_token(s, &f.arena, "u", "user", "micro", NULL);
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    const char *put = "{\"name\":\"x\",\"version\":\"1\",\"nodes\":[{\"id\":\"x-1\",\"address\":\"h:1\"}]%s}";
    char *here = arena_printf(&f.arena, "%.*s}", (int)(strlen(put) - 3), put);
    char *theirs = arena_printf(&f.arena, "%.*s,\"options\":{\"domain\":\"tenant\"}}", (int)(strlen(put) - 3), put);
    test_expect(s, "registry", GET, NULL, HELLOWORLD, GRPC_UNAUTHENTICATED, "an account is required");
    test_expect(s, "registry", GET, user, HELLOWORLD, GRPC_OK, NULL);
    test_expect(s, "registry", GET, stranger, HELLOWORLD, GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", user, here, GRPC_UNAUTHENTICATED, "Unauthorized");
    test_expect(s, "registry", "/registry.Registry/Register", stranger, here, GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", stranger, theirs, GRPC_OK, NULL);
    /* the other domain's services are not seen here, a micro admin sees all */
    test_expect(s, "registry", GET, f.token, "{\"service\":\"x\"}", GRPC_NOT_FOUND, NULL);
    test_expect(s, "registry", GET, f.token, "{\"service\":\"x\",\"options\":{\"domain\":\"*\"}}", GRPC_OK, "x-1");
    test_expect(s, "registry", GET, stranger, "{\"service\":\"x\",\"options\":{\"domain\":\"*\"}}",
                GRPC_PERMISSION_DENIED, NULL);
    test_expect(s, "registry", "/registry.Registry/Register", f.token, "{\"name\":\"x\"}", GRPC_INVALID_ARGUMENT,
                "node");
    test_expect(s, "registry", "/registry.Registry/Register", f.token,
                "{\"name\":\"x\",\"nodes\":[{\"id\":\"a\",\"address\":\"b\"}],\"options\":{\"domain\":\"*\"}}",
                GRPC_INVALID_ARGUMENT, "domain");
    test_fixture_end(&f);
}

/* Killed without a word: gone when its time is over, and watchers are told. */
static void silent_death(void **state)
{
    (void)state;
    struct test_fixture f;
    struct test_stream watch;
    begin(&f, 3);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, HELLOWORLD);
    sim_kill(f.system.sim, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(55 * SECOND));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, NULL);
    test_stream_wait(&watch, 1);
    assert_non_null(strstr(text_string(&watch.lines), "\"delete\""));
    assert_non_null(strstr(text_string(&watch.lines), "helloworld:8100"));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_NOT_FOUND, NULL);
    test_stream_close(&watch);
    test_fixture_end(&f);
}

/* It lives as long as it beats. */
static void heartbeats(void **state)
{
    (void)state;
    struct test_fixture f;
    struct test_stream watch;
    begin(&f, 4);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, "{}");
    for (int i = 0; i < 10; i++) {
        sim_run_for(f.system.sim, (uint64_t)(60 * SECOND));
        test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, NULL);
    }
    assert_int_equal(watch.messages, 0); /* a heartbeat changes nothing */
    test_stream_close(&watch);
    test_fixture_end(&f);
}

static void orderly_stop(void **state)
{
    (void)state;
    struct test_fixture f;
    struct test_stream watch;
    begin(&f, 5);
    test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token, HELLOWORLD);
    sim_terminate(f.system.sim, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(1 * SECOND));
    assert_false(sim_running(f.system.sim, "helloworld"));
    test_expect(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_NOT_FOUND, NULL);
    assert_int_equal(watch.messages, 1);
    /* and back: one node, not two */
    sim_system_start(&f.system, "helloworld");
    test_stream_wait(&watch, 2);
    assert_non_null(strstr(text_string(&watch.lines), "\"create\""));
    test_stream_close(&watch);
    test_fixture_end(&f);
}

/* A killed service that is started again replaces its old entry at once. */
static void quick_restart(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 6);
    sim_kill(f.system.sim, "helloworld");
    sim_system_start(&f.system, "helloworld");
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    struct sim_answer a = {0};
    sim_system_call(&f.system, "registry", GET, f.token, HELLOWORLD, &a);
    assert_int_equal(a.status, GRPC_OK);
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/0/address"), "helloworld:8100");
    assert_string_equal(sim_answer_text(&a, "services/0/nodes/1/address"), "");
    sim_answer_deinit(&a);
    test_fixture_end(&f);
}

/* The registry forgets everything when it dies; services say again where they are without waiting for their heartbeat.
 */
static void registry_restart(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 7);
    sim_crash(f.system.sim, "registry");
    sim_run_for(f.system.sim, (uint64_t)(1 * SECOND));
    sim_system_start(&f.system, "registry");
    sim_system_wait(&f.system, "registry");
    test_eventually(&f.system, "registry", GET, f.token, HELLOWORLD, GRPC_OK, "helloworld:8100", 10);
    test_fixture_end(&f);
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

/* A service of one node; `padding` bytes of metadata make the change that much larger. */
static void change(struct test_fixture *f, struct rpc_channel *channel, const char *name, int generation,
                   size_t padding)
{
    struct text json = TEXT_INIT, bearer = TEXT_INIT;
    text_printf(&bearer, "Bearer %s", f->token);
    text_printf(&json,
                "{\"name\":\"%s\",\"version\":\"1\",\"nodes\":[{\"id\":\"%s-1\",\"address\":\"%s:1\","
                "\"metadata\":{\"g\":\"%d\",\"padding\":\"",
                name, name, name, generation);
    for (size_t i = 0; i < padding; i++)
        text_char(&json, 'x');
    text_puts(&json, "\"}}]}");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request request = {.path = generation >= 0 ? "/registry.Registry/Register"
                                                                : "/registry.Registry/Deregister",
                                        .metadata = {&header, 1},
                                        .content_type = "application/grpc+json",
                                        .wait_for_ready = true,
                                        .message = text_bytes(&json),
                                        .has_message = true};
    struct rpc_answer answer = {0};
    assert_int_equal(rpc_unary_wait(f->system.client, channel, &request, &answer, NULL), 0);
    assert_int_equal(answer.reply.status, GRPC_OK);
    rpc_answer_deinit(&answer);
    text_deinit(&json);
    text_deinit(&bearer);
}

struct view {
    json_t *services; /* name -> generation */
    uint64_t revision;
};

static const char *generation_of(const json_t *service)
{
    const json_t *node = json_array_get(json_object_get(service, "nodes"), 0);
    return json_string_value(json_object_get(json_object_get(node, "metadata"), "g"));
}

static void list(struct test_fixture *f, struct rpc_channel *channel, struct view *v)
{
    struct text bearer = TEXT_INIT;
    text_printf(&bearer, "Bearer %s", f->token);
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request request = {.path = "/registry.Registry/ListServices",
                                        .metadata = {&header, 1},
                                        .content_type = "application/grpc+json",
                                        .wait_for_ready = true,
                                        .message = bytes_of("{\"options\":{\"domain\":\"*\"}}"),
                                        .has_message = true};
    struct rpc_answer answer = {0};
    assert_int_equal(rpc_unary_wait(f->system.client, channel, &request, &answer, NULL), 0);
    assert_int_equal(answer.reply.status, GRPC_OK);
    struct bytes revision = grpc_metadata_get(answer.reply.trailers, "micro-revision");
    char number[32];
    snprintf(number, sizeof number, "%.*s", (int)revision.len, (const char *)revision.data);
    v->revision = strtoull(number, NULL, 10);
    assert_true(v->revision > 0);
    v->services = json_object();
    json_t *root = json_loadb((const char *)answer.reply.body.data, answer.reply.body.len, 0, NULL);
    const json_t *all = json_object_get(root, "services");
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *s = json_array_get(all, i);
        if (generation_of(s))
            json_object_set_new(v->services, json_string_value(json_object_get(s, "name")),
                                json_string(generation_of(s)));
    }
    json_decref(root);
    rpc_answer_deinit(&answer);
    text_deinit(&bearer);
}

/* Changes behind the list's revision, applied to it; each must be the one after the last. */
static void replay(struct view *v, const char *lines)
{
    uint64_t last = 0;
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        json_t *event = json_loadb(lines, len, 0, NULL);
        const json_t *service = json_object_get(event, "service");
        const char *name = json_string_value(json_object_get(service, "name"));
        uint64_t revision = strtoull(json_string_value(json_object_get(event, "revision")), NULL, 10);
        assert_true(last == 0 || revision == last + 1); /* no gap, no duplicate */
        last = revision;
        if (revision > v->revision && strcmp(json_string_value(json_object_get(event, "action")), "delete") == 0)
            json_object_del(v->services, name);
        else if (revision > v->revision && generation_of(service))
            json_object_set_new(v->services, name, json_string(generation_of(service)));
        json_decref(event);
        lines += len + (lines[len] == '\n');
    }
}

/* Who watches first, lists then, and drops what the list has already, knows what the registry knows. */
static void watching_and_listing_fit(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct test_fixture f;
        struct rpc_channel *channel;
        struct test_stream watch;
        struct view before = {0}, after = {0};
        struct random r;
        begin(&f, 20 + seed);
        random_seed(&r, seed);
        const struct rpc_channel_options options = {.addresses = "registry:8000"};
        assert_int_equal(rpc_channel_new(f.system.client, &options, &channel, NULL), 0);
        for (int i = 0; i < 60; i++) {
            char name[16];
            snprintf(name, sizeof name, "s%d", (int)random_below(&r, 8));
            if (i == 20)
                test_stream_open(&watch, &f.system, "registry", "/registry.Registry/Watch", f.token,
                                 "{\"options\":{\"domain\":\"*\"}}");
            if (i == 20 + (int)seed * 4)
                list(&f, channel, &before);
            change(&f, channel, name, random_below(&r, 4) ? i : -1, 0);
        }
        list(&f, channel, &after);
        sim_run_for(f.system.sim, (uint64_t)SECOND);
        assert_true(watch.messages > 20);
        replay(&before, text_string(&watch.lines));
        assert_true(json_equal(before.services, after.services));
        json_decref(before.services);
        json_decref(after.services);
        test_stream_close(&watch);
        rpc_channel_free(channel);
        test_fixture_end(&f);
    }
}

/* A watch tells of its own domain only, and nobody watches a domain that is not his. */
static void watchers_hear_their_domain(void **state)
{
    (void)state;
    struct test_fixture f;
    struct test_stream tenant, here, theirs, all;
    begin(&f, 9);
    struct sim_system *s = &f.system;
    const char *watch = "/registry.Registry/Watch", *put = "/registry.Registry/Register";
    const char *stranger = sim_system_token(s, &f.arena, "s", "user", "tenant", "admin");
    test_stream_open(&tenant, s, "registry", watch, stranger, "{\"options\":{\"domain\":\"tenant\"}}");
    test_stream_open(&here, s, "registry", watch, f.token, "{}");
    test_stream_open(&theirs, s, "registry", watch, stranger, "{}");
    test_stream_open(&all, s, "registry", watch, stranger, "{\"options\":{\"domain\":\"*\"}}");
    test_stream_wait(&theirs, 0);
    test_stream_wait(&all, 0);
    assert_int_equal(theirs.status, GRPC_PERMISSION_DENIED);
    assert_int_equal(all.status, GRPC_PERMISSION_DENIED);
    test_expect(s, "registry", put, f.token, "{\"name\":\"ours\",\"nodes\":[{\"id\":\"o-1\",\"address\":\"h:1\"}]}",
                GRPC_OK, NULL);
    test_expect(s, "registry", put, stranger,
                "{\"name\":\"foreign\",\"nodes\":[{\"id\":\"f-1\",\"address\":\"h:2\"}],"
                "\"options\":{\"domain\":\"tenant\"}}",
                GRPC_OK, NULL);
    sim_run_for(s->sim, (uint64_t)SECOND);
    assert_non_null(strstr(text_string(&tenant.lines), "\"foreign\""));
    assert_null(strstr(text_string(&tenant.lines), "\"ours\""));
    assert_non_null(strstr(text_string(&here.lines), "\"ours\""));
    assert_null(strstr(text_string(&here.lines), "\"foreign\""));
    test_stream_close(&tenant);
    test_stream_close(&here);
    test_stream_close(&theirs);
    test_stream_close(&all);
    test_fixture_end(&f);
}

/* A watcher that pauses hears everything later, up to a limit; then it is let go, the others are not. */
static void slow_watchers(void **state)
{
    (void)state;
    struct test_fixture f;
    struct rpc_channel *channel;
    struct test_stream slow, quick;
    begin(&f, 8);
    const struct rpc_channel_options options = {.addresses = "registry:8000"};
    assert_int_equal(rpc_channel_new(f.system.client, &options, &channel, NULL), 0);
    test_stream_open(&slow, &f.system, "registry", "/registry.Registry/Watch", f.token, "{\"service\":\"big\"}");
    test_stream_open(&quick, &f.system, "registry", "/registry.Registry/Watch", f.token, "{\"service\":\"big\"}");
    rpc_stream_pause(slow.stream);
    for (int i = 0; i < 60; i++)
        change(&f, channel, "big", i, 100000);
    test_stream_wait(&quick, 60);
    assert_true(slow.messages < 60);
    rpc_stream_resume(slow.stream);
    test_stream_wait(&slow, 60);
    assert_string_equal(text_string(&slow.lines), text_string(&quick.lines));
    rpc_stream_pause(slow.stream);
    for (int i = 0; i < 250; i++)
        change(&f, channel, "big", 1000 + i, 100000);
    rpc_stream_resume(slow.stream);
    test_stream_wait(&slow, 0);
    assert_int_equal(slow.status, GRPC_UNAVAILABLE);
    test_stream_wait(&quick, 310);
    assert_int_equal(quick.messages, 310);
    assert_false(quick.ended);
    test_stream_close(&slow);
    test_stream_close(&quick);
    rpc_channel_free(channel);
    test_fixture_end(&f);
}

/* A restarted registry's revisions are greater than those of its life before. */
static void revisions_grow_over_restarts(void **state)
{
    (void)state;
    struct test_fixture f;
    struct rpc_channel *channel;
    struct view before = {0}, after = {0};
    begin(&f, 9);
    const struct rpc_channel_options options = {.addresses = "registry:8000"};
    assert_int_equal(rpc_channel_new(f.system.client, &options, &channel, NULL), 0);
    for (int i = 0; i < 50; i++)
        change(&f, channel, "s", i, 0);
    list(&f, channel, &before);
    sim_crash(f.system.sim, "registry");
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    sim_system_start(&f.system, "registry");
    sim_system_wait(&f.system, "registry");
    list(&f, channel, &after);
    assert_true(after.revision > before.revision);
    json_decref(before.services);
    json_decref(after.services);
    rpc_channel_free(channel);
    test_fixture_end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),
        cmocka_unit_test(access_rules),
        cmocka_unit_test(silent_death),
        cmocka_unit_test(heartbeats),
        cmocka_unit_test(orderly_stop),
        cmocka_unit_test(quick_restart),
        cmocka_unit_test(registry_restart),
        cmocka_unit_test(watching_and_listing_fit),
        cmocka_unit_test(slow_watchers),
        cmocka_unit_test(revisions_grow_over_restarts),
        cmocka_unit_test(watchers_hear_their_domain),
    };
    int failed = cmocka_run_group_tests_name("registry", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
