/* CompleteSignup: a namespace, joined or made and paid for, an account in it, and a token. */
#include "runtime/services/backend/signup.h"

#include "proto/customers/customers.pb-c.h"
#include "proto/namespaces/namespaces.pb-c.h"
#include "proto/subscriptions/subscriptions.pb-c.h"

#include <string.h>

#define LOGIN_LIFE 3600 /* seconds */

static void complete_forgotten(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    Signup__CompleteSignupResponse reply = SIGNUP__COMPLETE_SIGNUP_RESPONSE__INIT;
    Signup__AuthToken token = SIGNUP__AUTH_TOKEN__INIT;
    token.access_token = w->login->access_token;
    token.refresh_token = w->login->refresh_token;
    token.created = w->login->created;
    token.expiry = w->login->expiry;
    reply.authtoken = &token;
    reply.namespace_ = w->record.namespace;
    rpc_call_reply(t->call, &reply.base);
}

static void complete_token_forgotten(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!task_failed(t, a, 500))
        task_delete(t, SIGNUP_TABLE, w->key, complete_forgotten);
}

static void complete_told(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    char *key = arena_printf(signup_memory(w), "token:%s", w->record.token);
    if (key)
        task_delete(t, SIGNUP_TABLE, key, complete_token_forgotten);
    else
        task_no_memory(t);
}

static void complete_login(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Auth__TokenResponse *r = (const Auth__TokenResponse *)(const void *)a->reply;
    if (!r->token) {
        micro_fail(t->call, 500, t->id, "auth gave no token");
        return;
    }
    w->login = ARENA_NEW(signup_memory(w), Auth__Token);
    if (w->login) {
        auth__token__init(w->login);
        w->login->access_token = arena_string(signup_memory(w), r->token->access_token);
        w->login->refresh_token = arena_string(signup_memory(w), r->token->refresh_token);
        w->login->created = r->token->created;
        w->login->expiry = r->token->expiry;
    }
    if (w->login && w->login->access_token && w->login->refresh_token)
        signup_publish(w, SIGNUPEVENTS__EVENT_TYPE__EventTypeCompleted, "signup.completed", complete_told);
    else
        task_no_memory(t);
}

static void complete_ask_token(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    Auth__TokenRequest r = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    options.namespace_ = w->record.namespace;
    r.id = w->record.customer_id;
    r.secret = w->complete->secret;
    r.token_expiry = LOGIN_LIFE;
    r.options = &options;
    task_ask(t, "auth", "auth", "Auth.Token", &r.base, &auth__token_response__descriptor, complete_login);
}

/* The customer's record says where the account is, so that deleting the customer finds it. */
static void complete_customer(struct task *t, const struct backend_answer *a)
{
    static char name[] = "namespace";
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    Customers__UpdateRequest r = CUSTOMERS__UPDATE_REQUEST__INIT;
    Customers__Customer c = CUSTOMERS__CUSTOMER__INIT;
    Customers__Customer__MetaEntry where = CUSTOMERS__CUSTOMER__META_ENTRY__INIT, *meta[] = {&where};
    where.key = name;
    where.value = w->record.namespace;
    c.id = w->record.customer_id;
    c.meta = meta;
    c.n_meta = 1;
    r.customer = &c;
    task_ask(t, "the customers", "customers", "Customers.Update", &r.base, &customers__update_response__descriptor,
             complete_ask_token);
}

static void complete_account_made(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.account_made = true;
    signup_write(w, BACKEND_ALWAYS, complete_customer);
}

static void complete_account(struct signup_work *w)
{
    static char type[] = "user", scope[] = "customer";
    static const struct backend_answer fine = {.status = GRPC_OK};
    char *scopes[] = {scope};
    if (w->record.account_made) {
        complete_customer(&w->task, &fine);
        return;
    }
    Auth__GenerateRequest r = AUTH__GENERATE_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    options.namespace_ = w->record.namespace;
    r.id = w->record.customer_id;
    r.name = w->email;
    r.type = type;
    r.scopes = scopes;
    r.n_scopes = 1;
    r.secret = w->complete->secret;
    r.options = &options;
    task_ask(&w->task, "auth", "auth", "Auth.Generate", &r.base, &auth__generate_response__descriptor,
             complete_account_made);
}

static void complete_paid_written(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        complete_account((struct signup_work *)t);
}

static void complete_paid(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 412))
        return;
    w->record.paid_for = w->record.namespace;
    signup_write(w, BACKEND_ALWAYS, complete_paid_written);
}

/* ... by oneself: the namespace is there, now it is paid for. Subscriptions.Create told twice pays once. */
static void complete_pay(struct task *t, const struct backend_answer *a)
{
    static char type[] = "developer";
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    if (strcmp(w->record.paid_for, w->record.namespace) == 0) {
        complete_account(w);
        return;
    }
    Subscriptions__CreateRequest r = SUBSCRIPTIONS__CREATE_REQUEST__INIT;
    r.customerid = w->record.customer_id;
    r.type = type;
    r.paymentmethodid = w->record.payment_method;
    r.email = w->email;
    task_ask(t, "the subscriptions", "subscriptions", "Subscriptions.Create", &r.base,
             &subscriptions__create_response__descriptor, complete_paid);
}

