/* Tables for the small syntaxes of the gRPC wire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "wire/grpc_internal.h"

#include <string.h>

static void timeouts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"1n", 1},
        {"0n", 0},
        {"100u", 100000},
        {"250m", 250000000},
        {"5S", UINT64_C(5000000000)},
        {"2M", UINT64_C(120000000000)},
        {"1H", UINT64_C(3600000000000)},
        {"00000001S", UINT64_C(1000000000)}, /* nine characters: eight digits and the unit */
        {"99999999S", UINT64_C(99999999000000000)},
        {"99999999H", INT64_MAX}, /* 11,415 years: kept within what can be added to a clock */
    };
    static const char *const bad[] = {"",    "S",    "1",          "1s",  "1h",   "-1S", "+1S",      " 1S",
                                      "1 S", "1.5S", "123456789S", "1SS", "0x1S", "S1",  "1\xc2\xb5"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t ns = 77;
        assert_int_equal(grpc_timeout_parse(bytes_of(good[i].text), &ns), 0);
        assert_true(ns == good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ns;
        assert_int_equal(grpc_timeout_parse(bytes_of(bad[i]), &ns), ERROR_SYNTAX);
    }
    static const struct {
        uint64_t ns;
        const char *text;
    } out[] = {
        {1, "1n"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {100000001, "100001u"}, /* never shorter than asked */
        {UINT64_C(99999999000), "99999999u"},
        {UINT64_C(99999999001), "100000m"},
        {UINT64_C(3600000000000), "3600000m"},
    };
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        char text[16];
        assert_int_equal(grpc_timeout_format(out[i].ns, text), strlen(out[i].text));
        assert_string_equal(text, out[i].text);
    }
    struct random r;
    random_seed(&r, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t ns = random_next(&r) >> random_below(&r, 64), back;
        char text[16];
        size_t len = grpc_timeout_format(ns, text);
        assert_in_range(len, 2, 9);
        assert_int_equal(grpc_timeout_parse(BYTES(text, len), &back), 0);
        assert_true(back >= (ns > INT64_MAX ? INT64_MAX : ns));
        assert_true(ns < 1000 || back - ns <= ns / 100000 || ns > INT64_MAX / 2);
    }
}

