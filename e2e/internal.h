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

/* A flow that a step of a file includes. */
struct flow_include {
    const struct node *step;
    struct flow *flow; /* borrowed: of `from`, or of the file itself */
    struct flow_list from;
};

struct feed;
struct talk;
struct flow_context;

/* A file that flows share. */
struct flow_file {
    bool takes_all; /* a format's own: whoever includes its flows may give them what it wants */
    struct document *document;
    struct flow *fixtures; /* of a folder's file: stands for what it does; owned, else NULL */
    struct flow *around;   /* stands for the fixtures of the folder (language/folder.c); one reference; NULL: none */
    size_t flows;          /* and who else holds it */
    const struct node *setup, *before, *after, *teardown;
    ARRAY(struct flow_include) includes;
};

struct flow {
    struct flow_file *file;
    const char *name, *path, *provider;
    bool contract;
    const struct node *variables, *environment, *doubles, *steps, *finally, *tags, *params, *secrets, *cases;
    json_t *rows;    /* of `cases` that are a file: a list of maps; owned */
    int64_t timeout; /* ns; 0: as the run says */
    bool commands;   /* some step runs one */
    bool browser;    /* some step needs one */
    bool alone;      /* some step disturbs others */
    bool shared;     /* it never has a namespace of its own */
    bool looked_at;
    int line, column;
};

/* Parses bytes; `name` is what messages call the file. Files it names are read in `w`; NULL: it may name none. */
int flow_parse(struct bytes input, const char *name, struct flow_list *out, struct error *err);
int flow_parse_in(struct world *w, struct bytes input, const char *name, struct flow_list *out, struct error *err);
/* The flow that the step includes; never NULL for a flow that was loaded. */
struct flow *flow_included(const struct flow *f, const struct node *step);
void flow_file_release(struct flow_file *file);
void flow_free(struct flow *f);
void flow_file_steps(struct flow_file *file); /* finds its setup, before, after and teardown */
void flow_look_at(struct flow *f);            /* whether commands are run, whether it runs alone */

/* ---- language/folder.c: what the flow files of a folder share ---- */
bool folder_is_fixtures(const char *path);
/* To the flows of one file, from `first` to the end; those before may have some of it loaded. */
int folder_attach(struct world *w, struct flow_list *flows, size_t first, struct error *err);

/* ---- language/include.c ---- */
/* Files that are being loaded, for circles. */
struct flow_loading {
    struct world *world;
    const char *path;
    const struct flow_loading *by;
    const struct import_settings *settings; /* NULL: none */
};
int flow_load_by(const struct flow_loading *by, const char *path, struct flow_list *out, struct error *err);
/* Loads what the steps of the file include; then looks for circles within the file. */
int flow_load_includes(const struct flow_loading *l, struct flow_file *file, const struct flow_list *flows,
                       struct error *err);
/* A file that a flow names, while it runs. */
int flow_read_file(struct flow_context *x, const struct node *place, const char *name, size_t limit, struct text *out);
/* `name` as a path from the folder `from` lies in. */
void path_beside(const char *from, const char *name, struct text *out);

/* ---- language/table.c: rows of data ---- */
/* A .csv file (RFC 4180, the first record names the columns, all values are texts) or a .json file (a list of maps). */
int table_load(struct world *w, const struct node *place, const char *path, json_t **rows, struct error *err);
int table_parse_csv(struct bytes input, const char *name, json_t **rows, struct error *err);

/* One mismatch: where in the file it was expected, where in the answer it was looked for. */
struct mismatch {
    const struct node *expected;
    char *path; /* owned: "body.note.title" */
    char *text; /* owned: "expected ..., got ..." */
};

struct flow_failure {
    struct text message, detail;
    const char *file;
    int line, column;
    bool told;
};

/* The steps around the one that runs: "for name = "Ann"". */
struct flow_frame {
    const struct node *step;
    const char *what;
    const struct flow_frame *around;
};

/* An HTTP answer as it came, for queries (value/query.h). */
struct flow_reply {
    struct text body; /* unpacked */
    json_t *headers;  /* list of [name, value]; NULL: the step had no HTTP answer, or nobody asks for it */
    json_t *facts;    /* version, ip, certificate; NULL: as above */
    struct xpath_document *document; /* the body, for XPath; NULL until it is asked for */
};
void flow_reply_clear(struct flow_reply *r);

