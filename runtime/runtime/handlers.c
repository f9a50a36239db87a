/* runtime.Runtime: Create, Read, Update, Delete of services. Each change is an operation that lives in its call's arena
 * and is over when the call is finished: finishing is the last thing a step does. */
#include "base/log.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID(method)   "runtime.Runtime." method
#define SECRET_BYTES 32

struct operation {
    struct runner_turn turn;
    struct rpc_call *call;
    struct runner_service *service;
    const char *error_id;
    const Runtime__Service *given;
    const Runtime__CreateOptions *create; /* also of an update by force */
    const Runtime__UpdateOptions *update;
    struct runner_spec *spec; /* what was asked for; ours until it is the service's */
    char *owner, *secret;
    bool force, updates;
};

/* ---- requests ---- */

const char *runner_namespace(struct rpc_call *call, const char *given)
{
    return given && *given ? given : micro_call_namespace(call);
}

bool runner_admit(struct runner *r, struct rpc_call *call, const char *namespace, bool admin, const char *error_id)
{
    if (!runner_name_valid(namespace)) {
        micro_fail(call, 400, error_id, "invalid namespace: letters, digits, '-', '_' and '.', at most %d",
                   RUNNER_NAME_MAX);
        return false;
    }
    if (admin ? !micro_authorize_admin(call, namespace, error_id) : !micro_authorize(call, namespace, error_id))
        return false;
    if (r->stopping || !r->loaded) {
        micro_fail(call, 503, error_id, "%s",
                   r->stopping ? "the runtime is stopping" : "the runtime has not read its services yet");
        return false;
    }
    return true;
}

void runner_reply(struct rpc_call *call, const ProtobufCMessage *reply, const char *revision)
{
    if (revision && *revision)
        (void)rpc_call_add_trailer(call, "micro-revision", bytes_of(revision));
    rpc_call_reply(call, reply);
}

/* Name and version of the service asked for; false: the call was finished. */
static bool check_names(struct rpc_call *call, const Runtime__Service *s, const char **version, const char *error_id)
{
    *version = s->version[0] ? s->version : "latest";
    if (runner_name_valid(s->name) && runner_name_valid(*version))
        return true;
    micro_fail(call, 400, error_id,
               "invalid %s: letters, digits, '-', '_' and '.' are allowed, at most %d, and no '.' in front",
               runner_name_valid(s->name) ? "version" : "service name", RUNNER_NAME_MAX);
    return false;
}

static void operation_drop(void *arg)
{
    struct operation *o = arg;
    runner_spec_free(o->spec);
    micro_fail(o->call, 503, o->error_id, "the runtime is stopping");
}

static struct operation *operation_new(struct runner *r, struct rpc_call *call, const char *error_id,
                                       const char *namespace, const Runtime__Service *given, void (*begin)(void *arg))
{
    const char *version;
    if (!check_names(call, given, &version, error_id))
        return NULL;
    struct operation *o = ARENA_NEW(rpc_call_arena(call), struct operation);
    struct runner_service *s = o ? runner_service_get(r, namespace, given->name, version) : NULL;
    if (!s) {
        micro_fail(call, 507, error_id, "out of memory");
        return NULL;
    }
    *o = (struct operation){.turn = {.begin = begin, .drop = operation_drop, .arg = o},
                            .call = call,
                            .service = s,
                            .error_id = error_id,
                            .given = given};
    return o;
}

/* The turn ends before the call does: with the call goes the operation's memory. */
static void operation_fail(struct operation *o, int code, const char *detail)
{
    runner_spec_free(o->spec);
    runner_turn_end(o->service);
    micro_fail(o->call, code, o->error_id, "%s", detail);
}

static void operation_fail_answer(struct operation *o, const char *who, int status, const char *message)
{
    char detail[600], words[700];
    int code = runner_code(status, message, detail, sizeof detail);
    snprintf(words, sizeof words, "%s did not do its part: %s", who, detail);
    operation_fail(o, code == 503 || code == 507 ? code : 500, words);
}

