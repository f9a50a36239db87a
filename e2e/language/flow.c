/* Flow files: one flow, or several under "flows"; alone or by folder. */
#include "e2e/import/import.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define FLOW_FILE_MAX ((size_t)4 << 20) /* bytes */

void flow_file_release(struct flow_file *file)
{
    if (file == NULL || --file->flows != 0)
        return;
    for (size_t i = 0; i < file->includes.count; i++)
        flow_list_free(&file->includes.items[i].from);
    if (file->around != NULL)
        flow_file_release(file->around->file);
    free(file->fixtures);
    array_deinit(&file->includes);
    document_free(file->document);
    free(file);
}

/* What the flow's steps are known for: those of flows it includes, and those around it, count. */
static int look_at(void *arg, const struct step_kind *kind, const struct node *step)
{
    struct flow *f = arg;
    struct flow *included = kind == &kind_flow ? flow_included(f, step) : NULL;
    if (included != NULL)
        flow_look_at(included);
    f->commands = f->commands || kind->processes || (included != NULL && included->commands);
    f->browser = f->browser || kind == &kind_browser || (included != NULL && included->browser);
    f->alone = f->alone || kind->disturbs || (included != NULL && included->alone);
    return 0;
}

void flow_look_at(struct flow *f)
{
    if (f->looked_at)
        return;
    f->looked_at = true; /* flows do not include each other in a circle: that was checked */
    const struct node *const lists[] = {f->steps,        f->finally,     f->file->setup,
                                        f->file->before, f->file->after, f->file->teardown};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        steps_walk(lists[i], look_at, f);
}

static int read_flow(struct flow *f, const struct node *n, struct error *err)
{
    int code;
    bool isolate = true;
    f->contract = node_get(n, "contract") != NULL;
    if ((code = node_need_text(n, f->contract ? "contract" : "flow", &f->name, err)) != 0 ||
        (code = node_may_text(n, "provider", &f->provider, err)) != 0 ||
        (code = node_may_map(n, "vars", &f->variables, err)) != 0 ||
        (code = node_may_map(n, "environment", &f->environment, err)) != 0 ||
        (code = node_may_map(n, "doubles", &f->doubles, err)) != 0 ||
        (code = node_may_bool(n, "alone", &f->alone, err)) != 0 ||
        (code = node_may_bool(n, "isolate", &isolate, err)) != 0 ||
        (code = node_may_duration(n, "timeout", &f->timeout, err)) != 0 ||
        (code = node_may_list(n, "params", &f->params, err)) != 0 ||
        (code = node_may_list(n, "tags", &f->tags, err)) != 0 ||
        (code = node_may_list(n, "secrets", &f->secrets, err)) != 0 ||
        (code = node_may_list(n, "steps", &f->steps, err)) != 0 ||
        (code = node_may_list(n, "finally", &f->finally, err)) != 0)
        return code;
    f->shared = !isolate;
    f->cases = node_get(n, "cases");
    return flow_check(f, n, err);
}

static int add_flow(struct flow_file *file, const struct node *n, struct flow_list *out, struct error *err)
{
    struct flow *f = calloc(1, sizeof *f);
    struct flow **items = f != NULL ? realloc(out->items, (out->count + 1) * sizeof *items) : NULL;
    if (items == NULL) {
        free(f);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    out->items = items;
    f->file = file;
    f->path = document_name(file->document);
    f->name = "";
    f->line = n->line;
    f->column = n->column;
    file->flows++;
    out->items[out->count++] = f;
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "a flow is a map that begins with \"flow: NAME\", and this is %s",
                          node_kind_name(n->kind));
    int code = read_flow(f, n, err);
    for (size_t i = 0; i + 1 < out->count && code == 0; i++)
        if (strcmp(out->items[i]->name, f->name) == 0)
            code = node_error(n, err, ERROR_EXISTS, "there is a flow \"%s\" in line %d already", f->name,
                              out->items[i]->line);
    return code;
}

void flow_file_steps(struct flow_file *file)
{
    const struct node *root = document_root(file->document);
    file->setup = node_get(root, "setup");
    file->before = node_get(root, "before");
    file->after = node_get(root, "after");
    file->teardown = node_get(root, "teardown");
}

static int read_file(struct flow_file *file, struct flow_list *out, struct error *err)
{
    const struct node *root = document_root(file->document), *list = node_get(root, "flows");
    if (list == NULL)
        return add_flow(file, root, out, err);
    int code = file_check(root, err);
    if (code == 0 && list->list.count == 0)
        code = node_error(list, err, ERROR_INVALID, "there are no flows in this file");
    for (size_t i = 0; code == 0 && i < list->list.count; i++)
        code = add_flow(file, &list->list.items[i], out, err);
    flow_file_steps(file);
    return code;
}

