/* Blocks of our encoder, read by nghttp2's decoder: what goes in comes out, for the price that was promised. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/failing.h"
#include "base/random.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#define VALUE_MAX 8000

struct field {
    struct bytes name, value;
    bool secret;
};

struct pair {
    struct hpack_encoder encoder;
    nghttp2_hd_inflater *inflater;
    struct text block;
    uint8_t last_flags; /* of the last field read */
};

static void pair_init(struct pair *p)
{
    *p = (struct pair){0};
    hpack_init(&p->encoder);
    assert_int_equal(nghttp2_hd_inflate_new(&p->inflater), 0);
}

static void pair_deinit(struct pair *p)
{
    hpack_deinit(&p->encoder);
    nghttp2_hd_inflate_del(p->inflater);
    text_deinit(&p->block);
}

static void read_back(struct pair *p, const struct field *fields, size_t count)
{
    struct bytes in = text_bytes(&p->block);
    size_t read = 0;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, in.data, in.len, 1);
        assert_true(n >= 0);
        in = BYTES(in.data + n, in.len - (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            assert_true(read < count);
            assert_true(bytes_equal(BYTES(nv.name, nv.namelen), fields[read].name));
            assert_true(bytes_equal(BYTES(nv.value, nv.valuelen), fields[read].value));
            assert_int_equal(nv.flags & NGHTTP2_NV_FLAG_NO_INDEX, fields[read].secret ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
            p->last_flags = nv.flags;
            read++;
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
        assert_true(in.len > 0 || (flags & NGHTTP2_HD_INFLATE_EMIT));
    }
    assert_int_equal(nghttp2_hd_inflate_end_headers(p->inflater), 0);
    assert_int_equal(read, count);
}

/* Bytes of the block. */
static size_t send_block(struct pair *p, const struct field *fields, size_t count)
{
    text_clear(&p->block);
    hpack_start(&p->encoder, &p->block);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(hpack_field(&p->encoder, fields[i].name, fields[i].value, fields[i].secret, &p->block), 0);
    assert_true(text_ok(&p->block));
    read_back(p, fields, count);
    assert_true(p->encoder.size <= p->encoder.limit);
    assert_int_equal(p->encoder.size, nghttp2_hd_inflate_get_dynamic_table_size(p->inflater));
    return p->block.len;
}

static struct field plain(const char *name, const char *value)
{
    return (struct field){bytes_of(name), bytes_of(value), false};
}

static void repeated_fields_become_one_byte_each(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    const struct field fields[] = {plain(":method", "POST"),         plain(":scheme", "http"), plain(":path", "/a.B/C"),
                                   plain(":authority", "localhost"), plain("te", "trailers"),  plain("x-empty", "")};
    assert_true(send_block(&p, fields, 6) > 30);
    assert_int_equal(p.encoder.added, 0); /* nobody knows yet whether they come again */
    assert_true(send_block(&p, fields, 6) > 30);
    assert_int_equal(p.encoder.added, 4); /* two are in the fixed table */
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_block(&p, fields, 6), 6);
    pair_deinit(&p);
}

static void values_that_never_repeat_stay_out(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    for (int i = 0; i < 3000; i++) {
        char id[32];
        snprintf(id, sizeof id, "%d", 1000000 + i * 7919);
        const struct field fields[] = {plain("micro-trace-id", id), plain("user-agent", "test")};
        send_block(&p, fields, 2);
    }
    assert_int_equal(p.encoder.added, 1);
    pair_deinit(&p);
}

static void secrets_are_never_indexed(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    const struct field secret = {bytes_of("authorization"), bytes_of("Basic YTpi"), true};
    for (int i = 0; i < 4; i++) {
        send_block(&p, &secret, 1);
        assert_int_equal(p.last_flags & NGHTTP2_NV_FLAG_NO_INDEX, NGHTTP2_NV_FLAG_NO_INDEX);
    }
    assert_int_equal(p.encoder.added, 0);
    pair_deinit(&p);
}

