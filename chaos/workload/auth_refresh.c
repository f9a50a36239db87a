/* Refresh tokens, each good for one use: a client logs in (issue) and goes on from one refresh token to the next (a use
 * of the old one, which issues the new one). Now and then it shows one that was used GRACE ago or longer, for within 10
 * s of its use a token may be shown again by who lost the answer. That has to be refused, and ends the login: the next
 * use of the newest token is refused as well, and the client logs in anew. In the end, when all are older than that,
 * used ones are shown again.
 *
 * Refused is only what was used before: a token nobody has shown is good, for it lives a month.
 *
 * With `--refresh-rotation off` a token may be used for ever, and this model is not its. */
#include "auth/auth.pb-c.h"
#include "base/units.h"
#include "chaos/workload/account_calls.h"
#include "chaos/workload/kinds.h"

#include <stdlib.h>
#include <string.h>

/* Used tokens a client remembers: the last one, and some so far apart that they get old enough. */
#define OLD_MAX      8
#define GRACE        ((uint64_t)(12 * SECOND))
#define OLD_APART    (GRACE / 4)
#define AGAIN_ONE_IN 16 /* uses are of an old one, once there is any */
#define LONG_LIFE    ((int64_t)24 * 3600)

struct token {
    char *text; /* NULL: none */
    int64_t value;
    uint64_t used; /* when its use had ended */
};
struct client {
    uint32_t account; /* 0: none yet; the key of the history */
    bool made;
    bool again; /* what is being used is an old one */
    struct token newest;
    struct token old[OLD_MAX]; /* the last one comes first */
    size_t apart_count;        /* counts on: of the others */
    uint64_t apart;            /* when the newest of the others was used */
};
struct state {
    uint32_t accounts;
    bool waited;
};

static uint64_t now_of(const struct workload_client *c)
{
    return world_now(workload_target(c->workload)->world);
}

static void token_forget(struct token *t)
{
    free(t->text);
    *t = (struct token){0};
}

/* The newest one was used. At the pace of the clients the last few would never be GRACE old while faults come. */
static void remember(struct client *own, uint64_t now)
{
    if (own->old[0].text != NULL && (own->apart_count == 0 || own->old[0].used - own->apart >= OLD_APART)) {
        struct token *slot = &own->old[1 + own->apart_count++ % (OLD_MAX - 1)];
        token_forget(slot);
        *slot = own->old[0];
        own->apart = slot->used;
        own->old[0] = (struct token){0};
    }
    token_forget(&own->old[0]);
    own->old[0] = own->newest;
    own->old[0].used = now;
    own->newest = (struct token){0};
}

