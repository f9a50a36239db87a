/* What a power cut leaves of the files a shadow goes along with: see shadow.h. */
#include "world/shadow_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLACEMENT "harrow-cut-%zu" /* of a file that comes back, until it has its name */

static void on_trace(void *arg, const char *text, size_t len)
{
    struct shadow *s = arg;
    char line[256];
    unsigned long long kept, dropped, torn;
    snprintf(line, sizeof line, "%.*s", (int)len, text);
    const char *at = strstr(line, "disk crash: ");
    if (at != NULL && sscanf(at, "disk crash: %llu kept, %llu dropped, %llu torn", &kept, &dropped, &torn) == 3) {
        s->crash.kept = kept;
        s->crash.dropped = dropped;
        s->crash.torn = torn;
    }
}

/* What one process has open for writing is not ours to put back. */
static void leave_open_files(struct shadow *s, const char *process)
{
    char path[96], info[256];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%.20s/fd", process);
    DIR *d = opendir(path);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", process, e->d_name);
        struct shadow_original *o =
            stat(path, &st) == 0 && S_ISREG(st.st_mode) ? shadow_original(s, shadow_number(s, &st)) : NULL;
        if (o == NULL)
            continue;
        snprintf(path, sizeof path, "/proc/%.20s/fdinfo/%.20s", process, e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, info, sizeof info - 1) : 0;
        if (fd >= 0)
            close(fd);
        info[n > 0 ? n : 0] = '\0';
        const char *flags = strstr(info, "flags:");
        if (flags == NULL || (strtoul(flags + 6, NULL, 8) & O_ACCMODE) != O_RDONLY)
            o->left = true;
    }
    if (d != NULL)
        closedir(d);
}

void shadow_crash(struct shadow *s, enum sim_crash_keeps keeps, bool (*ours)(void *arg, int64_t process), void *arg,
                  struct shadow_crash *out)
{
    DIR *d = opendir("/proc");
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        int64_t id = strtoll(e->d_name, NULL, 10);
        if (id > 0 && id != getpid() && !ours(arg, id))
            leave_open_files(s, e->d_name);
    }
    if (d != NULL)
        closedir(d);
    s->before = shadow_names(s);
    sim_trace(s->sim, on_trace, s);
    int code = sim_crash_with(s->sim, SHADOW_NODE, keeps);
    /* Memory that ran out on the way is told by the next run of it. */
    shadow_check(s, "the shadow", code != 0 ? code : sim_run_for(s->sim, 0));
    for (size_t i = 0; i < s->originals.count; i++)
        s->crash.left += s->originals.items[i].left && s->originals.items[i].file >= 0 ? 1 : 0;
    *out = s->crash;
}

/* The piece as it is to be, into `out`; how much of it there is. */
static size_t read_piece(struct shadow *s, const struct shadow_original *o, struct world_file *f, uint64_t piece,
                         uint64_t size, char out[SHADOW_PIECE])
{
    uint64_t at = piece * SHADOW_PIECE;
    size_t len = size - at < SHADOW_PIECE ? (size_t)(size - at) : SHADOW_PIECE;
    bool known =
        !o->left && (o->complete || at >= (uint64_t)o->stat.st_size || (piece < o->known_count && o->known[piece]));
    int64_t n = known ? world_file_pread(f, out, len, at) : pread(o->file, out, len, (off_t)at);
    if (n < 0)
        shadow_check(s, "the shadow", n);
    if (n >= 0 && (size_t)n < len)
        memset(out + n, 0, len - (size_t)n);
    return len;
}

static bool same(int file, const char *content, size_t len, uint64_t at)
{
    char now[SHADOW_PIECE];
    return pread(file, now, len, (off_t)at) == (ssize_t)len && memcmp(now, content, len) == 0;
}

