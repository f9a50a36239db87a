#include "world/shadow_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FOLDER_LEVELS 32

/* ---- making, failing ---- */

void shadow_fail(struct shadow *s, const char *path, const char *why)
{
    if (!s->failed)
        snprintf(s->failure, sizeof s->failure, "%s: %s", path, why);
    s->failed = true;
}

void shadow_check(struct shadow *s, const char *path, int64_t code)
{
    if (code < 0)
        shadow_fail(s, path, error_code_name((int)code));
}

const char *shadow_failure(const struct shadow *s)
{
    return s->failed ? s->failure : NULL;
}

struct shadow *shadow_new(uint64_t seed)
{
    struct shadow *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->sim = sim_new(&(struct sim_options){.seed = seed});
    s->disk = s->sim != NULL ? sim_node(s->sim, SHADOW_NODE) : NULL;
    if (s->disk == NULL) {
        shadow_free(s);
        return NULL;
    }
    return s;
}

void shadow_names_free(struct shadow_names *n)
{
    for (size_t i = 0; i < n->list.count; i++)
        free(n->list.items[i].path);
    array_deinit(&n->list);
}

void shadow_free(struct shadow *s)
{
    for (size_t i = 0; i < s->originals.count; i++) {
        close(s->originals.items[i].file);
        free(s->originals.items[i].known);
    }
    array_deinit(&s->originals);
    map_deinit(&s->by_inode);
    shadow_names_free(&s->before);
    if (s->sim != NULL)
        sim_free(s->sim);
    free(s);
}

/* ---- files as they come ---- */

struct inode {
    uint64_t device, number;
};

static struct inode inode_of(const struct stat *st)
{
    return (struct inode){.device = (uint64_t)st->st_dev, .number = (uint64_t)st->st_ino};
}

uint64_t shadow_number(const struct shadow *s, const struct stat *st)
{
    const struct inode key = inode_of(st);
    return (uint64_t)(uintptr_t)map_get_n(&s->by_inode, &key, sizeof key);
}

struct shadow_original *shadow_original(const struct shadow *s, uint64_t number)
{
    return number > 0 && number <= s->originals.count ? &s->originals.items[number - 1] : NULL;
}

/* What stands on no disk. */
static bool on_disk(int file)
{
    struct statfs fs;
    if (fstatfs(file, &fs) != 0)
        return false;
    switch ((unsigned long)fs.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
        return false;
    default:
        return true;
    }
}

static uint64_t add(struct shadow *s, const char *path, int file, const struct stat *st, bool complete)
{
    const struct inode key = inode_of(st);
    if (s->originals.count == SHADOW_FILES_MAX) {
        shadow_fail(s, path, "too many files");
        return 0;
    }
    if (!array_push(&s->originals, ((struct shadow_original){.stat = *st, .file = file, .complete = complete}))) {
        shadow_fail(s, path, "out of memory");
        return 0;
    }
    if (!map_put_n(&s->by_inode, &key, sizeof key, (void *)(uintptr_t)s->originals.count)) {
        (void)array_pop(&s->originals);
        shadow_fail(s, path, "out of memory");
        return 0;
    }
    return s->originals.count;
}