static void complete_namespace_made(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Namespaces__CreateResponse *r = (const Namespaces__CreateResponse *)(const void *)a->reply;
    if (!r->namespace_ || !r->namespace_->id[0]) {
        micro_fail(t->call, 500, t->id, "the namespaces made none");
        return;
    }
    w->record.namespace = arena_string(signup_memory(w), r->namespace_->id);
    if (w->record.namespace)
        signup_write(w, BACKEND_ALWAYS, complete_pay);
    else
        task_no_memory(t);
}

/* ... by joining: who owns the namespace pays for one more. */
static void complete_joined_written(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        complete_account((struct signup_work *)t);
}

static void complete_joined(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    w->record.namespace = w->complete->namespace_;
    signup_write(w, BACKEND_ALWAYS, complete_joined_written);
}

static void complete_join(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    Namespaces__AddUserRequest r = NAMESPACES__ADD_USER_REQUEST__INIT;
    r.user = w->record.customer_id;
    r.namespace_ = w->complete->namespace_;
    task_ask(t, "the namespaces", "namespaces", "Namespaces.AddUser", &r.base,
             &namespaces__add_user_response__descriptor, complete_joined);
}

static void complete_join_paid(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 412))
        return;
    w->record.paid_for = w->complete->namespace_;
    signup_write(w, BACKEND_ALWAYS, complete_join);
}

static void complete_namespace_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Namespaces__ReadResponse *r = (const Namespaces__ReadResponse *)(const void *)a->reply;
    if (!r->namespace_ || r->namespace_->n_owners == 0) {
        micro_fail(t->call, 500, t->id, "nobody owns the namespace \"%.200s\"", w->complete->namespace_);
        return;
    }
    if (strcmp(w->record.paid_for, w->complete->namespace_) == 0) {
        static const struct backend_answer fine = {.status = GRPC_OK};
        complete_join(t, &fine);
        return;
    }
    Subscriptions__AddUserRequest q = SUBSCRIPTIONS__ADD_USER_REQUEST__INIT;
    q.ownerid = arena_string(signup_memory(w), r->namespace_->owners[0]);
    q.newuserid = w->record.customer_id;
    if (q.ownerid)
        task_ask(t, "the subscriptions", "subscriptions", "Subscriptions.AddUser", &q.base,
                 &subscriptions__add_user_response__descriptor, complete_join_paid);
    else
        task_no_memory(t);
}

static void complete_invited(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take_invite(w, a))
        return;
    const char *wanted = w->complete->namespace_, *given = w->complete->paymentmethodid;
    static const struct backend_answer fine = {.status = GRPC_OK};
    w->joins = *wanted != 0;
    if (w->joins && !backend_list_has(&w->invited, wanted)) {
        micro_fail(t->call, 403, t->id, "nobody invited %s to the namespace \"%.200s\"", w->email, wanted);
        return;
    }
    if (w->record.namespace[0] && w->joins != (strcmp(w->record.namespace, wanted) == 0)) {
        micro_fail(t->call, 409, t->id, "the signup has begun with the namespace \"%.200s\"", w->record.namespace);
        return;
    }
    if (w->joins) {
        Namespaces__ReadRequest r = NAMESPACES__READ_REQUEST__INIT;
        r.id = w->complete->namespace_;
        if (w->record.namespace[0])
            complete_account(w);
        else
            task_ask(t, "the namespaces", "namespaces", "Namespaces.Read", &r.base,
                     &namespaces__read_response__descriptor, complete_namespace_read);
        return;
    }
    if (*given)
        w->record.payment_method = w->complete->paymentmethodid;
    if (!w->record.payment_method[0]) {
        micro_fail(t->call, 400, t->id, "a payment method is required for a namespace of one's own");
        return;
    }
    if (w->record.namespace[0]) {
        complete_pay(t, &fine);
        return;
    }
    char *owners[] = {w->record.customer_id};
    Namespaces__CreateRequest r = NAMESPACES__CREATE_REQUEST__INIT;
    r.owners = owners;
    r.n_owners = 1;
    task_ask(t, "the namespaces", "namespaces", "Namespaces.Create", &r.base, &namespaces__create_response__descriptor,
             complete_namespace_made);
}

static void complete_accepted(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    (void)a;
    if (w->record.verified)
        signup_ask_invite(w, complete_invited);
    else
        micro_fail(t->call, 403, t->id, "the e-mail address is not verified: Verify comes first");
}

void signup_complete(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "signup.Signup.CompleteSignup";
    const Signup__CompleteSignupRequest *r = (const Signup__CompleteSignupRequest *)(const void *)message;
    if (!backend_check_secret(call, id, r->secret))
        return;
    struct signup_work *w = signup_with_token(call, context, id, r->email, r->token, complete_accepted);
    if (!w)
        return;
    w->complete = r;
    task_read(&w->task, SIGNUP_TABLE, w->key, false, signup_token_read);
}
