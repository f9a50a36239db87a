/* Releases: preparing, starting their instances, an update's taking over, stopping.
 *
 * An update's release has to have every instance up before it takes over. When the service it replaces was registered,
 * "up" means that as many new nodes are registered; else, that the processes live for RUNNER_SETTLE. So the calls of
 * others always find a node: the old ones are told to stop (and drain) only then. */
#include "base/log.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/runtime/runner.h"

#include <stdlib.h>
#include <string.h>

static void poll_start(struct runner_release *r);

/* ---- failing and taking over ---- */

static void forget_next(struct runner_service *s)
{
    runner_spec_free(s->next);
    s->next = NULL;
}

/* r->error says why. */
static void release_failed(struct runner_release *r)
{
    struct runner_service *s = r->service;
    log_warn("runtime", "%s: %s", s->key, text_string(&r->error));
    runner_service_write(s, "%s", text_string(&r->error));
    if (!r->coming) {
        r->state = RELEASE_FAILED;
        runner_service_changed(s);
        return;
    }
    text_clear(&s->update_error);
    text_printf(&s->update_error, "the update failed: %s", text_string(&r->error));
    runner_release_stop(r);
    forget_next(s);
    runner_service_save(s);
}

static void take_over(struct runner_release *r)
{
    struct runner_service *s = r->service;
    struct runner_release *old = s->active;
    world_timer_stop(&r->poll);
    r->coming = false;
    r->state = RELEASE_UP;
    s->coming = NULL;
    if (old)
        runner_release_stop(old);
    s->active = r;
    s->finished = false;
    s->started = r->instance_count ? r->instances[0].started : s->started;
    runner_spec_free(s->current);
    s->current = s->next;
    s->next = NULL;
    runner_service_write(s, "updated");
    runner_service_save(s);
}

/* ---- an update's look at the registry ---- */

struct runner_look {
    struct runner_release *release; /* NULL: it does not want to know any more */
};

static void look_forget(struct runner_release *r)
{
    if (r->look)
        r->look->release = NULL;
    r->look = NULL;
}

static void start_instances(struct runner_release *r);

/* Counts the nodes of our version that were not there before; the first time, remembers them all. */
static size_t count_new(struct runner_release *r, const Registry__GetResponse *found, bool first)
{
    size_t fresh = 0;
    for (size_t i = 0; found && i < found->n_services; i++) {
        const Registry__Service *service = found->services[i];
        if (strcmp(service->version, r->service->version) != 0)
            continue;
        for (size_t j = 0; j < service->n_nodes; j++) {
            const char *id = service->nodes[j]->id;
            if (first)
                (void)map_put(&r->nodes, id, r);
            else if (!map_get(&r->nodes, id))
                fresh++;
        }
    }
    return fresh;
}

static void looked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct runner_look *question = arg;
    struct runner_release *r = question->release;
    (void)message;
    free(question);
    if (!r)
        return;
    struct runner_service *s = r->service;
    r->look = NULL;
    if (s->runner->stopping)
        return;
    bool first = r->instances == NULL;
    size_t fresh = count_new(r, status == GRPC_OK ? (const Registry__GetResponse *)(const void *)reply : NULL, first);
    if (first) {
        r->had_nodes = map_first(&r->nodes) != NULL;
        start_instances(r);
        return;
    }
    if (fresh >= r->instance_count) {
        for (size_t i = 0; i < r->instance_count && s->coming == r; i++)
            runner_instance_settle(&r->instances[i]);
        return;
    }
    if (r->had_nodes && world_now(s->runner->world) - r->since >= RUNNER_REGISTER_WAIT) {
        text_printf(&r->error, "it did not register within %d s, as the version before did",
                    (int)(RUNNER_REGISTER_WAIT / (uint64_t)SECOND));
        release_failed(r);
        return;
    }
    poll_start(r);
}

static void look(void *arg)
{
    struct runner_release *r = arg;
    struct runner_service *s = r->service;
    struct arena arena = ARENA_INIT;
    Registry__GetRequest request;
    Registry__Options options;
    registry__get_request__init(&request);
    registry__options__init(&options);
    request.service = arena_string(&arena, s->name);
    options.domain = arena_string(&arena, s->namespace);
    request.options = &options;
    struct runner_look *question = calloc(1, sizeof *question);
    if (!question || !request.service || !options.domain) {
        free(question);
        arena_deinit(&arena);
        text_puts(&r->error, "out of memory");
        release_failed(r);
        return;
    }
    question->release = r;
    r->look = question;
    int rc = micro_call(s->runner->service, "registry", "Registry.GetService", &request.base,
                        &registry__get_response__descriptor, RUNNER_CALL_TIMEOUT, looked, question);
    arena_deinit(&arena);
    if (rc < 0)
        looked(question, GRPC_UNAVAILABLE, "", NULL);
}