/* What all contexts of one run of a flow share. */
struct flow_case {
    const char *name;                  /* of the case: the flow's, with its row's */
    json_t *given;                     /* variables that every flow begins with */
    json_t *secrets;                   /* texts that no report shows */
    json_t *cookies;                   /* http/jar.c */
    const struct e2e_doubles *doubles; /* NULL: none */
    struct talk *talks;                /* step/talk.h; NULL: none */
    struct background *commands;       /* step/run.c: those that go on; NULL: none */
    uint64_t time, deadline;           /* ns it has, and when they are over; 0: no end */
    struct feed *feeds;                /* step/feed.h; NULL: none */
    struct browser *browser;           /* browser/browser.h; NULL: none */
    struct space *space;               /* runner/space.h; NULL: none */
    struct text command;               /* what repeats the run of this flow alone; empty: not known */
    char trace[33];                    /* runner/traces.c: the id its calls carry; "": none */
    bool traced;                       /* some call did */
    int64_t began;                     /* wall time, ns */
    int tries;                         /* that were begun of it, the one that runs too */
    size_t exchanges;                  /* told in its lines of steps, see run.c */
    struct map exchanged;              /* names of the steps whose exchange was told once at least */
    uint64_t asking;                   /* ns spent on asking for what was kept of it */
};

struct flow_context {
    struct target *target;
    const struct flow *flow; /* whose steps run: the case's, or one it includes */
    const struct e2e_options *options;
    struct flow_case *run;
    struct fiber *fiber;       /* this context runs beside others; NULL: alone */
    json_t *held;              /* list of lines to be written later; NULL: they are written at once */
    struct http_session *http; /* connections kept between steps; NULL until used */
    json_t *variables;         /* object */
    json_t *answer;            /* of the last step */
    struct flow_reply reply;
    struct text sent;      /* the last step's request, for people */
    struct text repeat;    /* the command that sends it by hand; empty: there is none */
    const char *component; /* that was called; NULL: not known */
    ARRAY(struct mismatch) mismatches;
    struct document *snapshot; /* that the last step's answer was compared with; NULL: none */
    const struct flow_frame *frame;
    const char *number; /* of the step that runs: "3", "3.1" */
    struct flow_failure *failure;
    char *scratch;      /* the flow's own folder; NULL: none */
    const char *scope;  /* what ${unique} and ${fake} are drawn for */
    uint64_t unique;    /* counts what is drawn */
    int attempts;       /* of the last step */
    uint64_t elapsed;   /* ns, all its attempts together */
    uint64_t tries_end; /* of a step with `within`: when its tries are over; 0: it has none */
    uint64_t logged;    /* lines the system had logged when it began */
    bool wrong;         /* the flow itself is: no retry can mend it */
    bool hasty;         /* it is stopped, and cleans up before it ends */
    struct error error; /* why a step could not be carried out at all */
};

/* ---- runner/context.c ---- */
/* A context of its own for steps that run beside those of `x`: copies of its variables. False: no memory. */
bool context_branch(struct flow_context *x, const char *scope, struct flow_context *out);
void context_deinit(struct flow_context *x);
/* A line of the result stream: secrets are taken out. Drops the reference. */
void flow_emit(struct flow_context *x, const char *type, json_t *members);

/* ---- runner/deadline.c: the time a flow has ---- */
struct flow_time {
    uint64_t time, deadline;
};
void deadline_begin(struct flow_context *x, const struct flow *f);
/* The rest of the time, or the included flow's own when that is shorter. Returns what is to be restored. */
struct flow_time deadline_inside(struct flow_context *x, const struct flow *f);
void deadline_restore(struct flow_context *x, struct flow_time outer);
bool deadline_over(const struct flow_context *x);
uint64_t deadline_cap(const struct flow_context *x, uint64_t duration); /* no longer than what is left; not 0 */
int deadline_error(struct flow_context *x);
/* For what cleans up in an included flow: when its time is over, the same again. To be restored. */
struct flow_time deadline_again(struct flow_context *x);
/* What cleans up when the user stops the run goes on, for a short time all together. */
void deadline_hasten(struct flow_context *x);
/* The user stops the run, and this is not what cleans up. */
bool flow_stopped(const struct flow_context *x);

