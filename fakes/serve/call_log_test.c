/* The log of calls: its bounds, what it keeps and what it hides. */
#include "fakes/serve/call_log.h"

#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/fakes.h"
#include "proto/set.h"

#include <stdlib.h>
#include <string.h>

static struct pb_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "proto", &pool, NULL);
}

static int free_pool(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static struct call_log_entry call_of(struct call_log *l, const char *session, const size_t *end)
{
    static const struct grpc_header headers[] = {
        {{(const uint8_t *)"authorization", 13}, {(const uint8_t *)"Bearer x", 8}},
        {{(const uint8_t *)"x-user", 6}, {(const uint8_t *)"jo\"e", 4}},
    };
    return (struct call_log_entry){.method = pb_find_method(pool, "/helloworld.Helloworld/Call", false),
                                   .sequence = call_log_count(l),
                                   .status = GRPC_OK,
                                   .caller = "10.0.0.1:5",
                                   .session = session,
                                   .by = "stub a.yaml:1",
                                   .metadata = {.items = headers, .count = 2},
                                   .request = BYTES("\x0a\x01"
                                                    "a",
                                                    3),
                                   .request_ends = end,
                                   .request_count = 1,
                                   .requests = 1};
}

static size_t blocks(const struct call_log *l)
{
    size_t n = 0;
    for (const struct call_log_block *b = call_log_first(l); b != NULL; b = call_log_next(b))
        n++;
    return n;
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    const size_t end = 3;
    struct call_log *l = call_log_new(10000, NULL);
    for (int i = 0; i < 1000; i++) {
        struct call_log_entry e = call_of(l, "", &end);
        assert_true(call_log_add(l, &e));
        assert_true(call_log_bytes(l) <= 10000);
    }
    assert_int_equal(call_log_total(l), 1000);
    assert_in_range(blocks(l), 5, 100);
    assert_int_equal(call_log_dropped(l), 1000 - blocks(l));
    assert_int_equal(call_log_entry(call_log_first(l))->sequence, 1000 - (int64_t)blocks(l));
    /* One that is larger than all of it is counted as dropped. */
    static uint8_t large[20000];
    const size_t large_end = sizeof large;
    struct call_log_entry e = call_of(l, "", &large_end);
    e.request = BYTES(large, sizeof large);
    assert_false(call_log_add(l, &e));
    assert_int_equal(call_log_dropped(l), 1001 - blocks(l));
    call_log_free(l);
}

static void secrets_are_not_kept(void **state)
{
    (void)state;
    static const char *const own[] = {"x-user", NULL};
    const size_t end = 3;
    for (int i = 0; i < 2; i++) {
        struct text json = TEXT_INIT;
        struct call_log *l = call_log_new(0, i == 0 ? NULL : own);
        struct call_log_entry e = call_of(l, "s", &end);
        assert_true(call_log_add(l, &e));
        assert_true(call_log_json(call_log_entry(call_log_first(l)), &json));
        json_t *tree = json_loads(text_string(&json), 0, NULL);
        assert_non_null(tree);
        const json_t *metadata = json_object_get(tree, "metadata");
        assert_string_equal(json_string_value(json_object_get(metadata, "authorization")),
                            i == 0 ? CALL_LOG_REDACTED : "Bearer x");
        assert_string_equal(json_string_value(json_object_get(metadata, "x-user")),
                            i == 0 ? "jo\"e" : CALL_LOG_REDACTED);
        assert_string_equal(json_string_value(json_object_get(tree, "by")), "stub a.yaml:1");
        assert_string_equal(json_string_value(json_object_get(tree, "session")), "s");
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(json_object_get(tree, "requests"), 0), "name")), "a");
        json_decref(tree);
        text_deinit(&json);
        call_log_free(l);
    }
}

static void long_calls_are_cut(void **state)
{
    (void)state;
    struct call_log *l = call_log_new(0, NULL);
    size_t size = CALL_LOG_CALL_MAX / 2 + 1, ends[3] = {size, 2 * size, 3 * size};
    uint8_t *bytes = calloc(3, size);
    assert_non_null(bytes);
    struct call_log_entry e = call_of(l, "", ends);
    e.request = BYTES(bytes, 3 * size);
    e.request_count = e.requests = 3;
    assert_true(call_log_add(l, &e));
    const struct call_log_entry *kept = call_log_entry(call_log_first(l));
    assert_true(kept->cut);
    assert_int_equal(kept->request_count, 1);
    assert_int_equal(kept->requests, 3);
    assert_int_equal(call_log_request(kept, 0).len, size);
    assert_null(call_log_request(kept, 1).data);
    free(bytes);
    call_log_free(l);
}

static void count_call(void *arg, const struct call_log_entry *e)
{
    int *n = arg;
    (void)e;
    (*n)++;
}

static void sessions_are_forgotten_alone(void **state)
{
    (void)state;
    static const char *const sessions[] = {"a", "b", "a", "c", "a"};
    const size_t end = 3;
    int first = 0, second = 0;
    struct call_log *l = call_log_new(0, NULL);
    struct call_log_hearer one = {.hear = count_call, .arg = &first}, two = {.hear = count_call, .arg = &second};
    call_log_hear(l, &one);
    call_log_hear(l, &two);
    for (size_t i = 0; i < 5; i++) {
        struct call_log_entry e = call_of(l, sessions[i], &end);
        assert_true(call_log_add(l, &e));
        if (i == 2)
            call_log_leave(l, &one);
    }
    assert_int_equal(first, 3);
    assert_int_equal(second, 5);
    call_log_forget(l, "a");
    assert_int_equal(blocks(l), 2);
    assert_string_equal(call_log_entry(call_log_first(l))->session, "b");
    struct call_log_entry e = call_of(l, "d", &end); /* and the end of the list is still its end */
    assert_true(call_log_add(l, &e));
    assert_int_equal(blocks(l), 3);
    call_log_forget(l, "");
    assert_int_equal(blocks(l), 0);
    assert_int_equal(call_log_bytes(l), 0);
    assert_int_equal(call_log_total(l), 0);
    call_log_free(l);
}

static int adds_one(void)
{
    const size_t end = 3;
    struct call_log *l = call_log_new(0, NULL);
    if (l == NULL)
        return ERROR_MEMORY;
    struct call_log_entry e = call_of(l, "", &end);
    int code = call_log_add(l, &e) ? 0 : ERROR_MEMORY;
    assert_int_equal(call_log_total(l), 1);
    assert_int_equal(call_log_dropped(l), code == 0 ? 0 : 1);
    call_log_free(l);
    return code;
}

static void without_memory(void **state)
{
    (void)state;
    assert_int_equal(failing_walk(adds_one, FAILING_IS_TOLD), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_go_first), cmocka_unit_test(secrets_are_not_kept),
        cmocka_unit_test(long_calls_are_cut),  cmocka_unit_test(sessions_are_forgotten_alone),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, make_pool, free_pool);
}
