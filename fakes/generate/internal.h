/* What the generator's files share. Everything lives in one arena and dies with the run. */
#ifndef FAKES_GENERATE_INTERNAL_H
#define FAKES_GENERATE_INTERNAL_H

#include "base/arena.h"
#include "base/array.h"
#include "base/map.h"
#include "fakes/generate/generate.h"

#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;

struct gen_file {
    const file_proto *proto;
    struct bytes wire;     /* as it stands in the request */
    const char *stem;      /* its name without ".proto" */
    const char *folder;    /* with its slash; or "" */
    const char *c_package; /* protobuf-c's option: in C names instead of the package; NULL: not said */
    bool no_code;          /* protobuf-c's no_generate: nothing is written of it, and nothing included */
    bool asked;            /* among the files to generate */
    bool proto3;
    bool seen; /* for walks over imports */
    struct gen_file **imports;
};

/* A message or an enum, under its full name with the leading dot. */
struct gen_type {
    const struct gen_file *file;
    const message_proto *message; /* NULL: an enum */
    const enum_proto *enumeration;
    const char *full_name; /* without the leading dot */
    const char *c, *lower, *upper;
};

struct generator {
    struct arena arena;
    struct gen_file *files; /* imports before those that import them */
    size_t file_count;
    struct map files_by_name, types, c_names, outputs;
    bool messages, imports, doubles;
    struct text *response;
    struct error why; /* what is wrong with the schema */
};

/* For templates: "$name$" stands for the value. */
struct var {
    const char *name, *value;
};
void emit(struct text *out, const struct var *vars, const char *template); /* vars end with a NULL name */

/* generate.c: names files, collects what they hold, says what is wrong. 0 or a negative code, like all below. */
int gen_fail(struct generator *g, const struct gen_file *f, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int gen_no_memory(struct generator *g);
const struct gen_type *gen_type(const struct generator *g, const char *dotted); /* NULL: unknown */
/* The name that C names of something in the file are made of; NULL: no memory. */
const char *gen_c_source(struct generator *g, const struct gen_file *f, const char *full_name);
int gen_add_file(struct generator *g, const struct gen_file *about, const char *name, const struct text *content);
/* In what order an import's parts stand: f itself last, everything it needs before it; each once. */
int gen_closure(struct generator *g, struct gen_file *f, void (*each)(void *arg, const struct gen_file *f), void *arg);

/* names.c */
char *name_c(struct arena *a, const char *full_name);     /* store.ReadRequest: Store__ReadRequest */
char *name_lower(struct arena *a, const char *full_name); /* store__read_request */
char *name_upper(struct arena *a, const char *full_name); /* STORE__READ_REQUEST */
char *name_snake(struct arena *a, const char *name);      /* ReadAll: read_all; one piece */
char *name_member(struct arena *a, const char *name);     /* of a struct: lower case, none of C's words */
char *name_guard(struct arena *a, const char *path);      /* a path as an identifier; no two give the same */
/* `name`, with as many underscores behind it as make none of its forms (name + suffix) taken; takes them. */
char *name_unique(struct generator *g, struct map *taken, const char *name, const char *const *suffixes);

/* write_double.c, write_messages.c, write_descriptors.c */
int write_doubles(struct generator *g, struct gen_file *f);
int write_messages(struct generator *g, const struct gen_file *f);
int write_descriptors(struct generator *g, struct gen_file *f); /* the contract's bytes, and the topic */
int write_topic(struct generator *g, const struct gen_file *f);
const char *descriptors_name(struct generator *g, const struct gen_file *f); /* the C name of the bytes */
void write_string(struct text *out, const char *data, size_t len);           /* as a C literal, with its quotes */

#endif
