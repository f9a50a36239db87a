#include "world/real_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_FDS_MAX 32 /* descriptors held open while walking down a tree */
#define IO_MAX       ((size_t)1 << 30)

struct real_file {
    struct world_file base; /* first */
    int fd;
};

static int fd_of(const struct world_file *f)
{
    return ((const struct real_file *)f)->fd;
}

static int last_error(void)
{
    return error_from_errno(errno);
}

int real_file_open(struct world *w, const char *path, int flags, struct world_file **out)
{
    int how = O_CLOEXEC | (flags & WORLD_WRITE ? 0 : O_NONBLOCK); /* a pipe nobody writes to would hold us for ever */
    if ((flags & WORLD_READ) && (flags & WORLD_WRITE))
        how |= O_RDWR;
    else
        how |= flags & WORLD_WRITE ? O_WRONLY : O_RDONLY;
    how |= (flags & WORLD_CREATE ? O_CREAT : 0) | (flags & WORLD_EXCLUSIVE ? O_EXCL : 0) |
           (flags & WORLD_TRUNCATE ? O_TRUNC : 0);
    struct real_file *f = malloc(sizeof(*f));
    if (!f)
        return ERROR_MEMORY;
    f->base.world = w;
    mode_t mode = (flags & WORLD_PRIVATE ? 0600 : 0644) | (flags & WORLD_EXECUTABLE ? 0100 : 0);
    do
        f->fd = open(path, how, mode);
    while (f->fd < 0 && errno == EINTR);
    struct stat stat;
    if (f->fd < 0 || fstat(f->fd, &stat) < 0 || S_ISDIR(stat.st_mode) ||
        (S_ISFIFO(stat.st_mode) && !(flags & WORLD_WRITE))) {
        int code = f->fd < 0 ? last_error() : ERROR_INVALID; /* neither has bytes at a place */
        if (f->fd >= 0)
            close(f->fd);
        free(f);
        return code;
    }
    *out = &f->base;
    return 0;
}

int64_t real_file_pread(struct world_file *f, void *out, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        size_t step = len - done < IO_MAX ? len - done : IO_MAX;
        ssize_t n = pread(fd_of(f), (char *)out + done, step, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return last_error();
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

int64_t real_file_pwrite(struct world_file *f, const void *data, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        size_t step = len - done < IO_MAX ? len - done : IO_MAX;
        ssize_t n = pwrite(fd_of(f), (const char *)data + done, step, (off_t)(offset + done));
        if (n < 0 && errno == ESPIPE) /* no places: one after the other */
            n = write(fd_of(f), (const char *)data + done, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return last_error();
        done += (size_t)n;
    }
    return (int64_t)done;
}

int real_file_truncate(struct world_file *f, uint64_t size)
{
    int result;
    do
        result = ftruncate(fd_of(f), (off_t)size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? last_error() : 0;
}

int real_file_sync(struct world_file *f)
{
    /* fdatasync also writes the size when it changed, which is all a reader needs. A failed sync is never repeated:
     * the kernel may have dropped the pages and would then answer 0 for data that is lost. */
    return fdatasync(fd_of(f)) < 0 ? last_error() : 0;
}

int64_t real_file_size(struct world_file *f)
{
    struct stat stat;
    return fstat(fd_of(f), &stat) < 0 ? last_error() : (int64_t)stat.st_size;
}

void real_file_close(struct world_file *f)
{
    close(fd_of(f));
    free(f);
}

int real_stat(struct world *w, const char *path, struct world_stat *out)
{
    (void)w;
    struct stat s;
    if (lstat(path, &s) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : last_error();
    out->link = S_ISLNK(s.st_mode);
    if (out->link && stat(path, &s) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : last_error();
    out->exists = true;
    out->executable = S_ISREG(s.st_mode) && (s.st_mode & S_IXUSR);
    out->directory = S_ISDIR(s.st_mode);
    out->size = out->directory ? 0 : (uint64_t)s.st_size;
    out->modified = (int64_t)s.st_mtim.tv_sec * INT64_C(1000000000) + s.st_mtim.tv_nsec;
    return 0;
}

bool real_is_device(struct world *w, const char *path)
{
    (void)w;
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

int real_rename(struct world *w, const char *from, const char *to)
{
    (void)w;
    return rename(from, to) < 0 ? last_error() : 0;
}

int real_remove(struct world *w, const char *path)
{
    (void)w;
    return remove(path) < 0 ? last_error() : 0;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

int real_remove_tree(struct world *w, const char *path)
{
    (void)w;
    if (nftw(path, remove_one, TREE_FDS_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return 0;
    return last_error();
}

int real_make_one_directory(struct world *w, const char *path)
{
    (void)w;
    return mkdir(path, 0700) < 0 ? last_error() : 0;
}

int real_sync_directory(struct world *w, const char *path)
{
    (void)w;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    int code = fsync(fd) < 0 ? last_error() : 0;
    close(fd);
    return code;
}

static int not_a_dot(const struct dirent *entry)
{
    const char *n = entry->d_name;
    return !(n[0] == '.' && (n[1] == '\0' || (n[1] == '.' && n[2] == '\0')));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: the order must not hang on a locale */
}

int real_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
    (void)w;
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, not_a_dot, by_bytes);
    if (count < 0)
        return last_error();
    for (int i = 0; i < count; i++) {
        each(arg, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
