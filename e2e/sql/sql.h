/* Databases that the step `sql` speaks to (step/sql.c): one file and one function for each. A function connects, runs
 * the statements, and leaves; nothing is kept between steps. */
#ifndef E2E_SQL_H
#define E2E_SQL_H

#include "base/late.h"
#include "e2e/internal.h"

#define SQL_ROWS_MAX       10000
#define SQL_BYTES_MAX      REPLY_MAX /* of all rows together */
#define SQL_STATEMENTS_MAX 256
#define SQL_PARAMS_MAX     256

/* A statement, or several that all happen or none. */
struct sql_query {
    const char *where;               /* the database: a path, or what libpq takes */
    const struct node *step, *place; /* the step, and what names the database in it */
    const char *const *statements;   /* at least one; none has variables */
    size_t count;
    const json_t *params; /* a list for the places in the only statement; NULL: none */
    bool read_only;
    uint64_t timeout, end; /* ns the step has; and when they are over, in the world's time */
};

struct sql_outcome {
    json_t *rows;      /* of the last statement, a list of maps; owned */
    size_t bytes;      /* of them, about */
    int64_t changed;   /* rows, by all statements */
    int64_t inserted;  /* the last inserted row's id, where the database tells it; 0: none */
    struct text error; /* what the database says is wrong with a statement; empty: nothing */
    json_t *code;      /* the database's own for it; owned */
    size_t statement;  /* the index of the one that is meant */
    int64_t offset;    /* of the byte in it; -1: not known */
};

/* Both return 0, also when a statement was refused (out->error); else a code with x->error set. */
int sql_by_sqlite(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out);
int sql_by_postgres(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out);

/* libpq (Debian's package libpq5), opened with the first step that needs it. */
extern struct late_library late_postgres;

/* ---- what they share: sql/sql.c ---- */

/* The rest of the harness goes on for a moment: doubles of this process answer, signals are heard, steps beside this
 * one run. 0, or the error is set because the step was interrupted or its time is over. */
int sql_turn(struct flow_context *x, const struct sql_query *q);
/* Takes the value, which may be NULL when memory ran out. */
int sql_add_value(struct flow_context *x, const struct sql_query *q, json_t *row, const char *column, json_t *value);
/* Takes the row of about so many bytes. */
int sql_add_row(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out, json_t *row, size_t bytes);
/* The node of the statement. */
const struct node *sql_statement(const struct sql_query *q, size_t i);
json_t *sql_base64(struct bytes b); /* bytes as a text; NULL: no memory */
json_t *sql_real(double value);     /* what JSON has no number for is a text: "Infinity", "-Infinity", "NaN" */
/* {$base64: TEXT} stands for bytes. False of the second: no base64, or no memory (out->failed). */
bool sql_is_bytes(const json_t *value);
bool sql_bytes_of(const json_t *value, struct text *out);
/* A wrong number of values for the places in the statement. */
int sql_wrong_count(struct flow_context *x, const struct sql_query *q, size_t places);
/* The statement left a transaction open, which ends with the step. */
int sql_left_open(struct flow_context *x, const struct sql_query *q);

#endif
