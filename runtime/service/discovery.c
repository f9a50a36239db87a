/* Registration, and following the registry.
 *
 * One stream (Registry.Watch) tells of changes from the moment it is open; a list asked for behind it on the same
 * connection gives what was there before. When the stream ends, the registry may have restarted and forgotten
 * everything: after a back-off all three steps (watch, register, list) are done again, and nodes the new registry does
 * not name yet are still believed for MICRO_STALE_KEEP, which is longer than a heartbeat. */
#include "base/log.h"
#include "runtime/service/internal.h"

#include <stdio.h>

static void follow(struct micro_service *s);
static void proceed_with_drain(struct micro_service *s);

/* ---- calls to the registry -------------------------------------------------------------------------------------- */

static int call_registry(struct micro_service *s, const char *path, struct bytes message, uint64_t timeout,
                         void (*done)(void *arg, const struct rpc_reply *reply), struct rpc_stream **out)
{
    struct rpc_channel *channel;
    int rc = micro_service_channel(s, "registry", &channel, NULL);
    if (rc)
        return rc;
    struct grpc_header items[2];
    struct rpc_request r = {.path = path,
                            .metadata = micro_own_metadata(s, items),
                            .timeout = timeout,
                            .wait_for_ready = true,
                            .message = message,
                            .has_message = true};
    return rpc_unary(channel, &r, done, s, out, NULL);
}

static void beat_after(struct micro_service *s, uint64_t delay)
{
    if (!s->draining)
        (void)world_timer_start(&s->heartbeat, delay); /* without it the registry's end of the watch wakes us */
}

