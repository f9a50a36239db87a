/* The store's rules as tables: what Read and List select, which names are names, what expires when. */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct test_fixture *f, uint64_t seed)
{
    static const char *const core[] = {"registry", "store", NULL};
    test_fixture_begin(f, seed, core, "store:8002");
}

static int call(struct test_fixture *f, const char *method, const char *json, const char **text, uint64_t *revision)
{
    struct rpc_answer answer = {0};
    const char *bearer = arena_printf(&f->arena, "Bearer %s", f->token);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    const struct rpc_request request = {.path = arena_printf(&f->arena, "/store.Store/%s", method),
                                        .metadata = {&header, 1},
                                        .timeout = TEST_CALL_LIMIT,
                                        .content_type = "application/grpc+json",
                                        .wait_for_ready = true,
                                        .message = bytes_of(json),
                                        .has_message = true};
    assert_int_equal(rpc_unary_wait(f->system.client, f->channel, &request, &answer, NULL), 0);
    struct bytes out = answer.reply.status == GRPC_OK ? answer.reply.body : answer.reply.message;
    struct bytes counted = grpc_metadata_get(answer.reply.trailers, "micro-revision");
    *text = arena_string_n(&f->arena, out.len ? (const char *)out.data : "", out.len);
    if (revision)
        *revision =
            counted.len ? strtoull(arena_string_n(&f->arena, (const char *)counted.data, counted.len), NULL, 10) : 0;
    int status = answer.reply.status;
    rpc_answer_deinit(&answer);
    return status;
}

static void put(struct test_fixture *f, const char *key, const char *rest)
{
    const char *text;
    const char *json = arena_printf(&f->arena, "{\"record\":{\"key\":\"%s\"%s}}", key, rest);
    if (call(f, "Write", json, &text, NULL) != GRPC_OK)
        fail_msg("Write %s: %s", json, text);
}

/* "a,b": the keys in an answer of Read or List. */
static char *keys_of(struct test_fixture *f, const char *text, bool list)
{
    struct text found = TEXT_INIT;
    json_t *root = json_loads(text, 0, NULL);
    const json_t *items = json_object_get(root, list ? "keys" : "records");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        text_printf(&found, "%s%s", i ? "," : "", json_string_value(list ? item : json_object_get(item, "key")));
    }
    char *copy = arena_string(&f->arena, text_string(&found));
    text_deinit(&found);
    json_decref(root);
    return copy;
}

static void expect(struct test_fixture *f, const char *method, const char *json, int status, const char *words)
{
    const char *text;
    int got = call(f, method, json, &text, NULL);
    if (got != status || !strstr(text, words))
        fail_msg("%s %s: %s %s; wanted %s with %s", method, json, grpc_status_name(got), text, grpc_status_name(status),
                 words);
}

