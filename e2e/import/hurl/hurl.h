/* Hurl files (hurl.dev, docs/spec/grammar/hurl.grammar of its tree), read into the steps of a flow. One pass: what is
 * read is built at once. */
#ifndef E2E_IMPORT_HURL_H
#define E2E_IMPORT_HURL_H

#include "e2e/import/import.h"
#include "e2e/value/query.h"

struct hurl {
    struct scan s; /* in.data is the document's text */
    struct build b;
    bool compact; /* blanks between the values of JSON are left out */
};

/* What the options of an entry come to, beside what they put into its step. */
struct hurl_options {
    struct build_node *before; /* list of steps in front: wait, set */
    bool skipped;              /* for sure */
    struct build_node *skip;   /* a variable decides; NULL: none */
    struct build_node *repeat;
    bool location;
    struct build_node *follow, *max_redirects; /* true, false, numbers or variables; NULL: none */
    struct build_node *headers;                /* list of {name, value} */
    struct build_node *user;
    bool signs; /* by aws-sigv4, which takes the user */
};

/* ---- read.c ---- */
/* Blanks, a comment, and the end of the line (or of the file). */
int hurl_line_end(struct hurl *h);
/* Any number of empty lines and comments. */
void hurl_blank_lines(struct hurl *h);
/* A name in front of ":", as a flow's text. */
int hurl_key(struct hurl *h, struct text *out);
/* The rest of the line without blanks around it. */
int hurl_value(struct hurl *h, struct text *out);
/* "key: value", the colon taken and the blanks behind it. */
int hurl_key_colon(struct hurl *h, struct text *out);
struct build_node *hurl_node(struct hurl *h, size_t at, struct text *t); /* t is emptied */
/* The code so far: ERROR_MEMORY when the text could not be kept. */
int hurl_kept(struct hurl *h, const struct text *t);
/* Is the text nothing but one variable? */
bool hurl_is_variable(const char *text);

/* ---- options.c ---- */
int hurl_options(struct hurl *h, struct build_node *step, struct hurl_options *o);

/* ---- body.c ---- */
/* At a body: true when one begins here. It is put into the request's step (*type: the content type
 * it implies, "" for none), or into the checks of a response. */
bool hurl_at_body(const struct hurl *h);
int hurl_request_body(struct hurl *h, struct build_node *step, const char **type);
int hurl_response_body(struct hurl *h, struct build_node *checks);
/* The content type browsers would give a file. */
const char *hurl_file_type(const char *name);

#endif
