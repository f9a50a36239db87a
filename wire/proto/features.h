/* Features of editions: what a file says of presence, enums, packing and the like, each scope inheriting what the one
 * around it says (https://protobuf.dev/editions/features/). They are options named "features"; a value once resolved
 * decides what "optional", "required", "packed" and the syntax decide in files of proto2 and proto3. */
#ifndef WIRE_PROTO_FEATURES_H
#define WIRE_PROTO_FEATURES_H

#include "wire/proto/internal.h"

enum { PRESENCE_EXPLICIT = 1, PRESENCE_IMPLICIT = 2, PRESENCE_REQUIRED = 3 };
enum { ENUM_OPEN = 1, ENUM_CLOSED = 2 };
enum { REPEATED_PACKED = 1, REPEATED_EXPANDED = 2 };
enum { ENCODING_PREFIXED = 1, ENCODING_DELIMITED = 2 };
enum { JSON_ALLOW = 1, JSON_BEST_EFFORT = 2 };

struct proto_features {
    uint8_t presence, enum_type, repeated, utf8, encoding, json;
};

/* The number of "features" in options of that descriptor ("google.protobuf.FieldOptions"); 0: they have none. */
int32_t proto_features_number(const char *options);
/* Once the features of an edition's unit are interpreted: resolves and checks them, scope by scope. */
int proto_resolve_features(struct proto_linker *l, struct proto_unit *unit);
/* Of a field or enum of a unit that is linked, or being linked and behind proto_resolve_features(). */
struct proto_features proto_field_features(const struct proto_linker *l, const struct proto_unit *unit,
                                           const proto_field *f);
bool proto_enum_is_open(const struct proto_linker *l, const struct proto_symbol *s);

#endif
