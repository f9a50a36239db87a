/* A gzipped tar (POSIX pax, ustar, GNU) made into a folder, piece by piece so that the loop turns in between.
 * libarchive reads from memory; files are written through the world.
 *
 * Refused: absolute names, "..", names that are no UTF-8 or hold control characters, anything but files, folders and
 * symbolic links, links that are absolute or lead out of the folder, entries written through a link, more than
 * UNPACK_ENTRIES_MAX entries, more than UNPACK_SIZE_MAX bytes, paths longer than UNPACK_NAME_MAX, and more than
 * UNPACK_RATIO bytes out of each byte in (above UNPACK_RATIO_FREE): a bomb. Links themselves are not made: what one
 * leads to inside the folder is copied at the end, so that nothing unpacked ever leads anywhere. */
#ifndef RUNTIME_RUNTIME_UNPACK_H
#define RUNTIME_RUNTIME_UNPACK_H

#include "base/bytes.h"
#include "base/error.h"
#include "world/world.h"

#define UNPACK_ENTRIES_MAX 20000
#define UNPACK_SIZE_MAX    ((uint64_t)512 << 20)
#define UNPACK_NAME_MAX    512
#define UNPACK_RATIO       200
#define UNPACK_RATIO_FREE  ((uint64_t)16 << 20)
#define UNPACK_LINKS_MAX   1000
#define UNPACK_STEP        ((size_t)1 << 20) /* bytes written between two turns of the loop */

struct unpack;
/* `archive` is borrowed until unpack_free(). The folder must exist and be empty. */
int unpack_new(struct world *w, struct bytes archive, const char *folder, struct unpack **out, struct error *err);
int unpack_step(struct unpack *u, struct error *err); /* 1: more to do; 0: all done */
void unpack_free(struct unpack *u);
/* Whether a relative name stays inside: no leading "/", no "..", no empty parts, printable UTF-8. */
bool unpack_name_safe(const char *name);

#endif
