/* Texts with a form of their own: what is made is of that form, and what is changed is so where it is taken apart. */
#include "base/test.h"

#include "base/base64.h"
#include "fuzz/message/values_form.h"

#include <jansson.h>
#include <string.h>

#define DRAWS 4000

static struct random r;
static struct text out;
static const struct pb_field string = {.name = "any", .kind = PB_STRING};

static int set_up(void **state)
{
    (void)state;
    random_seed(&r, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_deinit(&out);
    return 0;
}

static struct bytes change(bool (*apply)(const struct text_edit *e), const char *old, size_t max)
{
    const struct text_edit e = {&r, &string, bytes_of(old), max, &out};
    text_clear(&out);
    if (!apply(&e))
        text_clear(&out);
    assert_true(text_ok(&out) && out.len <= max);
    return text_bytes(&out);
}

/* How often each of `wanted` came out, of DRAWS changes. */
static void expect_each(bool (*apply)(const struct text_edit *e), const char *old, const char *const *wanted,
                        size_t count)
{
    size_t seen[16] = {0};
    assert_true(count <= 16);
    for (int n = 0; n < DRAWS; n++) {
        struct bytes now = change(apply, old, 4000);
        for (size_t i = 0; i < count; i++)
            seen[i] += bytes_is(now, wanted[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (seen[i] == 0)
            fail_msg("%s never became %s", old, wanted[i]);
}

#define EXPECT_EACH(apply, old, ...)                                                                                   \
    expect_each(apply, old, (const char *const[]){__VA_ARGS__},                                                        \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static size_t count_of(struct bytes text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == (uint8_t)c;
    return n;
}

static void test_parts(void **state)
{
    (void)state;
    size_t few = 0, many = 0, empty = 0, bounded = 0;
    for (int n = 0; n < DRAWS; n++) {
        text_clear(&out);
        value_parts_fresh(&r, n % 2 ? "a.b" : "", 2000, &out);
        assert_true(text_ok(&out) && out.len <= 2000);
        size_t dots = count_of(text_bytes(&out), '.');
        few += dots > 0 && dots < 6;
        many += dots >= 64 && strstr(text_string(&out), "..") == NULL && out.data[out.len - 1] != '.';
        empty += strstr(text_string(&out), "//") != NULL;
        text_clear(&out);
        value_parts_fresh(&r, "", 7, &out);
        assert_true(out.len <= 7);
        bounded += out.len == 7;
    }
    assert_true(few > 100 && many > 50 && empty > 20 && bounded > 500);
    EXPECT_EACH(value_parts_change, "ab.cd.ef", "ab.ef", "ab.cd", "ab..ef", "abcd.ef", "ab", "cd.ef", "ab..cd.ef",
                "ab.cd.cd.ef");
    /* And one more than tables hold, within the limit. */
    size_t long_ones = 0;
    for (int n = 0; n < DRAWS; n++)
        long_ones += count_of(change(value_parts_change, "ab.cd.ef", 1000), '.') > 64;
    assert_true(long_ones > 50);
    assert_int_equal(change(value_parts_change, "plain", 100).len, 0);
    assert_int_equal(change(value_parts_change, "", 100).len, 0);
}

static void test_json_fresh(void **state)
{
    (void)state;
    size_t right = 0, deep = 0, wide = 0, objects = 0;
    for (int n = 0; n < DRAWS; n++) {
        text_clear(&out);
        value_json_fresh(&r, 6000, &out);
        assert_true(text_ok(&out) && out.len <= 6000);
        json_t *root = json_loadb(text_string(&out), out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        right += root != NULL;
        objects += json_is_object(root);
        wide += json_object_size(root) > 100 || json_array_size(root) > 100;
        deep += strncmp(text_string(&out), "[[[[[[[[", 8) == 0 ||
                strncmp(text_string(&out), "{\"a\":{\"a\":{\"a\":", 15) == 0;
        json_decref(root);
        text_clear(&out);
        value_json_fresh(&r, 5, &out);
        assert_true(out.len <= 5);
    }
    assert_true(right > DRAWS / 2 && deep > 100 && wide > 50 && objects > DRAWS / 3);
}

static void test_json_change(void **state)
{
    (void)state;
    EXPECT_EACH(value_json_change, "{\"id\":\"1\",\"n\":[2, 3]}", "{\"n\":[2, 3]}", "{\"id\":\"1\"}",
                "{\"id\":\"1\",\"n\":[2]}", "{\"id\":\"1\",\"n\":[ 3]}", "{\"id\":null,\"n\":[2, 3]}",
                "{\"id\":\"1\",\"n\":{}}", "{\"id\":\"1\",\"id\":\"1\",\"n\":[2, 3]}", "{\"id\":\"1\",\"n\":[2,2, 3]}",
                "{\"id\":[\"1\"],\"n\":[2, 3]}", "{\"\":\"1\",\"n\":[2, 3]}", "{\"id\":\"*\",\"n\":[2, 3]}");
    size_t deep = 0, whole = 0;
    for (int n = 0; n < DRAWS; n++) {
        struct bytes now = change(value_json_change, "{\"a\":{\"b\":[1,{\"c\":\"x\\\"y\"}]},\"d\":\"\xC3\xA9\"}", 3000);
        json_t *root = json_loadb((const char *)now.data, now.len, JSON_DECODE_ANY, NULL);
        whole += root != NULL;
        deep += count_of(now, '[') > 60;
        json_decref(root);
    }
    /* What is no longer JSON has half a surrogate pair or a number beyond all others. */
    assert_true(whole > DRAWS / 2 && deep > 50);
    static const char *const none[] = {"", "{}", "[]", "text", "{\"a", "{1:2}", "}", "[[[[", "{\"a\"", "{\"a\":"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        for (int n = 0; n < 50; n++)
            assert_int_equal(change(value_json_change, none[i], 100).len, 0);
    /* Broken further on, and deeper than it is read: the rest stays. */
    for (int n = 0; n < DRAWS; n++) {
        (void)change(value_json_change, "[1,{\"a\":2},\"open", 400);
        (void)change(value_json_change, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]", 400);
    }
}

static json_t *part(struct bytes token, size_t wanted)
{
    struct text json = TEXT_INIT;
    const uint8_t *from = token.data, *end = token.data + token.len;
    for (; wanted > 0 && from != NULL; wanted--) {
        from = memchr(from, '.', (size_t)(end - from));
        from = from != NULL ? from + 1 : NULL;
    }
    const uint8_t *dot = from != NULL ? memchr(from, '.', (size_t)(end - from)) : NULL;
    json_t *root = NULL;
    if (from != NULL && base64_decode(&json, BYTES(from, (size_t)((dot != NULL ? dot : end) - from))))
        root = json_loadb(text_string(&json), json.len, 0, NULL);
    text_deinit(&json);
    return root;
}

static void test_token_fresh(void **state)
{
    (void)state;
    size_t whole = 0, odd_key = 0, no_key = 0, odd_claim = 0, parts[6] = {0};
    for (int n = 0; n < DRAWS; n++) {
        text_clear(&out);
        value_token_fresh(&r, &out);
        assert_true(text_ok(&out));
        size_t dots = count_of(text_bytes(&out), '.');
        assert_true(dots < 5);
        parts[dots + 1]++;
        json_t *head = part(text_bytes(&out), 0), *claims = part(text_bytes(&out), 1);
        const json_t *algorithm = json_object_get(head, "alg"), *key = json_object_get(head, "kid");
        bool right = json_is_string(algorithm) && strcmp(json_string_value(algorithm), "RS256") == 0;
        odd_key += right && key != NULL && !json_is_string(key);
        no_key += right && key == NULL;
        odd_claim += right && json_is_string(key) && json_object_get(claims, "sub") != NULL &&
                     !json_is_string(json_object_get(claims, "sub"));
        whole += right && json_is_string(key) && json_is_integer(json_object_get(claims, "exp")) && dots == 2;
        json_decref(head);
        json_decref(claims);
    }
    for (size_t i = 1; i < 6; i++)
        assert_true(parts[i] > DRAWS / 40);
    assert_true(parts[3] > DRAWS / 2);
    assert_true(whole > DRAWS / 10 && odd_key > DRAWS / 100 && no_key > DRAWS / 100 && odd_claim > DRAWS / 400);
}

/* {"alg":"RS256","kid":"k"}.{"sub":"a","exp":1}.c2ln */
static const char token[] = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJhIiwiZXhwIjoxfQ.c2ln";

static void test_token_change(void **state)
{
    (void)state;
    size_t changed = 0, no_key = 0, odd_key = 0, no_expiry = 0;
    for (int n = 0; n < DRAWS; n++) {
        struct bytes now = change(value_token_change, token, 6000);
        if (now.len == 0)
            continue;
        changed++;
        assert_int_equal(count_of(now, '.'), 2);
        assert_memory_equal(now.data + now.len - 5, ".c2ln", 5);
        json_t *head = part(now, 0), *claims = part(now, 1);
        no_key += head != NULL && json_object_get(head, "kid") == NULL && json_object_get(head, "alg") != NULL;
        odd_key += json_object_get(head, "kid") != NULL && !json_is_string(json_object_get(head, "kid"));
        no_expiry += claims != NULL && json_object_get(claims, "exp") == NULL;
        json_decref(head);
        json_decref(claims);
    }
    assert_true(changed > DRAWS / 2 && no_key > 50 && odd_key > 50 && no_expiry > 50);
    static const char *const none[] = {"", ".", "a.b.c", "text", "!!!.!!!", "e30.e30.x", "Zm9v.YmFy.x"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        for (int n = 0; n < 50; n++)
            assert_int_equal(change(value_token_change, none[i], 100).len, 0);
}

/* Fields get the form that their name speaks of, beside the words. */
static void test_named(void **state)
{
    static const struct {
        const char *name;
        enum pb_kind kind;
    } rows[] = {{"config_path", PB_STRING}, {"value", PB_BYTES}, {"refresh_token", PB_STRING}};
    size_t seen[3] = {0};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int n = 0; n < DRAWS; n++) {
            const struct pb_field f = {.name = rows[i].name, .kind = rows[i].kind};
            text_clear(&out);
            value_text_fresh(&r, &f, 8000, &out);
            assert_true(text_ok(&out) && out.len <= 8000);
            json_t *json = i == 1 ? json_loadb(text_string(&out), out.len, 0, NULL) : part(text_bytes(&out), 0);
            seen[i] += i == 0 ? count_of(text_bytes(&out), '.') > 64 : json_object_size(json) > 1;
            json_decref(json);
            text_clear(&out);
            value_text_fresh(&r, &f, 3, &out);
            assert_true(out.len <= 3);
        }
    for (size_t i = 0; i < 3; i++)
        if (seen[i] < DRAWS / 200)
            fail_msg("%s: %zu of %d", rows[i].name, seen[i], DRAWS);
}

/* And changes go by what the text seems to be. */
static void test_changed(void **state)
{
    static const struct {
        const char *old, *what;
    } rows[] = {
        {"{\"id\":\"1\",\"n\":2}", "text-json"}, {token, "text-claim"}, {token, "text-parts"}, {"a.b", "text-parts"}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t seen = 0;
        for (int n = 0; n < DRAWS; n++) {
            const char *what = NULL;
            text_clear(&out);
            value_text_change(&r, &string, bytes_of(rows[i].old), 6000, &out, &what);
            assert_true(text_ok(&out) && out.len <= 6000 && !bytes_is(text_bytes(&out), rows[i].old));
            seen += strcmp(what, rows[i].what) == 0;
        }
        if (seen < DRAWS / 20)
            fail_msg("%s: %s only %zu of %d times", rows[i].old, rows[i].what, seen, DRAWS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),       cmocka_unit_test(test_json_fresh),   cmocka_unit_test(test_json_change),
        cmocka_unit_test(test_token_fresh), cmocka_unit_test(test_token_change), cmocka_unit_test(test_named),
        cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
