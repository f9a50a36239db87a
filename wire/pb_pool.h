/* What a descriptor pool is made of. Private to wire/pb_*.c.
 *
 * The public structs are the first members of the entries here, so that a `const struct pb_type *` handed out finds
 * its look-up tables again. Everything lives in the pool's arena; only the symbol maps have memory of their own.
 *
 * Building goes: split the set into files (pb_pool.c), collect every symbol under its full name (pb_collect.c),
 * resolve references and fill fields, enums and services (pb_resolve.c,
 * pb_resolve_type.c), lay out the structs protobuf-c unpacks into
 * (pb_layout.c). */
#ifndef WIRE_PB_POOL_H
#define WIRE_PB_POOL_H

#include "base/arena.h"
#include "base/map.h"
#include "wire/pb.h"

#include "google/protobuf/descriptor.pb-c.h"

#define PB_SET_MAX          ((size_t)32 << 20)  /* bytes of a serialised set */
#define PB_SET_MEMORY_MAX   ((size_t)512 << 20) /* bytes of the pool, and again of the decoded set while it is read */
#define PB_FILES_MAX        4096
#define PB_NAME_MAX         2048 /* bytes of a full name: long scopes over many values would multiply */
#define PB_FIELD_NUMBER_MAX 536870911
#define PB_RESERVED_FIRST   19000 /* field numbers the implementations keep for themselves */
#define PB_RESERVED_LAST    19999

typedef Google__Protobuf__FileDescriptorSet pb_set_proto;
typedef Google__Protobuf__FileDescriptorProto pb_file_descriptor;
typedef Google__Protobuf__DescriptorProto pb_message_proto;
typedef Google__Protobuf__FieldDescriptorProto pb_field_proto;
typedef Google__Protobuf__EnumDescriptorProto pb_enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto pb_service_proto;

enum pb_symbol_kind {
    PB_SYMBOL_PACKAGE,
    PB_SYMBOL_TYPE,
    PB_SYMBOL_ENUM,
    PB_SYMBOL_SERVICE,
    PB_SYMBOL_METHOD,
    PB_SYMBOL_ENUM_VALUE,
    PB_SYMBOL_EXTENSION,
    PB_SYMBOL_FOREIGN, /* of a proto2 file: known by name only */
};

struct pb_symbol {
    enum pb_symbol_kind kind;
    const char *full_name;
    struct pb_file *file;                  /* for a package: one of the files that have it */
    void *entry;                           /* of the kind: pb_type_entry, pb_enum_entry, pb_service, pb_method */
    const pb_message_proto *message_proto; /* while building */
    const pb_enum_proto *enum_proto;
    const pb_service_proto *service_proto;
};

/* What files of editions may choose: the numbers of google.protobuf.FeatureSet. */
enum { PB_PRESENCE_EXPLICIT = 1, PB_PRESENCE_IMPLICIT = 2 }; /* 3: explicit, and required for those who check */
enum { PB_ENUM_OPEN = 1, PB_REPEATED_PACKED = 1, PB_ENCODING_LENGTH = 1 };
enum { /* where each kind of options keeps its features */
       PB_FEATURES_OF_FILE = 50,
       PB_FEATURES_OF_MESSAGE = 12,
       PB_FEATURES_OF_FIELD = 21,
       PB_FEATURES_OF_ENUM = 7
};
struct pb_features {
    uint8_t presence, enum_type, repeated, encoding;
};

struct pb_file {
    const char *name;
    const char *package; /* "" for none */
    struct bytes proto;
    const char **dependencies;
    size_t dependency_count;
    struct pb_file **imports; /* as dependencies */
    bool *import_public;
    bool foreign; /* proto2: only options may refer to it */
    bool edition; /* 2023 or 2024, and not proto3 */
    struct pb_features features;
    uint32_t seen_from;                   /* the stamp of the last walk over imports that came by */
    const pb_file_descriptor *descriptor; /* while building */
};

