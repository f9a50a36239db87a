/* Names of the simulated disk: what programs do with paths. See sim_disk.h. */
#include "world/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sim_stat(struct world *w, const char *path, struct world_stat *out)
{
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    if (code < 0)
        return code;
    const struct disk_node *node = map_get(&disk_of(w)->seen, clean);
    out->exists = node != NULL || disk_is_root(clean);
    out->directory = disk_is_root(clean) || (node && node->directory);
    out->executable = node && node->executable;
    out->size = node ? node->seen.size : 0;
    out->modified = node ? node->modified : 0;
    return 0;
}

static int rename_allowed(const struct sim_disk *d, const char *from, const char *to)
{
    const struct disk_node *node = map_get(&d->seen, from), *old = map_get(&d->seen, to);
    size_t len = strlen(from);
    if (disk_is_root(from) || disk_is_root(to))
        return ERROR_INVALID;
    if (!node || !disk_directory_exists(d, to, disk_parent_length(to)))
        return ERROR_NOT_FOUND;
    if (strncmp(to, from, len) == 0 && to[len] == '/')
        return ERROR_INVALID; /* into itself */
    if (old && old->directory != node->directory)
        return error_from_errno(old->directory ? EISDIR : ENOTDIR);
    if (old && old->directory && disk_has_children(d, to))
        return error_from_errno(ENOTEMPTY);
    return 0;
}

int sim_rename(struct world *w, const char *from_path, const char *to_path)
{
    struct sim_disk *d = disk_of(w);
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    int code = disk_path_clean(from_path, from);
    if (code == 0)
        code = disk_path_clean(to_path, to);
    if (code == 0)
        code = rename_allowed(d, from, to);
    if (code < 0 || strcmp(from, to) == 0)
        return code;
    code = disk_change_fault(d, SIM_DISK_RENAME, d->faults.write_error);
    if (code == 0)
        code = journal_add(d, NAME_RENAME, from, to, map_get(&d->seen, from));
    if (code < 0)
        return code;
    sim_trace_line(d->node, "disk rename %s to %s", from, to);
    if (!names_move(d, &d->seen, from, to)) {
        /* Half moved is no state a disk can be in. */
        d->node->sim->broken = ERROR_MEMORY;
        return ERROR_MEMORY;
    }
    return 0;
}

static int remove_clean(struct sim_disk *d, const char *clean)
{
    struct disk_node *node = map_get(&d->seen, clean);
    if (!node)
        return disk_is_root(clean) ? ERROR_INVALID : ERROR_NOT_FOUND;
    if (node->directory && disk_has_children(d, clean))
        return error_from_errno(ENOTEMPTY);
    int code = disk_change_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    if (code == 0)
        code = journal_add(d, NAME_REMOVE, clean, NULL, node);
    if (code < 0)
        return code;
    sim_trace_line(d->node, "disk remove %s", clean);
    map_remove(&d->seen, clean);
    disk_node_release(d, node);
    return 0;
}

int sim_remove(struct world *w, const char *path)
{
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    return code < 0 ? code : remove_clean(disk_of(w), clean);
}

/* The name that sorts last among a tree's: nothing stands below it, so it can go. */
static const char *tree_last(const struct sim_disk *d, const char *root)
{
    const char *last = NULL;
    size_t len = disk_is_root(root) ? 0 : strlen(root);
    for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e)) {
        const char *key = map_key(e);
        if (strncmp(key, root, len) != 0 || (key[len] != '/' && key[len] != '\0'))
            continue;
        if (!last || strcmp(key, last) > 0)
            last = key;
    }
    return last;
}

int sim_remove_tree(struct world *w, const char *path)
{
    struct sim_disk *d = disk_of(w);
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    const char *last;
    while (code == 0 && (last = tree_last(d, clean))) {
        char *name = strdup(last); /* the entry's own key goes with it */
        code = name ? remove_clean(d, name) : ERROR_MEMORY;
        free(name);
    }
    return code;
}

int sim_make_one_directory(struct world *w, const char *path)
{
    struct sim_disk *d = disk_of(w);
    char clean[DISK_PATH_MAX];
    struct disk_node *node;
    int code = disk_path_clean(path, clean);
    if (code < 0)
        return code;
    if (disk_is_root(clean) || map_get(&d->seen, clean))
        return ERROR_EXISTS;
    return disk_create(d, clean, true, &node);
}

int sim_sync_directory(struct world *w, const char *path)
{
    struct sim_disk *d = disk_of(w);
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    if (code < 0)
        return code;
    if (!disk_directory_exists(d, clean, strlen(clean)))
        return ERROR_NOT_FOUND;
    code = disk_sync_fault(d);
    sim_trace_line(d->node, "disk sync %s", code == 0 ? clean : error_code_name(code));
    return code < 0 ? code : journal_sync_directory(d, clean);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int sim_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
    const struct sim_disk *d = disk_of(w);
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    if (code < 0)
        return code;
    if (!disk_directory_exists(d, clean, strlen(clean)))
        return map_get(&d->seen, clean) ? error_from_errno(ENOTDIR) : ERROR_NOT_FOUND;
    size_t len = disk_is_root(clean) ? 0 : strlen(clean);
    ARRAY(char *) names = {0};
    for (struct map_entry *e = map_first(&d->seen); e && code == 0; e = map_next(e)) {
        const char *key = map_key(e);
        if (strncmp(key, clean, len) != 0 || key[len] != '/' || strchr(key + len + 1, '/'))
            continue;
        char *name = strdup(key + len + 1);
        if (!name || !array_push(&names, name)) {
            free(name);
            code = ERROR_MEMORY;
        }
    }
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), by_name);
    for (size_t i = 0; i < names.count; i++) {
        if (code == 0)
            each(arg, names.items[i]);
        free(names.items[i]);
    }
    array_deinit(&names);
    return code;
}

int sim_disk_files(struct sim *s, const char *node, void (*each)(void *arg, const char *path, uint64_t size), void *arg)
{
    const struct sim_node *n = sim_find(s, node);
    if (!n)
        return ERROR_NOT_FOUND;
    ARRAY(const char *) names = {0};
    int code = 0;
    for (struct map_entry *e = map_first(&n->disk->seen); e && code == 0; e = map_next(e))
        if (!((const struct disk_node *)map_value(e))->directory && !array_push(&names, map_key(e)))
            code = ERROR_MEMORY;
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), by_name);
    for (size_t i = 0; i < names.count && code == 0; i++) {
        const struct disk_node *file = map_get(&n->disk->seen, names.items[i]);
        each(arg, names.items[i], file->seen.size);
    }
    array_deinit(&names);
    return code;
}
