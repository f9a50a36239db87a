#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define FLOW_FILE_MAX ((size_t)4 << 20)

static void file_release(struct flow_file *f)
{
    if (f != NULL && --f->flows == 0) {
        document_free(f->document);
        free(f);
    }
}

static int read_flow(struct flow *f, const struct node *n, struct error *err)
{
    const struct node *name = node_get(n, "contract");
    int code;
    f->contract = name != NULL;
    f->line = n->line;
    f->column = n->column;
    if ((code = node_need_text(n, f->contract ? "contract" : "flow", &f->name, err)) != 0 ||
        (code = node_may_text(n, "provider", &f->provider, err)) != 0 ||
        (code = node_may_map(n, "vars", &f->variables, err)) != 0 ||
        (code = node_may_map(n, "doubles", &f->doubles, err)) != 0 ||
        (code = node_may_list(n, "steps", &f->steps, err)) != 0 ||
        (code = node_may_list(n, "finally", &f->finally, err)) != 0)
        return code;
    return flow_check(f, n, err);
}

static int add_flow(struct flow_file *file, const struct node *n, struct flow_list *out, struct error *err)
{
    struct flow *f = calloc(1, sizeof *f);
    struct flow **items = realloc(out->items, (out->count + 1) * sizeof *items);
    if (items != NULL)
        out->items = items;
    if (f == NULL || items == NULL) {
        free(f);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    f->file = file;
    f->path = document_name(file->document);
    file->flows++;
    out->items[out->count++] = f;
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "a flow is a map that begins with \"flow: NAME\", and this is %s",
                          node_kind_name(n->kind));
    return read_flow(f, n, err);
}

int flow_load(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    struct text content = TEXT_INIT;
    struct flow_list found = {0};
    struct flow_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    /* Held by this function as well, until it returns. */
    file->flows = 1;
    int code = world_read_file(w, path, FLOW_FILE_MAX, &content, err);
    if (code == 0)
        code = document_parse_yaml(text_bytes(&content), path, &file->document, err);
    if (code == 0) {
        static const char *const keys[] = {"flows", NULL};
        const struct node *root = document_root(file->document), *list = node_get(root, "flows");
        if (list == NULL)
            code = add_flow(file, root, &found, err);
        else if ((code = node_only_keys(root, keys, err)) == 0 && (code = node_may_list(root, "flows", &list, err)) == 0)
            for (size_t i = 0; i < list->list.count && code == 0; i++)
                code = add_flow(file, &list->list.items[i], &found, err);
    }
    if (code == 0 && !flow_list_append(out, &found))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    flow_list_free(&found);
    file_release(file);
    text_deinit(&content);
    return code;
}

/* ---- folders ---- */

struct names {
    struct world *world;
    const char *folder;
    ARRAY(char *) paths;
    bool failed;
};

static void add_name(void *arg, const char *name)
{
    struct names *n = arg;
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/%s", n->folder, name);
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

/* Adds the message to those collected so far; the first one's place and code stay. */
static void collect(struct text *all, struct error *one)
{
    if (all->len > 0)
        text_char(all, '\n');
    error_format(one, all);
    error_clear(one);
}

static int load_folder(struct world *w, const char *path, int depth, struct flow_list *out, struct text *messages,
                       int *first)
{
    struct names names = {.world = w, .folder = path};
    int code = world_list(w, path, add_name, &names);
    if (code == 0 && names.failed)
        code = ERROR_MEMORY;
    for (size_t i = 0; i < names.paths.count && code == 0; i++) {
        struct world_stat stat = {0};
        const char *name = names.paths.items[i];
        struct error one = ERROR_INIT;
        world_stat(w, name, &stat);
        if (stat.directory && depth > 0) {
            code = load_folder(w, name, depth - 1, out, messages, first);
        } else if (!stat.directory && (ends_with(name, ".yaml") || ends_with(name, ".yml"))) {
            int own = flow_load(w, name, out, &one);
            if (own != 0) {
                *first = *first != 0 ? *first : own;
                collect(messages, &one);
            }
        }
    }
    for (size_t i = 0; i < names.paths.count; i++)
        free(names.paths.items[i]);
    array_deinit(&names.paths);
    return code;
}

int flow_load_tree(struct world *w, const char *path, struct flow_list *out, struct error *err)
{
    struct world_stat stat = {0};
    struct text messages = TEXT_INIT;
    int first = 0;
    if (world_stat(w, path, &stat) == 0 && !stat.exists)
        return error_set(err, ERROR_NOT_FOUND, "%s: no such file or folder", path);
    if (!stat.directory)
        return flow_load(w, path, out, err);
    int code = load_folder(w, path, 8, out, &messages, &first);
    if (code != 0)
        code = error_set(err, code, "cannot read the folder %s: %s", path, error_code_name(code));
    else if (first != 0)
        code = error_set(err, first, "%s", text_string(&messages));
    text_deinit(&messages);
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
