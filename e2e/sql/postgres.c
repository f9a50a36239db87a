/* PostgreSQL, by libpq's calls that do not wait: it sleeps on its socket for TURN_MS at most, then the rest of the
 * harness gets a turn. Only looking a host's name up waits, inside libpq.
 *
 * libpq is opened by name and its functions are declared here, so that neither its header nor the library is needed by
 * those who have no PostgreSQL. What is declared is its published interface (PostgreSQL's documentation, "libpq - C
 * Library"), which libpq.so.5 has kept since PostgreSQL 8; the numbers are those of libpq-fe.h and of pg_type.dat. */
#include "base/units.h"
#include "e2e/sql/sql.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS  1
#define GRACE_MS 1000 /* the server ends what outlives the step by this */

struct late_library late_postgres = {.file = "libpq.so.5", .package = "libpq5"};

struct connection; /* PGconn */
struct result;     /* PGresult */

enum { CONNECTION_BAD = 1 };                                      /* ConnStatusType */
enum { POLLING_FAILED = 0, POLLING_READING = 1, POLLING_OK = 3 }; /* PostgresPollingStatusType */
enum { EMPTY_QUERY = 0, COMMAND_OK = 1, TUPLES_OK = 2, COPY_OUT = 3, COPY_IN = 4, FATAL_ERROR = 7, COPY_BOTH = 8 };
enum { TRANSACTION_IDLE = 0 }; /* PGTransactionStatusType */
enum { FIELD_SQLSTATE = 'C', FIELD_MESSAGE = 'M', FIELD_DETAIL = 'D', FIELD_POSITION = 'P' }; /* PG_DIAG_... */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_OID = 26,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_JSONB = 3802
};

typedef void (*notice_receiver)(void *arg, const struct result *r);

/* Each: what it returns, its name behind "PQ", what it takes. */
#define FUNCTIONS(F)                                                                                                   \
    F(struct connection *, connectStartParams, (const char *const *keywords, const char *const *values, int expand))   \
    F(int, connectPoll, (struct connection * c))                                                                       \
    F(void, finish, (struct connection * c))                                                                           \
    F(int, status, (const struct connection *c))                                                                       \
    F(int, transactionStatus, (const struct connection *c))                                                            \
    F(char *, errorMessage, (const struct connection *c))                                                              \
    F(char *, pass, (const struct connection *c))                                                                      \
    F(int, socket, (const struct connection *c))                                                                       \
    F(int, setnonblocking, (struct connection * c, int on))                                                            \
    F(notice_receiver, setNoticeReceiver, (struct connection * c, notice_receiver receive, void *arg))                 \
    F(int, sendQuery, (struct connection * c, const char *sql))                                                        \
    F(int, sendQueryParams,                                                                                            \
      (struct connection * c, const char *sql, int count, const unsigned *types, const char *const *values,            \
       const int *lengths, const int *formats, int result_format))                                                     \
    F(int, setSingleRowMode, (struct connection * c))                                                                  \
    F(int, flush, (struct connection * c))                                                                             \
    F(int, consumeInput, (struct connection * c))                                                                      \
    F(int, isBusy, (struct connection * c))                                                                            \
    F(struct result *, getResult, (struct connection * c))                                                             \
    F(void, clear, (struct result * r))                                                                                \
    F(int, resultStatus, (const struct result *r))                                                                     \
    F(char *, resultErrorField, (const struct result *r, int field))                                                   \
    F(char *, cmdStatus, (struct result * r))                                                                          \
    F(char *, cmdTuples, (struct result * r))                                                                          \
    F(int, ntuples, (const struct result *r))                                                                          \
    F(int, nfields, (const struct result *r))                                                                          \
    F(char *, fname, (const struct result *r, int column))                                                             \
    F(unsigned, ftype, (const struct result *r, int column))                                                           \
    F(char *, getvalue, (const struct result *r, int row, int column))                                                 \
    F(int, getlength, (const struct result *r, int row, int column))                                                   \
    F(int, getisnull, (const struct result *r, int row, int column))

#define MEMBER(result, name, takes) result(*name) takes;
#define NAMED(result, name, takes)  {"PQ" #name, offsetof(struct functions, name)},
static struct functions {
    FUNCTIONS(MEMBER)
} pq; /* empty until open_library() */

