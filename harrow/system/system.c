#include "harrow/system/system.h"

#include "base/log.h"
#include "base/units.h"
#include "chaos/proxy/proxy.h"
#include "harrow/fakes/descriptor_files.h"
#include "harrow/run/command_line.h"
#include "proto/services.h"
#include "proto/set.h"
#include "rpc/tcp_check.h"
#include "runtime/component.h"
#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIPTORS_MAX ((size_t)32 << 20) /* bytes; what a pool takes */
#define VARIABLES       6                  /* for flows */
#define READY_SLICE     ((uint64_t)(250 * MILLISECOND))
#define ASK_AGAIN       ((uint64_t)(5 * MILLISECOND))

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int system_read_descriptors(struct world *w, const char *path, struct pb_pool **out, struct error *err)
{
    struct text content = TEXT_INIT;
    int code = world_read_file(w, path, DESCRIPTORS_MAX, &content, err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&content), path, out, err);
    if (code != 0 && code != ERROR_MEMORY && err != NULL)
        err->code = code = ERROR_INVALID; /* whatever is wrong with it, it is the file that is wrong */
    text_deinit(&content);
    return code;
}

/* The platform's contracts and those of all services. */
static int load_all(struct pb_pool **out, struct error *err)
{
    struct descriptor_files files = {.files = {0}};
    struct text set = TEXT_INIT;
    int code = descriptor_files_add(&files, proto_set(), "the platform's contracts", err);
    if (code == 0)
        code = descriptor_files_add(&files, proto_services_set(), "the services' contracts", err);
    for (size_t i = 0; code == 0 && i < files.files.count; i++)
        files.files.items[i]->wanted = true;
    if (code == 0 && descriptor_files_set(&files, &set) != 0)
        code = out_of_memory(err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "the built-in contracts", out, err);
    text_deinit(&set);
    descriptor_files_deinit(&files);
    return code;
}

int system_contracts(struct world *w, const struct manifest *m, struct pb_pool **own, const struct pb_pool **out,
                     struct error *err)
{
    struct arena arena = ARENA_INIT;
    int code;
    *own = NULL;
    if (m->descriptors == NULL) {
        *out = micro_pool();
        return *out != NULL ? 0 : error_set(err, ERROR_INVALID, "the built-in descriptor set is unusable");
    }
    if (strcmp(m->descriptors, "all") == 0) {
        code = load_all(own, err);
    } else {
        const char *path = manifest_path(m, m->descriptors, &arena);
        code = path != NULL ? system_read_descriptors(w, path, own, err) : out_of_memory(err);
    }
    *out = *own;
    arena_deinit(&arena);
    return code;
}

static int load_pool(struct system *s, struct error *err)
{
    if (s->driver->attached)
        return 0; /* it may have to be asked for them */
    const struct manifest *m = s->manifest;
    bool file = m->descriptors != NULL && strcmp(m->descriptors, "all") != 0;
    if (file && (s->target.descriptors = manifest_path(m, m->descriptors, &s->arena)) == NULL)
        return out_of_memory(err);
    return system_contracts(s->run->world, m, &s->own_pool, &s->target.pool, err);
}

/* A secret for the system's first account, from the run's seed, so that a simulated run repeats to the byte. It guards
 * a system on loopback that lives as long as the run. */
static const char *make_secret(struct system *s)
{
    struct random base, own;
    random_seed(&base, s->run->seed);
    random_fork(&base, "system.secret", &own);
    return arena_printf(&s->arena, "%016llx%016llx", (unsigned long long)random_next(&own),
                        (unsigned long long)random_next(&own));
}

static const struct driver *chosen_driver(void)
{
    static const struct driver *const drivers[] = {&driver_processes, &driver_sim, &driver_attach};
    for (size_t i = 1; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strcmp(common.driver, drivers[i]->name) == 0)
            return drivers[i];
    return drivers[0];
}

static int make_folder(struct system *s, int number, struct error *err)
{
    s->folder = number == 1 ? s->run->folder : arena_printf(&s->arena, "%s/system-%d", s->run->folder, number);
    if (s->folder == NULL)
        return out_of_memory(err);
    int code = world_make_directory(s->run->world, s->folder);
    return code != 0 ? error_set(err, code, "cannot make %s: %s", s->folder, error_code_name(code)) : 0;
}

