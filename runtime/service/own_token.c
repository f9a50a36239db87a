/* Our own access token. Components are handed one by the supervisor; a user's service is given an account's id and
 * secret instead and gets its token from auth.Auth.Token.
 *
 * It is renewed when two thirds of its life are over, by a timer, and by the wall clock whenever it is used, so that a
 * machine that slept (timers did not run) or whose clock was set renews it too; and when somebody answers 401. Calls
 * made while there is none, or while the one there is has expired, wait for the next (MICRO_TOKEN_WAITERS at most, each
 * within its own time-out). */
#include "proto/auth/auth.pb-c.h"
#include "runtime/service/internal.h"

#define ASK_TIMEOUT (5 * SECOND)
#define SET_BACK    INT64_C(60) /* seconds the clock may be behind the moment the token came before that is a jump */

static void ask(void *arg);

static bool expired(const struct micro_service *s)
{
    return world_wall(s->world) / SECOND >= s->own.ends;
}

static void ask_now(struct micro_service *s)
{
    if (s->own.asking || s->own.closed)
        return;
    world_timer_stop(&s->own.timer);
    ask(s);
}

/* The timer counts time the machine was awake; the wall clock knows better, unless it was set back. After a failure the
 * timer says when to try again. */
static void look_at_clock(struct micro_service *s)
{
    int64_t now = world_wall(s->world) / SECOND;
    if (s->own.bearer && !s->own.failing && (now >= s->own.renew || now < s->own.obtained - SET_BACK))
        ask_now(s);
}

const char *micro_own_bearer(struct micro_service *s)
{
    if (!s->own.managed)
        return s->own.bearer;
    look_at_clock(s);
    return s->own.bearer && !expired(s) ? s->own.bearer : NULL;
}

struct grpc_metadata micro_own_metadata(struct micro_service *s, struct grpc_header items[2])
{
    size_t n = 0;
    const char *bearer = micro_own_bearer(s);
    if (bearer)
        items[n++] = (struct grpc_header){.name = bytes_of("authorization"), .value = bytes_of(bearer)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-namespace"), .value = bytes_of(s->namespace)};
    return (struct grpc_metadata){.items = items, .count = n};
}

bool micro_own_token_missing(struct micro_service *s)
{
    if (!s->own.managed || s->own.closed)
        return false;
    look_at_clock(s);
    return !s->own.bearer || expired(s);
}

bool micro_token_refused(struct micro_service *s)
{
    if (!s->own.managed || s->own.closed)
        return false;
    free(s->own.bearer);
    s->own.bearer = NULL;
    if (!s->own.failing)
        ask_now(s);
    return true;
}

/* ---- calls that wait --------------------------------------------------------------------------------------------- */

bool micro_own_token_wait(struct micro_service *s, struct micro_pending *p)
{
    if (s->own.closed || s->own.waiting_count >= MICRO_TOKEN_WAITERS)
        return false;
    p->next = NULL;
    *s->own.waiting_end = p;
    s->own.waiting_end = &p->next;
    s->own.waiting_count++;
    if (s->listening && !s->own.failing)
        ask_now(s);
    return true;
}

void micro_own_token_unwait(struct micro_service *s, struct micro_pending *p)
{
    for (struct micro_pending **at = &s->own.waiting; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            if (!p->next)
                s->own.waiting_end = at;
            s->own.waiting_count--;
            return;
        }
}

static struct micro_pending *take_first(struct micro_service *s)
{
    struct micro_pending *p = s->own.waiting;
    if (p)
        micro_own_token_unwait(s, p);
    return p;
}

/* ---- getting it -------------------------------------------------------------------------------------------------- */

static bool take_token(struct micro_service *s, struct bytes body)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    char *bearer = NULL;
    const Auth__Token *token = NULL;
    if (pb_unpack(&auth__token_response__descriptor, body, &arena, &m, NULL) == 0)
        token = ((const Auth__TokenResponse *)(const void *)m)->token;
    if (token && token->access_token[0] && asprintf(&bearer, "Bearer %s", token->access_token) < 0)
        bearer = NULL;
    if (bearer) {
        /* Auth's clock may not be ours: what counts is how long the token lives. */
        int64_t life = token->expiry - token->created, now = world_wall(s->world) / SECOND;
        life = life < 3 ? 3 : life;
        free(s->own.bearer);
        s->own.bearer = bearer;
        s->own.obtained = now;
        s->own.renew = now + life * 2 / 3;
        s->own.ends = now + life;
        s->own.epoch++;
        s->own.backoff = (uint64_t)MICRO_RETRY_FIRST;
        (void)world_timer_start(&s->own.timer, (uint64_t)(life * 2 / 3) * (uint64_t)SECOND);
    }
    arena_deinit(&arena);
    return bearer != NULL;
}

