/* The files blobs are in: <data_dir>/store/blobs/<32 hexadecimal digits>, one per written blob, never changed once it
 * is indexed. Names are drawn at random and have nothing of what callers say in them.
 *
 * A file is written and synced first, then indexed in a transaction; one the index does not name is nobody's. Those are
 * what crashes leave behind, and start removes them. While the store runs, files that may have lost their blob wait in
 * `doomed` until a commit has made sure what the index says. */
#include "base/log.h"
#include "runtime/store/handlers.h"

#include "base/array.h"

#include <stdio.h>

#define ORPHANS_AT_ONCE 10000 /* names remembered in one look at the folder */

struct blob_name {
    char text[STORE_BLOB_FILE_MAX + 1];
};

struct blob_files {
    struct store *store;
    struct world *world;
    char *directory;
    ARRAY(struct blob_name) doomed;
};

static char *path_of(const struct blob_files *f, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", f->directory, name) < 0 ? NULL : path;
}

void blob_files_remove(struct blob_files *f, const char *name)
{
    char *path = path_of(f, name);
    int rc = path ? world_remove(f->world, path) : ERROR_MEMORY;
    if (rc && rc != ERROR_NOT_FOUND && rc != ERROR_CLOSED)
        log_warn("store", "the file %s of a blob that is gone cannot be removed: %s", name, error_code_name(rc));
    free(path);
}

void blob_files_doom(struct blob_files *f, const char *name)
{
    struct blob_name entry;
    snprintf(entry.text, sizeof entry.text, "%s", name);
    (void)array_push(&f->doomed, entry); /* without memory the next start finds it */
}

void blob_files_sweep(struct blob_files *f)
{
    for (size_t i = 0; i < f->doomed.count; i++) {
        bool indexed = true;
        if (store_blob_has_file(f->store->database, f->doomed.items[i].text, &indexed, NULL) == 0 && !indexed)
            blob_files_remove(f, f->doomed.items[i].text);
    }
    array_clear(&f->doomed);
}

static int open_at(struct blob_files *f, const char *name, int flags, struct world_file **out, struct error *err)
{
    char *path = path_of(f, name);
    int rc = path ? world_file_open(f->world, path, flags, out, err) : error_set(err, ERROR_MEMORY, "out of memory");
    free(path);
    return rc;
}

int blob_files_create(struct blob_files *f, char name[STORE_BLOB_FILE_MAX + 1], struct world_file **out,
                      struct error *err)
{
    uint8_t drawn[STORE_BLOB_FILE_MAX / 2];
    int rc = world_entropy(f->world, drawn, sizeof drawn);
    if (rc)
        return error_set(err, rc, "no random numbers can be had");
    for (size_t i = 0; i < sizeof drawn; i++)
        snprintf(name + 2 * i, 3, "%02x", drawn[i]);
    return open_at(f, name, WORLD_READ | WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE | WORLD_PRIVATE, out, err);
}

int blob_files_open(struct blob_files *f, const char *name, struct world_file **out, struct error *err)
{
    return open_at(f, name, WORLD_READ, out, err);
}

int blob_files_settle(struct blob_files *f, struct error *err)
{
    int rc = world_sync_directory(f->world, f->directory);
    return rc ? error_set(err, rc, "the folder of the blobs cannot be synced: %s", error_code_name(rc)) : 0;
}

/* ---- orphans ---------------------------------------------------------------------------------------------------- */

static bool is_ours(const char *name)
{
    size_t len = strspn(name, "0123456789abcdef");
    return len == STORE_BLOB_FILE_MAX && name[len] == '\0';
}

struct look {
    struct blob_files *files;
    int rc;
};

static void on_name(void *arg, const char *name)
{
    struct look *l = arg;
    bool indexed = true;
    if (l->rc || !is_ours(name) || l->files->doomed.count >= ORPHANS_AT_ONCE)
        return;
    l->rc = store_blob_has_file(l->files->store->database, name, &indexed, NULL);
    if (l->rc == 0 && !indexed)
        blob_files_doom(l->files, name);
}

static int remove_orphans(struct blob_files *f, struct error *err)
{
    size_t removed = 0, found;
    do {
        struct look l = {.files = f};
        int rc = world_list(f->world, f->directory, on_name, &l);
        if (rc || (rc = l.rc) != 0)
            return error_set(err, rc, "the folder %s cannot be read: %s", f->directory, error_code_name(rc));
        found = f->doomed.count;
        removed += found;
        blob_files_sweep(f);
    } while (found >= ORPHANS_AT_ONCE);
    if (removed)
        log_info("store", "%zu files of blobs that were never finished, or replaced, removed", removed);
    return 0;
}

int blob_files_new(struct store *s, const char *directory, struct blob_files **out, struct error *err)
{
    struct blob_files *f = calloc(1, sizeof *f);
    if (!f || !(f->directory = strdup(directory))) {
        free(f);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    f->store = s;
    f->world = s->world;
    int rc = world_make_directory(f->world, directory);
    if (rc)
        error_set(err, rc, "cannot make the directory %s: %s", directory, error_code_name(rc));
    if (rc == 0)
        rc = remove_orphans(f, err);
    if (rc) {
        blob_files_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void blob_files_free(struct blob_files *f)
{
    if (!f)
        return;
    array_deinit(&f->doomed);
    free(f->directory);
    free(f);
}
