/* Reading wire bytes item by item, for values whose place is known. The value of an item is the bytes it takes: a
 * varint's, a fixed width's, the content of a length, or of a group with its end. Anything broken ends the walk, as it
 * does a decoder's. */
#ifndef FUZZ_SEQUENCE_WIRE_H
#define FUZZ_SEQUENCE_WIRE_H

#include "fuzz/message/put.h"
#include "wire/pb.h"

struct wire_item {
    uint32_t number;
    unsigned type;
    struct bytes value;
};

static inline bool wire_take(struct bytes *in, size_t len, struct bytes *out)
{
    if (len > in->len)
        return false;
    *out = BYTES(in->data, len);
    *in = BYTES(in->data + len, in->len - len);
    return true;
}

static inline bool wire_varint(struct bytes *in, uint64_t *value, struct bytes *out)
{
    size_t n = pb_varint_read(*in, value);
    return n > 0 && wire_take(in, n, out);
}

static inline bool wire_packed_next(struct bytes *in, unsigned type, struct bytes *value)
{
    uint64_t number;
    return type == WIRE_VARINT    ? wire_varint(in, &number, value)
           : type == WIRE_FIXED32 ? wire_take(in, 4, value)
           : type == WIRE_FIXED64 ? wire_take(in, 8, value)
                                  : false;
}

/* Behind the end of the group whose tag was read. */
bool wire_skip_group(struct bytes *in, uint32_t number);

static inline bool wire_next(struct bytes *in, struct wire_item *item)
{
    uint64_t tag, len;
    struct bytes bytes;
    if (in->len == 0 || !wire_varint(in, &tag, &bytes) || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    item->number = (uint32_t)(tag >> 3);
    item->type = (unsigned)(tag & 7);
    if (item->type == WIRE_BYTES)
        return wire_varint(in, &len, &bytes) && len <= in->len && wire_take(in, (size_t)len, &item->value);
    if (item->type == WIRE_GROUP) {
        item->value = *in;
        bool whole = wire_skip_group(in, item->number);
        item->value.len -= in->len;
        return whole;
    }
    return wire_packed_next(in, item->type, &item->value);
}

#endif