static void percent(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *encoded;
    } table[] = {
        {"", ""},
        {"plain text, all of it ~", "plain text, all of it ~"},
        {"100%", "100%25"},
        {"line\nbreak\t", "line%0Abreak%09"},
        {"sch\xc3\xb6n", "sch%C3%B6n"},
        {"\x7f\x01", "%7F%01"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text t = TEXT_INIT;
        grpc_percent_encode(bytes_of(table[i].plain), &t);
        assert_string_equal(text_string(&t), table[i].encoded);
        text_clear(&t);
        grpc_percent_decode(bytes_of(table[i].encoded), &t);
        assert_string_equal(text_string(&t), table[i].plain);
        text_deinit(&t);
    }
    static const struct {
        const char *encoded, *plain;
    } lenient[] = {
        {"%c3%b6", "\xc3\xb6"}, {"100%", "100%"}, {"100%2", "100%2"},
        {"%zz%41", "%zzA"},     {"%%41", "%A"},   {"%2525", "%25"},
    };
    for (size_t i = 0; i < sizeof lenient / sizeof lenient[0]; i++) {
        struct text t = TEXT_INIT;
        grpc_percent_decode(bytes_of(lenient[i].encoded), &t);
        assert_string_equal(text_string(&t), lenient[i].plain);
        text_deinit(&t);
    }
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a", "x-y_z.0", "user-agent", "authorization", "grpc-trace-bin", "x-bin", "grpc-previous-rpc-attempts", "grpc"};
    static const char *const bad[] = {"",
                                      "A",
                                      "a b",
                                      "a:",
                                      ":authority",
                                      "te",
                                      "host",
                                      "connection",
                                      "content-type",
                                      "grpc-timeout",
                                      "grpc-x",
                                      "\xc3\xb6",
                                      "content-length",
                                      "transfer-encoding"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(grpc_name_allowed(bytes_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(grpc_name_allowed(bytes_of(bad[i])));
    assert_true(grpc_name_is_binary(bytes_of("x-bin")));
    assert_false(grpc_name_is_binary(bytes_of("bin")));
    assert_false(grpc_name_is_binary(bytes_of("x-bin2")));
    int code = -1;
    for (int i = 0; i <= 16; i++) {
        assert_true(grpc_status_parse(grpc_status_name(i), &code));
        assert_int_equal(code, i);
    }
    assert_string_equal(grpc_status_name(17), "UNKNOWN");
    assert_string_equal(grpc_status_name(-1), "UNKNOWN");
    assert_false(grpc_status_parse("ok", &code));
}

/* One block with -bin values in every form they come in. */
static void binary_block(void **state)
{
    (void)state;
    struct grpc_block b = {0};
    struct grpc_metadata m;
    struct bytes bad;
    grpc_block_start(&b);
    grpc_block_add(&b, bytes_of("x-bin"), bytes_of("Zg==, Zm8,Zm9v"), 10000);
    grpc_block_add(&b, bytes_of("x-plain"), bytes_of("Zg==,Zm8"), 10000);
    grpc_block_add(&b, bytes_of("y-bin"), bytes_of(""), 10000);
    assert_int_equal(grpc_block_metadata(&b, &m, &bad), 0);
    assert_int_equal(m.count, 5);
    assert_true(bytes_is(grpc_metadata_get(m, "x-bin"), "f"));
    assert_true(bytes_is(grpc_metadata_get(m, "x-plain"), "Zg==,Zm8"));
    assert_true(bytes_is(grpc_metadata_get(m, "y-bin"), ""));
    assert_null(grpc_metadata_get(m, "z-bin").data);
    int seen = 0;
    for (size_t i = 0; i < m.count; i++)
        seen +=
            bytes_is(m.items[i].name, "x-bin") &&
            (bytes_is(m.items[i].value, "f") || bytes_is(m.items[i].value, "fo") || bytes_is(m.items[i].value, "foo"));
    assert_int_equal(seen, 3);
    grpc_block_start(&b);
    grpc_block_add(&b, bytes_of("x-bin"), bytes_of("Zg==,!"), 10000);
    assert_int_equal(grpc_block_metadata(&b, &m, &bad), ERROR_SYNTAX);
    assert_true(bytes_is(bad, "x-bin"));
    grpc_block_start(&b);
    for (int i = 0; i < 100; i++)
        grpc_block_add(&b, bytes_of("x"), bytes_of("y"), (size_t)34 * 99);
    assert_true(b.too_large);
    assert_int_equal(b.entries.count, 99);
    grpc_block_deinit(&b);
}

static void gzip_members(void **state)
{
    (void)state;
    struct grpc_gzip *g = NULL;
    struct text packed = TEXT_INIT, back = TEXT_INIT;
    static uint8_t data[100000];
    struct random r;
    random_seed(&r, 2);
    for (size_t len = 0; len < sizeof data; len = len * 3 + 1) {
        random_bytes(&r, data, len / 2);
        text_clear(&packed);
        text_clear(&back);
        assert_int_equal(grpc_gzip_compress(&g, BYTES(data, len), &packed), 0);
        assert_int_equal(grpc_gzip_decompress(&g, text_bytes(&packed), len, &back), 0);
        assert_true(bytes_equal(text_bytes(&back), BYTES(data, len)));
        if (len > 0) {
            text_clear(&back);
            assert_int_equal(grpc_gzip_decompress(&g, text_bytes(&packed), len - 1, &back), ERROR_LIMIT);
        }
        for (size_t cut = 0; cut < packed.len && cut < 200; cut++) {
            text_clear(&back);
            assert_int_equal(grpc_gzip_decompress(&g, BYTES(packed.data, cut), len, &back), ERROR_SYNTAX);
        }
        text_clear(&back);
        text_char(&packed, 'x'); /* nothing may follow */
        assert_int_equal(grpc_gzip_decompress(&g, text_bytes(&packed), len, &back), ERROR_SYNTAX);
    }
    text_deinit(&packed);
    text_deinit(&back);
    grpc_gzip_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts),     cmocka_unit_test(percent),      cmocka_unit_test(names),
        cmocka_unit_test(binary_block), cmocka_unit_test(gzip_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
