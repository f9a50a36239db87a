/* A FileDescriptorSet laid open for comparison: every message, enum, service and extension by its full name, with the
 * features that hold for it and its place in the .proto file.
 *
 * Unlike wire/pb.h, which builds what is needed to talk and therefore wants sound proto3, this keeps everything a
 * schema can say (proto2, editions, options, reserved ranges), and checks nothing: a set that protoc made is sound.
 * Names, numbers and defaults of features: google/protobuf/descriptor.proto of protobuf 29, read from the unknown
 * fields, since the descriptor types this is built with are older than editions.
 *
 * Everything is owned by the schema. */
#ifndef FAKES_BREAKING_SCHEMA_H
#define FAKES_BREAKING_SCHEMA_H

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/map.h"
#include "wire/pb.h"

#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto schema_file_proto;
typedef Google__Protobuf__DescriptorProto schema_message_proto;
typedef Google__Protobuf__FieldDescriptorProto schema_field_proto;
typedef Google__Protobuf__EnumDescriptorProto schema_enum_proto;
typedef Google__Protobuf__EnumValueDescriptorProto schema_value_proto;
typedef Google__Protobuf__ServiceDescriptorProto schema_service_proto;
typedef Google__Protobuf__MethodDescriptorProto schema_method_proto;

#define SCHEMA_SET_MAX  ((size_t)64 << 20) /* bytes of a set */
#define SCHEMA_NAME_MAX 2048               /* bytes of a nested name that is looked for piece by piece */

/* Field numbers in descriptor.proto, of which the paths of places are made. */
enum schema_path {
    FILE_PACKAGE = 2,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
    FILE_OPTIONS = 8,
    FILE_SYNTAX = 12,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
    MESSAGE_OPTIONS = 7,
    FIELD_NAME = 1,
    FIELD_TYPE = 5,
    FIELD_TYPE_NAME = 6,
    FIELD_DEFAULT = 7,
    FIELD_OPTIONS = 8,
    FIELD_CTYPE = FIELD_OPTIONS | 1 << 8, /* an option of the field, its number above */
    FIELD_JSTYPE = FIELD_OPTIONS | 6 << 8,
    FIELD_UTF8 = FIELD_OPTIONS | 21 << 8 | 4 << 16, /* feature utf8_validation */
    FIELD_JSON_NAME = 10,
    ENUM_VALUE = 2,
    ENUM_OPTIONS = 3,
    VALUE_NUMBER = 2,
    SERVICE_METHOD = 2,
    METHOD_INPUT = 2,
    METHOD_OUTPUT = 3,
    METHOD_OPTIONS = 4,
};

/* What editions call features; the values are descriptor.proto's. */
struct schema_features {
    uint8_t presence;   /* 1 explicit, 2 implicit, 3 legacy required */
    uint8_t enum_type;  /* 1 open, 2 closed */
    uint8_t utf8;       /* 2 verify, 3 none */
    uint8_t encoding;   /* 1 length prefixed, 2 delimited */
    uint8_t json;       /* 1 allow, 2 legacy best effort */
    uint8_t cpp_string; /* 1 view, 2 cord, 3 string */
    uint8_t java_utf8;  /* 1 default, 2 verify */
};

struct schema_file {
    const schema_file_proto *proto;
    const char *name, *package; /* never NULL */
    int edition;                /* 2, 3, or 2023 and later */
    struct schema_features features;
    struct map places; /* path -> location; filled when first asked */
    bool located;
};

/* A message, an enum, a service or an extension: what has a full name of its own. */
struct schema_element {
    struct schema_file *file;
    const struct schema_element *parent; /* the message it is in, or NULL */
    const char *name, *full_name;
    const char *nested_name; /* without the package */
    struct schema_features features;
    const int32_t *path;
    size_t path_len;
    const schema_message_proto *message; /* one of these four is set */
    const schema_enum_proto *enumeration;
    const schema_service_proto *service;
    const schema_field_proto *extension;
};

struct schema_elements {
    ARRAY(struct schema_element *) list; /* in the set's order, outer ones first */
    struct map by_name;                  /* full name -> element */
};

struct schema {
    struct arena arena;
    ARRAY(struct schema_file *) files;
    struct map files_by_name;
    struct schema_elements messages, enums, services, extensions;
};

/* `name` is what messages call the set. */
int schema_new(struct bytes set, const char *name, struct schema **out, struct error *err);
void schema_free(struct schema *s);

struct schema_file *schema_file(const struct schema *s, const char *name);
struct schema_element *schema_find(const struct schema_elements *e, const char *full_name); /* NULL: none */

/* Where something stands. Line and column from 1; 0 when the set has no source information. */
struct schema_place {
    const char *file; /* "" when it is nowhere */
    int line, column;
};
/* The element, or what `tail` (numbers after the element's own path) leads to in it; what is around it when the file
 * does not say where that is: of a map's entry, which nobody wrote, the map. */
struct schema_place schema_place(const struct schema_element *e, const int32_t *tail, size_t tail_len);
struct schema_place schema_file_place(struct schema_file *f, const int32_t *path, size_t path_len);

/* ---- a field as the languages see it ---- */

enum schema_cardinality {
    CARDINALITY_EXPLICIT,
    CARDINALITY_IMPLICIT,
    CARDINALITY_REQUIRED,
    CARDINALITY_REPEATED,
    CARDINALITY_MAP
};
struct schema_field {
    const struct schema_element *owner; /* the message; of an extension the extension itself */
    const schema_field_proto *proto;
    const char *type_name; /* without the leading dot; "" for scalars */
    int kind;              /* descriptor.proto's type; a delimited message is a group (10) */
    enum schema_cardinality cardinality;
    struct schema_features features;
    const char *oneof; /* a real one, or NULL */
    int32_t tail[2];   /* its place below the owner */
    size_t tail_len;
};
struct schema_field schema_field(const struct schema *s, const struct schema_element *message, size_t index);
struct schema_field schema_extension(const struct schema *s, const struct schema_element *extension);
struct schema_place schema_field_place(const struct schema_field *f,
                                       int part); /* enum schema_path; 0: the whole field */
const char *schema_kind_name(int kind);           /* "int32" */

#endif
