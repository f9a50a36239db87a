/* auth.Auth.Token by credentials, and auth.Auth.Inspect.
 *
 * A login finds the account, then waits for its turn at hashing, then writes a refresh family and answers. An account
 * that does not exist costs the caller the same time as a wrong secret.
 *
 * v3 hands out one refresh token per account that never changes and never expires, and also takes any valid access
 * token in its place; neither is done here, since both let a token that leaked once be renewed for ever. */
#include "base/units.h"
#include "runtime/auth/exchange.h"
#include "runtime/auth/secret.h"

#include <string.h>

static const char token_id[] = "auth.Auth.Token";

/* ---- ends ---- */

static void leave(struct auth_exchange *x)
{
    if (x->has_turn)
        auth_turn_end(x->auth);
    x->has_turn = false;
    exchange_leave_lane(x);
}

void exchange_fail(struct auth_exchange *x, int code, const char *detail)
{
    leave(x);
    micro_fail(x->call, code, token_id, "%s", detail);
}

void exchange_answer(struct auth_exchange *x)
{
    struct auth *a = x->auth;
    struct arena *arena = rpc_call_arena(x->call);
    int64_t now = auth_now(a);
    struct micro_claims claims = {
        .subject = x->account->id,
        .type = x->account->type,
        .issuer = x->namespace,
        .name = x->account->name,
        .scopes = x->account->scopes,
        .generation = x->account->generation,
        .expires = now + x->lifetime,
    };
    struct text access = TEXT_INIT;
    struct error err = ERROR_INIT;
    Auth__TokenResponse out;
    auth__token_response__init(&out);
    Auth__Token token;
    auth__token__init(&token);
    leave(x);
    if (auth_keys_sign(a, &claims, &access, &err) < 0) {
        micro_fail(x->call, 500, token_id, "cannot sign a token: %s", err.message ? err.message : "out of memory");
    } else {
        token.access_token = arena_string(arena, text_string(&access));
        token.refresh_token = arena_string(arena, x->answer.text);
        token.created = now;
        token.expiry = claims.expires;
        out.token = &token;
        if (token.access_token && token.refresh_token)
            auth_reply_changed(a, x->call, &out.base);
        else
            auth_no_memory(x->call, token_id);
    }
    text_deinit(&access);
    error_clear(&err);
}

bool exchange_again(struct auth_exchange *x)
{
    if (!x->auth->stopping && ++x->tries < AUTH_TRIES_MAX)
        return true;
    exchange_fail(x, 409, "somebody else changes the account all the time: try again");
    return false;
}

/* ---- the refresh record ---- */

static void written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct auth_exchange *x = arg;
    (void)reply;
    if (status == GRPC_OK) {
        exchange_answer(x);
        return;
    }
    if (status == GRPC_FAILED_PRECONDITION) { /* of a refresh: a login's record is new */
        if (exchange_again(x))
            exchange_reread(x);
        return;
    }
    leave(x);
    auth_store_failed(x->call, token_id, status, message);
}

void exchange_write(struct auth_exchange *x)
{
    const struct refresh_record *r = &x->record;
    json_t *value =
        json_pack("{ss ss ss ss sI sI}", "generation", r->generation, "current", r->current, "previous", r->previous,
                  "salt", r->salt, "rotated", (json_int_t)r->rotated, "born", (json_int_t)r->born);
    if (value)
        auth_write(x->auth, x->key, value, refresh_left(r, auth_now(x->auth)), x->in_lane ? &x->version : NULL, written,
                   x);
    else
        exchange_fail(x, 503, "out of memory");
    json_decref(value);
}

/* ---- changes of the account on the way ---- */

static bool outgrown(const struct auth_exchange *x, const struct auth_account *account)
{
    return x->lifetime > AUTH_TOKEN_COMMON && x->lifetime > account->longest;
}

static bool needs_generation(const struct auth_exchange *x, const struct auth_account *account)
{
    return !account->generation[0] || policy_revoked(&x->auth->policy, x->namespace, account->id, account->generation);
}

static void touch_begin(void *arg);

