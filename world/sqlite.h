/* SQLite on a world: in the real one on its own unix VFS, the writes to its log gathered (sqlite_wal.h); in the
 * simulated one on a VFS over the node's disk, so that a simulated crash loses exactly what a power cut would.
 *
 * Opened in WAL mode with synchronous=FULL, exclusive locking (one process owns the file), foreign keys on, defensive,
 * a busy time-out of 0. The log is copied into the database when it has WORLD_SQLITE_LOG bytes: SQLite's own 4 MB cost
 * small commits more in copying than in syncing. */
#ifndef WORLD_SQLITE_H
#define WORLD_SQLITE_H

#include "world/world.h"

#include <sqlite3.h>

#define WORLD_SQLITE_LOG (16 << 20) /* bytes */
#define WORLD_SQLITE_LOG_SIMULATED                                                                                     \
    (256 << 10) /* bytes: a sync costs nothing there, and the look-up of a page that was                               \
                   logged often takes as many steps as it was */

int world_sqlite_open(struct world *w, const char *path, sqlite3 **out, struct error *err);
/* The same, and a database that is made now gets pages of this size (bytes; 0: SQLite's 4096). A commit writes whole
 * pages: where small records lie scattered, small ones are less to write. */
int world_sqlite_open_paged(struct world *w, const char *path, int page_size, sqlite3 **out, struct error *err);
/* Gives the log's room on the disk back, as far as that can be done. */
void world_sqlite_shrink(sqlite3 *db);
/* An error_code and message from the connection's last failure. */
int world_sqlite_error(sqlite3 *db, struct error *err, const char *doing);
/* The first column of the query's first row, a whole number. `doing` as above; no row is an error. */
int world_sqlite_number(sqlite3 *db, const char *query, int64_t *out, const char *doing, struct error *err);
void world_sqlite_close(sqlite3 *db);

#endif
