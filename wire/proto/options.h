/* Options of one's own: extensions of descriptor.proto's options, and paths into them. They are noted while a file is
 * read and interpreted when all names are known (options.c); values are made into wire bytes by the type that the
 * extension has (values.c), and stand in the options as protoc writes them: fields in the order they were said. */
#ifndef WIRE_PROTO_OPTIONS_H
#define WIRE_PROTO_OPTIONS_H

#include "wire/proto/internal.h"

/* Makes bytes of values, token by token. */
struct proto_values {
    struct proto_linker *linker;
    struct proto_unit *unit; /* where they are written */
    const char *scope;       /* for extensions named in them */
    struct lexer lex;
    int depth;
};
/* A field, and the file it is of. NULL: there is none. */
struct proto_known {
    const proto_field *field;
    const struct proto_unit *unit;
};

/* One value of the field, appended without its tag; of a message or group its fields, of the rest what stands behind
 * a tag and a length. `in_text`: in braces, where more forms are allowed. *zero: it is the type's default. The error is
 * the lexer's. */
bool proto_value(struct proto_values *v, const struct proto_known *field, bool in_text, struct text *out, bool *zero);
/* Tag, length, value. */
void proto_put(struct text *out, const proto_field *f, struct bytes value);
/* A field's message or enum. */
const struct proto_symbol *proto_type_of(const struct proto_linker *l, const proto_field *f);
struct proto_known proto_member(const struct proto_symbol *message, const char *name);
/* An extension of the message by the name it has in the scope, as far as the file sees it. */
struct proto_known proto_extension(struct proto_linker *l, const char *scope, const char *name, const char *message);
/* A message the file sees, by full name; NULL: none. */
const struct proto_symbol *proto_message_named(struct proto_linker *l, const char *name);

#endif
