/* The registry's nodes as routes.
 *
 * A stream (Registry.Watch, all domains) tells of every change from the moment it is open. Then a list is asked for.
 * Changes that come before the list are kept and applied behind it, in their order: each names the version as it was
 * after it, so the last one wins and nothing falls into a gap. When the stream ends all of this is done anew, after a
 * back-off. A registry that restarted has forgotten everything: for RELAY_GRACE what it does not name yet stays. */
#include "base/log.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/relay/internal.h"
#include "runtime/service/internal.h"

#include <stdio.h>

#define RELAY_GRACE       (60 * SECOND) /* longer than a heartbeat */
#define RELAY_LIST_LIMIT  (10 * SECOND) /* for the list */
#define RELAY_RETRY_FIRST (50 * MILLISECOND)
#define RELAY_RETRY_MAX   (5 * SECOND)
#define NODE_LABELS_MAX   64

static void backlog_clear(struct relay *r)
{
    for (size_t i = 0; i < r->backlog.count; i++)
        free(r->backlog.items[i].data);
    array_deinit(&r->backlog);
    r->backlog_bytes = 0;
}

/* ---- what is told into routes ----------------------------------------------------------------------------------- */

static struct relay_owner *owner_of(struct relay *r, const char *domain, const Registry__Service *s, bool make)
{
    struct text key = TEXT_INIT;
    text_printf(&key, "%s\x1f%s\x1f%s", domain, s->name, s->version);
    struct relay_owner *o = text_ok(&key) ? map_get(&r->owners, text_string(&key)) : NULL;
    if (!o && make && text_ok(&key) && (o = calloc(1, sizeof *o)) != NULL) {
        if (relay_owner_init(o, RELAY_REGISTRY, text_string(&key)) != 0 || !map_put(&r->owners, o->key, o)) {
            relay_owner_deinit(&r->routes, o);
            free(o);
            o = NULL;
        }
    }
    text_deinit(&key);
    return o;
}

static void drop_if_empty(struct relay *r, struct relay_owner *o)
{
    if (o->count > 0)
        return;
    map_remove(&r->owners, o->key);
    relay_owner_deinit(&r->routes, o);
    free(o);
}

/* A process that restarted registers anew at the address it had: the old entry is gone although nobody said so. */
static void drop_namesakes(struct relay *r, const struct relay_owner *o, const Registry__Node *node,
                           const char *address)
{
    for (struct relay_route *route = o->routes, *next; route; route = next) {
        next = route->owner_next;
        if (strcmp(route->spec.address, address) == 0 && strcmp(route->spec.node, node->id) != 0)
            relay_routes_remove(&r->routes, route);
    }
}

static int put_node(struct relay *r, struct relay_owner *o, const char *domain, const Registry__Service *s,
                    const Registry__Node *node)
{
    struct relay_label labels[NODE_LABELS_MAX];
    char address[RELAY_TEXT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < node->n_metadata && count < NODE_LABELS_MAX; i++)
        labels[count++] = (struct relay_label){.key = node->metadata[i]->key, .value = node->metadata[i]->value};
    if (node->port > 0 && !strrchr(node->address, ':'))
        snprintf(address, sizeof address, "%s:%lld", node->address, (long long)node->port);
    else
        snprintf(address, sizeof address, "%s", node->address);
    const struct relay_spec spec = {.domain = domain,
                                    .service = s->name,
                                    .version = s->version,
                                    .node = node->id,
                                    .address = address,
                                    .gateway = r->config.gateway,
                                    .network = r->config.network,
                                    .router = r->config.router,
                                    .link = "local",
                                    .metric = 1,
                                    .labels = labels,
                                    .label_count = count};
    if (!relay_routes_get(&r->routes, o, &spec))
        drop_namesakes(r, o, node, address);
    return relay_routes_put(&r->routes, o, &spec);
}

static const char *domain_of(const Registry__Service *s)
{
    return s->options && s->options->domain[0] ? s->options->domain : MICRO_NAMESPACE;
}

