/* The walk that stands before every unpack. It keeps its own stack of PB_DEPTH_MAX + 1 frames, so that no input can
 * make it recurse, and it refuses whatever protobuf-c would refuse, crash on, or silently change. A field is found by
 * trying the one after the last first, since encoders write in field order. */
#include "wire/pb_wire.h"

#include <stdio.h>

struct frame {
    const ProtobufCMessageDescriptor *type;
    const uint8_t *end;
    unsigned via;   /* index, in the frame above, of the field that led here */
    unsigned guess; /* index of the field expected next */
    uint64_t seen;  /* singular messages in it: a bit for the index, modulo 64 */
};

struct scan {
    const uint8_t *start;
    struct frame frames[PB_DEPTH_MAX + 1];
    size_t depth; /* of the frame in work */
    bool pieces;  /* some singular message may have come twice */
    struct error *err;
};

static int refuse(struct scan *s, int code, const ProtobufCFieldDescriptor *field, const uint8_t *at, const char *why)
{
    if (!s->err)
        return code;
    struct text path = TEXT_INIT;
    const char *root = s->frames[0].type ? s->frames[0].type->name : "message";
    text_puts(&path, root);
    for (size_t i = 1; i <= s->depth; i++)
        text_printf(&path, ".%s", s->frames[i - 1].type->fields[s->frames[i].via].name);
    if (field)
        text_printf(&path, ".%s", field->name);
    if (text_ok(&path))
        error_set(s->err, code, "%s at byte %zu: %s", text_string(&path), (size_t)(at - s->start), why);
    else
        error_set(s->err, code, "byte %zu: %s", (size_t)(at - s->start), why);
    text_deinit(&path);
    return code;
}

static inline const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *type, uint32_t number,
                                                         unsigned *guess)
{
    unsigned g = *guess;
    if (g < type->n_fields && type->fields[g].id == number)
        return &type->fields[g];
    if (g + 1 < type->n_fields && type->fields[g + 1].id == number) {
        *guess = g + 1;
        return &type->fields[g + 1];
    }
    unsigned low = 0, high = type->n_fields;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (type->fields[middle].id < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == type->n_fields || type->fields[low].id != number)
        return NULL;
    *guess = low;
    return &type->fields[low];
}

const ProtobufCFieldDescriptor *pb_descriptor_field(const ProtobufCMessageDescriptor *type, uint32_t number,
                                                    unsigned *guess)
{
    return field_find(type, number, guess);
}

static bool is_packable(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

static enum pb_wire_type wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PB_WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PB_WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PB_WIRE_BYTES;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return PB_WIRE_VARINT;
}

static int scan_packed(struct scan *s, const ProtobufCFieldDescriptor *field, struct bytes data)
{
    const uint8_t *at = data.data, *end = data.data + data.len;
    enum pb_wire_type wire = wire_of(field->type);
    if (wire == PB_WIRE_FIXED32 || wire == PB_WIRE_FIXED64) {
        size_t width = wire == PB_WIRE_FIXED32 ? 4 : 8;
        return data.len % width == 0 ? 0
                                     : refuse(s, ERROR_SYNTAX, field, at, "packed numbers end in the middle of one");
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        for (; at < end; at++)
            if (*at > 1)
                return refuse(s, ERROR_INVALID, field, at, "a packed bool is neither 0 nor 1");
        return 0;
    }
    while (at < end) {
        uint64_t value;
        size_t n = pb_varint_get(at, end, &value);
        if (n == 0)
            return refuse(s, ERROR_SYNTAX, field, at, pb_fault_text(PB_FAULT_VARINT));
        at += n;
    }
    return 0;
}

/* Only files of proto2 have required fields, and only files of proto3 have unlabelled ones. */
static int check_required(struct scan *s, const uint8_t *start, const uint8_t *end)
{
    const ProtobufCMessageDescriptor *type = s->frames[s->depth].type;
    if (!type || type->n_fields == 0 || type->fields[0].label == PROTOBUF_C_LABEL_NONE)
        return 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].label != PROTOBUF_C_LABEL_REQUIRED)
            continue;
        struct pb_reader r = {start, end};
        bool seen = false;
        while (r.at < r.end && !seen) {
            struct pb_item item;
            if (pb_item_next(&r, &item))
                break;
            seen = item.number == type->fields[i].id;
        }
        if (!seen)
            return refuse(s, ERROR_INVALID, &type->fields[i], end, "a required field is missing");
    }
    return 0;
}

