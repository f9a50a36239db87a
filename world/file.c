/* The disk part of world.h: dispatch, and the whole-file helpers that both worlds share. */
#include "world/internal.h"

#include <stdlib.h>
#include <string.h>

#define READ_STEP ((size_t)64 << 10)

int world_file_open(struct world *w, const char *path, int flags, struct world_file **out, struct error *err)
{
    *out = NULL;
    int code = w->dead ? ERROR_CLOSED : w->operations->file_open(w, path, flags, out);
    if (code >= 0)
        return 0;
    error_set(err, code, "cannot open %s: %s", path, error_code_name(code));
    return code;
}

int64_t world_file_pread(struct world_file *f, void *out, size_t len, uint64_t offset)
{
    return f->world->operations->file_pread(f, out, len, offset);
}

int64_t world_file_pwrite(struct world_file *f, const void *data, size_t len, uint64_t offset)
{
    return f->world->operations->file_pwrite(f, data, len, offset);
}

int64_t world_file_append(struct world_file *f, const void *data, size_t len)
{
    int64_t size = world_file_size(f);
    return size < 0 ? size : world_file_pwrite(f, data, len, (uint64_t)size);
}

int world_file_truncate(struct world_file *f, uint64_t size)
{
    return f->world->operations->file_truncate(f, size);
}

int world_file_sync(struct world_file *f)
{
    return f->world->operations->file_sync(f);
}

int64_t world_file_size(struct world_file *f)
{
    return f->world->operations->file_size(f);
}

void world_file_close(struct world_file *f)
{
    if (f)
        f->world->operations->file_close(f);
}

int world_stat(struct world *w, const char *path, struct world_stat *out)
{
    *out = (struct world_stat){0};
    return w->dead ? ERROR_CLOSED : w->operations->stat(w, path, out);
}

int world_rename(struct world *w, const char *from, const char *to)
{
    return w->dead ? ERROR_CLOSED : w->operations->rename(w, from, to);
}

int world_remove(struct world *w, const char *path)
{
    return w->dead ? ERROR_CLOSED : w->operations->remove(w, path);
}

int world_remove_tree(struct world *w, const char *path)
{
    return w->dead ? ERROR_CLOSED : w->operations->remove_tree(w, path);
}

int world_sync_directory(struct world *w, const char *path)
{
    return w->dead ? ERROR_CLOSED : w->operations->sync_directory(w, path);
}

int world_make_directory(struct world *w, const char *path)
{
    if (w->dead)
        return ERROR_CLOSED;
    struct world_stat stat;
    int code = world_stat(w, path, &stat);
    if (code < 0)
        return code;
    if (stat.exists)
        return stat.directory ? 0 : ERROR_EXISTS;
    char *part = strdup(path);
    if (!part)
        return ERROR_MEMORY;
    size_t len = strlen(part);
    /* Each prefix that ends before a slash, then the whole. */
    for (size_t i = 1; i <= len && code == 0; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        code = w->operations->make_one_directory(w, part);
        if (code == ERROR_EXISTS) {
            code = world_stat(w, part, &stat);
            if (code == 0 && !stat.directory)
                code = ERROR_EXISTS;
        }
        part[i] = kept;
    }
    free(part);
    return code;
}

int world_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
    return w->dead ? ERROR_CLOSED : w->operations->list(w, path, each, arg);
}

struct walk {
    struct world *world;
    const char *folder;
    int depth;
    int (*each)(void *arg, const char *path);
    void *arg;
    struct error *err;
    int code;
};

static int walk(struct walk *k, const char *folder);

static void on_walked(void *arg, const char *name)
{
    struct walk *k = arg;
    struct world_stat stat = {0};
    struct text path = TEXT_INIT;
    size_t len = strlen(k->folder);
    if (k->code != 0 || name[0] == '.')
        return;
    text_printf(&path, "%s%s%s", k->folder, len > 0 && k->folder[len - 1] == '/' ? "" : "/", name);
    if (!text_ok(&path))
        k->code = error_set(k->err, ERROR_MEMORY, "out of memory");
    else if ((k->code = world_stat(k->world, text_string(&path), &stat)) != 0)
        error_set(k->err, k->code, "%s cannot be read: %s", text_string(&path), error_code_name(k->code));
    else if (!stat.directory)
        k->code = k->each(k->arg, text_string(&path));
    else if (!stat.link)
        k->code = walk(k, text_string(&path));
    text_deinit(&path);
}

