/* Namespaces, network policies and quotas: kept in the store and told as events. A quota is acted on (quota.c). A
 * network policy is not, and nothing is kept that would be taken for a protection it is not: it is refused, and can be
 * deleted where an earlier version kept one. Who may call what is said by auth.Rules.
 *
 *     namespace:<name>                        whoever is admin of "micro"
 *     networkpolicy:<namespace>:<name>        admins of the namespace
 *     resourcequota:<namespace>:<name>        admins of the namespace */
#include "base/log.h"
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
    (void)map_remove(&c->runner->coming, c->key);
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
    if (value && !runner_quota_enforced(key, value))
        log_warn("runtime", "%s is kept from an earlier version and not enforced: delete it", key);
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
    struct error err = ERROR_INIT;
    if (!runner_name_valid(name)) {
        micro_fail(call, 400, error_id, "invalid name of a %s: letters, digits, '-', '_' and '.', at most %d", kind,
                   RUNNER_NAME_MAX);
        goto out;
    }
    struct arena *arena = rpc_call_arena(call);
    c = ARENA_NEW(arena, struct change);
    char *key = is_namespace ? arena_printf(arena, "namespace:%s", name)
                             : arena_printf(arena, "%s:%s:%s", kind, namespace, name);
    if (!c || !key || !value) {
        micro_fail(call, 507, error_id, "out of memory");
        goto out;
    }
    if (map_get(&r->coming, key)) {
        micro_fail(call, 409, error_id, "another change of it is under way");
        goto out;
    }
    bool there = map_get(&r->resources, key) != NULL;
    if (change == RUNNER_CREATED ? there : !there) {
        micro_fail(call, there ? 409 : 404, error_id, there ? "already exists" : "not found");
        goto out;
    }
    if (change != RUNNER_DELETED && strcmp(kind, "resourcequota") == 0 &&
        runner_quota_fits(r, namespace, value, &err) != 0) {
        micro_fail(call, 409, error_id, "%s", err.message ? err.message : "out of memory");
        error_clear(&err);
        goto out;
    }
    if (change == RUNNER_CREATED && map_count(&r->resources) + map_count(&r->coming) >= RUNNER_RESOURCES_MAX) {
        micro_fail(call, 429, error_id, "too many namespaces, policies and quotas: at most %d", RUNNER_RESOURCES_MAX);
        goto out;
    }
    if (!map_put(&r->coming, key, change == RUNNER_DELETED ? json_null() : value)) {
        micro_fail(call, 507, error_id, "out of memory");
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
    const Runtime__NetworkPolicy *p = resource->networkpolicy;
    const Runtime__ResourceQuota *q = resource->resourcequota;
    struct error err = ERROR_INIT;
    if (!resource->namespace_ && !p && !q)
        return false;
    const char *namespace =
        resource->namespace_ ? MICRO_NAMESPACE : runner_namespace(call, p ? p->namespace_ : q->namespace_);
    if (!runner_admit(r, call, namespace, true, error_id))
        return true;
    if (resource->namespace_) {
        const char *name = resource->namespace_->name;
        start(r, call, error_id, "namespace", namespace, name, change, json_pack("{ss?}", "name", name));
    } else if (p && change != RUNNER_DELETED) {
        micro_fail(call, 501, error_id,
                   "network policies are not enforced here, so none is kept: say who may call what with auth.Rules");
    } else if (p) {
        start(r, call, error_id, "networkpolicy", namespace, p->name, change,
              json_pack("{ss? ss?}", "name", p->name, "namespace", namespace));
    } else if (change != RUNNER_DELETED && runner_quota_check(q, &err) != 0) {
        micro_fail(call, err.code == ERROR_UNSUPPORTED ? 501 : 400, error_id, "%s", err.message);
    } else {
        start(r, call, error_id, "resourcequota", namespace, q->name, change,
              json_pack("{ss? ss? so so}", "name", q->name, "namespace", namespace, "requests",
                        resources_json(q->requests), "limits", resources_json(q->limits)));
    }
    error_clear(&err);
    return true;
}
