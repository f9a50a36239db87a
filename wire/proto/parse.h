/* The parser's parts: files and services (parse.c), messages, fields and enums
 * (types.h), options (parse_options.c).
 *
 * An error is kept in the lexer, after which only the end comes: no step needs to look whether the one before failed,
 * but loops do. */
#ifndef WIRE_PROTO_PARSE_H
#define WIRE_PROTO_PARSE_H

#include "wire/proto/internal.h"

struct parser {
    struct lexer lex;
    struct arena *arena;
    struct proto_unit *unit;
    const char *package;
    const char *scope; /* the message that is being read; NULL: none */
    int32_t path[PROTO_PATH_MAX];
    size_t path_len;
    struct text leading, detached; /* comments that wait for the next declaration */
    int depth;
};

/* A place that is being read: begins at the current token, below the place around it; ends at the last token taken. */
struct place {
    proto_location *location; /* NULL: no memory */
    size_t depth;             /* of the path around it */
};
struct place parse_place(struct parser *p, int32_t a, int32_t b); /* -1: that number is not added */
void parse_starts(struct parser *p, struct place *place, const struct token *t);
void parse_placed(struct parser *p, struct place *place);
void parse_placed_between(struct parser *p, struct place *place, const struct token *first, const struct token *last);

void *parse_new(struct parser *p, const ProtobufCMessageDescriptor *d);
bool parse_append(struct parser *p, size_t *count, void *list /* of pointers */, void *item);
char *parse_string(struct parser *p, struct bytes b);
char *parse_utf8(struct parser *p, struct bytes b, const struct token *at); /* fails at what is no text */
int parse_no_memory(struct parser *p);
int parse_expected(struct parser *p, const char *what);

bool parse_take(struct parser *p, const char *text);
bool parse_need(struct parser *p, const char *text);
/* ; { or } of a declaration: comments behind it are its own, those after it wait. */
bool parse_end(struct parser *p, const char *symbol, struct place *place);
bool parse_need_end(struct parser *p, const char *symbol, struct place *place);
char *parse_word(struct parser *p, const char *what);
char *parse_dotted(struct parser *p, const char *what, bool leading_dot);
bool parse_integer(struct parser *p, uint64_t max, const char *what, uint64_t *out);
bool parse_signed(struct parser *p, const char *what, int64_t *out); /* 32 bits */
bool parse_text(struct parser *p, const char *what, struct text *out);
char *parse_text_string(struct parser *p, const char *what);

const char *parse_full_name(struct parser *p, const char *scope, const char *name);
void parse_define(struct parser *p, struct proto_symbol symbol);
void parse_refer(struct parser *p, struct proto_reference reference);

void parse_message(struct parser *p, int32_t kind, const char *scope, size_t *count, proto_message ***list);
void parse_enum(struct parser *p, int32_t kind, const char *scope, size_t *count, proto_enum ***list);
void parse_extend(struct parser *p, const char *scope, int32_t kind, size_t *count, proto_field ***list,
                  int32_t group_kind, size_t *group_count, proto_message ***groups);

/* "option name = value;". `options` is a pointer to a pointer to the options' struct, made when there are any. */
void parse_option_statement(struct parser *p, int32_t kind, const ProtobufCMessageDescriptor *type, void *options);
/* "[name = value, ...]", if there is one; a field's default and json_name go to the field (NULL: not a field's). */
void parse_option_list(struct parser *p, int32_t kind, const ProtobufCMessageDescriptor *type, void *options,
                       proto_field *field);

#endif
