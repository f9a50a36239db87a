/* Values of templates: what is in them, and how they read.
 *
 * Those of gripmock's templates read as Go's text/template prints them: "[a b]", "map[k:v]", "<no value>", numbers as
 * %v has them. Bytes live as long as the call's scratch memory. False: asking->why says what is wrong. */
#ifndef FAKES_STUB_MADE_H
#define FAKES_STUB_MADE_H

#include "fakes/stub/internal.h"

struct made_items {
    const struct made *keys; /* texts, in their order; NULL: of a list */
    const struct made *values;
    size_t count;
};

bool made_fail(struct asking *x, int code, const char *what);                /* always false */
bool made_keep(struct asking *x, const struct text *text, struct made *out); /* as a text of its own */
struct made made_text(struct bytes text);
struct made made_integer(int64_t v);
struct made made_real(double v);
struct made made_bool(bool v);

/* Of one value of the field; a message's too. */
struct made made_scalar(const struct pb_field *f, struct value v);
/* Of what the scan found in the field's slot. */
bool made_of_slot(struct asking *x, const struct pb_field *f, const struct slot *slot, struct made *out);
/* Items of a list, entries of a map, fields of a message, 0 to n - 1 of a whole number; of nothing none. */
bool made_items(struct asking *x, const struct made *m, struct made_items *out);
bool made_member(struct asking *x, const struct made *m, struct bytes name, struct made *out);
/* Of a list by number (below 0: from the end), of anything else by name. What is not there is MADE_NOTHING. */
bool made_item(struct asking *x, const struct made *m, const struct made *key, struct made *out);

bool made_truth(const struct made *m);                                 /* is it set, not empty, not 0 and not false? */
bool made_number(struct asking *x, const struct made *m, double *out); /* false, without why: it is none */
/* As text/template prints it; `top`: nothing is "<no value>", else "<nil>". */
bool made_print(struct asking *x, const struct made *m, bool top, struct text *out);
bool made_json(struct asking *x, const struct made *m, struct text *out);
void made_print_real(double v, struct text *out); /* %v */

#endif
