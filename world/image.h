/* A file system in a file (ext4 over a loop device), which can lose its power: what was not fsynced is then gone, as
 * with a machine that is switched off, and mounting it again goes through its journal. The cut is the shutdown every
 * such file system has for its own tests (ioctl FS_IOC_SHUTDOWN, without flushing: Linux, fs/ext4/ioctl.c).
 *
 * Mounts are made in a mount namespace of our own (mount_namespaces(7)), which our children share, so that nobody else
 * sees them and nothing has to be undone: the mounts go with the last of us, and the loop device with its mount. What
 * stays is the file, where the caller put it. Real world only, and of root. */
#ifndef WORLD_IMAGE_H
#define WORLD_IMAGE_H

#include "world/machine.h"

struct world_image {
    int fd;
    char folder[MACHINE_PATH_MAX]; /* where it is mounted */
};

/* An empty one of at most that many bytes, which it takes as it fills, not mounted yet. `file` NULL: one in memory. */
int world_image_make(struct world *w, const char *file, const char *folder, uint64_t size, struct world_image *out,
                     struct error *err);
int world_image_mount(struct world *w, const struct world_image *i, struct error *err);
/* Nothing reaches the file any more, whatever is done in the folder: EIO. */
int world_image_cut(struct world *w, const struct world_image *i, struct error *err);
/* ERROR_IN_USE: a process has something open there. 0 also when it is not mounted. */
int world_image_unmount(struct world *w, const struct world_image *i, struct error *err);
void world_image_close(struct world_image *i); /* lets go of the file; what is mounted stays */

#endif