uint64_t shadow_file(struct shadow *s, const char *path, const char *opener)
{
    struct stat st;
    if (s->failed || path[0] != '/' || stat(opener, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    uint64_t number = shadow_number(s, &st);
    struct shadow_original *known = shadow_original(s, number);
    struct world_stat there = {0};
    if (known != NULL && (known->file < 0 || world_stat(s->disk, path, &there) != 0 || !there.exists)) {
        known->left = true; /* it has got that name in a way that was not seen */
        return 0;
    }
    if (known != NULL)
        return number;
    int file = open(opener, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        shadow_fail(s, path, strerror(errno));
    else if (on_disk(file) && fstat(file, &st) == 0)
        number = add(s, path, file, &st, false);
    if (number == 0) {
        if (file >= 0)
            close(file);
        return 0;
    }
    shadow_check(
        s, path,
        sim_plant(s->sim, SHADOW_NODE, path, &(struct sim_planted){.size = (uint64_t)st.st_size, .origin = number}));
    return number;
}

static void plant_below(struct shadow *s, const char *path, int level)
{
    char name[SHADOW_PATH_MAX];
    struct stat st;
    DIR *d = opendir(path);
    if (d == NULL || level == FOLDER_LEVELS)
        shadow_fail(s, path, d == NULL ? strerror(errno) : "folders too deep");
    for (const struct dirent *e; !s->failed && (e = readdir(d)) != NULL;) {
        bool fits = (size_t)snprintf(name, sizeof name, "%s/%s", path, e->d_name) < sizeof name;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !fits || lstat(name, &st) != 0)
            continue;
        if (S_ISREG(st.st_mode))
            (void)shadow_file(s, name, name);
        else if (S_ISDIR(st.st_mode)) {
            shadow_check(s, name, sim_plant(s->sim, SHADOW_NODE, name, &(struct sim_planted){.directory = true}));
            plant_below(s, name, level + 1);
        }
    }
    if (d != NULL)
        closedir(d);
}

void shadow_folder(struct shadow *s, const char *path, bool deep)
{
    if (s->failed || path[1] == '\0')
        return;
    shadow_check(s, path, sim_plant(s->sim, SHADOW_NODE, path, &(struct sim_planted){.directory = true}));
    if (deep)
        plant_below(s, path, 0);
}

void shadow_leave(struct shadow *s, const struct stat *file)
{
    struct shadow_original *o = shadow_original(s, shadow_number(s, file));
    if (o == NULL && !s->failed && add(s, "a mapped file", -1, file, false) != 0)
        o = array_last(&s->originals);
    if (o != NULL)
        o->left = true;
}

/* ---- content ---- */

struct world_file *shadow_open(struct shadow *s, const char *path)
{
    struct world_file *f = NULL;
    shadow_check(s, path, world_file_open(s->disk, path, WORLD_READ | WORLD_WRITE, &f, NULL));
    return f;
}

/* Counts what is held here; false: too much. */
static bool room(struct shadow *s, const char *path, uint64_t bytes)
{
    s->written += bytes;
    if (s->written > SHADOW_WRITTEN_MAX)
        shadow_fail(s, path, "too much was written");
    return !s->failed;
}

static bool know_piece(struct shadow *s, struct shadow_original *o, const char *path, uint64_t piece)
{
    char content[SHADOW_PIECE];
    if (piece >= o->known_count) {
        size_t count = o->known_count < 64 ? 64 : o->known_count;
        while (count <= piece)
            count *= 2;
        uint8_t *known = realloc(o->known, count);
        if (known == NULL) {
            shadow_fail(s, path, "out of memory");
            return false;
        }
        memset(known + o->known_count, 0, count - o->known_count);
        o->known = known;
        o->known_count = count;
    }
    if (o->known[piece])
        return true;
    o->known[piece] = 1;
    if (piece * SHADOW_PIECE >= (uint64_t)o->stat.st_size)
        return true;
    ssize_t n = pread(o->file, content, sizeof content, (off_t)(piece * SHADOW_PIECE));
    uint64_t rest = (uint64_t)o->stat.st_size - piece * SHADOW_PIECE;
    if (n < 0)
        shadow_fail(s, path, strerror(errno));
    if (n > 0 && (uint64_t)n > rest)
        n = (ssize_t)rest;
    if (n > 0 && room(s, path, (uint64_t)n))
        shadow_check(s, path,
                     sim_plant_fill(s->sim, SHADOW_NODE, path, BYTES(content, (size_t)n), piece * SHADOW_PIECE));
    return !s->failed;
}

/* Whether nobody but those we see has changed its length. */
static bool in_step(struct shadow *s, const struct shadow_original *o, const char *path)
{
    struct world_stat seen = {0};
    struct stat now;
    return world_stat(s->disk, path, &seen) == 0 && seen.exists && fstat(o->file, &now) == 0 &&
           seen.size == (uint64_t)now.st_size;
}

void shadow_will_change(struct shadow *s, uint64_t file, const char *path, uint64_t from, uint64_t to)
{
    struct shadow_original *o = shadow_original(s, file);
    if (o == NULL || s->failed || o->left)
        return;
    if (!in_step(s, o, path)) {
        o->left = true;
        return;
    }
    if (to > (uint64_t)o->stat.st_size)
        to = (uint64_t)o->stat.st_size;
    for (uint64_t piece = from / SHADOW_PIECE; !o->complete && piece * SHADOW_PIECE < to; piece++)
        if (!know_piece(s, o, path, piece))
            return;
}

void shadow_wrote(struct shadow *s, uint64_t file, const char *path, uint64_t offset, uint64_t len)
{
    struct shadow_original *o = shadow_original(s, file);
    if (o == NULL || s->failed || o->left || len == 0 || !room(s, path, len))
        return;
    struct world_file *f = shadow_open(s, path);
    for (uint64_t piece = offset / SHADOW_PIECE; f != NULL && !o->complete && piece * SHADOW_PIECE < offset + len;
         piece++)
        if (!know_piece(s, o, path, piece))
            break;
    for (uint64_t done = 0; f != NULL && !s->failed && done < len;) {
        size_t want = len - done < SHADOW_BUFFER ? (size_t)(len - done) : SHADOW_BUFFER;
        ssize_t n = pread(o->file, s->buffer, want, (off_t)(offset + done));
        if (n <= 0)
            break; /* cut off again by somebody: told by in_step() */
        shadow_check(s, path, world_file_pwrite(f, s->buffer, (size_t)n, offset + done));
        done += (uint64_t)n;
    }
    if (f != NULL)
        world_file_close(f);
}

void shadow_truncated(struct shadow *s, const char *path, uint64_t size)
{
    struct world_file *f = s->failed ? NULL : shadow_open(s, path);
    if (f == NULL)
        return;
    shadow_check(s, path, world_file_truncate(f, size));
    world_file_close(f);
}

void shadow_synced(struct shadow *s, const char *path, bool directory)
{
    struct world_stat there;
    if (s->failed || world_stat(s->disk, path, &there) != 0 || !there.exists)
        return; /* nothing was done to it */
    if (directory) {
        shadow_check(s, path, world_sync_directory(s->disk, path));
        return;
    }
    struct world_file *f = shadow_open(s, path);
    if (f == NULL)
        return;
    shadow_check(s, path, world_file_sync(f));
    world_file_close(f);
}

static void take_name(void *arg, const char *path, const struct sim_planted *what)
{
    struct shadow_names *n = arg;
    struct shadow_name one = {.path = strdup(path), .what = *what};
    if (one.path == NULL || !array_push(&n->list, one)) {
        free(one.path);
        n->failed = true;
    }
}

struct shadow_names shadow_names(struct shadow *s)
{
    struct shadow_names n = {0};
    if (sim_plant_each(s->sim, SHADOW_NODE, take_name, &n) != 0 || n.failed)
        shadow_fail(s, "the shadow", "out of memory");
    return n;
}

void shadow_synced_all(struct shadow *s)
{
    struct shadow_names n = shadow_names(s);
    for (size_t i = 0; i < n.list.count; i++)
        shadow_synced(s, n.list.items[i].path, n.list.items[i].what.directory);
    shadow_synced(s, "/", true);
    shadow_names_free(&n);
}

/* ---- names ---- */

void shadow_made(struct shadow *s, const char *path, bool directory)
{
    char parent[SHADOW_PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    if (s->failed || slash == NULL)
        return;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    if (slash != path)
        shadow_folder(s, parent, false);
    if (directory) {
        shadow_check(s, path, world_make_directory(s->disk, path));
        return;
    }
    struct world_file *f;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0 || fstat(file, &st) != 0 || !S_ISREG(st.st_mode) || shadow_number(s, &st) != 0) {
        /* Gone again, or no file that we can follow. */
        if (file >= 0)
            close(file);
        return;
    }
    uint64_t number = add(s, path, file, &st, true);
    if (number == 0) {
        close(file);
        return;
    }
    int code = world_file_open(s->disk, path, WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE, &f, NULL);
    if (code == 0) {
        world_file_close(f);
        code = sim_plant(s->sim, SHADOW_NODE, path, &(struct sim_planted){.origin = number});
    }
    shadow_check(s, path, code);
}

void shadow_renamed(struct shadow *s, const char *from, const char *to)
{
    if (!s->failed)
        shadow_check(s, from, world_rename(s->disk, from, to));
}

void shadow_removed(struct shadow *s, const char *path)
{
    if (!s->failed)
        shadow_check(s, path, world_remove(s->disk, path));
}
