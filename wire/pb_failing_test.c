/* Every allocation fails once: pools, unpacking, JSON both ways. A failure is reported as ERROR_MEMORY, nothing leaks,
 * and output that was there before stays as it was. */
#include "base/test.h"

#include "base/failing.h"
#include "wire/pb.h"
#include "wire/testdata/set.h"

#define TRIES_MAX 100000

static struct pb_pool *pool;

static int set_up(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_malloc, failing_free);
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

/* Runs `scenario` with each allocation failing in turn; it returns an error code and gets an error to fill, or none. */
static void walk(int (*scenario)(struct error *err))
{
    for (int listening = 0; listening < 2; listening++) {
        size_t n = 1;
        for (;; n++) {
            struct error err = ERROR_INIT;
            assert_true(n < TRIES_MAX);
            failing_arm(n);
            int rc = scenario(listening ? &err : NULL);
            bool hit = failing_hit();
            failing_disarm();
            error_clear(&err);
            if (rc != 0 && rc != ERROR_MEMORY)
                fail_msg("allocation %zu: code %d", n, rc);
            if (!hit) {
                assert_int_equal(rc, 0);
                break;
            }
        }
        assert_true(n > 2);
    }
}

static int build_pool(struct error *err)
{
    struct pb_pool *p;
    int rc = pb_pool_new(test_set(), "test set", &p, err);
    pb_pool_free(p);
    return rc;
}

static const char everything[] =
    "{\"scalars\":{\"fString\":\"a\\u0041\\n\",\"fBytes\":\"AQIDBAUGBwgJCgsMDQ4P\",\"fDouble\":0."
    "100000000000000000000000000000"
    "000000000000000000000000000000000000000000000000001},\"lists\":{\"fInt32\":[1,2,3],\"fString\":[\"a\",\"b\"],"
    "\"fMessage\":[{\"fInt32\":1},{}]},\"maps\":{\"byString\":{\"x\":\"y\",\"a\":\"b\"},\"byInt64\":{\"1\":{\"fBool\":"
    "true}}},"
    "\"choice\":{\"again\":{\"text\":\"deep\"}},\"known\":{\"any\":{\"@type\":\"x/test.all.Scalars\",\"fInt32\":3},"
    "\"timestamp\":\"2006-01-02T15:04:05.678Z\",\"mask\":\"a,bC\",\"structure\":{\"k\":[1,{\"z\":null}]},\"wString\":"
    "\"w\"},"
    "\"tree\":{\"children\":[{\"left\":{\"name\":\"leaf\"}}]}}";

static int json_to_wire(struct error *err)
{
    struct text wire = TEXT_INIT;
    int rc = pb_json_to_wire(pb_find_type(pool, "test.all.Everything"), bytes_of(everything), 0, &wire, err);
    assert_true(rc == 0 || wire.len == 0);
    text_deinit(&wire);
    return rc;
}

static struct text encoded;

static int wire_to_json(struct error *err)
{
    struct text json = TEXT_INIT;
    int rc =
        pb_wire_to_json(pb_find_type(pool, "test.all.Everything"), text_bytes(&encoded), PB_JSON_DEFAULTS, &json, err);
    assert_true(rc == 0 || json.len == 0);
    text_deinit(&json);
    return rc;
}

static int unpack_and_back(struct error *err)
{
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct arena arena = ARENA_INIT;
    struct text wire = TEXT_INIT, json = TEXT_INIT;
    ProtobufCMessage *m;
    int rc = pb_unpack(t->descriptor, text_bytes(&encoded), &arena, &m, err);
    assert_true((m != NULL) == (rc == 0));
    if (!rc)
        rc = pb_pack(m, &wire);
    if (!rc)
        rc = pb_to_json(pool, m, PB_JSON_INDENT, &json, err);
    text_deinit(&json);
    text_deinit(&wire);
    arena_deinit(&arena);
    return rc;
}

/* Every singular message twice. */
static int join_and_unpack(struct error *err)
{
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct text twice = TEXT_INIT;
    ProtobufCMessage *m = NULL;
    text_add(&twice, encoded.data, encoded.len);
    text_add(&twice, encoded.data, encoded.len);
    int rc = text_ok(&twice) ? pb_unpack(t->descriptor, text_bytes(&twice), NULL, &m, err) : ERROR_MEMORY;
    assert_true((m != NULL) == (rc == 0));
    if (m)
        protobuf_c_message_free_unpacked(m, NULL);
    text_deinit(&twice);
    return rc;
}

static int trees(struct error *err)
{
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct error local = ERROR_INIT;
    struct text wire = TEXT_INIT;
    int rc = 0;
    json_t *tree = pb_wire_to_tree(t, text_bytes(&encoded), 0, &local);
    if (tree)
        rc = pb_tree_to_wire(t, tree, 0, &wire, err);
    else
        rc = error_move(err, &local);
    json_decref(tree);
    text_deinit(&wire);
    return rc;
}

/* A message that is refused, so that the making of the error is walked too. */
static int refuse(struct error *err)
{
    struct text wire = TEXT_INIT;
    int rc = pb_json_to_wire(pb_find_type(pool, "test.all.Everything"),
                             bytes_of("{\"maps\":{\"byInt64\":{\"1\":{\"fBool\":\"\\u0041\"}}}}"), 0, &wire, err);
    text_deinit(&wire);
    return rc == ERROR_INVALID ? 0 : rc;
}

static int scan_refusal(struct error *err)
{
    int rc = pb_scan(pb_find_type(pool, "test.all.Lists")->descriptor, BYTES("\x8a\x01\x02\x4a\x05", 5), err);
    return rc == ERROR_SYNTAX ? 0 : rc;
}

static void test_walks(void **state)
{
    (void)state;
    assert_int_equal(
        pb_json_to_wire(pb_find_type(pool, "test.all.Everything"), bytes_of(everything), 0, &encoded, NULL), 0);
    walk(build_pool);
    walk(json_to_wire);
    walk(wire_to_json);
    walk(unpack_and_back);
    walk(join_and_unpack);
    walk(trees);
    text_deinit(&encoded);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct error err = ERROR_INIT;
        failing_arm(n);
        int rc = refuse(&err);
        if (rc == 0)
            rc = scan_refusal(&err);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || rc == ERROR_MEMORY);
        assert_non_null(err.message);
        error_clear(&err);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