static void touched(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    if (code == 412) {
        if (exchange_again(x))
            touch_begin(x);
        return;
    }
    if (code != 200) {
        exchange_fail(x, code, detail);
        return;
    }
    x->account = account;
    auth_turn_end(x->auth);
    x->has_turn = false;
    x->then(x);
}

/* The account as it is now, which may have changed while we waited for the turn. */
static void touch_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    struct arena *arena = rpc_call_arena(x->call);
    if (code != 200) {
        exchange_fail(x, code, detail);
        return;
    }
    if (strcmp(account->id, x->account->id) != 0 || strcmp(account->secret, x->account->secret) != 0) {
        exchange_fail(x, 400, "the account was changed meanwhile: log in again");
        return;
    }
    x->changed = *account;
    if (needs_generation(x, account)) {
        x->changed.generation = auth_new_generation(x->auth, arena);
        x->changed.longest = 0;
    }
    if (outgrown(x, &x->changed))
        x->changed.longest = x->lifetime;
    if (x->rehashed)
        x->changed.secret = x->rehashed;
    if (x->changed.generation)
        auth_update(x->auth, arena, x->namespace, &x->changed, touched, x);
    else
        exchange_fail(x, 503, "out of memory");
}

static void touch_begin(void *arg)
{
    struct auth_exchange *x = arg;
    x->has_turn = true;
    auth_find(x->auth, rpc_call_arena(x->call), x->namespace, x->account->id, touch_found, x);
}

static void touch_drop(void *arg)
{
    exchange_fail(arg, 503, "auth is stopping");
}

void exchange_touch(struct auth_exchange *x, void (*then)(struct auth_exchange *x))
{
    if (!outgrown(x, x->account) && !needs_generation(x, x->account) && !x->rehashed) {
        then(x);
        return;
    }
    x->then = then;
    x->turn = (struct auth_turn){.begin = touch_begin, .drop = touch_drop, .arg = x};
    auth_turn_begin(x->auth, &x->turn);
}

/* ---- by credentials ---- */

static void login_family(struct auth_exchange *x)
{
    struct arena *arena = rpc_call_arena(x->call);
    struct text digest = TEXT_INIT;
    int rc = refresh_first(x->auth->world, x->account->id, arena, &x->answer);
    if (rc == 0)
        rc = secret_digest(x->answer.text, &digest, NULL);
    x->record = (struct refresh_record){.generation = x->account->generation,
                                        .current = arena_string(arena, text_string(&digest)),
                                        .previous = "",
                                        .salt = "",
                                        .born = auth_now(x->auth)};
    x->key = rc == 0 ? arena_printf(arena, "refresh/%s/%s/%s", x->namespace, x->account->id, x->answer.family) : NULL;
    text_deinit(&digest);
    if (rc == 0 && x->record.current && x->key)
        exchange_write(x);
    else
        exchange_fail(x, 503, "out of memory");
}

static void refuse_limited(struct auth_exchange *x, uint64_t wait)
{
    const char *detail = arena_printf(rpc_call_arena(x->call), "too many wrong secrets: try again in %llu s",
                                      (unsigned long long)((wait + SECOND - 1) / SECOND));
    exchange_fail(x, 429, detail ? detail : "too many wrong secrets");
}

static void login_check(void *arg)
{
    struct auth_exchange *x = arg;
    struct auth *a = x->auth;
    const char *secret = x->request->secret;
    uint64_t now = world_now(a->world), wait = auth_limiter_wait(&a->limiter, x->limit_key, now);
    if (wait > 0) { /* others failed while this one waited */
        refuse_limited(x, wait);
    } else if (!secret_matches(secret, x->account->secret)) {
        auth_limiter_failed(&a->limiter, x->limit_key, now);
        exchange_fail(x, 400, "Secret not correct");
    } else {
        struct text hashed = TEXT_INIT;
        auth_limiter_succeeded(&a->limiter, x->limit_key);
        if (secret_outdated(x->account->secret, a->secret_cost) &&
            secret_hash(a->world, a->secret_cost, secret, &hashed, NULL) == 0)
            x->rehashed = arena_string(rpc_call_arena(x->call), text_string(&hashed));
        text_deinit(&hashed);
        exchange_touch(x, login_family);
    }
}

