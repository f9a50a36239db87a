/* A node's disk: the inside, shared by sim_disk.c (the tree, faults), sim_disk_image.c (a file's bytes),
 * sim_disk_file.c and sim_disk_names.c (what programs see) and sim_journal.c (what survives).
 *
 * Each file has two images: `seen` is what reads return, `kept` is what the platter holds. Writes change `seen` at once
 * and are remembered in order; a sync applies them to `kept`. The directory tree is likewise two maps from path to
 * node, with a journal of name operations between them.
 *
 * Durability follows ext4 in ordered mode, the weak way round: syncing a file makes its data and its own creation
 * durable, syncing a directory every name operation in it; operations of one directory become durable in their order,
 * those of different directories independently. At a crash each directory keeps a prefix of its pending operations,
 * and each pending write is kept, dropped, or torn: each of its 512-byte sectors kept or dropped. */
#ifndef WORLD_SIM_DISK_H
#define WORLD_SIM_DISK_H

#include "base/array.h"
#include "world/sim_internal.h"

#define DISK_SECTOR   512
#define DISK_PIECE    ((size_t)4096) /* bytes of an image held together */
#define DISK_PATH_MAX 4096

struct disk_write {
    bool truncate; /* to `offset`; otherwise a write */
    uint64_t offset;
    size_t len;
    struct disk_write *next;
    uint8_t data[];
};

/* In pieces of DISK_PIECE, so that what grows is never copied; one that is NULL or behind the last holds zeros. */
struct disk_image {
    uint8_t **pieces;
    size_t size, count, capacity; /* count: of pieces, the others freed */
};

struct disk_node {
    unsigned references; /* names seen, names kept, open files, journal entries */
    bool directory, executable;
    bool creation_pending; /* its CREATE or MKDIR is still in the journal */
    int64_t modified;
    uint64_t origin; /* what sim_plant.h was told */
    struct disk_image seen, kept;
    struct disk_write *writes, **writes_end;
};

enum name_kind { NAME_CREATE, NAME_RENAME, NAME_REMOVE };
struct name_op {
    enum name_kind kind;
    char *path, *to; /* `to`: only of a rename */
    struct disk_node *node;
};

struct sim_disk {
    struct sim_node *node;
    struct map seen, kept; /* path to disk_node; "/" is not in them and always there */
    ARRAY(struct name_op) journal;
    uint64_t used; /* bytes of all `seen` images */
    struct sim_disk_faults faults;
    uint64_t hits;              /* operations they acted on */
    enum sim_crash_keeps crash; /* how the next crash deals with what is not synced */
};

static inline struct sim_disk *disk_of(struct world *w)
{
    return node_of(w)->disk;
}

static inline bool disk_is_root(const char *path)
{
    return path[1] == '\0';
}

/* sim_disk_image.c */
void disk_image_free(struct disk_image *image);
void disk_image_read(const struct disk_image *image, void *out, size_t len, size_t offset); /* within its size */
/* False when memory runs out: nothing is changed then. */
bool disk_image_write(struct disk_image *image, const void *data, size_t len, uint64_t offset);
bool disk_image_resize(struct disk_image *image, uint64_t size);
bool disk_image_flip(struct disk_image *image, uint64_t bit); /* behind its end there is none */
uint64_t disk_image_held(const struct disk_image *image);     /* bytes of memory */

/* sim_disk.c */
struct disk_node *disk_node_new(bool directory); /* one reference; NULL: no memory */
void disk_node_release(struct sim_disk *d, struct disk_node *node);
int disk_create(struct sim_disk *d, const char *path, bool directory,
                struct disk_node **out); /* with its journal entry */
/* The path from the root without ".", ".." and doubled slashes, to DISK_PATH_MAX bytes: all below take such paths. */
int disk_path_clean(const char *path, char *out);
size_t disk_parent_length(const char *path); /* of the parent's path; 1 for those in the root */
bool disk_directory_exists(const struct sim_disk *d, const char *path, size_t len);
bool disk_has_children(const struct sim_disk *d, const char *path);
/* The faults that are set: an error to answer with, or 0. */
int disk_fault(struct sim_disk *d, uint32_t parts_per_million);
int disk_change_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million);
int disk_counted_fault(struct sim_disk *d, enum sim_disk_operation what, uint32_t parts_per_million);
int disk_sync_fault(struct sim_disk *d);
bool disk_no_room(struct sim_disk *d, uint64_t more);

/* sim_journal.c */
int journal_add(struct sim_disk *d, enum name_kind kind, const char *path, const char *to, struct disk_node *node);
int journal_sync_file(struct sim_disk *d, struct disk_node *node);
int journal_sync_directory(struct sim_disk *d, const char *path);
void journal_free(struct sim_disk *d);
/* Moves a name, and all below it, in one of the trees. False when memory runs out. */
bool names_move(struct sim_disk *d, struct map *names, const char *from, const char *to);

#endif
