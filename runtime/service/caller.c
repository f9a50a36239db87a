/* Who calls: the guard runs before every call, turns its token into an account and keeps that beside the call, until
 * the call ends. Accounts of calls in flight stand in one table for the process, found by the call's address; the
 * entries live in the calls' arenas. Verified tokens are remembered (direct-mapped by hash, compared whole), since
 * checking a signature costs more than most handlers do. */
#include "base/units.h"
#include "runtime/service/base64.h"
#include "runtime/service/internal.h"

#include <strings.h>

#define CALLER_BUCKETS 1024 /* a power of two */

struct caller {
    const struct rpc_call *call;
    const struct micro_service *service;
    struct micro_account account;
    struct caller *next;
};
static struct caller *callers[CALLER_BUCKETS];

static struct caller **bucket(const struct rpc_call *call)
{
    uint64_t h = (uint64_t)(uintptr_t)call * UINT64_C(0x9e3779b97f4a7c15);
    return &callers[h >> 54];
}

void micro_caller_forget(const struct rpc_call *call)
{
    for (struct caller **p = bucket(call); *p; p = &(*p)->next)
        if ((*p)->call == call) {
            *p = (*p)->next;
            return;
        }
}

void micro_caller_forget_all(const struct micro_service *s)
{
    for (size_t i = 0; i < CALLER_BUCKETS; i++)
        for (struct caller **p = &callers[i]; *p;)
            if ((*p)->service == s)
                *p = (*p)->next;
            else
                p = &(*p)->next;
}

const struct micro_account *micro_caller(const struct rpc_call *call)
{
    for (const struct caller *c = *bucket(call); c; c = c->next)
        if (c->call == call)
            return &c->account;
    return NULL;
}

/* The claims live in a cache slot, the call may outlive it. */
static int remember(struct micro_service *s, struct rpc_call *call, const struct micro_claims *claims)
{
    struct arena *arena = rpc_call_arena(call);
    size_t count = 0;
    while (claims->scopes[count])
        count++;
    struct caller *c = ARENA_NEW(arena, struct caller);
    const char **scopes = ARENA_NEW_N(arena, const char *, count + 1);
    if (!c || !scopes)
        return ERROR_MEMORY;
    *c = (struct caller){.call = call,
                         .service = s,
                         .account = {.id = arena_string(arena, claims->subject),
                                     .type = arena_string(arena, claims->type),
                                     .issuer = arena_string(arena, claims->issuer),
                                     .name = arena_string(arena, claims->name),
                                     .scopes = scopes}};
    bool ok = c->account.id && c->account.type && c->account.issuer && c->account.name;
    for (size_t i = 0; ok && i < count; i++)
        ok = (scopes[i] = arena_string(arena, claims->scopes[i])) != NULL;
    if (!ok)
        return ERROR_MEMORY;
    struct caller **at = bucket(call);
    c->next = *at;
    *at = c;
    return 0;
}

static void slot_clear(struct micro_token_slot *slot)
{
    free(slot->token);
    slot->token = NULL;
    arena_deinit(&slot->arena);
}

void micro_tokens_free(struct micro_service *s)
{
    for (size_t i = 0; i < MICRO_TOKEN_CACHE; i++)
        slot_clear(&s->tokens[i]);
}

static int verify(struct micro_service *s, const char *token, const struct micro_claims **out, struct error *err)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *p = token; *p; p++)
        hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    struct micro_token_slot *slot = &s->tokens[(hash ^ hash >> 32) & (MICRO_TOKEN_CACHE - 1)];
    int64_t now = world_wall(s->world) / SECOND;
    if (slot->token && strcmp(slot->token, token) == 0) {
        *out = &slot->claims;
        return now < slot->claims.expires ? 0 : error_set(err, ERROR_DENIED, "the token has expired");
    }
    struct arena arena = ARENA_INIT;
    struct micro_claims claims = {0};
    char *copy = NULL;
    int rc = micro_token_verify(s->config.options->public_key, token, now, &arena, &claims, err);
    if (rc == 0 && !(copy = strdup(token)))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc) {
        arena_deinit(&arena);
        return rc;
    }
    slot_clear(slot);
    *slot = (struct micro_token_slot){.token = copy, .arena = arena, .claims = claims};
    *out = &slot->claims;
    return 0;
}

