#include "world/power_calls.h"
#include "world/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define VECTORS_MAX 1024 /* of one call: the kernel's limit */

/* ---- at the entry ---- */

static uint64_t vectors_length(pid_t task, uint64_t address, uint64_t count)
{
    static struct iovec vectors[VECTORS_MAX];
    uint64_t len = 0;
    if (count > VECTORS_MAX || !tracee_read(task, address, vectors, count * sizeof vectors[0]))
        return 0;
    for (uint64_t i = 0; i < count; i++)
        len += vectors[i].iov_len;
    return len;
}

/* `offset` NULL: where the descriptor stands. */
static void begin_write(struct shadow *s, struct power_call *c, const uint64_t *offset)
{
    struct tracee_file d;
    if (!tracee_file(c->task, c->descriptor, &d) || !S_ISREG(d.stat.st_mode) ||
        (c->file = shadow_file(s, d.path, d.opener)) == 0)
        return;
    c->kind = POWER_WRITE;
    c->sync |= (d.flags & O_DSYNC) != 0; /* of which O_SYNC has the bit, too */
    c->at_end = offset == NULL;
    c->offset = offset != NULL ? *offset : d.position;
    /* With O_APPEND it goes to the end, wherever that is said to be. */
    if ((d.flags & O_APPEND) != 0)
        c->offset = (uint64_t)d.stat.st_size;
    snprintf(c->path, sizeof c->path, "%s", d.path);
    shadow_will_change(s, c->file, c->path, c->offset, c->offset + c->len);
}

static void begin_truncate(struct shadow *s, struct power_call *c, uint64_t size)
{
    c->kind = POWER_TRUNCATE;
    c->len = size;
    shadow_will_change(s, c->file, c->path, size, UINT64_MAX);
}

static void begin_ftruncate(struct shadow *s, struct power_call *c, uint64_t size)
{
    struct tracee_file d;
    if (!tracee_file(c->task, c->descriptor, &d) || (c->file = shadow_file(s, d.path, d.opener)) == 0)
        return;
    snprintf(c->path, sizeof c->path, "%s", d.path);
    begin_truncate(s, c, size);
}

static void begin_fallocate(struct shadow *s, struct power_call *c, uint64_t mode, uint64_t offset, uint64_t len)
{
    struct tracee_file d;
    if (!tracee_file(c->task, c->descriptor, &d))
        return;
    if (mode == 0 && offset + len > (uint64_t)d.stat.st_size) {
        begin_ftruncate(s, c, offset + len);
    } else if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) {
        c->len = len;
        begin_write(s, c, &offset);
    } else if ((mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0) {
        c->kind = POWER_REFUSED;
    }
}

static void begin_sync(struct power_call *c)
{
    struct tracee_file d;
    if (!tracee_file(c->task, c->descriptor, &d))
        return;
    c->kind = POWER_SYNC;
    c->directory = S_ISDIR(d.stat.st_mode);
    snprintf(c->path, sizeof c->path, "%s", d.path);
}

static void begin_open(struct shadow *s, struct power_call *c, int64_t folder, uint64_t name, uint64_t flags)
{
    struct stat st;
    if ((flags & (O_CREAT | O_TRUNC)) == 0 || (flags & O_PATH) != 0 || (flags & O_TMPFILE) == O_TMPFILE ||
        !tracee_path_followed(c->task, folder, name, c->path))
        return;
    bool there = stat(c->path, &st) == 0;
    if (there && S_ISREG(st.st_mode) && (flags & O_TRUNC) != 0 && st.st_size > 0 &&
        (c->file = shadow_file(s, c->path, c->path)) != 0) {
        c->kind = POWER_OPEN;
        c->truncated = true;
        shadow_will_change(s, c->file, c->path, 0, UINT64_MAX);
    } else if (!there && (flags & O_CREAT) != 0) {
        c->kind = POWER_OPEN;
        c->made = true;
    }
}

/* What is there is known afterwards. False: it is neither file nor folder. */
static bool known(struct shadow *s, const char *path, bool *directory)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return false;
    *directory = S_ISDIR(st.st_mode);
    if (*directory)
        shadow_folder(s, path, true);
    return *directory || (S_ISREG(st.st_mode) && shadow_file(s, path, path) != 0);
}

