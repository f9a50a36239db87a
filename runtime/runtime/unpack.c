#include "runtime/runtime/unpack.h"

#include "base/array.h"
#include "base/text.h"
#include "base/utf8.h"
#include "runtime/late_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK     ((size_t)64 << 10)
#define LINK_HOPS 8 /* links that lead to links */

struct link {
    char *name, *target; /* both inside the folder */
};

struct unpack {
    struct world *world;
    struct archive *archive;
    char folder[UNPACK_NAME_MAX * 2];
    uint64_t size_in, size_out;
    size_t entries;
    struct world_file *file; /* of the entry being written */
    uint64_t high;           /* its size so far, holes included */
    char path[UNPACK_NAME_MAX * 4];
    ARRAY(struct link) links;
    size_t links_done;
    struct text buffer;
};

bool unpack_name_safe(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > UNPACK_NAME_MAX || name[0] == '/' || !utf8_valid(bytes_of(name)))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\')
            return false;
    for (const char *part = name; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += n + (part[n] == '/');
    }
    return true;
}

static int refuse(struct error *err, int code, const char *what, const char *name)
{
    struct text shown = TEXT_INIT;
    text_printable(&shown, name, strlen(name), 120);
    error_set(err, code, "the archive's entry \"%s\" %s", text_string(&shown), what);
    text_deinit(&shown);
    return code;
}

int unpack_new(struct world *w, struct bytes archive, const char *folder, struct unpack **out, struct error *err)
{
    int rc = late_open(&late_archive, err);
    if (rc < 0)
        return rc;
    struct unpack *u = calloc(1, sizeof *u);
    int n = u ? snprintf(u->folder, sizeof u->folder, "%s", folder) : 0;
    if (!u || n < 1 || (size_t)n >= sizeof u->folder) {
        free(u);
        return error_set(err, u ? ERROR_LIMIT : ERROR_MEMORY, u ? "the folder's path is too long" : "out of memory");
    }
    u->world = w;
    u->size_in = archive.len;
    u->archive = archive_read_new();
    if (!u->archive || archive_read_support_filter_gzip(u->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(u->archive) != ARCHIVE_OK) {
        unpack_free(u);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    /* A tar may be empty; a blob that is no archive may not pass for one. */
    if (archive.len < 2 || archive.data[0] != 0x1f || archive.data[1] != 0x8b ||
        archive_read_open_memory(u->archive, archive.data, archive.len) != ARCHIVE_OK) {
        unpack_free(u);
        return error_set(err, ERROR_SYNTAX, "the source is no gzipped tar");
    }
    *out = u;
    return 0;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    world_file_close(u->file);
    if (u->archive)
        archive_read_free(u->archive);
    for (size_t i = 0; i < u->links.count; i++) {
        free(u->links.items[i].name);
        free(u->links.items[i].target);
    }
    array_deinit(&u->links);
    text_deinit(&u->buffer);
    free(u);
}

/* ---- entries ---- */

static int place(struct unpack *u, const char *name, struct error *err)
{
    int n = snprintf(u->path, sizeof u->path, "%s/%s", u->folder, name);
    return n > 0 && (size_t)n < sizeof u->path ? 0 : refuse(err, ERROR_LIMIT, "has a path that is too long", name);
}

static int make_parents(struct unpack *u, const char *name, struct error *err)
{
    char *slash = strrchr(u->path, '/');
    if (!strchr(name, '/') || !slash)
        return 0;
    *slash = '\0';
    int rc = world_make_directory(u->world, u->path);
    *slash = '/';
    return rc < 0 ? refuse(err, rc, "cannot be made: something of its path is no folder", name) : 0;
}

static int grow(struct unpack *u, uint64_t bytes, const char *name, struct error *err)
{
    u->size_out += bytes;
    if (u->size_out > UNPACK_SIZE_MAX)
        return refuse(err, ERROR_LIMIT, "brings the source above 512 MiB", name);
    if (u->size_out > UNPACK_RATIO_FREE && u->size_out / UNPACK_RATIO > u->size_in)
        return refuse(err, ERROR_LIMIT, "swells beyond what an honest archive does", name);
    return 0;
}

/* The place a relative link leads to, from the folder's top; false: out of it. */
static bool resolve_link(const char *name, const char *target, char out[UNPACK_NAME_MAX + 1])
{
    if (target[0] == '/' || target[0] == '\0' || strlen(target) > UNPACK_NAME_MAX)
        return false;
    const char *slash = strrchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) : 0;
    memcpy(out, name, len);
    for (const char *part = target; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && part[0] == '.' && part[1] == '.') {
            if (len == 0)
                return false;
            while (len > 0 && out[--len] != '/') {
            }
        } else if (n > 0 && !(n == 1 && part[0] == '.')) {
            if (len + 1 + n > UNPACK_NAME_MAX)
                return false;
            if (len > 0)
                out[len++] = '/';
            memcpy(out + len, part, n);
            len += n;
        }
        part += n + (part[n] == '/');
    }
    out[len] = '\0';
    return unpack_name_safe(out);
}

