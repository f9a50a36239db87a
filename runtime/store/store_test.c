/* The store in the simulated world: what a caller sees, and what is left after crashes and broken disks. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/store/store.pb-c.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(30 * SECOND)) /* virtual */

static const char *const core[] = {"registry", "store", NULL};

static void begin(struct test_fixture *f, uint64_t seed)
{
    test_fixture_begin(f, seed, core, "store:8002");
}

static struct rpc_request make_request(struct test_fixture *f, const char *path, const char *json,
                                       struct grpc_header *header)
{
    *header = (struct grpc_header){bytes_of("authorization"), bytes_of(arena_printf(&f->arena, "Bearer %s", f->token))};
    return (struct rpc_request){.path = path,
                                .metadata = {header, 1},
                                .timeout = CALL_LIMIT,
                                .content_type = "application/grpc+json",
                                .wait_for_ready = true,
                                .message = bytes_of(json),
                                .has_message = true};
}

/* The answer as text: JSON, or the error's. Also the micro-revision, 0: none. */
static int call(struct test_fixture *f, const char *method, const char *json, const char **text, uint64_t *revision)
{
    struct rpc_answer answer = {0};
    struct grpc_header header;
    const char *path = arena_printf(&f->arena, "/store.Store/%s", method);
    struct rpc_request request = make_request(f, path, json, &header);
    assert_int_equal(rpc_unary_wait(f->system.client, f->channel, &request, &answer, NULL), 0);
    struct bytes out = answer.reply.status == GRPC_OK ? answer.reply.body : answer.reply.message;
    struct bytes counted = grpc_metadata_get(answer.reply.trailers, "micro-revision");
    if (text)
        *text = arena_string_n(&f->arena, out.len ? (const char *)out.data : "", out.len);
    if (revision)
        *revision =
            counted.data ? strtoull(arena_string_n(&f->arena, (const char *)counted.data, counted.len), NULL, 10) : 0;
    int status = answer.reply.status;
    rpc_answer_deinit(&answer);
    return status;
}

static void expect(struct test_fixture *f, const char *method, const char *json, int status, const char *words)
{
    const char *text;
    int got = call(f, method, json, &text, NULL);
    if (got != status || (words && !strstr(text, words)))
        fail_msg("%s %s: %s %s; wanted %s with %s", method, json, grpc_status_name(got), text, grpc_status_name(status),
                 words ? words : "anything");
}

/* The keys of a Read's answer, "a,b". */
static void expect_keys(struct test_fixture *f, const char *options, const char *key, const char *keys)
{
    const char *text;
    struct text found = TEXT_INIT;
    const char *json = arena_printf(&f->arena, "{\"key\":\"%s\",\"options\":{%s}}", key, options);
    assert_int_equal(call(f, "Read", json, &text, NULL), GRPC_OK);
    json_t *root = json_loads(text, 0, NULL);
    const json_t *records = json_object_get(root, "records");
    for (size_t i = 0; i < json_array_size(records); i++)
        text_printf(&found, "%s%s", i ? "," : "",
                    json_string_value(json_object_get(json_array_get(records, i), "key")));
    if (strcmp(text_string(&found), keys) != 0)
        fail_msg("Read %s: %s; wanted %s", json, text_string(&found), keys);
    json_decref(root);
    text_deinit(&found);
}

static void put(struct test_fixture *f, const char *key, const char *value)
{
    expect(f, "Write", arena_printf(&f->arena, "{\"record\":{\"key\":\"%s\",\"value\":\"%s\"}}", key, value), GRPC_OK,
           NULL);
}

/* Until it answers; by then our channel has heard that its old connection is dead. */
static void start_again(struct test_fixture *f)
{
    sim_system_start(&f->system, "store");
    sim_system_wait(&f->system, "store");
}