static void write_out(struct shadow *s, const struct shadow_original *o, const char *path,
                      const struct shadow_name *what, int to)
{
    char content[SHADOW_PIECE];
    struct stat now;
    uint64_t size = o->left && fstat(o->file, &now) == 0 ? (uint64_t)now.st_size : what->what.size;
    struct world_file *f = shadow_open(s, what->path);
    for (uint64_t piece = 0; f != NULL && !s->failed && piece * SHADOW_PIECE < size; piece++) {
        size_t len = read_piece(s, o, f, piece, size, content);
        if (!same(to, content, len, piece * SHADOW_PIECE) &&
            pwrite(to, content, len, (off_t)(piece * SHADOW_PIECE)) != (ssize_t)len)
            shadow_fail(s, path, strerror(errno));
    }
    if (f != NULL)
        world_file_close(f);
    if (!s->failed && ftruncate(to, (off_t)size) != 0)
        shadow_fail(s, path, strerror(errno));
}

/* The file stands where it should: what is wrong in it is put right. */
static void mend(struct shadow *s, const struct shadow_original *o, const struct shadow_name *what)
{
    char opener[64];
    snprintf(opener, sizeof opener, "/proc/self/fd/%d", o->file);
    int to = open(opener, O_RDWR | O_CLOEXEC);
    if (to < 0) {
        shadow_fail(s, what->path, strerror(errno));
        return;
    }
    write_out(s, o, what->path, what, to);
    close(to);
}

/* Another stands there, or none. */
static void bring_back(struct shadow *s, const struct shadow_original *o, const struct shadow_name *what, size_t number)
{
    char path[SHADOW_PATH_MAX + 64];
    const char *slash = strrchr(what->path, '/');
    snprintf(path, sizeof path, "%.*s/" REPLACEMENT, (int)(slash - what->path), what->path, number);
    int to = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        shadow_fail(s, path, strerror(errno));
        return;
    }
    write_out(s, o, path, what, to);
    (void)!fchown(to, o->stat.st_uid, o->stat.st_gid);
    if (!s->failed && (fchmod(to, o->stat.st_mode & 07777) != 0 || rename(path, what->path) != 0))
        shadow_fail(s, what->path, strerror(errno));
    close(to);
    if (s->failed)
        unlink(path);
}

static bool stands_there(const struct shadow_original *o, const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_ino == o->stat.st_ino && st.st_dev == o->stat.st_dev;
}

static const struct shadow_name *find(const struct shadow_names *n, const char *path)
{
    size_t low = 0, high = n->list.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(n->list.items[middle].path, path);
        if (order == 0)
            return &n->list.items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool left_alone(const struct shadow *s, const struct shadow_name *n)
{
    const struct shadow_original *o = shadow_original(s, n->what.origin);
    return o != NULL && o->left;
}

void shadow_restore(struct shadow *s)
{
    struct shadow_names after = shadow_names(s);
    /* What is in the files, while all of them can be read. */
    for (size_t i = 0; i < after.list.count && !s->failed; i++) {
        const struct shadow_name *n = &after.list.items[i];
        const struct shadow_original *o = shadow_original(s, n->what.origin);
        if (!n->what.directory && o != NULL && !o->left && stands_there(o, n->path))
            mend(s, o, n);
    }
    /* What there should not be: from the inside out. */
    for (size_t i = s->before.list.count; i-- > 0 && !s->failed;) {
        const struct shadow_name *n = &s->before.list.items[i];
        const struct shadow_name *now = find(&after, n->path);
        if (left_alone(s, n) || (now != NULL && now->what.directory == n->what.directory))
            continue;
        int rc = n->what.directory ? rmdir(n->path) : unlink(n->path);
        if (rc != 0 && errno != ENOENT && errno != ENOTEMPTY)
            shadow_fail(s, n->path, strerror(errno));
    }
    /* What there should be. */
    for (size_t i = 0; i < after.list.count && !s->failed; i++) {
        const struct shadow_name *n = &after.list.items[i];
        const struct shadow_original *o = shadow_original(s, n->what.origin);
        if (n->what.directory && mkdir(n->path, 0700) != 0 && errno != EEXIST)
            shadow_fail(s, n->path, strerror(errno));
        else if (!n->what.directory && o != NULL && o->file >= 0 && !stands_there(o, n->path))
            bring_back(s, o, n, i);
    }
    shadow_names_free(&after);
}
