/* Files of editions (protobuf.dev/editions/features): what a file, message, field or enum inherits from what it stands
 * in and says of itself. Features are options, which the descriptor's own types keep as unknown fields. */
#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- what no pool takes ----------------------------------------------------------------------------------------- */

#define OWN_OPTIONS(d) ((d)->options ? &(d)->options->base : NULL)

static bool is_map_field(const pb_message_proto *m, const pb_field_proto *field)
{
    const char *dot = field->type_name ? strrchr(field->type_name, '.') : NULL;
    for (size_t i = 0; dot && i < m->n_nested_type; i++) {
        const pb_message_proto *entry = m->nested_type[i];
        if (entry->options && entry->options->map_entry && entry->name && strcmp(entry->name, dot + 1) == 0)
            return true;
    }
    return false;
}

static const char *enums_fault(pb_enum_proto *const *enums, size_t count, struct pb_features from)
{
    for (size_t i = 0; i < count; i++)
        if (pb_features_of(from, OWN_OPTIONS(enums[i]), PB_FEATURES_OF_ENUM).enum_type != PB_ENUM_OPEN)
            return "has closed enums";
    return NULL;
}

/* Depth is bounded by that of the descriptor's own bytes. */
static const char *message_fault(const pb_message_proto *m, struct pb_features from, bool edition)
{
    const char *fault = NULL;
    from = pb_features_of(from, OWN_OPTIONS(m), PB_FEATURES_OF_MESSAGE);
    for (size_t i = 0; i < m->n_field; i++) {
        const pb_field_proto *f = m->field[i];
        bool group = f->has_type && f->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
        bool message = f->has_type && f->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
        if (group || (message && !is_map_field(m, f) &&
                      pb_features_of(from, OWN_OPTIONS(f), PB_FEATURES_OF_FIELD).encoding != PB_ENCODING_LENGTH))
            return "has groups (delimited messages)";
    }
    if (edition)
        fault = enums_fault(m->enum_type, m->n_enum_type, from);
    for (size_t i = 0; !fault && i < m->n_nested_type; i++)
        fault = message_fault(m->nested_type[i], from, edition);
    return fault;
}

const char *pb_file_fault(const ProtobufCMessage *file)
{
    const pb_file_descriptor *f = (const void *)file;
    struct pb_features from = {PB_PRESENCE_EXPLICIT, PB_ENUM_OPEN, PB_REPEATED_PACKED, PB_ENCODING_LENGTH};
    const char *fault = NULL;
    bool edition;
    if (!f->syntax || !*f->syntax || strcmp(f->syntax, "proto2") == 0)
        return f->n_service > 0 ? "is of proto2" : NULL;
    if (!pb_syntax_known(f, &edition))
        return "is of an edition that is not known here";
    if (edition) {
        from = pb_features_of(from, OWN_OPTIONS(f), PB_FEATURES_OF_FILE);
        fault = enums_fault(f->enum_type, f->n_enum_type, from);
    }
    for (size_t i = 0; !fault && i < f->n_message_type; i++)
        fault = message_fault(f->message_type[i], from, edition);
    return fault;
}
