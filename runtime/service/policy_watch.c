/* Following auth.Policy/Watch. */
#include "runtime/service/internal.h"

static void follow(void *arg);

/* By a whole snapshot. What was revoked while we could not hear it is in there, but for what auth has forgotten again:
 * revocations of tokens that have ended since. */
static void heard_again(struct micro_service *s)
{
    if (s->policy_cut && world_now(s->world) - s->policy_cut >= (uint64_t)MICRO_REVOCATION_KEPT)
        s->policy_unsure = world_wall(s->world) / SECOND;
    s->policy_cut = 0;
}

static void on_update(void *arg, struct bytes message)
{
    struct micro_service *s = arg;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *m = NULL;
    bool before = s->policy.synced;
    uint64_t epoch = s->policy.epoch;
    int rc = pb_unpack(&auth__policy_update__descriptor, message, &arena, &m, &err);
    if (rc == 0)
        rc = known_policy_apply(&s->policy, (const Auth__PolicyUpdate *)(const void *)m, world_wall(s->world) / SECOND,
                                &err);
    if (rc) {
        micro_log(s, LOG_ERROR, "auth's policy was not taken over: %s", err.message ? err.message : "?");
        if (s->policy_watch)
            rpc_stream_cancel(s->policy_watch); /* its end brings a new snapshot */
    } else {
        s->policy_backoff = (uint64_t)MICRO_RETRY_FIRST;
        s->policy_warned = false;
        if (!before && s->policy.synced) {
            micro_log(s, LOG_DEBUG, "auth's policy is known");
            micro_health_show(s);
        }
        if (s->policy.epoch != epoch) {
            heard_again(s);
            micro_open_calls_judge(s);
            if (s->policy_changed)
                s->policy_changed(s->policy_changed_arg);
        }
    }
    error_clear(&err);
    arena_deinit(&arena);
}

static void again(struct micro_service *s, uint64_t delay)
{
    if (!s->draining)
        (void)world_timer_start(&s->policy_retry, delay);
}

static void on_ended(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->policy_watch = NULL;
    if (s->policy.synced && !s->policy_cut)
        s->policy_cut = world_now(s->world);
    known_policy_cut(&s->policy);
    if (s->draining)
        return;
    bool away = reply->status == GRPC_OK || reply->status == GRPC_UNAVAILABLE || reply->status == GRPC_CANCELLED ||
                reply->status == GRPC_DEADLINE_EXCEEDED;
    if (reply->status == GRPC_UNAUTHENTICATED)
        (void)micro_token_refused(s);
    if (!away && !s->policy_warned) {
        s->policy_warned = true;
        micro_log(s, LOG_WARN, "auth's policy cannot be followed: %s: %.*s", grpc_status_name(reply->status),
                  (int)reply->message.len, reply->message.data ? (const char *)reply->message.data : "");
    }
    again(s, s->policy_backoff);
    uint64_t doubled = s->policy_backoff * 2;
    s->policy_backoff = doubled < (uint64_t)MICRO_RETRY_MAX ? doubled : (uint64_t)MICRO_RETRY_MAX;
}

static void follow(void *arg)
{
    static const struct rpc_stream_events events = {.message = on_update, .finished = on_ended};
    struct micro_service *s = arg;
    struct rpc_channel *channel;
    struct micro_outgoing o;
    if (micro_own_token_missing(s)) { /* without it auth would only say no */
        again(s, (uint64_t)MICRO_RETRY_FIRST);
        return;
    }
    int rc = micro_service_channel(s, "auth", &channel, NULL);
    if (rc == 0) {
        micro_outgoing_init(s, &o, "/auth.Policy/Watch");
        const struct rpc_request r = {.path = "/auth.Policy/Watch",
                                      .metadata = o.metadata,
                                      .wait_for_ready = true,
                                      .message = BYTES("", 0),
                                      .has_message = true};
        rc = rpc_stream_open(channel, &r, &events, s, &s->policy_watch, NULL);
    }
    if (rc) {
        s->policy_watch = NULL;
        again(s, (uint64_t)MICRO_RETRY_MAX);
    }
}

int micro_policy_init(struct micro_service *s, struct error *err)
{
    char named[MICRO_ADDRESS_MAX];
    bool none = micro_peer_named(s->config.options, "policy", named, sizeof named) && strcmp(named, "none") == 0;
    world_timer_init(&s->policy_retry, s->world, follow, s);
    s->policy_backoff = (uint64_t)MICRO_RETRY_FIRST;
    s->policy_required = s->config.options->public_key && !none;
    return known_policy_init(&s->policy, s->config.name) ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
}

void micro_policy_start(struct micro_service *s)
{
    if (s->config.options->public_key)
        follow(s);
}

void micro_service_on_policy(struct micro_service *s, void (*changed)(void *arg), void *arg)
{
    s->policy_changed = changed;
    s->policy_changed_arg = arg;
}

void micro_policy_stop(struct micro_service *s)
{
    world_timer_stop(&s->policy_retry);
    if (s->policy_watch)
        rpc_stream_cancel(s->policy_watch);
}
