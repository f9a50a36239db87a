/* Statements to databases. runn writes values into the text of a statement; a flow binds them to places in it, so that
 * {{ }} can stand where a value stands and nowhere else. */
#include "e2e/import/runn/runn.h"

#include <string.h>

#define SCHEME_MAX 12

static struct bytes scheme_of(const struct node *n)
{
    struct bytes none = {0};
    if (n == NULL || n->kind != NODE_TEXT)
        return none;
    const uint8_t *colon = memchr(n->text.data, ':', n->text.len);
    size_t len = colon != NULL ? (size_t)(colon - n->text.data) : 0;
    return len > 0 && len <= SCHEME_MAX ? BYTES(n->text.data, len) : none;
}

static bool is_one_of(struct bytes scheme, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (bytes_is(scheme, names[i]))
            return true;
    return false;
}

static const struct node *address_of(const struct node *runner)
{
    const struct node *dsn = runner != NULL && runner->kind == NODE_MAP ? node_get(runner, "dsn") : NULL;
    return dsn != NULL ? dsn : runner;
}

static const char *const spoken[] = {"sqlite", "sqlite3", "sq", "postgres", "postgresql", "pg", NULL};
static const char *const others[] = {"mysql",     "my", "mariadb", "maria",  "aurora",        "percona", "spanner",
                                     "sqlserver", "ms", "mssql",   "oracle", "moderncsqlite", NULL};

bool runn_is_sql(const struct node *n, const struct node *runner)
{
    const struct node *address = address_of(runner);
    struct bytes scheme = scheme_of(address);
    if (runner != NULL && (address != runner || is_one_of(scheme, spoken) || is_one_of(scheme, others)))
        return true;
    bool open =
        address == NULL || (address->kind == NODE_TEXT && address->text.len > 0 && address->text.data[0] == '$');
    return open && n->kind == NODE_MAP && node_get(n, "query") != NULL;
}

void runn_say_runner(struct runn *r, const struct node *address, struct text *out)
{
    if (r->given != NULL && !variable_name_valid(r->given))
        tree_error(&r->tree, address, ERROR_UNSUPPORTED, "%s: this is no name for a member of a variable", r->given);
    else if (r->given != NULL)
        text_printf(out, "${parent.runners.%s}", r->given);
    else
        tree_say(&r->tree, address, out);
}

struct statement {
    struct runn *r;
    const struct node *n;
    struct text sql;
    struct build_node *params;
};

static void add_param(struct statement *s, struct text *value)
{
    struct build *b = &s->r->tree.build;
    build_add(b, s->params, tree_text(&s->r->tree, s->n, value));
    text_printf(&s->sql, "$%zu", build_count(s->params));
}

/* Where {{ }} or ${ } that begins at `at` is over; 0: it is not closed. */
static size_t end_of_value(struct bytes t, size_t at)
{
    const char *close = t.data[at] == '{' ? "}}" : "}";
    char quote = '\0';
    for (size_t i = at + 2; i < t.len; i++) {
        char c = (char)t.data[i];
        if (quote == '\0' && t.len - i >= strlen(close) && memcmp(t.data + i, close, strlen(close)) == 0)
            return i + strlen(close);
        if (c == '\'' || c == '"')
            quote = quote == '\0' ? c : quote == c ? '\0' : quote;
    }
    return 0;
}

static bool opens(struct bytes t, size_t at)
{
    return at + 1 < t.len && t.data[at + 1] == '{' && (t.data[at] == '{' || t.data[at] == '$');
}

/* 'a text': as it is, or a place for it when it has values. */
static size_t take_quoted(struct statement *s, struct bytes t, size_t at)
{
    struct text inner = TEXT_INIT, said = TEXT_INIT;
    bool computed = false;
    size_t i = at + 1;
    for (; i < t.len && (t.data[i] != '\'' || (i + 1 < t.len && t.data[i + 1] == '\'')); i++) {
        size_t end = opens(t, i) ? end_of_value(t, i) : 0;
        if (end > 0) {
            computed = true;
            text_add(&inner, t.data + i, end - i);
            i = end - 1;
            continue;
        }
        i += t.data[i] == '\'';
        text_char(&inner, (char)t.data[i]);
    }
    size_t end = i < t.len ? i + 1 : i;
    if (!computed) {
        text_add(&s->sql, t.data + at, end - at);
    } else if (text_ok(&inner)) { /* the quotes say that it is a text */
        struct text value = TEXT_INIT;
        runn_say(&s->r->tree, s->n, text_bytes(&inner), &said);
        bool whole = said.len > 3 && strchr(text_string(&said) + 1, '$') == NULL && said.data[0] == '$' &&
                     strchr(text_string(&said), '}') == said.data + said.len - 1 && said.data[2] != '=';
        if (whole)
            text_printf(&value, "${= string(%.*s)}", (int)said.len - 3, said.data + 2);
        else
            text_add(&value, said.data, said.len);
        add_param(s, &value);
        s->sql.failed = s->sql.failed || !text_ok(&said);
    }
    s->sql.failed = s->sql.failed || !text_ok(&inner);
    text_deinit(&inner);
    text_deinit(&said);
    return end;
}

