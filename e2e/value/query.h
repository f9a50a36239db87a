/* Queries: what is asked of an answer, in one line. `check` holds such lines, `capture` too without what they expect:
 *
 *     jsonpath "$.items[*].id" count == 3
 *     header "Location" split "/" last matches /^[0-9]+$/
 *     xpath "string(//h1)" startsWith "Hello"
 *
 * First comes where the value is from, then filters, each of which makes another value of it, then what is expected.
 * The words and their meaning are those of Hurl's asserts (hurl.dev/docs/asserting-response.html), so that whoever
 * knows these knows them here; variables are ${name} as everywhere in flows. docs/flows-queries.md lists the words.
 *
 * Values are JSON values; what JSON has not is a map with one key: {"$bytes": base64}, {"$date": RFC 3339 with
 * microseconds}, {"$nodes": texts}. */
#ifndef E2E_QUERY_H
#define E2E_QUERY_H

#include "e2e/internal.h"
#include "e2e/value/scan.h"

#define QUERY_WORDS_MAX 32 /* source and filters */
#define QUERY_ARGS_MAX  2

struct query_arg {
    enum query_arg_kind {
        QUERY_NO_ARG,
        QUERY_TEXT,     /* with variables in it; always a text */
        QUERY_VARIABLE, /* "${name}", of whatever type the variable has */
        QUERY_REGEX,    /* between slashes */
        QUERY_VALUE,    /* null, true, false, a number, bytes */
        QUERY_FILE,     /* the bytes of a file beside the flow; the text is its name */
    } kind;
    char *text;
    json_t *value;
};

struct query_run;
/* What is done at one place of a query. What begins one gets no `in`. */
struct query_word {
    const char *name;
    const char *args; /* a letter each: 't' text, 'r' expression, 'i' number */
    /* *out: a new reference, or NULL for "nothing there". `in` is borrowed. Arguments are as they were resolved. */
    int (*run)(struct query_run *q, json_t *const *args, const json_t *in, json_t **out);
};
struct query_predicate {
    const char *name;
    enum { WANTS_NOTHING, WANTS_ANY, WANTS_A_RUN, WANTS_A_REGEX } takes; /* a run: text or bytes */
    enum query_verdict {
        QUERY_NO,
        QUERY_YES,
        QUERY_OTHER_TYPE
    } (*holds)(struct query_run *q, const json_t *wanted, const json_t *actual);
    const char *words; /* "greater than" */
};
/* All of them end without a name. */
extern const struct query_word query_sources[];         /* query_sources.c */
extern const struct query_word query_filters[];         /* query_filters.c */
extern const struct query_predicate query_predicates[]; /* query_predicates.c */

struct query {
    struct {
        const struct query_word *word;
        struct query_arg args[QUERY_ARGS_MAX];
    } words[QUERY_WORDS_MAX];
    size_t count;
    bool negated;
    const struct query_predicate *predicate; /* NULL: none stands there */
    struct query_arg wanted;
};

/* A query that is being answered. */
struct query_run {
    struct flow_context *x;
    const struct node *n; /* for places */
};

/* ---- query_parse.c ---- */
enum query_form {
    QUERY_ASSERT,  /* source, filters, predicate */
    QUERY_CAPTURE, /* source, filters */
    QUERY_FILTERS, /* filters alone */
};
/* Reads as far as the query goes. The error is in `s`. */
int query_scan(struct scan *s, enum query_form form, struct query *out);
void query_deinit(struct query *q);
/* As flows write it, whatever it was read from. */
void query_print(const struct query *q, struct text *out);

/* ---- query.c ---- */
/* A node with a query: is it one? */
int query_check(const struct node *n, enum query_form form, struct error *err);
/* The value a capture's query gives, a new reference. NULL: the error is set (also when nothing is there). */
json_t *query_capture(struct flow_context *x, const struct node *n);
/* The list behind `check`: what does not hold is noted as a mismatch. */
int query_judge(struct flow_context *x, const struct node *list);
/* "value | filter ...": filters behind a variable. Takes `value`; NULL: the error is set. */
json_t *query_filter(struct flow_context *x, const struct node *n, json_t *value, struct bytes filters);
/* An error at the query's place; what the format says comes after the query. Returns the code. */
int query_error(struct query_run *q, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- query_filters_bytes.c and query_filters_text.c, for sources ---- */
int query_run_regex(struct query_run *q, const json_t *pattern, const json_t *in, json_t **out);
int query_run_hash(struct query_run *q, const char *name, struct bytes in, json_t **out);
/* Text of another encoding ("iso-8859-1") as UTF-8. */
int query_decode(struct query_run *q, struct bytes in, const char *encoding, json_t **out);

/* ---- query_value.c: values that JSON has not ---- */
json_t *query_bytes_value(struct bytes b);
bool query_is_bytes(const json_t *v, struct text *out); /* what they are is appended */
/* The same where there may be no memory for them: then it is bytes, none are there, and the error is set. */
bool query_take_bytes(struct query_run *q, const json_t *v, struct text *out);
json_t *query_date_value(int64_t microseconds); /* since 1970, UTC */
bool query_is_date(const json_t *v, int64_t *microseconds);
bool query_is_nodes(const json_t *v, size_t *count);
bool query_equal(const json_t *a, const json_t *b);
/* As it stands in a text: false for what has no such form (lists, maps, bytes, nodes). */
bool query_render(const json_t *v, struct text *out);
/* "integer 3", "text "abc"", "list of 3". */
void query_describe(const struct flow_context *x, const json_t *v, struct text *out);

#endif
