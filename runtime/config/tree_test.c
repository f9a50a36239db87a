#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/config/tree.h"
#include "world/sim.h"

#include <string.h>

static struct sim *sim;
static struct config_key key;

static int set_up(void **state)
{
    (void)state;
    sim = sim_new(&(struct sim_options){.seed = 1});
    return config_key_init(&key, sim_node(sim, "config"), NULL, "secret.key", NULL);
}

static int tear_down(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

static int set(json_t **root, const char *path, const char *value, const struct config_key *k, struct error *err)
{
    struct config_path p;
    int rc = config_path_parse(path, &p, err);
    return rc ? rc : config_tree_set(root, &p, bytes_of(value), k, "micro", err);
}

static void expect(json_t *root, const char *path, const struct config_key *k, const char *expected)
{
    struct config_path p;
    struct text out = TEXT_INIT;
    assert_int_equal(config_path_parse(path, &p, NULL), 0);
    assert_int_equal(config_tree_get(root, &p, k, "micro", &out, NULL), 0);
    assert_string_equal(text_string(&out), expected);
    text_deinit(&out);
}

static json_t *with(const char *path, const char *value)
{
    json_t *root = config_tree_new();
    assert_int_equal(set(&root, path, value, NULL, NULL), 0);
    return root;
}

static void paths_and_merging(void **state)
{
    (void)state;
    json_t *root = with("a.b.c", "\"deep\"");
    expect(root, "", NULL, "{\"a\":{\"b\":{\"c\":\"deep\"}}}");
    expect(root, "a.b", NULL, "{\"c\":\"deep\"}");
    expect(root, "a.b.c", NULL, "\"deep\"");
    expect(root, "a.x", NULL, "null");
    expect(root, "a.b.c.d", NULL, "null");
    assert_int_equal(set(&root, "a", "{\"b\":{\"d\":2},\"e\":[1,{\"f\":0.1}]}", NULL, NULL), 0);
    expect(root, "", NULL, "{\"a\":{\"b\":{\"c\":\"deep\",\"d\":2},\"e\":[1,{\"f\":0.1}]}}");
    /* scalar over map, map over scalar */
    assert_int_equal(set(&root, "a.b", "true", NULL, NULL), 0);
    expect(root, "a", NULL, "{\"b\":true,\"e\":[1,{\"f\":0.1}]}");
    assert_int_equal(set(&root, "a.b.g", "null", NULL, NULL), 0);
    expect(root, "a.b", NULL, "{\"g\":null}");
    json_decref(root);
}

/* The cases of v3's own integration test. */
static void cases_of_v3(void **state)
{
    (void)state;
    json_t *root = with("", "{\"a\":1}");
    assert_int_equal(set(&root, "", "{\"b\":2}", NULL, NULL), 0);
    expect(root, "", NULL, "{\"a\":1,\"b\":2}");
    json_decref(root);
    root = with("some", "{\"a\":\"val a\",\"b\":{\"b1\":\"val b1\"},\"c\":\"val c\"}");
    assert_int_equal(set(&root, "some", "{\"d\":\"val d\",\"b\":{\"b2\":\"val b2\"}}", NULL, NULL), 0);
    expect(root, "some", NULL,
           "{\"a\":\"val a\",\"b\":{\"b1\":\"val b1\",\"b2\":\"val b2\"},\"c\":\"val c\",\"d\":\"val d\"}");
    json_decref(root);
    root = with("html", "\"<a href='x'>&</a>\"");
    expect(root, "html", NULL, "\"<a href='x'>&</a>\"");
    json_decref(root);
}

static void values(void **state)
{
    (void)state;
    static const char *const kept[] = {"null",
                                       "true",
                                       "-5",
                                       "9223372036854775807",
                                       "0.1",
                                       "1e+300",
                                       "2.5",
                                       "[]",
                                       "{}",
                                       "[[1],{\"a\":null}]",
                                       "\"\\u0001\\\"\\\\\"",
                                       "\"œ\""};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        json_t *root = with("k", kept[i]);
        expect(root, "k", NULL, kept[i]);
        json_decref(root);
    }
}

/* An inner node called "leaf" is no leaf, whatever its children are called. */
static void children_named_like_the_format(void **state)
{
    (void)state;
    json_t *root = with("", "{\"leaf\":true,\"value\":\"x\",\"secret\":{\"leaf\":false}}");
    expect(root, "", NULL, "{\"leaf\":true,\"value\":\"x\",\"secret\":{\"leaf\":false}}");
    struct text stored = TEXT_INIT;
    json_t *again = NULL;
    assert_int_equal(config_tree_store(root, &stored, NULL), 0);
    assert_int_equal(config_tree_parse(text_bytes(&stored), &again, NULL), 0);
    expect(again, "leaf", NULL, "true");
    expect(again, "secret.leaf", NULL, "false");
    text_deinit(&stored);
    json_decref(root);
    json_decref(again);
}

