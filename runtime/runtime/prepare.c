/* From a spec to something that can be started, step by step on the loop:
 *
 *     FETCH    the uploaded source from the blob store, kept beside the folder as <generation>.tgz
 *     UNPACK   into <data_dir>/runtime/builds/<namespace>/<id>/<generation>/, or
 *     COPY     a local folder there
 *     BUILD    the commands entry.c found, one after the other, as child processes
 *     READY    the plan is made
 *
 * <generation>.ready beside the folder says that it is built. It holds the system's boot id: files that were not synced
 * may be torn after a power cut, so a folder made under another boot is made again, from the .tgz. */
#include "proto/store/store.pb-c.h"
#include "runtime/runtime/entry.h"
#include "runtime/runtime/runner.h"
#include "runtime/runtime/tree.h"
#include "runtime/runtime/unpack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_TIMEOUT   ((uint64_t)60 * (uint64_t)SECOND)
#define FETCH_AGAIN     ((uint64_t)2 * (uint64_t)SECOND) /* while the store is away */
#define COPY_STEP       ((size_t)4 << 20)                /* bytes copied between two turns of the loop */
#define COPY_FILES      100
#define BUILD_FILE_MAX  ((uint64_t)4 << 30) /* bytes any file of a build may grow to */
#define BUILD_FILES_MAX ((uint64_t)4096)
#define BOOT_ID         "/proc/sys/kernel/random/boot_id"

enum step { STEP_FETCH, STEP_UNPACK, STEP_COPY, STEP_BUILD };

/* A stream outlives whoever lost interest in it. */
struct fetch {
    struct runner_prepare *prepare; /* NULL: nobody wants it any more */
    struct rpc_stream *stream;
    bool too_large;
};

struct runner_prepare {
    struct runner_release *release;
    enum step step;
    struct world_task task;
    struct world_timer timer; /* fetch again; the build's limit */
    struct text archive;
    struct fetch *fetch; /* under way */
    struct unpack *unpack;
    struct tree tree;
    size_t copied; /* entries */
    struct arena arena;
    struct runner_entry entry;
    size_t command; /* of the build, the one that runs */
    struct world_process *process;
    struct runner_tail tail;
    bool too_late;
};

static struct runner *runner_of(const struct runner_prepare *p)
{
    return p->release->service->runner;
}

/* The preparation is gone afterwards. */
static void finish(struct runner_prepare *p, int code, struct error *err)
{
    runner_release_prepared(p->release, code, err);
    error_clear(err);
}

/* ---- folders ---- */

int runner_folder(const struct runner_service *s, const char *kind, uint64_t generation, char out[RUNNER_PATH_MAX])
{
    int n = generation ? snprintf(out, RUNNER_PATH_MAX, "%s/%s/%s/%s/%llu", s->runner->data, kind, s->namespace, s->id,
                                  (unsigned long long)generation)
                       : snprintf(out, RUNNER_PATH_MAX, "%s/%s/%s/%s", s->runner->data, kind, s->namespace, s->id);
    return n > 0 && n < RUNNER_PATH_MAX - 16 ? 0 : ERROR_LIMIT;
}

void runner_folder_remove(const struct runner_service *s, uint64_t generation)
{
    static const char *const endings[] = {".ready", ".tgz"};
    char path[RUNNER_PATH_MAX];
    if (runner_folder(s, "builds", generation, path) < 0)
        return;
    size_t len = strlen(path);
    for (size_t i = 0; i < 2; i++) { /* the mark goes first */
        snprintf(path + len, sizeof path - len, "%s", endings[i]);
        (void)world_remove(s->runner->world, path);
    }
    path[len] = '\0';
    (void)world_remove_tree(s->runner->world, path);
    if (runner_folder(s, "builds", 0, path) == 0)
        (void)world_remove(s->runner->world, path); /* when it is empty */
}

/* The name beside the folder. */
static const char *beside(struct runner_prepare *p, const char *ending)
{
    return arena_printf(&p->arena, "%s%s", p->release->folder, ending);
}

static void boot_id(struct runner_prepare *p, struct text *out)
{
    struct world_file *file = NULL;
    char id[64];
    if (world_file_open(runner_of(p)->world, BOOT_ID, WORLD_READ, &file, NULL) < 0)
        return;
    int64_t n = world_file_pread(file, id, sizeof id, 0);
    world_file_close(file);
    if (n > 0)
        text_add(out, id, (size_t)n);
}