static void records(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 1);
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_NOT_FOUND,
           "\"code\":404,\"detail\":\"not found\",\"status\":\"Not Found\"");
    put(&f, "a", "dmFsMQ==");
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_OK, "dmFsMQ==");
    put(&f, "a", "dmFsMg==");
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_OK, "dmFsMg==");
    expect(&f, "Delete", "{\"key\":\"a\"}", GRPC_OK, NULL);
    expect(&f, "Delete", "{\"key\":\"a\"}", GRPC_OK, NULL);
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_NOT_FOUND, "not found");
    /* metadata */
    expect(&f, "Write",
           "{\"record\":{\"key\":\"m\",\"value\":\"\",\"metadata\":{\"n\":{\"type\":\"int64\",\"value\":\"5\"}}}}",
           GRPC_OK, NULL);
    const char *text;
    assert_int_equal(call(&f, "Read", "{\"key\":\"m\"}", &text, NULL), GRPC_OK);
    json_t *root = json_loads(text, 0, NULL);
    const json_t *field =
        json_object_get(json_object_get(json_array_get(json_object_get(root, "records"), 0), "metadata"), "n");
    assert_string_equal(json_string_value(json_object_get(field, "type")), "int64");
    assert_string_equal(json_string_value(json_object_get(field, "value")), "5");
    json_decref(root);
    /* databases and tables do not see each other */
    expect(&f, "Write",
           "{\"record\":{\"key\":\"m\",\"value\":\"eA==\"},\"options\":{\"database\":\"other\",\"table\":\"t\"}}",
           GRPC_OK, NULL);
    expect(&f, "Read", "{\"key\":\"m\",\"options\":{\"database\":\"other\",\"table\":\"t\"}}", GRPC_OK, "eA==");
    expect(&f, "Read", "{\"key\":\"m\",\"options\":{\"table\":\"t\"}}", GRPC_NOT_FOUND, NULL);
    expect(&f, "Databases", "{}", GRPC_OK, "[\"micro\",\"other\"]");
    expect(&f, "Tables", "{\"database\":\"other\"}", GRPC_OK, "[\"t\"]");
    expect(&f, "Tables", "{}", GRPC_OK, "[\"micro\"]");
    test_fixture_end(&f);
}

static void read_options(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 2);
    static const char *const keys[] = {"somekey1", "somekey2",  "other", "somekey10",
                                       "akey1",    "some%key1", "som",   "some\\u00e9"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(&f, keys[i], "eA==");
    expect(&f, "Read", "{\"key\":\"somekey\"}", GRPC_NOT_FOUND, NULL); /* exact, although it is a prefix */
    expect_keys(&f, "\"prefix\":true", "somekey", "somekey1,somekey10,somekey2");
    expect_keys(&f, "\"prefix\":true,\"order\":\"desc\"", "somekey", "somekey2,somekey10,somekey1");
    expect_keys(&f, "\"prefix\":true,\"limit\":2", "somekey", "somekey1,somekey10");
    expect_keys(&f, "\"prefix\":true,\"limit\":2,\"offset\":1", "somekey", "somekey10,somekey2");
    expect_keys(&f, "\"prefix\":true,\"offset\":3", "somekey", "");
    expect_keys(&f, "\"prefix\":true,\"offset\":\"18446744073709551615\"", "somekey", "");
    expect_keys(&f, "\"suffix\":true", "key1", "akey1,some%key1,somekey1");
    expect_keys(&f, "\"suffix\":true", "longer than any of the keys", "");
    expect_keys(&f, "\"prefix\":true", "some%", "some%key1");
    expect_keys(&f, "\"prefix\":true", "some\\u00e9", "some\xc3\xa9");
    expect_keys(&f, "\"prefix\":true", "", "akey1,other,som,some%key1,somekey1,somekey10,somekey2,some\xc3\xa9");
    expect(&f, "Read", "{\"key\":\"a\",\"options\":{\"prefix\":true,\"order\":\"up\"}}", GRPC_INVALID_ARGUMENT,
           "order");
    test_fixture_end(&f);
}

static void expiry(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 3);
    expect(&f, "Write", "{\"record\":{\"key\":\"a\",\"value\":\"eA==\",\"expiry\":5}}", GRPC_OK, NULL);
    put(&f, "b", "eA==");
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_OK, "\"expiry\":\"5\"");
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_OK, "\"expiry\":\"2\"");
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    expect(&f, "Read", "{\"key\":\"a\"}", GRPC_NOT_FOUND, NULL);
    expect_keys(&f, "\"prefix\":true", "", "b");
    expect(&f, "Write", "{\"record\":{\"key\":\"b\",\"expiry\":1}}", GRPC_OK, NULL);
    expect(&f, "Write", "{\"record\":{\"key\":\"b\"}}", GRPC_OK, NULL); /* writing again takes the expiry away */
    sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
    expect_keys(&f, "\"prefix\":true", "", "b");
    test_fixture_end(&f);
}

