/* Namespaces, network policies and quotas: kept in the store and told as events. The local profile acts on none of
 * them, as v3's local runtime did not.
 *
 *     namespace:<name>                        whoever is admin of "micro"
 *     networkpolicy:<namespace>:<name>        admins of the namespace
 *     resourcequota:<namespace>:<name>        admins of the namespace */
#include "runtime/runtime/runner.h"

#include <stdlib.h>
#include <string.h>

struct change {
    struct runner *runner;
    struct rpc_call *call;
    const char *error_id, *kind, *namespace, *name, *key;
    enum runner_change change;
    json_t *value;
};

static json_t *resources_json(const Runtime__Resources *r)
{
    return r ? json_pack("{si si si}", "Memory", (int)r->memory, "CPU", (int)r->cpu, "EphemeralStorage",
                         (int)r->ephemeralstorage)
             : json_null();
}

static json_t *labels_json(const Runtime__NetworkPolicy *p)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < p->n_allowedlabels; i++)
        if (json_object_set_new(out, p->allowedlabels[i]->key, json_string(p->allowedlabels[i]->value)) != 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}

static void reply(const struct change *c, const char *revision)
{
    Runtime__CreateResponse created;
    Runtime__UpdateResponse updated;
    Runtime__DeleteResponse deleted;
    runtime__create_response__init(&created);
    runtime__update_response__init(&updated);
    runtime__delete_response__init(&deleted);
    const ProtobufCMessage *const messages[] = {&created.base, &updated.base, &deleted.base};
    runner_reply(c->call, messages[c->change], revision);
}

static void done(void *arg, int status, const char *message, const char *revision)
{
    static const char *const words[] = {"created", "updated", "deleted"};
    struct change *c = arg;
    char detail[256];
    if (status != GRPC_OK) {
        int code = runner_code(status, message, detail, sizeof detail);
        json_decref(c->value);
        micro_fail(c->call, code == 503 ? 503 : 500, c->error_id, "the store did not do its part: %s", detail);
        return;
    }
    if (c->change == RUNNER_DELETED)
        json_decref(map_remove(&c->runner->resources, c->key));
    else if (runner_resource_load(c->runner, c->key, json_incref(c->value)) < 0)
        c->change = RUNNER_UPDATED; /* safe in the store; it is seen again after a restart */
    char *type = arena_printf(rpc_call_arena(c->call), "%s.%s", c->kind, words[c->change]);
    if (type)
        runner_publish(c->runner, type, c->namespace, c->name, json_incref(c->value));
    json_decref(c->value);
    reply(c, revision);
}

int runner_resource_load(struct runner *r, const char *key, json_t *value)
{
    json_t *before = map_get(&r->resources, key);
    if (!value || !map_put(&r->resources, key, value)) {
        json_decref(value);
        return value ? ERROR_MEMORY : ERROR_SYNTAX;
    }
    json_decref(before);
    return 0;
}

static void start(struct runner *r, struct rpc_call *call, const char *error_id, const char *kind,
                  const char *namespace, const char *name, enum runner_change change, json_t *value)
{
    bool is_namespace = strcmp(kind, "namespace") == 0;
    struct change *c = NULL;
    if (!runner_name_valid(name)) {
        micro_fail(call, 400, error_id, "invalid name of a %s: letters, digits, '-', '_' and '.', at most %d", kind,
                   RUNNER_NAME_MAX);
        goto out;
    }
    if (!runner_admit(r, call, namespace, true, error_id))
        goto out;
    struct arena *arena = rpc_call_arena(call);
    c = ARENA_NEW(arena, struct change);
    char *key = is_namespace ? arena_printf(arena, "namespace:%s", name)
                             : arena_printf(arena, "%s:%s:%s", kind, namespace, name);
    if (!c || !key || !value) {
        micro_fail(call, 507, error_id, "out of memory");
        goto out;
    }
    bool there = map_get(&r->resources, key) != NULL;
    if (change == RUNNER_CREATED ? there : !there) {
        micro_fail(call, there ? 409 : 404, error_id, there ? "already exists" : "not found");
        goto out;
    }
    if (change == RUNNER_CREATED && map_count(&r->resources) >= RUNNER_RESOURCES_MAX) {
        micro_fail(call, 429, error_id, "too many namespaces, policies and quotas: at most %d", RUNNER_RESOURCES_MAX);
        goto out;
    }
    *c = (struct change){.runner = r,
                         .call = call,
                         .error_id = error_id,
                         .kind = kind,
                         .namespace = is_namespace ? name : namespace,
                         .name = name,
                         .key = key,
                         .change = change,
                         .value = value};
    if (change == RUNNER_DELETED)
        runner_keep_remove(r, key, done, c);
    else
        runner_keep_write(r, key, value, done, c);
    return;
out:
    json_decref(value);
}

bool runner_resource_change(struct runner *r, struct rpc_call *call, const Runtime__Resource *resource,
                            enum runner_change change, const char *error_id)
{
    if (resource->namespace_) {
        const char *name = resource->namespace_->name;
        start(r, call, error_id, "namespace", MICRO_NAMESPACE, name, change, json_pack("{ss?}", "name", name));
    } else if (resource->networkpolicy) {
        const Runtime__NetworkPolicy *p = resource->networkpolicy;
        const char *namespace = runner_namespace(call, p->namespace_);
        start(r, call, error_id, "networkpolicy", namespace, p->name, change,
              json_pack("{ss? ss? so}", "name", p->name, "namespace", namespace, "allowedlabels", labels_json(p)));
    } else if (resource->resourcequota) {
        const Runtime__ResourceQuota *q = resource->resourcequota;
        const char *namespace = runner_namespace(call, q->namespace_);
        start(r, call, error_id, "resourcequota", namespace, q->name, change,
              json_pack("{ss? ss? so so}", "name", q->name, "namespace", namespace, "requests",
                        resources_json(q->requests), "limits", resources_json(q->limits)));
    } else {
        return false;
    }
    return true;
}
