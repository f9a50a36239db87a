/* What every decoder has to refuse, for those who judge other people's decoders. Where conforming implementations are
 * known to differ, whatever follows is nobody's fault: a tag of zero (Google's C++ takes it for the end), nesting at
 * the usual limit, tags and lengths of odd size. Rules: protobuf.dev/programming-guides/encoding, and the conformance
 * suite.
 */
#include "wire/pb_wire.h"

struct refused_frame {
    const ProtobufCMessageDescriptor *type; /* NULL: a group, of which nothing is known */
    const uint8_t *end;
    uint32_t group; /* its field number; 0: a message */
    unsigned guess;
};

/* A packed run of varints must end with one; of fixed numbers, be whole. */
static bool packed_refused(const ProtobufCFieldDescriptor *field, struct bytes data)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return false; /* a field of another wire type is an unknown one */
    switch (field->type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return data.len % 4 != 0;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return data.len % 8 != 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return false;
    }
    for (size_t at = 0; at < data.len;) {
        uint64_t value;
        size_t n = pb_varint_get(data.data + at, data.data + data.len, &value);
        if (n == 0)
            return true;
        at += n;
    }
    return false;
}

bool pb_refused_by_all(const ProtobufCMessageDescriptor *type, struct bytes input)
{
    static const uint8_t nothing[1];
    struct refused_frame frames[PB_DEPTH_MAX];
    struct pb_reader r = {input.len > 0 ? input.data : nothing, input.len > 0 ? input.data + input.len : nothing};
    size_t depth = 0;
    frames[0] = (struct refused_frame){.type = type, .end = r.end};
    for (;;) {
        struct refused_frame *f = &frames[depth];
        if (r.at == r.end) {
            if (f->group != 0)
                return true; /* a group without its end */
            if (depth-- == 0)
                return false;
            r.end = frames[depth].end;
            continue;
        }
        struct pb_item item;
        enum pb_fault fault = pb_item_next(&r, &item);
        if (fault == PB_FAULT_NUMBER && item.wire == PB_WIRE_VARINT)
            return false; /* a tag of zero */
        /* Six bytes of tag and more, or of a length, some take; cut off, none. */
        if (fault == PB_FAULT_TAG || fault == PB_FAULT_LENGTH) {
            uint64_t value;
            size_t n = pb_varint_get(r.at, r.end, &value);
            return n == 0 || (fault == PB_FAULT_LENGTH && value > INT_MAX);
        }
        if (fault)
            return true;
        const ProtobufCFieldDescriptor *field = f->type ? pb_descriptor_field(f->type, item.number, &f->guess) : NULL;
        bool message = field && field->type == PROTOBUF_C_TYPE_MESSAGE && item.wire == PB_WIRE_BYTES;
        if (message || item.wire == PB_WIRE_GROUP) {
            if (depth + 1 == PB_DEPTH_MAX)
                return !message; /* of messages some take thousands, of groups nobody */
            frames[++depth] =
                message ? (struct refused_frame){.type = field->descriptor, .end = item.data.data + item.data.len}
                        : (struct refused_frame){.end = r.end, .group = item.number};
            if (message)
                r.at = item.data.data;
            r.end = frames[depth].end;
        } else if (item.wire == PB_WIRE_GROUP_END) {
            if (f->group != item.number)
                return true;
            r.end = frames[--depth].end;
        } else if (field && item.wire == PB_WIRE_BYTES) {
            if (field->type == PROTOBUF_C_TYPE_STRING ? pb_text_fault(item.data, false) != 0
                                                      : packed_refused(field, item.data))
                return true;
        }
    }
}
