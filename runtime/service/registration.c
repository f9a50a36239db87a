/* Telling the registry about us: registered at the start, again by a heartbeat and whenever the registry may have
 * forgotten, and taken away before the drain, so that nobody new comes while the calls in flight are finished. */
#include "runtime/service/internal.h"

#define NODE_METADATA 6 /* v3's: protocol, server, transport, domain, registry, broker */

static void proceed_with_drain(struct micro_service *s);

static int call_registry(struct micro_service *s, const char *path, uint64_t timeout,
                         void (*done)(void *arg, const struct rpc_reply *reply), struct rpc_stream **out)
{
    struct rpc_channel *channel;
    int rc = micro_service_channel(s, "registry", &channel, NULL);
    if (rc)
        return rc;
    micro_outgoing_init(s, &s->registering_span, path);
    struct rpc_request r = {.path = path,
                            .metadata = s->registering_span.metadata,
                            .timeout = timeout,
                            .wait_for_ready = true,
                            .message = text_bytes(&s->registration_packed),
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
    micro_outgoing_end(s, &s->registering_span, reply->status);
    if (s->draining)
        return;
    if (reply->status == GRPC_OK) {
        if (!s->registered)
            micro_log(s, LOG_DEBUG, "registered as %s at %s", s->registration->nodes[0]->id, s->advertised);
        s->registered = true;
        s->warned = false;
        beat_after(s, MICRO_REGISTER_EVERY);
        return;
    }
    /* With a fresh token the next attempt may succeed, and follows as soon as that is there. */
    bool renewed = reply->status == GRPC_UNAUTHENTICATED && micro_token_refused(s);
    bool away = renewed || reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_DEADLINE_EXCEEDED;
    if (!s->warned && !renewed)
        micro_log(s, LOG_WARN, "not registered: %s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                  reply->message.data ? (const char *)reply->message.data : "");
    s->warned = s->warned || !renewed;
    beat_after(s, away ? MICRO_RETRY_MAX : MICRO_DENIED_RETRY);
}

void micro_register_now(struct micro_service *s)
{
    if (s->registering || s->draining || s->config.no_registration)
        return;
    if (micro_own_token_missing(s)) { /* its coming brings us back */
        beat_after(s, MICRO_RETRY_MAX);
        return;
    }
    if (call_registry(s, "/registry.Registry/Register", MICRO_REGISTER_TIMEOUT, on_registered, &s->registering) != 0) {
        s->registering = NULL;
        beat_after(s, MICRO_RETRY_MAX);
    }
}

static void on_heartbeat(void *arg)
{
    struct micro_service *s = arg;
    for (size_t i = 0; i < s->follow_count; i++)
        micro_known_prune(&s->follows[i]);
    micro_register_now(s);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void on_leave_timeout(void *arg)
{
    struct micro_service *s = arg;
    if (s->leaving)
        rpc_stream_cancel(s->leaving); /* its callback goes on */
}

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

static size_t metadata_count(const struct micro_service *s)
{
    size_t n = 0;
    while (s->config.metadata && s->config.metadata[n])
        n++;
    return n;
}

/* "key=value" words. */
static bool add_words(struct arena *a, Registry__Node *n, const char *const *words)
{
    for (; words && *words; words++) {
        size_t len = strcspn(*words, "=");
        const char *key = arena_string_n(a, *words, len);
        if (!key || !add_metadata(a, n, key, (*words)[len] ? *words + len + 1 : ""))
            return false;
    }
    return true;
}

int micro_discovery_init(struct micro_service *s, struct error *err)
{
    world_timer_init(&s->heartbeat, s->world, on_heartbeat, s);
    world_timer_init(&s->leave, s->world, on_leave_timeout, s);
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
    node->metadata = ARENA_NEW_N(a, Registry__Node__MetadataEntry *, NODE_METADATA + metadata_count(s));
    r->nodes = ARENA_NEW_N(a, Registry__Node *, 1);
    if (!r->name || !r->version || !options->domain || !node->id || !node->address || !node->metadata || !r->nodes ||
        !add_metadata(a, node, "protocol", "grpc") || !add_metadata(a, node, "server", "grpc") ||
        !add_metadata(a, node, "transport", "grpc") || !add_metadata(a, node, "domain", s->namespace) ||
        !add_metadata(a, node, "registry", "service") || !add_metadata(a, node, "broker", "service") ||
        !add_words(a, node, s->config.metadata))
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
    micro_follow_init(s);
    return 0;
no_memory:
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static void on_left(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->leaving = NULL;
    micro_outgoing_end(s, &s->registering_span, reply->status);
    world_timer_stop(&s->leave);
    proceed_with_drain(s);
}

void micro_discovery_start(struct micro_service *s)
{
    if (s->config.no_registration)
        return;
    micro_follow_start(s);
    micro_register_now(s);
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
        call_registry(s, "/registry.Registry/Deregister", MICRO_DEREGISTER_WAIT, on_left, &s->leaving) != 0) {
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
    world_timer_stop(&s->leave);
    micro_follow_stop(s);
    if (s->registering)
        rpc_stream_cancel(s->registering);
}

void micro_discovery_free(struct micro_service *s)
{
    micro_follow_free(s);
    text_deinit(&s->registration_packed);
}
