#include "world/sqlite.h"

#include "world/sim_internal.h"
#include "world/sqlite_wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The VFS of a simulated node. SQLite looks a VFS up by name and gives xOpen no other context, so each node that opens
 * a database registers one of its own, whose pAppData is the node's world; it goes with the node.
 *
 * Locks are real between connections of one node (which is one process), by path. There is no shared memory: WAL in
 * exclusive locking mode needs none. SQLite's own random numbers come from one generator for the whole process, which
 * the first open of a simulation seeds; two simulations running interleaved in one process would share it. */

#define VFS_NAME_MAX   64
#define VFS_PATH_MAX   512
#define NS_PER_MS      1000000
#define JULIAN_EPOCH   INT64_C(210866760000000) /* 1970-01-01 as SQLite counts: ms since noon, 24 November 4714 BC */
#define PENDING_SECTOR 512

struct vfs_file;
struct vfs {
    sqlite3_vfs base; /* first */
    struct world *world;
    char name[VFS_NAME_MAX];
    struct vfs_file *open; /* for locks */
    uint64_t temporaries;
};

struct vfs_file {
    sqlite3_file base; /* first */
    struct vfs *vfs;
    struct world_file *file;
    char path[VFS_PATH_MAX];
    bool delete_on_close;
    int lock; /* SQLITE_LOCK_... */
    struct vfs_file *next, **link;
};

static struct vfs_file *file_of(sqlite3_file *f)
{
    return (struct vfs_file *)f;
}

static struct vfs *vfs_of(sqlite3_vfs *v)
{
    return (struct vfs *)v;
}

