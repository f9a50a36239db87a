#include "world/sim_plant.h"

#include "base/array.h"
#include "world/sim_disk.h"

#include <stdlib.h>
#include <string.h>

/* Seen and kept: nobody has anything to sync. */
static struct disk_node *plant_one(struct sim_disk *d, const char *path, size_t len, bool directory)
{
    struct disk_node *node = disk_node_new(directory);
    if (!node || !map_put_n(&d->seen, path, len, node)) {
        free(node);
        return NULL;
    }
    node->references++;
    if (map_put_n(&d->kept, path, len, node))
        return node;
    map_remove_n(&d->seen, path, len);
    node->references--;
    disk_node_release(d, node);
    return NULL;
}

static bool plant_parents(struct sim_disk *d, const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        const struct disk_node *there = map_get_n(&d->seen, path, len);
        if (there ? !there->directory : !plant_one(d, path, len, true))
            return false;
    }
    return true;
}

int sim_plant(struct sim *s, const char *node, const char *path, const struct sim_planted *what)
{
    struct world *w = sim_node(s, node);
    if (!w || path[0] != '/' || path[1] == '\0')
        return w ? ERROR_INVALID : ERROR_MEMORY;
    struct sim_disk *d = node_of(w)->disk;
    struct disk_node *there = map_get(&d->seen, path);
    if (!there && plant_parents(d, path)) {
        there = plant_one(d, path, strlen(path), what->directory);
        if (there && (!disk_image_resize(&there->seen, what->size) || !disk_image_resize(&there->kept, what->size)))
            return ERROR_LIMIT;
        d->used += there ? what->size : 0;
    }
    if (!there)
        return ERROR_MEMORY;
    there->origin = what->origin;
    return 0;
}

int sim_plant_fill(struct sim *s, const char *node, const char *path, struct bytes data, uint64_t offset)
{
    const struct sim_node *n = sim_find(s, node);
    struct disk_node *file = n ? map_get(&n->disk->seen, path) : NULL;
    if (!file || file->directory || offset + data.len > file->seen.size || offset + data.len > file->kept.size)
        return ERROR_INVALID;
    bool ok = disk_image_write(&file->seen, data.data, data.len, offset) &&
              disk_image_write(&file->kept, data.data, data.len, offset);
    return ok ? 0 : ERROR_MEMORY;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int sim_plant_each(struct sim *s, const char *node,
                   void (*each)(void *arg, const char *path, const struct sim_planted *what), void *arg)
{
    const struct sim_node *n = sim_find(s, node);
    ARRAY(const char *) names = {0};
    int code = n ? 0 : ERROR_NOT_FOUND;
    for (struct map_entry *e = n ? map_first(&n->disk->seen) : NULL; e && code == 0; e = map_next(e))
        if (!array_push(&names, map_key(e)))
            code = ERROR_MEMORY;
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), by_name);
    for (size_t i = 0; i < names.count && code == 0; i++) {
        const struct disk_node *node_at = map_get(&n->disk->seen, names.items[i]);
        each(arg, names.items[i],
             &(struct sim_planted){
                 .directory = node_at->directory, .size = node_at->seen.size, .origin = node_at->origin});
    }
    array_deinit(&names);
    return code;
}
