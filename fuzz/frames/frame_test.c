#include "base/test.h"

#include "base/random.h"
#include "fuzz/frames/headers.h"
#include "fuzz/frames/huffman.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- frames ---- */

static void written_and_read(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    frame_put(&out, FRAME_DATA, FRAME_END_STREAM, 0x80000003u, BYTES("abc", 3));
    frame_put_head(&out, 5, FRAME_PING, 0, 0);
    assert_memory_equal(out.data, "\0\0\3\0\1\x80\0\0\3abc\0\0\5\6\0\0\0\0\0", 21);
    struct bytes left = text_bytes(&out);
    struct frame f;
    assert_true(frame_take(&left, &f));
    assert_int_equal(f.type, FRAME_DATA);
    assert_int_equal(f.stream, 3);
    assert_true(f.reserved);
    assert_true(bytes_is(f.payload, "abc"));
    assert_false(frame_take(&left, &f)); /* its payload is not there */
    assert_int_equal(left.len, FRAME_HEAD_SIZE);
    text_deinit(&out);
}

static void content_of_padded(void **state)
{
    (void)state;
    struct frame f = {.type = FRAME_HEADERS, .flags = FRAME_PADDED | FRAME_WITH_PRIORITY};
    struct bytes content;
    f.payload = BYTES("\2....#xyz..", 11);
    assert_true(frame_content(&f, &content));
    assert_true(bytes_is(content, "xyz"));
    f.payload = BYTES("\x09....#xyz..", 11);
    assert_false(frame_content(&f, &content));
    f.payload = BYTES("\0....", 5);
    assert_false(frame_content(&f, &content));
    f.payload = BYTES_NONE;
    assert_false(frame_content(&f, &content));
}

/* ---- header blocks, read by nghttp2's decoder ---- */

struct reader {
    nghttp2_hd_inflater *inflater;
    struct text fields; /* "name=value;" */
};

static int read_block(struct reader *r, struct bytes block)
{
    text_clear(&r->fields);
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, block.data, block.len, 1);
        if (n < 0)
            return (int)n;
        block = BYTES(block.data + n, block.len - (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            text_add(&r->fields, nv.name, nv.namelen);
            text_char(&r->fields, '=');
            text_add(&r->fields, nv.value, nv.valuelen);
            text_char(&r->fields, ';');
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
        if (n == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
            return NGHTTP2_ERR_HEADER_COMP; /* cut inside a field */
    }
    return nghttp2_hd_inflate_end_headers(r->inflater);
}

static void reader_init(struct reader *r)
{
    memset(r, 0, sizeof *r);
    assert_int_equal(nghttp2_hd_inflate_new(&r->inflater), 0);
}

static void reader_deinit(struct reader *r)
{
    nghttp2_hd_inflate_del(r->inflater);
    text_deinit(&r->fields);
}

static void says(struct reader *r, struct block_encoder *e, const char *lines, const char *fields)
{
    struct text out = TEXT_INIT;
    block_write(e, bytes_of(lines), &out);
    assert_int_equal(read_block(r, text_bytes(&out)), 0);
    assert_string_equal(text_string(&r->fields), fields);
    text_deinit(&out);
}

static void every_representation(void **state)
{
    (void)state;
    struct reader r;
    struct block_encoder e;
    reader_init(&r);
    block_init(&e);
    says(&r, &e, ":method: POST\n:path: /x\nx-a: 1\n", ":method=POST;:path=/x;x-a=1;");
    assert_int_equal(block_entries(&e), 2);
    struct text out = TEXT_INIT;
    block_write(&e, bytes_of(":path: /x\nx-a: 1\n"), &out);
    assert_int_equal(out.len, 2); /* both are indices now */
    assert_int_equal(read_block(&r, text_bytes(&out)), 0);
    assert_string_equal(text_string(&r.fields), ":path=/x;x-a=1;");
    text_deinit(&out);
    says(&r, &e, "!mode never\nx-a: 1\n!mode without\nx-a: 2\n!mode incremental\nx-a: 1\n", "x-a=1;x-a=2;x-a=1;");
    says(&r, &e, "!huffman on\n!mode without\nx-b: www.example.com\n", "x-b=www.example.com;");
    says(&r, &e, "!index 62\n!index 2\n", "x-a=1;:method=GET;");
    says(&r, &e, "!resize 0\n!resize 64\nx-a: 1\n!index 62\n!repeat 2 x-a: 1\n", "x-a=1;x-a=1;x-a=1;x-a=1;");
    says(&r, &e, "!hex 83\n!nonsense\nno-colon\n", ":method=POST;no-colon=;");
    reader_deinit(&r);
}

static void all_symbols(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    uint8_t all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    size_t size = huffman_size(BYTES(all, 256));
    huffman_encode(BYTES(all, 256), &out);
    assert_int_equal(out.len, size);
    struct text block = TEXT_INIT;
    struct block_encoder e;
    struct reader r;
    block_init(&e);
    e.huffman = true;
    e.mode = BLOCK_WITHOUT;
    block_field(&e, bytes_of("x"), BYTES(all, 256), &block);
    reader_init(&r);
    assert_int_equal(read_block(&r, text_bytes(&block)), 0);
    assert_int_equal(r.fields.len, 2 + 256 + 1);
    assert_memory_equal(r.fields.data + 2, all, 256);
    reader_deinit(&r);
    text_deinit(&block);
    text_deinit(&out);
}

/* A long talk in all modes with sizes that turn the table over: both tables must stay the same. */
static void tables_agree(void **state)
{
    (void)state;
    struct random random;
    struct reader r;
    struct block_encoder e;
    random_seed(&random, 5);
    reader_init(&r);
    block_init(&e);
    for (int i = 0; i < 3000; i++) {
        struct text block = TEXT_INIT, expected = TEXT_INIT;
        if (random_below(&random, 20) == 0)
            block_resize(&e, (uint32_t)random_below(&random, BLOCK_TABLE_MAX + 1), &block);
        for (uint64_t n = random_below(&random, 12); n > 0; n--) {
            char name[32], value[4600];
            int len = snprintf(name, sizeof name, "x-%d", (int)random_below(&random, 60));
            size_t value_len = random_below(&random, 50) ? (size_t)random_below(&random, 200) : 4500;
            memset(value, 'a' + (int)random_below(&random, 3), value_len);
            e.mode = (enum block_mode)random_below(&random, BLOCK_MODE_COUNT);
            e.huffman = random_below(&random, 2);
            block_field(&e, BYTES(name, (size_t)len), BYTES(value, value_len), &block);
            text_add(&expected, name, (size_t)len);
            text_char(&expected, '=');
            text_add(&expected, value, value_len);
            text_char(&expected, ';');
        }
        assert_int_equal(read_block(&r, text_bytes(&block)), 0);
        assert_string_equal(text_string(&r.fields), text_string(&expected));
        text_deinit(&block);
        text_deinit(&expected);
    }
    reader_deinit(&r);
}

static void defects_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < block_defect_count; i++) {
        const struct block_defect *d = &block_defects[i];
        struct reader r;
        struct block_encoder e;
        struct text block = TEXT_INIT, line = TEXT_INIT;
        reader_init(&r);
        block_init(&e);
        says(&r, &e, "x-before: 1\nx-other: 2\n", "x-before=1;x-other=2;");
        text_printf(&line, ":method: POST\n!bad %s\n", d->name);
        block_write(&e, text_bytes(&line), &block);
        int rc = read_block(&r, text_bytes(&block));
        if (d->refused ? rc == 0 : rc != 0 && strcmp(d->name, "resize-late") != 0)
            fail_msg("%s: %d", d->name, rc);
        assert_ptr_equal(block_defect_find(bytes_of(d->name)), d);
        reader_deinit(&r);
        text_deinit(&block);
        text_deinit(&line);
    }
    assert_null(block_defect_find(bytes_of("none")));
}

