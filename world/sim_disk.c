/* The simulated disk: its nodes and paths, its faults, its life. See sim_disk.h. */
#include "world/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000

/* ---- nodes and paths --------------------------------------------------------------------------------------------- */

struct disk_node *disk_node_new(bool directory)
{
    struct disk_node *node = calloc(1, sizeof(*node));
    if (!node)
        return NULL;
    node->references = 1;
    node->directory = directory;
    node->writes_end = &node->writes;
    return node;
}

void disk_node_release(struct sim_disk *d, struct disk_node *node)
{
    if (--node->references > 0)
        return;
    d->used -= node->seen.size;
    while (node->writes) {
        struct disk_write *next = node->writes->next;
        free(node->writes);
        node->writes = next;
    }
    disk_image_free(&node->seen);
    disk_image_free(&node->kept);
    free(node);
}

size_t disk_parent_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash != path ? (size_t)(slash - path) : 1;
}

/* The path from the root without ".", ".." and doubled slashes. `out` has DISK_PATH_MAX bytes. */
int disk_path_clean(const char *path, char *out)
{
    size_t len = 0;
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            while (len > 0 && out[--len] != '/') {
            }
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (len + 1 + part >= DISK_PATH_MAX)
                return ERROR_INVALID;
            out[len++] = '/';
            memcpy(out + len, path, part);
            len += part;
        }
        path += part;
        path += *path == '/' ? 1 : 0;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return 0;
}

bool disk_directory_exists(const struct sim_disk *d, const char *path, size_t len)
{
    if (len == 1)
        return true;
    const struct disk_node *node = map_get_n(&d->seen, path, len);
    return node && node->directory;
}

static int hit(struct sim_disk *d, int code)
{
    d->hits++;
    return code;
}

int disk_fault(struct sim_disk *d, uint32_t parts_per_million)
{
    if (parts_per_million && random_below(&d->node->sim->lots, MILLION) < parts_per_million)
        return hit(d, ERROR_IO);
    return 0;
}

/* What changes something, or makes a change durable. */
int disk_change_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million)
{
    struct sim_disk_faults *f = &d->faults;
    if (f->kill_nth && f->kill_at == what && --f->kill_nth == 0) {
        sim_trace_line(d->node, "disk kill");
        d->hits++;
        sim_kill(d->node->sim, d->node->name);
        return ERROR_CLOSED;
    }
    if (f->read_only && what != SIM_DISK_SYNC)
        return hit(d, error_from_errno(EROFS));
    return disk_fault(d, parts_per_million);
}

/* A write, a sync or a create: the operations `fail_nth` counts. */
int disk_counted_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million)
{
    if (d->faults.fail_nth && --d->faults.fail_nth == 0)
        return hit(d, ERROR_IO);
    return disk_change_fault(d, what, parts_per_million);
}

/* A sync that is slow holds up its caller, whose world is this node. */
int disk_sync_fault(struct sim_disk *d)
{
    int code = disk_counted_fault(d, SIM_DISK_SYNC, d->faults.sync_error);
    if (code == 0 && d->faults.sync_delay > 0) {
        d->hits++;
        sim_node_busy(d->node, d->faults.sync_delay);
    }
    return code;
}

bool disk_no_room(struct sim_disk *d, uint64_t more)
{
    return d->faults.space && d->used + more > d->faults.space && hit(d, true);
}

bool disk_has_children(const struct sim_disk *d, const char *path)
{
    size_t len = disk_is_root(path) ? 0 : strlen(path);
    for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e))
        if (strncmp(map_key(e), path, len) == 0 && map_key(e)[len] == '/')
            return true;
    return false;
}

/* A new name with its journal entry. */
int disk_create(struct sim_disk *d, const char *path, bool directory, struct disk_node **out)
{
    if (!disk_directory_exists(d, path, disk_parent_length(path)))
        return ERROR_NOT_FOUND;
    int code = disk_counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    if (code < 0)
        return code;
    struct disk_node *node = disk_node_new(directory);
    if (!node)
        return ERROR_MEMORY;
    node->modified = world_wall(&d->node->base);
    if (!map_put(&d->seen, path, node)) {
        disk_node_release(d, node);
        return ERROR_MEMORY;
    }
    code = journal_add(d, NAME_CREATE, path, NULL, node);
    if (code < 0) {
        map_remove(&d->seen, path);
        disk_node_release(d, node);
        return code;
    }
    node->creation_pending = true;
    sim_trace_line(d->node, "disk create %s", path);
    *out = node;
    return 0;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct sim_disk *sim_disk_new(struct sim_node *n)
{
    struct sim_disk *d = calloc(1, sizeof(*d));
    if (d)
        d->node = n;
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (!d)
        return;
    journal_free(d);
    for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e))
        disk_node_release(d, map_value(e));
    for (struct map_entry *e = map_first(&d->kept); e; e = map_next(e))
        disk_node_release(d, map_value(e));
    map_deinit(&d->seen);
    map_deinit(&d->kept);
    free(d);
}

void sim_disk(struct sim *s, const char *node, const struct sim_disk_faults *faults)
{
    struct world *w = sim_node(s, node);
    if (!w) {
        s->broken = ERROR_MEMORY;
        return;
    }
    disk_of(w)->faults = faults ? *faults : (struct sim_disk_faults){0};
    disk_of(w)->hits = 0;
}

uint64_t sim_disk_hits(struct sim *s, const char *node)
{
    const struct sim_node *n = sim_find(s, node);
    return n ? n->disk->hits : 0;
}

uint64_t sim_disk_used(struct sim *s, const char *node)
{
    const struct sim_node *n = sim_find(s, node);
    return n ? n->disk->used : 0;
}

int sim_disk_flip(struct sim *s, const char *node, const char *path, uint64_t bit)
{
    struct sim_node *n = sim_find(s, node);
    char clean[DISK_PATH_MAX];
    int code = n ? disk_path_clean(path, clean) : ERROR_NOT_FOUND;
    struct disk_node *file = code == 0 ? map_get(&n->disk->seen, clean) : NULL;
    if (code < 0)
        return code;
    if (!file || file->directory || bit / 8 >= file->seen.size)
        return ERROR_NOT_FOUND;
    sim_trace_line(n, "disk flip %s bit %llu", clean, (unsigned long long)bit);
    return disk_image_flip(&file->seen, bit) && disk_image_flip(&file->kept, bit) ? 0 : ERROR_MEMORY;
}

static uint64_t node_held(const struct disk_node *n)
{
    uint64_t held = sizeof *n + disk_image_held(&n->seen) + disk_image_held(&n->kept);
    for (const struct disk_write *w = n->writes; w; w = w->next)
        held += sizeof *w + w->len;
    return held;
}

uint64_t sim_disk_held(const struct sim *s)
{
    uint64_t held = 0;
    for (size_t i = 0; i < s->nodes_count; i++) {
        const struct sim_disk *d = s->nodes[i]->disk;
        for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e))
            held += node_held(map_value(e));
        for (struct map_entry *e = map_first(&d->kept); e; e = map_next(e))
            held += map_get(&d->seen, map_key(e)) == map_value(e) ? 0 : node_held(map_value(e));
        for (size_t k = 0; k < d->journal.count; k++) {
            const struct name_op *op = &d->journal.items[k];
            bool gone = op->kind == NAME_CREATE && map_get(&d->seen, op->path) != op->node &&
                        map_get(&d->kept, op->path) != op->node;
            held += sizeof *op + strlen(op->path) + 1 + (op->to ? strlen(op->to) + 1 : 0);
            held += gone ? node_held(op->node) : 0;
        }
    }
    return held;
}
