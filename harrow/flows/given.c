#include "harrow/flows/given.h"

#include "base/document.h"
#include "e2e/internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define VARIABLES_FILE_MAX ((size_t)1 << 20) /* bytes */
#define FOLDER_MAX         4096

static const char *const functions[] = {"newUuid", "newDate", "getEnv"}; /* of Hurl's placeholders */

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* Adds `pair`, whose name ends at its first "=". */
static int add(struct given *g, const char *pair, const char *file, int line, struct error *err)
{
    size_t len = strcspn(pair, "=");
    char *name = arena_string_n(&g->arena, pair, len);
    if (name == NULL)
        return no_memory(err);
    if (pair[len] != '=' || len == 0)
        return error_set_at(err, ERROR_INVALID, file, line, line > 0 ? 1 : 0, "%s: expected NAME=VALUE", pair);
    if (!variable_name_valid(name))
        return error_set_at(err, ERROR_INVALID, file, line, line > 0 ? 1 : 0,
                            "\"%s\" is no name for a variable: letters, digits, _ and -", name);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(functions[i], name) == 0)
            return error_set_at(err, ERROR_INVALID, file, line, line > 0 ? 1 : 0,
                                "\"%s\" is a function's name: take another for the variable", name);
    return array_push(&g->pairs, pair) ? 0 : no_memory(err);
}

/* ---- lines ---- */

static int read_lines(struct given *g, struct bytes in, const char *path, struct error *err)
{
    int code = 0, number = 1;
    for (size_t at = 0; at < in.len && code == 0; number++) {
        const uint8_t *end = memchr(in.data + at, '\n', in.len - at);
        size_t next = end != NULL ? (size_t)(end - in.data) + 1 : in.len, stop = end != NULL ? next - 1 : next;
        while (at < stop && isspace(in.data[at]))
            at++;
        while (stop > at && isspace(in.data[stop - 1]))
            stop--;
        if (at < stop && in.data[at] != '#') {
            const char *pair = arena_string_n(&g->arena, (const char *)in.data + at, stop - at);
            code = pair != NULL ? add(g, pair, path, number, err) : no_memory(err);
        }
        at = next;
    }
    return code;
}

/* ---- JSON ---- */

static int add_node(struct given *g, const char *name, bool postman, const struct node *value, struct error *err)
{
    struct text pair = TEXT_INIT;
    if (value->kind == NODE_LIST || value->kind == NODE_MAP)
        return node_error(value, err, ERROR_INVALID, "\"%s\": a variable's value is a text, a number, true or false",
                          name);
    for (const char *p = name; *p != '\0'; p++) /* as collections name it, docs/flows-import.md */
        text_char(&pair, postman && !isalnum((unsigned char)*p) ? '_' : *p);
    text_char(&pair, '=');
    if (value->kind == NODE_TEXT)
        text_add(&pair, value->text.data, value->text.len);
    else if (value->kind == NODE_INTEGER)
        text_printf(&pair, "%" PRId64, value->integer);
    else if (value->kind == NODE_REAL)
        text_printf(&pair, "%.17g", value->real);
    else
        text_puts(&pair, value->kind == NODE_NULL ? "null" : value->boolean ? "true" : "false");
    const char *kept = text_ok(&pair) ? arena_string(&g->arena, text_string(&pair)) : NULL;
    text_deinit(&pair);
    return kept != NULL ? add(g, kept, document_name(value->document), value->line, err) : no_memory(err);
}

/* "values": [{"key": ..., "value": ..., "enabled": true}] */
static int read_postman(struct given *g, const struct node *list, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < list->list.count && code == 0; i++) {
        const struct node *one = &list->list.items[i], *key = node_get(one, "key"), *value = node_get(one, "value");
        const struct node *enabled = node_get(one, "enabled");
        if (key == NULL || key->kind != NODE_TEXT || value == NULL)
            return node_error(one, err, ERROR_INVALID, "expected a \"key\" and a \"value\"");
        if (enabled == NULL || enabled->kind != NODE_BOOL || enabled->boolean)
            code = add_node(g, (const char *)key->text.data, true, value, err);
    }
    return code;
}

static int read_json(struct given *g, struct bytes in, const char *path, struct error *err)
{
    struct document *d = NULL;
    int code = document_parse_json(in, path, &d, err);
    const struct node *root = code == 0 ? document_root(d) : NULL;
    const struct node *values = root != NULL ? node_get(root, "values") : NULL;
    if (root != NULL && root->kind != NODE_MAP)
        code = node_error(root, err, ERROR_INVALID, "expected a map of variables, and this is %s",
                          node_kind_name(root->kind));
    else if (values != NULL && values->kind == NODE_LIST)
        code = read_postman(g, values, err);
    else
        for (size_t i = 0; root != NULL && i < root->map.count && code == 0; i++)
            code = add_node(g, root->map.pairs[i].key, false, &root->map.pairs[i].value, err);
    document_free(d);
    return code;
}

static int read_one(struct given *g, struct world *w, const char *path, struct error *err)
{
    struct text content = TEXT_INIT;
    size_t len = strlen(path);
    int code = world_read_file(w, path, VARIABLES_FILE_MAX, &content, err);
    if (code == ERROR_NOT_FOUND)
        code = error_set_at(err, code, path, 0, 0, "there is no such file");
    else if (code == 0)
        code = len > 5 && strcmp(path + len - 5, ".json") == 0 ? read_json(g, text_bytes(&content), path, err)
                                                               : read_lines(g, text_bytes(&content), path, err);
    text_deinit(&content);
    return code;
}

/* ---- */

static int add_environment(struct given *g, char *const *environment, struct error *err)
{
    struct text setting = TEXT_INIT;
    int code = 0;
    for (; environment != NULL && *environment != NULL && code == 0; environment++) {
        if (strncmp(*environment, "HURL_", 5) != 0)
            continue;
        text_clear(&setting);
        text_printf(&setting, "variable=%s", *environment + 5);
        const char *kept = text_ok(&setting) ? arena_string(&g->arena, text_string(&setting)) : NULL;
        code = kept != NULL && array_push(&g->hurl, kept) ? 0 : no_memory(err);
    }
    text_deinit(&setting);
    return code;
}

int given_read(struct given *g, struct world *w, const struct option_list *files, const struct option_list *variables,
               const struct option_list *hurl, char *const *environment, struct error *err)
{
    char folder[FOLDER_MAX];
    int code = add_environment(g, environment, err);
    for (size_t i = 0; i < files->count && code == 0; i++)
        code = read_one(g, w, files->items[i], err);
    for (size_t i = 0; i < variables->count && code == 0; i++)
        code = add(g, variables->items[i], "--variable", 0, err);
    for (size_t i = 0; i < hurl->count && code == 0; i++)
        code = array_push(&g->hurl, hurl->items[i]) ? 0 : no_memory(err);
    if (code == 0 && (!array_push(&g->pairs, NULL) || !array_push(&g->hurl, NULL)))
        code = no_memory(err);
    if (code == 0)
        g->settings = (struct import_settings){
            .hurl = g->hurl.items,
            .folder = getcwd(folder, sizeof folder) != NULL ? arena_string(&g->arena, folder) : NULL};
    return code;
}

void given_deinit(struct given *g)
{
    array_deinit(&g->pairs);
    array_deinit(&g->hurl);
    arena_deinit(&g->arena);
    *g = (struct given){0};
}