/* A version as it is now. */
static int apply_version(struct relay *r, const Registry__Service *s, bool sweep)
{
    struct relay_owner *o = owner_of(r, domain_of(s), s, true);
    int rc = o ? 0 : ERROR_MEMORY;
    if (rc)
        return rc;
    if (sweep)
        relay_owner_begin(o);
    for (size_t i = 0; i < s->n_nodes && rc != ERROR_MEMORY; i++) {
        rc = put_node(r, o, domain_of(s), s, s->nodes[i]);
        if (rc == ERROR_INVALID || rc == ERROR_LIMIT)
            log_warn(r->config.name, "a node of %s is not used: %s", s->name, error_code_name(rc));
    }
    if (sweep)
        relay_owner_sweep(&r->routes, o);
    drop_if_empty(r, o);
    return rc == ERROR_MEMORY ? rc : 0;
}

static void apply_removal(struct relay *r, const Registry__Service *s)
{
    struct relay_owner *o = owner_of(r, domain_of(s), s, false);
    if (!o)
        return;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct relay_spec spec = {
            .domain = domain_of(s), .service = s->name, .version = s->version, .node = s->nodes[i]->id};
        struct relay_route *route = relay_routes_get(&r->routes, o, &spec);
        if (route)
            relay_routes_remove(&r->routes, route);
    }
    drop_if_empty(r, o);
}

static int apply_change(struct relay *r, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int rc = pb_unpack(&registry__result__descriptor, message, &arena, &m, NULL);
    if (rc == 0) {
        const Registry__Result *result = (const Registry__Result *)(const void *)m;
        if (result->service && strcmp(result->action, "delete") == 0)
            apply_removal(r, result->service);
        else if (result->service)
            rc = apply_version(r, result->service, !world_timer_active(&r->grace));
    }
    arena_deinit(&arena);
    return rc;
}

static void on_grace(void *arg)
{
    struct relay *r = arg;
    for (struct map_entry *e = map_first(&r->owners), *next; e; e = next) {
        next = map_next(e);
        struct relay_owner *o = map_value(e);
        relay_owner_sweep(&r->routes, o);
        drop_if_empty(r, o);
    }
}

/* ---- the streams ------------------------------------------------------------------------------------------------ */

static void start_over(struct relay *r)
{
    if (r->stopping || world_timer_active(&r->retry))
        return;
    (void)world_timer_start(&r->retry, r->backoff);
    r->backoff = r->backoff * 2 < (uint64_t)RELAY_RETRY_MAX ? r->backoff * 2 : (uint64_t)RELAY_RETRY_MAX;
}

static void on_retry(void *arg)
{
    relay_follow(arg);
}

/* Its end brings us back to the beginning. */
static void give_up(struct relay *r)
{
    if (r->watch)
        rpc_stream_cancel(r->watch);
    else
        start_over(r);
}

static int apply_list(struct relay *r, struct bytes body)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int rc = pb_unpack(&registry__list_response__descriptor, body, &arena, &m, NULL);
    if (rc == 0) {
        const Registry__ListResponse *list = (const Registry__ListResponse *)(const void *)m;
        if (r->synced) {
            (void)world_timer_start(&r->grace, (uint64_t)RELAY_GRACE);
            for (struct map_entry *e = map_first(&r->owners); e; e = map_next(e))
                relay_owner_begin(map_value(e));
        }
        for (size_t i = 0; i < list->n_services && rc == 0; i++)
            rc = apply_version(r, list->services[i], !r->synced);
    }
    for (size_t i = 0; i < r->backlog.count && rc == 0; i++)
        rc = apply_change(r, BYTES(r->backlog.items[i].data, r->backlog.items[i].len));
    arena_deinit(&arena);
    return rc;
}

static void on_listed(void *arg, const struct rpc_reply *reply)
{
    struct relay *r = arg;
    r->listing = NULL;
    if (r->stopping)
        return;
    int rc = reply->status == GRPC_OK && r->watch ? apply_list(r, reply->body) : ERROR_CLOSED;
    backlog_clear(r);
    if (rc) {
        log_debug(r->config.name, "the registry's list did not come: %s", grpc_status_name(reply->status));
        give_up(r);
        return;
    }
    bool first = !r->synced;
    r->synced = true;
    r->backoff = (uint64_t)RELAY_RETRY_FIRST;
    if (first) {
        log_debug(r->config.name, "the registry told of %zu routes", r->routes.count);
        r->config.ready(r->config.arg);
    }
}