static void operation_fail_error(struct operation *o, int rc, const struct error *err)
{
    int code = rc == ERROR_MEMORY                                               ? 507
               : rc == ERROR_NO_SPACE                                           ? 429
               : rc == ERROR_LIMIT || rc == ERROR_INVALID || rc == ERROR_SYNTAX ? 400
                                                                                : 500;
    struct text words = TEXT_INIT;
    error_format(err, &words);
    operation_fail(o, code, text_string(&words));
    text_deinit(&words);
}

/* Grows, also over restarts. */
static uint64_t next_generation(struct runner *r)
{
    uint64_t now = (uint64_t)(world_wall(r->world) / MICROSECOND);
    r->generation = now > r->generation ? now : r->generation + 1;
    return r->generation;
}

json_t *runner_event_object(const struct runner_service *s, const struct runner_spec *spec)
{
    return json_pack("{ss ss ss ss}", "name", s->name, "version", s->version, "source", spec ? spec->source : "",
                     "owner", s->owner ? s->owner : "");
}

/* ---- Create ---- */

static size_t count_services(const struct runner *r, const char *namespace)
{
    size_t count = 0;
    for (struct map_entry *e = map_first(&r->services); e; e = map_next(e)) {
        const struct runner_service *s = map_value(e);
        count += !namespace || strcmp(s->namespace, namespace) == 0;
    }
    return count;
}

/* The record is safe: the change counts, and is made real. */
static void apply(struct operation *o, const char *revision)
{
    struct runner_service *s = o->service;
    static const char *const types[] = {"service.created", "service.updated"};
    bool fresh = !s->exists;
    text_clear(&s->update_error);
    s->exists = true;
    if (s->coming)
        runner_release_stop(s->coming);
    const struct runner_spec *spec = o->spec;
    if (fresh) {
        s->current = o->spec;
        runner_release_start(s, spec, false);
    } else {
        runner_spec_free(s->next); /* of an update that this one overtakes */
        s->next = o->spec;
        runner_release_start(s, spec, true);
    }
    o->spec = NULL;
    runner_publish(s->runner, types[fresh ? 0 : 1], s->namespace, s->name, runner_event_object(s, spec));
    runner_turn_end(s);
    if (o->updates) {
        Runtime__UpdateResponse reply;
        runtime__update_response__init(&reply);
        runner_reply(o->call, &reply.base, revision);
    } else {
        Runtime__CreateResponse reply;
        runtime__create_response__init(&reply);
        runner_reply(o->call, &reply.base, revision);
    }
}

static void account_taken_back(void *arg, int status, const char *message, const char *revision)
{
    struct operation *o = arg;
    (void)revision;
    (void)status;
    (void)message;
    operation_fail(o, 503, "the store did not do its part: the service was not created");
}

static void written(void *arg, int status, const char *message, const char *revision)
{
    struct operation *o = arg;
    struct runner_service *s = o->service;
    if (status == GRPC_OK) {
        apply(o, revision);
        return;
    }
    if (s->exists) {
        operation_fail_answer(o, "the store", status, message);
        return;
    }
    /* Nothing was made: no account stays behind either. */
    runner_account_remove(s, account_taken_back, o);
}

static void write_record(struct operation *o)
{
    struct runner_service *s = o->service;
    json_t *record =
        s->exists ? runner_service_json(s, s->current, o->spec, false) : runner_service_json(s, o->spec, NULL, false);
    runner_keep_write(s->runner, s->key, record, written, o);
    json_decref(record);
}

static void account_ready(void *arg, int status, const char *message, const char *revision)
{
    struct operation *o = arg;
    (void)revision;
    if (status != GRPC_OK) {
        operation_fail_answer(o, "auth", status, message);
        return;
    }
    struct runner_service *s = o->service;
    free(s->account_secret);
    free(s->owner);
    s->account_secret = strdup(o->secret);
    s->owner = strdup(o->owner);
    if (!s->account_secret || !s->owner)
        operation_fail(o, 507, "out of memory");
    else
        write_record(o);
}