static void access_rules(void **state)
{
    (void)state;
    static const struct {
        const char *type, *issuer, *scope; /* type NULL: no token */
        const char *database;
        int status;
    } cases[] = {
        {NULL, NULL, NULL, "micro", GRPC_UNAUTHENTICATED},
        {"user", "micro", NULL, "micro", GRPC_UNAUTHENTICATED}, /* as v3: 401, not 403 */
        {"user", "micro", "admin", "micro", GRPC_OK},
        {"user", "micro", "admin", "tenant", GRPC_OK},
        {"user", "tenant", "admin", "tenant", GRPC_OK},
        {"user", "tenant", "admin", "micro", GRPC_PERMISSION_DENIED},
        {"service", "tenant", "service", "tenant", GRPC_OK},
        {"service", "tenant", "admin", "tenant", GRPC_UNAUTHENTICATED},
        {"robot", "tenant", "admin", "tenant", GRPC_PERMISSION_DENIED},
        {"user", "tenant", "admin", "", GRPC_OK}, /* blank: the account's own */
        {"user", "tenant", NULL, "", GRPC_UNAUTHENTICATED},
        {NULL, NULL, NULL, "", GRPC_UNAUTHENTICATED},
    };
    struct test_fixture f;
    begin(&f, 4);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_answer a = {0};
        char *token = cases[i].type
                          ? sim_system_token(&f.system, &f.arena, "x", cases[i].type, cases[i].issuer, cases[i].scope)
                          : NULL;
        char *json =
            arena_printf(&f.arena, "{\"record\":{\"key\":\"k\"},\"options\":{\"database\":\"%s\"}}", cases[i].database);
        sim_system_call(&f.system, "store", "/store.Store/Write", token, json, &a);
        if (a.status != cases[i].status)
            fail_msg("case %zu: %s %s", i, grpc_status_name(a.status), text_string(&a.text));
        sim_answer_deinit(&a);
    }
    struct sim_answer a = {0};
    char *tenant = sim_system_token(&f.system, &f.arena, "x", "user", "blank", "admin");
    sim_system_call(&f.system, "store", "/store.Store/Write", tenant, "{\"record\":{\"key\":\"own\"}}", &a);
    assert_int_equal(a.status, GRPC_OK);
    sim_answer_deinit(&a);
    expect(&f, "Read", "{\"key\":\"own\"}", GRPC_NOT_FOUND, NULL); /* not in micro's */
    expect(&f, "Read", "{\"key\":\"own\",\"options\":{\"database\":\"blank\"}}", GRPC_OK, NULL);
    a = (struct sim_answer){0};
    sim_system_call(&f.system, "store", "/store.Store/Read", "not.a.token", "{\"key\":\"k\"}", &a);
    assert_int_equal(a.status, GRPC_UNAUTHENTICATED);
    sim_answer_deinit(&a);
    test_fixture_end(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 5);
    static const char *const bad[][3] = {
        {"Write", "{}", "a record is required"},
        {"Write", "{\"record\":{}}", "a key is required"},
        {"Write", "{\"record\":{\"key\":\"k\",\"expiry\":-1}}", "expiry"},
        {"Write", "{\"record\":{\"key\":\"k\"},\"options\":{\"database\":\"../etc\"}}", "invalid database name"},
        {"Write", "{\"record\":{\"key\":\"k\"},\"options\":{\"table\":\"..\"}}", "invalid table name"},
        {"Write", "{\"record\":{\"key\":\"k\"},\"options\":{\"table\":\"a b\"}}", "invalid table name"},
        {"Read", "{}", "a key is required"},
        {"Read", "{\"key\":\"k\",\"options\":{\"table\":\".hidden\"}}", "invalid table name"},
        {"Delete", "{}", "a key is required"},
        {"Read", "{\"nokey\":1}", "nokey"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(&f, bad[i][0], bad[i][1], GRPC_INVALID_ARGUMENT, bad[i][2]);
    test_fixture_end(&f);
}

static void revisions(void **state)
{
    (void)state;
    struct test_fixture f;
    uint64_t last = 0, now;
    begin(&f, 6);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(&f, "Write", "{\"record\":{\"key\":\"k\"}}", NULL, &now), GRPC_OK);
        assert_true(now > last);
        last = now;
        assert_int_equal(call(&f, "Delete", "{\"key\":\"k\"}", NULL, &now), GRPC_OK);
        assert_true(now > last);
        last = now;
    }
    assert_int_equal(call(&f, "Read", "{\"key\":\"k\"}", NULL, &now), GRPC_NOT_FOUND);
    assert_int_equal(now, 0);
    sim_crash(f.system.sim, "store");
    start_again(&f);
    assert_int_equal(call(&f, "Write", "{\"record\":{\"key\":\"k\"}}", NULL, &now), GRPC_OK);
    assert_true(now > last); /* numbers may be left out */
    last = now;
    sim_terminate(f.system.sim, "store");
    sim_run_for(f.system.sim, (uint64_t)(5 * SECOND));
    start_again(&f);
    assert_int_equal(call(&f, "Write", "{\"record\":{\"key\":\"k\"}}", NULL, &now), GRPC_OK);
    assert_int_equal(now, last + 1);
    test_fixture_end(&f);
}

