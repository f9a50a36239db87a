/* Hurl files (hurl.dev, docs/spec/grammar/hurl.grammar of its tree), read into the steps of a flow. One pass: what is
 * read is built at once. */
#ifndef E2E_IMPORT_HURL_H
#define E2E_IMPORT_HURL_H

#include "e2e/import/import.h"
#include "e2e/value/query.h"

struct hurl {
    const char *const *settings; /* of the command line; NULL: none */
    struct scan s;               /* in.data is the document's text */
    struct build b;
    struct build_node *secrets; /* list of names: what is captured with `redact`, or given as a secret */
    bool compact;               /* blanks between the values of JSON are left out */
    const char *folder;         /* where files are that options name; NULL: beside the file */
    const char *file_root;      /* where files are that are sent and compared; NULL: beside the file */
    const char *cookies_from,
        *cookies_to; /* files of cookies: taken before the first entry, written after each; NULL */
    bool raw;        /* values are of a command line: nothing in them is escaped or a variable */
    bool no_asserts;
    int64_t from, to; /* entries that are taken, from 1; to 0: all of them */
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
    struct build_node *curl, *tls;             /* maps of the step */
    struct build_node *user, *user_agent;
    bool signs; /* libcurl takes the user: aws-sigv4, digest and others */
    bool path_as_is;
    uint64_t said; /* a bit for each option */
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
/* A file's name, as it is from the file root. */
void hurl_from_root(const struct hurl *h, struct text *file);
/* "key: value", the colon taken and the blanks behind it. */
int hurl_key_colon(struct hurl *h, struct text *out);
struct build_node *hurl_node(struct hurl *h, size_t at, struct text *t); /* t is emptied */
/* The code so far: ERROR_MEMORY when the text could not be kept. */
int hurl_kept(struct hurl *h, const struct text *t);
/* Is the text nothing but one variable? */
bool hurl_is_variable(const char *text);

/* ---- options.c ---- */
void hurl_options_begin(struct hurl *h, struct hurl_options *o);
int hurl_options(struct hurl *h, struct build_node *step, struct hurl_options *o);
/* One by name, its value at `h`, unless the entry said it itself. */
int hurl_option_given(struct hurl *h, const char *name, struct build_node *step, struct hurl_options *o);
/* A file's name, as it is from the folder the command runs in. `split`: ":" and a password may be behind it. */
void hurl_from_folder(const struct hurl *h, struct text *value, bool split);
/* What they come to into the step. */
void hurl_options_end(struct hurl *h, struct build_node *step, struct hurl_options *o);
/* "name=value" into the map `names`. */
int hurl_variable(struct hurl *h, size_t at, struct build_node *names);

/* ---- settings.c: options of the command line ---- */
#define HURL_FILE_OPTIONS 8
extern const char *const hurl_file_options[HURL_FILE_OPTIONS]; /* those that no entry can say, and "variable" */
/* What concerns the whole file: fields of `h`, and variables and secrets of the flow. Everything is checked. */
int hurl_settings(struct hurl *h, const char *const *list, struct build_node *flow, struct error *err);
/* The others, behind the options of an entry. */
int hurl_settings_entry(struct hurl *h, struct build_node *step, struct hurl_options *o);

/* ---- keep.c ---- */
/* A file that an entry writes, as it is from the file root, out of which it may not lead. */
int hurl_product(struct hurl *h, size_t at, struct text *file);
/* Cookies that are taken and written with the step whose request begins at `at`. */
void hurl_jar(struct hurl *h, size_t at, bool first, struct build_node *step);

/* ---- body.c ---- */
/* At a body: true when one begins here. It is put into the request's step (*type: the content type
 * it implies, "" for none), or into the checks of a response. */
bool hurl_at_body(const struct hurl *h);
int hurl_request_body(struct hurl *h, struct build_node *step, const char **type);
int hurl_response_body(struct hurl *h, struct build_node *checks);
/* The content type browsers would give a file. */
const char *hurl_file_type(const char *name);

#endif