static void login_waste(void *arg)
{
    struct auth_exchange *x = arg;
    secret_waste(x->request->secret, x->auth->secret_cost);
    exchange_fail(x, x->code, x->detail);
}

static void login_drop(void *arg)
{
    exchange_fail(arg, 503, "auth is stopping, or the caller is gone");
}

static void login_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    struct auth *a = x->auth;
    if (code != 200 && code != 400) {
        exchange_fail(x, code, detail);
        return;
    }
    x->account = account;
    x->code = code;
    x->detail = detail; /* of 400: a literal */
    x->work = (struct auth_work){
        .run = code == 200 ? login_check : login_waste, .drop = login_drop, .arg = x, .call = x->call};
    if (code == 200) {
        x->limit_key = arena_printf(rpc_call_arena(x->call), "%s/%s", x->namespace, account->id);
        uint64_t wait = x->limit_key ? auth_limiter_wait(&a->limiter, x->limit_key, world_now(a->world)) : 0;
        if (!x->limit_key || wait > 0) {
            if (wait > 0)
                refuse_limited(x, wait);
            else
                exchange_fail(x, 503, "out of memory");
            return;
        }
    }
    if (!auth_work_submit(a, &x->work))
        exchange_fail(x, 503, "too many logins are waiting: try again");
}

/* ---- the method ---- */

void auth_token(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Auth__TokenRequest *r = (const Auth__TokenRequest *)request;
    const char *namespace = auth_namespace(call, r->options, token_id);
    if (!namespace || !auth_ready(service, call, token_id))
        return;
    bool credentials = r->id[0] && r->secret[0];
    if (!credentials && !r->refresh_token[0]) {
        micro_fail(call, 400, token_id, "Credentials or a refresh token required");
        return;
    }
    if (r->token_expiry < 0 || r->token_expiry > AUTH_TOKEN_MAX) {
        micro_fail(call, 400, token_id, "token_expiry must be 0 (15 minutes) to %lld seconds",
                   (long long)AUTH_TOKEN_MAX);
        return;
    }
    struct auth_exchange *x = ARENA_NEW(rpc_call_arena(call), struct auth_exchange);
    if (!x) {
        auth_no_memory(call, token_id);
        return;
    }
    *x = (struct auth_exchange){.auth = service,
                                .call = call,
                                .namespace = namespace,
                                .request = r,
                                .lifetime = r->token_expiry ? r->token_expiry : AUTH_TOKEN_SECONDS};
    if (!credentials)
        exchange_refresh(x);
    else if (!auth_id_valid(r->id))
        exchange_fail(x, 400, "Account not found with this ID");
    else if (strlen(r->secret) > AUTH_SECRET_MAX)
        exchange_fail(x, 400, "Secret not correct");
    else
        auth_find(x->auth, rpc_call_arena(call), namespace, r->id, login_found, x);
}

/* ---- Inspect ---- */

void auth_inspect(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Auth.Inspect";
    const Auth__InspectRequest *r = (const Auth__InspectRequest *)request;
    struct auth *a = service;
    struct arena *arena = rpc_call_arena(call);
    struct micro_claims claims = {0};
    struct error err = ERROR_INIT;
    if (!r->token[0]) {
        micro_fail(call, 400, id, "Missing token");
        return;
    }
    if (!auth_ready(a, call, id))
        return;
    int rc = auth_keys_verify(a, r->token, arena, &claims, &err);
    if (rc < 0) {
        micro_fail(call, rc == ERROR_MEMORY ? 503 : 400, id, "Unable to inspect token: %s",
                   err.message ? err.message : error_code_name(rc));
        error_clear(&err);
        return;
    }
    struct auth_account account = {.id = claims.subject,
                                   .name = claims.name ? claims.name : "",
                                   .type = claims.type ? claims.type : "",
                                   .scopes = claims.scopes};
    while (claims.scopes && claims.scopes[account.scope_count])
        account.scope_count++;
    Auth__InspectResponse out;
    auth__inspect_response__init(&out);
    out.account = auth_account_message(&account, claims.issuer ? claims.issuer : "", arena);
    if (out.account)
        rpc_call_reply(call, &out.base);
    else
        auth_no_memory(call, id);
}