static int open_library(struct flow_context *x, const struct sql_query *q)
{
    static const struct {
        const char *name;
        size_t offset;
    } table[] = {FUNCTIONS(NAMED)};
    struct error why = ERROR_INIT;
    struct functions found = {0};
    for (size_t i = 0; i < sizeof table / sizeof table[0] && why.code == 0; i++) {
        void *address = late_find(&late_postgres, table[i].name, &why);
        memcpy((char *)&found + table[i].offset, &address, sizeof address);
    }
    if (why.code == 0)
        pq = found;
    else
        flow_wrong(x, q->place, why.code, "%s", why.message != NULL ? why.message : error_code_name(why.code));
    int code = why.code;
    error_clear(&why);
    return code;
}

struct session {
    struct flow_context *x;
    const struct sql_query *query;
    struct connection *c;
    const char *doubt; /* what is known of the statements when the connection ends here; NULL: none was sent */
};

/* What the server remarks ("does not exist, skipping"): libpq would write it on our standard error. */
static void ignore(void *arg, const struct result *r)
{
    (void)arg;
    (void)r;
}

/* libpq's messages end with a newline, and have some in the middle. */
static void one_line(const char *message, struct text *out)
{
    for (const char *p = message; *p != '\0';) {
        size_t len = strcspn(p, "\n\t");
        if (len > 0 && out->len > 0)
            text_char(out, ' ');
        text_add(out, p, len);
        p += len + (p[len] != '\0');
    }
}

static int broken(struct session *s, int code)
{
    struct text why = TEXT_INIT;
    one_line(pq.errorMessage(s->c), &why);
    node_error(s->query->place, &s->x->error, code, "PostgreSQL: %s", text_string(&why));
    text_deinit(&why);
    return code;
}

/* Until the socket is ready for what is asked (POLLIN, POLLOUT). */
static int wait_for(struct session *s, short events)
{
    struct pollfd p = {.fd = pq.socket(s->c), .events = events};
    int code = 0;
    if (p.fd < 0)
        return broken(s, ERROR_CLOSED);
    while (code == 0 && poll(&p, 1, s->x->fiber == NULL ? TURN_MS : 0) <= 0)
        code = sql_turn(s->x, s->query);
    return code;
}

static int connect_database(struct session *s)
{
    static const char *const keywords[] = {"dbname", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {s->query->where, "UTF8", "harrow", NULL};
    s->c = pq.connectStartParams(keywords, values, 1);
    if (s->c == NULL)
        return flow_memory(s->x);
    pq.setNoticeReceiver(s->c, ignore, NULL);
    const char *password = pq.pass(s->c);
    json_t *secret = json_string(password != NULL ? password : "");
    bool kept = secret != NULL && secret_add(s->x, secret);
    json_decref(secret);
    if (!kept)
        return flow_memory(s->x);
    if (pq.status(s->c) == CONNECTION_BAD)
        return broken(s, ERROR_INVALID);
    short events = POLLOUT;
    for (;;) {
        int code = wait_for(s, events);
        if (code != 0)
            return code;
        int next = pq.connectPoll(s->c);
        if (next == POLLING_OK)
            return pq.setnonblocking(s->c, 1) == 0 ? 0 : broken(s, ERROR_IO);
        if (next == POLLING_FAILED)
            return broken(s, ERROR_REFUSED);
        events = next == POLLING_READING ? POLLIN : POLLOUT;
    }
}

/* ---- what comes back ---- */

static json_t *bytes_value(const char *hex, size_t len)
{
    struct text bytes = TEXT_INIT;
    for (size_t i = 2; i + 1 < len; i += 2) /* behind "\x" */
        text_char(&bytes, (char)(bytes_hex_value((uint8_t)hex[i]) << 4 | bytes_hex_value((uint8_t)hex[i + 1])));
    json_t *value = text_ok(&bytes) ? sql_base64(text_bytes(&bytes)) : NULL;
    text_deinit(&bytes);
    return value;
}

static json_t *value_of(const struct result *r, int column, size_t *bytes)
{
    const char *text = pq.getvalue(r, 0, column);
    size_t len = (size_t)pq.getlength(r, 0, column);
    json_t *value;
    *bytes += len;
    if (pq.getisnull(r, 0, column))
        return json_null();
    switch (pq.ftype(r, column)) {
    case TYPE_BOOL:
        return json_boolean(text[0] == 't');
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_OID:
        return json_integer(strtoll(text, NULL, 10));
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return sql_real(strtod(text, NULL));
    case TYPE_BYTEA:
        return bytes_value(text, len);
    case TYPE_JSON:
    case TYPE_JSONB: /* what is too large for a number of ours stays a text */
        value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
        return value != NULL ? value : value_of_bytes(BYTES(text, len));
    default:
        return value_of_bytes(BYTES(text, len));
    }
}

static int take_row(struct session *s, const struct result *r, struct sql_outcome *out)
{
    json_t *row = json_object();
    size_t bytes = 0;
    int code = row != NULL ? 0 : flow_memory(s->x);
    for (int i = 0; i < pq.nfields(r) && code == 0; i++) {
        bytes += strlen(pq.fname(r, i)) + sizeof(json_t *);
        code = sql_add_value(s->x, s->query, row, pq.fname(r, i), value_of(r, i, &bytes));
    }
    if (code == 0)
        return sql_add_row(s->x, s->query, out, row, bytes);
    json_decref(row);
    return code;
}

/* The server counts characters from 1. */
static int64_t offset_of(const char *sql, const char *position)
{
    int64_t left = position != NULL ? strtoll(position, NULL, 10) - 1 : -1;
    const char *p = sql;
    if (left < 0)
        return -1;
    while (*p != '\0' && (left > 0 || ((unsigned char)*p & 0xC0) == 0x80)) {
        left -= ((unsigned char)*p & 0xC0) != 0x80;
        p++;
        while (((unsigned char)*p & 0xC0) == 0x80)
            p++;
    }
    return p - sql;
}

static int refused(struct session *s, const char *sql, const struct result *r, struct sql_outcome *out)
{
    const char *state = pq.resultErrorField(r, FIELD_SQLSTATE), *message = pq.resultErrorField(r, FIELD_MESSAGE);
    const char *detail = pq.resultErrorField(r, FIELD_DETAIL);
    if (state == NULL || message == NULL) /* not the server's: the connection is gone */
        return broken(s, ERROR_CLOSED);
    if (out->error.len > 0)
        return 0;
    text_puts(&out->error, message);
    if (detail != NULL)
        text_printf(&out->error, ": %s", detail);
    out->offset = offset_of(sql, pq.resultErrorField(r, FIELD_POSITION));
    out->code = json_string(state);
    return out->code != NULL && text_ok(&out->error) ? 0 : flow_memory(s->x);
}

/* "INSERT 0 3" of statements that change rows; SELECT counts what it found, which is not that. */
static int64_t changed_by(struct result *r)
{
    static const char *const changing[] = {"INSERT ", "UPDATE ", "DELETE ", "MERGE "};
    const char *status = pq.cmdStatus(r);
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++)
        if (strncmp(status, changing[i], strlen(changing[i])) == 0)
            return strtoll(pq.cmdTuples(r), NULL, 10);
    return 0;
}

