/* auth.Rules: who may call what. Rules are kept here and enforced by the services (runtime/service/), which follow them
 * in the policy: a change is in it when it is acknowledged. */
#include "base/array.h"
#include "runtime/auth/auth.h"
#include "runtime/auth/operation.h"

#include <string.h>

struct operation {
    struct auth_operation base;
    void (*then)(struct operation *o);
    const char *marker; /* the record that says the default rule was made */
    const char *key;
    const char *default_key;
    struct auth_version marker_version; /* absent, when it is needed */
    const Auth__Rule *rule;             /* Create */
    const char *rule_id;                /* Delete */
    ARRAY(Auth__Rule *) rules;          /* List */
};

static json_t *rule_json(const char *id, const char *scope, const char *type, const char *name, const char *endpoint,
                         Auth__Access access, int32_t priority)
{
    return json_pack("{ss ss s{ss ss ss} ss si}", "id", id, "scope", scope, "resource", "type", type, "name", name,
                     "endpoint", endpoint, "access", access == AUTH__ACCESS__GRANTED ? "granted" : "denied", "priority",
                     (int)priority);
}

static void begin(void *arg);

/* A write's outcome is not known when the store did not answer: the policy is read again then. It is, too, when the
 * store refused because somebody else changed the rules: then it all begins anew. */
static void failed(struct operation *o, int status, const char *message)
{
    auth_reload_later(o->base.auth);
    if (status != GRPC_FAILED_PRECONDITION)
        auth_operation_fail_store(&o->base, status, message);
    else if (auth_operation_again(&o->base))
        begin(o);
}

/* ---- the default rule ----
 *
 * v3 makes it at a namespace's first List, and each of its services lists. Here it is made before the first change of
 * the namespace's rules as well, so that the rules of a namespace nobody touched are the default one, and those of any
 * other are exactly what is stored. */

static void default_marked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    struct auth *a = o->base.auth;
    (void)reply;
    if (status != GRPC_OK) {
        failed(o, status, message);
        return;
    }
    char id[] = "default", everybody[] = "", any[] = "*";
    Auth__Resource resource = AUTH__RESOURCE__INIT;
    Auth__Rule rule = AUTH__RULE__INIT;
    resource.type = resource.name = resource.endpoint = any;
    rule.id = id;
    rule.scope = everybody;
    rule.resource = &resource;
    rule.access = AUTH__ACCESS__GRANTED;
    if (policy_rule(&a->policy, o->base.namespace, &rule) < 0)
        auth_reload_later(a);
    o->then(o);
}

static void default_made(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    if (status != GRPC_OK) {
        failed(o, status, message);
        return;
    }
    json_t *value = json_pack("{sb}", "rules", 1);
    auth_write(o->base.auth, o->marker, value, 0, &o->marker_version, default_marked, o);
    json_decref(value);
}

/* Without its marker the rule may be there all the same, when auth died between the two. When it is not, it is written
 * only if it has not been there since the marker was looked for: somebody may have made both, and taken it away. */
static void default_looked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else if (found->n_records > 0) {
        default_made(o, status, message, NULL);
    } else {
        json_t *value = rule_json("default", "", "*", "*", "*", AUTH__ACCESS__GRANTED, 0);
        auth_write(o->base.auth, o->default_key, value, 0, &o->marker_version, default_made, o);
        json_decref(value);
    }
}

static void default_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status == GRPC_OK && found->n_records > 0) {
        o->then(o);
    } else if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else {
        o->marker_version = auth_version_of(found);
        o->default_key = auth_key(o->base.call, "rules/%s/default", o->base.namespace);
        if (o->default_key)
            auth_read(o->base.auth, o->default_key, default_looked, o);
        else
            auth_operation_fail_memory(&o->base);
    }
}

/* Then `then`, in the operation's turn. */
static void begin(void *arg)
{
    struct operation *o = arg;
    auth_read(o->base.auth, o->marker, default_checked, o);
}

/* NULL: the call was ended. */
static struct operation *operation_new(struct auth *a, struct rpc_call *call, const char *id, const char *namespace,
                                       void (*then)(struct operation *o))
{
    struct operation *o = auth_operation_new(a, call, id, namespace, sizeof *o);
    if (!o)
        return NULL;
    o->then = then;
    o->marker = auth_key(call, "defaults/%s", namespace);
    if (o->marker)
        return o;
    auth_no_memory(call, id);
    return NULL;
}

/* ---- Create ---- */

static void created(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    if (status != GRPC_OK) {
        failed(o, status, message);
        return;
    }
    if (policy_rule(&o->base.auth->policy, o->base.namespace, o->rule) < 0)
        auth_reload_later(o->base.auth);
    Auth__CreateResponse out;
    auth__create_response__init(&out);
    auth_operation_reply(&o->base, &out.base);
}