/* An array is read by element, and changed as a whole. (v3 answers every path into one with its first element.) */
static void arrays(void **state)
{
    (void)state;
    struct config_path p;
    struct error err = ERROR_INIT;
    bool removed = true;
    json_t *root = with("a.list", "[10,{\"b\":[true,\"x\"]},[[7]]]");
    expect(root, "a.list", NULL, "[10,{\"b\":[true,\"x\"]},[[7]]]");
    expect(root, "a.list.0", NULL, "10");
    expect(root, "a.list.1", NULL, "{\"b\":[true,\"x\"]}");
    expect(root, "a.list.1.b.1", NULL, "\"x\"");
    expect(root, "a.list.2.0.0", NULL, "7");
    expect(root, "a.list.3", NULL, "null");
    expect(root, "a.list.00", NULL, "null");
    expect(root, "a.list.-1", NULL, "null");
    expect(root, "a.list.1e0", NULL, "null");
    expect(root, "a.list.99999999999999999999", NULL, "null");
    expect(root, "a.list.b", NULL, "null");
    expect(root, "a.list.0.x", NULL, "null");
    assert_int_equal(set(&root, "a.list.0", "11", NULL, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "array at \"list\""));
    error_clear(&err);
    assert_int_equal(set(&root, "a.list.1.b", "11", NULL, NULL), ERROR_INVALID);
    assert_int_equal(config_path_parse("a.list.0", &p, NULL), 0);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), ERROR_INVALID);
    assert_false(removed);
    expect(root, "", NULL, "{\"a\":{\"list\":[10,{\"b\":[true,\"x\"]},[[7]]]}}");
    assert_int_equal(set(&root, "a.list", "[1]", NULL, NULL), 0);
    expect(root, "a.list.0", NULL, "1");
    assert_int_equal(set(&root, "a", "{\"list\":{\"0\":2}}", NULL, NULL),
                     0); /* numbers name members of a map as well */
    expect(root, "a.list.0", NULL, "2");
    /* A secret one is hidden whole. */
    assert_int_equal(set(&root, "s", "[1,2]", &key, NULL), 0);
    expect(root, "s.1", NULL, "\"[secret]\"");
    expect(root, "s.1", &key, "2");
    expect(root, "s.9", &key, "null");
    /* The whole tree may be one. */
    assert_int_equal(set(&root, "", "[1,2]", NULL, NULL), 0);
    assert_int_equal(set(&root, "a", "1", NULL, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "array at \".\""));
    error_clear(&err);
    assert_int_equal(config_path_parse("a", &p, NULL), 0);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), ERROR_INVALID);
    json_decref(root);
}

static void key_check(void **state)
{
    (void)state;
    struct world *w = sim_node(sim, "config");
    struct config_key other;
    struct error err = ERROR_INIT;
    assert_int_equal(config_key_check(&key, "check", NULL), 0);
    assert_int_equal(config_key_check(&key, "check", NULL), 0);
    assert_int_equal(config_key_init(&other, w, NULL, "other.key", NULL), 0);
    assert_int_equal(config_key_check(&other, "check", &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "not the one used before"));
    error_clear(&err);
    assert_int_equal(world_write_file(w, "check", bytes_of("rubbish"), true, NULL), 0);
    assert_int_equal(config_key_check(&key, "check", NULL), ERROR_DENIED);
    config_key_deinit(&other);
}

static void removing(void **state)
{
    (void)state;
    struct config_path p;
    bool removed = false;
    json_t *root = with("a", "{\"b\":1,\"c\":{\"d\":2}}");
    assert_int_equal(config_path_parse("a.c.d", &p, NULL), 0);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), 0);
    assert_true(removed);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), 0);
    assert_false(removed);
    expect(root, "", NULL, "{\"a\":{\"b\":1,\"c\":{}}}");
    assert_int_equal(config_path_parse("a.b.x", &p, NULL), 0);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), 0);
    assert_false(removed);
    assert_int_equal(config_path_parse("", &p, NULL), 0);
    assert_int_equal(config_tree_remove(root, &p, &removed, NULL), 0);
    assert_true(removed);
    expect(root, "", NULL, "{}");
    json_decref(root);
}