static void begin_rename(struct shadow *s, struct power_call *c, const uint64_t a[4], uint64_t flags)
{
    struct stat st;
    bool directory;
    if (!tracee_path(c->task, (int64_t)a[0], a[1], c->path) || !tracee_path(c->task, (int64_t)a[2], a[3], c->to) ||
        !known(s, c->path, &directory))
        return;
    bool taken = lstat(c->to, &st) == 0;
    if (taken && !known(s, c->to, &directory))
        return;
    char *slash = strrchr(c->to, '/');
    *slash = '\0';
    shadow_folder(s, c->to[0] != '\0' ? c->to : "/", false);
    *slash = '/';
    c->kind = (flags & RENAME_EXCHANGE) != 0 ? POWER_REFUSED : POWER_RENAME;
}

static void begin_remove(struct shadow *s, struct power_call *c, int64_t folder, uint64_t name)
{
    if (tracee_path(c->task, folder, name, c->path) && known(s, c->path, &c->directory))
        c->kind = POWER_REMOVE;
}

static void begin_make(struct power_call *c, int64_t folder, uint64_t name)
{
    if (tracee_path(c->task, folder, name, c->path))
        c->kind = POWER_MAKE;
}

static void begin_map(struct shadow *s, const struct power_call *c, uint64_t protection, uint64_t flags)
{
    struct tracee_file d;
    if ((flags & MAP_TYPE) == MAP_PRIVATE || (flags & MAP_ANONYMOUS) != 0 || (protection & PROT_WRITE) == 0)
        return;
    if (tracee_file(c->task, c->descriptor, &d) && S_ISREG(d.stat.st_mode))
        shadow_leave(s, &d.stat);
}

/* The bytes it wants to write, and whether they are durable when it returns. */
static void begin_vectors(struct shadow *s, struct power_call *c, const uint64_t *a, const uint64_t *offset,
                          uint64_t flags)
{
    c->len = vectors_length(c->task, a[1], a[2]);
    c->sync = (flags & (RWF_DSYNC | RWF_SYNC)) != 0;
    bool here = offset != NULL && *offset == UINT64_MAX; /* pwritev2: where the descriptor stands */
    begin_write(s, c, here ? NULL : offset);
}

/* sendfile, copy_file_range, splice: `where` is NULL or points to the offset. */
static void begin_copy(struct shadow *s, struct power_call *c, uint64_t descriptor, uint64_t where, uint64_t len)
{
    uint64_t offset = 0;
    c->descriptor = (int)descriptor;
    c->len = len;
    bool given = where != 0 && tracee_read(c->task, where, &offset, sizeof offset);
    begin_write(s, c, given ? &offset : NULL);
}

bool power_call_matters(uint64_t number)
{
    switch (number) {
    case SYS_write:
    case SYS_pwrite64:
    case SYS_writev:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_sendfile:
    case SYS_copy_file_range:
    case SYS_splice:
    case SYS_ftruncate:
    case SYS_truncate:
    case SYS_fallocate:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync:
    case SYS_syncfs:
    case SYS_openat:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_mkdirat:
#ifdef SYS_open
    case SYS_open:
    case SYS_creat:
    case SYS_rename:
    case SYS_unlink:
    case SYS_rmdir:
    case SYS_mkdir:
#endif
    case SYS_mmap:
    case SYS_io_uring_setup:
    case SYS_io_submit:
        return true;
    default:
        return false;
    }
}

