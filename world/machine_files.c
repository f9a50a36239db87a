/* Control groups, mounts and private files: see machine.h. */
#include "world/machine.h"
#include "world/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_MAX    ((size_t)4 << 20) /* of a table in /proc */
#define GROUP_TRIES  5000              /* to empty a group whose processes fork meanwhile, or take their time to die */
#define GROUP_PAUSE  1000              /* us */
#define WORD_MAX_LEN 256

static int refuse_simulated(struct world *w, struct error *err)
{
    return world_is_simulated(w) ? error_set(err, ERROR_UNSUPPORTED, "there is no machine in simulation") : 0;
}

static int failed(struct error *err, const char *what, const char *path)
{
    int why = errno;
    return error_set(err, error_from_errno(why), "%s %s: %s", what, path, strerror(why));
}

static int read_all(const char *path, int flags, size_t limit, struct text *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return failed(err, "cannot read", path);
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0 && out->len <= limit)
        text_add(out, piece, (size_t)n);
    int code = n < 0 ? failed(err, "cannot read", path) : 0;
    close(fd);
    if (code == 0 && out->len > limit)
        code = error_set(err, ERROR_LIMIT, "%s is longer than %zu bytes", path, limit);
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
}

static int write_all(const char *path, const char *value, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "cannot write", path);
    size_t len = strlen(value);
    int code = write(fd, value, len) == (ssize_t)len ? 0 : failed(err, "cannot write", path);
    close(fd);
    return code;
}

/* ---- control groups ---- */

static const char *const controllers[] = {"freezer", "cpu", "memory", "pids"};

static bool has_word(const char *list, size_t len, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list, *end = list + len; at < end;) {
        size_t part = strcspn(at, ", \n");
        if (at + part > end)
            part = (size_t)(end - at);
        if (part == n && strncmp(at, word, n) == 0)
            return true;
        at += part + 1;
    }
    return false;
}

