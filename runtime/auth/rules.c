/* auth.Rules: who may call what. Rules are kept here and enforced by the services (runtime/service/). A namespace's
 * first List makes the rule "default", by which everything is public, as v3 does. */
#include "runtime/auth/auth.h"
#include "runtime/auth/operation.h"

#include <string.h>

struct operation {
    struct auth_operation base;
    const char *key;
    const Auth__Rule *rule;
};

static json_t *rule_json(const char *id, const char *scope, const char *type, const char *name, const char *endpoint,
                         Auth__Access access, int32_t priority)
{
    return json_pack("{ss ss s{ss ss ss} ss si}", "id", id, "scope", scope, "resource", "type", type, "name", name,
                     "endpoint", endpoint, "access", access == AUTH__ACCESS__GRANTED ? "granted" : "denied", "priority",
                     (int)priority);
}

static char *member(const json_t *object, const char *key, struct arena *arena)
{
    const char *value = json_string_value(json_object_get(object, key));
    return arena_string(arena, value ? value : "");
}

/* In the arena; NULL: no memory or no rule. */
static Auth__Rule *rule_message(const Store__Record *record, struct arena *arena)
{
    json_t *value = auth_record_value(record);
    Auth__Rule *rule = ARENA_NEW(arena, Auth__Rule);
    Auth__Resource *resource = ARENA_NEW(arena, Auth__Resource);
    bool ok = value && rule && resource;
    if (ok) {
        const json_t *from = json_object_get(value, "resource");
        const char *access = json_string_value(json_object_get(value, "access"));
        auth__rule__init(rule);
        auth__resource__init(resource);
        rule->id = member(value, "id", arena);
        rule->scope = member(value, "scope", arena);
        rule->access = access && strcmp(access, "granted") == 0 ? AUTH__ACCESS__GRANTED : AUTH__ACCESS__DENIED;
        rule->priority = (int32_t)json_integer_value(json_object_get(value, "priority"));
        resource->type = member(from, "type", arena);
        resource->name = member(from, "name", arena);
        resource->endpoint = member(from, "endpoint", arena);
        rule->resource = resource;
        ok = rule->id && rule->scope && resource->type && resource->name && resource->endpoint;
    }
    json_decref(value);
    return ok ? rule : NULL;
}

/* ---- Create ---- */

static void created(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    Auth__CreateResponse out;
    auth__create_response__init(&out);
    auth_operation_written(&o->base, status, message, &out.base);
}

static void create_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status == GRPC_OK && found->n_records > 0) {
        auth_operation_fail(&o->base, 400, "A rule with this ID already exists");
    } else if (status != GRPC_OK && auth_store_code(status, message) != 404) {
        auth_operation_fail_store(&o->base, status, message);
    } else {
        const Auth__Rule *r = o->rule;
        json_t *value = rule_json(r->id, r->scope, r->resource->type, r->resource->name, r->resource->endpoint,
                                  r->access, r->priority);
        auth_write(o->base.auth, o->key, value, 0, created, o);
        json_decref(value);
    }
}

static void create_begin(void *arg)
{
    struct operation *o = arg;
    auth_read(o->base.auth, o->key, false, create_checked, o);
}

static void rules_create(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.Create";
    const Auth__CreateRequest *r = (const Auth__CreateRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize_admin(call, namespace, id))
        return;
    const Auth__Rule *rule = r->rule;
    const char *wrong = NULL;
    if (!rule)
        wrong = "Missing rule";
    else if (!rule->id[0])
        wrong = "Missing rule ID";
    else if (!auth_id_valid(rule->id))
        wrong = "Invalid rule ID: at most 256 bytes without \"/\" and control characters";
    else if (strlen(rule->scope) > AUTH_ID_MAX)
        wrong = "Invalid scope: at most 256 bytes";
    else if (!rule->resource)
        wrong = "Missing resource";
    else if (!rule->resource->type[0] || !rule->resource->name[0] || !rule->resource->endpoint[0])
        wrong = "Missing resource type, name or endpoint; \"*\" stands for any";
    else if (strlen(rule->resource->type) > AUTH_ID_MAX || strlen(rule->resource->name) > AUTH_ID_MAX ||
             strlen(rule->resource->endpoint) > AUTH_ID_MAX)
        wrong = "Invalid resource: at most 256 bytes in each part";
    else if (rule->access != AUTH__ACCESS__GRANTED && rule->access != AUTH__ACCESS__DENIED)
        wrong = "Missing access: GRANTED or DENIED";
    if (wrong) {
        micro_fail(call, 400, id, "%s", wrong);
        return;
    }
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    o->key = auth_key(call, "rules/%s/%s", namespace, rule->id);
    if (!o->key) {
        auth_no_memory(call, id);
        return;
    }
    o->rule = rule;
    auth_operation_begin(&o->base, create_begin);
}