static bool built_before(struct runner_prepare *p)
{
    struct text mark = TEXT_INIT, now = TEXT_INIT;
    const char *path = beside(p, ".ready");
    struct world_stat stat;
    boot_id(p, &now);
    bool yes = now.len > 0 && path && world_read_file(runner_of(p)->world, path, 256, &mark, NULL) == 0 &&
               strcmp(text_string(&mark), text_string(&now)) == 0 &&
               world_stat(runner_of(p)->world, p->release->folder, &stat) == 0 && stat.directory;
    text_deinit(&mark);
    text_deinit(&now);
    return yes;
}

static void mark_built(struct runner_prepare *p)
{
    struct text now = TEXT_INIT;
    const char *path = beside(p, ".ready");
    boot_id(p, &now);
    if (path && now.len) /* without the mark it is only built once more than needed */
        (void)world_write_file(runner_of(p)->world, path, text_bytes(&now), false, NULL);
    text_deinit(&now);
}

/* ---- the plan ---- */

static int make_plan(struct runner_prepare *p, struct error *err)
{
    struct runner_release *r = p->release;
    struct runner_service *s = r->service;
    char home[RUNNER_PATH_MAX];
    int rc = runner_folder(s, "home", 0, home);
    if (rc == 0)
        rc = world_make_directory(s->runner->world, home);
    if (rc < 0)
        return error_set(err, rc, "its home folder cannot be made: %s", error_code_name(rc));
    size_t count = 0;
    while (p->entry.argv[count])
        count++;
    const char **argv = ARENA_NEW_N(&r->arena, const char *, count + 1);
    bool ok = argv != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = (argv[i] = arena_string(&r->arena, p->entry.argv[i])) != NULL;
    r->plan.argv = argv;
    r->plan.directory = arena_string(&r->arena, p->entry.directory ? p->entry.directory : home);
    r->plan.environment =
        runner_environment(s, r->spec, p->entry.environment, p->entry.environment_count, false, home, &r->arena);
    ok = ok && r->plan.directory && r->plan.environment;
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static void ready(struct runner_prepare *p)
{
    struct error err = ERROR_INIT;
    int rc = p->release->folder
                 ? runner_entry_program(runner_of(p)->world, p->release->spec, &p->arena, &p->entry, &err)
                 : 0;
    if (rc == 0)
        rc = make_plan(p, &err);
    finish(p, rc, &err);
}

/* ---- building ---- */

static void build_next(struct runner_prepare *p);

static void build_output(void *arg, int fd, struct bytes line)
{
    struct runner_prepare *p = arg;
    (void)fd;
    runner_tail_add(&p->tail, line);
    logs_write(p->release->service->log, "build", 0, line);
}

static void build_exited(void *arg, struct world_exit status)
{
    struct runner_prepare *p = arg;
    world_timer_stop(&p->timer);
    world_process_close(p->process);
    p->process = NULL;
    if (!status.signalled && status.code == 0) {
        p->command++;
        build_next(p);
        return;
    }
    struct error err = ERROR_INIT;
    struct text words = TEXT_INIT, lines = TEXT_INIT;
    char limit[64];
    world_exit_format(status, &words);
    runner_tail_tell(&p->tail, &lines);
    units_format_duration(runner_of(p)->build_time, limit, sizeof limit);
    const char *const *argv = p->entry.build[p->command];
    const char *what = strcmp(argv[0], "/bin/sh") == 0 ? argv[2] : argv[0];
    if (p->too_late)
        error_set(&err, ERROR_TIMEOUT, "the build failed: %.100s took longer than %s%s", what, limit,
                  text_string(&lines));
    else
        error_set(&err, ERROR_INVALID, "the build failed: %.100s %s%s%s", what, status.signalled ? "was " : "",
                  text_string(&words), text_string(&lines));
    text_deinit(&words);
    text_deinit(&lines);
    finish(p, ERROR_INVALID, &err);
}

static void build_next(struct runner_prepare *p)
{
    static const struct world_process_events events = {.output = build_output, .exited = build_exited};
    static const struct world_limits limits = {.file_size = BUILD_FILE_MAX, .open_files = BUILD_FILES_MAX};
    struct runner_service *s = p->release->service;
    struct error err = ERROR_INIT;
    char home[RUNNER_PATH_MAX];
    const char *const *argv = p->entry.build ? p->entry.build[p->command] : NULL;
    if (!argv) {
        if (p->entry.build)
            runner_service_write(s, "built");
        mark_built(p);
        ready(p);
        return;
    }
    p->step = STEP_BUILD;
    if (!p->release->building) {
        p->release->building = true;
        runner_service_changed(s);
    }
    int rc = runner_folder(s, "home", 0, home);
    if (rc == 0)
        rc = world_make_directory(s->runner->world, home);
    const char **environment = rc == 0 ? runner_environment(s, p->release->spec, p->entry.environment,
                                                            p->entry.environment_count, true, home, &p->arena)
                                       : NULL;
    const char *name = arena_printf(&p->arena, "build.%s", s->id);
    if (rc == 0 && (!environment || !name))
        rc = ERROR_MEMORY;
    const struct world_spawn spawn = {.name = name,
                                      .argv = argv,
                                      .environment = environment,
                                      .directory = p->entry.directory,
                                      .clean_environment = true,
                                      .whole_group = true,
                                      .limits = &limits};
    runner_service_write(s, "build: %.200s", strcmp(argv[0], "/bin/sh") == 0 ? argv[2] : argv[0]);
    p->tail.count = 0;
    if (rc == 0)
        rc = world_timer_start(&p->timer, (uint64_t)runner_of(p)->build_time);
    if (rc == 0)
        rc = world_process_spawn(s->runner->world, &spawn, &events, p, &p->process, &err);
    if (rc < 0) {
        p->process = NULL;
        if (!err.message)
            error_set(&err, rc, "%s", error_code_name(rc));
        error_wrap(&err, "the build failed");
        finish(p, rc, &err);
    }
}

/* The sources are there. */
static void sources_done(struct runner_prepare *p, bool built)
{
    struct error err = ERROR_INIT;
    unpack_free(p->unpack);
    p->unpack = NULL;
    text_deinit(&p->archive);
    int rc = runner_entry_find(runner_of(p)->world, p->release->folder, p->release->service->name, p->release->spec,
                               &p->arena, &p->entry, &err);
    if (rc < 0)
        finish(p, rc, &err);
    else if (built)
        ready(p);
    else
        build_next(p);
}

/* ---- copying a local folder ---- */

static int copy_file(struct runner_prepare *p, const struct tree_entry *e, const char *from, const char *to,
                     struct error *err)
{
    struct world *w = runner_of(p)->world;
    struct text content = TEXT_INIT;
    struct world_file *file = NULL;
    int rc = world_read_file(w, from, (size_t)UNPACK_SIZE_MAX, &content, err);
    if (rc == 0)
        rc = world_file_open(
            w, to, WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE | (e->executable ? WORLD_EXECUTABLE : 0), &file, err);
    if (rc == 0) {
        int64_t n = world_file_pwrite(file, text_string(&content), content.len, 0);
        world_file_close(file);
        if (n < 0)
            rc = error_set(err, (int)n, "cannot write %s: %s", to, error_code_name((int)n));
    }
    text_deinit(&content);
    return rc;
}

/* 1: more to do. */
static int copy_step(struct runner_prepare *p, struct error *err)
{
    struct world *w = runner_of(p)->world;
    size_t bytes = 0;
    for (size_t i = 0; i < COPY_FILES && bytes < COPY_STEP; i++) {
        if (p->copied >= p->tree.entries.count)
            return 0;
        const struct tree_entry *e = &p->tree.entries.items[p->copied++];
        char *from = arena_printf(&p->tree.arena, "%s/%s", p->release->spec->source, e->name);
        char *to = arena_printf(&p->tree.arena, "%s/%s", p->release->folder, e->name);
        int rc = from && to ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
        if (rc == 0 && e->directory) {
            rc = world_make_directory(w, to);
            if (rc < 0)
                error_set(err, rc, "cannot make %s: %s", to, error_code_name(rc));
        } else if (rc == 0) {
            rc = copy_file(p, e, from, to, err);
        }
        if (rc < 0)
            return rc;
        bytes += e->size;
    }
    return 1;
}

static int copy_begin(struct runner_prepare *p, struct error *err)
{
    int rc = tree_read(runner_of(p)->world, p->release->spec->source, &p->tree, err);
    if (rc == 0 && p->tree.size > UNPACK_SIZE_MAX)
        rc = error_set(err, ERROR_LIMIT, "%s holds more than 512 MiB", p->release->spec->source);
    if (rc == 0) {
        p->step = STEP_COPY;
        world_task_post(&p->task);
    }
    return rc;
}

/* ---- an uploaded source ---- */

static int unpack_begin(struct runner_prepare *p, struct error *err)
{
    int rc = unpack_new(runner_of(p)->world, text_bytes(&p->archive), p->release->folder, &p->unpack, err);
    if (rc == 0) {
        p->step = STEP_UNPACK;
        world_task_post(&p->task);
    }
    return rc;
}

static void fetch_too_large(struct fetch *f)
{
    f->too_large = true;
    rpc_stream_cancel(f->stream);
}

static void fetch_message(void *arg, struct bytes message)
{
    const struct fetch *f = arg;
    struct runner_prepare *p = f->prepare;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (!p)
        return;
    if (pb_unpack(&store__blob_read_response__descriptor, message, &arena, &m, NULL) == 0) {
        const Store__BlobReadResponse *piece = (const Store__BlobReadResponse *)(const void *)m;
        if (p->archive.len + piece->blob.len <= RUNNER_UPLOAD_MAX)
            text_add(&p->archive, piece->blob.data, piece->blob.len);
        else
            fetch_too_large(p->fetch);
    }
    arena_deinit(&arena);
}

static void fetched(void *arg, const struct rpc_reply *reply)
{
    struct fetch *f = arg;
    struct runner_prepare *p = f->prepare;
    bool too_large = f->too_large;
    struct error err = ERROR_INIT;
    int rc = 0;
    free(f);
    if (!p)
        return;
    p->fetch = NULL;
    if (runner_of(p)->stopping)
        return;
    if (reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_DEADLINE_EXCEEDED) {
        text_clear(&p->archive);
        rc = world_timer_start(&p->timer, FETCH_AGAIN);
        if (rc == 0)
            return;
    }
    const char *keep = beside(p, ".tgz");
    if (too_large)
        rc = error_set(&err, ERROR_LIMIT, "the source %s is larger than 64 MiB", p->release->spec->source);
    else if (reply->status == GRPC_NOT_FOUND)
        rc = error_set(&err, ERROR_NOT_FOUND, "the source %s is not there; it has to be uploaded first",
                       p->release->spec->source);
    else if (reply->status != GRPC_OK)
        rc = error_set(&err, ERROR_IO, "the source %s cannot be read: %s", p->release->spec->source,
                       grpc_status_name(reply->status));
    else if (!text_ok(&p->archive) || !keep)
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = world_write_file(runner_of(p)->world, keep, text_bytes(&p->archive), true, &err);
    if (rc == 0)
        rc = unpack_begin(p, &err);
    if (rc < 0)
        finish(p, rc, &err);
}

static int fetch(struct runner_prepare *p, struct error *err)
{
    static const struct rpc_stream_events events = {.message = fetch_message, .finished = fetched};
    static const char path[] = "/store.BlobStore/Read";
    struct runner *runner = runner_of(p);
    struct rpc_channel *channel = NULL;
    struct text packed = TEXT_INIT;
    Store__BlobReadRequest request;
    Store__BlobOptions options;
    store__blob_read_request__init(&request);
    store__blob_options__init(&options);
    request.key = arena_string(&p->arena, p->release->spec->source);
    options.namespace_ = arena_string(&p->arena, p->release->service->namespace);
    request.options = &options;
    p->step = STEP_FETCH;
    struct fetch *f = calloc(1, sizeof *f);
    int rc = f && request.key && options.namespace_ ? pb_pack(&request.base, &packed) : ERROR_MEMORY;
    if (rc == 0)
        rc = micro_service_channel(runner->service, "store", &channel, err);
    if (rc == 0) {
        struct micro_outgoing o;
        micro_outgoing_init(runner->service, &o, path);
        const struct rpc_request r = {.path = path,
                                      .metadata = o.metadata,
                                      .timeout = FETCH_TIMEOUT,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&packed),
                                      .has_message = true};
        f->prepare = p;
        rc = rpc_stream_open(channel, &r, &events, f, &f->stream, err);
    }
    if (rc == 0)
        p->fetch = f;
    else
        free(f);
    text_deinit(&packed);
    return rc < 0 && err && !err->message ? error_set(err, rc, "%s", error_code_name(rc)) : rc;
}

