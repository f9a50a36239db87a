/* What fields, messages and enums share. */
#ifndef WIRE_PROTO_TYPES_H
#define WIRE_PROTO_TYPES_H

#include "wire/proto/parse.h"

enum {
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_RANGE = 5,
    MESSAGE_EXTENSION = 6,
    MESSAGE_OPTIONS = 7,
    MESSAGE_ONEOF = 8,
    MESSAGE_RESERVED = 9,
    MESSAGE_RESERVED_NAME = 10,
};

/* What is being filled: a message, its scope, and where its fields' numbers were said. */
struct body {
    proto_message *message;
    const char *scope;
    ARRAY(struct token) numbers; /* by field index */
};
void parse_body(struct parser *p, struct body *b, struct place *place); /* from "{" to "}" */
/* A field of the message, or of its oneof of that index (-1: none). */
void parse_message_field(struct parser *p, struct body *b, int oneof);

struct range {
    int64_t first, last;
};
bool parse_range(struct parser *p, int64_t max, bool negative, struct range *r);
/* "reserved", with the place that what follows decides: numbers or names. */
struct place parse_reserved_begin(struct parser *p, int32_t numbers, int32_t names, bool *named);
void parse_reserved_names(struct parser *p, struct place *place, size_t *count, char ***list);

#endif
