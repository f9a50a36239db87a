/* The guard runs before every call: it gives it a place in a trace, turns its token into an account, and asks the
 * rules.
 *
 * Which rules: those of the service's own namespace for everybody, whatever namespace the caller names, since nobody
 * may choose the rules they are judged by; and, when the call is about another namespace, those of that one as well, by
 * which its admins keep their accounts off services all namespaces share. Micro's own admins and services are not
 * subject to the latter: they look after every namespace.
 *
 * Not subject to rules at all: Debug, health and reflection; components of Micro (tokens.c); auth.Auth/Token, for the
 * credentials in it are what authorizes it, and one rule that denies everything would otherwise keep everybody from
 * logging in to take it back; the policy itself for services; and auth.Rules for the admins of a namespace, who could
 * otherwise lock themselves out.
 *
 * Until auth has been heard for the first time the rules are not known. Then calls are answered 503 and the service is
 * not healthy, but for auth,
 * registry and store, whose own checks stand alone so long, since nothing could start otherwise; and not in a system
 * without auth, which is one whose options have no public key, or "policy=none" among the peers.
 *
 * Streams are judged again whenever the policy changes (open_calls.c). */
#include "base/base64.h"
#include "runtime/service/internal.h"

#include <strings.h>

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

static const char *last_part(const char *service)
{
    const char *dot = strrchr(service, '.');
    return dot ? dot + 1 : service;
}

static bool is_debug(const struct rpc_call *call)
{
    return strcmp(last_part(rpc_call_service(call)), "Debug") == 0;
}

/* Debug's records and spans are what others did: for admins of the service's namespace, whatever the rules say. */
static bool tells_of_others(const struct rpc_call *call)
{
    const char *method = rpc_call_method(call);
    return is_debug(call) && (strcmp(method, "Log") == 0 || strcmp(method, "Trace") == 0);
}

/* What tells about a service, rather than being one, is open to everybody. */
static bool always_open(const struct rpc_call *call)
{
    const char *service = rpc_call_service(call);
    return (is_debug(call) && !tells_of_others(call)) || strcmp(service, "grpc.health.v1.Health") == 0 ||
           strncmp(service, "grpc.reflection.", 16) == 0;
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* Whether the rules are passed over for this call. */
static bool exempt(const struct micro_service *s, const struct rpc_call *call, const struct micro_account *a,
                   const char *namespace)
{
    if (strcmp(s->config.name, "auth") != 0)
        return false;
    const char *type = last_part(rpc_call_service(call));
    if (strcmp(type, "Auth") == 0 && strcmp(rpc_call_method(call), "Token") == 0)
        return true;
    if (!a)
        return false;
    if (strcmp(type, "Policy") == 0)
        return strcmp(a->type, "service") == 0;
    return strcmp(type, "Rules") == 0 && micro_is_admin(a) &&
           (strcmp(a->issuer, namespace) == 0 || strcmp(a->issuer, MICRO_NAMESPACE) == 0);
}

bool micro_rules_known(const struct micro_service *s)
{
    static const char *const first[] = {"auth", "registry", "store", NULL};
    return s->policy.synced || !s->policy_required || is_one_of(s->config.name, first);
}

/* "Store.Read". Every call comes by: formatting would be half of what the rules cost. */
static bool endpoint_of(const struct rpc_call *call, char out[MICRO_ENDPOINT_MAX])
{
    const char *service = last_part(rpc_call_service(call)), *method = rpc_call_method(call);
    size_t n = strlen(service), m = strlen(method);
    if (n + m + 2 > MICRO_ENDPOINT_MAX)
        return false;
    memcpy(out, service, n);
    out[n] = '.';
    memcpy(out + n + 1, method, m + 1);
    return true;
}

/* 0, or the code to answer with and why. */
static int ask_rules(struct micro_service *s, const struct rpc_call *call, const struct micro_account *a,
                     struct text *why)
{
    const char *namespace = micro_call_namespace(call);
    char endpoint[MICRO_ENDPOINT_MAX];
    if (!endpoint_of(call, endpoint)) {
        text_printf(why, "the endpoint's name is longer than %d characters", MICRO_ENDPOINT_MAX - 1);
        return 400;
    }
    if (exempt(s, call, a, namespace))
        return 0;
    if (!micro_rules_known(s)) {
        text_puts(why, "access rules are not known yet: auth was not heard");
        return 503;
    }
    if (!s->policy.synced)
        return 0;
    const struct rule_resource resource = {.type = "service", .name = s->config.name, .endpoint = endpoint};
    bool own =
        strcmp(namespace, s->namespace) == 0 || (a && strcmp(a->issuer, MICRO_NAMESPACE) == 0 && micro_is_admin(a));
    if (known_policy_grants(&s->policy, s->namespace, a, &resource) &&
        (own || known_policy_grants(&s->policy, namespace, a, &resource)))
        return 0;
    if (a)
        text_printf(why, "Forbidden call made to %s:%s by %s", s->config.name, endpoint, a->id);
    else
        text_printf(why, "Unauthorized call made to %s:%s", s->config.name, endpoint);
    return a ? 403 : 401;
}

static bool rules_allow(struct micro_service *s, struct rpc_call *call, const struct micro_account *a)
{
    struct text why = TEXT_INIT;
    int code = ask_rules(s, call, a, &why);
    if (code)
        micro_fail(call, code, s->config.name, "%s", text_string(&why));
    text_deinit(&why);
    return code == 0;
}

int micro_guard_again(struct micro_service *s, const struct rpc_call *call, struct text *why)
{
    const struct micro_caller *caller = rpc_call_guard_data(call);
    if (!caller || caller->component || !s->config.options->public_key)
        return 0;
    if (caller->bearer && micro_bearer_ended(s, caller->bearer, why))
        return 401;
    return ask_rules(s, call, caller->account, why);
}

static int code_of(int rc)
{
    return rc == ERROR_DENIED ? 401 : rc == ERROR_CLOSED ? 503 : rc == ERROR_MEMORY ? 507 : 500;
}

/* Token to account. */
static bool identify(struct micro_service *s, struct rpc_call *call, struct micro_caller *caller)
{
    const char *header = rpc_call_header(call, "authorization");
    if (!header || !*header)
        return true;
    const char *token = token_of(call, header);
    if (!token) {
        micro_fail(call, 401, s->config.name, "invalid authorization header: expected Bearer and a token");
        return false;
    }
    if (!*token || !s->config.options->public_key)
        return true;
    struct micro_token_slot *slot = NULL;
    struct error err = ERROR_INIT;
    int rc = micro_token_judge(s, token, &slot, &err);
    if (rc == 0 && !(caller->bearer = micro_slot_bearer(slot, rpc_call_arena(call))))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0) {
        caller->account = &caller->bearer->account;
        caller->component = slot->component;
    } else {
        micro_fail(call, code_of(rc), s->config.name, "%s", err.message ? err.message : "invalid token");
    }
    error_clear(&err);
    return rc == 0;
}

