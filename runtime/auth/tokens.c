/* auth.Auth.Token and auth.Auth.Inspect: access tokens from credentials or a refresh token, and back.
 *
 * A refresh token is "<base64url of the account's id>.<256 random bits>"; only its SHA-256 is kept, under
 * refresh/<namespace>/<id>/, for AUTH_REFRESH_SECONDS from its last use. v3 hands out one static token per account that
 * never expires, and also takes any valid access token in its place; neither is done here, since both let a token that
 * leaked once be renewed for ever. */
#include "runtime/auth/auth.h"
#include "runtime/auth/secret.h"
#include "runtime/service/base64.h"

#include <string.h>

#define REFRESH_TEXT_MAX ((size_t)512)

struct exchange {
    struct auth *auth;
    struct rpc_call *call;
    const char *namespace;
    const Auth__TokenRequest *request;
    const char *id;      /* the account's, from the refresh token */
    const char *refresh; /* the token to hand back */
    const char *refresh_key;
    const struct auth_account *account;
    int64_t lifetime; /* seconds */
};

static const char token_id[] = "auth.Auth.Token";

/* ---- refresh tokens ---- */

/* Splits a refresh token into the account's id and the record's key. */
static int refresh_parse(struct exchange *x, const char *token)
{
    struct text id = TEXT_INIT, digest = TEXT_INIT;
    const char *dot = strchr(token, '.');
    int rc = ERROR_INVALID;
    if (strlen(token) <= REFRESH_TEXT_MAX && dot && base64_decode(&id, BYTES(token, (size_t)(dot - token))) &&
        strlen(text_string(&id)) == id.len && auth_id_valid(text_string(&id))) {
        rc = secret_digest(token, &digest, NULL);
        x->id = arena_string(rpc_call_arena(x->call), text_string(&id));
        x->refresh = token;
        x->refresh_key = arena_printf(rpc_call_arena(x->call), "refresh/%s/%s/%s", x->namespace, text_string(&id),
                                      text_string(&digest));
        if (rc == 0 && (!x->id || !x->refresh_key))
            rc = ERROR_MEMORY;
    }
    text_deinit(&id);
    text_deinit(&digest);
    return rc;
}

static int refresh_make(struct exchange *x)
{
    struct text token = TEXT_INIT, digest = TEXT_INIT;
    struct arena *arena = rpc_call_arena(x->call);
    base64_encode_url(&token, bytes_of(x->account->id));
    text_char(&token, '.');
    int rc = secret_random(x->auth->world, AUTH_REFRESH_BYTES, &token, NULL);
    if (rc == 0)
        rc = secret_digest(text_string(&token), &digest, NULL);
    x->refresh = arena_string(arena, text_string(&token));
    x->refresh_key = arena_printf(arena, "refresh/%s/%s/%s", x->namespace, x->account->id, text_string(&digest));
    text_deinit(&token);
    text_deinit(&digest);
    return rc < 0 ? rc : x->refresh && x->refresh_key ? 0 : ERROR_MEMORY;
}

/* ---- the answer ---- */

static void answer(struct exchange *x)
{
    struct arena *arena = rpc_call_arena(x->call);
    int64_t now = world_wall(x->auth->world) / 1000000000;
    struct micro_claims claims = {
        .subject = x->account->id,
        .type = x->account->type,
        .issuer = x->namespace,
        .name = x->account->name,
        .scopes = x->account->scopes,
        .expires = now + x->lifetime,
    };
    struct text access = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (!x->auth->options->private_key) {
        micro_fail(x->call, 500, token_id, "this auth component has no private key to sign tokens with");
    } else if (micro_token_sign(x->auth->options->private_key, &claims, &access, &err) < 0) {
        micro_fail(x->call, 500, token_id, "cannot sign a token: %s", err.message ? err.message : "out of memory");
    } else {
        Auth__TokenResponse out;
        auth__token_response__init(&out);
        Auth__Token token;
        auth__token__init(&token);
        token.access_token = arena_string(arena, text_string(&access));
        token.refresh_token = arena_string(arena, x->refresh);
        token.created = now;
        token.expiry = claims.expires;
        out.token = &token;
        if (token.access_token && token.refresh_token)
            rpc_call_reply(x->call, &out.base);
        else
            auth_no_memory(x->call, token_id);
    }
    text_deinit(&access);
    error_clear(&err);
}

