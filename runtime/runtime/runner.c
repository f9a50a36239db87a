#include "runtime/runtime/runner.h"

#include "base/log.h"
#include "world/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rpc_method runtime_methods[] = {
    {.name = "Create",
     .input = &runtime__create_request__descriptor,
     .output = &runtime__create_response__descriptor,
     .unary = runner_create},
    {.name = "Read",
     .input = &runtime__read_request__descriptor,
     .output = &runtime__read_response__descriptor,
     .unary = runner_read},
    {.name = "Delete",
     .input = &runtime__delete_request__descriptor,
     .output = &runtime__delete_response__descriptor,
     .unary = runner_delete},
    {.name = "Update",
     .input = &runtime__update_request__descriptor,
     .output = &runtime__update_response__descriptor,
     .unary = runner_update},
};
#define RUNTIME_METHODS (sizeof runtime_methods / sizeof runtime_methods[0])

/* ---- what is left over from before ---- */

struct leftovers {
    struct runner *runner;
    const char *namespace;
    struct runner_service *service;
    struct text path;
};

/* An entry of work/<namespace>/<id>/: "<generation>", "<generation>.tgz" or "<generation>.ready". */
static void leftover_generation(void *arg, const char *name)
{
    const struct leftovers *l = arg;
    char *end = NULL;
    unsigned long long generation = strtoull(name, &end, 10);
    const struct runner_service *s = l->service;
    bool ours =
        end != name && (*end == '\0' || *end == '.') &&
        ((s->current && s->current->generation == generation) || (s->next && s->next->generation == generation));
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/%s", text_string(&l->path), name);
    if (!ours && text_ok(&path))
        (void)world_remove_tree(l->runner->world, text_string(&path));
    text_deinit(&path);
}

static void leftover_service(void *arg, const char *name)
{
    struct leftovers *l = arg;
    struct leftovers inner = {.runner = l->runner};
    for (struct map_entry *e = map_first(&l->runner->services); e; e = map_next(e)) {
        struct runner_service *s = map_value(e);
        if (strcmp(s->namespace, l->namespace) == 0 && strcmp(s->id, name) == 0)
            inner.service = s;
    }
    text_printf(&inner.path, "%s/%s", text_string(&l->path), name);
    if (!text_ok(&inner.path)) {
        text_deinit(&inner.path);
        return;
    }
    if (inner.service)
        (void)world_list(l->runner->world, text_string(&inner.path), leftover_generation, &inner);
    else
        (void)world_remove_tree(l->runner->world, text_string(&inner.path));
    text_deinit(&inner.path);
}

static void leftover_namespace(void *arg, const char *name)
{
    struct runner *r = arg;
    struct leftovers l = {.runner = r, .namespace = name};
    text_printf(&l.path, "%s/builds/%s", r->data, name);
    if (text_ok(&l.path))
        (void)world_list(r->world, text_string(&l.path), leftover_service, &l);
    text_deinit(&l.path);
}

/* Folders of updates that were replaced, or of services that were deleted, while nobody cleared them away. */
void runner_clear_leftovers(struct runner *r)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/builds", r->data);
    if (text_ok(&path))
        (void)world_list(r->world, text_string(&path), leftover_namespace, r);
    text_deinit(&path);
}

/* ---- stopping ---- */

static bool anything_runs(const struct runner *r)
{
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e)) {
        const struct runner_service *s = map_value(e);
        if (s->active || s->coming || s->stopping)
            return true;
    }
    return false;
}

void runner_drain_go_on(struct runner *r)
{
    void (*drained)(void *arg) = r->drained;
    if (!drained || anything_runs(r))
        return;
    r->drained = NULL;
    micro_service_drain(r->service, (uint64_t)SECOND, drained, r->drained_arg);
}

/* Every service is told to stop, with the time the supervisor gives us; then we leave. */
static void runner_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct runner *r = state;
    r->stopping = true;
    r->drained = done;
    r->drained_arg = arg;
    world_timer_stop(&r->load_timer);
    if (grace < r->stop_grace)
        r->stop_grace = grace;
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e))
        runner_service_stop(map_value(e), NULL, NULL);
    runner_drain_go_on(r);
}

static void runner_stop(void *state)
{
    struct runner *r = state;
    r->stopping = true;
    r->drained = NULL;
    world_timer_stop(&r->load_timer);
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e))
        runner_service_quit(map_value(e));
    micro_service_free(r->service);
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e))
        runner_service_free(map_value(e));
    map_deinit(&r->services);
    for (struct map_entry *e = map_first(&r->resources); e; e = map_next(e))
        json_decref(map_value(e));
    map_deinit(&r->resources);
    map_deinit(&r->coming);
    config_key_deinit(&r->key);
    logs_free(r->logs);
    free(r);
}

/* ---- starting ---- */

