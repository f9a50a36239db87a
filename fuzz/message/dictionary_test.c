/* Values come back for the field, its name and its class, from the source asked for; what led to something new stays
 * and is given out more; the user's file is read, and its errors have their places. */
#include "base/test.h"

#include "fuzz/message/dictionary.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <string.h>

static struct pb_pool *pool;

static int load(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static const struct pb_field *field(const char *type, const char *name)
{
    const struct pb_type *t = pb_find_type(pool, type);
    assert_non_null(t);
    const struct pb_field *f = pb_field_by_name(t, name);
    assert_non_null(f);
    return f;
}

/* How many of 1,000 draws give this text. */
static int draws_of(const struct dictionary *d, const struct pb_field *f, enum value_source source, const char *text)
{
    struct random r;
    struct dictionary_value v;
    int n = 0;
    random_seed(&r, 1);
    for (int i = 0; i < 1000; i++)
        n += dictionary_draw(d, &r, f, source, &v) && bytes_is(v.text, text);
    return n;
}

static void test_reply(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_new();
    struct random r;
    struct dictionary_value v;
    struct text reply = TEXT_INIT;
    const struct pb_type *place = pb_find_type(pool, "test.shared.Place");
    random_seed(&r, 2);
    assert_non_null(d);
    assert_false(dictionary_draw(d, &r, field("test.shared.Place", "name"), SOURCE_REPLY, &v));
    /* name, y = -3, inside { name }, weight 0.5 */
    fuzz_put_bytes(&reply, 1, bytes_of("Bergen"));
    fuzz_put_tag(&reply, 3, WIRE_VARINT);
    value_put(&reply, PB_SINT64, (uint64_t)-3);
    fuzz_put_bytes(&reply, 7, BYTES("\x0A\x04Voss", 6));
    fuzz_put_tag(&reply, 9, WIRE_FIXED64);
    fuzz_put_fixed(&reply, UINT64_C(0x3FE0000000000000), 8);
    fuzz_put_tag(&reply, 1, WIRE_BYTES); /* and is cut */
    dictionary_learn(d, place, text_bytes(&reply));
    dictionary_learn(d, place, text_bytes(&reply));
    assert_int_equal(dictionary_count(d, SOURCE_REPLY), 4);
    assert_int_equal(dictionary_count(d, VALUE_SOURCE_COUNT), 0);
    /* The same field, another of that name, and any text. */
    assert_in_range(draws_of(d, field("test.shared.Place", "name"), SOURCE_REPLY, "Bergen"), 300, 700);
    assert_in_range(draws_of(d, field("test.shared.Place", "name"), SOURCE_REPLY, "Voss"), 300, 700);
    assert_in_range(draws_of(d, field("test.all.Tree", "name"), SOURCE_REPLY, "Voss"), 300, 700);
    assert_in_range(draws_of(d, field("test.all.Scalars", "f_bytes"), SOURCE_REPLY, "Voss"), 300, 700);
    assert_int_equal(draws_of(d, field("test.shared.Place", "name"), SOURCE_USER, "Voss"), 0);
    /* Numbers keep their value in other kinds. */
    assert_true(dictionary_draw(d, &r, field("test.shared.Place", "x"), SOURCE_REPLY, &v));
    assert_int_equal((int64_t)v.number, -3);
    assert_true(dictionary_draw(d, &r, field("test.all.Scalars", "f_float"), SOURCE_REPLY, &v));
    assert_int_equal(v.number, 0x3F000000);
    assert_false(dictionary_draw(d, &r, field("test.all.Tree", "left"), SOURCE_REPLY, &v));
    text_deinit(&reply);
    dictionary_free(d);
}

static void test_compared(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_new();
    struct random r;
    struct dictionary_value v;
    random_seed(&r, 3);
    const struct pb_field *big = field("test.all.Scalars", "f_uint64"), *name = field("test.all.Tree", "name");
    dictionary_compared(d, big, BYTES("\x78\x56\x34\x12", 4));
    assert_true(dictionary_draw(d, &r, big, SOURCE_COMPARED, &v));
    assert_int_equal(v.number, 0x12345678);
    /* Bytes no string can hold are for bytes only. */
    dictionary_compared(d, name, BYTES("\xFF\xFE", 2));
    assert_false(dictionary_draw(d, &r, name, SOURCE_COMPARED, &v));
    assert_true(dictionary_draw(d, &r, field("test.all.Scalars", "f_bytes"), SOURCE_COMPARED, &v));
    /* Of an unknown field: for its class, as text and as number. */
    dictionary_compared(d, NULL, bytes_of("secret"));
    assert_true(draws_of(d, name, SOURCE_COMPARED, "secret") == 1000);
    const struct pb_field *wide = field("test.all.Scalars", "f_fixed64");
    bool found = false;
    for (int i = 0; i < 100 && !found; i++)
        found = dictionary_draw(d, &r, wide, SOURCE_COMPARED, &v) && v.number == UINT64_C(0x746572636573);
    assert_true(found);
    dictionary_compared(d, NULL, BYTES_NONE);
    dictionary_compared(d, field("test.all.Tree", "left"), bytes_of("aVeryLongText"));
    dictionary_free(d);
}

/* One of many leads on: it is drawn more, and survives as others pass. */
static void test_success(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_new();
    struct random r;
    struct dictionary_value v;
    const struct pb_field *name = field("test.all.Tree", "name");
    random_seed(&r, 4);
    for (int i = 0; i < 10; i++) {
        char text[16];
        snprintf(text, sizeof text, "value-%d", i);
        dictionary_compared(d, name, bytes_of(text));
    }
    for (int i = 0; i < 2000; i++) {
        assert_true(dictionary_draw(d, &r, name, SOURCE_COMPARED, &v));
        dictionary_credit(d, v.ticket, bytes_is(v.text, "value-7"));
    }
    assert_true(draws_of(d, name, SOURCE_COMPARED, "value-7") > 150);
    for (int i = 0; i < 3 * DICTIONARY_VALUES; i++) {
        char text[24];
        snprintf(text, sizeof text, "other-%d", i);
        dictionary_compared(d, name, bytes_of(text));
    }
    assert_true(draws_of(d, name, SOURCE_COMPARED, "value-7") > 50);
    assert_int_equal(draws_of(d, name, SOURCE_COMPARED, "value-2"), 0);
    assert_true(dictionary_count(d, SOURCE_COMPARED) <= DICTIONARY_VALUES);
    dictionary_credit(d, UINT32_MAX, true);
    dictionary_free(d);
}

static void test_file(void **state)
{
    (void)state;
    static const char file[] = "test.shared.Place.name: [Oslo, \"../Oslo\"]\n"
                               "test.shared.Place.mood: [MOOD_GOOD, 77]\n"
                               "\"*.house\": [red]\n"
                               "integer: [65537, -5]\n"
                               "real: [0.25]\n"
                               "test.shared.Place.weight: [3]\n";
    struct dictionary *d = dictionary_new();
    struct error err = ERROR_INIT;
    struct random r;
    struct dictionary_value v;
    random_seed(&r, 5);
    if (dictionary_read(d, BYTES(file, sizeof file - 1), "values.yaml", pool, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(dictionary_count(d, SOURCE_USER), 9);
    assert_int_equal(draws_of(d, field("test.shared.Place", "name"), SOURCE_USER, "Oslo") +
                         draws_of(d, field("test.shared.Place", "name"), SOURCE_USER, "../Oslo"),
                     1000);
    /* That field's alone. */
    assert_int_equal(draws_of(d, field("test.all.Tree", "name"), SOURCE_USER, "Oslo"), 0);
    assert_int_equal(draws_of(d, field("test.shared.Place", "house"), SOURCE_USER, "red"), 1000);
    bool good = false, minus = false, three = false;
    for (int i = 0; i < 200; i++) {
        good |= dictionary_draw(d, &r, field("test.shared.Place", "mood"), SOURCE_USER, &v) && v.number == 3;
        minus |=
            dictionary_draw(d, &r, field("test.all.Scalars", "f_int32"), SOURCE_USER, &v) && (int64_t)v.number == -5;
        three |= dictionary_draw(d, &r, field("test.shared.Place", "weight"), SOURCE_USER, &v) &&
                 v.number == UINT64_C(0x4008000000000000);
    }
    assert_true(good && minus && three);
    /* They stay, whatever is learnt. */
    for (int i = 0; i < 3 * DICTIONARY_VALUES; i++) {
        char text[24];
        snprintf(text, sizeof text, "reply-%d", i);
        dictionary_compared(d, field("test.shared.Place", "name"), bytes_of(text));
    }
    assert_int_equal(dictionary_count(d, SOURCE_USER), 9);
    assert_true(draws_of(d, field("test.shared.Place", "name"), SOURCE_USER, "Oslo") > 300);
    dictionary_free(d);
}

static void test_file_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "v.yaml:1:1: values are a map from fields to lists, not a list"},
        {"test.shared.Place.name: x", "v.yaml:1:25: \"test.shared.Place.name\" must be a list, this is text"},
        {"test.shared.Nowhere.name: [x]", "v.yaml:1:27: no message type test.shared.Nowhere in the descriptor set"},
        {"test.shared.Place.nam: [x]", "v.yaml:1:24: test.shared.Place has no field nam"},
        {"test.shared.Place.inside: [x]", "v.yaml:1:27: test.shared.Place.inside is a message: name its fields"},
        {"number: [1]", "v.yaml:1:9: \"number\" is none of package.Message.field, *.field, text, integer, real"},
        {"test.shared.Place.x: [1,\n two]", "v.yaml:2:2: expected integer, this is text"},
        {"text: [[1]]", "v.yaml:1:8: expected text, this is a list"},
        {"\"*.x\": [{}]", "v.yaml:1:9: expected a text or a number, this is a map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dictionary *d = dictionary_new();
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(dictionary_read(d, bytes_of(cases[i].text), "v.yaml", pool, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
        dictionary_free(d);
    }
}

/* In mutants: the sources are used, what succeeds is drawn more, and results stay valid. */
static void test_mutants(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_new();
    struct mutate_learning learning;
    struct random r;
    struct text in = TEXT_INIT, out = TEXT_INIT;
    const struct pb_type *t = pb_find_type(pool, "test.shared.Place");
    int from[VALUE_SOURCE_COUNT] = {0}, secret_early = 0, secret_late = 0;
    random_seed(&r, 6);
    mutate_learning_init(&learning);
    dictionary_compared(d, pb_field_by_name(t, "name"), bytes_of("secret"));
    fuzz_put_bytes(&in, 1, bytes_of("from a reply"));
    dictionary_learn(d, t, text_bytes(&in));
    assert_int_equal(dictionary_read(d, bytes_of("text: [theirs]"), "v.yaml", pool, NULL), 0);
    for (int n = 0; n < 40000; n++) {
        struct mutated did;
        struct mutation m = {.type = t, .input = text_bytes(&in), .max = 1000, .dictionary = d, .learning = &learning};
        text_clear(&out);
        assert_int_equal(fuzz_mutate_message(&r, &m, n % 2 ? LANE_VALID : LANE_NEAR_VALID, &out, &did), 0);
        bool secret = strstr(text_string(&out), "secret") != NULL;
        if (n % 2 == 1) {
            assert_int_equal(pb_scan(t->descriptor, text_bytes(&out), NULL), 0);
            if (did.source != MUTATE_NO_ARM)
                from[did.source]++;
            secret_early += secret && n < 4000;
            secret_late += secret && n >= 36000;
        }
        if (n >= 4000)
            fuzz_mutate_credit(&learning, d, &r, &did, secret);
    }
    for (int i = 0; i < VALUE_SOURCE_COUNT; i++)
        assert_true(from[i] > 20);
    assert_true(secret_late > 2 * secret_early);
    text_deinit(&in);
    text_deinit(&out);
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply), cmocka_unit_test(test_compared),    cmocka_unit_test(test_success),
        cmocka_unit_test(test_file),  cmocka_unit_test(test_file_errors), cmocka_unit_test(test_mutants),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