static int system_new(struct run *r, int number, struct system **out, struct error *err)
{
    struct system *s = calloc(1, sizeof *s);
    if (s == NULL)
        return out_of_memory(err);
    s->run = r;
    s->manifest = r->manifest;
    s->driver = chosen_driver();
    s->target.operations = s->driver->operations;
    s->target.world = r->world;
    s->target.system = r->manifest->name;
    s->target.driver = s->driver->name;
    s->target.manifest = r->manifest->path;
    s->target.namespace = r->manifest->namespace;
    s->target.seed = r->seed;
    s->target.results = &r->results;
    int code = make_folder(s, number, err);
    const char *slash = r->manifest->address ? NULL : strrchr(r->manifest->path, '/');
    s->values.world = r->world;
    s->values.here =
        slash != NULL ? arena_printf(&s->arena, "%.*s", (int)(slash - r->manifest->path), r->manifest->path) : ".";
    s->values.data = arena_printf(&s->arena, "%s/data", code == 0 ? s->folder : "");
    s->values.secret = make_secret(s);
    s->values.bin = "";
    if (code == 0 && (s->values.here == NULL || s->values.data == NULL || s->values.secret == NULL))
        code = out_of_memory(err);
    if (code == 0)
        code = load_pool(s, err);
    if (code == 0)
        code = s->driver->prepare(s, err);
    if (code != 0) {
        system_stop(s);
        return code;
    }
    if (number == 1)
        r->target = &s->target;
    *out = s;
    return 0;
}

const char *system_absolute(struct system *s, const char *path)
{
    char *resolved = realpath(path, NULL);
    const char *copy = arena_string(&s->arena, resolved != NULL ? resolved : path);
    free(resolved);
    return copy;
}

/* What flows may say: the manifest's own values. */
static int set_variables(struct system *s, struct error *err)
{
    const char *folder = system_absolute(s, s->folder), *here = system_absolute(s, s->values.here);
    if (folder == NULL || here == NULL)
        return out_of_memory(err);
    s->scratch = arena_printf(&s->arena, "%s/scratch", folder);
    s->variables[0] = arena_printf(&s->arena, "admin_secret=%s", s->values.secret != NULL ? s->values.secret : "");
    s->variables[1] = arena_printf(&s->arena, "bin=%s", system_absolute(s, s->values.bin));
    s->variables[2] = arena_printf(&s->arena, "data=%s/data", folder);
    s->variables[3] = arena_printf(&s->arena, "here=%s", here);
    s->variables[4] = arena_printf(&s->arena, "port=%d", s->values.port);
    s->variables[5] = arena_printf(&s->arena, "driver=%s", s->driver->name);
    bool ok = s->scratch != NULL;
    for (size_t i = 0; i < VARIABLES; i++)
        ok = ok && s->variables[i] != NULL;
    return ok ? 0 : out_of_memory(err);
}

/* Of the components of this manifest, those that the program of one needs to work; NULL: not known. */
static const char *const *needs_of(struct system *s, const struct manifest_component *c)
{
    component_use_all();
    const struct component *program = c->program != NULL ? component_find(c->program) : NULL;
    const char **list = program != NULL ? ARENA_NEW_N(&s->arena, const char *, s->manifest->component_count + 1) : NULL;
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < s->manifest->component_count; i++) {
        const struct manifest_component *other = &s->manifest->components[i];
        for (const char *const *need = program->needs; other->program != NULL && need != NULL && *need != NULL; need++)
            if (strcmp(*need, other->program) == 0)
                list[count++] = other->name;
    }
    return list;
}

int system_expand(struct system *s, struct error *err)
{
    const struct manifest *m = s->manifest;
    s->components = ARENA_NEW_N(&s->arena, struct target_component, m->component_count);
    s->variables = ARENA_NEW_N(&s->arena, const char *, VARIABLES + 1);
    if (s->components == NULL || s->variables == NULL)
        return out_of_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < m->component_count; i++) {
        const struct manifest_component *from = &m->components[i];
        if (s->alone != NULL && strcmp(from->name, s->alone) != 0)
            continue;
        struct target_component *to = &s->components[count++];
        to->name = from->name;
        to->services = from->services;
        to->stateful = from->stateful;
        to->needs = needs_of(s, from);
        int code = 0;
        if (from->address != NULL)
            code = manifest_expand(from->address, &s->values, &s->arena, &to->address, err);
        if (code == 0 && from->http != NULL)
            code = manifest_expand(from->http, &s->values, &s->arena, &to->http, err);
        to->tcp = from->tcp;
        if (code == 0 && from->tcp.address != NULL)
            code = manifest_expand(from->tcp.address, &s->values, &s->arena, &to->tcp.address, err);
        if (code != 0)
            return error_wrap(err, "%s:%d:%d: component %s", m->path, from->line, from->column, from->name);
    }
    s->target.components = s->components;
    s->target.component_count = count;
    if (m->gateway != NULL) {
        int code = manifest_expand(m->gateway, &s->values, &s->arena, &s->target.gateway, err);
        if (code != 0)
            return error_wrap(err, "%s: gateway", m->path);
    }
    return set_variables(s, err);
}