/* ---- runner/traces.c ---- */
/* For a call that is about to be made: the metadata that carries x->run->trace; NULL: it carries none. */
const char *trace_key(struct flow_context *x);
/* The same for a request to the system's gateway; others' servers are told nothing. False: no memory. */
bool trace_header(struct flow_context *x, const char *url, json_t *headers);
bool url_is_gateway(const struct target *t, const char *url);

/* ---- runner/space.c ---- */
/* For a request to the system's gateway: the headers that the flow's namespace has, but those that are there. False: no
 * memory. */
bool space_headers(struct flow_context *x, const char *url, json_t *headers);
/* What the namespace adds to the environment of commands; NULL: nothing. */
const struct node *space_environment(const struct flow_context *x);
/* The system itself, where x->target is a view of it (struct e2e_options): its parts, its logs, its own login. */
struct target *flow_system(const struct flow_context *x);

/* ---- runner/stand_ins.c ---- */
/* Puts up the doubles of the flow, and of those it includes, in x->run->doubles; waits while another flow has their
 * places. What they were called with and no stub matched is told when they are taken away. */
int stand_ins_open(struct flow_context *x);
void stand_ins_close(struct flow_context *x);
/* "NAME: SERVICE", or a map of what `stand_ins` take. */
int stand_in_check(const struct node *n, struct error *err);

/* ---- runner/run.c ---- */
/* Runs steps one after the other until one fails, or all of them; `list` is what stands before a step's number. The
 * first failure is told in x->failure. */
bool run_steps(struct flow_context *x, const struct node *steps, const char *list, bool all);
/* The same for steps inside the one that runs: 0 or STEP_INSIDE. `part` stands between its number and theirs. */
int run_inside(struct flow_context *x, const struct node *steps, const char *part, const struct flow_frame *frame);
void note_failure(struct flow_context *x, const struct node *n, const char *title);
/* The variables a flow begins with: the given ones, then those of `with`, then its own. */
int start_variables(struct flow_context *x, const struct flow *f, const json_t *with);

/* ---- runner/fiber.c: contexts that run beside each other on one thread ---- */
/* Waits like world_run_until(), and lets others run meanwhile. */
int flow_wait(struct flow_context *x, bool (*done)(void *arg), void *arg, uint64_t timeout);
int flow_sleep(struct flow_context *x, uint64_t duration);
/* A call of ours is cancelled and `done` when this returns, so that what it tells may be freed: also where the world
 * can do nothing more. */
void flow_cancel(struct flow_context *x, struct rpc_stream *stream, bool (*done)(void *arg), void *arg);
struct fiber_job {
    void (*run)(struct fiber *fiber, void *arg);
    void *arg;
};
/* Runs all jobs, each until it waits, in their order, and returns when all have ended. `x` is the context that waits
 * for them, or NULL with the world they wait in. ERROR_MEMORY: none has run. */
int fibers_run(struct flow_context *x, struct world *w, const struct fiber_job *jobs, size_t count);

