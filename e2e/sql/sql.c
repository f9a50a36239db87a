/* What the databases have in common: time, rows, values, and what a statement may not do. */
#include "e2e/sql/sql.h"

#include "base/base64.h"
#include "base/units.h"

#include <math.h>
#include <string.h>

#define FIBER_TURN ((uint64_t)200000) /* ns that steps beside this one get at a time */
#define BYTES_KEY  "$base64"

static bool never(void *arg)
{
    (void)arg;
    return false;
}

int sql_turn(struct flow_context *x, const struct sql_query *q)
{
    char time[32];
    (void)flow_wait(x, never, NULL, x->fiber == NULL ? 1 : FIBER_TURN);
    if (flow_stopped(x))
        return error_set(&x->error, ERROR_CANCELLED, "interrupted");
    if (world_now(x->target->world) < q->end)
        return 0;
    units_format_duration((int64_t)q->timeout, time, sizeof time);
    return node_error(q->place, &x->error, ERROR_TIMEOUT, "the database did not answer within %s", time);
}

const struct node *sql_statement(const struct sql_query *q, size_t i)
{
    const struct node *n = node_get(q->step, "sql");
    return n->kind == NODE_LIST ? &n->list.items[i] : n;
}

int sql_add_value(struct flow_context *x, const struct sql_query *q, json_t *row, const char *column, json_t *value)
{
    if (value != NULL && json_object_get(row, column) != NULL) {
        json_decref(value);
        return flow_wrong(x, node_get(q->step, "sql"), ERROR_INVALID,
                          "two columns are called \"%s\": give one another name with AS", column);
    }
    return value != NULL && json_object_set_new(row, column, value) == 0 ? 0 : flow_memory(x);
}

int sql_add_row(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out, json_t *row, size_t bytes)
{
    int code = 0;
    out->bytes += bytes;
    if (json_array_size(out->rows) == SQL_ROWS_MAX || out->bytes > SQL_BYTES_MAX)
        code = flow_wrong(x, node_get(q->step, "sql"), ERROR_LIMIT, "more than %d rows or %zu MiB of them: add a LIMIT",
                          SQL_ROWS_MAX, SQL_BYTES_MAX >> 20);
    if (code == 0)
        return json_array_append_new(out->rows, row) == 0 ? 0 : flow_memory(x);
    json_decref(row);
    return code;
}

json_t *sql_base64(struct bytes b)
{
    struct text text = TEXT_INIT;
    base64_encode(&text, b);
    json_t *value = text_ok(&text) ? json_string(text_string(&text)) : NULL;
    text_deinit(&text);
    return value;
}

json_t *sql_real(double value)
{
    if (isfinite(value))
        return json_real(value);
    return json_string(isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
}

bool sql_is_bytes(const json_t *value)
{
    return json_object_size(value) == 1 && json_object_get(value, BYTES_KEY) != NULL;
}

bool sql_bytes_of(const json_t *value, struct text *out)
{
    const char *encoded = json_string_value(json_object_get(value, BYTES_KEY));
    return encoded != NULL && base64_decode(out, bytes_of(encoded));
}

int sql_wrong_count(struct flow_context *x, const struct sql_query *q, size_t places)
{
    const struct node *params = node_get(q->step, "params");
    size_t given = json_array_size(q->params);
    return flow_wrong(x, params != NULL ? params : node_get(q->step, "sql"), ERROR_INVALID,
                      "%zu %s in \"params\", and the statement has places for %zu", given,
                      given == 1 ? "value is" : "values are", places);
}

int sql_left_open(struct flow_context *x, const struct sql_query *q)
{
    return flow_wrong(x, node_get(q->step, "sql"), ERROR_INVALID,
                      "a transaction ends with its step: write its statements as a list, without BEGIN and COMMIT");
}