static void create_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status == GRPC_OK && found->n_records > 0) {
        auth_operation_fail(&o->base, 400, "A rule with this ID already exists");
    } else if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else if (policy_rule_count(&o->base.auth->policy, o->base.namespace) >= POLICY_NAMESPACE_RULES_MAX) {
        auth_operation_fail(&o->base, 507, "the namespace has as many rules as a namespace can have");
    } else {
        const Auth__Rule *r = o->rule;
        json_t *value = rule_json(r->id, r->scope, r->resource->type, r->resource->name, r->resource->endpoint,
                                  r->access, r->priority);
        const struct auth_version absent = auth_version_of(found);
        auth_write(o->base.auth, o->key, value, 0, &absent, created, o);
        json_decref(value);
    }
}

static void create(struct operation *o)
{
    auth_read(o->base.auth, o->key, create_checked, o);
}

static void rules_create(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.Create";
    const Auth__CreateRequest *r = (const Auth__CreateRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize_admin(call, namespace, id))
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
    struct operation *o = operation_new(service, call, id, namespace, create);
    if (!o)
        return;
    o->key = auth_key(call, "rules/%s/%s", namespace, rule->id);
    if (!o->key) {
        auth_no_memory(call, id);
        return;
    }
    o->rule = rule;
    auth_operation_begin(&o->base, begin);
}

/* ---- Delete ---- */

static void deleted(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    if (status != GRPC_OK) {
        failed(o, status, message);
        return;
    }
    if (policy_rule_gone(&o->base.auth->policy, o->base.namespace, o->rule_id) < 0)
        auth_reload_later(o->base.auth);
    Auth__DeleteResponse out;
    auth__delete_response__init(&out);
    auth_operation_reply(&o->base, &out.base);
}

static void delete_checked(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else if (found->n_records == 0) {
        auth_operation_fail(&o->base, 400, "Rule not found with this ID");
    } else {
        const struct auth_version version = auth_version_of(found);
        auth_remove(o->base.auth, o->key, &version, deleted, o);
    }
}

static void delete_rule(struct operation *o)
{
    auth_read(o->base.auth, o->key, delete_checked, o);
}

static void rules_delete(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.Delete";
    const Auth__DeleteRequest *r = (const Auth__DeleteRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize_admin(call, namespace, id))
        return;
    if (!auth_id_valid(r->id)) {
        micro_fail(call, 400, id, "%s", r->id[0] ? "Rule not found with this ID" : "Missing ID");
        return;
    }
    struct operation *o = operation_new(service, call, id, namespace, delete_rule);
    if (!o)
        return;
    o->rule_id = r->id;
    o->key = auth_key(call, "rules/%s/%s", namespace, r->id);
    if (!o->key) {
        auth_no_memory(call, id);
        return;
    }
    auth_operation_begin(&o->base, begin);
}

/* ---- List ---- */

static int list_take(void *arg, const Store__Record *record)
{
    struct operation *o = arg;
    Auth__Rule *rule = NULL;
    if (!record) {
        array_clear(&o->rules);
        return 0;
    }
    int rc = auth_rule_parse(record, rpc_call_arena(o->base.call), &rule, NULL);
    return rc == 0 && !array_push(&o->rules, rule) ? ERROR_MEMORY : rc;
}

static void list_end(void *arg, int status, const char *message, int code)
{
    struct operation *o = arg;
    Auth__ListResponse out;
    auth__list_response__init(&out);
    out.n_rules = o->rules.count;
    out.rules = ARENA_NEW_N(rpc_call_arena(o->base.call), Auth__Rule *, o->rules.count + 1);
    if (out.rules && o->rules.count)
        memcpy(out.rules, o->rules.items, o->rules.count * sizeof *out.rules);
    array_deinit(&o->rules);
    if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
    } else if (code == ERROR_SYNTAX) {
        auth_operation_fail(&o->base, 500, "a stored rule cannot be read");
    } else if (code < 0 || !out.rules) {
        auth_operation_fail_memory(&o->base);
    } else {
        auth_turn_end(o->base.auth);
        rpc_call_reply(o->base.call, &out.base);
    }
}

static void list(struct operation *o)
{
    o->key = auth_key(o->base.call, "rules/%s/", o->base.namespace);
    const struct auth_reading reading = {o->key, list_take, list_end, o};
    if (o->key)
        auth_read_all(o->base.auth, rpc_call_arena(o->base.call), &reading);
    else
        auth_operation_fail_memory(&o->base);
}

static void rules_list(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Rules.List";
    const Auth__ListRequest *r = (const Auth__ListRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize(call, namespace, id))
        return;
    struct operation *o = operation_new(service, call, id, namespace, list);
    if (o)
        auth_operation_begin(&o->base, begin);
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
