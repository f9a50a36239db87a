/* Protobuf schemas at run time: from a FileDescriptorSet to types one can look up, walk, and unpack with.
 *
 * A pool owns everything below it. For every message type it builds a ProtobufCMessageDescriptor, so that protobuf-c
 * packs and unpacks messages nobody generated code for; the richer view (json names, presence, maps, oneofs, call
 * kinds, comments' absence) stands beside it. All of proto3 is covered: optional, oneof, maps, packed, nested, enums.
 * Messages of proto2 files (google/protobuf/descriptor.proto, gogoproto/gogo.proto) may be referred to by options only;
 * a proto2 file with a service is refused with its name.
 *
 * A generated message (protoc-c) and a dynamic one of the same full name have the same wire form but their own struct
 * layouts; the functions here that take a ProtobufCMessage go by the message's own descriptor and find the pool's type
 * by name, so both work. */
#ifndef WIRE_PB_H
#define WIRE_PB_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct pb_pool;
struct pb_type;
struct pb_enum;
struct pb_service;

enum pb_kind { /* numbers as in descriptor.proto */
               PB_DOUBLE = 1,
               PB_FLOAT = 2,
               PB_INT64 = 3,
               PB_UINT64 = 4,
               PB_INT32 = 5,
               PB_FIXED64 = 6,
               PB_FIXED32 = 7,
               PB_BOOL = 8,
               PB_STRING = 9,
               PB_MESSAGE = 11,
               PB_BYTES = 12,
               PB_UINT32 = 13,
               PB_ENUM = 14,
               PB_SFIXED32 = 15,
               PB_SFIXED64 = 16,
               PB_SINT32 = 17,
               PB_SINT64 = 18,
};

/* Well-known types whose JSON form is their own. */
enum pb_known {
    PB_ORDINARY,
    PB_ANY,
    PB_TIMESTAMP,
    PB_DURATION,
    PB_FIELD_MASK,
    PB_STRUCT,
    PB_VALUE,
    PB_LIST_VALUE,
    PB_WRAPPER,
    PB_EMPTY,
};

struct pb_field {
    const char *name, *json_name;
    uint32_t number;
    enum pb_kind kind;
    bool repeated, packed, map, optional; /* optional: proto3 `optional`; a map is repeated as well */
    int oneof;                            /* index into type->oneofs, or -1; proto3 optional is -1 */
    const struct pb_type *message;        /* PB_MESSAGE (for a map: the entry type, fields 1 and 2) */
    const struct pb_enum *enumeration;    /* PB_ENUM */
    const struct pb_type *owner;
    uint32_t index; /* in owner->fields */
};

struct pb_oneof {
    const char *name;
};

struct pb_type {
    const char *full_name; /* "store.ReadRequest" */
    const char *name;
    const struct pb_field *fields; /* ordered by number */
    size_t field_count;
    const struct pb_oneof *oneofs; /* real ones only */
    size_t oneof_count;
    bool map_entry;
    enum pb_known known;
    const ProtobufCMessageDescriptor *descriptor; /* the dynamic layout; its fields are in the same order */
    const struct pb_pool *pool;
};

struct pb_enum_value {
    const char *name;
    int32_t number;
};
struct pb_enum {
    const char *full_name;
    const struct pb_enum_value *values; /* file order; aliases included */
    size_t value_count;
};

struct pb_method {
    const char *name;
    const char *path; /* "/store.Store/Read" */
    const struct pb_type *input, *output;
    bool client_streaming, server_streaming;
    const struct pb_service *service;
    struct bytes options; /* MethodOptions, those of one's own included, as wire bytes */
};
struct pb_service {
    const char *full_name; /* "store.Store" */
    const char *name, *package;
    const struct pb_method *methods;
    size_t method_count;
    const char *file; /* "store/store.proto" */
};

/* `set` is a serialised FileDescriptorSet with its imports; files may come in any order. */
int pb_pool_new(struct bytes set, const char *name, struct pb_pool **out, struct error *err);
/* What in a google.protobuf.FileDescriptorProto makes every pool refuse a set that holds it, as words behind the file's
 * name: "has closed enums". NULL: nothing of the kind (other errors are still possible). */
const char *pb_file_fault(const ProtobufCMessage *file);
void pb_pool_free(struct pb_pool *p);
const struct pb_type *pb_find_type(const struct pb_pool *p, const char *full_name);
const struct pb_enum *pb_find_enum(const struct pb_pool *p, const char *full_name);
const struct pb_service *pb_find_service(const struct pb_pool *p, const char *full_name);
/* By gRPC path. Micro's rule: only the part after the last dot before the slash and the method count when
 * `package_free` (a service may run under any name prefix). */