/* Read takes one pattern and says with prefix and suffix how it is meant; List takes both. */
static void selecting(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *how, *rest, *keys; /* how: "prefix" or "suffix" */
    } cases[] = {
        {"a", "prefix", "", "a,a/1,a/2,ab,abc"},
        {"a", "prefix", ",\"order\":\"asc\"", "a,a/1,a/2,ab,abc"},
        {"a", "prefix", ",\"order\":\"desc\"", "abc,ab,a/2,a/1,a"},
        {"a", "prefix", ",\"limit\":2", "a,a/1"},
        {"a", "prefix", ",\"limit\":0", "a,a/1,a/2,ab,abc"},
        {"a", "prefix", ",\"limit\":100", "a,a/1,a/2,ab,abc"},
        {"a", "prefix", ",\"offset\":4", "abc"},
        {"a", "prefix", ",\"offset\":5", ""},
        {"a", "prefix", ",\"offset\":6", ""},
        {"a", "prefix", ",\"limit\":2,\"offset\":2", "a/2,ab"}, /* the offset comes first */
        {"a", "prefix", ",\"limit\":2,\"offset\":4", "abc"},
        {"a", "prefix", ",\"limit\":2,\"offset\":1,\"order\":\"desc\"", "ab,a/2"},
        {"abc", "prefix", "", "abc"},
        {"abcd", "prefix", "", ""},
        {"A", "prefix", "", "A"},
        {"%", "prefix", "", "%_"},
        {"_", "prefix", "", ""},
        {"\xc3\xa9", "prefix", "", "\xc3\xa9\xc3\xa9"},
        {"c", "suffix", "", "abc"},
        {"1", "suffix", "", "a/1,b/1"},
        {"1", "suffix", ",\"limit\":1,\"offset\":1", "b/1"},
        {"1", "suffix", ",\"order\":\"desc\"", "b/1,a/1"},
        {"a/1", "suffix", "", "a/1"},
        {"\xa9", "suffix", "", NULL}, /* half a character: no text */
        {"\xc3\xa9", "suffix", "", "\xc3\xa9\xc3\xa9"},
    };
    static const char *const keys[] = {"b/1", "abc", "a", "A", "ab", "a/2", "a/1", "%_", "\xc3\xa9\xc3\xa9"};
    struct test_fixture f;
    const char *text;
    begin(&f, 1);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        put(&f, keys[i], "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *read = arena_printf(&f.arena, "{\"key\":\"%s\",\"options\":{\"%s\":true%s}}", cases[i].pattern,
                                  cases[i].how, cases[i].rest);
        char *list =
            arena_printf(&f.arena, "{\"options\":{\"%s\":\"%s\"%s}}", cases[i].how, cases[i].pattern, cases[i].rest);
        for (int k = 0; k < 2; k++) {
            int status = call(&f, k ? "List" : "Read", k ? list : read, &text, NULL);
            if (!cases[i].keys) {
                assert_int_equal(status, GRPC_INVALID_ARGUMENT);
                continue;
            }
            assert_int_equal(status, GRPC_OK);
            if (strcmp(keys_of(&f, text, k), cases[i].keys) != 0)
                fail_msg("%s %s: %s; wanted %s", k ? "List" : "Read", k ? list : read, text, cases[i].keys);
        }
    }
    expect(&f, "List", "{\"options\":{\"prefix\":\"a\",\"suffix\":\"c\"}}", GRPC_OK, "[\"abc\"]");
    expect(&f, "List", "{\"options\":{\"order\":\"down\"}}", GRPC_INVALID_ARGUMENT, "order");
    /* exact: the options that select many do not count */
    expect(&f, "Read", "{\"key\":\"ab\",\"options\":{\"limit\":1,\"offset\":7}}", GRPC_OK, "\"key\":\"ab\"");
    expect(&f, "Read", "{\"key\":\"abcd\"}", GRPC_NOT_FOUND, "\"code\":404");
    test_fixture_end(&f);
}

static void on_file(void *arg, const char *name)
{
    struct text *names = arg;
    text_printf(names, "%s ", name);
}

