/* Files of editions (protobuf.dev/editions/features): what a file, message, field or enum inherits from what it stands
 * in and says of itself. Features are options, which the descriptor's own types keep as unknown fields. */
#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

#include <stdlib.h>

#define TAG_EDITION  14 /* of a FileDescriptorProto */
#define EDITION_2023 1000
#define EDITION_2024 1001

static const ProtobufCMessageUnknownField *unknown(const ProtobufCMessage *m, uint32_t tag)
{
    const ProtobufCMessageUnknownField *found = NULL;
    for (unsigned i = 0; m && i < m->n_unknown_fields; i++)
        if (m->unknown_fields[i].tag == tag)
            found = &m->unknown_fields[i]; /* the last one counts */
    return found;
}

bool pb_syntax_known(const pb_file_descriptor *f, bool *edition)
{
    const ProtobufCMessageUnknownField *year = unknown(&f->base, TAG_EDITION);
    uint64_t value = 0;
    *edition = f->syntax && strcmp(f->syntax, "editions") == 0 && year &&
               year->wire_type == PROTOBUF_C_WIRE_TYPE_VARINT &&
               pb_varint_get(year->data, year->data + year->len, &value) > 0 &&
               (value == EDITION_2023 || value == EDITION_2024);
    return *edition || (f->syntax && strcmp(f->syntax, "proto3") == 0);
}

struct pb_features pb_features_of(struct pb_features from, const ProtobufCMessage *options, uint32_t tag)
{
    const ProtobufCMessageUnknownField *own = unknown(options, tag);
    uint64_t length;
    size_t head = own && own->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED
                      ? pb_varint_get(own->data, own->data + own->len, &length)
                      : 0;
    if (head == 0)
        return from;
    struct pb_reader r = {own->data + head, own->data + own->len};
    struct pb_item item;
    while (r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE)
        if (item.wire == PB_WIRE_VARINT && item.value < UINT8_MAX) {
            if (item.number == 1)
                from.presence = (uint8_t)item.value;
            else if (item.number == 2)
                from.enum_type = (uint8_t)item.value;
            else if (item.number == 3)
                from.repeated = (uint8_t)item.value;
            else if (item.number == 5)
                from.encoding = (uint8_t)item.value;
        }
    return from;
}

struct pb_features pb_type_features(const struct pb_type_entry *t)
{
    struct pb_features from = t->parent ? pb_type_features(t->parent) : t->file->features;
    return pb_features_of(from, t->proto->options ? &t->proto->options->base : NULL, PB_FEATURES_OF_MESSAGE);
}