static int vfs_code(int64_t code, int io_code)
{
    if (code >= 0)
        return SQLITE_OK;
    if (code == ERROR_NO_SPACE)
        return SQLITE_FULL;
    return code == ERROR_MEMORY ? SQLITE_IOERR_NOMEM : io_code;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int vfs_close(sqlite3_file *base)
{
    struct vfs_file *f = file_of(base);
    world_file_close(f->file);
    if (f->delete_on_close)
        world_remove(f->vfs->world, f->path);
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset)
{
    int64_t n = world_file_pread(file_of(base)->file, out, (size_t)amount, (uint64_t)offset);
    if (n < 0)
        return vfs_code(n, SQLITE_IOERR_READ);
    if (n == amount)
        return SQLITE_OK;
    memset((char *)out + n, 0, (size_t)(amount - n));
    return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
    return vfs_code(world_file_pwrite(file_of(base)->file, data, (size_t)amount, (uint64_t)offset), SQLITE_IOERR_WRITE);
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    return vfs_code(world_file_truncate(file_of(base)->file, (uint64_t)size), SQLITE_IOERR_TRUNCATE);
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    return vfs_code(world_file_sync(file_of(base)->file), SQLITE_IOERR_FSYNC);
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *out)
{
    int64_t size = world_file_size(file_of(base)->file);
    *out = size < 0 ? 0 : size;
    return vfs_code(size, SQLITE_IOERR_FSTAT);
}

/* The strongest lock somebody else has on the same file. */
static int other_lock(const struct vfs_file *f)
{
    int strongest = SQLITE_LOCK_NONE;
    for (const struct vfs_file *o = f->vfs->open; o; o = o->next)
        if (o != f && strcmp(o->path, f->path) == 0 && o->lock > strongest)
            strongest = o->lock;
    return strongest;
}

static int vfs_lock(sqlite3_file *base, int level)
{
    struct vfs_file *f = file_of(base);
    if (f->lock >= level)
        return SQLITE_OK;
    if (f->vfs->world->dead)
        return SQLITE_IOERR_LOCK;
    int other = other_lock(f);
    bool busy = level == SQLITE_LOCK_SHARED     ? other >= SQLITE_LOCK_PENDING
                : level == SQLITE_LOCK_RESERVED ? other >= SQLITE_LOCK_RESERVED
                                                : other >= SQLITE_LOCK_SHARED;
    if (busy)
        return SQLITE_BUSY;
    f->lock = level;
    return SQLITE_OK;
}

static int vfs_unlock(sqlite3_file *base, int level)
{
    if (file_of(base)->lock > level)
        file_of(base)->lock = level;
    return SQLITE_OK;
}

static int vfs_reserved(sqlite3_file *base, int *out)
{
    const struct vfs_file *f = file_of(base);
    *out = f->lock >= SQLITE_LOCK_RESERVED || other_lock(f) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *base)
{
    (void)base;
    return PENDING_SECTOR;
}

static int vfs_characteristics(sqlite3_file *base)
{
    (void)base;
    /* As SQLite takes it of real files: a write that is torn leaves the bytes beside it as they were (sim_disk.h), so
     * that no commit is padded to a sector. No promise beyond that: no atomic writes, no safe append. */
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_unlock,
    .xCheckReservedLock = vfs_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector,
    .xDeviceCharacteristics = vfs_characteristics,
};

/* ---- the VFS ----------------------------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *out, int flags, int *flags_out)
{
    struct vfs *v = vfs_of(base);
    struct vfs_file *f = file_of(out);
    *f = (struct vfs_file){.vfs = v};
    int len = name ? snprintf(f->path, sizeof(f->path), "%s", name)
                   : snprintf(f->path, sizeof(f->path), "/sqlite-%llu.tmp", (unsigned long long)++v->temporaries);
    if (len < 0 || (size_t)len >= sizeof(f->path))
        return SQLITE_CANTOPEN;
    int how = WORLD_READ | WORLD_PRIVATE;
    how |= flags & SQLITE_OPEN_READWRITE ? WORLD_WRITE : 0;
    how |= flags & SQLITE_OPEN_CREATE ? WORLD_CREATE : 0;
    how |= flags & SQLITE_OPEN_EXCLUSIVE ? WORLD_EXCLUSIVE : 0;
    int code = world_file_open(v->world, f->path, how, &f->file, NULL);
    if (code < 0)
        return code == ERROR_MEMORY ? SQLITE_NOMEM : SQLITE_CANTOPEN;
    f->base.pMethods = &file_methods;
    f->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f->next = v->open;
    f->link = &v->open;
    if (f->next)
        f->next->link = &f->next;
    v->open = f;
    if (flags_out)
        *flags_out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_directory)
{
    struct world *w = vfs_of(base)->world;
    int code = world_remove(w, name);
    if (code == ERROR_NOT_FOUND)
        return SQLITE_IOERR_DELETE_NOENT;
    const char *slash = strrchr(name, '/');
    if (code == 0 && sync_directory && slash) {
        char directory[VFS_PATH_MAX];
        snprintf(directory, sizeof(directory), "%.*s", slash == name ? 1 : (int)(slash - name), name);
        code = world_sync_directory(w, directory);
    }
    return vfs_code(code, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    struct world_stat stat;
    int code = world_stat(vfs_of(base)->world, name, &stat);
    /* As the unix VFS: an empty journal counts as none. */
    *out = stat.exists && (flags != SQLITE_ACCESS_EXISTS || stat.directory || stat.size > 0);
    return vfs_code(code, SQLITE_IOERR_ACCESS);
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    (void)base;
    int len = snprintf(out, (size_t)size, "%s%s", name[0] == '/' ? "" : "/", name);
    return len < 0 || len >= size ? SQLITE_CANTOPEN : SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *base, int size, char *out)
{
    return world_entropy(vfs_of(base)->world, out, (size_t)size) < 0 ? 0 : size;
}

static int vfs_sleep(sqlite3_vfs *base, int microseconds)
{
    (void)base;
    return microseconds; /* time stands still while code runs; there is no busy time-out to wait for */
}

static int vfs_time64(sqlite3_vfs *base, sqlite3_int64 *out)
{
    *out = world_wall(vfs_of(base)->world) / NS_PER_MS + JULIAN_EPOCH;
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *base, double *out)
{
    sqlite3_int64 ms;
    vfs_time64(base, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int size, char *out)
{
    (void)base;
    (void)size;
    (void)out;
    return 0;
}

static void vfs_free(void *sqlite)
{
    struct vfs *v = sqlite;
    sqlite3_vfs_unregister(&v->base);
    free(v);
}

static int vfs_get(struct world *w, const char **name, struct error *err)
{
    if (w->sqlite) {
        *name = ((struct vfs *)w->sqlite)->name;
        return 0;
    }
    struct vfs *v = calloc(1, sizeof(*v));
    if (!v)
        return error_set(err, ERROR_MEMORY, "out of memory");
    v->world = w;
    snprintf(v->name, sizeof(v->name), "world-sim-%p", (void *)w);
    v->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct vfs_file),
        .mxPathname = VFS_PATH_MAX - 1,
        .zName = v->name,
        .pAppData = w,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time64,
    };
    if (sqlite3_vfs_register(&v->base, 0) != SQLITE_OK) {
        free(v);
        return error_set(err, ERROR_MEMORY, "SQLite takes no VFS");
    }
    struct sim *s = node_of(w)->sim;
    if (!s->prng_seeded) {
        s->prng_seeded = true;
        sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(s->options.seed & INT32_MAX) | 1, NULL);
    }
    w->sqlite = v;
    w->sqlite_free = vfs_free;
    *name = v->name;
    return 0;
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static int code_of(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return ERROR_MEMORY;
    case SQLITE_FULL:
        return ERROR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERROR_IN_USE;
    case SQLITE_CONSTRAINT:
        return ERROR_EXISTS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return ERROR_DENIED;
    case SQLITE_TOOBIG:
        return ERROR_LIMIT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERROR_INVALID;
    default:
        return ERROR_IO;
    }
}