/* The refresh token of an answer becomes the newest; its value, or VALUE_NIL. */
static int64_t take(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    token_forget(&own->newest);
    if (reply->status == GRPC_OK &&
        pb_unpack(&auth__token_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Auth__TokenResponse *response = (const Auth__TokenResponse *)message;
        if (response->token != NULL && (own->newest.text = strdup(response->token->refresh_token)) != NULL)
            own->newest.value = workload_value(c->workload);
    }
    arena_deinit(&arena);
    return own->newest.text != NULL ? own->newest.value : VALUE_NIL;
}

/* ---- logging in ---- */

static struct workload_outcome logged_in(struct workload_client *c, const struct rpc_reply *reply)
{
    int64_t value = take(c, reply);
    return (struct workload_outcome){value != VALUE_NIL ? END_OK : END_INFO, value};
}

static struct workload_outcome account_made(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    if (reply->status != GRPC_OK) {
        own->account = 0; /* whatever became of it */
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    }
    own->made = true;
    account_login(c, own->account, 0, LONG_LIFE, logged_in);
    return (struct workload_outcome){END_OPEN, VALUE_NIL};
}

static int begin_login(struct workload_client *c)
{
    struct state *s = workload_state(c->workload);
    struct client *own = c->state;
    if (own->account == 0)
        own->account = ++s->accounts;
    int code = workload_invoke(c, OPERATION_ISSUE, own->account, VALUE_NIL);
    if (code != 0)
        return code;
    return own->made ? account_login(c, own->account, 0, LONG_LIFE, logged_in)
                     : account_make(c, own->account, account_made);
}

/* ---- refreshing ---- */

static struct workload_outcome refreshed(struct workload_client *c, const struct rpc_reply *reply)
{
    struct history *h = workload_write(c->workload);
    struct client *own = c->state;
    bool refused = reply->status == GRPC_INVALID_ARGUMENT || reply->status == GRPC_UNAUTHENTICATED;
    enum operation_end end = reply->status == GRPC_OK ? END_OK : refused ? END_FAIL : END_INFO;
    if (own->again) {
        token_forget(&own->newest); /* the login is over, or may be */
        return (struct workload_outcome){end, VALUE_NIL};
    }
    if (end == END_OK)
        remember(own, now_of(c));
    int64_t value = take(c, reply);
    if (end == END_OK && value != VALUE_NIL) {
        /* Issued while the use was under way; nobody could know of it before this instant. */
        int64_t index =
            history_invoke(h, workload_process(c->workload), OPERATION_ISSUE, own->account, VALUE_NIL, now_of(c));
        if (index >= 0)
            history_end(h, index, END_OK, value, now_of(c));
    }
    return (struct workload_outcome){end, VALUE_NIL};
}

static int begin_use(struct workload_client *c, const struct token *t, bool again)
{
    struct client *own = c->state;
    struct account_names names;
    Auth__TokenRequest request = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    account_names(c, own->account, 0, &names);
    options.namespace_ = names.namespace;
    own->again = again;
    int code = workload_invoke(c, OPERATION_USE, own->account, t->value);
    if (code != 0)
        return code;
    request.refresh_token = t->text;
    request.token_expiry = LONG_LIFE;
    request.options = &options;
    return workload_call_as(c, "", AUTH_SERVICE, "/auth.Auth/Token", &request.base, refreshed);
}

/* A used token that must not be good any more; NULL: there is none. */
static const struct token *old_token(const struct workload_client *c, uint64_t from)
{
    const struct client *own = c->state;
    for (size_t i = 0; i < OLD_MAX; i++) {
        const struct token *t = &own->old[(from + i) % OLD_MAX];
        if (t->text != NULL && now_of(c) - t->used >= GRACE)
            return t;
    }
    return NULL;
}

static int begin(struct workload_client *c)
{
    const struct client *own = c->state;
    struct random *r = workload_random(c->workload);
    if (own->newest.text == NULL)
        return begin_login(c);
    const struct token *old = random_below(r, AGAIN_ONE_IN) == 0 ? old_token(c, random_next(r)) : NULL;
    return old != NULL ? begin_use(c, old, true) : begin_use(c, &own->newest, false);
}

static int final_read(struct workload_client *c, uint32_t key)
{
    struct state *s = workload_state(c->workload);
    if (!s->waited) {
        s->waited = true;
        world_sleep(workload_target(c->workload)->world, GRACE);
    }
    const struct client *own = c->state;
    const struct token *old = old_token(c, key);
    if (old != NULL)
        return begin_use(c, old, true);
    return own->newest.text != NULL ? begin_use(c, &own->newest, false) : begin_login(c);
}

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return workload_client_states(w, sizeof(struct client), err);
}

static void release(struct workload *w)
{
    for (int i = 0; i < workload_clients(w); i++) {
        struct client *own = workload_client(w, i)->state;
        if (own == NULL)
            continue;
        token_forget(&own->newest);
        for (size_t n = 0; n < OLD_MAX; n++)
            token_forget(&own->old[n]);
    }
    free(workload_state(w));
}

const struct workload_kind workload_auth_refresh = {
    .name = "auth-refresh",
    .summary = "refresh tokens used once each, and used ones shown again",
    .services = (const char *const[]){AUTH_SERVICE, NULL},
    .models = (const char *const[]){"redeem-once-exact", NULL},
    .waits = GRACE,
    .clocks = true,
    .prepare = prepare,
    .begin = begin,
    .final_read = final_read,
    .release = release,
};
