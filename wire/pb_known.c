/* The well-known types, by name and by the fields their JSON form is made from. A set may define a message under one of
 * these names with other fields; taking it for the real one would misread its bytes, so that is an error. */
#include "wire/pb_pool.h"

struct known_field {
    uint32_t number;
    enum pb_kind kind;
    bool repeated;
    const char *type; /* PB_MESSAGE (map: of the value), PB_ENUM */
};

struct known_type {
    const char *name; /* below google.protobuf. */
    enum pb_known known;
    size_t field_count;
    struct known_field fields[6];
};

static const struct known_type table[] = {
    {"Any", PB_ANY, 2, {{1, PB_STRING, false, NULL}, {2, PB_BYTES, false, NULL}}},
    {"Timestamp", PB_TIMESTAMP, 2, {{1, PB_INT64, false, NULL}, {2, PB_INT32, false, NULL}}},
    {"Duration", PB_DURATION, 2, {{1, PB_INT64, false, NULL}, {2, PB_INT32, false, NULL}}},
    {"FieldMask", PB_FIELD_MASK, 1, {{1, PB_STRING, true, NULL}}},
    {"Struct", PB_STRUCT, 1, {{1, PB_MESSAGE, true, "google.protobuf.Struct.FieldsEntry"}}},
    {"Value",
     PB_VALUE,
     6,
     {{1, PB_ENUM, false, "google.protobuf.NullValue"},
      {2, PB_DOUBLE, false, NULL},
      {3, PB_STRING, false, NULL},
      {4, PB_BOOL, false, NULL},
      {5, PB_MESSAGE, false, "google.protobuf.Struct"},
      {6, PB_MESSAGE, false, "google.protobuf.ListValue"}}},
    {"ListValue", PB_LIST_VALUE, 1, {{1, PB_MESSAGE, true, "google.protobuf.Value"}}},
    {"DoubleValue", PB_WRAPPER, 1, {{1, PB_DOUBLE, false, NULL}}},
    {"FloatValue", PB_WRAPPER, 1, {{1, PB_FLOAT, false, NULL}}},
    {"Int64Value", PB_WRAPPER, 1, {{1, PB_INT64, false, NULL}}},
    {"UInt64Value", PB_WRAPPER, 1, {{1, PB_UINT64, false, NULL}}},
    {"Int32Value", PB_WRAPPER, 1, {{1, PB_INT32, false, NULL}}},
    {"UInt32Value", PB_WRAPPER, 1, {{1, PB_UINT32, false, NULL}}},
    {"BoolValue", PB_WRAPPER, 1, {{1, PB_BOOL, false, NULL}}},
    {"StringValue", PB_WRAPPER, 1, {{1, PB_STRING, false, NULL}}},
    {"BytesValue", PB_WRAPPER, 1, {{1, PB_BYTES, false, NULL}}},
    {"Empty", PB_EMPTY, 0, {{0}}},
};

static bool fits(const struct pb_type *t, const struct known_type *k)
{
    if (t->field_count != k->field_count || t->map_entry)
        return false;
    for (size_t i = 0; i < k->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        const struct known_field *want = &k->fields[i];
        if (f->number != want->number || f->kind != want->kind || f->repeated != want->repeated || f->optional ||
            (k->known == PB_VALUE) != (f->oneof == 0))
            return false;
        if (want->kind == PB_MESSAGE && strcmp(f->message->full_name, want->type) != 0)
            return false;
        if (want->kind == PB_ENUM && strcmp(f->enumeration->full_name, want->type) != 0)
            return false;
    }
    if (k->known != PB_STRUCT)
        return true;
    const struct pb_type *entry = t->fields[0].message;
    return t->fields[0].map && entry->fields[0].kind == PB_STRING && entry->fields[1].kind == PB_MESSAGE &&
           strcmp(entry->fields[1].message->full_name, "google.protobuf.Value") == 0;
}

int pb_type_known(struct pb_pool *p, struct pb_type_entry *t)
{
    static const char package[] = "google.protobuf.";
    if (strncmp(t->type.full_name, package, sizeof package - 1) != 0)
        return 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(t->type.full_name + sizeof package - 1, table[i].name) != 0)
            continue;
        if (!fits(&t->type, &table[i]))
            return pb_pool_error(p, t->file, ERROR_INVALID, "%s does not have the fields of the well-known type",
                                 t->type.full_name);
        t->type.known = table[i].known;
        return 0;
    }
    return 0;
}