/* ---- Delete ---- */

static void deleted(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    Auth__DeleteResponse out;
    auth__delete_response__init(&out);
    auth_operation_written(&o->base, status, message, &out.base);
}

static void delete_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (auth_store_code(status, message) == 404 || (status == GRPC_OK && found->n_records == 0)) {
        auth_operation_fail(&o->base, 400, "Rule not found with this ID");
    } else if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else {
        auth_remove(o->base.auth, o->key, deleted, o);
    }
}

static void delete_begin(void *arg)
{
    struct operation *o = arg;
    auth_read(o->base.auth, o->key, false, delete_checked, o);
}

static void rules_delete(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.Delete";
    const Auth__DeleteRequest *r = (const Auth__DeleteRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize_admin(call, namespace, id))
        return;
    if (!auth_id_valid(r->id)) {
        micro_fail(call, 400, id, "%s", r->id[0] ? "Rule not found with this ID" : "Missing ID");
        return;
    }
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    o->key = auth_key(call, "rules/%s/%s", namespace, r->id);
    if (!o->key) {
        auth_no_memory(call, id);
        return;
    }
    auth_operation_begin(&o->base, delete_begin);
}

/* ---- List ---- */

static void listed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    struct arena *arena = rpc_call_arena(o->base.call);
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK && auth_store_code(status, message) != 404) {
        auth_operation_fail_store(&o->base, status, message);
        return;
    }
    Auth__ListResponse out;
    auth__list_response__init(&out);
    size_t count = status == GRPC_OK ? found->n_records : 0;
    out.rules = ARENA_NEW_N(arena, Auth__Rule *, count + 1);
    bool ok = out.rules != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        out.rules[i] = rule_message(found->records[i], arena);
        ok = out.rules[i] != NULL;
    }
    out.n_rules = count;
    if (ok)
        auth_operation_reply(&o->base, &out.base);
    else
        auth_operation_fail(&o->base, 500, "a stored rule cannot be read");
}

static void list_read(struct operation *o)
{
    char *prefix = auth_key(o->base.call, "rules/%s/", o->base.namespace);
    if (prefix)
        auth_read(o->base.auth, prefix, true, listed, o);
    else
        auth_operation_fail_memory(&o->base);
}

static void list_marked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    if (status != GRPC_OK)
        auth_operation_fail_store(&o->base, status, message);
    else
        list_read(o);
}

static void list_default_made(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
        return;
    }
    json_t *value = json_pack("{sb}", "rules", 1);
    auth_write(o->base.auth, o->key, value, 0, list_marked, o);
    json_decref(value);
}

static void list_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status == GRPC_OK && found->n_records > 0) {
        list_read(o);
    } else if (status != GRPC_OK && auth_store_code(status, message) != 404) {
        auth_operation_fail_store(&o->base, status, message);
    } else {
        char *key = auth_key(o->base.call, "rules/%s/default", o->base.namespace);
        json_t *value = rule_json("default", "", "*", "*", "*", AUTH__ACCESS__GRANTED, 0);
        if (key)
            auth_write(o->base.auth, key, value, 0, list_default_made, o);
        else
            auth_operation_fail_memory(&o->base);
        json_decref(value);
    }
}

static void list_begin(void *arg)
{
    struct operation *o = arg;
    auth_read(o->base.auth, o->key, false, list_checked, o);
}

static void rules_list(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.List";
    const Auth__ListRequest *r = (const Auth__ListRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize(call, namespace, id))
        return;
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    o->key = auth_key(call, "defaults/%s", namespace);
    if (!o->key) {
        auth_no_memory(call, id);
        return;
    }
    auth_operation_begin(&o->base, list_begin);
}

static const struct rpc_method rules_methods[] = {
    {.name = "Create",
     .input = &auth__create_request__descriptor,
     .output = &auth__create_response__descriptor,
     .unary = rules_create},
    {.name = "Delete",
     .input = &auth__delete_request__descriptor,
     .output = &auth__delete_response__descriptor,
     .unary = rules_delete},
    {.name = "List",
     .input = &auth__list_request__descriptor,
     .output = &auth__list_response__descriptor,
     .unary = rules_list},
};
const struct rpc_service auth_rules_service = {"auth.Rules", rules_methods,
                                               sizeof rules_methods / sizeof rules_methods[0]};
