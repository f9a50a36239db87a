/* What of a simulated disk survives: see sim_disk.h. */
#include "world/sim_disk.h"

#include <stdlib.h>
#include <string.h>

/* Chances at a crash. The share of what is kept is itself drawn per crash, so that "all", "nothing" and mixtures all
 * happen often. */
#define KEEP_SHARES 5 /* 0/4, 1/4, ... 4/4 */
#define TORN_ONE_IN 4

/* ---- the trees --------------------------------------------------------------------------------------------------- */

static bool name_set(struct sim_disk *d, struct map *names, const char *path, struct disk_node *node)
{
    struct disk_node *old = map_get(names, path);
    node->references++;
    if (!map_put(names, path, node)) {
        node->references--;
        return false;
    }
    if (old)
        disk_node_release(d, old);
    return true;
}

static void name_unset(struct sim_disk *d, struct map *names, const char *path)
{
    struct disk_node *old = map_remove(names, path);
    if (old)
        disk_node_release(d, old);
}

static bool below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && path[len] == '/';
}

bool names_move(struct sim_disk *d, struct map *names, const char *from, const char *to)
{
    struct disk_node *node = map_get(names, from);
    if (!node)
        return true;
    if (!name_set(d, names, to, node))
        return false;
    name_unset(d, names, from);
    /* Entries are added while walking; the new ones do not stand below `from`. */
    struct map_entry *next;
    for (struct map_entry *e = node->directory ? map_first(names) : NULL; e; e = next) {
        next = map_next(e);
        if (!below(map_key(e), from))
            continue;
        struct text moved = TEXT_INIT;
        text_printf(&moved, "%s%s", to, map_key(e) + strlen(from));
        bool ok = text_ok(&moved) && name_set(d, names, moved.data, map_value(e));
        text_deinit(&moved);
        if (!ok)
            return false;
        char *old = strdup(map_key(e));
        if (!old)
            return false;
        name_unset(d, names, old);
        free(old);
    }
    return true;
}

/* ---- the journal ------------------------------------------------------------------------------------------------- */

static void op_free(struct sim_disk *d, struct name_op *op)
{
    disk_node_release(d, op->node);
    free(op->path);
    free(op->to);
}

int journal_add(struct sim_disk *d, enum name_kind kind, const char *path, const char *to, struct disk_node *node)
{
    struct name_op op = {.kind = kind, .node = node, .path = strdup(path), .to = to ? strdup(to) : NULL};
    if (!op.path || (to && !op.to) || !array_push(&d->journal, op)) {
        free(op.path);
        free(op.to);
        return ERROR_MEMORY;
    }
    node->references++;
    return 0;
}

void journal_free(struct sim_disk *d)
{
    for (size_t i = 0; i < d->journal.count; i++)
        op_free(d, &d->journal.items[i]);
    array_deinit(&d->journal);
}

static bool op_apply(struct sim_disk *d, struct name_op *op)
{
    switch (op->kind) {
    case NAME_CREATE:
        op->node->creation_pending = false;
        return name_set(d, &d->kept, op->path, op->node);
    case NAME_RENAME:
        return names_move(d, &d->kept, op->path, op->to);
    case NAME_REMOVE:
        name_unset(d, &d->kept, op->path);
        return true;
    }
    return true;
}

/* Directories, by path. An operation belongs to the parents of its names, and to the directory itself that it makes,
 * moves or removes. */
struct directories {
    struct map paths;
    bool failed;
};

static void directories_add(struct directories *set, const char *path, size_t len)
{
    if (!map_put_n(&set->paths, path, len, set))
        set->failed = true;
}

static bool directories_has(const struct directories *set, const char *path, size_t len)
{
    return map_get_n(&set->paths, path, len) != NULL;
}

static void directories_add_op(struct directories *set, const struct name_op *op)
{
    directories_add(set, op->path, disk_parent_length(op->path));
    if (op->to)
        directories_add(set, op->to, disk_parent_length(op->to));
    if (op->node->directory) {
        directories_add(set, op->path, strlen(op->path));
        if (op->to)
            directories_add(set, op->to, strlen(op->to));
    }
}

static bool directories_touch(const struct directories *set, const struct name_op *op)
{
    if (directories_has(set, op->path, disk_parent_length(op->path)))
        return true;
    if (op->to && directories_has(set, op->to, disk_parent_length(op->to)))
        return true;
    return op->node->directory && (directories_has(set, op->path, strlen(op->path)) ||
                                   (op->to && directories_has(set, op->to, strlen(op->to))));
}

/* Makes durable, in order, the operations before `end` that touch the set, and all that those rest on. */
static int journal_commit(struct sim_disk *d, struct directories *set, size_t end)
{
    bool *chosen = end ? calloc(end, sizeof(*chosen)) : NULL;
    if (end && !chosen)
        return ERROR_MEMORY;
    for (size_t i = end; i-- > 0;) {
        chosen[i] = directories_touch(set, &d->journal.items[i]);
        if (chosen[i])
            directories_add_op(set, &d->journal.items[i]);
    }
    int code = set->failed ? ERROR_MEMORY : 0;
    size_t left = 0;
    for (size_t i = 0; i < d->journal.count; i++) {
        struct name_op *op = &d->journal.items[i];
        if (code == 0 && i < end && chosen[i]) {
            if (op_apply(d, op)) {
                op_free(d, op);
                continue;
            }
            code = ERROR_MEMORY;
        }
        d->journal.items[left++] = *op;
    }
    d->journal.count = left;
    free(chosen);
    return code;
}

