/* The binary form: there and back, grown block by block, cut off anywhere, damaged anywhere. */
#include "base/test.h"

#include "base/random.h"
#include "chaos/history/crc32c.h"
#include "chaos/history/file.h"

#include <stdio.h>
#include <string.h>

/* Like a run: clients with one operation open each, some never ended, some lists, tokens and revisions. */
static void step(struct history *h, struct random *r, uint64_t *now, int64_t open[8])
{
    size_t client = random_below(r, 8);
    *now += random_below(r, 100000);
    if (open[client] >= 0) {
        struct operation *o = &h->operations[open[client]];
        enum operation_end end = random_below(r, 20) == 0 ? END_INFO : random_below(r, 5) == 0 ? END_FAIL : END_OK;
        if (o->function == OPERATION_ACQUIRE && end == END_OK)
            o->other = (int64_t)random_below(r, 1000);
        if (o->function == OPERATION_CAS && random_below(r, 4) == 0) { /* only the read it begins with was sent */
            o->function = OPERATION_READ;
            o->value = o->other = VALUE_NIL;
        }
        if (o->function == OPERATION_POLL && end == END_OK)
            assert_int_equal(
                history_set_list(h, open[client], (int64_t[]){5, 100, 6, 101, VALUE_NIL, 102}, 2 * random_below(r, 4)),
                0);
        if (o->function == OPERATION_TXN && end == END_OK)
            assert_int_equal(
                history_set_list(h, open[client],
                                 (int64_t[]){OPERATION_WRITE, 3, 5, OPERATION_READ, 7, (int64_t)random_below(r, 100)},
                                 6),
                0);
        if (random_below(r, 10) == 0)
            assert_int_equal(history_set_revision(h, open[client], 1 + random_below(r, 1000000)), 0);
        history_end(h, open[client], end, (int64_t)random_below(r, 100000), *now);
        open[client] = -1;
        return;
    }
    static const enum operation_function functions[] = {OPERATION_READ,    OPERATION_WRITE, OPERATION_CAS,
                                                        OPERATION_ACQUIRE, OPERATION_POLL,  OPERATION_TXN};
    char name[16];
    int64_t value = (int64_t)random_below(r, 100000), key;
    if (random_below(r, 10) == 0) {
        snprintf(name, sizeof name, "text %d", (int)random_below(r, 40));
        assert_int_equal(history_text_value(h, name, strlen(name), &value), 0);
    }
    snprintf(name, sizeof name, "key %d", (int)random_below(r, 20));
    assert_true((key = history_key(h, name, strlen(name))) >= 0);
    open[client] = history_invoke(h, (int32_t)client, functions[random_below(r, 6)], (uint32_t)key, value, *now);
    if (h->operations[open[client]].function == OPERATION_TXN)
        assert_int_equal(
            history_set_list(h, open[client], (int64_t[]){OPERATION_WRITE, 3, 5, OPERATION_READ, 7, VALUE_NIL}, 6), 0);
    if (h->operations[open[client]].function == OPERATION_CAS)
        h->operations[open[client]].other = value_is_text(value) ? 3 : value - 3;
}

static void assert_alike(const struct history *a, const struct history *b, size_t count)
{
    struct text x = TEXT_INIT, y = TEXT_INIT;
    struct history first = *a;
    first.count = count;
    assert_int_equal(history_write(&first, &x), 0);
    assert_int_equal(history_write(b, &y), 0);
    assert_string_equal(text_string(&x), text_string(&y));
    text_deinit(&x);
    text_deinit(&y);
}

static void test_there_and_back(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 3);
    for (size_t size = 0; size < 12000; size = size * 3 + 1) {
        struct history h, again;
        struct text out = TEXT_INIT;
        struct error err = ERROR_INIT;
        struct history_source source;
        uint64_t now = 1000000;
        int64_t open[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
        history_init(&h);
        for (size_t i = 0; i < size; i++)
            step(&h, &r, &now, open);
        assert_int_equal(history_write_binary(&h, &out), 0);
        assert_int_equal(history_parse(text_bytes(&out), "h", NULL, &again, &source, &err), 0);
        assert_int_equal(source.format, HISTORY_BINARY);
        assert_int_equal(source.cut, 0);
        assert_alike(&h, &again, h.count);
        history_deinit(&again);
        history_deinit(&h);
        text_deinit(&out);
    }
}

