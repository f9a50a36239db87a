/* What the rules share. Private to proto/lint/. */
#ifndef PROTO_LINT_INTERNAL_H
#define PROTO_LINT_INTERNAL_H

#include "proto/lint/lint.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <stdbool.h>

typedef Google__Protobuf__FileDescriptorSet lint_set;
typedef Google__Protobuf__FileDescriptorProto lint_file;
typedef Google__Protobuf__DescriptorProto lint_message;
typedef Google__Protobuf__FieldDescriptorProto lint_field;
typedef Google__Protobuf__EnumDescriptorProto lint_enum;
typedef Google__Protobuf__ServiceDescriptorProto lint_service;
typedef Google__Protobuf__SourceCodeInfo__Location lint_location;

#define LINT_DEPTH_MAX 32 /* messages in messages */

/* Where something stands in its file, as descriptor.proto's SourceCodeInfo counts: field number, index, ... */
struct lint_path {
    int32_t at[2 * (LINT_DEPTH_MAX + 2)];
    size_t count;
};

/* A line of the exceptions. */
struct lint_exception {
    struct bytes rule, symbol;
    int line;
    bool used;
};

struct lint_run {
    struct lint *lint;
    const lint_set *set;
    const lint_file *file; /* the one that is looked at */
    ARRAY(struct lint_exception) exceptions;
    struct error *err;
    int failed; /* an error code, once memory has run out */
};

/* Numbers of descriptor.proto that paths are made of. */
enum {
    FILE_PACKAGE = 2,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_SYNTAX = 12,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    SERVICE_METHOD = 2
};

static inline struct lint_path lint_below(const struct lint_path *path, int32_t number, size_t index)
{
    struct lint_path p = *path;
    p.at[p.count++] = number;
    p.at[p.count++] = (int32_t)index;
    return p;
}

/* NULL: the compiler kept none. */
const lint_location *lint_place(const lint_file *file, const struct lint_path *path);

/* A finding, unless an exception excuses it. */
void lint_find(struct lint_run *r, enum lint_rule rule, const struct lint_path *path, const char *symbol,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
const char *lint_name(struct lint_run *r, const char *scope, const char *name); /* "scope.name"; never NULL */

bool lint_is_word(const char *s, size_t len); /* a lower-case letter, then such and digits */

void lint_check_file(struct lint_run *r);
void lint_check_phrases(struct lint_run *r, const struct lint_path *path, const char *symbol);

#endif