static void poll_start(struct runner_release *r)
{
    if (world_timer_start(&r->poll, RUNNER_REGISTER_POLL) == 0)
        return;
    text_puts(&r->error, "out of memory");
    release_failed(r);
}

/* ---- instances ---- */

void runner_release_instance(struct runner_release *r, struct runner_instance *i)
{
    struct runner_service *s = r->service;
    runner_service_changed(s);
    if (r->state != RELEASE_STARTING && r->state != RELEASE_UP)
        return;
    if (r->coming && i->state == INSTANCE_FAILED) {
        text_printf(&r->error, "%s", text_string(&i->died));
        release_failed(r);
        return;
    }
    bool up = true;
    for (size_t k = 0; k < r->instance_count && up; k++)
        up = r->instances[k].state == INSTANCE_RUNNING || r->instances[k].state == INSTANCE_DONE;
    if (!up)
        return;
    if (r->coming)
        take_over(r);
    else
        r->state = RELEASE_UP;
}

static void start_instances(struct runner_release *r)
{
    struct runner_service *s = r->service;
    size_t count = r->instance_count;
    r->instances = calloc(count, sizeof *r->instances);
    if (!r->instances) {
        r->instance_count = 0;
        text_puts(&r->error, "out of memory");
        release_failed(r);
        return;
    }
    for (size_t i = 0; i < count; i++)
        runner_instance_init(&r->instances[i], r, runner_slot_take(s));
    r->since = world_now(s->runner->world);
    r->state = RELEASE_STARTING;
    /* Any of them may end the release, or be the last that was waited for. */
    for (size_t i = 0; i < count && r->state == RELEASE_STARTING; i++)
        runner_instance_start(&r->instances[i]);
    if (r->coming && r->state == RELEASE_STARTING)
        poll_start(r);
}

void runner_release_prepared(struct runner_release *r, int code, const struct error *err)
{
    struct runner_service *s = r->service;
    runner_prepare_free(r->prepare);
    r->prepare = NULL;
    r->building = false;
    if (r->state == RELEASE_STOPPING) {
        runner_service_changed(s);
        return;
    }
    if (code < 0) {
        struct text words = TEXT_INIT;
        if (err)
            error_format(err, &words);
        text_puts(&r->error, words.len ? text_string(&words) : error_code_name(code));
        text_deinit(&words);
        release_failed(r);
        return;
    }
    r->instance_count = (size_t)r->spec->instances;
    r->retries = r->spec->retries;
    r->memory = r->spec->memory;
    r->spec = NULL;
    if (r->coming && s->active && s->active->instances)
        look(r); /* who is there before we start */
    else
        start_instances(r);
}

/* ---- life ---- */

void runner_release_start(struct runner_service *s, const struct runner_spec *spec, bool coming)
{
    struct runner_release *r = calloc(1, sizeof *r);
    struct error err = ERROR_INIT;
    if (!r) {
        log_error("runtime", "out of memory: %s is not started", s->key);
        return;
    }
    r->service = s;
    r->spec = spec;
    r->generation = spec->generation;
    r->coming = coming;
    world_timer_init(&r->poll, s->runner->world, look, r);
    if (coming)
        s->coming = r;
    else
        s->active = r;
    runner_service_changed(s);
    int rc = runner_prepare_start(r, &err);
    if (rc < 0)
        runner_release_prepared(r, rc, &err);
    error_clear(&err);
}

void runner_release_stop(struct runner_release *r)
{
    struct runner_service *s = r->service;
    if (r->state == RELEASE_STOPPING)
        return;
    r->state = RELEASE_STOPPING;
    look_forget(r);
    world_timer_stop(&r->poll);
    runner_prepare_free(r->prepare);
    r->prepare = NULL;
    if (s->active == r)
        s->active = NULL;
    if (s->coming == r)
        s->coming = NULL;
    r->next = s->stopping;
    s->stopping = r;
    for (size_t i = 0; r->instances && i < r->instance_count; i++)
        runner_instance_stop(&r->instances[i]);
    runner_service_changed(s);
}

void runner_release_free(struct runner_release *r)
{
    look_forget(r);
    world_timer_stop(&r->poll);
    runner_prepare_free(r->prepare);
    for (size_t i = 0; r->instances && i < r->instance_count; i++)
        runner_instance_deinit(&r->instances[i]);
    free(r->instances);
    map_deinit(&r->nodes);
    free(r->folder);
    text_deinit(&r->error);
    arena_deinit(&r->arena);
    free(r);
}