/* ---- lists, many at once ---------------------------------------------------------------------------------------- */

struct many {
    size_t answered, ok, messages, keys;
    bool finished;
    int status;
    char *last;
    bool ordered;
};

static void on_write(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    m->answered++;
    m->ok += reply->status == GRPC_OK;
}

static bool answered_all(void *arg)
{
    const struct many *m = arg;
    return m->answered == m->keys;
}

static void put_many(struct test_fixture *f, struct many *m, size_t count)
{
    struct grpc_header header;
    *m = (struct many){.keys = count};
    for (size_t i = 0; i < count; i++) {
        char *json = arena_printf(
            &f->arena, "{\"record\":{\"key\":\"key%05zu\",\"value\":\"eA==\"},\"options\":{\"table\":\"many\"}}", i);
        struct rpc_request request = make_request(f, "/store.Store/Write", json, &header);
        assert_int_equal(rpc_unary(f->channel, &request, on_write, m, NULL, NULL), 0);
    }
    assert_int_equal(world_run_until(f->system.client, answered_all, m, CALL_LIMIT), 0);
}

static void count_syncs(void *arg, const char *line, size_t len)
{
    size_t *syncs = arg;
    if (memmem(line, len, " store ", 7) && memmem(line, len, "disk sync", 9))
        (*syncs)++;
}

/* Writes of one moment share one commit. */
static void group_commit(void **state)
{
    (void)state;
    struct test_fixture f;
    struct many m;
    size_t syncs = 0;
    begin(&f, 7);
    put(&f, "first", "eA==");
    sim_trace(f.system.sim, count_syncs, &syncs);
    put(&f, "one", "eA==");
    size_t for_one = syncs;
    assert_true(for_one > 0);
    syncs = 0;
    put_many(&f, &m, 500);
    assert_int_equal(m.ok, 500);
    if (syncs > 20 * for_one)
        fail_msg("500 writes took %zu syncs, one takes %zu", syncs, for_one);
    sim_trace(f.system.sim, NULL, NULL);
    test_fixture_end(&f);
}

static void on_keys(void *arg, struct bytes message)
{
    struct many *m = arg;
    json_t *root = json_loadb((const char *)message.data, message.len, 0, NULL);
    const json_t *keys = json_object_get(root, "keys");
    m->messages++;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        m->ordered = m->ordered && (!m->last || strcmp(m->last, key) < 0);
        free(m->last);
        m->last = strdup(key);
        m->keys++;
    }
    json_decref(root);
}

static void on_list_end(void *arg, const struct rpc_reply *reply)
{
    struct many *m = arg;
    m->status = reply->status;
    m->finished = true;
}

static bool list_ended(void *arg)
{
    const struct many *m = arg;
    return m->finished;
}

static struct many list(struct test_fixture *f, const char *options)
{
    static const struct rpc_stream_events events = {.message = on_keys, .finished = on_list_end};
    struct many m = {.ordered = true};
    struct grpc_header header;
    struct rpc_stream *stream;
    char *json = arena_printf(&f->arena, "{\"options\":{\"table\":\"many\"%s}}", options);
    struct rpc_request request = make_request(f, "/store.Store/List", json, &header);
    assert_int_equal(rpc_stream_open(f->channel, &request, &events, &m, &stream, NULL), 0);
    assert_int_equal(world_run_until(f->system.client, list_ended, &m, CALL_LIMIT), 0);
    assert_int_equal(m.status, GRPC_OK);
    free(m.last);
    m.last = NULL;
    return m;
}