static int walk(struct walk *k, const char *folder)
{
    struct walk inner = *k;
    inner.folder = folder;
    if (inner.depth++ == WORLD_WALK_DEPTH)
        return error_set(k->err, ERROR_LIMIT, "%s: folders more than %d deep", folder, WORLD_WALK_DEPTH);
    int code = world_list(k->world, folder, on_walked, &inner);
    return code == 0 ? inner.code
                     : error_set(k->err, code, "the folder %s cannot be read: %s", folder, error_code_name(code));
}

int world_walk(struct world *w, const char *folder, int (*each)(void *arg, const char *path), void *arg,
               struct error *err)
{
    return walk(&(struct walk){.world = w, .each = each, .arg = arg, .err = err}, folder);
}

/* ---- whole files ------------------------------------------------------------------------------------------------- */

int world_read_file(struct world *w, const char *path, size_t limit, struct text *out, struct error *err)
{
    struct world_file *f;
    struct world_stat stat;
    int code = world_file_open(w, path, WORLD_READ, &f, err);
    if (code == ERROR_NOT_FOUND)
        return error_set_at(err, code, path, 0, 0, "there is no such file");
    if (code < 0 && world_stat(w, path, &stat) == 0 && stat.directory)
        return error_set_at(err, ERROR_INVALID, path, 0, 0, "it is a folder; a file is expected");
    if (code < 0)
        return code;
    size_t start = out->len;
    for (;;) {
        size_t have = out->len - start;
        /* One byte more than the limit is asked for, to tell "exactly full" from "too long". */
        size_t step = limit - have < READ_STEP ? limit - have + 1 : READ_STEP;
        if (!text_reserve(out, step)) {
            code = error_set(err, ERROR_MEMORY, "out of memory reading %s", path);
            break;
        }
        int64_t n = world_file_pread(f, out->data + out->len, step, have);
        if (n < 0) {
            code = error_set(err, (int)n, "cannot read %s: %s", path, error_code_name((int)n));
            break;
        }
        if (n == 0)
            break;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len - start > limit) {
            code = error_set(err, ERROR_LIMIT, "%s is larger than the %zu bytes allowed", path, limit);
            break;
        }
    }
    world_file_close(f);
    if (code < 0)
        text_truncate(out, start);
    return code;
}

static int sync_parent(struct world *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return world_sync_directory(w, ".");
    if (slash == path)
        return world_sync_directory(w, "/");
    char *parent = strndup(path, (size_t)(slash - path));
    if (!parent)
        return ERROR_MEMORY;
    int code = world_sync_directory(w, parent);
    free(parent);
    return code;
}

/* A device or a pipe is written to: a file that took its name would be in its place for everybody. */
static int write_device(struct world *w, const char *path, struct bytes content, struct error *err)
{
    struct world_file *f = NULL;
    int code = world_file_open(w, path, WORLD_WRITE, &f, err);
    if (code < 0)
        return code;
    int64_t written = content.len ? world_file_pwrite(f, content.data, content.len, 0) : 0;
    world_file_close(f);
    return written < 0 ? error_set(err, (int)written, "cannot write %s: %s", path, error_code_name((int)written)) : 0;
}

static int write_whole(struct world *w, const char *path, struct bytes content, int flags, bool sync, struct error *err)
{
    if (w->operations->is_device != NULL && w->operations->is_device(w, path))
        return write_device(w, path, content, err);
    struct text temporary = TEXT_INIT;
    struct world_file *f = NULL;
    bool made = false;
    /* Seed and count keep writers in different processes apart. */
    text_printf(&temporary, "%s.%016llx-%llu.tmp", path, (unsigned long long)w->seed,
                (unsigned long long)++w->files_written);
    int code = 0;
    if (!text_ok(&temporary)) {
        code = error_set(err, ERROR_MEMORY, "out of memory writing %s", path);
        goto out;
    }
    code = world_file_open(w, temporary.data, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE | flags, &f, err);
    if (code < 0)
        goto out;
    made = true;
    int64_t written = content.len ? world_file_pwrite(f, content.data, content.len, 0) : 0;
    code = written < 0 ? (int)written : sync ? world_file_sync(f) : 0;
    world_file_close(f);
    if (code == 0)
        code = world_rename(w, temporary.data, path);
    if (code == 0) {
        made = false;
        code = sync ? sync_parent(w, path) : 0;
    }
    if (code < 0)
        error_set(err, code, "cannot write %s: %s", path, error_code_name(code));
out:
    if (made)
        world_remove(w, temporary.data);
    text_deinit(&temporary);
    return code;
}

int world_write_file(struct world *w, const char *path, struct bytes content, bool private_mode, struct error *err)
{
    return write_whole(w, path, content, private_mode ? WORLD_PRIVATE : 0, true, err);
}

int world_write_product(struct world *w, const char *path, struct bytes content, struct error *err)
{
    return write_whole(w, path, content, 0, false, err);
}