struct door_answer {
    struct tcp_check *check;
    bool answers;
};

static void on_door(void *arg, bool answers)
{
    *(struct door_answer *)arg = (struct door_answer){.answers = answers};
}

static bool door_told(void *arg)
{
    return ((const struct door_answer *)arg)->check == NULL;
}

/* Within a slice; as soon as it does. */
static int wait_door(struct world *w, const struct target_tcp *door, struct error *err)
{
    uint64_t end = world_now(w) + READY_SLICE;
    struct door_answer a = {0};
    while (!a.answers && world_now(w) < end) {
        int code = tcp_check_start(w, door, READY_SLICE, on_door, &a, &a.check, err);
        if (code == 0)
            code = world_run_until(w, door_told, &a, READY_SLICE);
        tcp_check_cancel(a.check);
        a.check = NULL;
        if (code == 0 && !a.answers)
            code = world_sleep(w, ASK_AGAIN);
        if (code != 0)
            return code;
    }
    return a.answers
               ? 0
               : error_set(err, ERROR_TIMEOUT, "sent \"%s\", it does not answer \"%s\"", door->send, door->expect);
}

/* One component, in slices, so that a system that died or a user who lost patience is noticed. */
static int wait_component(struct system *s, const struct target_component *c, uint64_t end, struct error *err)
{
    struct rpc_channel *channel = NULL;
    int code = c->address != NULL ? target_channel(&s->target, c, &channel, err) : 0;
    while (code == 0 && (channel != NULL ? rpc_wait_ready(s->target.world, channel, "", READY_SLICE, err)
                                         : wait_door(s->target.world, &c->tcp, err)) != 0) {
        if (s->run->interrupted)
            code = error_set(err, ERROR_CANCELLED, "interrupted");
        else if (s->driver->gone(s))
            code = error_set(err, ERROR_CLOSED, "%s ended before %s answered", s->manifest->name, c->name);
        else if (world_now(s->target.world) >= end)
            code = error_wrap(err, "component %s at %s does not answer", c->name,
                              c->address != NULL ? c->address : c->tcp.address);
        else
            error_clear(err);
    }
    return code;
}

static int wait_ready(struct system *s, struct error *err)
{
    uint64_t end = world_now(s->target.world) + (uint64_t)s->manifest->ready_within;
    int code = 0;
    for (size_t i = 0; i < s->target.component_count && code == 0; i++)
        if (s->components[i].address != NULL || s->components[i].tcp.address != NULL)
            code = wait_component(s, &s->components[i], end, err);
    return code;
}

/* The text a simple path ("$.token.access_token") leads to. */
static const char *json_path_text(const json_t *tree, const char *path)
{
    if (path[0] == '$')
        path++;
    while (tree != NULL && *path == '.') {
        size_t len = strcspn(++path, ".");
        char name[128];
        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        tree = json_object_get(tree, name);
        path += len;
    }
    return *path == '\0' ? json_string_value(tree) : NULL;
}

