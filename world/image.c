#include "world/image.h"
#include "world/command.h"
#include "world/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOP_CONTROL "/dev/loop-control"
#define LOOP_TRIES   50 /* somebody else may take the free one that was found */
/* Linux, include/uapi/linux/fs.h, since 6.11; the same as EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN before. */
#define CUT          _IOR('X', 125, uint32_t)
#define CUT_NO_FLUSH UINT32_C(2)

static int failed(struct error *err, const char *what, const char *path)
{
    int why = errno;
    return error_set(err, error_from_errno(why), "%s %s: %s", what, path, strerror(why));
}

static int refuse_simulated(struct world *w, struct error *err)
{
    return world_is_simulated(w) ? error_set(err, ERROR_UNSUPPORTED, "there are no mounts in simulation") : 0;
}

/* From here on what we mount is seen by us and our children only. */
static int mounts_of_our_own(struct error *err)
{
    static bool done;
    if (done)
        return 0;
    if (unshare(CLONE_NEWNS) != 0)
        return failed(err, "cannot make a mount namespace for", "a file system in a file");
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
        return failed(err, "cannot keep mounts to ourselves below", "/");
    done = true;
    return 0;
}

/* ---- the file ---- */

int world_image_make(struct world *w, const char *file, const char *folder, uint64_t size, struct world_image *out,
                     struct error *err)
{
    char path[64];
    int code = refuse_simulated(w, err);
    *out = (struct world_image){.fd = -1};
    if (code == 0 && strlen(folder) >= sizeof out->folder)
        code = error_set(err, ERROR_LIMIT, "the path %s is too long", folder);
    if (code != 0 || (code = mounts_of_our_own(err)) != 0)
        return code;
    memcpy(out->folder, folder, strlen(folder) + 1);
    out->fd =
        file != NULL ? open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : memfd_create("image", MFD_CLOEXEC);
    if (out->fd < 0 || ftruncate(out->fd, (off_t)size) != 0)
        code = failed(err, "cannot make", file != NULL ? file : "a file in memory");
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), out->fd);
    /* No room kept for root, and its tables left for later. */
    const char *const argv[] = {"mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,nodiscard", path, NULL};
    if (code == 0)
        code = world_command_run(w, &(struct world_command){.argv = argv}, NULL, err);
    if (code != 0)
        world_image_close(out);
    return code;
}

void world_image_close(struct world_image *i)
{
    if (i->fd >= 0)
        close(i->fd);
    i->fd = -1;
}

/* ---- mounting ---- */

/* A loop device of the file that goes when nobody uses it any more; *path is its name. */
static int loop_open(const struct world_image *i, char *path, size_t size, int *fd, struct error *err)
{
    int control = open(LOOP_CONTROL, O_RDWR | O_CLOEXEC), code = ERROR_IN_USE;
    if (control < 0)
        return failed(err, "cannot use", LOOP_CONTROL);
    *fd = -1;
    for (int try = 0; code == ERROR_IN_USE && try < LOOP_TRIES; try++) {
        struct loop_config config = {.fd = (uint32_t)i->fd, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(path, size, "/dev/loop%d", number);
        *fd = number >= 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
        if (*fd < 0) {
            code = failed(err, "no loop device:", path);
        } else if (ioctl(*fd, LOOP_CONFIGURE, &config) != 0) {
            code = errno == EBUSY ? ERROR_IN_USE : failed(err, "cannot set up", path);
            if (code == ERROR_IN_USE && try == LOOP_TRIES - 1)
                failed(err, "cannot set up", path);
            close(*fd);
            *fd = -1;
        } else {
            code = 0;
        }
    }
    close(control);
    return code;
}

int world_image_mount(struct world *w, const struct world_image *i, struct error *err)
{
    char device[32];
    int fd = -1, code = refuse_simulated(w, err);
    if (code != 0 || (code = loop_open(i, device, sizeof device, &fd, err)) != 0)
        return code;
    if (mount(device, i->folder, "ext4", MS_NOSUID | MS_NODEV, NULL) != 0)
        code = failed(err, "cannot mount a file system on", i->folder);
    close(fd);
    return code;
}

int world_image_cut(struct world *w, const struct world_image *i, struct error *err)
{
    const uint32_t how = CUT_NO_FLUSH;
    int code = refuse_simulated(w, err);
    if (code != 0)
        return code;
    int fd = open(i->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, CUT, &how) != 0)
        code = failed(err, "cannot shut down the file system on", i->folder);
    if (fd >= 0)
        close(fd);
    return code;
}

int world_image_unmount(struct world *w, const struct world_image *i, struct error *err)
{
    int code = refuse_simulated(w, err);
    if (code != 0 || umount2(i->folder, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
        return code;
    code = errno == EBUSY ? ERROR_IN_USE : 0;
    return code != 0 ? error_set(err, code, "%s is in use", i->folder) : failed(err, "cannot unmount", i->folder);
}
