/* What is generated is valid, what must be refused is refused, and inputs survive being written to a file. */
#include "base/test.h"

#include "base/error.h"
#include "fuzz/generate.h"
#include "fuzz/input.h"
#include "proto/set.h"

#include <string.h>

#define VALID_DRAWS  100 /* per type */
#define DEFECT_DRAWS 1000
#define INPUT_DRAWS  3000

static struct pb_pool *pool;
static const struct pb_method *methods[256];
static size_t method_count;

static int load(void **state)
{
    (void)state;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pool, NULL), 0);
    for (size_t i = 0; i < pb_service_count(pool); i++)
        for (size_t m = 0; m < pb_service_at(pool, i)->method_count; m++) {
            assert_true(method_count < sizeof methods / sizeof methods[0]);
            methods[method_count++] = &pb_service_at(pool, i)->methods[m];
        }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

/* Maps' entries are no messages of their own, and google.protobuf's descriptors are proto2. */
static bool is_usable(const struct pb_type *t)
{
    return !t->map_entry && strncmp(t->full_name, "google.protobuf.", 16) != 0;
}

static void test_valid(void **state)
{
    (void)state;
    struct random r;
    size_t bytes = 0;
    random_seed(&r, 1);
    assert_true(pb_type_count(pool) > 50);
    for (size_t i = 0; i < pb_type_count(pool); i++) {
        const struct pb_type *t = pb_type_at(pool, i);
        for (int n = 0; is_usable(t) && n < VALID_DRAWS; n++) {
            struct text message = TEXT_INIT;
            struct error err = ERROR_INIT;
            fuzz_generate(&r, t, &message);
            if (pb_scan(t->descriptor, text_bytes(&message), &err) != 0)
                fail_msg("a generated %s is refused: %s", t->full_name, err.message);
            bytes += message.len;
            text_deinit(&message);
        }
    }
    assert_true(bytes > 100000);
}

static void test_defects(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 2);
    for (size_t d = 0; d < defect_count; d++) {
        int applied = 0, refused = 0;
        for (int n = 0; n < DEFECT_DRAWS; n++) {
            const struct pb_type *t = pb_type_at(pool, (size_t)random_below(&r, pb_type_count(pool)));
            struct text valid = TEXT_INIT, broken = TEXT_INIT;
            if (!is_usable(t))
                continue;
            fuzz_generate(&r, t, &valid);
            if (defects[d].apply(&r, t, text_bytes(&valid), &broken)) {
                applied++;
                bool no = pb_scan(t->descriptor, text_bytes(&broken), NULL) != 0;
                refused += no;
                if (!no && defects[d].answer == DEFECT_REFUSED)
                    fail_msg("%s with %s is accepted", t->full_name, defects[d].name);
            } else {
                assert_int_equal(broken.len, 0);
            }
            text_deinit(&valid);
            text_deinit(&broken);
        }
        /* A defect that fits no type would show nothing. Packed and self-nested fields may be in no contract. */
        bool rare = strcmp(defects[d].name, "packed-flipped") == 0 || strcmp(defects[d].name, "nesting-bomb") == 0;
        if (applied == 0 && !rare)
            fail_msg("%s never applies", defects[d].name);
        if (defects[d].answer == DEFECT_REFUSED)
            assert_int_equal(refused, applied);
        assert_ptr_equal(defect_find(defects[d].name), &defects[d]);
    }
    assert_null(defect_find("no-such-defect"));
}

static void expect_same(const struct fuzz_input *a, const struct fuzz_input *b)
{
    assert_ptr_equal(a->method, b->method);
    assert_int_equal(a->lane, b->lane);
    assert_ptr_equal(a->defect, b->defect);
    assert_int_equal(a->message_count, b->message_count);
    for (size_t i = 0; i < a->message_count; i++)
        assert_true(bytes_equal(text_bytes(&a->messages[i]), text_bytes(&b->messages[i])));
}

static void test_inputs(void **state)
{
    (void)state;
    int lanes[3] = {0}, several = 0;
    for (int64_t n = 0; n < INPUT_DRAWS; n++) {
        struct fuzz_input in, same, read;
        struct text file = TEXT_INIT;
        struct error err = ERROR_INIT;
        assert_int_equal(fuzz_input_make(&in, UINT64_MAX, n, methods, method_count), 0);
        assert_int_equal(fuzz_input_make(&same, UINT64_MAX, n, methods, method_count), 0);
        expect_same(&in, &same);
        lanes[in.lane]++;
        several += in.message_count > 1;
        assert_int_equal(in.defect != NULL, in.lane == LANE_NEAR_VALID);
        assert_true(in.message_count == 1 || in.method->client_streaming);
        fuzz_input_write(&in, "internal", "harrow \"x\" --input f", &file);
        if (fuzz_input_read(text_bytes(&file), "f.json", pool, &read, &err) != 0)
            fail_msg("%s\n%s", err.message, text_string(&file));
        expect_same(&in, &read);
        assert_int_equal(read.number, -1);
        fuzz_input_deinit(&in);
        fuzz_input_deinit(&same);
        fuzz_input_deinit(&read);
        text_deinit(&file);
    }
    assert_true(lanes[LANE_VALID] > INPUT_DRAWS / 3 && lanes[LANE_NEAR_VALID] > INPUT_DRAWS / 4);
    assert_true(lanes[LANE_GARBAGE] > INPUT_DRAWS / 20 && several > 0);
}

static void test_bad_files(void **state)
{
    (void)state;
#define HEAD "{\"harrow\":\"fuzz-input\",\"path\":\"/store.Store/Read\",\"lane\":\"valid\","
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "f.json:1:1: an input is a map with \"path\" and \"messages\""},
        {"{\"harrow\":\"history\",\"path\":\"/store.Store/Read\",\"lane\":\"valid\"}",
         "f.json:1:11: \"harrow\" must be \"fuzz-input\""},
        {"{\"harrow\":\"fuzz-input\",\n\"path\":\"/store.Store/Nothing\",\"lane\":\"valid\"}",
         "f.json:2:8: no method /store.Store/Nothing in the descriptor set"},
        {HEAD "\"messages\":[\"0a0\"]}", "f.json:1:78: a message is a text of pairs of hexadecimal digits"},
        {HEAD "\"messages\":[\"0g\"]}", "f.json:1:78: \"0g\" is no hexadecimal number"},
        {HEAD "\"messages\":[]}", "f.json:1:1: \"messages\" is a list of 1 to 3 messages"},
        {HEAD "\"defect\":\"rust\",\"messages\":[\"\"]}", "f.json:1:75: no defect is called \"rust\""},
        {"{\"harrow\":\"fuzz-input\",\"path\":\"/store.Store/Read\",\"lane\":\"fast\"}",
         "f.json:1:58: a lane is valid, near-valid or garbage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fuzz_input in;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(fuzz_input_read(bytes_of(cases[i].text), "f.json", pool, &in, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_defects),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
