#include "chaos/workload/account_calls.h"

#include "auth/auth.pb-c.h"

#include <stdio.h>

void account_names(const struct workload_client *c, uint32_t account, int secret, struct account_names *out)
{
    const struct target *t = workload_target(c->workload);
    snprintf(out->id, sizeof out->id, "%s-%u", workload_name(c->workload), account);
    snprintf(out->secret, sizeof out->secret, "secret of workload %d", secret);
    snprintf(out->namespace, sizeof out->namespace, "%s", t->namespace != NULL ? t->namespace : "micro");
}

int account_make(struct workload_client *c, uint32_t account, workload_answered *answered)
{
    struct account_names names;
    char type[] = "user", admin[] = "admin", *scopes[] = {admin};
    Auth__GenerateRequest request = AUTH__GENERATE_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    account_names(c, account, 0, &names);
    options.namespace_ = names.namespace;
    request.id = names.id;
    request.secret = names.secret;
    request.type = type;
    request.n_scopes = 1;
    request.scopes = scopes;
    request.options = &options;
    return workload_call(c, AUTH_SERVICE, "/auth.Auth/Generate", &request.base, answered);
}

int account_login(struct workload_client *c, uint32_t account, int secret, int64_t seconds, workload_answered *answered)
{
    struct account_names names;
    Auth__TokenRequest request = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    account_names(c, account, secret, &names);
    options.namespace_ = names.namespace;
    request.id = names.id;
    request.secret = names.secret;
    request.token_expiry = seconds;
    request.options = &options;
    return workload_call_as(c, "", AUTH_SERVICE, "/auth.Auth/Token", &request.base, answered);
}