static int take_result(struct session *s, size_t i, struct result *r, struct sql_outcome *out)
{
    const struct node *place = sql_statement(s->query, i);
    int code = 0;
    switch (pq.resultStatus(r)) {
    case EMPTY_QUERY:
        return flow_wrong(s->x, place, ERROR_INVALID, "there is no statement in this text");
    case COPY_IN:
    case COPY_OUT:
    case COPY_BOTH:
        return flow_wrong(s->x, place, ERROR_UNSUPPORTED, "COPY from or to the client is not implemented");
    case FATAL_ERROR:
        return refused(s, s->query->statements[i], r, out);
    default: /* COMMAND_OK, TUPLES_OK, or a single row */
        if (pq.ntuples(r) == 1)
            code = take_row(s, r, out);
        out->changed += changed_by(r);
        return code;
    }
}

/* ---- statements ---- */

static int send_all(struct session *s)
{
    int left, code = 0;
    while (code == 0 && (left = pq.flush(s->c)) != 0) {
        if (left < 0)
            return broken(s, ERROR_CLOSED);
        code = wait_for(s, POLLIN | POLLOUT);
        if (code == 0 && !pq.consumeInput(s->c))
            return broken(s, ERROR_CLOSED);
    }
    return code;
}

/* The next result, or NULL when there is none any more. */
static int next_result(struct session *s, struct result **out)
{
    while (pq.isBusy(s->c)) {
        int code = wait_for(s, POLLIN);
        if (code != 0)
            return code;
        if (!pq.consumeInput(s->c))
            return broken(s, ERROR_CLOSED);
    }
    *out = pq.getResult(s->c);
    return 0;
}

/* Statements of ours, which have no rows. */
static int run_plain(struct session *s, const char *sql, struct sql_outcome *out)
{
    struct result *r = NULL;
    int code = pq.sendQuery(s->c, sql) ? send_all(s) : broken(s, ERROR_CLOSED);
    while (code == 0 && (code = next_result(s, &r)) == 0 && r != NULL) {
        if (pq.resultStatus(r) == FATAL_ERROR)
            code = refused(s, "", r, out);
        pq.clear(r);
    }
    return code;
}