/* ---- steps ---- */

static void task_run(void *arg)
{
    struct runner_prepare *p = arg;
    struct error err = ERROR_INIT;
    int rc = p->step == STEP_UNPACK ? unpack_step(p->unpack, &err) : copy_step(p, &err);
    if (rc < 0)
        finish(p, rc, &err);
    else if (rc == 1)
        world_task_post(&p->task);
    else
        sources_done(p, false);
}

static void timer_fired(void *arg)
{
    struct runner_prepare *p = arg;
    struct error err = ERROR_INIT;
    if (p->step == STEP_BUILD && p->process) {
        p->too_late = true;
        (void)world_process_signal(p->process, SIGKILL);
    } else if (p->step == STEP_FETCH) {
        int rc = fetch(p, &err);
        if (rc < 0)
            finish(p, rc, &err);
    }
}

/* A fresh, empty folder. */
static int make_folder(struct runner_prepare *p, struct error *err)
{
    struct world *w = runner_of(p)->world;
    int rc = world_remove_tree(w, p->release->folder);
    if (rc == 0 || rc == ERROR_NOT_FOUND)
        rc = world_make_directory(w, p->release->folder);
    return rc < 0 ? error_set(err, rc, "cannot make the folder %s: %s", p->release->folder, error_code_name(rc)) : 0;
}

