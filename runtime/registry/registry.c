/* The registry component: the table served, its changes streamed to watchers (watch.h).
 *
 * Revisions begin at the wall clock's microseconds of the start and grow by one with each change, so that those of a
 * later life are greater although nothing is kept. */
#include "base/log.h"
#include "runtime/registry/table.h"
#include "runtime/registry/watch.h"
#include "runtime/service/internal.h"

struct registry {
    struct world *world;
    struct micro_service *service;
    struct registry_table table;
    struct world_timer expiry;
    struct watch watch;
};

static const char *domain_of(const Registry__Options *options)
{
    return options && options->domain[0] ? options->domain : MICRO_NAMESPACE;
}

static void fail(struct rpc_call *call, const char *id, int code, struct error *err)
{
    int http = code == ERROR_INVALID ? 400 : code == ERROR_LIMIT || code == ERROR_MEMORY ? 507 : 500;
    micro_fail(call, http, id, "%s", err->message ? err->message : error_code_name(code));
    error_clear(err);
}

static void look_for_expiry(void *arg)
{
    struct registry *r = arg;
    uint64_t now = world_now(r->world);
    uint64_t next = registry_table_expire(&r->table, now);
    if (next == UINT64_MAX)
        world_timer_stop(&r->expiry);
    else
        (void)world_timer_start(&r->expiry, next > now ? next - now : (uint64_t)SECOND);
}

static void add_revision(struct registry *r, struct rpc_call *call)
{
    char revision[24];
    int n = snprintf(revision, sizeof revision, "%llu", (unsigned long long)r->table.revision);
    (void)rpc_call_add_trailer(call, "micro-revision", BYTES(revision, (size_t)n));
}

static void reply_changed(struct registry *r, struct rpc_call *call)
{
    add_revision(r, call);
    Registry__EmptyResponse reply = REGISTRY__EMPTY_RESPONSE__INIT;
    rpc_call_reply(call, &reply.base);
}

static void register_service(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    static const char id[] = "registry.Registry.Register";
    struct registry *r = context;
    const Registry__Service *service = (const Registry__Service *)(const void *)request;
    const char *domain = domain_of(service->options);
    if (!micro_authorize_admin(call, domain, id))
        return;
    if (strcmp(domain, "*") == 0) {
        micro_fail(call, 400, id, "\"*\" is not a domain one can register in");
        return;
    }
    struct error err = ERROR_INIT;
    int rc = registry_table_register(&r->table, domain, service, service->options ? service->options->ttl : 0,
                                     world_now(r->world), &err);
    look_for_expiry(r);
    if (rc)
        fail(call, id, rc, &err);
    else
        reply_changed(r, call);
}

static void deregister_service(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    static const char id[] = "registry.Registry.Deregister";
    struct registry *r = context;
    const Registry__Service *service = (const Registry__Service *)(const void *)request;
    const char *domain = domain_of(service->options);
    if (!micro_authorize_admin(call, domain, id))
        return;
    struct error err = ERROR_INIT;
    int rc = registry_table_deregister(&r->table, domain, service, &err);
    if (rc)
        fail(call, id, rc, &err);
    else
        reply_changed(r, call);
}

static void get_service(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    static const char id[] = "registry.Registry.GetService";
    struct registry *r = context;
    const Registry__GetRequest *get = (const Registry__GetRequest *)(const void *)request;
    const char *domain = domain_of(get->options);
    if (!micro_authorize(call, domain, id))
        return;
    Registry__GetResponse reply = REGISTRY__GET_RESPONSE__INIT;
    int rc =
        registry_table_read(&r->table, domain, get->service, rpc_call_arena(call), &reply.services, &reply.n_services);
    if (rc)
        micro_fail(call, 507, id, "out of memory");
    else if (reply.n_services == 0)
        micro_fail(call, 404, id, "service not found");
    else {
        add_revision(r, call);
        rpc_call_reply(call, &reply.base);
    }
}

static void list_as_json(struct registry *r, struct rpc_call *call, const char *id, const char *domain)
{
    Registry__ListResponse reply = REGISTRY__LIST_RESPONSE__INIT;
    if (registry_table_read(&r->table, domain, NULL, rpc_call_arena(call), &reply.services, &reply.n_services) != 0)
        micro_fail(call, 507, id, "out of memory");
    else
        rpc_call_reply(call, &reply.base);
}