static void old_entries_make_room(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 500; i++) {
            char value[64];
            snprintf(value, sizeof value, "value number %d", i);
            const struct field field = plain("x", value);
            for (int again = 0; again < 3; again++)
                send_block(&p, &field, 1);
        }
    }
    assert_true(p.encoder.added > 1000);
    assert_true(p.encoder.added - p.encoder.evicted < HPACK_ENTRIES_MAX);
    pair_deinit(&p);
}

static void what_is_large_pushes_nothing_out(void **state)
{
    (void)state;
    struct pair p;
    static char large[VALUE_MAX + 1];
    memset(large, 'v', VALUE_MAX);
    pair_init(&p);
    const struct field small = plain("small", "field");
    send_block(&p, &small, 1);
    send_block(&p, &small, 1);
    for (size_t len = 3000; len <= VALUE_MAX; len += 100) {
        const struct field field = {bytes_of("x"), BYTES(large, len), false};
        for (int i = 0; i < 3; i++)
            send_block(&p, &field, 1);
    }
    assert_int_equal(send_block(&p, &small, 1), 1);
    pair_deinit(&p);
}

static void resize(struct pair *p, size_t limit)
{
    hpack_resize(&p->encoder, limit);
    assert_int_equal(nghttp2_hd_inflate_change_table_size(p->inflater, limit), 0);
}

static void the_peer_chooses_the_tables_size(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    const struct field field = plain("name", "and its value");
    for (int i = 0; i < 3; i++)
        send_block(&p, &field, 1);
    resize(&p, 0);
    assert_true(send_block(&p, &field, 1) > 10);
    assert_int_equal(p.encoder.size, 0);
    resize(&p, 0); /* and up again before the next block: both have to be told */
    resize(&p, 100);
    for (int i = 0; i < 3; i++)
        send_block(&p, &field, 1);
    assert_int_equal(send_block(&p, &field, 1), 1);
    resize(&p, 10);
    resize(&p, 100000); /* more than we care to use */
    assert_true(send_block(&p, &field, 1) > 10);
    assert_int_equal(p.encoder.limit, HPACK_TABLE_MAX);
    pair_deinit(&p);
}

static void random_fields_come_out_as_they_went_in(void **state)
{
    (void)state;
    static const char *const names[] = {"authorization", ":path",           "x",
                                        "content-type",  "micro-namespace", "grpc-status"};
    static char bytes[400];
    struct random r;
    random_seed(&r, 7);
    struct pair p;
    pair_init(&p);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)random_next(&r);
    for (int i = 0; i < 5000; i++) {
        struct field fields[8];
        size_t count = random_below(&r, 9);
        for (size_t k = 0; k < count; k++)
            fields[k] = (struct field){bytes_of(names[random_below(&r, 6)]),
                                       BYTES(bytes + random_below(&r, 4), random_below(&r, 12) * 30),
                                       random_below(&r, 10) == 0};
        if (random_below(&r, 50) == 0)
            resize(&p, random_below(&r, 5000));
        send_block(&p, fields, count);
    }
    pair_deinit(&p);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct hpack_encoder e;
    struct text out = TEXT_INIT;
    hpack_init(&e);
    text_reserve(&out, 1000);
    assert_int_equal(hpack_field(&e, bytes_of("name"), bytes_of("value"), false, &out), 0);
    failing_arm(1);
    int rc = hpack_field(&e, bytes_of("name"), bytes_of("value"), false, &out);
    failing_disarm();
    assert_int_equal(rc, ERROR_MEMORY);
    hpack_deinit(&e);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_fields_become_one_byte_each),
        cmocka_unit_test(values_that_never_repeat_stay_out),
        cmocka_unit_test(secrets_are_never_indexed),
        cmocka_unit_test(old_entries_make_room),
        cmocka_unit_test(what_is_large_pushes_nothing_out),
        cmocka_unit_test(the_peer_chooses_the_tables_size),
        cmocka_unit_test(random_fields_come_out_as_they_went_in),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
