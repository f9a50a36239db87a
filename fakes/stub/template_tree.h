/* What a compiled template is made of. Between template.c, which reads, and template_make.c, which fills in. */
#ifndef FAKES_STUB_TEMPLATE_TREE_H
#define FAKES_STUB_TEMPLATE_TREE_H

#include "fakes/stub/internal.h"

enum expression_kind {
    EXPRESSION_CONSTANT,
    EXPRESSION_FIELD, /* of a message, or metadata, session, caller */
    EXPRESSION_CAPTURED,
    EXPRESSION_BINARY,
    EXPRESSION_MESSAGE_COUNT,
    EXPRESSION_NOW,
    EXPRESSION_SECONDS,
    EXPRESSION_MILLIS,
    EXPRESSION_NANOS,
    EXPRESSION_STUB_COUNT,
    EXPRESSION_CALL_NUMBER,
    EXPRESSION_CALL_INDEX,
    EXPRESSION_COUNTER,
    EXPRESSION_STUB_TIMES,
    EXPRESSION_STUB_NAME,
    EXPRESSION_CALL,
    EXPRESSION_VARIABLE,
    EXPRESSION_MEMBER, /* of parts[0], the name in `constant` */
    EXPRESSION_ITEM,   /* of parts[0], by parts[1] */
};

/* A slot; of a list or map one item of it; and what is looked for within that item. */
struct reference {
    int slot; /* of the plan; or MATCH_SLOT_ROOT: the newest message */
    const struct pb_field *field;
    const struct pb_field *item; /* of the value that is meant */
    bool indexed;
    int64_t index; /* below 0: from the end */
    struct value key;
    struct plan *plan; /* of the item */
    struct reference *next;
};

struct expression {
    enum expression_kind kind;
    char operator; /* EXPRESSION_BINARY */
    struct made constant;
    struct reference ref;
    const struct capture *capture;
    size_t group;
    struct expression *parts[2];
    const struct function *function; /* EXPRESSION_CALL */
    struct expression **arguments;
    size_t argument_count;
    size_t variable;
};

enum piece_kind {
    PIECE_TEXT,
    PIECE_VALUE,
    PIECE_LET,  /* `variable` becomes the expression's value */
    PIECE_IF,   /* when it does not hold, on at `to` */
    PIECE_GO,   /* on at `to` */
    PIECE_EACH, /* a loop begins over the expression's items; when there are none, on at `to` */
    PIECE_NEXT, /* the loop's next item; when there is none, on at `to` */
};

struct piece {
    enum piece_kind kind;
    struct bytes text;
    const struct expression *expression;
    size_t to;
    size_t variable; /* PIECE_NEXT: of the item, and below it of the key or number */
    size_t loop;     /* PIECE_EACH, PIECE_NEXT: which one */
};

struct template
{
    struct piece *pieces;
    size_t count, capacity;
    size_t variables, loops;
};

struct tree_piece {
    struct bytes json;               /* as it stands; or */
    const struct template *template; /* a text: with its own type when it is one hole and no key */
    bool key;
};
struct tree {
    const struct tree_piece *pieces;
    size_t count;
};
struct tree_builder {
    struct text json; /* not yet a piece */
    ARRAY(struct tree_piece) pieces;
};

/* ---- template_read.c ---- */
struct reader {
    struct template_compiler *c;
    const char *at, *end;
    int depth, parts;
    const struct names *names; /* of let and each */
};
struct names {
    struct {
        const char *name;
        size_t variable;
    } items[TEMPLATE_NAMES_MAX];
    size_t count;
};
int read_expression(struct reader *r, struct expression **out);
int read_identifier(struct reader *r, const char **out); /* in the arena */
bool read_word(struct reader *r, const char *word);      /* is it next? Then it is passed */
bool read_char(struct reader *r, char c);                /* the same */
int read_wrong(struct reader *r, int code, const char *what, const char *word);

/* ---- of a method's plan: set.c ---- */
struct plan *method_plan(struct stub_method *m);
const struct pb_field *method_messages(struct stub_method *m);
int method_messages_slot(void);
void method_look_at_messages(struct stub_method *m);
/* The slot of a metadata name, made when there is none; below 0: no memory, or too many. */
int method_metadata(struct stub_method *m, const char *name, const struct pb_field **field);
int method_text_slot(bool session, const struct pb_field **field);
const char *method_name(const struct stub_method *m, bool service);

#endif