/* What a run writes as it goes, and is killed: any prefix is read up to its last whole block. */
static void test_killed(void **state)
{
    (void)state;
    struct random r;
    struct history h;
    struct history_binary b = {0};
    struct text out = TEXT_INIT;
    struct {
        size_t bytes, operations;
        struct text lines; /* the history as it was known then */
    } blocks[40];
    uint64_t now = 0;
    int64_t open[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    random_seed(&r, 4);
    history_init(&h);
    for (size_t i = 0; i < 40; i++) {
        for (size_t n = random_below(&r, 30); n > 0; n--)
            step(&h, &r, &now, open);
        assert_int_equal(history_binary_add(&b, &h, &out), 0);
        blocks[i].bytes = out.len;
        blocks[i].operations = h.count;
        blocks[i].lines = TEXT_INIT;
        assert_int_equal(history_write(&h, &blocks[i].lines), 0);
    }
    size_t block = 0;
    for (size_t len = 8; len <= out.len; len++) {
        struct history again;
        struct text lines = TEXT_INIT;
        size_t cut = 0;
        while (block + 1 < 40 && blocks[block + 1].bytes <= len)
            block++;
        bool any = blocks[block].bytes <= len;
        assert_int_equal(history_read_binary((struct bytes){(uint8_t *)out.data, len}, "h", &again, &cut, NULL), 0);
        assert_int_equal(again.count, any ? blocks[block].operations : 0);
        assert_int_equal(cut, len - (any ? blocks[block].bytes : 8));
        if (any && cut == 0) {
            assert_int_equal(history_write(&again, &lines), 0);
            assert_string_equal(text_string(&lines), text_string(&blocks[block].lines));
        }
        text_deinit(&lines);
        history_deinit(&again);
    }
    for (size_t i = 0; i < 40; i++)
        text_deinit(&blocks[i].lines);
    history_binary_deinit(&b);
    history_deinit(&h);
    text_deinit(&out);
}

/* A flipped bit is never read as another history: it is told, or it makes the last block one that was cut off. */
static void test_damaged(void **state)
{
    (void)state;
    struct random r;
    struct history h;
    struct history_binary b = {0};
    struct text out = TEXT_INIT, message = TEXT_INIT;
    uint64_t now = 0;
    int64_t open[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    size_t told = 0, short_of = 0;
    random_seed(&r, 5);
    history_init(&h);
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 20; n++)
            step(&h, &r, &now, open);
        assert_int_equal(history_binary_add(&b, &h, &out), 0);
    }
    for (size_t bit = 64; bit < out.len * 8; bit++) {
        struct history again;
        struct error err = ERROR_INIT;
        out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
        int code = history_read_binary(text_bytes(&out), "h", &again, NULL, &err);
        if (code != 0)
            told++;
        else if (again.count < h.count)
            short_of++;
        else
            fail_msg("bit %zu is not noticed", bit);
        out.data[bit / 8] = (char)(out.data[bit / 8] ^ 1 << bit % 8);
        error_clear(&err);
        if (code == 0)
            history_deinit(&again);
    }
    assert_true(told > 0 && short_of > 0);
    struct history again;
    struct error err = ERROR_INIT;
    out.data[7] = 9;
    assert_int_equal(history_parse(text_bytes(&out), "h", NULL, &again, NULL, &err), ERROR_UNSUPPORTED);
    error_format(&err, &message);
    assert_string_equal(text_string(&message), "h: a binary history of version 9: version 1 is known");
    error_clear(&err);
    text_deinit(&message);
    history_binary_deinit(&b);
    history_deinit(&h);
    text_deinit(&out);
}

/* The store workload's operations: 8 clients, 5 keys, 2,000 operations a second, a millisecond each. */
static void test_size(void **state)
{
    (void)state;
    struct random r;
    struct history h;
    struct text out = TEXT_INIT;
    int64_t last[5] = {0};
    random_seed(&r, 6);
    history_init(&h);
    for (int64_t i = 0; i < 100000; i++) {
        uint32_t key = (uint32_t)random_below(&r, 5);
        bool write = random_below(&r, 2) == 0;
        uint64_t now = (uint64_t)i * 500000 + random_below(&r, 100000);
        int64_t o = history_invoke(&h, (int32_t)random_below(&r, 8), write ? OPERATION_WRITE : OPERATION_READ, key,
                                   write ? i + 1 : VALUE_NIL, now);
        if (write)
            last[key] = i + 1;
        history_end(&h, o, END_OK, last[key], now + 200000 + random_below(&r, 1500000));
    }
    assert_int_equal(history_write_binary(&h, &out), 0);
    print_message("%.2f bytes an operation\n", (double)out.len / 100000);
    assert_in_range(out.len / 100000, 5, 13);
    history_deinit(&h);
    text_deinit(&out);
}

static void test_checksum(void **state)
{
    (void)state;
    uint8_t rising[32];
    for (size_t i = 0; i < 32; i++)
        rising[i] = (uint8_t)i;
    /* RFC 3720, appendix B.4. */
    assert_int_equal(crc32c((struct bytes){rising, 32}), 0x46DD794E);
    assert_int_equal(crc32c((struct bytes){(const uint8_t[32]){0}, 32}), 0x8A9136AA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_killed),   cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_size),           cmocka_unit_test(test_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
