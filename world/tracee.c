#include "world/tracee.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096

bool tracee_read(pid_t task, uint64_t address, void *out, size_t len)
{
    const struct iovec local = {.iov_base = out, .iov_len = len};
    const struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = len}; // NOLINT
    return process_vm_readv(task, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* Page by page, since what follows the text may not be there. */
static bool read_text(pid_t task, uint64_t address, char out[TRACEE_PATH_MAX])
{
    for (size_t len = 0; len < TRACEE_PATH_MAX;) {
        size_t n = PAGE - (size_t)((address + len) % PAGE);
        if (n > TRACEE_PATH_MAX - len)
            n = TRACEE_PATH_MAX - len;
        if (!tracee_read(task, address + len, out + len, n))
            return false;
        if (memchr(out + len, '\0', n) != NULL)
            return true;
        len += n;
    }
    return false;
}

static bool link_of(const char *path, char out[TRACEE_PATH_MAX])
{
    ssize_t n = readlink(path, out, TRACEE_PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 && out[0] == '/';
}

bool tracee_path(pid_t task, int64_t folder, uint64_t name, char out[TRACEE_PATH_MAX])
{
    char text[TRACEE_PATH_MAX], path[2 * TRACEE_PATH_MAX], parent[TRACEE_PATH_MAX];
    if (!read_text(task, name, text) || text[0] == '\0')
        return false;
    for (size_t len = strlen(text); len > 1 && text[len - 1] == '/'; len--)
        text[len - 1] = '\0';
    char *slash = strrchr(text, '/'), *last = slash != NULL ? slash + 1 : text;
    if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return false;
    char base[64] = "";
    if (text[0] != '/' && (int)folder == AT_FDCWD)
        snprintf(base, sizeof base, "/proc/%d/cwd/", (int)task);
    else if (text[0] != '/')
        snprintf(base, sizeof base, "/proc/%d/fd/%d/", (int)task, (int)folder);
    snprintf(path, sizeof path, "%s%.*s", base, (int)(last - text), text);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool ok = link_of(path, parent);
    close(fd);
    return ok && (size_t)snprintf(out, TRACEE_PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, last) <
                     TRACEE_PATH_MAX;
}

bool tracee_path_followed(pid_t task, int64_t folder, uint64_t name, char out[TRACEE_PATH_MAX])
{
    struct stat st;
    char real[PATH_MAX];
    if (!tracee_path(task, folder, name, out))
        return false;
    if (lstat(out, &st) != 0 || !S_ISLNK(st.st_mode))
        return true;
    if (realpath(out, real) == NULL)
        return false;
    return (size_t)snprintf(out, TRACEE_PATH_MAX, "%s", real) < TRACEE_PATH_MAX;
}

bool tracee_file(pid_t task, int fd, struct tracee_file *d)
{
    char info[64], text[256];
    snprintf(d->opener, sizeof d->opener, "/proc/%d/fd/%d", (int)task, fd);
    snprintf(info, sizeof info, "/proc/%d/fdinfo/%d", (int)task, fd);
    if (stat(d->opener, &d->stat) != 0 || (!S_ISREG(d->stat.st_mode) && !S_ISDIR(d->stat.st_mode)))
        return false;
    int file = open(info, O_RDONLY | O_CLOEXEC);
    ssize_t n = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0)
        close(file);
    text[n > 0 ? n : 0] = '\0';
    const char *position = strstr(text, "pos:"), *flags = strstr(text, "flags:");
    if (position == NULL || flags == NULL)
        return false;
    d->position = strtoull(position + 4, NULL, 10);
    d->flags = strtoul(flags + 6, NULL, 8);
    /* What has no name any more is of no interest. */
    return d->stat.st_nlink > 0 && link_of(d->opener, d->path);
}
