#include "fuzz/loop/corpus.h"

#include "base/array.h"
#include "world/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN 4096

int fuzz_target_case(const struct fuzz_target *t, struct bytes any, struct fuzz_case *out)
{
    if (t->path)
        return fuzz_case_from_bytes(any, t->path, out);
    fuzz_case_clear(out);
    int rc = any.len >= 4 && memcmp(any.data, "HFZ1", 4) == 0 ? fuzz_case_read(any, out, NULL) : ERROR_SYNTAX;
    if (rc == 0 || rc == ERROR_MEMORY)
        return rc; /* a case that there is no memory for is not one of bytes */
    fuzz_case_clear(out);
    int at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_BYTES, .lane = LANE_GARBAGE}, BYTES_NONE, any);
    return at < 0 ? at : 0;
}

void fuzz_corpus_name(uint64_t hash, char out[17])
{
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

int fuzz_corpus_open(struct fuzz_corpus *c, struct world *w, const char *folder, const struct fuzz_target *target,
                     uint64_t seed, struct error *err)
{
    char path[PATH_MAX_LEN];
    *c = (struct fuzz_corpus){.world = w, .target = target, .seed = seed, .folder = strdup(folder)};
    if (!c->folder)
        return error_set(err, ERROR_MEMORY, "no memory for a corpus");
    int rc = world_make_directory(w, folder);
    if (rc) {
        fuzz_corpus_close(c);
        return error_set(err, rc, "cannot make the corpus folder %s: %s", folder, error_code_name(rc));
    }
    int n = snprintf(path, sizeof path, "%s.origin", folder);
    rc = n < 0 || (size_t)n >= sizeof path - 32 ? ERROR_LIMIT : world_make_directory(w, path);
    if (rc == 0) {
        snprintf(path + n, sizeof path - (size_t)n, "/%lld", (long long)world_process_self());
        rc = world_file_open(w, path, WORLD_WRITE | WORLD_CREATE, &c->origins, NULL);
    }
    if (rc) {
        fuzz_corpus_close(c);
        return error_set(err, rc, "cannot note where cases come from in %s: %s", path, error_code_name(rc));
    }
    return 0;
}

void fuzz_corpus_close(struct fuzz_corpus *c)
{
    if (c->origins)
        world_file_close(c->origins);
    map_deinit(&c->names);
    text_deinit(&c->buffer);
    fuzz_case_deinit(&c->scratch);
    free(c->folder);
    *c = (struct fuzz_corpus){0};
}

struct listing {
    ARRAY(char *) names;
    const struct map *known;
    bool failed;
};

static void each_name(void *arg, const char *name)
{
    struct listing *l = arg;
    /* What begins with a dot is somebody's draft or bookkeeping. */
    if (l->failed || *name == '.' || map_get(l->known, name))
        return;
    char *copy = strdup(name);
    if (!copy || !array_push(&l->names, copy)) {
        free(copy);
        l->failed = true;
    }
}

/* 1: it went in the meantime, is a folder or too large. */
static int read_case(struct fuzz_corpus *c, const char *name)
{
    char path[PATH_MAX_LEN];
    struct world_stat stat = {0};
    int n = snprintf(path, sizeof path, "%s/%s", c->folder, name);
    if (n < 0 || (size_t)n >= sizeof path || world_stat(c->world, path, &stat) || !stat.exists || stat.directory)
        return 1;
    text_clear(&c->buffer);
    int rc = world_read_file(c->world, path, CORPUS_FILE_MAX, &c->buffer, NULL);
    if (rc == ERROR_MEMORY)
        return rc;
    if (rc) {
        c->refused++;
        return 1;
    }
    return fuzz_target_case(c->target, text_bytes(&c->buffer), &c->scratch);
}

int fuzz_corpus_scan(struct fuzz_corpus *c, int (*each)(void *arg, const struct fuzz_case *fresh, const char *name),
                     void *arg, struct error *err)
{
    struct listing l = {.known = &c->names};
    int rc = world_list(c->world, c->folder, each_name, &l);
    if (rc == 0 && l.failed)
        rc = ERROR_MEMORY;
    for (size_t i = 0; rc == 0 && i < l.names.count; i++) {
        rc = read_case(c, l.names.items[i]);
        if (rc == 0 && c->scratch.events.count > 0)
            rc = each(arg, &c->scratch, l.names.items[i]);
        if (rc >= 0)
            rc = map_put(&c->names, l.names.items[i], c) ? 0 : ERROR_MEMORY;
    }
    for (size_t i = 0; i < l.names.count; i++)
        free(l.names.items[i]);
    array_deinit(&l.names);
    return rc ? error_set(err, rc, "cannot read the corpus %s: %s", c->folder, error_code_name(rc)) : 0;
}

/* A worker's word is not trusted with a line's form: names are printed as what they may be. */
static void note_origin(struct fuzz_corpus *c, const char *name, const struct record *r)
{
    char parent[17];
    fuzz_corpus_name(r->head.parent, parent);
    text_clear(&c->buffer);
    text_printf(&c->buffer, "%s %s %s %s %llu %llu %llu\n", name, r->head.parent ? parent : "-",
                r->head.what && *r->head.what ? r->head.what : "-", fuzz_lane_name((enum fuzz_lane)r->head.lane),
                (unsigned long long)c->seed, (unsigned long long)r->head.execution, (unsigned long long)r->head.time);
    if (text_ok(&c->buffer))
        world_file_append(c->origins, c->buffer.data, c->buffer.len);
}

int fuzz_corpus_add(struct fuzz_corpus *c, const struct record *r, struct error *err)
{
    char name[17], path[PATH_MAX_LEN];
    struct fuzz_case view = record_case(r);
    struct world_stat stat = {0};
    fuzz_corpus_name(r->head.hash, name);
    if (map_get(&c->names, name))
        return 0;
    int n = snprintf(path, sizeof path, "%s/%s", c->folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, ERROR_LIMIT, "the path of the corpus %s is too long", c->folder);
    int rc = world_stat(c->world, path, &stat);
    if (rc == 0 && !stat.exists) {
        /* The draft is hidden and this process's own; a case that a power cut takes is found again, so nothing waits
         * for the disk. */
        char draft[PATH_MAX_LEN];
        struct world_file *f;
        n = snprintf(draft, sizeof draft, "%s/.%lld", c->folder, (long long)world_process_self());
        if (n < 0 || (size_t)n >= sizeof draft)
            return error_set(err, ERROR_LIMIT, "the path of the corpus %s is too long", c->folder);
        text_clear(&c->buffer);
        rc = fuzz_case_write(&view, &c->buffer);
        if (rc == 0)
            rc = world_file_open(c->world, draft, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE, &f, NULL);
        if (rc == 0) {
            int64_t written = world_file_append(f, c->buffer.data, c->buffer.len);
            world_file_close(f);
            rc = written < 0 ? (int)written : world_rename(c->world, draft, path);
            if (rc)
                world_remove(c->world, draft);
        }
        if (rc == 0)
            note_origin(c, name, r);
    }
    if (rc == 0 && !map_put(&c->names, name, c))
        rc = ERROR_MEMORY;
    return rc ? error_set(err, rc, "cannot add to the corpus %s: %s", c->folder, error_code_name(rc)) : 0;
}