/* A field's member names as JSON text, quotes, colon and escapes included. */
struct pb_key {
    struct bytes json, proto;
};

/* Slots hold 1 + 2 * field index + (0: json name, 1: proto name); 0 is empty. Open addressing, size a power of two. */
struct pb_type_entry {
    struct pb_type type;
    uint32_t *slots;
    uint32_t slot_mask;
    struct pb_key *keys; /* by field index */
    struct pb_file *file;
    const struct pb_type_entry *parent;
    const pb_message_proto *proto; /* while building */
};

struct pb_enum_entry {
    struct pb_enum enumeration;
    const struct pb_enum_value **by_name;   /* sorted by name */
    const struct pb_enum_value **by_number; /* sorted by number, first alias first */
    const ProtobufCEnumDescriptor *descriptor;
    bool null_value; /* google.protobuf.NullValue */
    struct pb_file *file;
    const pb_enum_proto *proto; /* while building */
};

struct pb_pool {
    struct arena arena;
    struct arena scratch; /* the decoded set; gone once the pool is built */
    const char *name;     /* what messages call the set */
    struct map symbols;   /* full name -> struct pb_symbol */
    struct map files_by_name;
    struct map methods;      /* "/store.Store/Read" -> struct pb_method */
    struct map free_methods; /* "Store/Read" -> the first such method */
    struct pb_file *files;
    size_t file_count;
    struct pb_type_entry *types;
    ProtobufCMessageDescriptor *descriptors; /* as types: fixed places, since types refer to each other */
    size_t type_count;
    struct pb_enum_entry *enums;
    size_t enum_count;
    struct pb_service *services;
    size_t service_count;
    struct pb_file **open_files; /* while building: work list of one walk over imports */
    struct pb_file *seen_for;    /* and whose imports were walked last, with which stamp */
    uint32_t seen_stamp;
    struct error *err; /* while building */
};

bool pb_is_identifier(const char *s, size_t len);
int pb_pool_collect(struct pb_pool *p);
int pb_pool_resolve(struct pb_pool *p);
/* The symbol a type name stands for, seen from `scope` in `file`; `what` is the one who asks, for the error. */
int pb_pool_reference(struct pb_pool *p, struct pb_file *file, const char *scope, const char *name, const char *what,
                      struct pb_symbol **out);
int pb_type_resolve(struct pb_pool *p, struct pb_type_entry *t);
bool pb_syntax_known(const pb_file_descriptor *f, bool *edition); /* proto3, or an edition that is known */
/* `from` with what the options' own features say. */
struct pb_features pb_features_of(struct pb_features from, const ProtobufCMessage *options, uint32_t tag);
struct pb_features pb_type_features(const struct pb_type_entry *t);
int pb_type_layout(struct pb_pool *p, struct pb_type_entry *t);
int pb_enum_layout(struct pb_pool *p, struct pb_enum_entry *e);
/* Which well-known type this is by name, and whether its fields are those JSON relies on. */
int pb_type_known(struct pb_pool *p, struct pb_type_entry *t);

char *pb_pool_join(struct pb_pool *p, const char *scope, char between, const char *name); /* NULL: no memory */
int pb_pool_no_memory(struct pb_pool *p);
/* An error in a file of the set: "set: store.proto: ...". */
int pb_pool_error(struct pb_pool *p, const struct pb_file *file, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Look-ups by bytes that need not end in a NUL. */
const struct pb_field *pb_field_find(const struct pb_type *t, struct bytes name); /* json name first, then proto name */
const struct pb_enum_value *pb_enum_value_find(const struct pb_enum *e, struct bytes name);
const struct pb_type *pb_type_find(const struct pb_pool *p, struct bytes full_name);
bool pb_enum_is_null(const struct pb_enum *e); /* google.protobuf.NullValue, which JSON writes as null */
int pb_type_index_names(struct pb_pool *p, struct pb_type_entry *t);

#endif