/* Whatever databases, tables and keys are called: files are store.db and what SQLite puts beside it. */
static void names_never_become_paths(void **state)
{
    (void)state;
    static char too_long[130];
    static const char *const bad[] = {"..",    ".",         "../x",    "a/b",    "/etc/passwd", "a\\\\b",
                                      "a b",   "a\\u0000b", ".hidden", "a\\n",   "\\u00e9",     "*",
                                      "~root", "C:",        "a;b",     "%2e%2e", too_long};
    static const char *const good[] = {"a", "A-b_c.d", "..."};
    static const struct {
        const char *method, *json;
    } calls[] = {
        {"Write", "{\"record\":{\"key\":\"k\"},\"options\":{\"%s\":\"%s\"}}"},
        {"Read", "{\"key\":\"k\",\"options\":{\"%s\":\"%s\"}}"},
        {"Delete", "{\"key\":\"k\",\"options\":{\"%s\":\"%s\"}}"},
        {"List", "{\"options\":{\"%s\":\"%s\"}}"},
        {"Tables", "{\"%s\":\"%s\"}"},
    };
    struct test_fixture f;
    const char *text;
    begin(&f, 2);
    memset(too_long, 'n', sizeof too_long - 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (size_t k = 0; k < 10; k++) {
            const char *which = k % 2 ? "table" : "database";
            if (k == 9) /* Tables has no table */
                continue;
            struct text json = TEXT_INIT;
            for (const char *p = calls[k / 2].json, *word = which; *p; p++)
                if (p[0] == '%' && p[1] == 's') {
                    text_puts(&json, word);
                    word = bad[i];
                    p++;
                } else {
                    text_char(&json, *p);
                }
            expect(&f, calls[k / 2].method, text_string(&json), GRPC_INVALID_ARGUMENT, "");
            text_deinit(&json);
        }
    for (size_t i = 0; i < 2; i++)
        expect(&f, "Write",
               arena_printf(&f.arena, "{\"record\":{\"key\":\"k\"},\"options\":{\"database\":\"%s\",\"table\":\"%s\"}}",
                            good[i], good[i]),
               GRPC_OK, "{}");
    expect(&f, "Write", "{\"record\":{\"key\":\"k\"},\"options\":{\"table\":\"...\"}}", GRPC_INVALID_ARGUMENT, "table");
    /* keys are anything but empty or too long */
    put(&f, "../../../etc/passwd", "");
    put(&f, "/", "");
    put(&f, "\\n\\t \\u0001", "");
    expect(&f, "Read", "{\"key\":\"../../../etc/passwd\"}", GRPC_OK, "etc/passwd");
    char *large = arena_alloc(&f.arena, 4200);
    memset(large, 'k', 4097);
    const char *const empty[] = {"", large};
    for (size_t i = 0; i < 2; i++) {
        char *json = arena_printf(&f.arena, "{\"key\":\"%s\"}", empty[i]);
        assert_int_equal(call(&f, "Read", json, &text, NULL), GRPC_INVALID_ARGUMENT);
        assert_int_equal(call(&f, "Delete", json, &text, NULL), GRPC_INVALID_ARGUMENT);
        json = arena_printf(&f.arena, "{\"record\":{\"key\":\"%s\"}}", empty[i]);
        assert_int_equal(call(&f, "Write", json, &text, NULL), GRPC_INVALID_ARGUMENT);
        assert_non_null(strstr(text, "\"code\":400"));
    }
    struct text files = TEXT_INIT;
    struct world *w = sim_node(f.system.sim, "store");
    assert_int_equal(world_list(w, "data/store", on_file, &files), 0);
    assert_string_equal(text_string(&files), "blobs store.db store.db-wal ");
    text_clear(&files);
    assert_int_equal(world_list(w, "data", on_file, &files), 0);
    assert_string_equal(text_string(&files), "store ");
    text_deinit(&files);
    test_fixture_end(&f);
}

/* Each change has a revision greater than all before, whatever it changes; what changes nothing has none. */
static void revisions(void **state)
{
    (void)state;
    static const struct {
        const char *method, *json;
        bool changes;
    } calls[] = {
        {"Write", "{\"record\":{\"key\":\"a\"}}", true},
        {"Write", "{\"record\":{\"key\":\"a\"}}", true},
        {"Write", "{\"record\":{\"key\":\"a\"},\"options\":{\"database\":\"other\",\"table\":\"t\"}}", true},
        {"Read", "{\"key\":\"a\"}", false},
        {"Delete", "{\"key\":\"a\"}", true},
        {"Delete", "{\"key\":\"a\"}", true},
        {"List", "{}", false},
        {"Databases", "{}", false},
        {"Tables", "{}", false},
        {"Write", "{\"record\":{\"key\":\"a\",\"expiry\":1}}", true},
    };
    struct test_fixture f;
    const char *text;
    uint64_t last = 0, now;
    begin(&f, 3);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        assert_int_equal(call(&f, calls[i].method, calls[i].json, &text, &now), GRPC_OK);
        if (calls[i].changes ? now <= last : now != 0)
            fail_msg("%s %s: revision %llu after %llu", calls[i].method, calls[i].json, (unsigned long long)now,
                     (unsigned long long)last);
        last = calls[i].changes ? now : last;
    }
    test_fixture_end(&f);
}

/* ---- expiry ----------------------------------------------------------------------------------------------------- */

struct tally {
    size_t answered, ok, refused, wanted;
};

static void on_written(void *arg, const struct rpc_reply *reply)
{
    struct tally *t = arg;
    t->answered++;
    t->ok += reply->status == GRPC_OK;
    t->refused += reply->status == GRPC_FAILED_PRECONDITION;
}

static bool all_written(void *arg)
{
    const struct tally *t = arg;
    return t->answered == t->wanted;
}

static void count_syncs(void *arg, const char *line, size_t len)
{
    size_t *syncs = arg;
    if (memmem(line, len, " store ", 7) && memmem(line, len, "disk sync", 9))
        (*syncs)++;
}

