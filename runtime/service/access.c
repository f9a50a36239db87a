/* What handlers ask about who calls. The guard has left its findings with the call. */
#include "runtime/service/internal.h"

#include <strings.h>

const struct micro_account *micro_caller(const struct rpc_call *call)
{
    const struct micro_caller *c = rpc_call_guard_data(call);
    return c ? c->account : NULL;
}

bool micro_has_scope(const struct micro_account *a, const char *scope)
{
    for (size_t i = 0; a->scopes && a->scopes[i]; i++)
        if (strcasecmp(a->scopes[i], scope) == 0)
            return true;
    return false;
}

const char *micro_own_namespace(const struct rpc_call *call)
{
    const struct micro_account *a = micro_caller(call);
    return a && *a->issuer ? a->issuer : MICRO_NAMESPACE;
}

const char *micro_call_namespace(const struct rpc_call *call)
{
    const char *header = rpc_call_header(call, "micro-namespace");
    if (header && *header)
        return header;
    return micro_own_namespace(call);
}

bool micro_is_admin(const struct micro_account *a)
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
    if (strcmp(a->issuer, MICRO_NAMESPACE) == 0 && micro_is_admin(a))
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
    if (micro_is_admin(micro_caller(call)))
        return true;
    micro_fail(call, 401, error_id, "Unauthorized");
    return false;
}
