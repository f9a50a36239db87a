/* Following the registry, in our own domain and, when that is another, in "micro".
 *
 * One stream (Registry.Watch) tells of changes from the moment it is open; a list asked for behind it on the same
 * connection gives what was there before. So there is no gap between them; and since the two answers may overtake each
 * other, everything known is marked stale before the list is asked for, not when it comes, and revisions tell which of
 * two words about a node is the later one (known.c). When the stream ends, the registry may have restarted and
 * forgotten everything: after a back-off all three steps (watch, register, list) are done again, and nodes the new
 * registry does not name yet are still believed for MICRO_STALE_KEEP, which is longer than a heartbeat. */
#include "runtime/service/internal.h"

static void follow(void *arg);

/* The trailer micro-revision: up to which change the answer goes. 0: a registry that does not say. */
static uint64_t revision_of(const struct rpc_reply *reply)
{
    struct bytes text = grpc_metadata_get(reply->trailers, "micro-revision");
    uint64_t revision = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || revision > (UINT64_MAX - digit) / 10)
            return 0;
        revision = revision * 10 + digit;
    }
    return revision;
}

static void try_again(struct micro_follow *f, int status)
{
    struct micro_service *s = f->service;
    if (s->draining || world_timer_active(&f->retry))
        return;
    bool renewed = status == GRPC_UNAUTHENTICATED && micro_token_refused(s);
    bool away = renewed || status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED;
    uint64_t delay = away ? f->backoff : (uint64_t)MICRO_DENIED_RETRY;
    f->backoff = f->backoff * 2 < (uint64_t)MICRO_RETRY_MAX ? f->backoff * 2 : (uint64_t)MICRO_RETRY_MAX;
    (void)world_timer_start(&f->retry, delay);
}

/* Something the registry told could not be kept. */
static void list_again(struct micro_follow *f)
{
    if (!f->watch || f->listing)
        return;
    micro_log(f->service, LOG_WARN, "not everything the registry told could be kept: listing again");
    rpc_stream_cancel(f->watch); /* its end brings us back */
}

static void on_listed(void *arg, const struct rpc_reply *reply)
{
    struct micro_follow *f = arg;
    struct micro_service *s = f->service;
    f->listing = NULL;
    if (s->draining)
        return;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    int rc = reply->status == GRPC_OK && reply->body.data
                 ? pb_unpack(&registry__list_response__descriptor, reply->body, &arena, &m, NULL)
                 : ERROR_CLOSED;
    if (rc == 0) {
        const Registry__ListResponse *list = (const Registry__ListResponse *)(const void *)m;
        micro_known_list(f, list, revision_of(reply));
        micro_known_count_from_now(f);
        if (!f->synced)
            micro_log(s, LOG_DEBUG, "the registry lists %zu services in %s", list->n_services, f->domain);
        f->synced = true;
        if (f->missed)
            list_again(f);
        else
            f->backoff = (uint64_t)MICRO_RETRY_FIRST;
    } else if (f->watch) {
        rpc_stream_cancel(f->watch); /* its end brings us back */
    } else {
        try_again(f, reply->status);
    }
    micro_known_forget_gone(f);
    arena_deinit(&arena);
}

static void on_change(void *arg, struct bytes message)
{
    struct micro_follow *f = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (pb_unpack(&registry__result__descriptor, message, &arena, &m, NULL) == 0) {
        const Registry__Result *result = (const Registry__Result *)(const void *)m;
        if (result->service)
            micro_known_change(f, result->service, strcmp(result->action, "delete") == 0, result->revision);
        if (f->missed)
            list_again(f);
    }
    arena_deinit(&arena);
}

static void on_watch_ended(void *arg, const struct rpc_reply *reply)
{
    struct micro_follow *f = arg;
    f->watch = NULL;
    if (f->service->draining)
        return;
    micro_log(f->service, LOG_DEBUG, "the registry's watch ended: %s", grpc_status_name(reply->status));
    try_again(f, reply->status == GRPC_OK ? GRPC_UNAVAILABLE : reply->status);
}

