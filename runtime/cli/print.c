/* What commands print: JSON, tables, lists of names. */
#include "runtime/cli/cli.h"

#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_MAX 12
#define CELL_GAP    2 /* blanks between columns */

const char *const cli_outputs[] = {"table", "json", NULL};

bool cli_as_json(void)
{
    return cli_flags.json || (cli_flags.output && strcmp(cli_flags.output, "json") == 0);
}

/* ---- JSON ---- */

static void print_indented(const char *text)
{
    bool indent = true; /* JSON text has no raw line break inside strings, so leading blanks are indentation */
    for (const char *p = text; *p; p++) {
        putchar(indent && *p == ' ' ? '\t' : *p);
        indent = *p == '\n' || (indent && *p == ' ');
    }
    putchar('\n');
}

int cli_print_json(struct bytes json)
{
    json_error_t where;
    json_t *value = json_loadb((const char *)json.data, json.len, JSON_DECODE_ANY, &where);
    int code = value ? cli_print_value(value)
                     : cli_fail(CLI_MALFORMED, "malformed response: %d:%d: %s", where.line, where.column, where.text);
    json_decref(value);
    return code;
}

int cli_print_value(const json_t *value)
{
    char *text = json_text_of(value, 1);
    if (!text)
        return cli_no_memory();
    print_indented(text);
    free(text);
    return CLI_OK;
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int64_t cli_integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

void cli_pairs(struct text *out, const json_t *map)
{
    const char *key;
    json_t *value;
    size_t before = out->len;
    void *at;
    for (at = json_object_iter((json_t *)(uintptr_t)map); at;
         at = json_object_iter_next((json_t *)(uintptr_t)map, at)) {
        key = json_object_iter_key(at);
        value = json_object_iter_value(at);
        text_printf(out, "%s%s=%s", out->len > before ? ", " : "", key,
                    json_is_string(value) ? json_string_value(value) : "?");
    }
}

void cli_time(struct text *out, int64_t seconds)
{
    char time[40];
    if (seconds <= 0 || seconds > INT64_MAX / SECOND)
        return;
    units_format_time(seconds * SECOND, time, sizeof time);
    text_puts(out, time);
}

/* ---- words given ---- */

int cli_parse_pairs(const struct option_list *words, const char *what, json_t **out)
{
    json_t *map = json_object();
    for (size_t i = 0; map && i < words->count; i++) {
        const char *word = words->items[i], *equal = strchr(word, '=');
        char key[256];
        if (!equal || equal == word || (size_t)(equal - word) >= sizeof key) {
            json_decref(map);
            return cli_fail(CLI_MALFORMED, "malformed %s \"%.80s\": it is written key=value", what, word);
        }
        snprintf(key, sizeof key, "%.*s", (int)(equal - word), word);
        if (json_object_set_new(map, key, json_string(equal + 1)) != 0) {
            json_decref(map);
            return cli_fail(CLI_MALFORMED, "the %s \"%.80s\" is not UTF-8", what, key);
        }
    }
    *out = map;
    return map ? CLI_OK : cli_no_memory();
}

json_t *cli_list(const struct option_list *words)
{
    json_t *list = json_array();
    for (size_t i = 0; i < words->count; i++) {
        const char *p = words->items[i];
        for (;;) {
            size_t len = strcspn(p, ",");
            if (len > 0)
                json_build_add(&list, json_stringn(p, len));
            if (!p[len])
                break;
            p += len + 1;
        }
    }
    return list;
}

/* ---- tables ---- */

/* Columns on a terminal are characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static char *cell_of(const json_t *row, const struct cli_column *column)
{
    struct text out = TEXT_INIT;
    if (column->cell) {
        column->cell(&out, row);
    } else {
        const json_t *value = json_object_get(row, column->key);
        if (json_is_string(value)) {
            text_puts(&out, json_string_value(value));
        } else if (json_is_boolean(value)) {
            text_puts(&out, json_is_true(value) ? "true" : "false");
        } else if (json_is_integer(value)) {
            text_printf(&out, "%lld", (long long)json_integer_value(value));
        }
    }
    if (out.len == 0)
        text_puts(&out, "n/a");
    for (size_t i = 0; i < out.len; i++) /* what a service says must not steer the terminal */
        if ((unsigned char)out.data[i] < 0x20 || out.data[i] == 0x7F)
            out.data[i] = ' ';
    return text_take(&out);
}

static void print_row(char *const *cells, const size_t *widths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(cells[i], stdout);
        for (size_t n = width_of(cells[i]); i + 1 < count && n < widths[i] + CELL_GAP; n++)
            putchar(' ');
    }
    putchar('\n');
}

int cli_table(const json_t *rows, const struct cli_column *columns, size_t count)
{
    size_t widths[COLUMNS_MAX], lines = json_array_size(rows) + 1, made = 0;
    if (cli_as_json()) {
        json_t *none = rows ? NULL : json_array();
        int code = cli_print_value(rows ? rows : none);
        json_decref(none);
        return code;
    }
    if (count > COLUMNS_MAX)
        return cli_fail(CLI_UNKNOWN, "a table has at most %d columns", COLUMNS_MAX);
    char **cells = calloc(lines * count, sizeof *cells);
    for (; cells && made < lines * count; made++) {
        size_t column = made % count, line = made / count;
        cells[made] =
            line == 0 ? strdup(columns[column].title) : cell_of(json_array_get(rows, line - 1), &columns[column]);
        if (!cells[made])
            break;
        size_t width = width_of(cells[made]);
        if (line == 0 || width > widths[column])
            widths[column] = width;
    }
    int code = made == lines * count ? CLI_OK : cli_no_memory();
    for (size_t i = 0; code == CLI_OK && i < lines; i++)
        print_row(cells + i * count, widths, count);
    for (size_t i = 0; i < made; i++)
        free(cells[i]);
    free(cells);
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int cli_names(const json_t *names, bool sorted)
{
    size_t count = 0, i;
    const json_t *name;
    const char **list = calloc(json_array_size(names) + 1, sizeof *list);
    json_t *out = json_array();
    if (!list || !out) {
        free(list);
        json_decref(out);
        return cli_no_memory();
    }
    json_array_foreach(names, i, name)
    {
        if (json_is_string(name))
            list[count++] = json_string_value(name);
    }
    if (sorted)
        qsort(list, count, sizeof *list, by_name);
    int code = CLI_OK;
    for (i = 0; i < count; i++) {
        if (sorted && i > 0 && strcmp(list[i], list[i - 1]) == 0)
            continue;
        if (!cli_as_json())
            printf("%s\n", list[i]);
        else if (json_array_append_new(out, json_string(list[i])) != 0)
            code = cli_no_memory();
    }
    if (code == CLI_OK && cli_as_json())
        code = cli_print_value(out);
    json_decref(out);
    free(list);
    return code;
}

static int output_error; /* errno of the first failure that was seen */

void cli_flush(void)
{
    errno = 0;
    if (fflush(stdout) != 0 && output_error == 0)
        output_error = errno;
}

/* Whoever read what we write has gone, which a pipe tells at once. */
static bool is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

int cli_end_output(int code)
{
    cli_flush();
    if (!ferror(stdout) || code != CLI_OK)
        return code;
    if (is_reader_gone()) /* it has enough */
        return CLI_TIMEOUT;
    return cli_fail(CLI_TIMEOUT, "cannot write to standard output%s%s", output_error ? ": " : "",
                    output_error ? strerror(output_error) : "");
}
