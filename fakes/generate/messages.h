/* A message as a struct of C: its members, in what form each is there, and under which name. */
#ifndef FAKES_GENERATE_MESSAGES_H
#define FAKES_GENERATE_MESSAGES_H

#include "fakes/generate/internal.h"

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

enum presence { PLAIN, OPTIONAL, REQUIRED, REPEATED, MEMBER };

struct field {
    const field_proto *proto;
    const char *member; /* of the struct; the words beside it are n_, has_ and that */
    enum presence presence;
    const struct gen_type *type; /* of messages and enums */
    const char *default_name;    /* NULL: none */
};

struct oneof {
    const char *member; /* x: the case is x_case */
    const char *c;      /* Store__Item__KindCase, without the Case */
    const char *upper;
    bool any;
};

struct message {
    struct generator *g;
    const struct gen_file *file;
    const struct gen_type *type;
    struct field *fields; /* in order of declaration */
    size_t *by_number, *by_name;
    struct oneof *oneofs;
    size_t count;
};

struct output {
    struct generator *g;
    const struct gen_file *file;
    struct text typedefs, enums, structs, functions, closures, descriptors, source;
};

/* message_layout.c */
bool field_is_number(int type);
const char *field_c_type(const struct field *f);
int message_look_at(struct message *m); /* `g`, `file` and `type` are set */

/* message_default.c */
int write_default(struct message *m, struct field *f, struct output *o); /* the constant, when it has one */
void write_initial(const struct field *f, struct text *out);             /* what the initialiser says of it */

/* write_enum.c */
struct value_name {
    const char *name;
    size_t index;
};
void value_names_sort(struct value_name *names, size_t count);
int write_enum(struct output *o, const char *scope, const enum_proto *p);
/* Runs of numbers that follow one another, as protobuf-c looks them up; `number` gives the i-th, in order. Returns how
 * many runs. */
size_t write_ranges(struct text *out, const char *name, size_t n, int32_t (*number)(const void *arg, size_t i),
                    const void *arg);

#endif