static void secrets(void **state)
{
    (void)state;
    json_t *root = with("public", "1");
    struct text stored = TEXT_INIT, out = TEXT_INIT;
    struct error err = ERROR_INIT;
    assert_int_equal(set(&root, "db", "{\"user\":\"joe\",\"password\":\"hunter2\"}", &key, NULL), 0);
    expect(root, "", NULL, "{\"public\":1,\"db\":{\"user\":\"[secret]\",\"password\":\"[secret]\"}}");
    expect(root, "db.password", NULL, "\"[secret]\"");
    expect(root, "db.password", &key, "\"hunter2\"");
    expect(root, "", &key, "{\"public\":1,\"db\":{\"user\":\"joe\",\"password\":\"hunter2\"}}");
    assert_int_equal(config_tree_store(root, &stored, NULL), 0);
    assert_null(strstr(text_string(&stored), "hunter2"));
    /* another namespace, and another key */
    struct config_path p;
    assert_int_equal(config_path_parse("db.password", &p, NULL), 0);
    assert_int_equal(config_tree_get(root, &p, &key, "other", &out, &err), ERROR_DENIED);
    struct config_key other = key;
    other.bytes[0] ^= 1;
    assert_int_equal(config_tree_get(root, &p, &other, "micro", &out, &err), ERROR_DENIED);
    assert_non_null(strstr(err.message, "cannot be decrypted"));
    error_clear(&err);
    /* a plain value over a secret one is plain */
    assert_int_equal(set(&root, "db.user", "\"jane\"", NULL, NULL), 0);
    expect(root, "db.user", NULL, "\"jane\"");
    text_deinit(&stored);
    text_deinit(&out);
    json_decref(root);
}

static void key_file(void **state)
{
    (void)state;
    struct world *w = sim_node(sim, "config");
    struct config_key again, given;
    struct error err = ERROR_INIT;
    assert_int_equal(config_key_init(&again, w, NULL, "secret.key", NULL), 0);
    assert_memory_equal(again.bytes, key.bytes, CONFIG_KEY_SIZE);
    assert_int_equal(config_key_init(&given, w, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "unused", NULL), 0);
    assert_int_equal(given.bytes[31], 31);
    assert_int_equal(config_key_init(&given, w, "c2hvcnQ=", "unused", &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "32 bytes"));
    assert_int_equal(world_write_file(w, "broken.key", bytes_of("?"), true, NULL), 0);
    assert_int_equal(config_key_init(&given, w, NULL, "broken.key", &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "broken.key"));
    error_clear(&err);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value, *message;
        int code;
    } bad[] = {
        {"a..b", "1", "empty name at character 3", ERROR_INVALID},
        {".a", "1", "empty name at character 1", ERROR_INVALID},
        {"a.", "1", "empty name at character 3", ERROR_INVALID},
        {"a", "{\"x\":1,\n \"x\":2}", "line 2", ERROR_SYNTAX},
        {"a", "{", "not JSON", ERROR_SYNTAX},
        {"a", "", "not JSON", ERROR_SYNTAX},
        {"a", "1 2", "not JSON", ERROR_SYNTAX},
    };
    json_t *root = with("keep", "1");
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(set(&root, bad[i].path, bad[i].value, NULL, &err), bad[i].code);
        if (!strstr(err.message, bad[i].message))
            fail_msg("\"%s\" does not say \"%s\"", err.message, bad[i].message);
    }
    struct text deep = TEXT_INIT;
    for (int i = 0; i < CONFIG_DEPTH_MAX + 1; i++)
        text_puts(&deep, "{\"a\":");
    text_puts(&deep, "1");
    for (int i = 0; i < CONFIG_DEPTH_MAX + 1; i++)
        text_puts(&deep, "}");
    assert_int_equal(set(&root, "", text_string(&deep), NULL, &err), ERROR_LIMIT);
    text_clear(&deep);
    for (int i = 0; i < CONFIG_DEPTH_MAX + 2; i++)
        text_char(&deep, '[');
    for (int i = 0; i < CONFIG_DEPTH_MAX + 2; i++)
        text_char(&deep, ']');
    assert_int_equal(set(&root, "", text_string(&deep), NULL, &err), ERROR_LIMIT);
    expect(root, "", NULL, "{\"keep\":1}"); /* nothing of it was done */
    text_deinit(&deep);
    json_decref(root);
    static const char *const stored[] = {"",
                                         "[]",
                                         "{\"a\":1}",
                                         "{\"a\":{\"leaf\":true}}",
                                         "{\"a\":{\"leaf\":true,\"value\":1}}",
                                         "{\"a\":{\"leaf\":true,\"value\":\"nul\"}}"};
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++)
        assert_int_not_equal(config_tree_parse(bytes_of(stored[i]), &root, &err), 0);
    error_clear(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_merging),
        cmocka_unit_test(cases_of_v3),
        cmocka_unit_test(values),
        cmocka_unit_test(children_named_like_the_format),
        cmocka_unit_test(removing),
        cmocka_unit_test(arrays),
        cmocka_unit_test(key_check),
        cmocka_unit_test(secrets),
        cmocka_unit_test(key_file),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("config tree", tests, set_up, tear_down);
}
