/* Statements to a database: a file of SQLite's, or a PostgreSQL server. Statements are fixed texts and values are bound
 * to the places in them, so that no value can become part of a statement. */
#include "base/units.h"
#include "e2e/kind.h"
#include "e2e/sql/sql.h"

#include <stdlib.h>
#include <string.h>

/* NULL: not one. */
static const struct node *database_of(const struct node *step, const char **key)
{
    static const char *const keys[] = {"sqlite", "postgres", "database"};
    const struct node *found = NULL;
    for (size_t i = 0, count = 0; i < 3; i++) {
        const struct node *n = node_get(step, keys[i]);
        if (n == NULL)
            continue;
        found = count++ == 0 ? n : NULL;
        *key = keys[i];
    }
    return found;
}

/* ---- where it is ---- */

/* The password of an address libpq takes, as it is written there, is kept out of reports: of
 * "postgresql://user:password@host/name" and of "password=..." among words or behind "?". */
static int hide_password(struct flow_context *x, const char *address)
{
    const char *from = strstr(address, "password="), *end;
    bool kept = secret_add_address(x, address);
    if (kept && from != NULL) {
        from += strlen("password=");
        bool quoted = *from == '\'';
        from += quoted;
        end = from + strcspn(from, quoted ? "'" : " &");
        json_t *secret = json_stringn(from, (size_t)(end - from));
        kept = secret == NULL || secret_add(x, secret); /* NULL: no UTF-8, which no report shows either */
        json_decref(secret);
    }
    return kept ? 0 : flow_memory(x);
}

/* "database: ADDRESS": its scheme says which it is. What is behind SQLite's is left in *where as a file's name; its
 * ":memory:" is a file as well, since steps share it. */
static int place_address(struct flow_context *x, const struct node *n, char **where, bool *postgres)
{
    static const struct {
        const char *scheme;
        bool postgres;
    } known[] = {{"sqlite3:", false}, {"sqlite:", false},    {"sq:", false},
                 {"postgres:", true}, {"postgresql:", true}, {"pg:", true}};
    struct text out = TEXT_INIT;
    size_t i = 0;
    while (i < sizeof known / sizeof known[0] && strncmp(*where, known[i].scheme, strlen(known[i].scheme)) != 0)
        i++;
    if (i == sizeof known / sizeof known[0])
        return flow_wrong(x, n, ERROR_INVALID,
                          "\"database\" begins with sqlite: or postgresql:, and this with %.*s; there are no others",
                          (int)strcspn(*where, ":/"), *where);
    const char *rest = *where + strlen(known[i].scheme);
    *postgres = known[i].postgres;
    rest += !*postgres && strncmp(rest, "//", 2) == 0 ? 2 : 0;
    size_t len = *postgres ? strlen(rest) : strcspn(rest, "?");
    if (len == strlen(":memory:") && strncmp(rest, ":memory:", len) == 0)
        text_puts(&out, "memory.db");
    else
        text_printf(&out, "%s%.*s", *postgres ? "postgresql:" : "", (int)len, rest);
    free(*where);
    *where = text_take(&out);
    return *where != NULL ? 0 : flow_memory(x);
}

/* A name without "/" is a file in the flow's own folder. */
static int place_file(struct flow_context *x, const struct node *n, char **where)
{
    struct text path = TEXT_INIT;
    if (strchr(*where, '/') != NULL)
        return 0;
    if ((*where)[0] == '\0')
        return flow_wrong(x, n, ERROR_INVALID, "\"sqlite\" is a file's name, and this is empty");
    if (x->scratch == NULL)
        return flow_wrong(x, n, ERROR_UNSUPPORTED,
                          "this run has no folder for flows: name the file with its path, /tmp/%s", *where);
    text_printf(&path, "%s/%s", x->scratch, *where);
    free(*where);
    *where = text_take(&path);
    return *where != NULL ? 0 : flow_memory(x);
}

/* ---- running ---- */

static void describe(struct flow_context *x, const struct sql_query *q, bool postgres)
{
    text_printf(&x->sent, "%s %s\n", postgres ? "PostgreSQL" : "SQLite", q->where);
    for (size_t i = 0; i < q->count; i++)
        text_printf(&x->sent, "%s\n", q->statements[i]);
    if (q->params != NULL) {
        text_puts(&x->sent, "params ");
        value_text(q->params, &x->sent);
    }
}