/* One statement, without its semicolon. Returns where the next one begins. */
static size_t take_statement(struct statement *s, struct bytes t, size_t at)
{
    bool words = false;
    for (; at < t.len && t.data[at] != ';' && s->r->tree.code == 0;) {
        uint8_t c = t.data[at];
        size_t end = opens(t, at) ? end_of_value(t, at) : 0;
        bool dashes = c == '-' && at + 1 < t.len && t.data[at + 1] == '-';
        if (c == '\'') {
            at = take_quoted(s, t, at);
        } else if (dashes) { /* a comment, to the end of its line */
            const uint8_t *line = memchr(t.data + at, '\n', t.len - at);
            at = line != NULL ? (size_t)(line - t.data) : t.len;
        } else if (end > 0 && words) {
            struct text value = TEXT_INIT;
            runn_say(&s->r->tree, s->n, BYTES(t.data + at, end - at), &value);
            add_param(s, &value);
            at = end;
        } else if (end > 0) {
            tree_error(
                &s->r->tree, s->n, ERROR_UNSUPPORTED,
                "a statement that is computed as a whole cannot be said in a flow: write it out; {{ }} can stand "
                "where a value stands");
        } else {
            words = words || (c != ' ' && c != '\n' && c != '\t' && c != '\r');
            text_char(&s->sql, (char)c);
            at++;
        }
    }
    while (s->sql.len > 0 && strchr(" \n\t\r", s->sql.data[s->sql.len - 1]) != NULL)
        text_truncate(&s->sql, s->sql.len - 1);
    return at + (at < t.len);
}

static void put_statements(struct runn *r, const struct node *query, struct build_node *step)
{
    struct build *b = &r->tree.build;
    size_t place = tree_at(&r->tree, query);
    struct build_node *list = build_list(b, place), *one = NULL;
    struct statement s = {.r = r, .n = query, .params = build_list(b, place)};
    for (size_t at = 0; at < query->text.len && r->tree.code == 0;) {
        at = take_statement(&s, query->text, at);
        size_t blanks = strspn(text_string(&s.sql), " \n\t\r");
        text_consume(&s.sql, blanks);
        if (s.sql.len == 0 && text_ok(&s.sql))
            continue;
        one = tree_text(&r->tree, query, &s.sql);
        build_add(b, list, one);
    }
    text_deinit(&s.sql);
    if (r->tree.code == 0 && build_count(list) == 0)
        tree_error(&r->tree, query, ERROR_INVALID, "there is no statement in this query");
    if (build_count(list) > 1 && build_count(s.params) > 0)
        tree_error(&r->tree, query, ERROR_UNSUPPORTED,
                   "several statements of which one has values: write a step for each");
    build_put(b, step, "sql", build_count(list) == 1 ? one : list);
    if (build_count(s.params) > 0)
        build_put(b, step, "params", s.params);
}

void runn_make_sql(struct runn *r, const struct node *n, const struct node *runner, struct build_node *step)
{
    static const char *const keys[] = {"query", "trace", NULL};
    const struct node *address = address_of(runner), *query = tree_member(&r->tree, n, "query", NODE_TEXT);
    struct text where = TEXT_INIT;
    if (runner != NULL && is_one_of(scheme_of(address), others)) {
        tree_error(&r->tree, address, ERROR_UNSUPPORTED,
                   "flows speak to SQLite and PostgreSQL, and this is %.*s: take these steps out of the book",
                   (int)scheme_of(address).len, (const char *)address->text.data);
        return;
    }
    if (n->kind != NODE_MAP || query == NULL || (address != NULL && address->kind != NODE_TEXT)) {
        tree_error(&r->tree, n, ERROR_INVALID, "a step of a database has a \"query\", and its runner an address");
        return;
    }
    runn_only(r, n, keys);
    put_statements(r, query, step);
    runn_say_runner(r, address != NULL ? address : n, &where);
    build_put(&r->tree.build, step, "database", tree_text(&r->tree, n, &where));
}
