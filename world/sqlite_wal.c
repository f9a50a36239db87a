#include "world/sqlite_wal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct log_file {
    sqlite3_file base;  /* first */
    sqlite3_file *file; /* the unix VFS's, right behind this struct */
    uint8_t *gathered;
    size_t len;
    sqlite3_int64 at; /* where the first gathered byte belongs */
};

static sqlite3_vfs vfs;
static sqlite3_vfs *unix_vfs;

static struct log_file *log_of(sqlite3_file *f)
{
    return (struct log_file *)f;
}

static int write_through(struct log_file *l)
{
    size_t len = l->len;
    l->len = 0;
    return len ? l->file->pMethods->xWrite(l->file, l->gathered, (int)len, l->at) : SQLITE_OK;
}

static int log_close(sqlite3_file *f)
{
    struct log_file *l = log_of(f);
    int rc = write_through(l);
    int closed = l->file->pMethods->xClose(l->file);
    free(l->gathered);
    l->gathered = NULL;
    return rc ? rc : closed;
}

static int log_read(sqlite3_file *f, void *out, int amount, sqlite3_int64 offset)
{
    struct log_file *l = log_of(f);
    int rc = write_through(l);
    return rc ? rc : l->file->pMethods->xRead(l->file, out, amount, offset);
}

static int log_write(sqlite3_file *f, const void *data, int amount, sqlite3_int64 offset)
{
    struct log_file *l = log_of(f);
    size_t n = (size_t)amount;
    if (l->len && (offset != l->at + (sqlite3_int64)l->len || n > WAL_GATHER_MAX - l->len)) {
        int rc = write_through(l);
        if (rc)
            return rc;
    }
    if (!l->gathered)
        l->gathered = malloc(WAL_GATHER_MAX);
    if (!l->gathered || n > WAL_GATHER_MAX)
        return l->file->pMethods->xWrite(l->file, data, amount, offset);
    if (l->len == 0)
        l->at = offset;
    memcpy(l->gathered + l->len, data, n);
    l->len += n;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct log_file *l = log_of(f);
    int rc = write_through(l);
    return rc ? rc : l->file->pMethods->xTruncate(l->file, size);
}

static int log_sync(sqlite3_file *f, int flags)
{
    struct log_file *l = log_of(f);
    int rc = write_through(l);
    return rc ? rc : l->file->pMethods->xSync(l->file, flags);
}

static int log_size(sqlite3_file *f, sqlite3_int64 *out)
{
    struct log_file *l = log_of(f);
    int rc = write_through(l);
    return rc ? rc : l->file->pMethods->xFileSize(l->file, out);
}

static int log_lock(sqlite3_file *f, int level)
{
    return log_of(f)->file->pMethods->xLock(log_of(f)->file, level);
}

static int log_unlock(sqlite3_file *f, int level)
{
    return log_of(f)->file->pMethods->xUnlock(log_of(f)->file, level);
}

static int log_reserved(sqlite3_file *f, int *out)
{
    return log_of(f)->file->pMethods->xCheckReservedLock(log_of(f)->file, out);
}

static int log_control(sqlite3_file *f, int operation, void *argument)
{
    return log_of(f)->file->pMethods->xFileControl(log_of(f)->file, operation, argument);
}

static int log_sector(sqlite3_file *f)
{
    return log_of(f)->file->pMethods->xSectorSize(log_of(f)->file);
}

static int log_characteristics(sqlite3_file *f)
{
    return log_of(f)->file->pMethods->xDeviceCharacteristics(log_of(f)->file);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_characteristics,
};

/* Only the log is ours; SQLite gives every file as much memory as the largest kind needs. */
static int open_file(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *out, int flags, int *flags_out)
{
    (void)v;
    if (!(flags & SQLITE_OPEN_WAL))
        return unix_vfs->xOpen(unix_vfs, name, out, flags, flags_out);
    struct log_file *l = log_of(out);
    *l = (struct log_file){.file = (sqlite3_file *)(void *)(l + 1)};
    int rc = unix_vfs->xOpen(unix_vfs, name, l->file, flags, flags_out);
    if (l->file->pMethods) /* to be closed, opened or not */
        l->base.pMethods = &log_methods;
    return rc;
}

const char *world_sqlite_wal_vfs(void)
{
    static const char name[] = "world-real";
    if (unix_vfs)
        return name;
    sqlite3_vfs *found = sqlite3_vfs_find("unix");
    if (!found)
        return NULL;
    vfs = *found; /* its functions do not look at the struct they come from; xOpen does, and gets its own */
    vfs.pNext = NULL;
    vfs.zName = name;
    vfs.szOsFile = (int)sizeof(struct log_file) + found->szOsFile;
    vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        return NULL;
    unix_vfs = found;
    return name;
}