/* The flow is wrong at this node: the error is set, and nothing is retried. Returns the code. */
int flow_wrong(struct flow_context *x, const struct node *n, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int flow_memory(struct flow_context *x); /* out of memory */

/* ---- value/variables.c: ${name} in texts ---- */

bool variable_name_valid(const char *name);
/* The node as JSON with variables replaced; a text that is one ${name} takes the variable's own type. NULL and `error`
 * set when a name is unknown or memory ran out. */
json_t *expand_node(struct flow_context *x, const struct node *n);
/* The same for a text that stands somewhere in the node. */
json_t *expand_bytes(struct flow_context *x, const struct node *n, struct bytes text);
/* A text with variables replaced, owned by the caller; NULL as above. */
char *expand_text(struct flow_context *x, const struct node *n);
int variable_set(struct flow_context *x, const char *name, json_t *value); /* takes the reference, which may be NULL */
bool variable_hidden(const struct flow_context *x, const char *name);

/* ---- value/drawn.c: values from the seed and from the clock ---- */
/* ${unique}, ${fake.name}, ${now + 1h}, ${env.NAME}: false when `name` is none of these. Else *out is the value, or
 * NULL with the error set. */
bool drawn_value(struct flow_context *x, const struct node *n, const char *name, json_t **out);

/* ---- value/value.c: JSON values made and shown ---- */

/* JSON as text: bare for texts, compact JSON otherwise. */
void value_text(const json_t *v, struct text *out);
/* A text that no C string can hold: a "\u0000" is in it. */
bool value_has_zero(const json_t *v);
/* Of two texts, by their bytes: below, at or above 0. */
int value_text_order(const json_t *a, const json_t *b);
/* A JSON text of any bytes: what is not UTF-8 is shown escaped. NULL: no memory. */
json_t *value_of_bytes(struct bytes b);
/* JSON as answers have it: integers of more than 64 bits, and no others, become the nearest real numbers. NULL: it is
 * no JSON, or *memory: there was none. */
json_t *value_read_json(struct bytes json, bool *memory);
/* Body text as JSON when it is JSON, else as a text. */
json_t *value_of_body(struct bytes body);
/* Adds a header by its lower-case name; one that is there already gets the value behind a comma. */
bool value_add_header(json_t *headers, struct bytes name, struct bytes value);
/* Text for people: secrets are hidden, and only `max` bytes shown. */
void show_text(const struct flow_context *x, const char *s, size_t max, struct text *out);
void show_value(const struct flow_context *x, const json_t *v, struct text *out); /* as JSON; "nothing" for NULL */

/* ---- value/secrets.c ---- */

/* Keeps a value, and the texts in it, out of all reports of this case. */
bool secret_add(struct flow_context *x, const json_t *value);
/* The same of the secrets in an address (base/secret_name.h), as they are written there and as they are meant. */
bool secret_add_address(struct flow_context *x, const char *text);
/* `s` with secrets hidden: as they are, and as JSON, URLs, HTML and base64 write them. */
void secret_hide(const struct flow_context *x, const char *s, struct text *out);

/* ---- value/path.c: $.a.b[0].c ---- */

/* The value at the path, borrowed, or NULL when nothing is there. ERROR_SYNTAX by *code when the path is malformed. */
const json_t *json_path(const json_t *root, const char *path, int *code);
bool json_path_valid(const char *path);

/* ---- match/match.c ---- */

/* Is this a map of matchers ($regex, $min, ...)? */
bool is_matcher(const struct node *n);
/* Adds a mismatch for everything that differs. `exact`: maps may not hold more than expected. */
void match_node(struct flow_context *x, const struct node *expected, const json_t *actual, const char *path,
                bool exact);
void mismatches_clear(struct flow_context *x);
/* Notes what is not as expected; both texts are emptied. */
void mismatch_add(struct flow_context *x, const struct node *expected, struct text *path, struct text *what);
/* Does it match? What differs is not noted. */
bool would_match(struct flow_context *x, const struct node *expected, const json_t *actual);
/* -1, 0, 1 by *order; false when they cannot be compared. Texts of digits are numbers. */
bool flow_value_compare(const json_t *a, const json_t *b, int *order);
bool flow_value_real(const json_t *v, double *out);
bool flow_value_equal(const json_t *expected, const json_t *actual);
const char *flow_value_type(const json_t *v); /* "map", "text", ...; "absent" for NULL */

/* ---- steps ---- */

uint64_t step_timeout(struct flow_context *x, const struct node *step);
void feeds_close(struct flow_context *x);    /* all subscriptions of the case */
void talks_close(struct flow_context *x);    /* all its WebSockets and streams */
void commands_close(struct flow_context *x); /* all its commands in the background, with what they started */
/* Names of fields, while their place in the file is known. */
int check_message_fields(struct flow_context *x, const struct node *n, const struct pb_type *type);
/* More than the expected number allows, so that waiting makes it no better. */
bool count_exceeds(struct flow_context *x, const struct node *expected, int64_t count);

void http_session_free(struct http_session *s);

/* ---- language/check.c: what a flow may say; all of it before anything runs ---- */
int flow_check(const struct flow *f, const struct node *map, struct error *err);
int file_check(const struct node *root, struct error *err);
int fixtures_check(const struct node *root, struct error *err); /* of a folder: a file without flows */

/* ---- failure/failure.c ---- */

/* What failed in one line, and in full: the source line, the differences, what was sent, what came back, the
 * variables. */
void failure_text(struct flow_context *x, const struct node *step, struct flow_failure *out);
/* The answer without its empty members, as JSON. */
void show_answer(const struct flow_context *x, size_t max, struct text *out);
/* The same with the mismatches marked, in at most so many lines: those far from them are left out. */
void show_received(const struct flow_context *x, size_t lines, struct text *out);

#endif