/* The token in an authorization header: Bearer, or the password of Basic. NULL: none of these. In the call's arena. */
static const char *token_of(struct rpc_call *call, const char *header)
{
    while (*header == ' ')
        header++;
    if (strncasecmp(header, "Bearer ", 7) == 0) {
        header += 7;
        while (*header == ' ')
            header++;
        return header;
    }
    if (strncasecmp(header, "Basic ", 6) != 0)
        return NULL;
    struct text plain = TEXT_INIT;
    const char *token = NULL;
    if (base64_decode(&plain, bytes_of(header + 6)) && text_ok(&plain)) {
        const char *colon = strchr(text_string(&plain), ':');
        token = colon ? arena_string(rpc_call_arena(call), colon + 1) : NULL;
    }
    text_deinit(&plain);
    return token;
}

/* What tells about a service, rather than being one, is open to everybody. */
static bool always_open(const char *service)
{
    const char *dot = strrchr(service, '.');
    const char *last = dot ? dot + 1 : service;
    return strcmp(last, "Debug") == 0 || strcmp(service, "grpc.health.v1.Health") == 0 ||
           strncmp(service, "grpc.reflection.", 16) == 0;
}

bool micro_guard(struct rpc_call *call, void *service)
{
    struct micro_service *s = service;
    micro_caller_forget(call); /* the same address may have served a call whose end nobody told us */
    if (always_open(rpc_call_service(call)))
        return true;
    const char *header = rpc_call_header(call, "authorization");
    if (header && *header) {
        const char *token = token_of(call, header);
        if (!token) {
            micro_fail(call, 401, s->config.name, "invalid authorization header: expected Bearer and a token");
            return false;
        }
        if (*token && s->config.options->public_key) {
            const struct micro_claims *claims = NULL;
            struct error err = ERROR_INIT;
            int rc = verify(s, token, &claims, &err);
            if (rc == 0 && (rc = remember(s, call, claims)) != 0)
                error_set(&err, rc, "out of memory");
            if (rc) {
                micro_fail(call,
                           rc == ERROR_MEMORY   ? 507
                           : rc == ERROR_DENIED ? 401
                                                : 500,
                           s->config.name, "%s", err.message ? err.message : "invalid token");
                error_clear(&err);
                return false;
            }
        }
    }
    if (s->config.access != MICRO_ACCOUNT)
        return true;
    return micro_authorize(call, micro_call_namespace(call), s->config.name);
}

bool micro_has_scope(const struct micro_account *a, const char *scope)
{
    for (size_t i = 0; a->scopes && a->scopes[i]; i++)
        if (strcasecmp(a->scopes[i], scope) == 0)
            return true;
    return false;
}

const char *micro_call_namespace(const struct rpc_call *call)
{
    const char *header = rpc_call_header(call, "micro-namespace");
    if (header && *header)
        return header;
    const struct micro_account *a = micro_caller(call);
    return a && *a->issuer ? a->issuer : MICRO_NAMESPACE;
}

static bool is_admin(const struct micro_account *a)
{
    return (strcmp(a->type, "user") == 0 && micro_has_scope(a, "admin")) ||
           (strcmp(a->type, "service") == 0 && micro_has_scope(a, "service"));
}

bool micro_authorize(struct rpc_call *call, const char *namespace, const char *error_id)
{
    const struct micro_account *a = micro_caller(call);
    if (!a) {
        micro_fail(call, 401, error_id, "an account is required");
        return false;
    }
    if (strcmp(a->issuer, MICRO_NAMESPACE) == 0 && is_admin(a))
        return true;
    if (strcmp(a->issuer, namespace) != 0) {
        micro_fail(call, 403, error_id, "Forbidden: the account belongs to namespace \"%s\", not \"%s\"", a->issuer,
                   namespace);
        return false;
    }
    if (strcmp(a->type, "user") != 0 && strcmp(a->type, "service") != 0) {
        micro_fail(call, 403, error_id, "Forbidden: accounts of type \"%s\" may not call this", a->type);
        return false;
    }
    return true;
}

bool micro_authorize_admin(struct rpc_call *call, const char *namespace, const char *error_id)
{
    if (!micro_authorize(call, namespace, error_id))
        return false;
    if (is_admin(micro_caller(call)))
        return true;
    micro_fail(call, 401, error_id, "Unauthorized");
    return false;
}
