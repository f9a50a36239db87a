#include "harrow/flows/watched.h"

#include "base/map.h"
#include "base/units.h"
#include "harrow/run/pillars.h"
#include "harrow/system/system.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY ((uint64_t)(150 * MILLISECOND))
#define CLEAR      "\033[H\033[2J\033[3J"

struct seen {
    bool exists;
    uint64_t size;
    int64_t modified;
};

struct watched {
    struct world *world;
    const char *manifest, *path;
    char *contracts;           /* the manifest's descriptor set; NULL: built in */
    ARRAY(const char *) roots; /* folders of flows, in the arena */
    struct arena arena;
    struct map seen;    /* path -> struct seen, owned */
    struct map changed; /* paths */
    bool all;           /* what every flow depends on did */
    bool stop, terminal;
    struct map *into; /* where look() notes */
};

static void on_signal(void *arg, int signal)
{
    struct watched *w = arg;
    (void)signal;
    w->stop = true;
    world_stop(w->world);
}

static void forget(struct map *m)
{
    for (struct map_entry *e = map_first(m); e != NULL; e = map_next(e))
        free(map_value(e));
    map_deinit(m);
    *m = MAP_INIT;
}

void watched_free(struct watched *w)
{
    if (w == NULL)
        return;
    forget(&w->seen);
    map_deinit(&w->changed);
    array_deinit(&w->roots);
    arena_deinit(&w->arena);
    free(w->contracts);
    if (w->world != NULL)
        world_real_free(w->world);
    free(w);
}

/* ---- what there is ---- */

static int look(void *arg, const char *path)
{
    struct watched *w = arg;
    struct world_stat stat = {0};
    if (map_get(w->into, path) != NULL)
        return 0;
    struct seen *s = calloc(1, sizeof *s);
    if (s == NULL || world_stat(w->world, path, &stat) != 0) {
        free(s);
        return s == NULL ? ERROR_MEMORY : 0;
    }
    *s = (struct seen){.exists = stat.exists, .size = stat.size, .modified = stat.modified};
    if (map_put(w->into, path, s))
        return 0;
    free(s);
    return ERROR_MEMORY;
}

/* All files of the folders flows lie in: new ones are among them. */
static int look_at_folders(struct watched *w)
{
    struct error ignored = ERROR_INIT;
    int code = 0;
    for (size_t i = 0; i < w->roots.count && code == 0; i++) {
        struct world_stat stat = {0};
        if (world_stat(w->world, w->roots.items[i], &stat) == 0 && stat.directory)
            code = world_walk(w->world, w->roots.items[i], look, w, &ignored) == ERROR_MEMORY ? ERROR_MEMORY : 0;
    }
    error_clear(&ignored);
    return code;
}

/* While a file is wrong nothing is known of what it names; what was seen before still is looked at. */
static int look_at_named(struct watched *w, const struct manifest *m)
{
    static const char *const none[] = {NULL};
    struct flow_list flows = {0};
    struct error ignored = ERROR_INIT;
    int code = 0;
    int loaded = pillar_flows(w->world, m, w->path, m != NULL ? m->flows : none, NULL, &flows, &ignored);
    if (loaded == ERROR_MEMORY)
        code = loaded;
    else if (loaded == 0)
        for (size_t i = 0; i < flows.count && code == 0; i++)
            code = flow_files(flows.items[i], look, w);
    flow_list_free(&flows);
    error_clear(&ignored);
    return code;
}

static int find_roots(struct watched *w, const struct manifest *m)
{
    array_clear(&w->roots);
    arena_deinit(&w->arena);
    w->arena = ARENA_INIT;
    if (w->path != NULL)
        return array_push(&w->roots, w->path) ? 0 : ERROR_MEMORY;
    for (size_t i = 0; m != NULL && m->flows[i] != NULL; i++) {
        const char *root = pillar_path(m, m->flows[i], &w->arena);
        if (root == NULL || !array_push(&w->roots, root))
            return ERROR_MEMORY;
    }
    return 0;
}