bool micro_guard(struct rpc_call *call, void *service)
{
    struct micro_service *s = service;
    if (always_open(call))
        return true;
    struct micro_caller *caller = ARENA_NEW(rpc_call_arena(call), struct micro_caller);
    if (!caller) {
        micro_fail(call, 507, s->config.name, "out of memory");
        return false;
    }
    rpc_call_set_guard_data(call, caller);
    if (!is_debug(call)) /* which leaves no spans of its own */
        micro_trace_begin(call, caller);
    if (!identify(s, call, caller))
        return false;
    if (is_debug(call))
        return !s->config.options->public_key || micro_authorize_admin(call, s->namespace, s->config.name);
    if (!caller->component && s->config.options->public_key && !rules_allow(s, call, caller->account))
        return false;
    return s->config.access != MICRO_ACCOUNT || micro_authorize(call, micro_call_namespace(call), s->config.name);
}

/* ---- for those who answer for others ----------------------------------------------------------------------------- */

int micro_service_account(struct micro_service *s, const char *token, struct arena *arena,
                          const struct micro_account **out, struct error *err)
{
    struct micro_token_slot *slot = NULL;
    *out = NULL;
    if (!token || !*token || !s->config.options->public_key)
        return 0;
    int rc = micro_token_judge(s, token, &slot, err);
    const struct micro_bearer *bearer = rc == 0 ? micro_slot_bearer(slot, arena) : NULL;
    if (bearer)
        *out = &bearer->account;
    else if (rc == 0)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    return rc;
}

bool micro_service_account_ended(struct micro_service *s, const struct micro_account *a)
{
    struct text why = TEXT_INIT;
    const struct micro_bearer *bearer =
        a ? (const void *)((const char *)a - offsetof(struct micro_bearer, account)) : NULL;
    bool ended = bearer && micro_bearer_ended(s, bearer, &why);
    text_deinit(&why);
    return ended;
}

enum micro_verdict micro_service_judge(struct micro_service *s, const char *namespace, const struct micro_account *a,
                                       const char *type, const char *name, const char *endpoint)
{
    const struct rule_resource resource = {.type = type, .name = name, .endpoint = endpoint};
    if (strcmp(type, "service") == 0 && strcmp(name, "auth") == 0 && strcmp(endpoint, "Auth.Token") == 0)
        return MICRO_GRANTED; /* as the guard of auth says */
    if (!s->policy.synced)
        return s->policy_required ? MICRO_NOT_KNOWN : MICRO_GRANTED;
    return known_policy_grants(&s->policy, namespace, a, &resource) ? MICRO_GRANTED : MICRO_REFUSED;
}