static int begin(struct runner_prepare *p, struct error *err)
{
    struct runner_release *r = p->release;
    struct world *w = runner_of(p)->world;
    const char *source = r->spec->source;
    if (!source[0]) {
        p->entry = (struct runner_entry){.argv = ARENA_NEW_N(&p->arena, const char *, 2 * RUNNER_WORDS_MAX + 1)};
        size_t n = 0;
        for (size_t i = 0; p->entry.argv && r->spec->command[i]; i++)
            p->entry.argv[n++] = r->spec->command[i];
        for (size_t i = 0; p->entry.argv && r->spec->args[i]; i++)
            p->entry.argv[n++] = r->spec->args[i];
        return p->entry.argv ? 1 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    char folder[RUNNER_PATH_MAX];
    struct world_stat stat;
    int rc = runner_folder(r->service, "builds", r->generation, folder);
    if (rc < 0 || !(r->folder = strdup(folder)))
        return error_set(err, rc < 0 ? rc : ERROR_MEMORY, "%s",
                         rc < 0 ? "its folder's path is too long" : "out of memory");
    if (built_before(p))
        return 2;
    rc = make_folder(p, err);
    if (rc < 0)
        return rc;
    if (source[0] == '/')
        return copy_begin(p, err);
    const char *kept = beside(p, ".tgz");
    if (kept && world_stat(w, kept, &stat) == 0 && stat.exists) {
        rc = world_read_file(w, kept, RUNNER_UPLOAD_MAX, &p->archive, err);
        return rc < 0 ? rc : unpack_begin(p, err);
    }
    return fetch(p, err);
}

/* Nothing of it is called back before this returned. */
static void begin_task(void *arg)
{
    struct runner_prepare *p = arg;
    struct error err = ERROR_INIT;
    world_task_init(&p->task, runner_of(p)->world, task_run, p);
    int rc = begin(p, &err);
    if (rc < 0)
        finish(p, rc, &err);
    else if (rc == 1)
        ready(p);
    else if (rc == 2)
        sources_done(p, true);
}

int runner_prepare_start(struct runner_release *r, struct error *err)
{
    struct runner_prepare *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    p->release = r;
    r->prepare = p;
    world_task_init(&p->task, r->service->runner->world, begin_task, p);
    world_timer_init(&p->timer, r->service->runner->world, timer_fired, p);
    world_task_post(&p->task);
    return 0;
}

void runner_prepare_free(struct runner_prepare *p)
{
    if (!p)
        return;
    if (p->fetch) {
        p->fetch->prepare = NULL;
        rpc_stream_cancel(p->fetch->stream);
    }
    world_task_cancel(&p->task);
    world_timer_stop(&p->timer);
    world_process_close(p->process);
    unpack_free(p->unpack);
    tree_deinit(&p->tree);
    text_deinit(&p->archive);
    arena_deinit(&p->arena);
    free(p);
}
