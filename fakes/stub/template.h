/* ${...} in texts of answers: compiled when a stub is added, filled in when it answers.
 *
 *     hole     sum | if sum | else if sum | else | end | each [NAME,] NAME in sum | let NAME = sum | set NAME = sum
 *              | break | continue
 *     sum      product (('+' | '-') product)*
 *     product  item (('*' | '/' | '%') item)*
 *     item     atom ('.' NAME | '[' sum ']')*
 *     atom     number | 'text' | '(' sum ')' | '-' item | name | function '(' sum, ... ')'
 *
 * if and each reach to their end, and each has an else for when there was no item; a name of let or each is seen to the
 * end of what it stands in.
 *
 * Names: request and its fields by path (the newest message of a stream; [i] for items, ["key"] for maps), messages[i]
 * and its fields, messages.count, metadata.NAME, session, caller, service, method, now (RFC 3339; now.seconds,
 * now.millis, now.nanos), uuid, stub.count (this answer of the stub, from 1), call.number and call.index (from 0),
 * counter.NAME (one more at each use, from 1), captured.NAME and captured.NAME.2 ($capture), stub.times, stub.name.
 * Functions: function.h. "$${" stands for "${".
 *
 * A text that is one ${...} and nothing else has that value's own type; anywhere else it is text. Paths are checked
 * against the types; the fields they name become slots of the method's plan. */
#ifndef FAKES_STUB_TEMPLATE_H
#define FAKES_STUB_TEMPLATE_H

#include "fakes/stub/match.h"

#define TEMPLATE_DEPTH_MAX  32                /* of parentheses, functions and items within items */
#define TEMPLATE_PARTS_MAX  256               /* of one ${...} */
#define TEMPLATE_TEXT_MAX   ((size_t)4 << 20) /* bytes that one answer's templates may make */
#define TEMPLATE_RANDOM_MAX 4096              /* bytes of hex() */

struct asking;
struct stub_method;

#define TEMPLATE_STEPS_MAX 1000000 /* pieces that one text goes through, with all rounds of its each */
#define TEMPLATE_NAMES_MAX 64      /* let and each of one text */

enum made_kind {
    MADE_NOTHING,
    MADE_INTEGER,
    MADE_UNSIGNED,
    MADE_REAL,
    MADE_BOOL,
    MADE_TEXT,
    MADE_MESSAGE,
    MADE_LIST,  /* of a field */
    MADE_ITEMS, /* any values */
};

struct made { /* what a template came to; bytes live as long as the call's scratch memory */
    enum made_kind kind;
    int64_t integer;
    double real;
    struct bytes bytes;           /* MADE_TEXT, MADE_MESSAGE */
    bool encoded;                 /* MADE_TEXT: as JSON has it, of bytes the Base64 */
    const struct pb_field *field; /* MADE_MESSAGE, MADE_LIST: of which type */
    const struct value *items;    /* MADE_LIST */
    const struct made *list;      /* MADE_ITEMS */
    size_t count;
};

struct template;

struct template_compiler {
    struct arena *arena;
    struct stub_method *method;
    const struct capture *captures;
    size_t capture_count;
    struct error *err;
    struct error why; /* without a place, while one text is read */
};

bool template_has_holes(struct bytes text);
int template_compile(struct template_compiler *c, const struct node *n, const struct template **out);
int template_compile_text(struct template_compiler *c, const struct node *at, struct bytes text,
                          const struct template **out);
/* The field whose value, and nothing else, the template is; or NULL. *list: all of a list or map. */
const struct pb_field *template_field(const struct template *t, bool *list);
/* False: asking->why says what is wrong. */
bool template_make(struct asking *x, const struct template *t, struct made *out);
/* Of a text that asks for nothing of a call: made at once, its bytes in the arena. */
int template_constant(struct arena *arena, const struct node *at, struct bytes text, struct bytes *out,
                      struct error *err);
bool template_text(struct asking *x, const struct template *t, struct bytes *out); /* as text; NUL-terminated */
/* What was made as a value of a scalar field. */
bool made_value(struct asking *x, const struct made *m, const struct pb_field *f, struct value *out);

/* A whole value of a file with holes in its texts, made into JSON. Within it keys may have holes too. */
struct tree;
int tree_compile(struct template_compiler *c, const struct node *n, const struct tree **out);
bool tree_make(struct asking *x, const struct tree *t, struct text *json);
bool node_has_holes(const struct node *n); /* somewhere in it */

#endif