int world_sqlite_error(sqlite3 *db, struct error *err, const char *doing)
{
    int code = code_of(sqlite3_extended_errcode(db));
    return error_set(err, code ? code : ERROR_IO, "%s: %s", doing, sqlite3_errmsg(db));
}

int world_sqlite_number(sqlite3 *db, const char *query, int64_t *out, const char *doing, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
    if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        rc = 0;
    } else {
        rc = world_sqlite_error(db, err, doing);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* `log` in bytes. After the first page was made or read: only then is the size of a page known. */
static int set_log_size(sqlite3 *db, int log)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &s, NULL);
    if (code == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        code = sqlite3_wal_autocheckpoint(db, log / sqlite3_column_int(s, 0));
    else if (code == SQLITE_OK)
        code = sqlite3_errcode(db);
    sqlite3_finalize(s);
    return code;
}

static int configure(sqlite3 *db, int page_size, int log)
{
    /* Locking mode first: entering WAL in exclusive mode is what makes shared memory unnecessary. */
    static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                "PRAGMA journal_mode=WAL;"
                                "PRAGMA synchronous=FULL;"
                                "PRAGMA foreign_keys=ON;"
                                "PRAGMA temp_store=MEMORY;";
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 0);
    int code = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    /* Plans that do not depend on the values bound: a build with STAT4 prepares range queries anew at every step
     * otherwise, which costs several times the query itself. */
    if (code == SQLITE_OK)
        code = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, (int *)NULL);
    if (code == SQLITE_OK && page_size) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "PRAGMA page_size=%d", page_size);
        code = sqlite3_exec(db, wanted, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, setup, NULL, NULL, NULL);
    return code == SQLITE_OK ? set_log_size(db, log) : code;
}

/* A database another process has is refused at once, not at the first write. */
static int take(sqlite3 *db)
{
    return sqlite3_exec(db, "BEGIN EXCLUSIVE; COMMIT;", NULL, NULL, NULL);
}

int world_sqlite_open(struct world *w, const char *path, sqlite3 **out, struct error *err)
{
    return world_sqlite_open_paged(w, path, 0, out, err);
}

int world_sqlite_open_paged(struct world *w, const char *path, int page_size, sqlite3 **out, struct error *err)
{
    const char *vfs = NULL;
    *out = NULL;
    if (w->dead)
        return error_set(err, ERROR_CLOSED, "this node is down");
    if (world_is_simulated(w)) {
        int code = vfs_get(w, &vfs, err);
        if (code < 0)
            return code;
    } else {
        vfs = world_sqlite_wal_vfs();
    }
    const int log = world_is_simulated(w) ? WORLD_SQLITE_LOG_SIMULATED : WORLD_SQLITE_LOG;
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(path, &db, flags, vfs);
    if (result == SQLITE_OK)
        result = configure(db, page_size, log);
    if (result == SQLITE_OK)
        result = take(db);
    if (result == SQLITE_OK) {
        *out = db;
        return 0;
    }
    int code = code_of(result);
    if (code == ERROR_IN_USE)
        error_set(err, code, "%s is in use by another process", path);
    else
        error_set(err, code, "cannot open database %s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
    world_sqlite_close(db);
    return code;
}

void world_sqlite_shrink(sqlite3 *db)
{
    (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

void world_sqlite_close(sqlite3 *db)
{
    if (!db)
        return;
    /* A statement forgotten by its user would keep the connection, and its files, for ever. */
    for (sqlite3_stmt *s; (s = sqlite3_next_stmt(db, NULL)) != NULL;)
        sqlite3_finalize(s);
    sqlite3_close_v2(db);
}
