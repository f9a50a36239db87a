/* Replies compiled to wire bytes.
 *
 * What has no ${...} is encoded when the stub is added. The rest becomes a short program: constant bytes, fields to
 * fill in, and the brackets of the sub-messages they stand in. Errors are found by the file's place: when the
 * transcoder refuses a value, the smallest part of it that it refuses is looked for. */
#ifndef FAKES_STUB_REPLY_H
#define FAKES_STUB_REPLY_H

#include "fakes/stub/template.h"

enum reply_op_kind {
    REPLY_BYTES,
    REPLY_OPEN, /* a sub-message begins: tag, and a length to come */
    REPLY_CLOSE,
    REPLY_FIELD, /* a scalar */
    REPLY_COPY,  /* a message or list of the request */
    REPLY_JSON,  /* a message whose JSON form is its own, made from a tree; `field` NULL: the reply itself */
};

struct reply_op {
    enum reply_op_kind kind;
    const struct pb_field *field;
    const struct pb_type *type; /* REPLY_JSON */
    union {
        struct bytes bytes;
        const struct template *template;
        const struct tree *tree;
    };
};

struct delay;
struct reply {
    struct bytes constant;
    const struct reply_op *ops; /* when it has holes */
    size_t op_count;
    const struct delay *delay; /* before it; NULL: at once */
    uint32_t repeat;
};

int reply_compile(struct template_compiler *c, const struct pb_type *type, const struct node *n, struct reply *out);
/* Appends. False: asking->why says what is wrong. */
bool reply_make(struct asking *x, const struct reply *r, struct text *out);
/* Constant wire bytes of a message, in the arena. */
int reply_constant(struct arena *arena, const struct pb_type *type, const struct node *n, struct bytes *out,
                   struct error *err);

#endif