void power_call_begin(struct shadow *s, pid_t task, uint64_t number, const uint64_t a[6], struct power_call *c)
{
    c->kind = POWER_NOTHING;
    c->task = task;
    c->sync = c->at_end = c->directory = c->made = c->truncated = false;
    c->descriptor = (int)a[0];
    c->file = c->offset = 0;
    c->len = a[2];
    switch (number) {
    case SYS_write:
        begin_write(s, c, NULL);
        break;
    case SYS_pwrite64:
        begin_write(s, c, &a[3]);
        break;
    case SYS_writev:
        begin_vectors(s, c, a, NULL, 0);
        break;
    case SYS_pwritev:
        begin_vectors(s, c, a, &a[3], 0);
        break;
    case SYS_pwritev2:
        begin_vectors(s, c, a, &a[3], a[5]);
        break;
    case SYS_sendfile:
        begin_copy(s, c, a[0], 0, a[3]);
        break;
    case SYS_copy_file_range:
    case SYS_splice:
        begin_copy(s, c, a[2], a[3], a[4]);
        break;
    case SYS_ftruncate:
        begin_ftruncate(s, c, a[1]);
        break;
    case SYS_truncate:
        if (tracee_path_followed(task, AT_FDCWD, a[0], c->path) && (c->file = shadow_file(s, c->path, c->path)) != 0)
            begin_truncate(s, c, a[1]);
        break;
    case SYS_fallocate:
        begin_fallocate(s, c, a[1], a[2], a[3]);
        break;
    case SYS_fsync:
    case SYS_fdatasync:
        begin_sync(c);
        break;
    case SYS_sync:
    case SYS_syncfs:
        c->kind = POWER_SYNC_ALL;
        break;
    case SYS_openat:
        begin_open(s, c, (int64_t)a[0], a[1], a[2]);
        break;
    case SYS_renameat:
        begin_rename(s, c, a, 0);
        break;
    case SYS_renameat2:
        begin_rename(s, c, a, a[4]);
        break;
    case SYS_unlinkat:
        begin_remove(s, c, (int64_t)a[0], a[1]);
        break;
    case SYS_mkdirat:
        begin_make(c, (int64_t)a[0], a[1]);
        break;
#ifdef SYS_open
    case SYS_open:
        begin_open(s, c, AT_FDCWD, a[0], a[1]);
        break;
    case SYS_creat:
        begin_open(s, c, AT_FDCWD, a[0], O_CREAT | O_TRUNC | O_WRONLY);
        break;
    case SYS_rename:
        begin_rename(s, c, (const uint64_t[4]){(uint64_t)AT_FDCWD, a[0], (uint64_t)AT_FDCWD, a[1]}, 0);
        break;
    case SYS_unlink:
    case SYS_rmdir:
        begin_remove(s, c, AT_FDCWD, a[0]);
        break;
    case SYS_mkdir:
        begin_make(c, AT_FDCWD, a[0]);
        break;
#endif
    case SYS_mmap:
        c->descriptor = (int)a[4];
        begin_map(s, c, a[2], a[3]);
        break;
    case SYS_io_uring_setup:
    case SYS_io_submit:
        c->kind = POWER_REFUSED;
        break;
    default:
        break;
    }
}

/* ---- at the exit ---- */

static void done_write(struct shadow *s, const struct power_call *c, uint64_t len)
{
    struct tracee_file d;
    uint64_t offset = c->offset;
    if (c->at_end && tracee_file(c->task, c->descriptor, &d) && d.position >= len)
        offset = d.position - len;
    shadow_wrote(s, c->file, c->path, offset, len);
    if (c->sync)
        shadow_synced(s, c->path, false);
}

void power_call_done(struct shadow *s, const struct power_call *c, int64_t result)
{
    if (result < 0)
        return;
    switch (c->kind) {
    case POWER_WRITE:
        /* What punches a hole says 0, and did it all. */
        done_write(s, c, result > 0 ? (uint64_t)result : c->at_end ? 0 : c->len);
        break;
    case POWER_TRUNCATE:
        shadow_truncated(s, c->path, c->len);
        break;
    case POWER_SYNC:
        shadow_synced(s, c->path, c->directory);
        break;
    case POWER_SYNC_ALL:
        shadow_synced_all(s);
        break;
    case POWER_OPEN:
        if (c->made)
            shadow_made(s, c->path, false);
        else
            shadow_truncated(s, c->path, 0);
        break;
    case POWER_MAKE:
        shadow_made(s, c->path, true);
        break;
    case POWER_RENAME:
        shadow_renamed(s, c->path, c->to);
        break;
    case POWER_REMOVE:
        shadow_removed(s, c->path);
        break;
    case POWER_NOTHING:
    case POWER_REFUSED:
        break;
    }
}

void power_mapped_files(struct shadow *s, pid_t process)
{
    char path[64], *line = NULL;
    size_t room = 0;
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *f = fopen(path, "re");
    while (f != NULL && getline(&line, &room, f) > 0) {
        const char *rights = strchr(line, ' '), *name = strchr(line, '/');
        if (rights == NULL || name == NULL || rights[2] != 'w' || rights[4] != 's')
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
            shadow_leave(s, &st);
    }
    free(line);
    if (f != NULL)
        fclose(f);
}
