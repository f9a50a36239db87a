#include "runtime/service/internal.h"

#include <ctype.h>
#include <stdio.h>

#define KEEPALIVE_EVERY   (25 * SECOND) /* more than servers have: while both are well, only those ask */
#define KEEPALIVE_TIMEOUT (10 * SECOND)

static void link_free(struct micro_link *link)
{
    rpc_channel_free(link->channel);
    free(link->name);
    free(link);
}

void micro_links_free(struct micro_service *s)
{
    /* Freeing a channel ends its calls, whose callbacks may ask for others: take each out first. */
    for (struct map_entry *e; (e = map_first(&s->links)) != NULL;)
        link_free(map_remove(&s->links, map_key(e)));
    map_deinit(&s->links);
}

/* What a channel to a registered service asks before its calls. Nobody known is no error: the registry may tell. */
static int resolve(void *arg, struct text *addresses)
{
    struct micro_link *link = arg;
    micro_known_look(link);
    (void)micro_known_addresses(link->service, link->name, addresses);
    return text_ok(addresses) ? 0 : ERROR_MEMORY;
}

int micro_service_channel(struct micro_service *s, const char *name, struct rpc_channel **out, struct error *err)
{
    char address[MICRO_ADDRESS_MAX];
    bool fixed = micro_peer_fixed(s->config.options, name);
    struct text known = TEXT_INIT;
    bool unknown = !fixed && micro_follow_synced(s) && micro_known_addresses(s, name, &known) == 0;
    text_deinit(&known);
    if (unknown)
        return error_set(err, ERROR_NOT_FOUND, "service %s not found", name);
    struct micro_link *link = map_get(&s->links, name);
    if (link) {
        if (!fixed)
            micro_known_look(link);
        *out = link->channel;
        return 0;
    }
    link = calloc(1, sizeof *link);
    if (!link || !(link->name = strdup(name)))
        goto no_memory;
    link->service = s;
    struct rpc_channel_options options = {
        .keepalive_every = KEEPALIVE_EVERY, .keepalive_timeout = KEEPALIVE_TIMEOUT, .user_agent = "grpc-c-micro/1"};
    if (fixed) {
        int rc = micro_peer_address(s->config.options, name, address, sizeof address);
        if (rc) {
            link_free(link);
            return error_set(err, rc, "no address is known for %s", name);
        }
        options.addresses = address;
    } else {
        options.resolve = resolve;
        options.resolve_arg = link;
    }
    int rc = rpc_channel_new(s->world, &options, &link->channel, err);
    if (rc) {
        link->channel = NULL;
        link_free(link);
        return rc;
    }
    if (!map_put(&s->links, name, link))
        goto no_memory;
    *out = link->channel;
    return 0;
no_memory:
    if (link)
        link_free(link);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* "Store.Read" or just "Read" of a service called store; "store.Store" as the service is understood as well. */
static bool build_path(char *out, size_t size, const char *service, const char *method, size_t *name_len)
{
    const char *dot = strrchr(service, '.');
    const char *slash = strchr(method, '.');
    int n;
    *name_len = dot ? (size_t)(dot - service) : strlen(service);
    if (slash)
        n = snprintf(out, size, "/%.*s.%.*s/%s", (int)*name_len, service, (int)(slash - method), method, slash + 1);
    else if (dot)
        n = snprintf(out, size, "/%s/%s", service, method);
    else
        n = snprintf(out, size, "/%s.%c%s/%s", service, toupper((unsigned char)service[0]),
                     service[0] ? service + 1 : "", method);
    return n > 0 && (size_t)n < size;
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static void pending_free(struct micro_pending *p)
{
    world_timer_stop(&p->limit);
    text_deinit(&p->packed);
    free(p);
}

/* Whatever the one who waits does next belongs to the same trace. */
static void tell(struct micro_pending *p, int status, const char *message, const ProtobufCMessage *reply)
{
    struct micro_service *s = p->service;
    const struct micro_outgoing *before = s->running;
    micro_outgoing_end(s, &p->span, status);
    s->running = &p->span;
    p->done(p->arg, status, message, reply);
    s->running = before;
    pending_free(p);
}

void micro_pending_end(struct micro_pending *p, int status, const char *message)
{
    tell(p, status, message, NULL);
}

static void on_limit(void *arg)
{
    struct micro_pending *p = arg;
    micro_own_token_unwait(p->service, p);
    tell(p, GRPC_DEADLINE_EXCEEDED, "no access token could be had in time", NULL);
}

/* Until our token is there, or the call's time is over. */
static bool wait_for_token(struct micro_pending *p)
{
    uint64_t now = world_now(p->service->world);
    uint64_t left = p->deadline > now ? p->deadline - now : 0;
    if (world_timer_start(&p->limit, left) != 0)
        return false;
    if (micro_own_token_wait(p->service, p))
        return true;
    world_timer_stop(&p->limit);
    return false;
}

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct micro_pending *p = arg;
    struct micro_service *s = p->service;
    int status = reply->status;
    /* Refused for its token, so it was not executed: once more with a fresh one. Another call may have got that
     * already. */
    if (status == GRPC_UNAUTHENTICATED && !p->repeated && s->own.managed && !s->own.closed) {
        p->repeated = true;
        if (p->epoch == s->own.epoch)
            (void)micro_token_refused(s);
        if (!micro_own_token_missing(s)) {
            micro_pending_go(p);
            return;
        }
        if (wait_for_token(p))
            return;
    }
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *message = NULL;
    const char *text =
        arena_string_n(&arena, reply->message.data ? (const char *)reply->message.data : "", reply->message.len);
    if (status == GRPC_OK && !reply->body.data) {
        status = GRPC_INTERNAL;
        text = "the service answered without a message";
    } else if (status == GRPC_OK && pb_unpack(p->reply, reply->body, &arena, &message, &err) != 0) {
        status = GRPC_INTERNAL;
        text = err.message;
    }
    tell(p, status, text ? text : "", status == GRPC_OK ? message : NULL);
    error_clear(&err);
    arena_deinit(&arena);
}

/* Puts the call on its channel. */
static int go(struct micro_pending *p)
{
    struct micro_service *s = p->service;
    uint64_t now = world_now(s->world);
    struct rpc_channel *channel = NULL;
    int rc = micro_service_channel(s, p->name, &channel, NULL);
    if (rc)
        return rc;
    const char *bearer = micro_own_bearer(s);
    struct grpc_header items[4];
    size_t n = 0;
    if (bearer)
        items[n++] = (struct grpc_header){.name = bytes_of("authorization"), .value = bytes_of(bearer)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-namespace"), .value = bytes_of(s->namespace)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-trace-id"), .value = bytes_of(p->span.trace)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-span-id"), .value = bytes_of(p->span.id)};
    p->epoch = s->own.epoch;
    /* Waiting for the connection bridges a restart of the other side; a call it has seen is not repeated. */
    struct rpc_request r = {.path = p->path,
                            .metadata = {.items = items, .count = n},
                            .timeout = p->deadline > now ? p->deadline - now : 1,
                            .wait_for_ready = true,
                            .message = text_bytes(&p->packed),
                            .has_message = true};
    rc = rpc_unary(channel, &r, on_reply, p, NULL, NULL);
    if (rc == 0 && !s->own.managed)
        text_deinit(&p->packed); /* it will not be sent again */
    return rc;
}

void micro_pending_go(struct micro_pending *p)
{
    world_timer_stop(&p->limit);
    int rc = go(p);
    if (rc)
        tell(p, rc == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE, error_code_name(rc), NULL);
}

int micro_call(struct micro_service *s, const char *service, const char *method, const ProtobufCMessage *request,
               const ProtobufCMessageDescriptor *reply, uint64_t timeout, micro_done *done, void *arg)
{
    size_t name_len;
    struct micro_pending *p = calloc(1, sizeof *p);
    if (!p)
        return ERROR_MEMORY;
    p->service = s;
    p->reply = reply;
    p->done = done;
    p->arg = arg;
    world_timer_init(&p->limit, s->world, on_limit, p);
    uint64_t now = world_now(s->world), limit = timeout ? timeout : (uint64_t)MICRO_CALL_TIMEOUT;
    p->deadline = limit < UINT64_MAX - now ? now + limit : UINT64_MAX;
    int rc = 0;
    if (!build_path(p->path, sizeof p->path, service, method, &name_len) || name_len >= sizeof p->name)
        rc = ERROR_INVALID;
    if (rc == 0) {
        memcpy(p->name, service, name_len);
        p->name[name_len] = '\0';
        rc = pb_pack(request, &p->packed);
    }
    if (rc == 0 && !text_ok(&p->packed))
        rc = ERROR_MEMORY;
    if (rc == 0) {
        micro_outgoing_init(s, &p->span, p->path);
        if (micro_own_token_missing(s))
            rc = wait_for_token(p) ? 0 : ERROR_LIMIT;
        else
            rc = go(p);
    }
    if (rc)
        pending_free(p);
    return rc;
}
