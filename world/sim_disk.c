/* The simulated disk as programs see it: see sim_disk.h. */
#include "world/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000

struct sim_file {
    struct world_file base; /* first */
    struct disk_node *node;
    uint64_t incarnation;
    int flags;
    struct sim_file *next, **link;
};

static struct sim_disk *disk_of(struct world *w)
{
    return node_of(w)->disk;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static void drop_pieces(struct disk_image *image, size_t from)
{
    for (size_t i = from; i < image->count; i++)
        free(image->pieces[i]);
    if (image->count > from)
        image->count = from;
}

void disk_image_free(struct disk_image *image)
{
    drop_pieces(image, 0);
    free(image->pieces);
    *image = (struct disk_image){0};
}

/* The piece, to be written to. NULL: no memory. */
static uint8_t *piece_at(struct disk_image *image, size_t number)
{
    if (number >= image->capacity) {
        size_t capacity = image->capacity ? image->capacity : 4;
        while (capacity <= number)
            capacity *= 2;
        uint8_t **pieces = realloc(image->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return NULL;
        image->pieces = pieces;
        image->capacity = capacity;
    }
    while (image->count <= number)
        image->pieces[image->count++] = NULL;
    if (!image->pieces[number])
        image->pieces[number] = calloc(1, DISK_PIECE);
    return image->pieces[number];
}

/* What is cut off is forgotten: it reads as zeros when the file grows again. */
bool disk_image_resize(struct disk_image *image, uint64_t size)
{
    if (size > SIZE_MAX - DISK_PIECE)
        return false;
    size_t in_last = (size_t)size % DISK_PIECE, whole = (size_t)size / DISK_PIECE;
    if (size < image->size) {
        drop_pieces(image, whole + (in_last > 0));
        if (in_last > 0 && whole < image->count && image->pieces[whole])
            memset(image->pieces[whole] + in_last, 0, DISK_PIECE - in_last);
    }
    image->size = (size_t)size;
    return true;
}

bool disk_image_write(struct disk_image *image, const void *data, size_t len, uint64_t offset)
{
    const uint8_t *from = data;
    if (len == 0)
        return true;
    if (offset > SIZE_MAX - DISK_PIECE || len > SIZE_MAX - DISK_PIECE - (size_t)offset)
        return false;
    size_t at = (size_t)offset, end = at + len;
    /* All of it or nothing. */
    for (size_t number = at / DISK_PIECE; number <= (end - 1) / DISK_PIECE; number++)
        if (!piece_at(image, number))
            return false;
    for (size_t n; at < end; at += n, from += n) {
        size_t within = at % DISK_PIECE;
        n = end - at < DISK_PIECE - within ? end - at : DISK_PIECE - within;
        memcpy(image->pieces[at / DISK_PIECE] + within, from, n);
    }
    if (end > image->size)
        image->size = end;
    return true;
}

void disk_image_read(const struct disk_image *image, void *out, size_t len, size_t offset)
{
    uint8_t *to = out;
    for (size_t n; len > 0; offset += n, to += n, len -= n) {
        size_t within = offset % DISK_PIECE, number = offset / DISK_PIECE;
        n = len < DISK_PIECE - within ? len : DISK_PIECE - within;
        if (number < image->count && image->pieces[number])
            memcpy(to, image->pieces[number] + within, n);
        else
            memset(to, 0, n);
    }
}

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
static int path_clean(const char *path, char *out)
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

static bool is_root(const char *path)
{
    return path[1] == '\0';
}

static bool directory_exists(const struct sim_disk *d, const char *path, size_t len)
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

static int fault(struct sim_disk *d, uint32_t parts_per_million)
{
    if (parts_per_million && random_below(&d->node->sim->lots, MILLION) < parts_per_million)
        return hit(d, ERROR_IO);
    return 0;
}

/* What changes something, or makes a change durable. */
static int change_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million)
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
    return fault(d, parts_per_million);
}