/* A refused statement is an answer where the step speaks of it, and otherwise an error at the statement. */
static int judge(struct flow_context *x, const struct sql_query *q, const struct sql_outcome *out, bool postgres)
{
    const struct node *expect = node_get(q->step, "expect");
    const char *sql = q->statements[out->statement];
    struct text where = TEXT_INIT;
    if (out->error.len == 0 || node_get(expect, "error") != NULL || node_get(expect, "code") != NULL)
        return 0;
    if (out->offset >= 0 && (size_t)out->offset <= strlen(sql)) {
        size_t line = 1, column = 1;
        for (const char *p = sql; p < sql + out->offset; p++) {
            line += *p == '\n';
            column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xC0) != 0x80);
        }
        text_printf(&where, " (line %zu, column %zu of the statement)", line, column);
    }
    /* What is no SQL stays so; a table that is not there may come. */
    x->wrong = x->wrong || strstr(text_string(&out->error), "syntax error") != NULL;
    int code = node_error(sql_statement(q, out->statement), &x->error, ERROR_INVALID, "%s: %s%s",
                          postgres ? "PostgreSQL" : "SQLite", text_string(&out->error), text_string(&where));
    text_deinit(&where);
    return code;
}

/* Takes rows and code from the outcome. */
static int set_answer(struct flow_context *x, struct sql_outcome *out, uint64_t started)
{
    double seconds = (double)(world_now(x->target->world) - started) / (double)SECOND;
    bool refused = out->error.len > 0;
    if (refused) {
        json_array_clear(out->rows);
        out->changed = 0;
    }
    json_t *error = refused ? value_of_bytes(text_bytes(&out->error)) : json_null();
    json_t *inserted = out->inserted != 0 && !refused ? json_integer(out->inserted) : json_null();
    x->answer =
        json_pack("{s:O, s:I, s:I, s:o, s:o, s:O, s:f}", "rows", out->rows, "count",
                  (json_int_t)json_array_size(out->rows), "changed", (json_int_t)out->changed, "inserted", inserted,
                  "error", error, "code", out->code != NULL ? out->code : json_null(), "duration", seconds);
    return x->answer != NULL ? 0 : flow_memory(x);
}

static int query(struct flow_context *x, const struct sql_query *q, bool postgres)
{
    struct sql_outcome out = {.rows = json_array(), .offset = -1};
    uint64_t started = world_now(x->target->world);
    int code = out.rows == NULL ? flow_memory(x) : postgres ? sql_by_postgres(x, q, &out) : sql_by_sqlite(x, q, &out);
    if (code == 0)
        code = set_answer(x, &out, started);
    if (code == 0)
        code = judge(x, q, &out, postgres);
    json_decref(out.rows);
    json_decref(out.code);
    text_deinit(&out.error);
    return code;
}

static int check_params(struct flow_context *x, const struct node *n, const json_t *params)
{
    for (size_t i = 0; i < json_array_size(params); i++) {
        const json_t *value = json_array_get(params, i);
        struct text bytes = TEXT_INIT;
        bool wrong = sql_is_bytes(value) && !sql_bytes_of(value, &bytes);
        bool memory = bytes.failed;
        text_deinit(&bytes);
        if (memory)
            return flow_memory(x);
        if (wrong)
            return flow_wrong(x, &n->list.items[i], ERROR_INVALID, "what stands in \"$base64\" is no base64");
    }
    return 0;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *n = node_get(step, "sql"), *params = node_get(step, "params");
    const char *statements[SQL_STATEMENTS_MAX];
    const char *key = "";
    struct sql_query q = {.step = step, .place = database_of(step, &key), .statements = statements, .count = 1};
    bool postgres = strcmp(key, "postgres") == 0;
    json_t *values = NULL;
    statements[0] = n->kind == NODE_TEXT ? (const char *)n->text.data : NULL;
    for (size_t i = 0; n->kind == NODE_LIST && i < (q.count = n->list.count); i++)
        statements[i] = (const char *)n->list.items[i].text.data;
    node_may_bool(step, "read_only", &q.read_only, NULL);
    q.timeout = step_timeout(x, step);
    q.end = world_now(x->target->world) + q.timeout;
    char *where = expand_text(x, q.place);
    int code = where == NULL ? x->error.code : 0;
    if (code == 0 && strcmp(key, "database") == 0)
        code = place_address(x, q.place, &where, &postgres);
    if (code == 0)
        code = postgres ? hide_password(x, where) : place_file(x, q.place, &where);
    if (code == 0 && params != NULL) {
        q.params = values = expand_node(x, params);
        code = values != NULL ? check_params(x, params, values) : x->error.code;
    }
    q.where = where;
    if (code == 0) {
        describe(x, &q, postgres);
        code = query(x, &q, postgres);
    }
    json_decref(values);
    free(where);
    return code;
}

