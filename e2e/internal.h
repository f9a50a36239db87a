/* How a flow runs: the file's nodes are the program. A context walks them, with variables as JSON values; every step
 * turns what came back into one JSON object, the answer, which captures read and expectations are matched against. */
#ifndef E2E_INTERNAL_H
#define E2E_INTERNAL_H

#include "base/array.h"
#include "base/document.h"
#include "base/map.h"
#include "e2e/e2e.h"

#include <jansson.h>

#define STEP_TIMEOUT_DEFAULT ((uint64_t)10 * 1000000000U) /* ns */
#define STEPS_MAX            10000                        /* of one flow */
#define REPLY_MAX            ((size_t)32 << 20)           /* bytes of an HTTP answer, and of an expanded text */
#define SHOWN_MAX            4000                         /* bytes of a request or reply in a failure */
#define SHOWN_VALUE_MAX      200                          /* bytes of one value in a message */
#define VALUE_DEPTH_MAX      500                          /* levels of a variable's value */

/* A file that flows share. */
struct flow_file {
    struct document *document;
    size_t flows;
};

struct flow {
    struct flow_file *file;
    const char *name, *path, *provider;
    bool contract;
    const struct node *variables, *environment, *doubles, *steps, *finally;
    bool commands; /* some step runs one */
    int line, column;
};

/* Parses bytes; `name` is what messages call the file. */
int flow_parse(struct bytes input, const char *name, struct flow_list *out, struct error *err);

/* One mismatch: where in the file it was expected, where in the answer it was looked for. */
struct mismatch {
    const struct node *expected;
    char *path; /* owned: "body.note.title" */
    char *text; /* owned: "expected ..., got ..." */
};

struct flow_context {
    struct target *target;
    const struct flow *flow;
    const struct e2e_options *options;
    struct http_session *http; /* connections kept between steps; NULL until used */
    json_t *variables;         /* object */
    json_t *answer;            /* of the last step */
    struct text sent;          /* the last step's request, for people */
    ARRAY(struct mismatch) mismatches;
    char *scratch;      /* the flow's own folder; NULL: none */
    uint64_t unique;    /* counts ${unique} */
    int attempts;       /* of the last step */
    uint64_t elapsed;   /* ns, all its attempts together */
    bool wrong;         /* the flow itself is: no retry can mend it */
    struct error error; /* why a step could not be carried out at all */
};

/* The flow is wrong at this node: the error is set, and nothing is retried. Returns the code. */
int flow_wrong(struct flow_context *x, const struct node *n, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int flow_memory(struct flow_context *x); /* out of memory */

/* ---- variables.c: ${name} in texts ---- */

bool variable_name_valid(const char *name);
/* The node as JSON with variables replaced; a text that is one ${name} takes the variable's own type. NULL and `error`
 * set when a name is unknown or memory ran out. */
json_t *expand_node(struct flow_context *x, const struct node *n);
/* A text with variables replaced, owned by the caller. */
char *expand_text(struct flow_context *x, const struct node *n);
int variable_set(struct flow_context *x, const char *name, json_t *value); /* takes the reference, which may be NULL */

/* ---- value.c: JSON values made and shown ---- */

/* JSON as text: bare for texts, compact JSON otherwise. */
void value_text(const json_t *v, struct text *out);
/* A JSON text of any bytes: what is not UTF-8 is shown escaped. NULL: no memory. */
json_t *value_of_bytes(struct bytes b);
/* Body text as JSON when it is JSON, else as a text. */
json_t *value_of_body(struct bytes body);
/* Adds a header by its lower-case name; one that is there already gets the value behind a comma. */
bool value_add_header(json_t *headers, struct bytes name, struct bytes value);
/* Text for people: values of variables called token, secret or password are hidden, and only `max` bytes shown. */
void show_text(const struct flow_context *x, const char *s, size_t max, struct text *out);
void show_value(const struct flow_context *x, const json_t *v, struct text *out); /* as JSON; "nothing" for NULL */
bool variable_hidden(const char *name);

/* ---- path.c: $.a.b[0].c ---- */

/* The value at the path, borrowed, or NULL when nothing is there. ERROR_SYNTAX by *code when the path is malformed. */
const json_t *json_path(const json_t *root, const char *path, int *code);
bool json_path_valid(const char *path);

/* ---- match.c ---- */

extern const char *const matcher_names[];
/* Is this a map of matchers ($regex, $min, ...)? */
bool is_matcher(const struct node *n);
/* Adds a mismatch for everything that differs. `exact`: maps may not hold more than expected. */
void match_node(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                bool exact);
void mismatches_clear(struct flow_context *x);

/* ---- steps: each leaves `answer` (or `error` set and a code) ---- */

int step_call(struct flow_context *x, const struct node *step);
int step_http(struct flow_context *x, const struct node *step);
int step_run(struct flow_context *x, const struct node *step);
int step_double(struct flow_context *x, const struct node *step);
int step_verify(struct flow_context *x, const struct node *step);
int step_fault(struct flow_context *x, const struct node *step);
uint64_t step_timeout(struct flow_context *x, const struct node *step);

/* What a double is to answer, as the file says it. */
struct double_answer {
    const char *method, *message;
    int64_t call;
    int status;
    const struct node *reply;
};
int double_answer_read(const struct node *answer, struct double_answer *out, struct error *err);
int fault_action(const struct node *step, enum target_action *out, struct error *err);

/* HTTP by libcurl in the real world, by rpc/http.h in simulation. `answer` becomes {"status", "headers", "body",
 * "duration"}. */
struct http_request {
    const char *method, *url;
    json_t *headers; /* object of texts by lower-case names */
    struct bytes body;
    uint64_t timeout;
};
int http_by_curl(struct flow_context *x, const struct http_request *r);
int http_by_world(struct flow_context *x, const struct http_request *r);
/* Steals the references, also when it fails. */
int http_set_answer(struct flow_context *x, int status, json_t *headers, struct bytes body, double seconds);
void http_session_free(struct http_session *s);

/* ---- check.c: what a flow may say; all of it before anything runs ---- */
int flow_check(const struct flow *f, const struct node *map, struct error *err);

/* ---- failure.c ---- */

/* What failed in one line, and in full: the source line, the differences, what was sent, what came back, the
 * variables. */
void failure_text(struct flow_context *x, const struct node *step, struct text *message, struct text *detail, int *line,
                  int *column);
/* The answer without its empty members, as JSON. */
void show_answer(const struct flow_context *x, size_t max, struct text *out);

#endif