static void lists(void **state)
{
    (void)state;
    struct test_fixture f;
    struct many m;
    begin(&f, 8);
    m = list(&f, "");
    assert_int_equal(m.keys, 0);
    assert_int_equal(m.messages, 1); /* as v3: one message, without keys */
    put_many(&f, &m, 2500);
    assert_int_equal(m.ok, 2500);
    m = list(&f, "");
    assert_int_equal(m.keys, 2500);
    assert_int_equal(m.messages, 3);
    assert_true(m.ordered);
    m = list(&f, ",\"limit\":1500,\"offset\":600");
    assert_int_equal(m.keys, 1500);
    m = list(&f, ",\"limit\":1500,\"offset\":2000");
    assert_int_equal(m.keys, 500);
    m = list(&f, ",\"prefix\":\"key0001\"");
    assert_int_equal(m.keys, 10);
    m = list(&f, ",\"suffix\":\"7\"");
    assert_int_equal(m.keys, 250);
    m = list(&f, ",\"suffix\":\"7\",\"prefix\":\"key01\",\"order\":\"desc\"");
    assert_int_equal(m.keys, 100);
    assert_false(m.ordered);
    test_fixture_end(&f);
}

/* ---- crashes and disks ------------------------------------------------------------------------------------------ */

/* Power cuts at every moment of the commit, over many seeds: what was acknowledged is there afterwards. */
static void acknowledged_writes_survive(void **state)
{
    (void)state;
    static const char *const points[] = {"store.write.before_commit", "store.write.after_commit", NULL};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct test_fixture f;
        begin(&f, seed);
        for (int round = 0; round < 4; round++) {
            const char *key = arena_printf(&f.arena, "k%d", round), *point = points[(seed + (uint64_t)round) % 3];
            put(&f, key, "eA==");
            struct many m = {.keys = 1};
            struct grpc_header header;
            if (point)
                assert_int_equal(world_point_arm(sim_node(f.system.sim, "store"), point, POINT_CRASH, 1, false), 0);
            char *json = arena_printf(&f.arena, "{\"record\":{\"key\":\"late%d\",\"value\":\"eQ==\"}}", round);
            struct rpc_request request = make_request(&f, "/store.Store/Write", json, &header);
            assert_int_equal(rpc_unary(f.channel, &request, on_write, &m, NULL, NULL), 0);
            if (point)
                assert_int_equal(world_run_until(f.system.client, answered_all, &m, CALL_LIMIT), 0);
            else
                sim_run_for(f.system.sim, seed * 137 * (uint64_t)MICROSECOND);
            if (sim_running(f.system.sim, "store"))
                sim_crash(f.system.sim, "store");
            if (!m.answered)
                assert_int_equal(world_run_until(f.system.client, answered_all, &m, CALL_LIMIT), 0);
            if (point)
                assert_int_equal(m.ok, 0); /* the crash came before the answer */
            start_again(&f);
            for (int i = 0; i <= round; i++)
                expect(&f, "Read", arena_printf(&f.arena, "{\"key\":\"k%d\"}", i), GRPC_OK, "eA==");
            if (m.ok)
                expect(&f, "Read", arena_printf(&f.arena, "{\"key\":\"late%d\"}", round), GRPC_OK, "eQ==");
        }
        test_fixture_end(&f);
    }
}

static const char *health(struct test_fixture *f)
{
    struct sim_answer a = {0};
    sim_system_call(&f->system, "store", "/store.Debug/Health", NULL, "{}", &a);
    char *text = arena_string(&f->arena, sim_answer_text(&a, "status"));
    sim_answer_deinit(&a);
    return text;
}

static void full_disk(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 9);
    put(&f, "before", "eA==");
    assert_string_equal(health(&f), "ok");
    sim_disk(f.system.sim, "store", &(struct sim_disk_faults){.space = 1});
    expect(&f, "Write", "{\"record\":{\"key\":\"k\",\"value\":\"eA==\"}}", GRPC_RESOURCE_EXHAUSTED, "the disk is full");
    expect(&f, "Write", "{\"record\":{\"key\":\"k\",\"value\":\"eA==\"}}", GRPC_RESOURCE_EXHAUSTED, "\"code\":507");
    assert_string_not_equal(health(&f), "ok");
    expect(&f, "Read", "{\"key\":\"before\"}", GRPC_OK, "eA=="); /* it stays up */
    expect(&f, "Read", "{\"key\":\"k\"}", GRPC_NOT_FOUND, NULL);
    sim_disk(f.system.sim, "store", &(struct sim_disk_faults){0});
    expect(&f, "Write", "{\"record\":{\"key\":\"k\",\"value\":\"eA==\"}}", GRPC_OK, NULL);
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    assert_string_equal(health(&f), "ok");
    expect(&f, "Read", "{\"key\":\"k\"}", GRPC_OK, NULL);
    test_fixture_end(&f);
}