static const char *const runner_needs[] = {"registry", "store", "auth", NULL};

static void load_again(void *arg)
{
    runner_keep_load(arg);
}

static int read_options(struct runner *r, const struct micro_options *o, struct error *err)
{
    const char *build = micro_option(o, "build-timeout"), *grace = micro_option(o, "stop-grace");
    const char *upload = micro_option(o, "upload-max");
    int64_t nanoseconds = RUNNER_STOP_GRACE;
    uint64_t bytes = RUNNER_UPLOAD_MAX;
    r->build_time = RUNNER_BUILD_TIME;
    const char *reading = "--build-timeout";
    int rc = build ? units_parse_duration(build, &r->build_time, err) : 0;
    if (rc == 0 && grace) {
        reading = "--stop-grace";
        rc = units_parse_duration(grace, &nanoseconds, err);
    }
    if (rc == 0 && upload) {
        reading = "--upload-max";
        rc = units_parse_size(upload, &bytes, err);
    }
    if (rc < 0) {
        error_wrap(err, "%s", reading);
        return rc;
    }
    if (r->build_time < SECOND || r->build_time > 24 * HOUR)
        return error_set(err, ERROR_INVALID, "--build-timeout is between 1s and 24h");
    if (nanoseconds < 0 || nanoseconds > 10 * MINUTE)
        return error_set(err, ERROR_INVALID, "--stop-grace is between 0 and 10m");
    if (bytes < 1024 || bytes > RUNNER_UPLOAD_MAX)
        return error_set(err, ERROR_INVALID, "--upload-max is between 1KiB and 64MiB");
    r->stop_grace = (uint64_t)nanoseconds;
    r->upload_max = (size_t)bytes;
    return 0;
}

static int open_data(struct runner *r, const struct micro_options *o, struct error *err)
{
    char key[RUNNER_PATH_MAX + 32];
    /* Programs are started in folders of their own, where a relative path would lead elsewhere. */
    const char *here = o->data_dir[0] == '/' ? NULL : world_working_folder(r->world);
    int n = snprintf(r->data, sizeof r->data, "%s%s%s/runtime", here ? here : "", here ? "/" : "", o->data_dir);
    if (n < 1 || (size_t)n >= sizeof r->data / 2)
        return error_set(err, ERROR_LIMIT, "the data directory's path is too long");
    snprintf(key, sizeof key, "%s/secret.key", r->data);
    int rc = world_make_directory(r->world, r->data);
    if (rc < 0)
        return error_set(err, rc, "cannot make the directory %s: %s", r->data, error_code_name(rc));
    rc = config_key_init(&r->key, r->world, o->config_key, key, err);
    return rc == 0 ? logs_new(r->world, o->data_dir, &r->logs, err) : rc;
}

static int runner_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    static const struct rpc_service source = {"runtime.Source", &runner_upload_method, 1};
    static const struct rpc_service build = {"runtime.Build", &runner_build_method, 1};
    static struct rpc_method methods[RUNTIME_METHODS + 1];
    static const struct rpc_service runtime = {"runtime.Runtime", methods, RUNTIME_METHODS + 1};
    memcpy(methods, runtime_methods, sizeof runtime_methods);
    methods[RUNTIME_METHODS] = runner_logs_method;
    struct runner *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = w;
    r->options = options;
    world_timer_init(&r->load_timer, w, load_again, r);
    const struct micro_service_config config = {
        .name = "runtime", .access = MICRO_OWN_RULES, .options = options, .depends = runner_needs};
    int rc = read_options(r, options, err);
    if (rc == 0)
        rc = open_data(r, options, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &r->service, err);
    if (rc == 0 &&
        ((rc = micro_service_add(r->service, &runtime, r)) < 0 ||
         (rc = micro_service_add(r->service, &source, r)) < 0 || (rc = micro_service_add(r->service, &build, r)) < 0))
        error_set(err, rc, "the handlers cannot be set up: %s", error_code_name(rc));
    if (rc == 0) {
        micro_service_set_healthy(r->service, false, "waiting for the store");
        rc = micro_service_start(r->service, err);
    }
    if (rc < 0) {
        runner_stop(r);
        return rc;
    }
    runner_keep_load(r);
    *state = r;
    return 0;
}

static const char *const runner_services[] = {"runtime.Runtime", "runtime.Source", "runtime.Build", NULL};
static const char *const runner_options[] = {"build-timeout", "stop-grace", "upload-max", NULL};
extern const struct component runtime_component;
const struct component runtime_component = {
    .name = "runtime",
    .port_offset = RUNNER_PORT_OFFSET,
    .needs = runner_needs,
    .services = runner_services,
    .stateful = true,
    .options = runner_options,
    .start = runner_start,
    .drain = runner_drain,
    .stop = runner_stop,
};
