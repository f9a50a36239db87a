/* The files a flow depends on: its own, its folders' fixtures, what it includes, tables, bodies, stubs and snapshots it
 * names. What a name with variables will be is not known here. */
#include "e2e/kind.h"
#include "e2e/match/snapshot.h"

#include <string.h>

#define DEEP_MAX 32 /* files that include each other: the loader allows fewer */

struct finding {
    const char *document; /* whose nodes are walked */
    int (*each)(void *arg, const char *path);
    void *arg;
};

static int beside(const struct finding *g, const struct node *n)
{
    struct text path = TEXT_INIT;
    path_beside(g->document, (const char *)n->text.data, &path);
    int code = text_ok(&path) ? g->each(g->arg, text_string(&path)) : ERROR_MEMORY;
    text_deinit(&path);
    return code;
}

static int snapshot_of(const struct finding *g, const struct node *n)
{
    const struct node *name = n->kind == NODE_MAP ? node_get(n, "name") : n;
    struct text path = TEXT_INIT;
    if (name == NULL || name->kind != NODE_TEXT || has_variable(name))
        return 0;
    snapshots_folder(g->document, &path);
    text_printf(&path, "/%s.json", (const char *)name->text.data);
    int code = text_ok(&path) ? g->each(g->arg, text_string(&path)) : ERROR_MEMORY;
    text_deinit(&path);
    return code;
}

/* Depth is bounded by the document's. */
static int walk(const struct finding *g, const struct node *n)
{
    static const char *const naming[] = {"file", "stubs", "cases"};
    int code = 0;
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count && code == 0; i++)
        code = walk(g, &n->list.items[i]);
    for (size_t i = 0; n->kind == NODE_MAP && i < n->map.count && code == 0; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        bool names = false;
        for (size_t k = 0; k < sizeof naming / sizeof naming[0]; k++)
            names = names || strcmp(p->key, naming[k]) == 0;
        if (names && p->value.kind == NODE_TEXT && p->value.text.len > 0 && !has_variable(&p->value))
            code = beside(g, &p->value);
        else if (strcmp(p->key, "snapshot") == 0)
            code = snapshot_of(g, &p->value);
        else
            code = walk(g, &p->value);
    }
    return code;
}

static int files_of(const struct flow_file *file, int deep, int (*each)(void *arg, const char *path), void *arg)
{
    const struct finding g = {.document = document_name(file->document), .each = each, .arg = arg};
    int code = deep < DEEP_MAX ? each(arg, g.document) : 0;
    if (code == 0 && deep < DEEP_MAX)
        code = walk(&g, document_root(file->document));
    for (size_t i = 0; code == 0 && deep < DEEP_MAX && i < file->includes.count; i++)
        if (file->includes.items[i].from.count > 0)
            code = files_of(file->includes.items[i].from.items[0]->file, deep + 1, each, arg);
    return code == 0 && file->around != NULL ? files_of(file->around->file, deep + 1, each, arg) : code;
}

int flow_files(const struct flow *f, int (*each)(void *arg, const char *path), void *arg)
{
    return files_of(f->file, 0, each, arg);
}

void flow_list_keep(struct flow_list *l, bool (*keep)(void *arg, const struct flow *f), void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (keep(arg, l->items[i]))
            l->items[kept++] = l->items[i];
        else
            flow_free(l->items[i]);
    l->count = kept;
}