/* A write, a sync or a create: the operations `fail_nth` counts. */
static int counted_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million)
{
    if (d->faults.fail_nth && --d->faults.fail_nth == 0)
        return hit(d, ERROR_IO);
    return change_fault(d, what, parts_per_million);
}

/* A sync that is slow holds up its caller, whose world is this node. */
static int sync_fault(struct sim_disk *d)
{
    int code = counted_fault(d, SIM_DISK_SYNC, d->faults.sync_error);
    if (code == 0 && d->faults.sync_delay > 0) {
        d->hits++;
        sim_node_busy(d->node, d->faults.sync_delay);
    }
    return code;
}

static bool no_room(struct sim_disk *d, uint64_t more)
{
    return d->faults.space && d->used + more > d->faults.space && hit(d, true);
}

static bool has_children(const struct sim_disk *d, const char *path)
{
    size_t len = is_root(path) ? 0 : strlen(path);
    for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e))
        if (strncmp(map_key(e), path, len) == 0 && map_key(e)[len] == '/')
            return true;
    return false;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A new name with its journal entry. */
static int create(struct sim_disk *d, const char *path, bool directory, struct disk_node **out)
{
    if (!directory_exists(d, path, disk_parent_length(path)))
        return ERROR_NOT_FOUND;
    int code = counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
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
    if (size > before && no_room(d, size - before))
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
    struct disk_node *node = is_root(path) ? NULL : map_get(&d->seen, path);
    if (is_root(path) || (node && node->directory))
        return ERROR_INVALID;
    if (node && (flags & WORLD_CREATE) && (flags & WORLD_EXCLUSIVE))
        return ERROR_EXISTS;
    if (!node && !(flags & WORLD_CREATE))
        return ERROR_NOT_FOUND;
    bool made = node == NULL;
    int code = made ? create(d, path, false, &node) : 0;
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
    int code = path_clean(path, clean);
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
        code = fault(d, d->faults.read_error);
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
        code = counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    if (code < 0)
        return code;
    struct disk_node *node = f->node;
    uint64_t before = node->seen.size, end = offset + len;
    if (end < offset || end > INT64_MAX)
        return ERROR_LIMIT;
    if (end > before && no_room(d, end - before))
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
        code = counted_fault(d, SIM_DISK_WRITE, d->faults.write_error);
    return code < 0 ? code : truncate_node(d, f->node, size);
}

