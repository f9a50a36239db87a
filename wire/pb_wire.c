#include "wire/pb_wire.h"

#include "base/utf8.h"

const char *pb_fault_text(enum pb_fault fault)
{
    switch (fault) {
    case PB_FAULT_NONE:
        return "nothing wrong";
    case PB_FAULT_TAG:
        return "the field's tag is cut off or longer than 32 bits";
    case PB_FAULT_NUMBER:
        return "field number 0 is not allowed";
    case PB_FAULT_WIRE_TYPE:
        return "wire type 6 or 7 does not exist";
    case PB_FAULT_VARINT:
        return "the varint is cut off or longer than ten bytes";
    case PB_FAULT_FIXED:
        return "the fixed-width number is cut off";
    case PB_FAULT_LENGTH:
        return "the length is cut off or over 2147483647";
    case PB_FAULT_DATA:
        return "the length says more bytes than are left";
    case PB_FAULT_GROUP:
        return "a group has no matching end, or groups nest too deep";
    }
    return "malformed";
}

size_t pb_varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    size_t left = (size_t)(end - at);
    size_t max = left < 10 ? left : 10;
    uint64_t v = 0;
    for (size_t i = 0; i < max; i++) {
        v |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            *value = v;
            return i + 1;
        }
    }
    return 0;
}

size_t pb_varint_read(struct bytes in, uint64_t *value)
{
    return in.len == 0 ? 0 : pb_varint_get(in.data, in.data + in.len, value);
}

size_t pb_varint_write(uint8_t out[10], uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

enum pb_fault pb_group_skip(struct pb_reader *r, uint32_t number)
{
    uint32_t open[PB_DEPTH_MAX];
    size_t depth = 0;
    open[depth++] = number;
    while (depth > 0) {
        struct pb_item item;
        if (r->at == r->end)
            return PB_FAULT_GROUP;
        enum pb_fault fault = pb_item_next(r, &item);
        if (fault)
            return fault;
        if (item.wire == PB_WIRE_GROUP) {
            if (depth == PB_DEPTH_MAX)
                return PB_FAULT_GROUP;
            open[depth++] = item.number;
        } else if (item.wire == PB_WIRE_GROUP_END) {
            if (open[--depth] != item.number)
                return PB_FAULT_GROUP;
        }
    }
    return PB_FAULT_NONE;
}

enum pb_wire_type pb_kind_wire(enum pb_kind kind)
{
    switch (kind) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        return PB_WIRE_FIXED64;
    case PB_FLOAT:
    case PB_FIXED32:
    case PB_SFIXED32:
        return PB_WIRE_FIXED32;
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        return PB_WIRE_BYTES;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
    case PB_SINT32:
    case PB_SINT64:
        return PB_WIRE_VARINT;
    }
    return PB_WIRE_VARINT;
}

const char *pb_kind_name(enum pb_kind kind)
{
    static const char *const names[] = {
        [PB_DOUBLE] = "double", [PB_FLOAT] = "float",       [PB_INT64] = "int64",       [PB_UINT64] = "uint64",
        [PB_INT32] = "int32",   [PB_FIXED64] = "fixed64",   [PB_FIXED32] = "fixed32",   [PB_BOOL] = "bool",
        [PB_STRING] = "string", [PB_MESSAGE] = "message",   [PB_BYTES] = "bytes",       [PB_UINT32] = "uint32",
        [PB_ENUM] = "enum",     [PB_SFIXED32] = "sfixed32", [PB_SFIXED64] = "sfixed64", [PB_SINT32] = "sint32",
        [PB_SINT64] = "sint64",
    };
    return names[kind];
}

void pb_put_varint(struct text *out, uint64_t value)
{
    uint8_t buffer[10];
    pb_put(out, buffer, pb_varint_write(buffer, value));
}

void pb_put_tag(struct text *out, uint32_t number, enum pb_wire_type wire)
{
    pb_put_varint(out, (uint64_t)number << 3 | (uint64_t)wire);
}

void pb_put_fixed32(struct text *out, uint32_t value)
{
    uint8_t buffer[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    pb_put(out, buffer, sizeof buffer);
}

void pb_put_fixed64(struct text *out, uint64_t value)
{
    pb_put_fixed32(out, (uint32_t)value);
    pb_put_fixed32(out, (uint32_t)(value >> 32));
}

void pb_put_bytes(struct text *out, uint32_t number, struct bytes data)
{
    pb_put_tag(out, number, PB_WIRE_BYTES);
    pb_put_varint(out, data.len);
    pb_put(out, data.data, data.len);
}

size_t pb_open(struct text *out, uint32_t number)
{
    pb_put_tag(out, number, PB_WIRE_BYTES);
    size_t mark = out->len;
    /* One byte holds most lengths; pb_close makes room when it does not. */
    pb_put(out, "", 1);
    return mark;
}

void pb_close(struct text *out, size_t mark)
{
    if (!text_ok(out))
        return;
    size_t len = out->len - mark - 1;
    uint8_t prefix[10];
    size_t n = pb_varint_write(prefix, len);
    if (n > 1) {
        static const uint8_t room[10];
        pb_put(out, room, n - 1);
        if (!text_ok(out))
            return;
        memmove(out->data + mark + n, out->data + mark + 1, len);
    }
    memcpy(out->data + mark, prefix, n);
}

size_t pb_text_fault(struct bytes s, bool refuse_nul)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t v;
        memcpy(&v, s.data + i, 8);
        if ((v & highs) || (refuse_nul && ((v - ones) & ~v & highs)))
            break;
    }
    for (; i < s.len && s.data[i] < 0x80; i++)
        if (s.data[i] == 0 && refuse_nul)
            return i + 1;
    if (i == s.len)
        return 0;
    struct bytes rest = BYTES(s.data + i, s.len - i);
    if (refuse_nul) {
        const uint8_t *nul = memchr(rest.data, 0, rest.len);
        if (nul)
            return (size_t)(nul - s.data) + 1;
    }
    size_t bad = utf8_bad_offset(rest);
    return bad == rest.len ? 0 : i + bad + 1;
}