/* Where a hierarchy is mounted, from the table of mounts; `controller` NULL: version 2. */
static bool find_mount(const char *table, const char *controller, char *out, size_t size)
{
    for (const char *line = table; *line != '\0';) {
        char point[MACHINE_PATH_MAX], type[64], options[1024];
        if (sscanf(line, "%*s %1023s %63s %1023s", point, type, options) == 3 &&
            (controller == NULL ? strcmp(type, "cgroup2") == 0
                                : strcmp(type, "cgroup") == 0 && has_word(options, strlen(options), controller))) {
            snprintf(out, size, "%s", point);
            return true;
        }
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    return false;
}

/* The process's group in that hierarchy: the third part of its line in /proc/ID/cgroup. */
static bool find_group(const char *table, const char *controller, char *out, size_t size)
{
    for (const char *line = table; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *first = memchr(line, ':', len);
        const char *second = first != NULL ? memchr(first + 1, ':', len - (size_t)(first + 1 - line)) : NULL;
        if (second != NULL) {
            size_t names = (size_t)(second - first - 1);
            if (controller == NULL ? names == 0 : has_word(first + 1, names, controller)) {
                snprintf(out, size, "%.*s", (int)(len - (size_t)(second + 1 - line)), second + 1);
                return true;
            }
        }
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    return false;
}

static bool unified_has(const char *mount, const char *group, const char *controller)
{
    char path[2 * MACHINE_PATH_MAX + 32];
    struct text list = TEXT_INIT;
    if (strcmp(controller, "freezer") == 0)
        return true; /* every group can be frozen */
    snprintf(path, sizeof path, "%s%s/cgroup.subtree_control", mount, group);
    bool has = read_all(path, 0, TABLE_MAX, &list, NULL) == 0 && has_word(text_string(&list), list.len, controller);
    text_deinit(&list);
    return has;
}

/* With version 1 below the group it is in, whose bounds so hold on. With version 2 beside it, since there a group with
 * processes can have no controlled groups below. */
int machine_cgroup_place(struct world *w, enum machine_controller controller, const struct world_foreign *p,
                         const char *name, struct machine_cgroup *out, struct error *err)
{
    const char *word = controllers[controller];
    char path[64], mount[MACHINE_PATH_MAX], group[MACHINE_PATH_MAX];
    struct text mounts = TEXT_INIT, groups = TEXT_INIT;
    int code = refuse_simulated(w, err);
    if (code == 0 && !machine_is_root())
        code = error_set(err, ERROR_DENIED, "control groups need root");
    snprintf(path, sizeof path, "/proc/%lld/cgroup", (long long)p->id);
    if (code == 0)
        code = read_all("/proc/self/mounts", 0, TABLE_MAX, &mounts, err);
    if (code == 0)
        code = read_all(path, 0, TABLE_MAX, &groups, err);
    *out = (struct machine_cgroup){0};
    int n = -1, m = -1;
    if (code == 0 && find_mount(text_string(&mounts), word, mount, sizeof mount) &&
        find_group(text_string(&groups), word, group, sizeof group)) {
        const char *below = strcmp(group, "/") == 0 ? "" : group;
        n = snprintf(out->home, sizeof out->home, "%s%s", mount, below);
        m = snprintf(out->path, sizeof out->path, "%s%s/%s", mount, below, name);
    } else if (code == 0 && find_mount(text_string(&mounts), NULL, mount, sizeof mount) &&
               find_group(text_string(&groups), NULL, group, sizeof group)) {
        n = snprintf(out->home, sizeof out->home, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        char *last = strrchr(group, '/');
        if (last != NULL)
            *last = '\0';
        m = snprintf(out->path, sizeof out->path, "%s%s/%s", mount, group, name);
        out->unified = true;
        if (!unified_has(mount, group, word))
            code = error_set(err, ERROR_UNSUPPORTED, "the controller \"%s\" is given to no group beside that of %lld",
                             word, (long long)p->id);
    } else if (code == 0) {
        code = error_set(err, ERROR_UNSUPPORTED, "no control groups with the controller \"%s\" are mounted", word);
    }
    if (code == 0 && (n < 0 || m < 0 || (size_t)n >= sizeof out->home || (size_t)m >= sizeof out->path))
        code = error_set(err, ERROR_LIMIT, "the path of the control group is too long");
    text_deinit(&mounts);
    text_deinit(&groups);
    return code;
}

int machine_cgroup_make(struct world *w, const struct machine_cgroup *g, struct error *err)
{
    int code = refuse_simulated(w, err);
    return code != 0 ? code : mkdir(g->path, 0755) == 0 ? 0 : failed(err, "cannot make the group", g->path);
}

int machine_cgroup_set(struct world *w, const struct machine_cgroup *g, const char *file, const char *value,
                       struct error *err)
{
    char path[MACHINE_PATH_MAX + 64];
    int code = refuse_simulated(w, err);
    snprintf(path, sizeof path, "%s/%.60s", g->path, file);
    return code != 0 ? code : write_all(path, value, err);
}

int machine_cgroup_get(struct world *w, const struct machine_cgroup *g, const char *file, struct text *out,
                       struct error *err)
{
    char path[MACHINE_PATH_MAX + 64];
    int code = refuse_simulated(w, err);
    snprintf(path, sizeof path, "%s/%.60s", g->path, file);
    return code != 0 ? code : read_all(path, 0, TABLE_MAX, out, err);
}

int machine_cgroup_enter(struct world *w, const struct machine_cgroup *g, const struct world_foreign *p,
                         struct error *err)
{
    char id[24];
    if (world_foreign_state(w, p) == 0)
        return error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)p->id);
    snprintf(id, sizeof id, "%lld", (long long)p->id);
    return machine_cgroup_set(w, g, "cgroup.procs", id, err);
}

static void send_home(const char *path, const char *home)
{
    char from[MACHINE_PATH_MAX + 32], to[MACHINE_PATH_MAX + 32];
    struct text list = TEXT_INIT;
    snprintf(from, sizeof from, "%s/cgroup.procs", path);
    snprintf(to, sizeof to, "%s/cgroup.procs", home);
    if (read_all(from, 0, TABLE_MAX, &list, NULL) == 0) {
        char *save = NULL;
        for (char *id = list.data != NULL ? strtok_r(list.data, "\n", &save) : NULL; id != NULL;
             id = strtok_r(NULL, "\n", &save))
            (void)write_all(to, id, NULL); /* it may have ended */
    }
    text_deinit(&list);
}

int machine_cgroup_remove(struct world *w, const char *path, const char *home, struct error *err)
{
    char file[MACHINE_PATH_MAX + 32];
    int code = refuse_simulated(w, err);
    if (code != 0)
        return code;
    for (int i = 0; i < GROUP_TRIES; i++) {
        snprintf(file, sizeof file, "%s/freezer.state", path);
        (void)write_all(file, "THAWED", NULL);
        snprintf(file, sizeof file, "%s/cgroup.freeze", path);
        (void)write_all(file, "0", NULL);
        send_home(path, home);
        if (rmdir(path) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            break;
        usleep(GROUP_PAUSE);
    }
    return failed(err, "cannot remove the group", path);
}

/* ---- private files ---- */

static int own_alone(int fd, const char *path, mode_t kind, mode_t forbidden, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return failed(err, "cannot look at", path);
    if ((st.st_mode & S_IFMT) != kind)
        return error_set(err, ERROR_DENIED, "%s is no %s", path, kind == S_IFDIR ? "directory" : "regular file");
    if (st.st_uid != geteuid())
        return error_set(err, ERROR_DENIED, "%s belongs to user %u, not to us", path, (unsigned)st.st_uid);
    if ((st.st_mode & forbidden) != 0)
        return error_set(err, ERROR_DENIED, "%s can be %s by others (mode %o)", path,
                         kind == S_IFDIR ? "used" : "written", (unsigned)(st.st_mode & 07777));
    if (kind == S_IFREG && st.st_nlink != 1)
        return error_set(err, ERROR_DENIED, "%s has a second name", path);
    return 0;
}

int machine_private_folder(struct world *w, const char *path, struct error *err)
{
    int code = refuse_simulated(w, err);
    if (code != 0)
        return code;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return failed(err, "cannot make", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "cannot use the folder", path);
    code = own_alone(fd, path, S_IFDIR, 077, err);
    close(fd);
    return code;
}

int machine_private_read(struct world *w, const char *path, size_t limit, struct text *out, struct error *err)
{
    int code = refuse_simulated(w, err);
    if (code != 0)
        return code;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "cannot read", path);
    code = own_alone(fd, path, S_IFREG, 022, err);
    char piece[4096];
    ssize_t n = 0;
    while (code == 0 && out->len <= limit && (n = read(fd, piece, sizeof piece)) > 0)
        text_add(out, piece, (size_t)n);
    if (code == 0 && n < 0)
        code = failed(err, "cannot read", path);
    close(fd);
    if (code == 0 && out->len > limit)
        code = error_set(err, ERROR_LIMIT, "%s is longer than %zu bytes", path, limit);
    return code == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : code;
}

int machine_link(struct world *w, const char *to, const char *path, struct error *err)
{
    int code = refuse_simulated(w, err);
    return code != 0 ? code : symlink(to, path) == 0 ? 0 : failed(err, "cannot make the link", path);
}

/* ---- mounts ---- */

int machine_mount_memory(struct world *w, const char *path, const char *source, uint64_t size, struct error *err)
{
    char options[64];
    int code = refuse_simulated(w, err);
    if (code != 0)
        return code;
    snprintf(options, sizeof options, "size=%llu,mode=1777", (unsigned long long)size);
    return mount(source, path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : failed(err, "cannot mount on", path);
}

/* What the table has last for the path is what lies on top. */
static bool mounted(const char *table, const char *path, const char *source)
{
    bool ours = false;
    for (const char *line = table; *line != '\0';) {
        char from[WORD_MAX_LEN], point[MACHINE_PATH_MAX];
        if (sscanf(line, "%255s %1023s", from, point) == 2 && strcmp(point, path) == 0)
            ours = strcmp(from, source) == 0;
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    return ours;
}

int machine_unmount(struct world *w, const char *path, const char *source, struct error *err)
{
    struct text table = TEXT_INIT;
    int code = refuse_simulated(w, err);
    if (code == 0)
        code = read_all("/proc/self/mounts", 0, TABLE_MAX, &table, err);
    if (code == 0 && mounted(text_string(&table), path, source) && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0 &&
        errno != EINVAL && errno != ENOENT)
        code = failed(err, "cannot unmount", path);
    text_deinit(&table);
    return code;
}

/* ---- the page cache ---- */

int machine_file_cache(struct world *w, const char *path, bool drop, uint64_t *cached, uint64_t *pages,
                       struct error *err)
{
    struct stat st;
    int code = refuse_simulated(w, err);
    *cached = *pages = 0;
    if (code != 0)
        return code;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        code = failed(err, "cannot look at", path);
        if (fd >= 0)
            close(fd);
        return code;
    }
    /* Only what is on disk can be let go of. */
    if (drop && (fdatasync(fd) != 0 || (errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) != 0))
        code = failed(err, "cannot let go of the pages of", path);
    size_t size = (size_t)st.st_size, page = (size_t)sysconf(_SC_PAGESIZE), count = (size + page - 1) / page;
    void *data = code == 0 && size > 0 ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    unsigned char *there = data != MAP_FAILED ? malloc(count) : NULL;
    if (code == 0 && size > 0 && (there == NULL || mincore(data, size, there) != 0))
        code = there == NULL ? error_set(err, ERROR_MEMORY, "no memory to look at %s", path)
                             : failed(err, "cannot see the pages of", path);
    for (size_t i = 0; code == 0 && i < count; i++)
        *cached += there[i] & 1;
    *pages = count;
    if (data != MAP_FAILED)
        munmap(data, size);
    free(there);
    close(fd);
    return code;
}
