/* SQLite on a world: in the real one on its own unix VFS, the writes to its log gathered (sqlite_wal.h); in the
 * simulated one on a VFS over the node's disk, so that a simulated crash loses exactly what a power cut would.
 *
 * Opened in WAL mode with synchronous=FULL, exclusive locking (one process owns the file), foreign keys on, defensive,
 * a busy time-out of 0. */
#ifndef WORLD_SQLITE_H
#define WORLD_SQLITE_H

#include "world/world.h"

#include <sqlite3.h>

int world_sqlite_open(struct world *w, const char *path, sqlite3 **out, struct error *err);
/* An error_code and message from the connection's last failure. */
int world_sqlite_error(sqlite3 *db, struct error *err, const char *doing);
void world_sqlite_close(sqlite3 *db);

#endif
