/* A simulated disk that goes along with a piece of the real one (sim_plant.h), so that what a power cut may leave of
 * un-fsynced writes can be drawn by the rules of the simulation (sim_disk.h) and then put on the real disk.
 *
 * Files come into it when they are first touched, and of their content only the pieces that are about to be changed.
 * Each is known by its inode and held open, so that one that is removed or replaced can be brought back.
 *
 * For a process that may wait for the disk and has no loop: a worker. What fails is remembered and told at the end by
 * shadow_failure(); from then on nothing is done. */
#ifndef WORLD_SHADOW_H
#define WORLD_SHADOW_H

#include "world/sim.h"

#include <sys/stat.h>

#define SHADOW_PATH_MAX    4096
#define SHADOW_FILES_MAX   20000
#define SHADOW_WRITTEN_MAX ((uint64_t)512 << 20) /* bytes written, and read to be brought back */

struct shadow;
struct shadow *shadow_new(uint64_t seed); /* NULL: no memory */
void shadow_free(struct shadow *s);
/* NULL: all went well; otherwise what did not, "PATH: why". */
const char *shadow_failure(const struct shadow *s);

/* ---- before something is done ---- */

/* The regular file at `path`, which `opener` opens too; its number, 0: it is none that is recorded (of /proc, say). */
uint64_t shadow_file(struct shadow *s, const char *path, const char *opener);
/* A folder, with all below it when it is to be moved. */
void shadow_folder(struct shadow *s, const char *path, bool deep);
/* So much of the file is about to be changed. UINT64_MAX: to its end. */
void shadow_will_change(struct shadow *s, uint64_t file, const char *path, uint64_t from, uint64_t to);
/* The file is changed in ways that are not seen: it is left as it is. */
void shadow_leave(struct shadow *s, const struct stat *file);

/* ---- after it was done ---- */

void shadow_wrote(struct shadow *s, uint64_t file, const char *path, uint64_t offset, uint64_t len);
void shadow_truncated(struct shadow *s, const char *path, uint64_t size);
void shadow_synced(struct shadow *s, const char *path, bool directory);
void shadow_synced_all(struct shadow *s);
void shadow_made(struct shadow *s, const char *path, bool directory);
void shadow_renamed(struct shadow *s, const char *from, const char *to);
void shadow_removed(struct shadow *s, const char *path);

/* ---- the cut ---- */

struct shadow_crash {
    uint64_t kept, dropped, torn; /* writes, truncations and operations on names that were not synced */
    uint64_t left;                /* files that were left as they are, since not all that changes them is seen */
};
/* Leaves alone what a process that `ours` does not know has open for writing, too. */
void shadow_crash(struct shadow *s, enum sim_crash_keeps keeps, bool (*ours)(void *arg, int64_t process), void *arg,
                  struct shadow_crash *out);
/* The real files are made what the crash left. */
void shadow_restore(struct shadow *s);

#endif