bool flow_is_file(struct world *w, const char *path)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    bool is = false;
    if (world_read_file(w, path, FLOW_FILE_MAX, &content, NULL) == 0 &&
        document_parse_yaml(text_bytes(&content), path, &d, NULL) == 0) {
        const struct node *root = document_root(d), *flows = node_get(root, "flows");
        is = node_get(root, "flow") != NULL || node_get(root, "contract") != NULL ||
             (flows != NULL && flows->kind == NODE_LIST && flows->list.count > 0 &&
              flows->list.items[0].kind == NODE_MAP);
    }
    document_free(d);
    text_deinit(&content);
    return is;
}

/* ---- rows ---- */

static int check_rows(const struct node *cases, struct error *err)
{
    if (cases->list.count == 0)
        return node_error(cases, err, ERROR_INVALID, "there are no cases");
    for (size_t i = 0; i < cases->list.count; i++) {
        const struct node *row = &cases->list.items[i];
        const char *name;
        if (row->kind != NODE_MAP)
            return node_error(row, err, ERROR_INVALID, "a case is a map of variables, and this is %s",
                              node_kind_name(row->kind));
        int code = node_may_text(row, "case", &name, err);
        for (size_t k = 0; k < row->map.count && code == 0; k++)
            if (!variable_name_valid(row->map.pairs[k].key))
                code = node_error(&row->map.pairs[k].value, err, ERROR_INVALID, "\"%s\" is no name for a variable",
                                  row->map.pairs[k].key);
        if (code != 0)
            return code;
    }
    return 0;
}

static int read_cases(struct flow *f, struct world *w, struct error *err)
{
    struct text path = TEXT_INIT;
    if (f->cases == NULL)
        return 0;
    if (f->cases->kind == NODE_LIST)
        return check_rows(f->cases, err);
    if (f->cases->kind != NODE_TEXT)
        return node_error(f->cases, err, ERROR_INVALID,
                          "\"cases\" is a list of maps, or the name of a .csv or .json file");
    path_beside(f->path, (const char *)f->cases->text.data, &path);
    int code = text_ok(&path) ? table_load(w, f->cases, text_string(&path), &f->rows, err)
                              : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&path);
    return code;
}

/* By the name; books of runn name books by any name. */
static const struct import_format *format_of(const struct flow_loading *l)
{
    const struct import_format *format = import_format_of(l->path);
    if (format == NULL && l->by != NULL && l->by->path != NULL && (format = format_of(l->by)) != NULL &&
        !format->names_its_own)
        format = NULL;
    return format;
}

static int parse(const struct flow_loading *l, struct bytes input, struct flow_list *out, struct error *err)
{
    struct flow_list found = {0};
    struct flow_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    file->flows = 1; /* held by this function as well, until it returns */
    const struct import_format *format = format_of(l);
    int code = format == NULL ? document_parse_yaml(input, l->path, &file->document, err) : 0;
    if (code == 0 && format == NULL)
        format = import_format_in(document_root(file->document));
    else if (code != 0 && code != ERROR_MEMORY && (format = import_format_of_yaml(input)) != NULL) {
        error_clear(err); /* books may have what flow files may not, such as aliases */
        code = 0;
    }
    if (format != NULL) {
        document_free(file->document);
        file->document = NULL;
    }
    file->takes_all = format != NULL && format->names_its_own;
    struct import_settings settings = l->settings != NULL ? *l->settings : (struct import_settings){0};
    settings.included = l->by != NULL && l->by->path != NULL;
    if (code == 0 && format != NULL)
        code = format->parse_with != NULL ? format->parse_with(input, l->path, &settings, &file->document, err)
                                          : format->parse(input, l->path, &file->document, err);
    if (code == 0)
        code = read_file(file, &found, err);
    for (size_t i = 0; i < found.count && code == 0; i++)
        code = read_cases(found.items[i], l->world, err);
    if (code == 0)
        code = flow_load_includes(l, file, &found, err);
    for (size_t i = 0; i < found.count && code == 0; i++)
        flow_look_at(found.items[i]);
    if (code == 0 && !flow_list_append(out, &found))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    flow_list_free(&found);
    flow_file_release(file);
    return code;
}