static void on_token(void *arg, const struct rpc_reply *reply)
{
    struct micro_service *s = arg;
    s->own.asking = NULL;
    if (s->own.closed)
        return;
    s->own.failing = false;
    if (reply->status == GRPC_OK && reply->body.data && take_token(s, reply->body)) {
        if (s->own.warned)
            micro_log(s, LOG_INFO, "got an access token");
        s->own.warned = false;
        if (!s->registered && s->listening)
            micro_register_now(s);
        for (size_t n = s->own.waiting_count; n > 0 && s->own.waiting; n--)
            micro_pending_go(take_first(s));
        return;
    }
    if (!s->own.warned)
        micro_log(s, LOG_WARN, "no access token for account %s: %s: %.*s", s->config.options->auth_id,
                  grpc_status_name(reply->status), (int)reply->message.len,
                  reply->message.data ? (const char *)reply->message.data : "");
    s->own.warned = s->own.failing = true;
    (void)world_timer_start(&s->own.timer, s->own.backoff);
    uint64_t doubled = s->own.backoff * 2;
    s->own.backoff = doubled < (uint64_t)MICRO_RETRY_MAX ? doubled : (uint64_t)MICRO_RETRY_MAX;
}

static void ask(void *arg)
{
    struct micro_service *s = arg;
    if (s->own.asking || s->own.closed)
        return;
    Auth__TokenRequest request = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    struct arena arena = ARENA_INIT;
    struct text packed = TEXT_INIT;
    struct rpc_channel *channel;
    request.id = arena_string(&arena, s->config.options->auth_id);
    request.secret = arena_string(&arena, s->config.options->auth_secret);
    options.namespace_ = arena_string(&arena, s->namespace);
    request.options = &options;
    int rc = request.id && request.secret && options.namespace_ ? micro_service_channel(s, "auth", &channel, NULL)
                                                                : ERROR_MEMORY;
    if (rc == 0)
        rc = pb_pack(&request.base, &packed);
    if (rc == 0) {
        const struct grpc_header header = {.name = bytes_of("micro-namespace"), .value = bytes_of(s->namespace)};
        const struct rpc_request r = {.path = "/auth.Auth/Token",
                                      .metadata = {&header, 1},
                                      .timeout = (uint64_t)ASK_TIMEOUT,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&packed),
                                      .has_message = true};
        rc = rpc_unary(channel, &r, on_token, s, &s->own.asking, NULL);
    }
    if (rc) {
        s->own.asking = NULL;
        s->own.failing = true;
        (void)world_timer_start(&s->own.timer, (uint64_t)MICRO_RETRY_MAX);
    }
    text_deinit(&packed);
    arena_deinit(&arena);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

int micro_own_token_init(struct micro_service *s, struct error *err)
{
    const struct micro_options *o = s->config.options;
    world_timer_init(&s->own.timer, s->world, ask, s);
    s->own.waiting_end = &s->own.waiting;
    s->own.backoff = (uint64_t)MICRO_RETRY_FIRST;
    if (o->token && o->token[0]) {
        if (asprintf(&s->own.bearer, "Bearer %s", o->token) < 0) {
            s->own.bearer = NULL;
            return error_set(err, ERROR_MEMORY, "out of memory");
        }
    } else if (o->auth_id && o->auth_id[0] && o->auth_secret) {
        s->own.managed = true;
    }
    return 0;
}

void micro_own_token_start(struct micro_service *s)
{
    if (s->own.managed)
        ask_now(s);
}

void micro_own_token_stop(struct micro_service *s)
{
    s->own.closed = true;
    if (!s->own.waiting_end) /* it was never set up */
        return;
    world_timer_stop(&s->own.timer);
    if (s->own.asking)
        rpc_stream_cancel(s->own.asking);
    for (struct micro_pending *p; (p = take_first(s)) != NULL;)
        micro_pending_end(p, GRPC_CANCELLED, "the service is being stopped");
    free(s->own.bearer);
    s->own.bearer = NULL;
}