/* Reads manifest and flows, and adds what they name to what is looked at. */
static int learn(struct watched *w)
{
    struct manifest *m = NULL;
    struct error ignored = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    w->into = &w->seen;
    int code = w->manifest != NULL ? look(w, w->manifest) : 0;
    int loaded = w->manifest != NULL && code == 0 ? manifest_load(w->world, w->manifest, &m, &ignored) : 0;
    bool known = loaded == 0;
    code = code == 0 && loaded == ERROR_MEMORY ? loaded : code;
    if (code == 0 && m != NULL && m->descriptors != NULL) {
        const char *path = manifest_path(m, m->descriptors, &arena);
        code = path != NULL ? look(w, path) : ERROR_MEMORY;
        free(w->contracts);
        w->contracts = path != NULL ? strdup(path) : NULL;
        code = code == 0 && w->contracts == NULL ? ERROR_MEMORY : code;
    }
    if (code == 0 && known)
        code = find_roots(w, m);
    if (code == 0)
        code = look_at_folders(w);
    if (code == 0 && known)
        code = look_at_named(w, m);
    manifest_free(m);
    error_clear(&ignored);
    arena_deinit(&arena);
    return code;
}

int watched_new(const char *manifest, const char *path, struct watched **out, struct error *err)
{
    struct watched *w = calloc(1, sizeof *w);
    *out = w;
    if (w == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    w->manifest = manifest;
    w->path = path;
    w->terminal = isatty(STDOUT_FILENO) == 1;
    int code = world_real_new(1, &w->world, err);
    if (code == 0 && (code = learn(w)) != 0)
        error_set(err, code, "%s", error_code_name(code));
    return code;
}

/* ---- what changed ---- */

/* The files that are known, and those that lie in the folders now. */
static int compare(struct watched *w, bool *any)
{
    struct map now = MAP_INIT;
    w->into = &now;
    int code = look_at_folders(w);
    for (struct map_entry *e = map_first(&w->seen); code == 0 && e != NULL; e = map_next(e))
        code = look(w, map_key(e));
    for (struct map_entry *e = map_first(&now); code == 0 && e != NULL; e = map_next(e)) {
        const struct seen *is = map_value(e), *was = map_get(&w->seen, map_key(e));
        if (was != NULL && was->exists == is->exists && was->size == is->size && was->modified == is->modified)
            continue;
        *any = true;
        if (!map_put(&w->changed, map_key(e), w))
            code = ERROR_MEMORY;
        w->all = w->all || (w->manifest != NULL && strcmp(map_key(e), w->manifest) == 0) ||
                 (w->contracts != NULL && strcmp(map_key(e), w->contracts) == 0);
    }
    forget(&w->seen);
    w->seen = now;
    return code == 0 && *any ? learn(w) : code;
}

int watched_look(struct watched *w, bool *changed)
{
    map_deinit(&w->changed);
    w->changed = MAP_INIT;
    w->all = *changed = false;
    return compare(w, changed);
}

static void say(struct watched *w, FILE *to)
{
    if (w->terminal)
        fputs(CLEAR, to);
    for (struct map_entry *e = map_first(&w->changed); e != NULL; e = map_next(e))
        fprintf(to, "changed: %s\n", map_key(e));
    fflush(to);
}

/* Those that are there: one that is gone is looked at all the same, for it may come back. */
static size_t there(const struct watched *w)
{
    size_t count = 0;
    for (struct map_entry *e = map_first(&w->seen); e != NULL; e = map_next(e))
        count += ((const struct seen *)map_value(e))->exists;
    return count;
}

int watched_wait(struct watched *w, struct error *err)
{
    FILE *to = common.json ? stderr : stdout;
    bool any = false;
    world_on_signal(w->world, on_signal, w);
    fprintf(to, "watching %zu files; Ctrl-C ends\n", there(w));
    fflush(to);
    int code = watched_look(w, &any); /* some may have changed while the flows ran */
    while (code == 0 && !any && !w->stop) {
        code = world_sleep(w->world, LOOK_EVERY);
        if (code == 0)
            code = compare(w, &any);
    }
    for (bool more = any; code == 0 && more && !w->stop;) { /* a file is rarely written at once */
        more = false;
        code = world_sleep(w->world, LOOK_EVERY);
        if (code == 0)
            code = compare(w, &more);
    }
    world_on_signal(w->world, NULL, NULL);
    if (w->stop)
        return error_set(err, ERROR_CANCELLED, "interrupted");
    if (code != 0)
        return error_set(err, code, "%s", error_code_name(code));
    say(w, to);
    return 0;
}

/* ---- which flows that is ---- */

static int is_changed(void *arg, const char *path)
{
    const struct watched *w = arg;
    return map_get(&w->changed, path) != NULL;
}

static bool keep(void *arg, const struct flow *f)
{
    return flow_files(f, is_changed, arg) != 0;
}

void watched_keep(const struct watched *w, struct flow_list *flows)
{
    struct watched *walked;
    memcpy(&walked, &w, sizeof walked); /* callbacks take a plain pointer; nothing is written through it */
    if (!w->all)
        flow_list_keep(flows, keep, walked);
}
