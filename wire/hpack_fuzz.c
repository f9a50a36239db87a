/* Fields made of the input's bytes, encoded by us, decoded by nghttp2: they come out as they went in, whatever sizes
 * the peer asks for in between, and the two tables stay equally large. */
#include "wire/grpc_fuzz.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#define FIELDS_MAX 16

struct field {
    struct bytes name, value;
    bool secret;
};

static void read_back(nghttp2_hd_inflater *inflater, struct bytes in, const struct field *fields, size_t count)
{
    size_t read = 0;
    int flags = 0;
    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, in.data, in.len, 1);
        MUST(n >= 0 && (n > 0 || flags));
        in = BYTES(in.data + n, in.len - (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            MUST(read < count && bytes_equal(BYTES(nv.name, nv.namelen), fields[read].name));
            MUST(bytes_equal(BYTES(nv.value, nv.valuelen), fields[read].value));
            MUST(!fields[read].secret || (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX));
            read++;
        }
    }
    MUST(read == count && nghttp2_hd_inflate_end_headers(inflater) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {":path", "authorization", "te", "x-a", "micro-trace-id", "content-type"};
    struct bytes input = BYTES(data, size);
    struct hpack_encoder encoder;
    nghttp2_hd_inflater *inflater = NULL;
    struct text block = TEXT_INIT;
    hpack_init(&encoder);
    MUST(nghttp2_hd_inflate_new(&inflater) == 0);
    while (input.len > 0) {
        struct field fields[FIELDS_MAX];
        size_t count = fuzz_byte(&input) % (FIELDS_MAX + 1);
        if (count == FIELDS_MAX) {
            size_t limit = (size_t)fuzz_byte(&input) * 20;
            hpack_resize(&encoder, limit);
            MUST(nghttp2_hd_inflate_change_table_size(inflater, limit) == 0);
        }
        for (size_t i = 0; i < count; i++) {
            uint8_t how = fuzz_byte(&input);
            fields[i].name = how & 64 ? fuzz_take(&input, 1 + how % 5u) : bytes_of(names[how % 6]);
            fields[i].value = fuzz_take(&input, how & 32 ? fuzz_byte(&input) : how & 15);
            fields[i].secret = how & 128;
        }
        text_clear(&block);
        hpack_start(&encoder, &block);
        for (size_t i = 0; i < count; i++)
            MUST(hpack_field(&encoder, fields[i].name, fields[i].value, fields[i].secret, &block) == 0);
        MUST(text_ok(&block));
        if (block.len > 0)
            read_back(inflater, text_bytes(&block), fields, count);
        MUST(encoder.size <= encoder.limit);
        MUST(block.len == 0 || encoder.size == nghttp2_hd_inflate_get_dynamic_table_size(inflater));
    }
    hpack_deinit(&encoder);
    nghttp2_hd_inflate_del(inflater);
    text_deinit(&block);
    return 0;
}