static int open_watch(struct micro_follow *f, struct rpc_channel *channel, Registry__Options *options)
{
    static const struct rpc_stream_events events = {.message = on_change, .finished = on_watch_ended};
    struct text packed = TEXT_INIT;
    struct micro_outgoing o;
    Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
    request.options = options;
    int rc = pb_pack(&request.base, &packed);
    if (rc == 0) {
        micro_outgoing_init(f->service, &o, "/registry.Registry/Watch");
        const struct rpc_request r = {.path = "/registry.Registry/Watch",
                                      .metadata = o.metadata,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&packed),
                                      .has_message = true};
        rc = rpc_stream_open(channel, &r, &events, f, &f->watch, NULL);
        if (rc)
            f->watch = NULL;
    }
    text_deinit(&packed);
    return rc;
}

static int ask_for_list(struct micro_follow *f, struct rpc_channel *channel, Registry__Options *options)
{
    struct text packed = TEXT_INIT;
    struct micro_outgoing o;
    Registry__ListRequest request = REGISTRY__LIST_REQUEST__INIT;
    request.options = options;
    int rc = pb_pack(&request.base, &packed);
    if (rc == 0) {
        micro_outgoing_init(f->service, &o, "/registry.Registry/ListServices");
        const struct rpc_request r = {.path = "/registry.Registry/ListServices",
                                      .metadata = o.metadata,
                                      .timeout = (uint64_t)MICRO_REGISTER_TIMEOUT,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&packed),
                                      .has_message = true};
        rc = rpc_unary(channel, &r, on_listed, f, &f->listing, NULL);
        if (rc)
            f->listing = NULL;
    }
    text_deinit(&packed);
    return rc;
}

static void follow(void *arg)
{
    struct micro_follow *f = arg;
    struct micro_service *s = f->service;
    struct rpc_channel *channel;
    struct arena arena = ARENA_INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    if (f->watch || s->draining)
        return;
    if (micro_own_token_missing(s)) {
        (void)world_timer_start(&f->retry, (uint64_t)MICRO_RETRY_FIRST);
        return;
    }
    options.domain = arena_string(&arena, f->domain);
    int rc = options.domain ? micro_service_channel(s, "registry", &channel, NULL) : ERROR_MEMORY;
    if (rc == 0) {
        micro_known_mark_stale(f);
        f->listed = 0;
        f->missed = false;
        rc = open_watch(f, channel, &options);
    }
    micro_register_now(s);
    if (rc == 0 && !f->listing && ask_for_list(f, channel, &options) != 0)
        rpc_stream_cancel(f->watch);
    if (rc)
        try_again(f, GRPC_UNAVAILABLE);
    arena_deinit(&arena);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void add(struct micro_service *s, const char *domain)
{
    struct micro_follow *f = &s->follows[s->follow_count++];
    *f = (struct micro_follow){.service = s, .domain = domain, .backoff = (uint64_t)MICRO_RETRY_FIRST};
    world_timer_init(&f->retry, s->world, follow, f);
}

void micro_follow_init(struct micro_service *s)
{
    s->follow_count = 0;
    add(s, s->namespace);
    if (strcmp(s->namespace, MICRO_NAMESPACE) != 0)
        add(s, MICRO_NAMESPACE);
}

void micro_follow_start(struct micro_service *s)
{
    for (size_t i = 0; i < s->follow_count; i++)
        follow(&s->follows[i]);
}

void micro_follow_stop(struct micro_service *s)
{
    for (size_t i = 0; i < s->follow_count; i++) {
        struct micro_follow *f = &s->follows[i];
        world_timer_stop(&f->retry);
        if (f->watch)
            rpc_stream_cancel(f->watch);
        if (f->listing)
            rpc_stream_cancel(f->listing);
    }
}

void micro_follow_free(struct micro_service *s)
{
    for (size_t i = 0; i < s->follow_count; i++) {
        micro_known_free(&s->follows[i]);
        micro_known_forget_gone(&s->follows[i]);
    }
}

bool micro_follow_synced(const struct micro_service *s)
{
    for (size_t i = 0; i < s->follow_count; i++)
        if (!s->follows[i].synced)
            return false;
    return s->follow_count > 0;
}
