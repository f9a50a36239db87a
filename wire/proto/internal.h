/* How a .proto file becomes a descriptor: parse.c reads one file and notes every name it defines and every type it
 * refers to; link.c resolves the references over all files and checks what only then can be checked. Everything lives
 * in one arena. */
#ifndef WIRE_PROTO_INTERNAL_H
#define WIRE_PROTO_INTERNAL_H

#include "base/array.h"
#include "base/map.h"
#include "wire/proto/lex.h"
#include "wire/proto/proto.h"

#include "google/protobuf/descriptor.pb-c.h"

#define PROTO_DEPTH_MAX   32 /* messages in messages, braces in an option's value */
#define PROTO_PATH_MAX    (2 * PROTO_DEPTH_MAX + 16)
#define PROTO_NUMBER_MAX  536870911
#define PROTO_RANGE_MAX   2147483646 /* of extensions, with message_set_wire_format */
#define PROTO_SYMBOLS_MAX 1000000    /* of one set */

typedef Google__Protobuf__FileDescriptorProto proto_file;
typedef Google__Protobuf__DescriptorProto proto_message;
typedef Google__Protobuf__FieldDescriptorProto proto_field;
typedef Google__Protobuf__EnumDescriptorProto proto_enum;
typedef Google__Protobuf__SourceCodeInfo__Location proto_location;

enum proto_symbol_kind {
    SYMBOL_PACKAGE,
    SYMBOL_MESSAGE,
    SYMBOL_ENUM,
    SYMBOL_VALUE,
    SYMBOL_FIELD,
    SYMBOL_ONEOF,
    SYMBOL_SERVICE,
    SYMBOL_METHOD
};

/* A name that a file defines. */
struct proto_symbol {
    const char *full_name;
    enum proto_symbol_kind kind;
    struct token place;
    struct proto_unit *unit;
    const proto_message *message; /* of a message */
    const proto_enum *enumeration;
    const proto_field *field;
};

/* An option of one's own, until it is interpreted (options.h). */
struct proto_option {
    ProtobufCMessage *holder; /* the options it stands in */
    const Google__Protobuf__UninterpretedOption *raw;
    const char *scope; /* full name of the message it stands in; NULL: the package */
    struct token at;
    struct lexer value; /* before its value */
    proto_location *location;
    struct bytes wire; /* once it is interpreted */
};

/* A name that a file uses as a type. */
struct proto_reference {
    char **name;        /* where it stands, and where the full one goes */
    const char *scope;  /* full name of what it stands in */
    proto_field *field; /* whose type it decides; NULL for a method's message or an extendee */
    bool map_key, extendee;
    const proto_field *extension; /* of an extendee: the field that extends it */
    const char *default_value;    /* as the field has it */
    struct token place;
};

/* One file. */
struct proto_unit {
    const char *name, *shown;
    struct text content;
    proto_file *file;
    bool proto3, builtin, linked, open; /* open: its imports are being compiled */
    bool hidden;                        /* not imported by anybody: what it defines gives way to others */
    int edition;                        /* 2023; 0: proto2 or proto3 */
    ARRAY(struct proto_symbol) symbols;
    ARRAY(struct proto_reference) references;
    ARRAY(struct proto_option) options;
    ARRAY(struct token) import_places;
    ARRAY(struct proto_unit *) imports;
    unsigned seen; /* by which walk over imports it was met last */
};

/* Reads a unit's content into its file, symbols and references. */
int proto_parse(struct arena *arena, struct proto_unit *unit, struct error *err);

struct proto_linker {
    struct arena *arena;
    struct map symbols;  /* full name -> struct proto_symbol */
    struct map features; /* see features.h */
    unsigned walk;
    struct error *err;
};
/* All of the unit's imports are linked already. */
int proto_link(struct proto_linker *l, struct proto_unit *unit);
/* The first thing of that name from the scope outwards, whatever it is, that the unit being linked sees; or NULL. */
const struct proto_symbol *proto_look_up(struct proto_linker *l, const char *scope, const char *name);
/* options.c: the options of one's own, once the unit's names are known. */
int proto_interpret(struct proto_linker *l, struct proto_unit *unit);
int proto_error(struct error *err, const struct proto_unit *unit, const struct token *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
