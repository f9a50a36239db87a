/* A corpus for people: each case's provenance, from the lines beside the folder, and its script. */
#include "harrow/fuzz/run.h"
#include "harrow/system/system.h"

#include "base/map.h"
#include "fuzz/loop/corpus.h"
#include "runtime/service/service.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINS_MAX ((size_t)256 << 20)

struct listing {
    struct world *world;
    const char *folder;
    const struct pb_pool *pool;
    struct text origins; /* of all processes, line by line; "name parent operator lane seed execution time" */
    struct map by_name;  /* a case's line, in `origins` when all are read */
    size_t count;
};

static void each_process(void *arg, const char *name)
{
    struct listing *l = arg;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s.origin/%s", l->folder, name);
    /* What is no file, or is gone, tells nothing; but what memory was lacking for is not "nobody wrote it down". */
    if (n > 0 && (size_t)n < sizeof path &&
        world_read_file(l->world, path, ORIGINS_MAX, &l->origins, NULL) == ERROR_MEMORY)
        l->origins.failed = true;
}

static bool index_origins(struct listing *l)
{
    for (char *line = l->origins.data; line && *line;) {
        char *end = strchr(line, '\n'), *blank = strchr(line, ' ');
        if (!end)
            break;
        *end = '\0';
        if (blank && blank < end && !map_put_n(&l->by_name, line, (size_t)(blank - line), blank + 1))
            return false;
        line = end + 1;
    }
    return true;
}

static int each_case(void *arg, const struct fuzz_case *c, const char *name)
{
    struct listing *l = arg;
    struct text script = TEXT_INIT;
    const char *origin = map_get(&l->by_name, name);
    char parent[24] = "-", what[64] = "-", lane[24] = "-";
    unsigned long long seed = 0, execution = 0, time = 0;
    int rc = fuzz_case_print(c, l->pool, &script);
    if (rc != 0) {
        text_deinit(&script);
        return rc;
    }
    printf("# %s\n", name);
    if (origin && sscanf(origin, "%23s %63s %23s %llu %llu %llu", parent, what, lane, &seed, &execution, &time) == 6)
        printf("# made by %s of %s, lane %s; seed %llu, case %llu, after %.1f s\n", what, parent, lane, seed, execution,
               (double)time / 1e9);
    else
        printf("# nobody wrote down where it comes from\n");
    printf("%s\n", text_string(&script));
    text_deinit(&script);
    l->count++;
    return 0;
}

static int load_pool(struct world *w, const struct manifest *m, struct arena *arena, struct pb_pool **own,
                     const struct pb_pool **out, struct error *err)
{
    if (m->descriptors == NULL) {
        *out = micro_pool();
        return *out ? 0 : error_set(err, ERROR_INVALID, "the built-in descriptor set is unusable");
    }
    const char *path = manifest_path(m, m->descriptors, arena);
    int code = path ? system_read_descriptors(w, path, own, err) : ERROR_MEMORY;
    *out = *own;
    return code;
}

int fuzz_list(const char *manifest, const char *corpus)
{
    static const struct fuzz_target any = {.name = "live"};
    struct error err = ERROR_INIT;
    struct arena arena = {0};
    struct manifest *m = NULL;
    struct pb_pool *own = NULL;
    struct listing l = {.folder = corpus};
    struct fuzz_corpus c = {0};
    struct world_stat stat = {0};
    int code = world_real_new(0, &l.world, &err);
    if (code == 0)
        code = manifest_load(l.world, manifest, &m, &err);
    if (code == 0 && (world_stat(l.world, corpus, &stat) != 0 || !stat.directory))
        code = error_set_at(&err, ERROR_NOT_FOUND, corpus, 0, 0, "there is no such corpus folder");
    if (code == 0)
        code = load_pool(l.world, m, &arena, &own, &l.pool, &err);
    if (code == 0) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s.origin", corpus);
        if (n > 0 && (size_t)n < sizeof path)
            l.origins.failed |= world_list(l.world, path, each_process, &l) == ERROR_MEMORY;
        code = text_ok(&l.origins) && index_origins(&l) ? fuzz_corpus_open(&c, l.world, corpus, &any, 0, &err)
                                                        : error_set(&err, ERROR_MEMORY, "out of memory");
    }
    if (code == 0) {
        code = fuzz_corpus_scan(&c, each_case, &l, &err);
        fuzz_corpus_close(&c);
    }
    if (code == 0)
        printf("# %zu cases in %s\n", l.count, corpus);
    int exit_code = code != 0 ? harrow_error(&err, "fuzz") : HARROW_PASSED;
    map_deinit(&l.by_name);
    text_deinit(&l.origins);
    pb_pool_free(own);
    manifest_free(m);
    arena_deinit(&arena);
    world_real_free(l.world);
    error_clear(&err);
    return exit_code;
}