int flow_parse_in(struct world *w, struct bytes input, const char *name, struct flow_list *out, struct error *err)
{
    const struct flow_loading l = {.world = w, .path = name};
    return parse(&l, input, out, err);
}

int flow_parse(struct bytes input, const char *name, struct flow_list *out, struct error *err)
{
    return flow_parse_in(NULL, input, name, out, err);
}

int flow_load_by(const struct flow_loading *by, const char *path, struct flow_list *out, struct error *err)
{
    struct text content = TEXT_INIT;
    const struct flow_loading l = {.world = by->world, .path = path, .by = by, .settings = by->settings};
    int code = world_read_file(by->world, path, FLOW_FILE_MAX, &content, err);
    if (code == 0)
        code = parse(&l, text_bytes(&content), out, err);
    text_deinit(&content);
    return code;
}

static int load_with(struct world *w, const char *path, const struct import_settings *settings, struct flow_list *out,
                     struct error *err)
{
    const struct flow_loading nobody = {.world = w, .settings = settings};
    size_t first = out->count;
    int code = flow_load_by(&nobody, path, out, err);
    return code != 0 ? code : folder_attach(w, out, first, err);
}

int flow_load(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    return load_with(w, path, NULL, out, err);
}

/* ---- folders ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* All errors of all files; the first one's code is the folder's. */
struct collected {
    struct text messages;
    int code;
};

static void collect(struct collected *all, struct error *one, int code)
{
    if (all->messages.len > 0)
        text_char(&all->messages, '\n');
    error_format(one, &all->messages);
    error_clear(one);
    if (all->code == 0)
        all->code = code;
}

struct loading {
    struct world *world;
    const struct import_settings *settings;
    struct flow_list *out;
    struct collected errors;
};

static int load_file(void *arg, const char *path)
{
    struct loading *l = arg;
    struct error one = ERROR_INIT;
    bool flows = ((ends_with(path, ".yaml") || ends_with(path, ".yml")) && !folder_is_fixtures(path)) ||
                 import_format_of(path) != NULL;
    int code = flows ? load_with(l->world, path, l->settings, l->out, &one) : 0;
    if (code != 0)
        collect(&l->errors, &one, code);
    return 0;
}

int flow_load_tree_with(struct world *w, const char *path, const struct import_settings *settings,
                        struct flow_list *out, struct error *err)
{
    struct world_stat stat = {0};
    struct loading l = {.world = w, .settings = settings, .out = out};
    struct error folder = ERROR_INIT;
    if (world_stat(w, path, &stat) == 0 && !stat.exists)
        return error_set_at(err, ERROR_NOT_FOUND, path, 0, 0, "there is no such file or folder");
    if (!stat.directory && folder_is_fixtures(path))
        return error_set(err, ERROR_INVALID,
                         "%s is what the flows of its folder share: name the folder, or one of them", path);
    if (!stat.directory)
        return load_with(w, path, settings, out, err);
    int code = world_walk(w, path, load_file, &l, &folder);
    if (code != 0)
        collect(&l.errors, &folder, code);
    code = l.errors.code;
    if (code != 0)
        error_set(err, code, "%s", text_string(&l.errors.messages));
    text_deinit(&l.errors.messages);
    return code;
}

int flow_load_tree(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    return flow_load_tree_with(w, path, NULL, out, err);
}

/* ---- the list ---- */

bool flow_list_append(struct flow_list *to, struct flow_list *from)
{
    if (from->count == 0)
        return true;
    struct flow **items = realloc(to->items, (to->count + from->count) * sizeof *items);
    if (items == NULL)
        return false;
    memcpy(items + to->count, from->items, from->count * sizeof *items);
    to->items = items;
    to->count += from->count;
    free(from->items);
    *from = (struct flow_list){0};
    return true;
}

void flow_free(struct flow *f)
{
    json_decref(f->rows);
    flow_file_release(f->file);
    free(f);
}

void flow_list_free(struct flow_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        flow_free(l->items[i]);
    free(l->items);
    *l = (struct flow_list){0};
}

const char *flow_name(const struct flow *f)
{
    return f->name;
}

const char *flow_file(const struct flow *f)
{
    return f->path;
}

const char *flow_provider(const struct flow *f)
{
    return f->provider;
}

size_t flow_double_count(const struct flow *f)
{
    return f->doubles != NULL ? f->doubles->map.count : 0;
}

void flow_double(const struct flow *f, size_t i, const char **name, const char **service)
{
    const struct node_pair *p = &f->doubles->map.pairs[i];
    *name = p->key;
    *service = (const char *)p->value.text.data;
}
