/* For databases of the real world: SQLite's own unix VFS, with what goes into the write-ahead log gathered.
 *
 * SQLite writes each changed page to the log as two small writes, a header of 24 bytes and the page. A commit of many
 * pages is over a hundred system calls that way. Here they are put together as long as each begins where the last
 * ended, and written when the log is synced, read, cut, measured or closed, or when WAL_GATHER_MAX bytes are there.
 * Nothing is promised before the sync of a commit, which writes first and fails when that fails; so what a crash
 * leaves is what it would leave without. Other processes must not read the log: they cannot, in exclusive locking
 * mode. */
#ifndef WORLD_SQLITE_WAL_H
#define WORLD_SQLITE_WAL_H

#include <sqlite3.h>

#define WAL_GATHER_MAX ((size_t)120 << 10) /* bytes; the unix VFS takes less than 128 KiB in one write */

/* The name to open databases with; NULL: there is no unix VFS to stand on, use the default. */
const char *world_sqlite_wal_vfs(void);

#endif
