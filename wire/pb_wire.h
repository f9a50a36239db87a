/* The protobuf wire format, one field at a time.
 *
 * A reader walks borrowed bytes; an item is what one tag announces: a number (varint and fixed widths) or a run of
 * bytes. Nothing here allocates or knows a schema. Limits are those of the official implementations: a tag takes at
 * most five bytes and 32 bits, a length at most five bytes and 31 bits, a varint at most ten bytes.
 * Format: protobuf.dev/programming-guides/encoding. */
#ifndef WIRE_PB_WIRE_H
#define WIRE_PB_WIRE_H

#include "base/bytes.h"
#include "base/text.h"
#include "wire/pb.h"

#include <limits.h>
#include <string.h>

enum pb_wire_type {
    PB_WIRE_VARINT = 0,
    PB_WIRE_FIXED64 = 1,
    PB_WIRE_BYTES = 2,
    PB_WIRE_GROUP = 3,
    PB_WIRE_GROUP_END = 4,
    PB_WIRE_FIXED32 = 5,
};

/* What is wrong with a field; pb_fault_text() puts it into words. */
enum pb_fault {
    PB_FAULT_NONE,
    PB_FAULT_TAG,       /* the tag is cut off, or over 32 bits */
    PB_FAULT_NUMBER,    /* field number 0 */
    PB_FAULT_WIRE_TYPE, /* wire type 6 or 7 */
    PB_FAULT_VARINT,
    PB_FAULT_FIXED,
    PB_FAULT_LENGTH, /* the length itself */
    PB_FAULT_DATA,   /* fewer bytes than the length says */
    PB_FAULT_GROUP,  /* a group that does not end, ends elsewhere, or nests too deep */
};

struct pb_reader {
    const uint8_t *at, *end;
};

struct pb_item {
    uint32_t number;
    enum pb_wire_type wire;
    uint64_t value;    /* PB_WIRE_VARINT, PB_WIRE_FIXED32, PB_WIRE_FIXED64 */
    struct bytes data; /* PB_WIRE_BYTES */
};

const char *pb_fault_text(enum pb_fault fault);
/* The slow half of pb_varint_get: more than one byte. */
size_t pb_varint_get_long(const uint8_t *at, const uint8_t *end, uint64_t *value);
/* Moves past a group whose start tag was just read. */
enum pb_fault pb_group_skip(struct pb_reader *r, uint32_t number);

static inline size_t pb_varint_get(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (at < end && *at < 0x80) {
        *value = *at;
        return 1;
    }
    return pb_varint_get_long(at, end, value);
}

static inline uint32_t pb_fixed32_get(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t pb_fixed64_get(const uint8_t *at)
{
    return (uint64_t)pb_fixed32_get(at) | (uint64_t)pb_fixed32_get(at + 4) << 32;
}

/* The tag and the value's extent; a group's start or end tag gives the tag only. */
static inline enum pb_fault pb_item_next(struct pb_reader *r, struct pb_item *item)
{
    uint64_t v;
    size_t n = pb_varint_get(r->at, r->end, &v);
    if (n == 0 || n > 5 || v > UINT32_MAX)
        return PB_FAULT_TAG;
    r->at += n;
    item->number = (uint32_t)(v >> 3);
    item->wire = (enum pb_wire_type)(v & 7);
    if (item->number == 0)
        return PB_FAULT_NUMBER;
    switch (v & 7) {
    case PB_WIRE_VARINT:
        n = pb_varint_get(r->at, r->end, &item->value);
        if (n == 0)
            return PB_FAULT_VARINT;
        r->at += n;
        return PB_FAULT_NONE;
    case PB_WIRE_FIXED64:
        if (r->end - r->at < 8)
            return PB_FAULT_FIXED;
        item->value = pb_fixed64_get(r->at);
        r->at += 8;
        return PB_FAULT_NONE;
    case PB_WIRE_BYTES:
        n = pb_varint_get(r->at, r->end, &v);
        if (n == 0 || n > 5 || v > INT_MAX)
            return PB_FAULT_LENGTH;
        r->at += n;
        if (v > (uint64_t)(r->end - r->at))
            return PB_FAULT_DATA;
        item->data = BYTES(r->at, (size_t)v);
        r->at += v;
        return PB_FAULT_NONE;
    case PB_WIRE_GROUP:
    case PB_WIRE_GROUP_END:
        return PB_FAULT_NONE;
    case PB_WIRE_FIXED32:
        if (r->end - r->at < 4)
            return PB_FAULT_FIXED;
        item->value = pb_fixed32_get(r->at);
        r->at += 4;
        return PB_FAULT_NONE;
    default:
        return PB_FAULT_WIRE_TYPE;
    }
}

static inline uint32_t pb_zigzag32(int32_t v)
{
    return ((uint32_t)v << 1) ^ (v < 0 ? UINT32_MAX : 0);
}

static inline uint64_t pb_zigzag64(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int32_t pb_unzigzag32(uint32_t v)
{
    return (int32_t)((v >> 1) ^ (0 - (v & 1)));
}

static inline int64_t pb_unzigzag64(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Whether repeated values of this kind may be sent packed. */
static inline bool pb_is_packable(enum pb_kind kind)
{
    return kind != PB_STRING && kind != PB_BYTES && kind != PB_MESSAGE;
}

/* pb_scan() that also tells, when it returns 0, whether a singular message may have come in pieces. (It may say so of
 * messages with more than 64 fields that have none.) */
int pb_scan_pieces(const ProtobufCMessageDescriptor *type, struct bytes input, bool *pieces, struct error *err);
/* The same message with every singular sub-message in one piece, and of every oneof only what was set last; appends.
 * The input has passed the scan. Only ERROR_MEMORY. */
int pb_join_pieces(const ProtobufCMessageDescriptor *type, struct bytes message, struct text *out);
/* NULL: no such field. `guess` begins as 0 and makes fields that come in order cheap to find. */
const ProtobufCFieldDescriptor *pb_descriptor_field(const ProtobufCMessageDescriptor *type, uint32_t number,
                                                    unsigned *guess);

/* The wire type a single value of this kind has. */
enum pb_wire_type pb_kind_wire(enum pb_kind kind);
/* "int32", "string" ... as the .proto says it. */
const char *pb_kind_name(enum pb_kind kind);

/* ---- writing: all append, failure sticks to the text ----------------------------------------------------------- */

/* text_add without a call when there is room, which is nearly always. */
static inline void pb_put(struct text *out, const void *data, size_t len)
{
    if (out->capacity - out->len > len && !out->failed && len > 0) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
        out->data[out->len] = '\0';
    } else {
        text_add(out, data, len);
    }
}

void pb_put_varint(struct text *out, uint64_t value);
void pb_put_tag(struct text *out, uint32_t number, enum pb_wire_type wire);
void pb_put_fixed32(struct text *out, uint32_t value);
void pb_put_fixed64(struct text *out, uint64_t value);
void pb_put_bytes(struct text *out, uint32_t number, struct bytes data); /* tag, length, data */
/* A length-delimited field whose length is known only once its content is written: open, write, close. */
size_t pb_open(struct text *out, uint32_t number);
void pb_close(struct text *out, size_t mark);

/* 0: text as a protobuf string must be. Otherwise 1 + the offset of the first bad byte (not UTF-8), or of the first
 * NUL when `refuse_nul`. */
size_t pb_text_fault(struct bytes s, bool refuse_nul);

#endif