/* ---- the kind ---- */

static int check_statement(const struct node *n, struct error *err)
{
    if (n->kind != NODE_TEXT)
        return node_error(n, err, ERROR_INVALID, "a statement is a text, and this is %s", node_kind_name(n->kind));
    if (has_variable(n))
        return node_error(n, err, ERROR_INVALID,
                          "a statement has no variables: write ? (PostgreSQL: $1) and put the value into \"params\"");
    return strlen((const char *)n->text.data) == n->text.len
               ? 0
               : node_error(n, err, ERROR_INVALID, "a statement has no zero character");
}

static int check(const struct flow *f, const struct node *step, const struct node *n, struct error *err)
{
    const char *key = "";
    const struct node *where = database_of(step, &key), *params = node_get(step, "params");
    int code = 0;
    (void)f;
    if (where == NULL)
        return node_error(step, err, ERROR_INVALID,
                          "\"sql\" needs one database: sqlite: FILE, or postgres: \"postgresql://user@host/name\"");
    if (where->kind != NODE_TEXT)
        return node_error(where, err, ERROR_INVALID, "\"%s\" is a text", key);
    if (n->kind != NODE_LIST)
        code = check_statement(n, err);
    else if (n->list.count == 0 || n->list.count > SQL_STATEMENTS_MAX)
        code = node_error(n, err, ERROR_INVALID, "a list of statements has 1 to %d", SQL_STATEMENTS_MAX);
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count && code == 0; i++)
        code = check_statement(&n->list.items[i], err);
    if (code == 0 && params != NULL && n->kind == NODE_LIST)
        code = node_error(params, err, ERROR_INVALID, "\"params\" belong to one statement, and this is a list of them");
    if (code == 0 && params != NULL && params->list.count > SQL_PARAMS_MAX)
        code = node_error(params, err, ERROR_LIMIT, "more than %d values", SQL_PARAMS_MAX);
    return code;
}

static const struct step_key keys[] = {
    {"sqlite", SHAPE_ANY, "a database file: a name in the flow's own folder, or a path"},
    {"postgres", SHAPE_ANY, "a PostgreSQL server: postgresql://user:password@host:port/name"},
    {"database", SHAPE_ANY, "one of both by its address: sqlite:FILE or postgresql://..."},
    {"params", SHAPE_LIST, "values for the places in the statement; bytes are {$base64: TEXT}"},
    {"read_only", SHAPE_FLAG, "true: the database refuses to change anything"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "how long it may take, waiting for locks included"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {"check", SHAPE_CHECKS, "queries of what came back, and what is expected of them"},
    {0},
};
static const struct step_key answer[] = {
    {"rows", SHAPE_EXPECTED, "of the last statement: a list of maps by column"},
    {"count", SHAPE_EXPECTED, "of rows"},
    {"changed", SHAPE_EXPECTED, "rows inserted, updated and deleted by all statements"},
    {"inserted", SHAPE_EXPECTED, "the id of the row that was inserted last (SQLite's rowid); null"},
    {"error", SHAPE_EXPECTED, "what the database said when it refused a statement; null"},
    {"code", SHAPE_EXPECTED, "the database's own for it: PostgreSQL's SQLSTATE, SQLite's extended result code; null"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_sql = {
    .name = "sql",
    .about = "A statement to a database, or a list of statements that all happen or none",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .processes = true,
};