static int add_link(struct unpack *u, const char *name, const char *target, struct error *err)
{
    char inside[UNPACK_NAME_MAX + 1];
    if (!target || !resolve_link(name, target, inside))
        return refuse(err, ERROR_INVALID, "is a link that leads out of the source", name);
    if (u->links.count >= UNPACK_LINKS_MAX)
        return refuse(err, ERROR_LIMIT, "is one link too many", name);
    struct link link = {.name = strdup(name), .target = strdup(inside)};
    if (!link.name || !link.target || !array_push(&u->links, link)) {
        free(link.name);
        free(link.target);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

/* "./a/" is "a"; "." alone is the folder itself and becomes "". */
static void clean_name(char *name)
{
    while (name[0] == '.' && name[1] == '/') {
        size_t skip = 2 + strspn(name + 2, "/");
        memmove(name, name + skip, strlen(name + skip) + 1);
    }
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/')
        name[--len] = '\0';
    if (strcmp(name, ".") == 0)
        name[0] = '\0';
}

static int begin_entry(struct unpack *u, struct archive_entry *entry, struct error *err)
{
    char name[UNPACK_NAME_MAX + 8];
    const char *given = archive_entry_pathname(entry);
    if (!given || strlen(given) >= sizeof name)
        return refuse(err, ERROR_INVALID, "has no name, or too long a one", given ? given : "");
    snprintf(name, sizeof name, "%s", given);
    clean_name(name);
    if (++u->entries > UNPACK_ENTRIES_MAX)
        return refuse(err, ERROR_LIMIT, "is one too many: at most 20,000 are taken", name);
    if (!name[0])
        return 0;
    if (!unpack_name_safe(name))
        return refuse(err, ERROR_INVALID, "has a name that leads out of the source or cannot be a file's", name);
    int rc = place(u, name, err);
    if (rc < 0)
        return rc;
    if (archive_entry_hardlink(entry)) { /* names an entry of this archive, from its top */
        char top[UNPACK_NAME_MAX + 8];
        int n = snprintf(top, sizeof top, "%s", archive_entry_hardlink(entry));
        if (n < 0 || (size_t)n >= sizeof top)
            return refuse(err, ERROR_INVALID, "is a link that leads out of the source", name);
        clean_name(top);
        if (!unpack_name_safe(top))
            return refuse(err, ERROR_INVALID, "is a link that leads out of the source", name);
        char *self = strdup(name), *target = strdup(top);
        struct link link = {.name = self, .target = target};
        if (!self || !target || u->links.count >= UNPACK_LINKS_MAX || !array_push(&u->links, link)) {
            free(self);
            free(target);
            return refuse(err, ERROR_LIMIT, "is one link too many", name);
        }
        return 0;
    }
    if (archive_entry_filetype(entry) == AE_IFLNK)
        return add_link(u, name, archive_entry_symlink(entry), err);
    if (archive_entry_filetype(entry) == AE_IFDIR) {
        rc = world_make_directory(u->world, u->path);
        return rc < 0 ? refuse(err, rc, "cannot be made", name) : 0;
    }
    if (archive_entry_filetype(entry) != AE_IFREG)
        return refuse(err, ERROR_INVALID, "is a device, a pipe or a socket", name);
    if (archive_entry_size_is_set(entry) &&
        (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > UNPACK_SIZE_MAX))
        return refuse(err, ERROR_LIMIT, "is larger than 512 MiB", name);
    rc = make_parents(u, name, err);
    if (rc < 0)
        return rc;
    int flags = WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE;
    if (archive_entry_perm(entry) & 0100)
        flags |= WORLD_EXECUTABLE;
    u->high = 0;
    (void)world_remove(u->world, u->path); /* a later entry of the same name replaces the earlier one */
    rc = world_file_open(u->world, u->path, flags, &u->file, NULL);
    return rc < 0 ? refuse(err, rc, "cannot be written", name) : 0;
}

/* One block of the entry being written. 1: it is over. */
static int entry_block(struct unpack *u, struct error *err)
{
    const void *data;
    size_t size;
    la_int64_t offset;
    int rc = archive_read_data_block(u->archive, &data, &size, &offset);
    if (rc == ARCHIVE_EOF) {
        rc = world_file_sync(u->file);
        world_file_close(u->file);
        u->file = NULL;
        return rc < 0 ? error_set(err, rc, "cannot write %s: %s", u->path, error_code_name(rc)) : 1;
    }
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return error_set(err, ERROR_SYNTAX, "the archive is damaged: %s", archive_error_string(u->archive));
    const char *name = u->path + strlen(u->folder) + 1;
    if (offset < 0 || (uint64_t)offset > UNPACK_SIZE_MAX || size > UNPACK_SIZE_MAX)
        return refuse(err, ERROR_LIMIT, "is larger than 512 MiB", name);
    uint64_t end = (uint64_t)offset + size; /* holes of sparse files count as well */
    rc = grow(u, end > u->high ? end - u->high : 0, name, err);
    if (end > u->high)
        u->high = end;
    if (rc < 0)
        return rc;
    int64_t n = world_file_pwrite(u->file, data, size, (uint64_t)offset);
    if (n != (int64_t)size)
        return error_set(err, n < 0 ? (int)n : ERROR_IO, "cannot write %s: %s", u->path,
                         error_code_name(n < 0 ? (int)n : ERROR_IO));
    return 0;
}

/* ---- links ---- */

static const char *link_target(const struct unpack *u, const char *name)
{
    for (size_t i = 0; i < u->links.count; i++)
        if (strcmp(u->links.items[i].name, name) == 0)
            return u->links.items[i].target;
    return NULL;
}

/* Copies what a link leads to. Links to folders, and links to nothing, are left out: nothing needs them to build. */
static int copy_link(struct unpack *u, const struct link *link, struct error *err)
{
    const char *target = link->target;
    char from[sizeof u->path];
    struct world_stat stat;
    for (int hops = 0; hops < LINK_HOPS && link_target(u, target); hops++)
        target = link_target(u, target);
    int n = snprintf(from, sizeof from, "%s/%s", u->folder, target);
    int rc = n > 0 && (size_t)n < sizeof from ? place(u, link->name, err) : ERROR_LIMIT;
    if (rc == 0)
        rc = world_stat(u->world, from, &stat);
    if (rc < 0 || !stat.exists || stat.directory || strcmp(from, u->path) == 0)
        return rc;
    rc = grow(u, stat.size, link->name, err);
    if (rc == 0)
        rc = make_parents(u, link->name, err);
    if (rc < 0)
        return rc;
    text_clear(&u->buffer);
    rc = world_read_file(u->world, from, (size_t)UNPACK_SIZE_MAX, &u->buffer, err);
    if (rc < 0)
        return rc;
    struct world_file *file = NULL;
    int flags = WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE | (stat.executable ? WORLD_EXECUTABLE : 0);
    (void)world_remove(u->world, u->path);
    rc = world_file_open(u->world, u->path, flags, &file, err);
    if (rc < 0)
        return rc;
    int64_t written = world_file_pwrite(file, text_string(&u->buffer), u->buffer.len, 0);
    rc = written < 0 ? (int)written : world_file_sync(file);
    world_file_close(file);
    return rc < 0 ? refuse(err, rc, "cannot be written", link->name) : 0;
}

/* ---- steps ---- */

int unpack_step(struct unpack *u, struct error *err)
{
    uint64_t until = u->size_out + UNPACK_STEP;
    for (size_t entries = 0; u->size_out < until && entries < 100;) {
        int rc;
        if (u->file) {
            rc = entry_block(u, err);
            if (rc < 0)
                return rc;
            continue;
        }
        struct archive_entry *entry;
        rc = u->links_done ? ARCHIVE_EOF : archive_read_next_header(u->archive, &entry);
        if (rc == ARCHIVE_EOF) {
            if (u->links_done >= u->links.count)
                return 0;
            rc = copy_link(u, &u->links.items[u->links_done++], err);
        } else if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
            rc = begin_entry(u, entry, err);
        } else {
            return error_set(err, ERROR_SYNTAX, "the archive is damaged: %s", archive_error_string(u->archive));
        }
        if (rc < 0)
            return rc;
        entries++;
    }
    return 1;
}
