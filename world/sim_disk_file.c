/* Open files of the simulated disk: see sim_disk.h. */
#include "world/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sim_file {
    struct world_file base; /* first */
    struct disk_node *node;
    uint64_t incarnation;
    int flags;
    struct sim_file *next, **link;
};

static int write_remember(struct disk_node *node, bool truncate, const void *data, size_t len, uint64_t offset)
{
    if (len > SIZE_MAX / 2)
        return ERROR_LIMIT;
    struct disk_write *write = malloc(sizeof(*write) + len);
    if (!write)
        return ERROR_MEMORY;
    write->truncate = truncate;
    write->offset = offset;
    write->len = len;
    write->next = NULL;
    if (len)
        memcpy(write->data, data, len);
    *node->writes_end = write;
    node->writes_end = &write->next;
    return 0;
}

/* The newest remembered write, of which nothing was done yet, is forgotten. */
static void write_forget_last(struct disk_node *node)
{
    struct disk_write **place = &node->writes;
    while ((*place)->next)
        place = &(*place)->next;
    free(*place);
    *place = NULL;
    node->writes_end = place;
}

static int truncate_node(struct sim_disk *d, struct disk_node *node, uint64_t size)
{
    uint64_t before = node->seen.size;
    if (size > before && disk_no_room(d, size - before))
        return ERROR_NO_SPACE;
    int code = write_remember(node, true, NULL, 0, size);
    if (code < 0)
        return code;
    if (!disk_image_resize(&node->seen, size)) {
        write_forget_last(node);
        return ERROR_MEMORY;
    }
    d->used = d->used - before + node->seen.size;
    node->modified = world_wall(&d->node->base);
    return 0;
}

static int find_or_create(struct sim_disk *d, const char *path, int flags, struct disk_node **out)
{
    struct disk_node *node = disk_is_root(path) ? NULL : map_get(&d->seen, path);
    if (disk_is_root(path) || (node && node->directory))
        return ERROR_INVALID;
    if (node && (flags & WORLD_CREATE) && (flags & WORLD_EXCLUSIVE))
        return ERROR_EXISTS;
    if (!node && !(flags & WORLD_CREATE))
        return ERROR_NOT_FOUND;
    bool made = node == NULL;
    int code = made ? disk_create(d, path, false, &node) : 0;
    if (code == 0 && made)
        node->executable = (flags & WORLD_EXECUTABLE) != 0;
    if (code == 0 && (flags & WORLD_TRUNCATE) && node->seen.size > 0)
        code = truncate_node(d, node, 0);
    *out = node;
    return code;
}

int sim_file_open(struct world *w, const char *path, int flags, struct world_file **out)
{
    struct sim_node *n = node_of(w);
    char clean[DISK_PATH_MAX];
    int code = disk_path_clean(path, clean);
    if (code < 0)
        return code;
    struct sim_file *f = calloc(1, sizeof(*f));
    if (!f)
        return ERROR_MEMORY;
    code = find_or_create(n->disk, clean, flags, &f->node);
    if (code < 0) {
        free(f);
        return code;
    }
    f->node->references++;
    f->base.world = w;
    f->incarnation = n->incarnation;
    f->flags = flags;
    f->next = n->files;
    f->link = &n->files;
    if (f->next)
        f->next->link = &f->next;
    n->files = f;
    *out = &f->base;
    return 0;
}

/* The handle as ours; *code says why it cannot be used. */
static const struct sim_file *file_use(const struct world_file *base, int need, int *code)
{
    const struct sim_file *f = (const struct sim_file *)base;
    const struct sim_node *n = node_of(base->world);
    *code = 0;
    if (n->base.dead || f->incarnation != n->incarnation)
        *code = ERROR_CLOSED;
    else if ((f->flags & need) != need)
        *code = error_from_errno(EBADF);
    return f;
}

int64_t sim_file_pread(struct world_file *base, void *out, size_t len, uint64_t offset)
{
    int code;
    const struct sim_file *f = file_use(base, WORLD_READ, &code);
    struct sim_disk *d = disk_of(base->world);
    if (code == 0)
        code = disk_fault(d, d->faults.read_error);
    if (code < 0)
        return code;
    const struct disk_image *image = &f->node->seen;
    if (offset >= image->size)
        return 0;
    if (len > image->size - (size_t)offset)
        len = image->size - (size_t)offset;
    disk_image_read(image, out, len, (size_t)offset);
    return (int64_t)len;
}

int64_t sim_file_pwrite(struct world_file *base, const void *data, size_t len, uint64_t offset)
{
    int code;
    const struct sim_file *f = file_use(base, WORLD_WRITE, &code);
    struct sim_disk *d = disk_of(base->world);
    if (code == 0)
        code = disk_counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    if (code < 0)
        return code;
    struct disk_node *node = f->node;
    uint64_t before = node->seen.size, end = offset + len;
    if (end < offset || end > INT64_MAX)
        return ERROR_LIMIT;
    if (end > before && disk_no_room(d, end - before))
        return ERROR_NO_SPACE;
    code = write_remember(node, false, data, len, offset);
    if (code < 0)
        return code;
    if (!disk_image_write(&node->seen, data, len, offset)) {
        write_forget_last(node);
        return ERROR_MEMORY;
    }
    d->used = d->used - before + node->seen.size;
    node->modified = world_wall(base->world);
    return (int64_t)len;
}

int sim_file_truncate(struct world_file *base, uint64_t size)
{
    int code;
    const struct sim_file *f = file_use(base, WORLD_WRITE, &code);
    struct sim_disk *d = disk_of(base->world);
    if (code == 0)
        code = disk_counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    return code < 0 ? code : truncate_node(d, f->node, size);
}

int sim_file_sync(struct world_file *base)
{
    int code;
    const struct sim_file *f = file_use(base, 0, &code);
    struct sim_disk *d = disk_of(base->world);
    if (code == 0)
        code = disk_sync_fault(d);
    sim_trace_line(d->node, "disk sync %s", code == 0 ? "file" : error_code_name(code));
    return code < 0 ? code : journal_sync_file(d, f->node);
}

int64_t sim_file_size(struct world_file *base)
{
    int code;
    const struct sim_file *f = file_use(base, 0, &code);
    return code < 0 ? code : (int64_t)f->node->seen.size;
}

void sim_file_close(struct world_file *base)
{
    struct sim_file *f = (struct sim_file *)base;
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
    disk_node_release(disk_of(base->world), f->node);
    free(f);
}

void sim_files_free(struct sim_node *n)
{
    for (struct sim_file *f = n->files, *next; f; f = next) {
        next = f->next;
        sim_file_close(&f->base);
    }
}

size_t sim_files_open(const struct sim *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->nodes_count; i++)
        for (const struct sim_file *f = s->nodes[i]->files; f; f = f->next)
            count++;
    return count;
}
