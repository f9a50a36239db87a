/* Flow files: one flow, or several under "flows"; alone or by folder. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define FLOW_FILE_MAX ((size_t)4 << 20) /* bytes */
#define FOLDER_DEPTH  8                 /* folders below the one named */

static void file_release(struct flow_file *file)
{
    if (file != NULL && --file->flows == 0) {
        document_free(file->document);
        free(file);
    }
}

static bool has_commands(const struct node *steps)
{
    for (size_t i = 0; steps != NULL && i < steps->list.count; i++)
        if (node_get(&steps->list.items[i], "run") != NULL)
            return true;
    return false;
}

static int read_flow(struct flow *f, const struct node *n, struct error *err)
{
    int code;
    f->contract = node_get(n, "contract") != NULL;
    if ((code = node_need_text(n, f->contract ? "contract" : "flow", &f->name, err)) != 0 ||
        (code = node_may_text(n, "provider", &f->provider, err)) != 0 ||
        (code = node_may_map(n, "vars", &f->variables, err)) != 0 ||
        (code = node_may_map(n, "environment", &f->environment, err)) != 0 ||
        (code = node_may_map(n, "doubles", &f->doubles, err)) != 0 ||
        (code = node_may_list(n, "steps", &f->steps, err)) != 0 ||
        (code = node_may_list(n, "finally", &f->finally, err)) != 0)
        return code;
    f->commands = has_commands(f->steps) || has_commands(f->finally);
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

static int read_file(struct flow_file *file, struct flow_list *out, struct error *err)
{
    static const char *const keys[] = {"flows", NULL};
    const struct node *root = document_root(file->document), *list = NULL;
    if (node_get(root, "flows") == NULL)
        return add_flow(file, root, out, err);
    int code = node_only_keys(root, keys, err);
    if (code == 0)
        code = node_may_list(root, "flows", &list, err);
    if (code == 0 && list->list.count == 0)
        code = node_error(list, err, ERROR_INVALID, "there are no flows in this file");
    for (size_t i = 0; code == 0 && i < list->list.count; i++)
        code = add_flow(file, &list->list.items[i], out, err);
    return code;
}

int flow_parse(struct bytes input, const char *name, struct flow_list *out, struct error *err)
{
    struct flow_list found = {0};
    struct flow_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    file->flows = 1; /* held by this function as well, until it returns */
    int code = document_parse_yaml(input, name, &file->document, err);
    if (code == 0)
        code = read_file(file, &found, err);
    if (code == 0 && !flow_list_append(out, &found))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    flow_list_free(&found);
    file_release(file);
    return code;
}

int flow_load(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    struct text content = TEXT_INIT;
    int code = world_read_file(w, path, FLOW_FILE_MAX, &content, err);
    if (code == 0)
        code = flow_parse(text_bytes(&content), path, out, err);
    text_deinit(&content);
    return code;
}

/* ---- folders ---- */

struct names {
    const char *folder;
    ARRAY(char *) paths;
    bool failed;
};

static void add_name(void *arg, const char *name)
{
    struct names *n = arg;
    struct text path = TEXT_INIT;
    size_t len = strlen(n->folder);
    text_printf(&path, "%s%s%s", n->folder, len > 0 && n->folder[len - 1] == '/' ? "" : "/", name);
    char *copy = text_take(&path);
    if (copy == NULL || !array_push(&n->paths, copy)) {
        free(copy);
        n->failed = true;
    }
}

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

static void load_folder(struct world *w, const char *path, int depth, struct flow_list *out, struct collected *errors)
{
    struct names names = {.folder = path};
    struct error one = ERROR_INIT;
    int code = world_list(w, path, add_name, &names);
    if (code == 0 && names.failed)
        code = ERROR_MEMORY;
    if (code == 0 && depth == 0)
        code = ERROR_LIMIT;
    if (code != 0) {
        error_set(&one, code, "cannot read the folder %s: %s", path, error_code_name(code));
        collect(errors, &one, code);
    }
    for (size_t i = 0; i < names.paths.count; i++) {
        struct world_stat stat = {0};
        const char *name = names.paths.items[i];
        world_stat(w, name, &stat);
        if (code == 0 && stat.directory) {
            load_folder(w, name, depth - 1, out, errors);
        } else if (code == 0 && (ends_with(name, ".yaml") || ends_with(name, ".yml"))) {
            int own = flow_load(w, name, out, &one);
            if (own != 0)
                collect(errors, &one, own);
        }
        free(names.paths.items[i]);
    }
    array_deinit(&names.paths);
}

int flow_load_tree(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    struct world_stat stat = {0};
    struct collected errors = {0};
    if (world_stat(w, path, &stat) == 0 && !stat.exists)
        return error_set(err, ERROR_NOT_FOUND, "%s: no such file or folder", path);
    if (!stat.directory)
        return flow_load(w, path, out, err);
    load_folder(w, path, FOLDER_DEPTH, out, &errors);
    int code = errors.code;
    if (code != 0)
        error_set(err, code, "%s", text_string(&errors.messages));
    text_deinit(&errors.messages);
    return code;
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

void flow_list_free(struct flow_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        file_release(l->items[i]->file);
        free(l->items[i]);
    }
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