const struct pb_method *pb_find_method(const struct pb_pool *p, const char *path, bool package_free);
size_t pb_service_count(const struct pb_pool *p);
const struct pb_service *pb_service_at(const struct pb_pool *p, size_t i);
size_t pb_type_count(const struct pb_pool *p);
const struct pb_type *pb_type_at(const struct pb_pool *p, size_t i);
const struct pb_field *pb_field_by_name(const struct pb_type *t, const char *name); /* proto or json name */
const struct pb_field *pb_field_by_number(const struct pb_type *t, uint32_t number);
const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number);
const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, const char *name);
/* For server reflection: the serialised FileDescriptorProto of a file, and the file that defines a symbol. */
struct bytes pb_file_proto(const struct pb_pool *p, const char *file);
const char *pb_file_of_symbol(const struct pb_pool *p, const char *symbol);
size_t pb_file_count(const struct pb_pool *p);
const char *pb_file_at(const struct pb_pool *p, size_t i);
size_t pb_file_dependencies(const struct pb_pool *p, const char *file, const char *const **names);

/* ---- messages -------------------------------------------------------------------------------------------------- */

#define PB_DEPTH_MAX 100 /* nested messages, as Google's implementations */

/* The check that stands before every unpack of bytes from outside: well-formed tags and lengths, no field 0, no group,
 * depth, UTF-8 of string fields, wire type of known fields (protobuf-c rejects the whole message otherwise), no NUL
 * inside a string (protobuf-c would cut it silently). `type` NULL: shape only. Says the field's path and byte offset.
 */
int pb_scan(const ProtobufCMessageDescriptor *type, struct bytes input, struct error *err);

/* Stricter no decoder may be expected to be: true when every conforming one refuses the input. Much that pb_scan() does
 * not let pass is taken by others (a NUL in a string, groups, known fields of another wire type). */
bool pb_refused_by_all(const ProtobufCMessageDescriptor *type, struct bytes input);

/* Scan, then unpack. With an arena the message lives there and is never freed one by one; with NULL it is the caller's,
 * to be freed by protobuf_c_message_free_unpacked(m, NULL). */
int pb_unpack(const ProtobufCMessageDescriptor *type, struct bytes input, struct arena *arena, ProtobufCMessage **out,
              struct error *err);
int pb_pack(const ProtobufCMessage *m, struct text *out);            /* appends */
bool pb_equal(const ProtobufCMessage *a, const ProtobufCMessage *b); /* by packed form */

/* ---- proto3 JSON ----------------------------------------------------------------------------------------------- */

/* To the letter of the protobuf JSON mapping, both ways, well-known types included. */
enum pb_json_flags {
    PB_JSON_PROTO_NAMES = 1,    /* snake_case as in the .proto, not lowerCamelCase */
    PB_JSON_DEFAULTS = 2,       /* also fields without presence that hold their default */
    PB_JSON_IGNORE_UNKNOWN = 4, /* reading: unknown members are skipped instead of refused */
    PB_JSON_INDENT = 8,
    PB_JSON_ENUM_NUMBERS = 16,
    PB_JSON_PLAIN = 32, /* writing: well-known types as any other message: a Timestamp is {seconds, nanos} */
};
int pb_to_json(const struct pb_pool *p, const ProtobufCMessage *m, int flags, struct text *out, struct error *err);
/* Text to wire bytes, and a jansson tree to wire bytes. Errors say line:column (text) and the field's path. */
int pb_json_to_wire(const struct pb_type *type, struct bytes json, int flags, struct text *wire, struct error *err);
int pb_tree_to_wire(const struct pb_type *type, const json_t *tree, int flags, struct text *wire, struct error *err);
int pb_wire_to_json(const struct pb_type *type, struct bytes wire, int flags, struct text *json, struct error *err);
json_t *pb_wire_to_tree(const struct pb_type *type, struct bytes wire, int flags, struct error *err);

/* ---- low level (shared with fuzz/ and fakes/) -------------------------------------------------------------------- */

size_t pb_varint_write(uint8_t out[10], uint64_t value);
/* Bytes read, or 0 when truncated or over ten bytes. */
size_t pb_varint_read(struct bytes in, uint64_t *value);

#endif