static int make_secret(struct runner *r, struct arena *arena, char **out)
{
    uint8_t bytes[SECRET_BYTES];
    char *text = arena_alloc(arena, 2 * SECRET_BYTES + 1);
    int rc = text ? world_entropy(r->world, bytes, sizeof bytes) : ERROR_MEMORY;
    for (size_t i = 0; rc == 0 && i < SECRET_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    *out = text;
    return rc;
}

/* "a-b" of version "c" and "a" of version "b-c" would share account, folders and log. */
static bool id_taken(const struct runner_service *s)
{
    for (struct map_entry *e = map_first(&s->runner->services); e; e = map_next(e)) {
        const struct runner_service *other = map_value(e);
        if (other != s && (other->exists || other->turn_begun) && strcmp(other->namespace, s->namespace) == 0 &&
            strcmp(other->id, s->id) == 0)
            return true;
    }
    return false;
}

static void create_begin(void *arg)
{
    struct operation *o = arg;
    struct runner_service *s = o->service;
    struct runner *r = s->runner;
    struct error err = ERROR_INIT;
    if (s->exists && !o->force) {
        operation_fail(o, 409, "already exists");
        return;
    }
    if (!s->exists && strcmp(s->namespace, MICRO_NAMESPACE) == 0 && component_is_core(s->name)) {
        operation_fail(o, 400, "the name is that of a component of micro");
        return;
    }
    if (!s->exists && id_taken(s)) {
        operation_fail(o, 409, "another service has the same name and version when they are written together");
        return;
    }
    if (!s->exists &&
        (count_services(r, s->namespace) > RUNNER_NAMESPACE_MAX || count_services(r, NULL) > RUNNER_SERVICES_MAX)) {
        operation_fail(o, 429, "too many services: at most 250 in a namespace, 2,000 in all");
        return;
    }
    int rc = runner_spec_create(o->given, o->create, &o->spec, &err);
    if (rc == 0 && o->spec->source[0] == '/' && strcmp(r->options->profile ? r->options->profile : "local", "local"))
        rc = error_set(&err, ERROR_INVALID, "a local folder can only be run in the profile \"local\": upload it");
    if (rc == 0)
        rc = runner_quota_admit(s, o->spec, &err);
    if (rc == 0 && !s->exists)
        rc = make_secret(r, rpc_call_arena(o->call), &o->secret);
    if (rc < 0) {
        operation_fail_error(o, rc, &err);
        error_clear(&err);
        return;
    }
    o->spec->generation = next_generation(r);
    if (s->exists)
        write_record(o);
    else
        runner_account_make(s, o->secret, account_ready, o);
}

static bool check_resource(struct rpc_call *call, const Runtime__Resource *resource, const char *error_id)
{
    if (resource && (resource->service || resource->namespace_ || resource->networkpolicy || resource->resourcequota))
        return true;
    micro_fail(call, 400, error_id, "missing resource");
    return false;
}

void runner_create(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    static const char id[] = ID("Create");
    struct runner *r = runner;
    const Runtime__CreateRequest *q = (const Runtime__CreateRequest *)(const void *)request;
    if (!check_resource(call, q->resource, id) || runner_resource_change(r, call, q->resource, RUNNER_CREATED, id))
        return;
    const char *namespace = runner_namespace(call, q->options ? q->options->namespace_ : NULL);
    if (!runner_admit(r, call, namespace, true, id))
        return;
    struct operation *o = operation_new(r, call, id, namespace, q->resource->service, create_begin);
    if (!o)
        return;
    const struct micro_account *caller = micro_caller(call);
    o->create = q->options;
    o->force = q->options && q->options->force;
    o->owner = arena_string(rpc_call_arena(call), caller ? (*caller->name ? caller->name : caller->id) : "");
    if (!o->owner)
        micro_fail(call, 507, id, "out of memory");
    else
        runner_turn_begin(o->service, &o->turn);
}

/* ---- Update ---- */

static void update_begin(void *arg)
{
    struct operation *o = arg;
    struct runner_service *s = o->service;
    struct error err = ERROR_INIT;
    if (!s->exists) {
        operation_fail(o, 404, "not found");
        return;
    }
    int rc = runner_spec_update(s->next ? s->next : s->current, o->given, o->update, &o->spec, &err);
    if (rc == 0)
        rc = runner_quota_admit(s, o->spec, &err);
    if (rc < 0) {
        operation_fail_error(o, rc, &err);
        error_clear(&err);
        return;
    }
    o->spec->generation = next_generation(s->runner);
    write_record(o);
}

void runner_update(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    static const char id[] = ID("Update");
    struct runner *r = runner;
    const Runtime__UpdateRequest *q = (const Runtime__UpdateRequest *)(const void *)request;
    if (!check_resource(call, q->resource, id) || runner_resource_change(r, call, q->resource, RUNNER_UPDATED, id))
        return;
    const char *namespace = runner_namespace(call, q->options ? q->options->namespace_ : NULL);
    if (!runner_admit(r, call, namespace, true, id))
        return;
    struct operation *o = operation_new(r, call, id, namespace, q->resource->service, update_begin);
    if (!o)
        return;
    o->update = q->options;
    o->updates = true;
    runner_turn_begin(o->service, &o->turn);
}

/* ---- Delete ---------------------------------------------------------------------------------------------------- */

void runner_delete(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    static const char id[] = ID("Delete");
    struct runner *r = runner;
    const Runtime__DeleteRequest *q = (const Runtime__DeleteRequest *)(const void *)request;
    const char *version;
    if (!check_resource(call, q->resource, id) || runner_resource_change(r, call, q->resource, RUNNER_DELETED, id))
        return;
    const char *namespace = runner_namespace(call, q->options ? q->options->namespace_ : NULL);
    if (!runner_admit(r, call, namespace, true, id) || !check_names(call, q->resource->service, &version, id))
        return;
    struct runner_service *s = runner_service_find(r, namespace, q->resource->service->name, version);
    if (!s)
        micro_fail(call, 404, id, "not found");
    else
        runner_deletion_start(s, call, id);
}

/* ---- Read ---- */

static bool wanted(const struct runner_service *s, const char *namespace, const Runtime__ReadOptions *o)
{
    if (strcmp(s->namespace, namespace) != 0 || !s->exists)
        return false;
    if (!o)
        return true;
    return (!o->service[0] || strcmp(o->service, s->name) == 0) &&
           (!o->version[0] || strcmp(o->version, s->version) == 0) &&
           (!o->type[0] || (s->current && strcmp(o->type, s->current->type) == 0));
}

void runner_read(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    static const char id[] = ID("Read");
    struct runner *r = runner;
    const Runtime__ReadRequest *q = (const Runtime__ReadRequest *)(const void *)request;
    const char *namespace = runner_namespace(call, q->options ? q->options->namespace_ : NULL);
    if (!runner_admit(r, call, namespace, false, id))
        return;
    struct arena *arena = rpc_call_arena(call);
    Runtime__ReadResponse reply;
    runtime__read_response__init(&reply);
    reply.services = ARENA_NEW_N(arena, Runtime__Service *, map_count(&r->services) + 1);
    for (struct map_entry *e = map_first(&r->services); reply.services && e; e = map_next(e)) {
        struct runner_service *s = map_value(e);
        if (!wanted(s, namespace, q->options))
            continue;
        if (!(reply.services[reply.n_services++] = runner_service_message(s, arena)))
            reply.services = NULL;
    }
    if (reply.services)
        rpc_call_reply(call, &reply.base);
    else
        micro_fail(call, 507, id, "out of memory");
}