/* ---- blocks cut into frames ---- */

static void cut_into_frames(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    headers_put(&out, 5,
                headers_number(FRAME_END_HEADERS | FRAME_END_STREAM | FRAME_PADDED | FRAME_WITH_PRIORITY, 2, 4,
                               FRAME_RESERVED | 3),
                true, BYTES("abcdefghij", 10));
    struct bytes left = text_bytes(&out);
    static const struct {
        uint8_t type, flags;
        const char *payload;
        size_t len;
    } frames[] = {
        {FRAME_HEADERS, FRAME_END_STREAM | FRAME_PADDED | FRAME_WITH_PRIORITY,
         "\2\x80\0\0\3\x0f"
         "abcd\0\0",
         12},
        {FRAME_CONTINUATION, 0, "", 0},
        {FRAME_CONTINUATION, 0, "efgh", 4},
        {FRAME_CONTINUATION, 0, "", 0},
        {FRAME_CONTINUATION, FRAME_END_HEADERS, "ij", 2},
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct frame f;
        assert_true(frame_take(&left, &f));
        assert_int_equal(f.type, frames[i].type);
        assert_int_equal(f.flags, frames[i].flags);
        assert_int_equal(f.stream, 5);
        assert_true(bytes_equal(f.payload, BYTES(frames[i].payload, frames[i].len)));
    }
    assert_int_equal(left.len, 0);
    text_deinit(&out);
}

/* Blocks larger than a frame are cut where they must be; END_HEADERS only when asked for. */
static void large_blocks(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    static const uint8_t block[40000];
    headers_put(&out, 1, headers_number(0, 0, 0, 0), false, BYTES(block, sizeof block));
    struct bytes left = text_bytes(&out);
    struct frame f;
    size_t n = 0, sum = 0;
    while (frame_take(&left, &f)) {
        assert_true(f.length <= FRAME_PAYLOAD_MAX);
        assert_false(f.flags & FRAME_END_HEADERS);
        sum += f.length;
        n++;
    }
    assert_int_equal(n, 3);
    assert_int_equal(sum, sizeof block);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read), cmocka_unit_test(content_of_padded), cmocka_unit_test(every_representation),
        cmocka_unit_test(all_symbols),      cmocka_unit_test(tables_agree),      cmocka_unit_test(defects_are_refused),
        cmocka_unit_test(cut_into_frames),  cmocka_unit_test(large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
