/* What the house calls of libarchive: base/late.h. */
#include "runtime/late_archive.h"

#include <archive.h>

_Static_assert(ARCHIVE_VERSION_NUMBER / 1000000 == 3, "the library's name below is that of libarchive 3");

struct late_library late_archive = {.file = "libarchive.so.13", .package = "libarchive13"};

LATE_FUNCTION(late_archive, archive_entry_filetype);
LATE_FUNCTION(late_archive, archive_entry_free);
LATE_FUNCTION(late_archive, archive_entry_hardlink);
LATE_FUNCTION(late_archive, archive_entry_new);
LATE_FUNCTION(late_archive, archive_entry_pathname);
LATE_FUNCTION(late_archive, archive_entry_perm);
LATE_FUNCTION(late_archive, archive_entry_set_filetype);
LATE_FUNCTION(late_archive, archive_entry_set_pathname);
LATE_FUNCTION(late_archive, archive_entry_set_perm);
LATE_FUNCTION(late_archive, archive_entry_set_size);
LATE_FUNCTION(late_archive, archive_entry_size);
LATE_FUNCTION(late_archive, archive_entry_size_is_set);
LATE_FUNCTION(late_archive, archive_entry_symlink);
LATE_FUNCTION(late_archive, archive_error_string);
LATE_FUNCTION(late_archive, archive_read_data_block);
LATE_FUNCTION(late_archive, archive_read_free);
LATE_FUNCTION(late_archive, archive_read_new);
LATE_FUNCTION(late_archive, archive_read_next_header);
LATE_FUNCTION(late_archive, archive_read_open_memory);
LATE_FUNCTION(late_archive, archive_read_support_filter_gzip);
LATE_FUNCTION(late_archive, archive_read_support_format_tar);
LATE_FUNCTION(late_archive, archive_set_error);
LATE_FUNCTION(late_archive, archive_write_add_filter_gzip);
LATE_FUNCTION(late_archive, archive_write_close);
LATE_FUNCTION(late_archive, archive_write_data);
LATE_FUNCTION(late_archive, archive_write_free);
LATE_FUNCTION(late_archive, archive_write_header);
LATE_FUNCTION(late_archive, archive_write_new);
LATE_FUNCTION(late_archive, archive_write_open);
LATE_FUNCTION(late_archive, archive_write_set_bytes_in_last_block);
LATE_FUNCTION(late_archive, archive_write_set_filter_option);
LATE_FUNCTION(late_archive, archive_write_set_format_pax_restricted);
