/* .gctf files (grpctestify's, docs/guides/reference of github.com/gripmock/grpctestify-rust), read into the steps of a
 * flow. A file is sections under headers "--- NAME options ---"; each ENDPOINT begins a call, what follows belongs to
 * it. */
#ifndef E2E_IMPORT_GCTF_H
#define E2E_IMPORT_GCTF_H

#include "base/array.h"
#include "e2e/import/import.h"
#include "e2e/value/scan.h"

#define GCTF_REDACT_MAX 32
#define GCTF_NAME_MAX   128

/* What stands before or in a section's header. */
struct gctf_options {
    bool with_asserts, partial, unordered, skip;
    bool details, whole; /* of a status; lists are not only begun (json.c) */
    double tolerance;    /* < 0: none */
    char redact[GCTF_REDACT_MAX][GCTF_NAME_MAX];
    size_t redact_count;
};

/* How long, how often: of attributes and OPTIONS. */
struct gctf_effort {
    double timeout, retry, retry_delay; /* seconds, a count, seconds; < 0: not said */
    bool no_retry;
    char name[GCTF_NAME_MAX]; /* of the step; "" none */
};

struct gctf_section {
    enum gctf_kind {
        GCTF_META,
        GCTF_ADDRESS,
        GCTF_ENDPOINT,
        GCTF_REQUEST,
        GCTF_RESPONSE,
        GCTF_ERROR,
        GCTF_ASSERTS,
        GCTF_HEADERS,
        GCTF_OPTIONS,
        GCTF_EXTRACT,
        GCTF_TLS,
        GCTF_PROTO,
        GCTF_DATASET,
        GCTF_BENCH,
    } kind;
    size_t at;         /* of the header */
    size_t begin, end; /* what it holds */
    struct gctf_options options;
};

struct gctf {
    struct scan s; /* in.data is the document's text */
    struct build b;
    struct text left_out; /* lines of what the flow leaves to others, "line N: ..." */
    struct text *told;    /* the same with the file's name; NULL: nobody asks */
    struct error inside;  /* of a YAML section, with its place in the file; code 0: none */
    struct build_node *root;
    bool named;
};

/* A call while it is read. */
struct gctf_call {
    size_t at;
    struct build_node *step; /* NULL: before the first ENDPOINT */
    struct build_node *requests, *messages, *captures, *checks, *metadata, *expect;
    struct build_node *request;    /* the last one */
    size_t scope_begin, scope_end; /* messages the last scope has: [begin, end) */
    size_t scopes;
    bool error, judged, skip, partial;
    struct gctf_effort effort;
};

/* ---- read.c ---- */
/* The next section, behind the attributes before it; false: there is none, or an error. */
bool gctf_next(struct gctf *g, struct gctf_section *section, struct gctf_effort *effort);
/* Blanks, line ends and comments up to `end`. */
void gctf_skip(struct scan *s, size_t end);
/* The next line of a section that says something, without blanks around it; false: none is left. `s->at` is behind it.
 */
bool gctf_line(struct scan *s, size_t end, struct bytes *line, size_t *at);
/* A text of the file as flows say it: {{name}} is ${name}. */
void gctf_say(struct bytes text, struct text *out);
struct build_node *gctf_node(struct gctf *g, size_t at, struct text *t); /* t is emptied */
/* A name for a variable: letters, digits and _. */
size_t gctf_word(struct bytes in);
/* "line N: what" is left to others. */
void gctf_leave(struct gctf *g, size_t at, const char *what);

/* ---- json.c ---- */
/* One value at s->at, before `end`. With options it is one that is expected; NULL: as it is. NULL: the error is set. */
struct build_node *gctf_json(struct gctf *g, size_t end, const struct gctf_options *expected);

/* A member's name, and what stands behind its value: false at the end, which is taken. */
int gctf_key(struct gctf *g, size_t end, struct text *key);
bool gctf_more(struct gctf *g, size_t end, const char *close);

/* ---- response.c ---- */
void gctf_response(struct gctf *g, const struct gctf_section *section, struct gctf_call *call);
void gctf_error(struct gctf *g, const struct gctf_section *section, struct gctf_call *call);

/* ---- assert.c ---- */
void gctf_asserts(struct gctf *g, const struct gctf_section *section, struct gctf_call *call, bool attached);
void gctf_extract(struct gctf *g, const struct gctf_section *section, struct gctf_call *call);

/* ---- settings.c ---- */
void gctf_meta(struct gctf *g, const struct gctf_section *section);
void gctf_dataset(struct gctf *g, const struct gctf_section *section);
void gctf_headers(struct gctf *g, const struct gctf_section *section, struct gctf_call *call);
void gctf_settings(struct gctf *g, const struct gctf_section *section, struct gctf_call *call); /* OPTIONS */
/* ADDRESS, TLS, PROTO, BENCH: the system's and other commands' matter. */
void gctf_others(struct gctf *g, const struct gctf_section *section);

#endif
