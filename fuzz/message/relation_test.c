/* Checksums are what their authors say, and fields that follow from others are set right, wherever the message stands.
 */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/message/relation.h"
#include "proto/set.h"

#include <stdlib.h>

static struct pb_pool *pool;

static void test_values(void **state)
{
    (void)state;
    struct bytes digits = bytes_of("123456789");
    assert_int_equal(relation_value(RELATION_CRC32, 4, digits, 1), 0xcbf43926);
    assert_int_equal(relation_value(RELATION_ADLER32, 4, bytes_of("Wikipedia"), 1), 0x11e60398);
    assert_int_equal(relation_value(RELATION_FNV1A, 4, bytes_of("a"), 1), 0xe40c292c);
    assert_int_equal(relation_value(RELATION_SUM, 4, digits, 1), 477);
    assert_int_equal(relation_value(RELATION_SUM, 1, digits, 1), 477 & 0xff);
    assert_int_equal(relation_value(RELATION_LENGTH, 8, digits, 1), 9);
    assert_int_equal(relation_value(RELATION_COUNT, 8, digits, 3), 3);
    assert_int_equal(relation_value(RELATION_CRC32, 4, BYTES_NONE, 0), 0);
}

/* record { key: "key"  value: "hello world" } within a WriteRequest; revision is to follow the value. */
#define MESSAGE BYTES("\x0a\x12\x0a\x03key\x12\x0bhello world", 20)

static struct relation revision_of_value(enum relation_kind kind)
{
    const struct pb_type *record = pb_find_type(pool, "store.Record");
    return (struct relation){pb_field_by_name(record, "revision"), pb_field_by_name(record, "value"), kind, 8};
}

static void test_keep(void **state)
{
    (void)state;
    const struct pb_type *request = pb_find_type(pool, "store.WriteRequest");
    struct relations all = {0};
    struct relation length = revision_of_value(RELATION_LENGTH), other = revision_of_value(RELATION_SUM);
    struct text out = TEXT_INIT, scratch = TEXT_INIT;
    assert_true(relations_add(&all, &length));
    assert_false(relations_add(&all, &length));
    assert_false(relations_add(&all, &other)); /* a field follows one other */
    text_puts(&out, "before");
    text_add(&out, MESSAGE.data, MESSAGE.len);
    assert_int_equal(relations_keep(&all, request, &out, 6, &scratch), 1);
    assert_true(
        bytes_equal(text_bytes(&out), BYTES("before\x0a\x15\x0a\x03key\x12\x0bhello world\xa0\x06\x0b", 6 + 23)));
    assert_int_equal(relations_keep(&all, request, &out, 6, &scratch), 0);
    text_truncate(&out, 6);
    text_puts(&out, "\xff\xff no message");
    assert_int_equal(relations_keep(&all, request, &out, 6, &scratch), 0);
    text_deinit(&out);
    text_deinit(&scratch);
}

static void test_memory(void **state)
{
    (void)state;
    const struct pb_type *request = pb_find_type(pool, "store.WriteRequest");
    struct relations all = {0};
    struct relation crc = revision_of_value(RELATION_CRC32);
    assert_true(relations_add(&all, &crc));
    for (size_t n = 1;; n++) {
        struct text out = TEXT_INIT, scratch = TEXT_INIT;
        text_add(&out, MESSAGE.data, MESSAGE.len);
        failing_arm(n);
        size_t changed = relations_keep(&all, request, &out, 0, &scratch);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(hit || (changed == 1 && text_ok(&out)));
        text_deinit(&out);
        text_deinit(&scratch);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_keep),
                                       cmocka_unit_test(test_memory)};
    if (pb_pool_new(proto_set(), "set", &pool, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pb_pool_free(pool);
    return failed;
}