static void list_services(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    static const char id[] = "registry.Registry.ListServices";
    struct registry *r = context;
    const Registry__ListRequest *list = (const Registry__ListRequest *)(const void *)request;
    const char *domain = domain_of(list->options);
    if (!micro_authorize(call, domain, id))
        return;
    add_revision(r, call);
    if (rpc_call_json(call)) {
        list_as_json(r, call, id, domain);
        return;
    }
    struct text packed = TEXT_INIT;
    int rc = registry_table_pack(&r->table, domain, &packed);
    if (rc == 0)
        rc = rpc_call_send_bytes(call, text_bytes(&packed));
    text_deinit(&packed);
    if (rc == 0 || rc == ERROR_CANCELLED)
        rpc_call_finish(call, GRPC_OK, "");
    else
        micro_fail(call, 507, id, rc == ERROR_LIMIT ? "the list is larger than a message may be" : "out of memory");
}

/* ---- watching --------------------------------------------------------------------------------------------------- */

static void watch_changes(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    static const char id[] = "registry.Registry.Watch";
    struct registry *r = context;
    const Registry__WatchRequest *wanted = (const Registry__WatchRequest *)(const void *)request;
    const char *domain = domain_of(wanted->options);
    if (!micro_authorize(call, domain, id))
        return;
    watchers_add(&r->watch, call, wanted->service, domain, r->table.revision);
}

static void on_watch_writable(struct rpc_call *call, void *context)
{
    struct registry *r = context;
    watchers_writable(&r->watch, call);
}

static void on_watch_cancelled(struct rpc_call *call, void *context)
{
    struct registry *r = context;
    watchers_cancelled(&r->watch, call);
}

static void on_change(void *arg, const char *action, const char *domain, Registry__Service *service)
{
    struct registry *r = arg;
    char word[16];
    snprintf(word, sizeof word, "%s", action);
    Registry__Result result = REGISTRY__RESULT__INIT;
    result.action = word;
    result.service = service;
    result.timestamp = world_wall(r->world) / SECOND;
    result.revision = r->table.revision;
    watchers_tell(&r->watch, domain, &result);
}

/* ---- the component ---------------------------------------------------------------------------------------------- */

static const struct rpc_method methods[] = {
    {.name = "GetService",
     .input = &registry__get_request__descriptor,
     .output = &registry__get_response__descriptor,
     .unary = get_service},
    {.name = "Register",
     .input = &registry__service__descriptor,
     .output = &registry__empty_response__descriptor,
     .unary = register_service},
    {.name = "Deregister",
     .input = &registry__service__descriptor,
     .output = &registry__empty_response__descriptor,
     .unary = deregister_service},
    {.name = "ListServices",
     .input = &registry__list_request__descriptor,
     .output = &registry__list_response__descriptor,
     .unary = list_services},
    {.name = "Watch",
     .input = &registry__watch_request__descriptor,
     .output = &registry__result__descriptor,
     .unary = watch_changes,
     .writable = on_watch_writable,
     .cancelled = on_watch_cancelled},
};
static const struct rpc_service registry_service = {
    .name = "registry.Registry", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

static void registry_stop(void *state)
{
    struct registry *r = state;
    world_timer_stop(&r->expiry);
    watchers_close(&r->watch);
    micro_service_free(r->service);
    registry_table_deinit(&r->table);
    free(r);
}

static int registry_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct registry *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = w;
    world_timer_init(&r->expiry, w, look_for_expiry, r);
    registry_table_init(&r->table, on_change, r);
    r->table.revision = (uint64_t)(world_wall(w) / MICROSECOND);
    watchers_init(&r->watch);
    struct micro_service_config config = {
        .name = "registry", .access = MICRO_OWN_RULES, .no_registration = true, .options = options};
    int rc = micro_service_new(w, &config, &r->service, err);
    if (rc == 0 && (rc = micro_service_add(r->service, &registry_service, r)) != 0)
        error_set(err, rc, "the registry's handlers cannot be set up");
    if (rc == 0)
        rc = micro_service_start(r->service, err);
    /* Others find the registry in its own list, for as long as it runs. */
    if (rc == 0)
        rc = registry_table_register(&r->table, MICRO_NAMESPACE, micro_service_registration(r->service), 0,
                                     world_now(w), err);
    if (rc) {
        registry_stop(r);
        return rc;
    }
    *state = r;
    return 0;
}

static void registry_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct registry *r = state;
    watchers_close(&r->watch);
    micro_service_drain(r->service, grace, done, arg);
}

static const char *const registry_services[] = {"registry.Registry", NULL};
static const char *const registry_needs[] = {NULL};
extern const struct component registry_component;
const struct component registry_component = {
    .name = "registry",
    .port_offset = 0,
    .needs = registry_needs,
    .services = registry_services,
    .start = registry_start,
    .drain = registry_drain,
    .stop = registry_stop,
};