/* Thousands expire at one moment: nobody sees them from then on, and they are removed bit by bit. */
static void many_expire_at_once(void **state)
{
    (void)state;
    struct test_fixture f;
    struct tally t = {.wanted = 4000};
    const char *text;
    size_t syncs = 0;
    begin(&f, 4);
    const char *bearer = arena_printf(&f.arena, "Bearer %s", f.token);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    for (int i = 0; i < 4000; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"record\":{\"key\":\"k%d\",\"expiry\":\"%d\"}}", i, i % 4000 ? 10 : 1000);
        const struct rpc_request request = {.path = "/store.Store/Write",
                                            .metadata = {&header, 1},
                                            .content_type = "application/grpc+json",
                                            .wait_for_ready = true,
                                            .message = bytes_of(json),
                                            .has_message = true};
        assert_int_equal(rpc_unary(f.channel, &request, on_written, &t, NULL, NULL), 0);
    }
    assert_int_equal(world_run_until(f.system.client, all_written, &t, TEST_CALL_LIMIT), 0);
    assert_int_equal(t.ok, 4000);
    sim_run_for(f.system.sim, (uint64_t)(8 * SECOND));
    assert_int_equal(call(&f, "Read", "{\"key\":\"k17\"}", &text, NULL), GRPC_OK);
    sim_trace(f.system.sim, count_syncs, &syncs);
    sim_run_for(f.system.sim, (uint64_t)(4 * SECOND));
    sim_trace(f.system.sim, NULL, NULL);
    if (syncs < 8) /* 3,999 records, at most 500 at a time */
        fail_msg("they were removed in %zu goes", syncs);
    assert_int_equal(call(&f, "Read", "{\"key\":\"k17\"}", &text, NULL), GRPC_NOT_FOUND);
    expect(&f, "List", "{}", GRPC_OK, "\"keys\":[\"k0\"]");
    test_fixture_end(&f);
}

/* ---- preconditions ---------------------------------------------------------------------------------------------- */

/* The revision of a record as Read tells it; of one that is not there the store's. */
static uint64_t read_revision(struct test_fixture *f, const char *key, bool *there)
{
    const char *text;
    char *json = arena_printf(&f->arena, "{\"key\":\"%s\",\"options\":{\"missing_ok\":true}}", key);
    assert_int_equal(call(f, "Read", json, &text, NULL), GRPC_OK);
    json_t *root = json_loads(text, 0, NULL);
    const json_t *record = json_array_get(json_object_get(root, "records"), 0);
    *there = record != NULL;
    const char *digits = json_string_value(json_object_get(record ? record : root, "revision"));
    uint64_t revision = digits ? strtoull(digits, NULL, 10) : 0;
    json_decref(root);
    return revision;
}

/* What is asked of a key that is there, was never there, was there and deleted, expired, was there before and is again;
 * with which revision of those it had. */
