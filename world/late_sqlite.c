/* What the house calls of SQLite: base/late.h. */
#include "base/late.h"

#include <sqlite3.h>

_Static_assert(SQLITE_VERSION_NUMBER / 1000000 == 3, "the library's name below is that of SQLite 3");

struct late_library late_sqlite = {.file = "libsqlite3.so.0", .package = "libsqlite3-0"};

LATE_FUNCTION(late_sqlite, sqlite3_bind_blob);
LATE_FUNCTION(late_sqlite, sqlite3_bind_blob64);
LATE_FUNCTION(late_sqlite, sqlite3_bind_double);
LATE_FUNCTION(late_sqlite, sqlite3_bind_int);
LATE_FUNCTION(late_sqlite, sqlite3_bind_int64);
LATE_FUNCTION(late_sqlite, sqlite3_bind_null);
LATE_FUNCTION(late_sqlite, sqlite3_bind_parameter_count);
LATE_FUNCTION(late_sqlite, sqlite3_bind_text);
LATE_FUNCTION(late_sqlite, sqlite3_bind_text64);
LATE_FUNCTION(late_sqlite, sqlite3_busy_timeout);
LATE_FUNCTION(late_sqlite, sqlite3_changes);
LATE_FUNCTION(late_sqlite, sqlite3_clear_bindings);
LATE_FUNCTION(late_sqlite, sqlite3_close_v2);
LATE_FUNCTION(late_sqlite, sqlite3_column_blob);
LATE_FUNCTION(late_sqlite, sqlite3_column_bytes);
LATE_FUNCTION(late_sqlite, sqlite3_column_count);
LATE_FUNCTION(late_sqlite, sqlite3_column_double);
LATE_FUNCTION(late_sqlite, sqlite3_column_int);
LATE_FUNCTION(late_sqlite, sqlite3_column_int64);
LATE_FUNCTION(late_sqlite, sqlite3_column_name);
LATE_FUNCTION(late_sqlite, sqlite3_column_text);
LATE_FUNCTION(late_sqlite, sqlite3_column_type);
LATE_FUNCTION(late_sqlite, sqlite3_db_config);
LATE_FUNCTION(late_sqlite, sqlite3_errcode);
LATE_FUNCTION(late_sqlite, sqlite3_errmsg);
LATE_FUNCTION(late_sqlite, sqlite3_error_offset);
LATE_FUNCTION(late_sqlite, sqlite3_exec);
LATE_FUNCTION(late_sqlite, sqlite3_extended_errcode);
LATE_FUNCTION(late_sqlite, sqlite3_extended_result_codes);
LATE_FUNCTION(late_sqlite, sqlite3_finalize);
LATE_FUNCTION(late_sqlite, sqlite3_get_autocommit);
LATE_FUNCTION(late_sqlite, sqlite3_last_insert_rowid);
LATE_FUNCTION(late_sqlite, sqlite3_next_stmt);
LATE_FUNCTION(late_sqlite, sqlite3_open_v2);
LATE_FUNCTION(late_sqlite, sqlite3_prepare_v2);
LATE_FUNCTION(late_sqlite, sqlite3_prepare_v3);
LATE_FUNCTION(late_sqlite, sqlite3_progress_handler);
LATE_FUNCTION(late_sqlite, sqlite3_reset);
LATE_FUNCTION(late_sqlite, sqlite3_step);
LATE_FUNCTION(late_sqlite, sqlite3_stmt_readonly);
LATE_FUNCTION(late_sqlite, sqlite3_test_control);
LATE_FUNCTION(late_sqlite, sqlite3_total_changes);
LATE_FUNCTION(late_sqlite, sqlite3_vfs_find);
LATE_FUNCTION(late_sqlite, sqlite3_vfs_register);
LATE_FUNCTION(late_sqlite, sqlite3_vfs_unregister);
LATE_FUNCTION(late_sqlite, sqlite3_wal_autocheckpoint);
LATE_FUNCTION(late_sqlite, sqlite3_wal_checkpoint_v2);