static void on_registered(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->registering = NULL;
    if (s->draining)
        return;
    if (reply->status == GRPC_OK) {
        if (!s->registered)
            log_debug(s->config.name, "registered as %s at %s", s->registration->nodes[0]->id, s->advertised);
        s->registered = true;
        s->warned = false;
        beat_after(s, MICRO_REGISTER_EVERY);
        return;
    }
    bool away = reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_DEADLINE_EXCEEDED;
    if (!s->warned)
        log_warn(s->config.name, "not registered: %s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                 reply->message.data ? (const char *)reply->message.data : "");
    s->warned = true;
    beat_after(s, away ? MICRO_RETRY_MAX : MICRO_DENIED_RETRY);
}

static void register_now(struct micro_service *s)
{
    if (s->registering || s->draining)
        return;
    if (call_registry(s, "/registry.Registry/Register", text_bytes(&s->registration_packed), MICRO_REGISTER_TIMEOUT,
                      on_registered, &s->registering) != 0) {
        s->registering = NULL;
        beat_after(s, MICRO_RETRY_MAX);
    }
}

static void on_heartbeat(void *arg)
{
    micro_known_prune(arg);
    register_now(arg);
}

static void try_again(struct micro_service *s, int status)
{
    if (s->draining || world_timer_active(&s->retry))
        return;
    bool away = status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED;
    uint64_t delay = away ? s->backoff : (uint64_t)MICRO_DENIED_RETRY;
    s->backoff = s->backoff * 2 < (uint64_t)MICRO_RETRY_MAX ? s->backoff * 2 : (uint64_t)MICRO_RETRY_MAX;
    (void)world_timer_start(&s->retry, delay);
}

static void on_retry(void *arg)
{
    follow(arg);
}

static void on_listed(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->listing = NULL;
    if (s->draining)
        return;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int rc = reply->status == GRPC_OK && reply->body.data
                 ? pb_unpack(&registry__list_response__descriptor, reply->body, &arena, &m, NULL)
                 : ERROR_CLOSED;
    if (rc == 0) {
        const Registry__ListResponse *list = (const Registry__ListResponse *)(const void *)m;
        micro_known_mark_stale(s);
        for (size_t i = 0; i < list->n_services; i++)
            micro_known_apply(s, list->services[i], false);
        if (!s->synced) /* the first answer is the truth; later ones may come from a registry that just restarted */
            log_debug(s->config.name, "the registry lists %zu services", list->n_services);
        s->synced = true;
        s->backoff = MICRO_RETRY_FIRST;
    } else if (s->watch) {
        rpc_stream_cancel(s->watch); /* its end brings us back */
    } else {
        try_again(s, reply->status);
    }
    arena_deinit(&arena);
}

static void on_change(void *arg, struct bytes message)
{
    struct micro_service *s = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (pb_unpack(&registry__result__descriptor, message, &arena, &m, NULL) == 0) {
        const Registry__Result *result = (const Registry__Result *)(const void *)m;
        if (result->service)
            micro_known_apply(s, result->service, strcmp(result->action, "delete") == 0);
    }
    arena_deinit(&arena);
}

static void on_watch_ended(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->watch = NULL;
    if (s->draining)
        return;
    log_debug(s->config.name, "the registry's watch ended: %s", grpc_status_name(reply->status));
    try_again(s, reply->status == GRPC_OK ? GRPC_UNAVAILABLE : reply->status);
}

static int open_watch(struct micro_service *s)
{
    static const struct rpc_stream_events events = {.message = on_change, .finished = on_watch_ended};
    struct rpc_channel *channel;
    int rc = micro_service_channel(s, "registry", &channel, NULL);
    if (rc)
        return rc;
    struct text packed = TEXT_INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
    options.domain = s->registration->options->domain;
    request.options = &options;
    rc = pb_pack(&request.base, &packed);
    if (rc == 0) {
        struct grpc_header items[2];
        struct rpc_request r = {.path = "/registry.Registry/Watch",
                                .metadata = micro_own_metadata(s, items),
                                .wait_for_ready = true,
                                .message = text_bytes(&packed),
                                .has_message = true};
        rc = rpc_stream_open(channel, &r, &events, s, &s->watch, NULL);
        if (rc)
            s->watch = NULL;
    }
    text_deinit(&packed);
    return rc;
}

static void follow(struct micro_service *s)
{
    if (s->watch || s->draining)
        return;
    struct text packed = TEXT_INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    Registry__ListRequest request = REGISTRY__LIST_REQUEST__INIT;
    options.domain = s->registration->options->domain;
    request.options = &options;
    int rc = open_watch(s);
    register_now(s);
    if (rc == 0 && !s->listing) {
        rc = pb_pack(&request.base, &packed);
        if (rc == 0)
            rc = call_registry(s, "/registry.Registry/ListServices", text_bytes(&packed), MICRO_REGISTER_TIMEOUT,
                               on_listed, &s->listing);
        if (rc) {
            s->listing = NULL;
            rpc_stream_cancel(s->watch);
        }
    } else if (rc) {
        try_again(s, GRPC_UNAVAILABLE);
    }
    text_deinit(&packed);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool add_metadata(struct arena *a, Registry__Node *n, const char *key, const char *value)
{
    Registry__Node__MetadataEntry *e = ARENA_NEW(a, Registry__Node__MetadataEntry);
    if (!e)
        return false;
    registry__node__metadata_entry__init(e);
    e->key = arena_string(a, key);
    e->value = arena_string(a, value);
    n->metadata[n->n_metadata++] = e;
    return e->key && e->value;
}

int micro_discovery_init(struct micro_service *s, struct error *err)
{
    struct arena *a = &s->arena;
    Registry__Service *r = ARENA_NEW(a, Registry__Service);
    Registry__Options *options = ARENA_NEW(a, Registry__Options);
    Registry__Node *node = ARENA_NEW(a, Registry__Node);
    char id[37];
    int rc = micro_uuid(s->world, id);
    if (rc)
        return error_set(err, rc, "no random numbers can be had");
    if (!r || !options || !node)
        goto no_memory;
    registry__service__init(r);
    registry__options__init(options);
    registry__node__init(node);
    r->name = arena_string(a, s->config.name);
    r->version = arena_string(a, s->config.version);
    options->ttl = MICRO_REGISTER_TTL;
    options->domain = arena_string(a, s->namespace);
    node->id = arena_printf(a, "%s-%s", s->config.name, id);
    node->address = arena_string(a, s->advertised);
    node->metadata = ARENA_NEW_N(a, Registry__Node__MetadataEntry *, 4);
    r->nodes = ARENA_NEW_N(a, Registry__Node *, 1);
    if (!r->name || !r->version || !options->domain || !node->id || !node->address || !node->metadata || !r->nodes ||
        !add_metadata(a, node, "protocol", "grpc") || !add_metadata(a, node, "server", "grpc") ||
        !add_metadata(a, node, "transport", "grpc") || !add_metadata(a, node, "domain", s->namespace))
        goto no_memory;
    r->nodes[0] = node;
    r->n_nodes = 1;
    r->options = options;
    s->registration = r;
    rc = micro_schema_describe(s, err);
    if (rc)
        return rc;
    if (pb_pack(&r->base, &s->registration_packed) != 0 || !text_ok(&s->registration_packed))
        goto no_memory;
    s->backoff = MICRO_RETRY_FIRST;
    return 0;
no_memory:
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static void on_leave_timeout(void *arg)
{
    struct micro_service *s = arg;
    if (s->leaving)
        rpc_stream_cancel(s->leaving); /* its callback goes on */
}

static void on_left(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    (void)reply;
    s->leaving = NULL;
    world_timer_stop(&s->leave);
    proceed_with_drain(s);
}

void micro_discovery_start(struct micro_service *s)
{
    world_timer_init(&s->heartbeat, s->world, on_heartbeat, s);
    world_timer_init(&s->retry, s->world, on_retry, s);
    world_timer_init(&s->leave, s->world, on_leave_timeout, s);
    if (!s->config.no_registration)
        follow(s);
}

static void proceed_with_drain(struct micro_service *s)
{
    rpc_server_drain(s->server, s->grace, s->drained, s->drained_arg);
}

void micro_discovery_leave(struct micro_service *s, uint64_t grace, void (*done)(void *arg), void *arg)
{
    s->grace = grace;
    s->drained = done;
    s->drained_arg = arg;
    micro_discovery_stop(s);
    if (!s->registered || world_timer_start(&s->leave, MICRO_DEREGISTER_WAIT) != 0 ||
        call_registry(s, "/registry.Registry/Deregister", text_bytes(&s->registration_packed), MICRO_DEREGISTER_WAIT,
                      on_left, &s->leaving) != 0) {
        s->leaving = NULL;
        world_timer_stop(&s->leave);
        proceed_with_drain(s);
    }
}

void micro_discovery_stop(struct micro_service *s)
{
    s->draining = true;
    if (!s->listening)
        return;
    world_timer_stop(&s->heartbeat);
    world_timer_stop(&s->retry);
    world_timer_stop(&s->leave);
    if (s->watch)
        rpc_stream_cancel(s->watch);
    if (s->registering)
        rpc_stream_cancel(s->registering);
    if (s->listing)
        rpc_stream_cancel(s->listing);
}

void micro_discovery_free(struct micro_service *s)
{
    micro_known_free(s);
    text_deinit(&s->registration_packed);
}
