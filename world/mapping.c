#include "world/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     ((uintptr_t)4096) /* x86-64 and the usual ARM kernels; larger pages are refused by mmap itself */
#define PATH_LEN 4096

/* base/error.h's own table would pull in the library; these are all that happen here. */
static int code(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
        return ERROR_NOT_FOUND;
    case EEXIST:
        return ERROR_EXISTS;
    case ENOMEM:
        return ERROR_MEMORY;
    case ENOSPC:
        return ERROR_NO_SPACE;
    case EACCES:
    case EPERM:
        return ERROR_DENIED;
    default:
        return ERROR_IO;
    }
}

int world_mapping_anonymous(size_t size, struct world_mapping *out)
{
    *out = (struct world_mapping){NULL, 0};
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return ERROR_MEMORY;
    *out = (struct world_mapping){data, size};
    return 0;
}

int world_mapping_open(const char *path, bool writable, struct world_mapping *out)
{
    *out = (struct world_mapping){NULL, 0};
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW), rc = 0;
    struct stat s;
    if (fd < 0)
        return code(errno);
    if (fstat(fd, &s) < 0) {
        rc = code(errno);
    } else if (s.st_size <= 0) {
        rc = ERROR_INVALID;
    } else {
        void *data = mmap(NULL, (size_t)s.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            rc = code(errno);
        else
            *out = (struct world_mapping){data, (size_t)s.st_size};
    }
    close(fd);
    return rc;
}

void world_mapping_close(struct world_mapping *m)
{
    if (m->data)
        munmap(m->data, m->size);
    *m = (struct world_mapping){NULL, 0};
}

uint64_t world_mapping_offset(const void *start)
{
    return WORLD_MAPPING_HEADER + ((uintptr_t)start & (PAGE - 1));
}

/* Between the objects in these pages may be what a sanitizer fenced off, and memcpy() would be told on. */
__attribute__((no_sanitize("address", "thread"))) static void copy_raw(void *to, const void *from, size_t len)
{
    volatile uint64_t *out = to;
    for (size_t i = 0; i < len / sizeof *out; i++)
        out[i] = ((const volatile uint64_t *)from)[i];
}

static int fill(int fd, struct bytes header, const void *pages, size_t len)
{
    size_t size = WORLD_MAPPING_HEADER + len;
    if (ftruncate(fd, (off_t)size) < 0)
        return code(errno);
    uint8_t *draft = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (draft == MAP_FAILED)
        return code(errno);
    if (header.len)
        memcpy(draft, header.data, header.len);
    copy_raw(draft + WORLD_MAPPING_HEADER, pages, len);
    munmap(draft, size);
    return 0;
}

int world_mapping_move(const char *path, struct bytes header, void *start, void *end, uint64_t *offset)
{
    char draft[PATH_LEN];
    size_t before = (uintptr_t)start & (PAGE - 1);
    uint8_t *first = (uint8_t *)start - before;
    size_t len = ((size_t)((uint8_t *)end - first) + PAGE - 1) & ~(PAGE - 1);
    int n = snprintf(draft, sizeof draft, "%s.draft", path), rc;
    if (header.len > WORLD_MAPPING_HEADER || n < 0 || (size_t)n >= sizeof draft || end <= start)
        return ERROR_INVALID;
    int fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return code(errno);
    rc = fill(fd, header, first, len);
    if (rc == 0 && link(draft, path) < 0) /* not rename(): that would replace somebody else's */
        rc = code(errno);
    if (rc == 0 && mmap(first, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)WORLD_MAPPING_HEADER) ==
                       MAP_FAILED) {
        rc = code(errno);
        unlink(path);
    }
    unlink(draft);
    close(fd);
    if (rc == 0)
        *offset = WORLD_MAPPING_HEADER + before;
    return rc;
}

int world_mapping_share(void *start, void *end)
{
    uint8_t *first = (uint8_t *)(((uintptr_t)start + PAGE - 1) & ~(PAGE - 1));
    uint8_t *last = (uint8_t *)((uintptr_t)end & ~(PAGE - 1));
    if (first >= last)
        return 0;
    size_t len = (size_t)(last - first);
    uint8_t *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return ERROR_MEMORY;
    copy_raw(pages, first, len);
    if (mremap(pages, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, first) == MAP_FAILED) {
        munmap(pages, len);
        return ERROR_MEMORY;
    }
    return 0;
}

int64_t world_process_self(void)
{
    return getpid();
}