static void on_change(void *arg, struct bytes message)
{
    struct relay *r = arg;
    if (r->stopping)
        return;
    if (!r->listing) {
        if (apply_change(r, message) != 0)
            give_up(r);
        return;
    }
    uint8_t *copy = malloc(message.len + 1);
    const struct relay_backlog_item item = {.data = copy, .len = message.len};
    if (!copy || r->backlog.count >= RELAY_BACKLOG_MAX || r->backlog_bytes > RELAY_BACKLOG_BYTES ||
        !array_push(&r->backlog, item)) {
        free(copy);
        give_up(r);
        return;
    }
    memcpy(copy, message.data, message.len);
    r->backlog_bytes += message.len;
}

static void on_watch_ended(void *arg, const struct rpc_reply *reply)
{
    struct relay *r = arg;
    r->watch = NULL;
    if (r->stopping)
        return;
    log_debug(r->config.name, "the registry's watch ended: %s", grpc_status_name(reply->status));
    if (r->listing)
        rpc_stream_cancel(r->listing); /* and comes back by itself */
    else
        start_over(r);
}

static int open_watch(struct relay *r, struct rpc_channel *channel, struct grpc_metadata metadata, struct bytes request)
{
    static const struct rpc_stream_events events = {.message = on_change, .finished = on_watch_ended};
    const struct rpc_request call = {.path = "/registry.Registry/Watch",
                                     .metadata = metadata,
                                     .wait_for_ready = true,
                                     .message = request,
                                     .has_message = true};
    return rpc_stream_open(channel, &call, &events, r, &r->watch, NULL);
}

static int ask_for_list(struct relay *r, struct rpc_channel *channel, struct grpc_metadata metadata,
                        struct bytes request)
{
    const struct rpc_request call = {.path = "/registry.Registry/ListServices",
                                     .metadata = metadata,
                                     .timeout = (uint64_t)RELAY_LIST_LIMIT,
                                     .wait_for_ready = true,
                                     .message = request,
                                     .has_message = true};
    return rpc_unary(channel, &call, on_listed, r, &r->listing, NULL);
}

void relay_follow(struct relay *r)
{
    if (r->watch || r->listing || r->stopping)
        return;
    struct rpc_channel *channel = NULL;
    struct micro_outgoing outgoing;
    struct text watch = TEXT_INIT, list = TEXT_INIT;
    char everywhere[] = "*";
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    Registry__WatchRequest to_watch = REGISTRY__WATCH_REQUEST__INIT;
    Registry__ListRequest to_list = REGISTRY__LIST_REQUEST__INIT;
    options.domain = everywhere;
    to_watch.options = to_list.options = &options;
    int rc = pb_pack(&to_watch.base, &watch);
    if (rc == 0)
        rc = pb_pack(&to_list.base, &list);
    if (rc == 0 && (!text_ok(&watch) || !text_ok(&list)))
        rc = ERROR_MEMORY;
    if (rc == 0)
        rc = micro_service_channel(r->config.service, "registry", &channel, NULL);
    if (rc == 0) {
        micro_outgoing_init(r->config.service, &outgoing, "/registry.Registry/Watch");
        rc = open_watch(r, channel, outgoing.metadata, text_bytes(&watch));
        if (rc)
            r->watch = NULL;
        else if ((rc = ask_for_list(r, channel, outgoing.metadata, text_bytes(&list))) != 0)
            r->listing = NULL;
    }
    if (rc)
        give_up(r);
    text_deinit(&watch);
    text_deinit(&list);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

void relay_follow_init(struct relay *r)
{
    r->backoff = (uint64_t)RELAY_RETRY_FIRST;
    world_timer_init(&r->retry, r->world, on_retry, r);
    world_timer_init(&r->grace, r->world, on_grace, r);
}

void relay_follow_stop(struct relay *r)
{
    world_timer_stop(&r->retry);
    world_timer_stop(&r->grace);
    if (r->watch)
        rpc_stream_cancel(r->watch);
    if (r->listing)
        rpc_stream_cancel(r->listing);
}

void relay_follow_free(struct relay *r)
{
    backlog_clear(r);
    for (struct map_entry *e; (e = map_first(&r->owners)) != NULL;) {
        struct relay_owner *o = map_value(e);
        map_remove(&r->owners, o->key);
        relay_owner_deinit(&r->routes, o);
        free(o);
    }
    map_deinit(&r->owners);
}
