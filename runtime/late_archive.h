/* libarchive, opened when a source is packed or unpacked for the first time: late_open(&late_archive, ...) before that
 * answers with an error when it is not there. */
#ifndef RUNTIME_LATE_ARCHIVE_H
#define RUNTIME_LATE_ARCHIVE_H

#include "base/late.h"

extern struct late_library late_archive;

#endif
