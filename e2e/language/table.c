/* Rows of data for flows: CSV (RFC 4180) or JSON. */
#include "base/utf8.h"
#include "e2e/internal.h"

#include <string.h>

#define TABLE_FILE_MAX ((size_t)16 << 20) /* bytes */
#define ROWS_MAX       100000
#define COLUMNS_MAX    256

/* ---- CSV ---- */

struct csv {
    const char *p, *end, *name;
    int line;
};

/* One field, and what ends it: ',' '\n' or 0 for the end of the file. */
static int read_field(struct csv *c, struct text *out, char *ended, struct error *err)
{
    bool quoted = c->p < c->end && *c->p == '"';
    int line = c->line;
    text_clear(out);
    if (quoted) {
        for (c->p++; c->p < c->end && !(*c->p == '"' && (c->p + 1 == c->end || c->p[1] != '"')); c->p++) {
            c->p += *c->p == '"';
            c->line += *c->p == '\n';
            text_char(out, *c->p);
        }
        if (c->p == c->end)
            return error_set_at(err, ERROR_SYNTAX, c->name, line, 1, "a field in quotes has no end");
        c->p++;
    }
    while (c->p < c->end && *c->p != ',' && *c->p != '\n' && *c->p != '\r') {
        if (quoted)
            return error_set_at(err, ERROR_SYNTAX, c->name, c->line, 1, "text behind a field in quotes");
        text_char(out, *c->p++);
    }
    if (c->p < c->end && *c->p == '\r')
        c->p++;
    *ended = '\0';
    if (c->p < c->end)
        *ended = *c->p++;
    if (*ended != '\0' && *ended != ',' && *ended != '\n')
        return error_set_at(err, ERROR_SYNTAX, c->name, c->line, 1, "a lone carriage return");
    c->line += *ended == '\n';
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_record(struct csv *c, json_t *fields, struct error *err)
{
    struct text field = TEXT_INIT;
    char ended = ',';
    int code = 0, line = c->line;
    while (code == 0 && ended == ',') {
        code = read_field(c, &field, &ended, err);
        if (code == 0 && json_array_size(fields) == COLUMNS_MAX)
            code = error_set_at(err, ERROR_LIMIT, c->name, line, 1, "more than %d columns", COLUMNS_MAX);
        if (code == 0 && json_array_append_new(fields, json_stringn(text_string(&field), field.len)) != 0)
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    text_deinit(&field);
    return code;
}

static int check_columns(const json_t *columns, const char *name, struct error *err)
{
    size_t i, k;
    json_t *column, *other;
    json_array_foreach(columns, i, column)
    {
        if (!variable_name_valid(json_string_value(column)))
            return error_set_at(err, ERROR_INVALID, name, 1, 1, "column %zu: \"%s\" is no name for a variable", i + 1,
                                json_string_value(column));
        json_array_foreach(columns, k, other)
        {
            if (k < i && json_equal(column, other))
                return error_set_at(err, ERROR_INVALID, name, 1, 1, "there are two columns \"%s\"",
                                    json_string_value(column));
        }
    }
    return 0;
}

static int add_row(json_t *rows, const json_t *columns, const json_t *fields, const char *name, int line,
                   struct error *err)
{
    json_t *row = json_object();
    bool ok = row != NULL;
    if (json_array_size(columns) != json_array_size(fields)) {
        json_decref(row);
        return error_set_at(err, ERROR_INVALID, name, line, 1, "there are %zu columns, and this record has %zu fields",
                            json_array_size(columns), json_array_size(fields));
    }
    for (size_t i = 0; ok && i < json_array_size(columns); i++)
        ok = json_object_set(row, json_string_value(json_array_get(columns, i)), json_array_get(fields, i)) == 0;
    if (!ok) {
        json_decref(row);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return json_array_append_new(rows, row) == 0 ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

int table_parse_csv(struct bytes input, const char *name, json_t **rows, struct error *err)
{
    struct csv c = {
        .p = (const char *)input.data, .end = (const char *)input.data + input.len, .name = name, .line = 1};
    json_t *columns = json_array();
    *rows = json_array();
    if (!utf8_valid(input) || (input.len > 0 && memchr(input.data, '\0', input.len) != NULL)) {
        json_decref(columns);
        json_decref(*rows);
        *rows = NULL;
        return error_set_at(err, ERROR_SYNTAX, name, 1, 1, "a CSV file is text in UTF-8");
    }
    if (input.len >= 3 && memcmp(c.p, "\xEF\xBB\xBF", 3) == 0)
        c.p += 3;
    int code = columns != NULL && *rows != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && c.p == c.end)
        code = error_set_at(err, ERROR_INVALID, name, 1, 1, "the first record names the columns, and there is none");
    if (code == 0)
        code = read_record(&c, columns, err);
    if (code == 0)
        code = check_columns(columns, name, err);
    while (code == 0 && c.p < c.end) {
        int line = c.line;
        json_t *fields = json_array();
        code = fields != NULL ? read_record(&c, fields, err) : error_set(err, ERROR_MEMORY, "out of memory");
        if (code == 0 && json_array_size(*rows) == ROWS_MAX)
            code = error_set_at(err, ERROR_LIMIT, name, line, 1, "more than %d rows", ROWS_MAX);
        if (code == 0)
            code = add_row(*rows, columns, fields, name, line, err);
        json_decref(fields);
    }
    json_decref(columns);
    if (code != 0) {
        json_decref(*rows);
        *rows = NULL;
    }
    return code;
}

/* ---- JSON ---- */

static int parse_json(struct bytes input, const char *name, json_t **rows, struct error *err)
{
    struct document *d = NULL;
    int code = document_parse_json(input, name, &d, err);
    if (code != 0)
        return code;
    const struct node *root = document_root(d);
    if (root->kind != NODE_LIST)
        code =
            node_error(root, err, ERROR_INVALID, "rows are a list of maps, and this is %s", node_kind_name(root->kind));
    for (size_t i = 0; code == 0 && i < root->list.count; i++) {
        const struct node *row = &root->list.items[i];
        if (row->kind != NODE_MAP)
            code = node_error(row, err, ERROR_INVALID, "a row is a map, and this is %s", node_kind_name(row->kind));
        for (size_t k = 0; code == 0 && k < row->map.count; k++)
            if (!variable_name_valid(row->map.pairs[k].key))
                code = node_error(&row->map.pairs[k].value, err, ERROR_INVALID, "\"%s\" is no name for a variable",
                                  row->map.pairs[k].key);
    }
    if (code == 0 && (*rows = node_to_json(root)) == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    document_free(d);
    return code;
}

int table_load(struct world *w, const struct node *place, const char *path, json_t **rows, struct error *err)
{
    struct text content = TEXT_INIT;
    struct error own = ERROR_INIT;
    const char *dot = strrchr(path, '.');
    bool csv = dot != NULL && strcmp(dot, ".csv") == 0, json = dot != NULL && strcmp(dot, ".json") == 0;
    *rows = NULL;
    if (!csv && !json)
        return node_error(place, err, ERROR_INVALID, "rows are in a .csv or a .json file");
    if (w == NULL)
        return node_error(place, err, ERROR_UNSUPPORTED, "no files can be read here");
    int code = world_read_file(w, path, TABLE_FILE_MAX, &content, &own);
    if (code != 0) {
        struct text why = TEXT_INIT;
        error_format(&own, &why);
        node_error(place, err, code, "%s", why.len > 0 ? text_string(&why) : error_code_name(code));
        text_deinit(&why);
        error_clear(&own);
    } else {
        code = csv ? table_parse_csv(text_bytes(&content), path, rows, err)
                   : parse_json(text_bytes(&content), path, rows, err);
    }
    if (code == 0 && json_array_size(*rows) == 0) {
        json_decref(*rows);
        *rows = NULL;
        code = node_error(place, err, ERROR_INVALID, "%s has no rows", path);
    }
    text_deinit(&content);
    return code;
}