/* Values as texts, whose types the server finds out; NULL is NULL. */
static int make_value(struct flow_context *x, const struct sql_query *q, const json_t *value, char **out)
{
    struct text text = TEXT_INIT, bytes = TEXT_INIT;
    bool zero = false;
    if (json_is_null(value))
        return 0;
    if (sql_is_bytes(value)) {
        if (!sql_bytes_of(value, &bytes))
            text.failed = true;
        text_puts(&text, "\\x");
        for (size_t i = 0; i < bytes.len; i++)
            text_printf(&text, "%02x", (uint8_t)bytes.data[i]);
    } else {
        value_text(value, &text);
        zero = text.len > 0 && memchr(text.data, '\0', text.len) != NULL;
    }
    if (!zero)
        *out = text.len > 0 || !text_ok(&text) ? text_take(&text) : strdup("");
    text_deinit(&text);
    text_deinit(&bytes);
    if (zero)
        return flow_wrong(x, node_get(q->step, "params"), ERROR_INVALID, "PostgreSQL's texts have no zero character");
    return *out != NULL ? 0 : flow_memory(x);
}

static int run_statement(struct session *s, size_t i, struct sql_outcome *out)
{
    char *values[SQL_PARAMS_MAX] = {NULL};
    size_t count = json_array_size(s->query->params);
    struct result *r = NULL;
    int code = 0;
    out->statement = i;
    json_array_clear(out->rows);
    out->bytes = 0;
    for (size_t p = 0; p < count && code == 0; p++)
        code = make_value(s->x, s->query, json_array_get(s->query->params, p), &values[p]);
    if (code == 0)
        code = pq.sendQueryParams(s->c, s->query->statements[i], (int)count, NULL, (const char *const *)values, NULL,
                                  NULL, 0)
                   ? 0
                   : broken(s, ERROR_CLOSED);
    if (code == 0) {
        (void)pq.setSingleRowMode(s->c); /* so that rows too many are noticed before they fill the memory */
        code = send_all(s);
    }
    while (code == 0 && (code = next_result(s, &r)) == 0 && r != NULL) {
        code = take_result(s, i, r, out);
        pq.clear(r);
    }
    for (size_t p = 0; p < count; p++)
        free(values[p]);
    return code;
}

static int run_statements(struct session *s, struct sql_outcome *out)
{
    struct text first = TEXT_INIT;
    bool many = s->query->count > 1;
    text_printf(&first, "SET bytea_output = hex; SET statement_timeout = %llu%s",
                (unsigned long long)(s->query->timeout / MILLISECOND + GRACE_MS),
                s->query->read_only ? "; SET default_transaction_read_only = on" : "");
    int code = text_ok(&first) ? run_plain(s, text_string(&first), out) : flow_memory(s->x);
    text_deinit(&first);
    if (code == 0 && many && out->error.len == 0)
        code = run_plain(s, "BEGIN", out);
    if (!s->query->read_only)
        s->doubt = many ? "its transaction was not committed: nothing of it happened"
                        : "if the statement changes rows, whether it did is not known";
    for (size_t i = 0; i < s->query->count && code == 0 && out->error.len == 0; i++)
        code = run_statement(s, i, out);
    if (code != 0 || out->error.len > 0)
        return code;
    if (many) {
        s->doubt = s->query->read_only ? NULL : "whether its transaction was committed is not known";
        return run_plain(s, "COMMIT", out);
    }
    return pq.transactionStatus(s->c) == TRANSACTION_IDLE ? 0 : sql_left_open(s->x, s->query);
}

/* The connection is gone, or the time is over, and a statement was on its way: what became of it belongs to the
 * message. */
static void tell_doubt(struct session *s, int code)
{
    struct text said = TEXT_INIT;
    if (s->doubt == NULL || (code != ERROR_CLOSED && code != ERROR_TIMEOUT) || s->x->error.message == NULL)
        return;
    text_puts(&said, s->x->error.message);
    if (text_ok(&said))
        node_error(s->query->place, &s->x->error, code, "%s (%s)", text_string(&said), s->doubt);
    text_deinit(&said);
}

int sql_by_postgres(struct flow_context *x, const struct sql_query *q, struct sql_outcome *out)
{
    struct session s = {.x = x, .query = q};
    int code = open_library(x, q);
    if (code == 0)
        code = connect_database(&s);
    if (code == 0)
        code = run_statements(&s, out);
    tell_doubt(&s, code);
    if (s.c != NULL)
        pq.finish(s.c); /* with a transaction that is open: it never was */
    return code;
}
