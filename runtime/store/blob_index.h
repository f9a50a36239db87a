/* Which blob is in which file: a table beside the records, in the same SQLite file, changed in the same transactions.
 *
 *   blobs   (ns, key, file, size, type, public, written), by (ns, key); `file` is a name below <data_dir>/store/blobs/
 *           that only the store chooses; `written` in wall nanoseconds
 *
 * The connection stays the database's; the index owns its statements. */
#ifndef RUNTIME_STORE_BLOB_INDEX_H
#define RUNTIME_STORE_BLOB_INDEX_H

#include "runtime/store/database.h"

#include <sqlite3.h>

#define BLOB_TABLES                                                                                                    \
    "CREATE TABLE blobs (ns TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,"       \
    " type TEXT NOT NULL, public INTEGER NOT NULL, written INTEGER NOT NULL, PRIMARY KEY (ns, key)) WITHOUT ROWID;"

struct blob_index;
int blob_index_new(sqlite3 *db, struct blob_index **out, struct error *err);
void blob_index_free(struct blob_index *x); /* before the connection is closed */

/* Inside the database's transaction; fills change->old_file. */
int blob_index_apply(struct blob_index *x, struct store_change *change, struct error *err);

#endif
