/* Logging in and out. */
#include "runtime/services/backend/customers.h"

#include "proto/auth/auth.pb-c.h"

#include <string.h>

#define LOGIN_LIFE 3600 /* seconds */

static void login_reply(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (task_failed(t, a, 500))
        return;
    Customers__LoginResponse reply = CUSTOMERS__LOGIN_RESPONSE__INIT;
    Customers__Token token = CUSTOMERS__TOKEN__INIT;
    token.access_token = w->access;
    token.refresh_token = w->refresh;
    token.expiry = w->expiry;
    reply.token = &token;
    rpc_call_reply(t->call, &reply.base);
}

static void login_token(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    if (a->status == GRPC_INVALID_ARGUMENT || a->status == GRPC_NOT_FOUND || a->status == GRPC_UNAUTHENTICATED) {
        micro_fail(t->call, 401, t->id, "the e-mail address or the password is wrong");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    const Auth__TokenResponse *r = (const Auth__TokenResponse *)(const void *)a->reply;
    w->access = r->token ? arena_string(customers_memory(w), r->token->access_token) : NULL;
    w->refresh = r->token ? arena_string(customers_memory(w), r->token->refresh_token) : NULL;
    w->expiry = r->token ? r->token->expiry : 0;
    if (!r->token)
        micro_fail(t->call, 500, t->id, "auth gave no token");
    else if (!w->access || !w->refresh)
        task_no_memory(t);
    else if (w->refresh_token)
        login_reply(t, a);
    else
        customers_publish(w, CUSTOMERSEVENTS__EVENT_TYPE__EventTypeLogin, "customers.login", login_reply);
}

static void login_ask(struct customers_work *w)
{
    Auth__TokenRequest r = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    static char nothing[] = "";
    options.namespace_ = customers_namespace;
    r.id = w->refresh_token ? nothing : w->record.id;
    r.secret = arena_string(customers_memory(w), w->refresh_token ? "" : w->secret);
    r.refresh_token = arena_string(customers_memory(w), w->refresh_token ? w->refresh_token : "");
    r.token_expiry = LOGIN_LIFE;
    r.options = &options;
    if (!r.secret || !r.refresh_token)
        task_no_memory(&w->task);
    else
        task_ask(&w->task, "auth", "auth", "Auth.Token", &r.base, &auth__token_response__descriptor, login_token);
}

static void login_found(struct task *t, const struct backend_answer *a)
{
    struct customers_work *w = (struct customers_work *)t;
    (void)a;
    if (strcmp(w->record.status, "banned") == 0)
        micro_fail(t->call, 403, t->id, "the customer is banned");
    else if (strcmp(w->record.status, "unverified") == 0)
        micro_fail(t->call, 403, t->id, "the e-mail address is not verified");
    else
        login_ask(w);
}

void customers_login(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Login";
    const Customers__LoginRequest *r = (const Customers__LoginRequest *)(const void *)message;
    struct customers_work *w = customers_change_new(call, context, id, CHANGE_UPDATE);
    if (!w)
        return;
    w->secret = r->password;
    if (r->refresh_token[0]) {
        w->refresh_token = r->refresh_token;
        login_ask(w);
    } else if (!r->password[0]) {
        micro_fail(call, 400, id, "an e-mail address and a password, or a refresh token, are required");
    } else {
        customers_find(w, "", r->email, login_found);
    }
}

static void logout_told(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        customers_reply_empty((struct customers_work *)t);
}

void customers_logout(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "customers.Customers.Logout";
    (void)message;
    const struct micro_account *a = backend_caller(call, id);
    struct customers_work *w = a ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return;
    static char nothing[] = "";
    w->record = (struct customers_record){.id = arena_string(customers_memory(w), a->id),
                                          .status = nothing,
                                          .email = nothing,
                                          .name = nothing,
                                          .announced = nothing};
    if (w->record.id)
        customers_publish(w, CUSTOMERSEVENTS__EVENT_TYPE__EventTypeLogout, "customers.logout", logout_told);
    else
        task_no_memory(&w->task);
}
