#include "base/test.h"

#include "base/base64.h"
#include "base/random.h"

static const unsigned ways[] = {0, BASE64_URL, BASE64_BLANKS, BASE64_NO_REST,
                                BASE64_URL | BASE64_BLANKS | BASE64_NO_REST};
#define WAYS (sizeof ways / sizeof ways[0])

static void expect_read(const char *encoded, const char *plain)
{
    for (size_t w = 0; w < WAYS; w++) {
        struct text back = TEXT_INIT;
        text_puts(&back, "<");
        assert_true(base64_read(&back, bytes_of(encoded), ways[w]));
        assert_string_equal(text_string(&back) + 1, plain);
        text_deinit(&back);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    static const char *const vectors[][3] = {
        /* plain, padded, not padded; RFC 4648, 10 */
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79", "//79"},
        {"\xfb\xef\xbe", "++++", "++++"},
        {"\xfb\xff\xfe", "+//+", "+//+"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const char *const *v = vectors[i];
        struct text out = TEXT_INIT, back = TEXT_INIT;
        base64_encode(&out, bytes_of(v[0]));
        assert_string_equal(text_string(&out), v[1]);
        text_clear(&out);
        base64_encode_bare(&out, bytes_of(v[0]));
        assert_string_equal(text_string(&out), v[2]);
        expect_read(v[1], v[0]);
        expect_read(v[2], v[0]);
        text_clear(&out);
        base64_encode_url(&out, bytes_of(v[0]));
        assert_null(strpbrk(text_string(&out), "+/="));
        assert_true(base64_decode(&back, text_bytes(&out)));
        assert_string_equal(text_string(&back), v[0]);
        text_deinit(&out);
        text_deinit(&back);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned unless; /* taken with this one alone */
    } bad[] = {
        {"Z", 0},
        {"=", 0},
        {"Zg=", 0},
        {"Zg===", 0},
        {"====", 0},
        {"Z===", 0},
        {"Z=9v", 0},
        {"=Zg=", 0},
        {"Zm9v=", 0},
        {"Zm9v!", 0},
        {"Zm9vZ", 0},
        {"Zg==Zg==", 0},
        {"Z g=a", 0},
        {"Zm9-", BASE64_URL},
        {"Zm9_", BASE64_URL},
        {"Zm 8", BASE64_BLANKS},
        {"Zm9v\n", BASE64_BLANKS},
        {"Zm\n9v", BASE64_BLANKS},
        {"Zm9v Zm9v", BASE64_BLANKS},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t w = 0; w < WAYS; w++) {
            struct text out = TEXT_INIT;
            text_puts(&out, "before");
            bool taken = base64_read(&out, bytes_of(bad[i].text), ways[w]);
            if (taken != ((ways[w] & bad[i].unless) != 0))
                fail_msg("\"%s\" read with %u: %d", bad[i].text, ways[w], taken);
            if (!taken)
                assert_string_equal(text_string(&out), "before");
            text_deinit(&out);
        }
    }
    struct text out = TEXT_INIT;
    assert_true(base64_read(&out, bytes_of("Zh=="), BASE64_URL | BASE64_BLANKS));
    assert_false(base64_read(&out, bytes_of("Zh=="), BASE64_NO_REST));
    assert_false(base64_decode(&out, bytes_of("Zh==")));
    assert_string_equal(text_string(&out), "f");
    text_deinit(&out);
}

static void test_any_bytes(void **state)
{
    static void (*const encoders[])(struct text *, struct bytes) = {base64_encode, base64_encode_bare,
                                                                    base64_encode_url};
    struct random r;
    (void)state;
    random_seed(&r, 1);
    for (size_t len = 0; len < 100; len++) {
        for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++) {
            uint8_t data[100];
            struct text out = TEXT_INIT, back = TEXT_INIT;
            random_bytes(&r, data, len);
            encoders[i](&out, BYTES(data, len));
            assert_true(base64_read(&back, text_bytes(&out), BASE64_URL));
            assert_true(bytes_equal(text_bytes(&back), BYTES(data, len)));
            text_clear(&back);
            assert_true(base64_decode(&back, text_bytes(&out)));
            assert_true(bytes_equal(text_bytes(&back), BYTES(data, len)));
            text_deinit(&out);
            text_deinit(&back);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_any_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