int sim_file_sync(struct world_file *base)
{
    int code;
    const struct sim_file *f = file_use(base, 0, &code);
    struct sim_disk *d = disk_of(base->world);
    if (code == 0)
        code = sync_fault(d);
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

/* ---- names ------------------------------------------------------------------------------------------------------- */

int sim_stat(struct world *w, const char *path, struct world_stat *out)
{
    char clean[DISK_PATH_MAX];
    int code = path_clean(path, clean);
    if (code < 0)
        return code;
    const struct disk_node *node = map_get(&disk_of(w)->seen, clean);
    out->exists = node != NULL || is_root(clean);
    out->directory = is_root(clean) || (node && node->directory);
    out->executable = node && node->executable;
    out->size = node ? node->seen.size : 0;
    out->modified = node ? node->modified : 0;
    return 0;
}

static int rename_allowed(const struct sim_disk *d, const char *from, const char *to)
{
    const struct disk_node *node = map_get(&d->seen, from), *old = map_get(&d->seen, to);
    size_t len = strlen(from);
    if (is_root(from) || is_root(to))
        return ERROR_INVALID;
    if (!node || !directory_exists(d, to, disk_parent_length(to)))
        return ERROR_NOT_FOUND;
    if (strncmp(to, from, len) == 0 && to[len] == '/')
        return ERROR_INVALID; /* into itself */
    if (old && old->directory != node->directory)
        return error_from_errno(old->directory ? EISDIR : ENOTDIR);
    if (old && old->directory && has_children(d, to))
        return error_from_errno(ENOTEMPTY);
    return 0;
}

int sim_rename(struct world *w, const char *from_path, const char *to_path)
{
    struct sim_disk *d = disk_of(w);
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    int code = path_clean(from_path, from);
    if (code == 0)
        code = path_clean(to_path, to);
    if (code == 0)
        code = rename_allowed(d, from, to);
    if (code < 0 || strcmp(from, to) == 0)
        return code;
    code = change_fault(d, SIM_DISK_RENAME, d->faults.write_error);
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
        return is_root(clean) ? ERROR_INVALID : ERROR_NOT_FOUND;
    if (node->directory && has_children(d, clean))
        return error_from_errno(ENOTEMPTY);
    int code = change_fault(d, SIM_DISK_WRITE, d->faults.write_error);
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
    int code = path_clean(path, clean);
    return code < 0 ? code : remove_clean(disk_of(w), clean);
}

/* The name that sorts last among a tree's: nothing stands below it, so it can go. */
static const char *tree_last(const struct sim_disk *d, const char *root)
{
    const char *last = NULL;
    size_t len = is_root(root) ? 0 : strlen(root);
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
    int code = path_clean(path, clean);
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
    int code = path_clean(path, clean);
    if (code < 0)
        return code;
    if (is_root(clean) || map_get(&d->seen, clean))
        return ERROR_EXISTS;
    return create(d, clean, true, &node);
}

int sim_sync_directory(struct world *w, const char *path)
{
    struct sim_disk *d = disk_of(w);
    char clean[DISK_PATH_MAX];
    int code = path_clean(path, clean);
    if (code < 0)
        return code;
    if (!directory_exists(d, clean, strlen(clean)))
        return ERROR_NOT_FOUND;
    code = sync_fault(d);
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
    int code = path_clean(path, clean);
    if (code < 0)
        return code;
    if (!directory_exists(d, clean, strlen(clean)))
        return map_get(&d->seen, clean) ? error_from_errno(ENOTDIR) : ERROR_NOT_FOUND;
    size_t len = is_root(clean) ? 0 : strlen(clean);
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

static bool image_flip(struct disk_image *image, uint64_t bit)
{
    uint8_t byte;
    if (bit / 8 >= image->size)
        return true; /* not there yet */
    disk_image_read(image, &byte, 1, (size_t)(bit / 8));
    byte ^= (uint8_t)(1U << (bit % 8));
    return disk_image_write(image, &byte, 1, bit / 8);
}

int sim_disk_flip(struct sim *s, const char *node, const char *path, uint64_t bit)
{
    struct sim_node *n = sim_find(s, node);
    char clean[DISK_PATH_MAX];
    int code = n ? path_clean(path, clean) : ERROR_NOT_FOUND;
    struct disk_node *file = code == 0 ? map_get(&n->disk->seen, clean) : NULL;
    if (code < 0)
        return code;
    if (!file || file->directory || bit / 8 >= file->seen.size)
        return ERROR_NOT_FOUND;
    sim_trace_line(n, "disk flip %s bit %llu", clean, (unsigned long long)bit);
    return image_flip(&file->seen, bit) && image_flip(&file->kept, bit) ? 0 : ERROR_MEMORY;
}

static uint64_t image_held(const struct disk_image *image)
{
    uint64_t held = image->capacity * sizeof *image->pieces;
    for (size_t i = 0; i < image->count; i++)
        held += image->pieces[i] ? DISK_PIECE : 0;
    return held;
}

static uint64_t node_held(const struct disk_node *n)
{
    uint64_t held = sizeof *n + image_held(&n->seen) + image_held(&n->kept);
    for (const struct disk_write *w = n->writes; w; w = w->next)
        held += sizeof *w + w->len;
    return held;
}

size_t sim_files_open(const struct sim *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->nodes_count; i++)
        for (const struct sim_file *f = s->nodes[i]->files; f; f = f->next)
            count++;
    return count;
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