/* One call as the manifest has it; `token`: the text its answer has at that path. */
static int call_manifest(struct system *s, const struct manifest_call *c, const char **token, struct error *err)
{
    const struct manifest *m = s->manifest;
    const char *path = arena_printf(&s->arena, "/%s", c->call), *request_json;
    if (path == NULL)
        return out_of_memory(err);
    const struct pb_method *method = pb_find_method(s->target.pool, path, false);
    if (method == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s: login: no method %s in the descriptor set", m->path, c->call);
    const struct target_component *component = target_serving(&s->target, method->service->full_name);
    if (component == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s: login: no component serves %s", m->path,
                         method->service->full_name);
    int code = manifest_expand(c->request, &s->values, &s->arena, &request_json, err);
    struct text wire = TEXT_INIT;
    struct rpc_answer answer = {0};
    struct rpc_channel *channel;
    if (code == 0)
        code = pb_json_to_wire(method->input, bytes_of(request_json), 0, &wire, err);
    if (code == 0)
        code = target_channel(&s->target, component, &channel, err);
    if (code == 0) {
        struct rpc_request request = {.path = path,
                                      .metadata = target_metadata(&s->target),
                                      .timeout = (uint64_t)m->ready_within, /* a busy machine answers late */
                                      .wait_for_ready = true,
                                      .message = text_bytes(&wire),
                                      .has_message = true};
        code = rpc_unary_wait(s->target.world, channel, &request, &answer, err);
    }
    if (code == 0 && answer.reply.status != GRPC_OK)
        code = error_set(err, ERROR_DENIED, "login by %s was answered %s: %.*s", c->call,
                         grpc_status_name(answer.reply.status), (int)answer.reply.message.len,
                         (const char *)answer.reply.message.data);
    if (code == 0 && c->token != NULL) {
        json_t *tree = pb_wire_to_tree(method->output, answer.reply.body, PB_JSON_PROTO_NAMES, err);
        const char *text = tree != NULL ? json_path_text(tree, c->token) : NULL;
        *token = text != NULL ? arena_string(&s->arena, text) : NULL;
        json_decref(tree);
        if (*token == NULL)
            code = error_set(err, ERROR_INVALID, "%s: login: the answer has no text at %s", m->path, c->token);
    }
    rpc_answer_deinit(&answer);
    text_deinit(&wire);
    return code;
}

static int login(struct system *s, struct error *err)
{
    const struct manifest *m = s->manifest;
    const struct manifest_call call = {m->login_call, m->login_request, m->login_token};
    return m->login_call != NULL ? call_manifest(s, &call, &s->target.token, err) : 0;
}

int system_other_token(struct system *s, const char **out, struct error *err)
{
    const struct manifest *m = s->manifest;
    *out = NULL;
    int code = m->other_make.call != NULL ? call_manifest(s, &m->other_make, NULL, err) : 0;
    if (code == 0 && m->other.call != NULL)
        code = call_manifest(s, &m->other, out, err);
    return code != 0 ? error_wrap(err, "%s: login: other", m->path) : 0;
}

int system_start_beside(struct run *r, int number, struct system **out, struct error *err)
{
    struct system *s = NULL;
    int code = system_new(r, number, &s, err);
    if (s == NULL)
        return code;
    code = s->driver->start(s, err);
    if (code == 0 && !s->driver->attached)
        code = wait_ready(s, err);
    if (code == 0)
        code = login(s, err);
    if (code != 0) {
        struct text logs = TEXT_INIT;
        if (s->state != NULL && s->target.operations->logs(&s->target, NULL, 8, &logs) == 0 && logs.len > 0)
            error_wrap(err, "%s did not come up; its last lines:\n%s", s->manifest->name, text_string(&logs));
        text_deinit(&logs);
        system_stop(s);
        return code;
    }
    *out = s;
    return 0;
}

int system_start(struct run *r, struct system **out, struct error *err)
{
    return system_start_beside(r, 1, out, err);
}

int system_start_anew(struct system *s, struct error *err)
{
    if (s->driver->start_anew == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "the driver %s cannot start the system anew", s->driver->name);
    target_close_channels(&s->target);
    s->target.token = NULL;
    int code = s->driver->start_anew(s, err);
    if (code == 0)
        code = wait_ready(s, err);
    return code == 0 ? login(s, err) : code;
}

int system_start_alone(struct run *r, const char *component, struct system **out, struct error *err)
{
    if (manifest_find(r->manifest, component) == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no component \"%s\"", r->manifest->path, component);
    int code = system_new(r, 1, out, err);
    if (code == 0)
        (*out)->alone = component;
    return code;
}

int system_run_alone(struct system *s, const char *peers, struct error *err)
{
    const struct manifest_component *c = manifest_find(s->manifest, s->alone);
    int code = s->driver->start_alone(s, c, peers, err);
    return code != 0 ? code : wait_ready(s, err);
}

void system_stop(struct system *s)
{
    if (s == NULL)
        return;
    if (s->run->target == &s->target)
        s->run->target = NULL;
    target_close_channels(&s->target);
    proxy_free(s->target.proxy);
    s->target.proxy = NULL;
    if (s->state != NULL)
        s->driver->stop(s);
    if (s->scratch != NULL)
        (void)world_remove(s->run->world, s->scratch); /* unless somebody left something in it */
    pb_pool_free(s->own_pool);
    pb_pool_free(s->partial_pool);
    arena_deinit(&s->arena);
    free(s);
}

struct target *system_target(struct system *s)
{
    return &s->target;
}

struct world *system_world(struct system *s)
{
    return s->target.world;
}

const char *const *system_variables(struct system *s)
{
    return s->variables;
}

const char *system_scratch(struct system *s)
{
    return s->scratch;
}

void system_describe(struct system *s, struct text *out)
{
    text_printf(out, "%s is %s (%s): %zu component%s", s->manifest->name, s->driver->attached ? "attached" : "up",
                s->driver->name, s->target.component_count, s->target.component_count == 1 ? "" : "s");
    if (s->target.gateway != NULL) {
        text_puts(out, ", gateway ");
        command_line_address(s->target.gateway, out);
    }
}
