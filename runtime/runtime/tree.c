#include "runtime/runtime/tree.h"

#include "runtime/runtime/unpack.h"

#include <stdio.h>
#include <string.h>

struct reading {
    struct world *world;
    struct tree *tree;
    const char *root, *parent; /* parent: relative, "" at the top */
    int code;
};

static int depth_of(const char *name)
{
    int depth = 1;
    for (; *name; name++)
        depth += *name == '/';
    return depth;
}

static void add(void *arg, const char *name)
{
    struct reading *r = arg;
    struct world_stat stat;
    if (r->code < 0 || strcmp(name, ".git") == 0)
        return;
    if (r->tree->entries.count >= UNPACK_ENTRIES_MAX) {
        r->code = ERROR_LIMIT;
        return;
    }
    char *full = arena_printf(&r->tree->arena, "%s%s%s", r->parent, *r->parent ? "/" : "", name);
    char *path = full ? arena_printf(&r->tree->arena, "%s/%s", r->root, full) : NULL;
    if (!path) {
        r->code = ERROR_MEMORY;
        return;
    }
    int rc = world_stat(r->world, path, &stat);
    if (rc < 0 || !stat.exists || (stat.directory && stat.link))
        return; /* gone meanwhile, or a link to nothing, or to a folder */
    struct tree_entry entry = {
        .name = full, .directory = stat.directory, .executable = stat.executable, .size = stat.size};
    if (stat.directory && depth_of(full) >= TREE_DEPTH_MAX)
        r->code = ERROR_LIMIT;
    else if (!array_push(&r->tree->entries, entry))
        r->code = ERROR_MEMORY;
    else
        r->tree->size += stat.directory ? 0 : stat.size;
}

int tree_read(struct world *w, const char *root, struct tree *out, struct error *err)
{
    struct reading r = {.world = w, .tree = out, .root = root, .parent = ""};
    *out = (struct tree){0};
    int rc = world_list(w, root, add, &r);
    for (size_t i = 0; rc == 0 && r.code == 0 && i < out->entries.count; i++) {
        char *path;
        if (!out->entries.items[i].directory)
            continue;
        r.parent = out->entries.items[i].name;
        path = arena_printf(&out->arena, "%s/%s", root, r.parent);
        rc = path ? world_list(w, path, add, &r) : ERROR_MEMORY;
    }
    if (rc == 0)
        rc = r.code;
    if (rc == ERROR_LIMIT)
        return error_set(err, rc, "%s holds more than %d entries, or is deeper than %d folders", root,
                         UNPACK_ENTRIES_MAX, TREE_DEPTH_MAX);
    return rc < 0 ? error_set(err, rc, "cannot read the folder %s: %s", root, error_code_name(rc)) : 0;
}

void tree_deinit(struct tree *t)
{
    array_deinit(&t->entries);
    arena_deinit(&t->arena);
}

const char *tree_base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}