static void preconditions(void **state)
{
    (void)state;
    enum { NONE, CURRENT, OLDER, NEWER, BEFORE_ALL, NOW };
    static const struct {
        const char *key;
        int revision;
        bool absent, write, remove; /* whether Write, whether Delete is done */
    } cases[] = {
        {"there", NONE, false, true, true},
        {"there", CURRENT, false, true, true},
        {"there", OLDER, false, false, false},
        {"there", NEWER, false, false, false},
        {"there", NONE, true, false, false},
        {"there", CURRENT, true, false, false},
        {"there", NOW, true, false, false},
        {"never", NONE, false, true, true},
        {"never", NOW, false, false, false},
        {"never", NONE, true, true, true},
        {"never", NOW, true, true, true},
        {"never", BEFORE_ALL, true, true, true},
        {"never", NEWER, true, false, false},
        {"deleted", NONE, false, true, true},
        {"deleted", CURRENT, false, false, false},
        {"deleted", NONE, true, true, true},
        {"deleted", NOW, true, true, true},
        {"deleted", BEFORE_ALL, true, false, false},
        {"deleted", CURRENT, true, false, false},
        {"expired", NONE, true, true, true},
        {"expired", CURRENT, false, false, false},
        {"expired", CURRENT, true, true, true},
        {"expired", BEFORE_ALL, true, false, false},
        {"again", BEFORE_ALL, true, false, false},
        {"again", OLDER, false, false, false},
        {"again", CURRENT, false, true, true},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        bool remove = i % 2, there;
        const char *key = cases[i / 2].key, *text;
        struct test_fixture f;
        uint64_t revisions[6] = {0}, changed = 0;
        begin(&f, 20);
        revisions[BEFORE_ALL] = read_revision(&f, key, &there);
        assert_true(revisions[BEFORE_ALL] > 0 && !there);
        put(&f, "aside", "");
        if (strcmp(key, "never") != 0) {
            put(&f, key, "");
            revisions[OLDER] = read_revision(&f, key, &there);
            if (strcmp(key, "again") == 0)
                expect(&f, "Delete", arena_printf(&f.arena, "{\"key\":\"%s\"}", key), GRPC_OK, "");
            put(&f, key, strcmp(key, "expired") == 0 ? ",\"expiry\":1" : "");
            revisions[CURRENT] = read_revision(&f, key, &there);
            assert_true(there && revisions[CURRENT] > revisions[OLDER]);
        }
        if (strcmp(key, "deleted") == 0)
            expect(&f, "Delete", arena_printf(&f.arena, "{\"key\":\"%s\"}", key), GRPC_OK, "");
        if (strcmp(key, "expired") == 0)
            sim_run_for(f.system.sim, (uint64_t)(3 * SECOND));
        uint64_t mine = read_revision(&f, key, &there);
        revisions[NOW] = read_revision(&f, "nobody", &there);
        revisions[NEWER] = revisions[NOW] + 5;
        char *options =
            arena_printf(&f.arena, "\"options\":{\"if_revision\":\"%llu\",\"if_absent\":%s}",
                         (unsigned long long)revisions[cases[i / 2].revision], cases[i / 2].absent ? "true" : "false");
        char *json =
            arena_printf(&f.arena, remove ? "{\"key\":\"%s\",%s}" : "{\"record\":{\"key\":\"%s\"},%s}", key, options);
        bool done = remove ? cases[i / 2].remove : cases[i / 2].write;
        int status = call(&f, remove ? "Delete" : "Write", json, &text, &changed);
        if (status != (done ? GRPC_OK : GRPC_FAILED_PRECONDITION) || (changed != 0) != done ||
            (!done && (!strstr(text, "\"code\":412") || !strstr(text, "the record changed"))))
            fail_msg("case %zu, %s %s: %s %s", i / 2, key, json, grpc_status_name(status), text);
        uint64_t after = read_revision(&f, key, &there);
        if (done && !remove)
            assert_int_equal(after, changed);
        else if (!done)
            assert_int_equal(after, mine); /* nothing has happened, the count goes on where it was */
        test_fixture_end(&f);
    }
}

/* Many at once on one ground: one is done, the others are told that the record changed. */
static void one_of_many_wins(void **state)
{
    (void)state;
    struct test_fixture f;
    bool there;
    struct tally t = {.wanted = 50};
    begin(&f, 21);
    put(&f, "k", "");
    const char *bearer = arena_printf(&f.arena, "Bearer %s", f.token);
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    char *json = arena_printf(&f.arena, "{\"record\":{\"key\":\"k\"},\"options\":{\"if_revision\":\"%llu\"}}",
                              (unsigned long long)read_revision(&f, "k", &there));
    for (size_t i = 0; i < t.wanted; i++) {
        const struct rpc_request request = {.path = "/store.Store/Write",
                                            .metadata = {&header, 1},
                                            .content_type = "application/grpc+json",
                                            .wait_for_ready = true,
                                            .message = bytes_of(json),
                                            .has_message = true};
        assert_int_equal(rpc_unary(f.channel, &request, on_written, &t, NULL, NULL), 0);
    }
    assert_int_equal(world_run_until(f.system.client, all_written, &t, TEST_CALL_LIMIT), 0);
    assert_int_equal(t.ok, 1);
    assert_int_equal(t.refused, t.wanted - 1);
    test_fixture_end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selecting),     cmocka_unit_test(names_never_become_paths),
        cmocka_unit_test(revisions),     cmocka_unit_test(many_expire_at_once),
        cmocka_unit_test(preconditions), cmocka_unit_test(one_of_many_wins),
    };
    int failed = cmocka_run_group_tests_name("store semantics", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