static void refresh_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct exchange *x = arg;
    (void)reply;
    if (status != GRPC_OK)
        auth_store_failed(x->call, token_id, status, message);
    else
        answer(x);
}

static void refresh_write(struct exchange *x)
{
    json_t *value = json_pack("{ss}", "id", x->account->id);
    if (value)
        auth_write(x->auth, x->refresh_key, value, AUTH_REFRESH_SECONDS, refresh_written, x);
    else
        auth_no_memory(x->call, token_id);
    json_decref(value);
}

/* ---- by credentials ---- */

static void credentials_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct exchange *x = arg;
    if (code != 200) {
        micro_fail(x->call, code, token_id, "%s", detail);
    } else if (!secret_matches(x->request->secret, account->secret)) {
        micro_fail(x->call, 400, token_id, "Secret not correct");
    } else {
        x->account = account;
        if (refresh_make(x) < 0)
            auth_no_memory(x->call, token_id);
        else
            refresh_write(x);
    }
}

/* ---- by refresh token ---- */

struct refreshed {
    struct exchange *exchange;
    int64_t left; /* seconds the record had to live */
};

static void refresh_account_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct refreshed *r = arg;
    struct exchange *x = r->exchange;
    if (code == 400 || (code == 200 && strcmp(account->id, x->id) != 0)) {
        micro_fail(x->call, 400, token_id, "invalid token provided");
    } else if (code != 200) {
        micro_fail(x->call, code, token_id, "%s", detail);
    } else {
        x->account = account;
        if (r->left < AUTH_REFRESH_RENEW)
            refresh_write(x);
        else
            answer(x);
    }
}

static void refresh_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct exchange *x = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (auth_store_code(status, message) == 404 || (status == GRPC_OK && found->n_records == 0)) {
        micro_fail(x->call, 400, token_id, "invalid token provided");
        return;
    }
    if (status != GRPC_OK) {
        auth_store_failed(x->call, token_id, status, message);
        return;
    }
    struct refreshed *r = ARENA_NEW(rpc_call_arena(x->call), struct refreshed);
    if (!r) {
        auth_no_memory(x->call, token_id);
        return;
    }
    *r = (struct refreshed){x, found->records[0]->expiry};
    auth_find(x->auth, rpc_call_arena(x->call), x->namespace, x->id, refresh_account_found, r);
}

void auth_token(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Auth__TokenRequest *r = (const Auth__TokenRequest *)request;
    const char *namespace = auth_namespace(call, r->options, token_id);
    if (!namespace)
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
    struct exchange *x = ARENA_NEW(rpc_call_arena(call), struct exchange);
    if (!x) {
        auth_no_memory(call, token_id);
        return;
    }
    *x = (struct exchange){.auth = service,
                           .call = call,
                           .namespace = namespace,
                           .request = r,
                           .lifetime = r->token_expiry ? r->token_expiry : AUTH_TOKEN_SECONDS};
    if (credentials) {
        if (!auth_id_valid(r->id))
            micro_fail(call, 400, token_id, "Account not found with this ID");
        else if (strlen(r->secret) > AUTH_SECRET_MAX)
            micro_fail(call, 400, token_id, "Secret not correct");
        else
            auth_find(x->auth, rpc_call_arena(call), namespace, r->id, credentials_found, x);
        return;
    }
    int rc = refresh_parse(x, r->refresh_token);
    if (rc == ERROR_INVALID)
        micro_fail(call, 400, token_id, "invalid token provided");
    else if (rc < 0)
        auth_no_memory(call, token_id);
    else
        auth_read(x->auth, x->refresh_key, false, refresh_read, x);
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
    int rc = a->options->public_key ? micro_token_verify(a->options->public_key, r->token,
                                                         world_wall(a->world) / 1000000000, arena, &claims, &err)
                                    : error_set(&err, ERROR_UNSUPPORTED, "this auth component has no public key");
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