/* One record rewritten over and over, on a disk its pages have their place on: what fills it is the log, whose room
 * comes back. */
static void full_of_its_own_log(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 12);
    char value[8001] = "";
    memset(value, 'A', sizeof value - 1);
    put(&f, "k", value);
    assert_int_equal(sim_terminate(f.system.sim, "store"), 0);
    sim_run_for(f.system.sim, (uint64_t)SECOND);
    start_again(&f);
    sim_disk(f.system.sim, "store", &(struct sim_disk_faults){.space = 192 << 10});
    int written = 0, status = GRPC_OK;
    for (; written < 100 && status == GRPC_OK; written++) {
        memset(value, 'A' + written % 26, sizeof value - 1); /* pages that stay as they are are not written */
        status = call(&f, "Write", arena_printf(&f.arena, "{\"record\":{\"key\":\"k\",\"value\":\"%s\"}}", value), NULL,
                      NULL);
    }
    assert_in_range(written, 10, 60);
    assert_string_not_equal(health(&f), "ok");
    sim_run_for(f.system.sim, (uint64_t)(2 * SECOND));
    assert_string_equal(health(&f), "ok");
    for (int i = 0; i < 5; i++) {
        memset(value, 'a' + i, sizeof value - 1);
        put(&f, "k", value);
    }
    test_fixture_end(&f);
}

/* The n-th disk operation fails, for every n of a write: it is refused or done, never half, and the next one works. */
static void every_disk_operation_fails(void **state)
{
    (void)state;
    struct test_fixture f;
    begin(&f, 10);
    int refused = 0;
    put(&f, "steady", "eA==");
    for (uint64_t n = 1; n <= 12; n++) {
        char *json = arena_printf(&f.arena, "{\"record\":{\"key\":\"n%d\",\"value\":\"eA==\"}}", (int)n);
        sim_disk(f.system.sim, "store", &(struct sim_disk_faults){.fail_nth = n});
        int status = call(&f, "Write", json, NULL, NULL);
        sim_disk(f.system.sim, "store", &(struct sim_disk_faults){0});
        assert_true(status == GRPC_OK || status == GRPC_UNAVAILABLE);
        refused += status == GRPC_UNAVAILABLE;
        char *read = arena_printf(&f.arena, "{\"key\":\"n%d\"}", (int)n);
        assert_int_equal(call(&f, "Read", read, NULL, NULL), status == GRPC_OK ? GRPC_OK : GRPC_NOT_FOUND);
        expect(&f, "Read", "{\"key\":\"steady\"}", GRPC_OK, "eA==");
        put(&f, "next", "eA==");
    }
    assert_true(refused >= 2);
    test_fixture_end(&f);
}

/* Started over a file that is none, or one of the future. */
static void unusable_file(void **state)
{
    (void)state;
    struct test_fixture f = {0};
    sim_system_init(&f.system, 11);
    struct world *w = sim_node(f.system.sim, "store");
    struct error err = ERROR_INIT;
    const char *argv[] = {"micro", "store", "--data-dir", "data"};
    assert_int_equal(world_make_directory(w, "data/store"), 0);
    char noise[4096];
    memset(noise, 'x', sizeof noise);
    assert_int_equal(world_write_file(w, "data/store/store.db", BYTES(noise, sizeof noise), false, NULL), 0);
    assert_int_not_equal(sim_start(f.system.sim, "store", "micro", 4, argv, &err), 0);
    assert_non_null(strstr(err.message, "data/store/store.db"));
    error_clear(&err);
    sim_system_deinit(&f.system);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(read_options),
        cmocka_unit_test(expiry),
        cmocka_unit_test(access_rules),
        cmocka_unit_test(refusals),
        cmocka_unit_test(revisions),
        cmocka_unit_test(group_commit),
        cmocka_unit_test(lists),
        cmocka_unit_test(acknowledged_writes_survive),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(full_of_its_own_log),
        cmocka_unit_test(every_disk_operation_fails),
        cmocka_unit_test(unusable_file),
    };
    int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
