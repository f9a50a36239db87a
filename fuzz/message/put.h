/* Writing wire bytes, one piece at a time: nothing allocates while the text has room, and failure sticks to it.
 * Wire types: 0 varint, 1 64-bit, 2 length-delimited, 3 and 4 group, 5 32-bit. */
#ifndef FUZZ_MESSAGE_PUT_H
#define FUZZ_MESSAGE_PUT_H

#include "base/text.h"
#include "wire/pb.h"

#include <string.h>

enum { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_GROUP, WIRE_GROUP_END, WIRE_FIXED32 };

#define FIELD_NUMBER_MAX 536870911U /* 2^29 - 1 */

/* text_add() without a call when there is room, which is nearly always. */
static inline void fuzz_put(struct text *out, const void *data, size_t len)
{
    if (out->capacity - out->len > len && !out->failed && len > 0) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
        out->data[out->len] = '\0';
    } else {
        text_add(out, data, len);
    }
}

/* `len` times the same byte. */
static inline void fuzz_put_run(struct text *out, char c, size_t len)
{
    if (len == 0 || !text_reserve(out, len))
        return;
    memset(out->data + out->len, c, len);
    out->len += len;
    out->data[out->len] = '\0';
}

/* `times` times the same bytes, of which no part lies in `out`. */
static inline void fuzz_put_times(struct text *out, const void *data, size_t len, size_t times)
{
    size_t whole = len * times;
    if (whole == 0 || !text_reserve(out, whole))
        return;
    char *to = out->data + out->len;
    memcpy(to, data, len);
    for (size_t done = len; done < whole; done *= 2) /* what stands there already, once more */
        memcpy(to + done, to, done < whole - done ? done : whole - done);
    out->len += whole;
    out->data[out->len] = '\0';
}

static inline void fuzz_put_varint(struct text *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    fuzz_put(out, bytes, n);
}

static inline size_t fuzz_varint_size(uint64_t value)
{
    return value < 0x80 ? 1 : (size_t)(64 - __builtin_clzll(value) + 6) / 7;
}

static inline void fuzz_put_tag(struct text *out, uint32_t number, unsigned wire_type)
{
    fuzz_put_varint(out, (uint64_t)number << 3 | wire_type);
}

static inline void fuzz_put_bytes(struct text *out, uint32_t number, struct bytes value)
{
    fuzz_put_tag(out, number, WIRE_BYTES);
    fuzz_put_varint(out, value.len);
    fuzz_put(out, value.data, value.len);
}

static inline void fuzz_put_fixed(struct text *out, uint64_t bits, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(bits >> (8 * i));
    fuzz_put(out, bytes, size);
}

/* Length-delimited content whose length is known once it is written: mark = open, write, close. */
static inline size_t fuzz_open(struct text *out)
{
    size_t mark = out->len;
    fuzz_put(out, "", 1);
    return mark;
}

static inline void fuzz_close(struct text *out, size_t mark)
{
    static const uint8_t room[10];
    if (!text_ok(out))
        return;
    size_t len = out->len - mark - 1, size = fuzz_varint_size(len);
    fuzz_put(out, room, size - 1);
    if (!text_ok(out))
        return;
    if (size > 1)
        memmove(out->data + mark + size, out->data + mark + 1, len);
    pb_varint_write((uint8_t *)out->data + mark, len); /* writes `size` bytes, all of them there */
}

/* Of one value, unpacked. */
static inline unsigned fuzz_wire_type(const struct pb_field *f)
{
    /* By enum pb_kind; 10, proto2's group, is never a kind here. */
    static const uint8_t types[] = {0, 1, 5, 0, 0, 0, 1, 5, 0, 2, 3, 2, 2, 0, 0, 5, 1, 0, 0};
    return types[f->kind];
}

static inline bool fuzz_is_packable(const struct pb_field *f)
{
    return f->repeated && fuzz_wire_type(f) != WIRE_BYTES;
}

#endif