static int scan_field(struct scan *s, const ProtobufCFieldDescriptor *field, const struct pb_item *item,
                      const uint8_t *tag, struct pb_reader *r)
{
    struct frame *f = &s->frames[s->depth];
    if (item->wire != wire_of(field->type)) {
        if (item->wire == PB_WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED && is_packable(field->type))
            return scan_packed(s, field, item->data);
        return refuse(s, ERROR_INVALID, field, tag, "the wire type is not the one of the field's type");
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        size_t fault = pb_text_fault(item->data, true);
        if (fault == 0)
            return 0;
        const uint8_t *bad = item->data.data + fault - 1;
        return refuse(s, ERROR_INVALID, field, bad, *bad ? "a string is not valid UTF-8" : "a string holds a NUL");
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (s->depth == PB_DEPTH_MAX) {
            char why[64];
            snprintf(why, sizeof why, "messages nest deeper than %d", PB_DEPTH_MAX);
            return refuse(s, ERROR_LIMIT, field, tag, why);
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            uint64_t bit = UINT64_C(1) << ((size_t)(field - f->type->fields) % 64);
            s->pieces = s->pieces || (f->seen & bit) != 0;
            f->seen |= bit;
        }
        /* Down: the reader goes on inside, and the frame's end brings it back here. */
        s->frames[++s->depth] = (struct frame){.type = field->descriptor,
                                               .end = item->data.data + item->data.len,
                                               .via = (unsigned)(field - f->type->fields)};
        r->at = item->data.data;
        r->end = s->frames[s->depth].end;
    }
    return 0;
}

int pb_scan(const ProtobufCMessageDescriptor *type, struct bytes input, struct error *err)
{
    bool pieces;
    return pb_scan_pieces(type, input, &pieces, err);
}

int pb_scan_pieces(const ProtobufCMessageDescriptor *type, struct bytes input, bool *pieces, struct error *err)
{
    static const uint8_t nothing[1];
    if (input.len == 0)
        input.data = nothing;
    struct scan s;
    s.start = input.data;
    s.depth = 0;
    s.pieces = false;
    s.err = err;
    s.frames[0] = (struct frame){.type = type, .end = input.data + input.len};
    /* Where each open message began, for the required fields of proto2. */
    const uint8_t *starts[PB_DEPTH_MAX + 1];
    starts[0] = input.data;
    struct pb_reader r = {input.data, s.frames[0].end};
    for (;;) {
        if (r.at == r.end) {
            int rc = check_required(&s, starts[s.depth], r.end);
            if (rc)
                return rc;
            if (s.depth == 0) {
                *pieces = s.pieces;
                return 0;
            }
            s.depth--;
            r.end = s.frames[s.depth].end;
            continue;
        }
        const uint8_t *tag = r.at;
        struct pb_item item;
        enum pb_fault fault = pb_item_next(&r, &item);
        struct frame *f = &s.frames[s.depth];
        const ProtobufCFieldDescriptor *field = NULL;
        if (type && fault != PB_FAULT_TAG && fault != PB_FAULT_NUMBER)
            field = field_find(f->type, item.number, &f->guess);
        if (fault)
            return refuse(&s, ERROR_SYNTAX, field, tag, pb_fault_text(fault));
        if (item.wire == PB_WIRE_GROUP || item.wire == PB_WIRE_GROUP_END)
            return refuse(&s, ERROR_UNSUPPORTED, field, tag, "groups are not supported");
        if (field) {
            size_t depth = s.depth;
            int rc = scan_field(&s, field, &item, tag, &r);
            if (rc)
                return rc;
            if (s.depth != depth)
                starts[s.depth] = r.at;
        }
    }
}