int journal_sync_directory(struct sim_disk *d, const char *path)
{
    struct directories set = {.paths = MAP_INIT};
    directories_add(&set, path, strlen(path));
    int code = journal_commit(d, &set, d->journal.count);
    map_deinit(&set.paths);
    return code;
}

static bool image_apply(struct disk_image *image, const struct disk_write *write)
{
    if (write->truncate)
        return disk_image_resize(image, write->offset);
    return disk_image_write(image, write->data, write->len, write->offset);
}

static bool image_copy(struct disk_image *to, const struct disk_image *from)
{
    (void)disk_image_resize(to, 0);
    for (size_t i = 0; i < from->count; i++)
        if (from->pieces[i] && !disk_image_write(to, from->pieces[i], DISK_PIECE, i * DISK_PIECE))
            return false;
    return disk_image_resize(to, from->size);
}

static void write_pop(struct disk_node *node)
{
    struct disk_write *write = node->writes;
    node->writes = write->next;
    if (!node->writes)
        node->writes_end = &node->writes;
    free(write);
}

int journal_sync_file(struct sim_disk *d, struct disk_node *node)
{
    for (; node->writes; write_pop(node))
        if (!image_apply(&node->kept, node->writes))
            return ERROR_MEMORY;
    if (!node->creation_pending)
        return 0;
    size_t i = 0;
    while (i < d->journal.count && !(d->journal.items[i].kind == NAME_CREATE && d->journal.items[i].node == node))
        i++;
    if (i == d->journal.count)
        return 0;
    struct directories set = {.paths = MAP_INIT};
    directories_add_op(&set, &d->journal.items[i]);
    int code = journal_commit(d, &set, i + 1);
    map_deinit(&set.paths);
    return code;
}

/* ---- crashing ---------------------------------------------------------------------------------------------------- */

struct crash {
    struct sim_disk *disk;
    struct random *lots;
    uint64_t keep; /* out of KEEP_SHARES - 1 */
    size_t kept, dropped, torn;
    bool failed;
};

static bool lot_keep(struct crash *c)
{
    return random_below(c->lots, KEEP_SHARES - 1) < c->keep;
}

/* Sectors are the disk's, so the first and the last piece of a write may be shorter. */
static void write_tear(struct crash *c, struct disk_image *image, const struct disk_write *write)
{
    size_t done = 0;
    while (done < write->len) {
        size_t piece = DISK_SECTOR - (size_t)((write->offset + done) % DISK_SECTOR);
        if (piece > write->len - done)
            piece = write->len - done;
        if (random_below(c->lots, 2) == 0 && !disk_image_write(image, write->data + done, piece, write->offset + done))
            c->failed = true;
        done += piece;
    }
    c->torn++;
}

static bool tears(struct crash *c)
{
    switch (c->disk->crash) {
    case SIM_CRASH_NOTHING:
        return false;
    case SIM_CRASH_TORN:
        return true;
    case SIM_CRASH_LOTS:
        break;
    }
    return random_below(c->lots, TORN_ONE_IN) == 0;
}

static void crash_data(struct crash *c, struct disk_node *node)
{
    for (; node->writes; write_pop(node)) {
        const struct disk_write *write = node->writes;
        bool sectors = (write->offset % DISK_SECTOR) + write->len > DISK_SECTOR;
        if (!write->truncate && sectors && tears(c)) {
            write_tear(c, &node->kept, write);
        } else if (lot_keep(c)) {
            c->failed |= !image_apply(&node->kept, write);
            c->kept++;
        } else {
            c->dropped++;
        }
    }
    /* What is read from now on is what was kept. */
    c->disk->used -= node->seen.size;
    if (!image_copy(&node->seen, &node->kept))
        c->failed = true;
    c->disk->used += node->seen.size;
}

static bool parent_kept(const struct sim_disk *d, const char *path)
{
    size_t len = disk_parent_length(path);
    return len == 1 || map_get_n(&d->kept, path, len) != NULL;
}

static void crash_names(struct crash *c)
{
    struct sim_disk *d = c->disk;
    struct directories cut = {.paths = MAP_INIT};
    for (size_t i = 0; i < d->journal.count; i++) {
        struct name_op *op = &d->journal.items[i];
        bool possible = !directories_touch(&cut, op) && parent_kept(d, op->path) && (!op->to || parent_kept(d, op->to));
        if (possible && lot_keep(c)) {
            c->failed |= !op_apply(d, op);
            c->kept++;
        } else {
            directories_add_op(&cut, op);
            c->dropped++;
        }
    }
    c->failed |= cut.failed;
    map_deinit(&cut.paths);
    journal_free(d);
}

void sim_disk_crash_keeps(struct sim_node *n, enum sim_crash_keeps keeps)
{
    n->disk->crash = keeps;
}

void sim_disk_crash(struct sim_node *n)
{
    struct sim_disk *d = n->disk;
    struct crash c = {.disk = d, .lots = &n->sim->lots};
    c.keep = random_below(c.lots, KEEP_SHARES);
    if (d->crash == SIM_CRASH_NOTHING)
        c.keep = 0;
    crash_names(&c);
    for (struct map_entry *e = map_first(&d->seen); e; e = map_next(e))
        disk_node_release(d, map_value(e));
    map_deinit(&d->seen);
    for (struct map_entry *e = map_first(&d->kept); e; e = map_next(e)) {
        struct disk_node *node = map_value(e);
        node->creation_pending = false;
        crash_data(&c, node);
        c.failed |= !name_set(d, &d->seen, map_key(e), node);
    }
    if (c.failed)
        n->sim->broken = ERROR_MEMORY;
    d->crash = SIM_CRASH_LOTS;
    sim_trace_line(n, "disk crash: %zu kept, %zu dropped, %zu torn", c.kept, c.dropped, c.torn);
}
