#include "runtime/services/backend/signup.h"

#include "proto/customers/customers.pb-c.h"
#include "proto/emails/emails.pb-c.h"
#include "proto/namespaces/namespaces.pb-c.h"
#include "proto/store/store.pb-c.h"

#include "base/text.h"

#include <string.h>

/* Whose a token is. */
struct owner {
    char *email;
};
static const struct backend_field owner_fields[] = {BACKEND_FIELD(struct owner, email, FIELD_TEXT)};

/* ---- SendVerificationEmail --------------------------------------------------------------------------------------- */

static void send_done(struct task *t, const struct backend_answer *a)
{
    static const Signup__SendVerificationEmailResponse empty = SIGNUP__SEND_VERIFICATION_EMAIL_RESPONSE__INIT;
    if (!task_failed(t, a, 502))
        rpc_call_reply(t->call, &empty.base);
}

static void mail(struct signup_work *w, const char *template, const char *member, const char *value, backend_step *next)
{
    Emails__SendRequest r = EMAILS__SEND_REQUEST__INIT;
    struct text data = TEXT_INIT;
    text_printf(&data, "{\"%s\":\"", member);
    text_json(&data, value, strlen(value));
    text_puts(&data, "\"}");
    r.to = w->email;
    r.template_id = arena_string(signup_memory(w), template);
    r.template_data.data = text_ok(&data) ? arena_copy(signup_memory(w), data.data, data.len) : NULL;
    r.template_data.len = data.len;
    text_deinit(&data);
    if (r.template_id && r.template_data.data)
        task_ask(&w->task, "the mail service", "emails", "Emails.Send", &r.base, &emails__send_response__descriptor,
                 next);
    else
        task_no_memory(&w->task);
}

static void send_token_written(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!task_failed(t, a, 500))
        mail(w, "signup", "token", w->record.token, send_done);
}

static void send_written(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const struct owner owner = {.email = w->email};
    char *json = backend_encode(signup_memory(w), owner_fields, 1, &owner);
    char *key = arena_printf(signup_memory(w), "token:%s", w->record.token);
    t->expiry = TOKEN_LIFE;
    if (json && key)
        task_write(t, SIGNUP_TABLE, key, json, BACKEND_ALWAYS, send_token_written);
    else
        task_no_memory(t);
}

static void send_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    char *customer = w->record.customer_id;
    static char nothing[] = "";
    w->record = (struct signup_record){.payment_method = nothing, .namespace = nothing, .paid_for = nothing};
    if (!signup_take(w, a))
        return;
    /* What was done with an earlier token stays done. */
    w->record.email = w->email;
    w->record.customer_id = customer;
    w->record.token = backend_token(t->backend, signup_memory(w), TOKEN_LENGTH);
    w->record.created = backend_now(t->backend);
    w->record.attempts = 0;
    w->record.verified = false;
    if (w->record.token)
        signup_write(w, BACKEND_ALWAYS, send_written);
    else
        micro_fail(t->call, 500, t->id, "no random numbers can be had for a token");
}

static void send_customer(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Customers__CreateResponse *r = (const Customers__CreateResponse *)(const void *)a->reply;
    if (r->customer && (strcmp(r->customer->status, "banned") == 0)) {
        micro_fail(t->call, 403, t->id, "the customer is banned");
        return;
    }
    w->record.customer_id = arena_string(signup_memory(w), r->customer ? r->customer->id : "");
    if (w->record.customer_id)
        task_read(t, SIGNUP_TABLE, w->key, false, send_read);
    else
        task_no_memory(t);
}

static void send_invited(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take_invite(w, a))
        return;
    Customers__CreateRequest r = CUSTOMERS__CREATE_REQUEST__INIT;
    r.email = w->email;
    task_ask(t, "the customers", "customers", "Customers.Create", &r.base, &customers__create_response__descriptor,
             send_customer);
}

static void send_verification_email(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Signup__SendVerificationEmailRequest *r = (const Signup__SendVerificationEmailRequest *)(const void *)message;
    struct signup_work *w = signup_new(call, context, "signup.Signup.SendVerificationEmail", r->email);
    if (w)
        signup_ask_invite(w, send_invited);
}

/* ---- Verify ------------------------------------------------------------------------------------------------------ */

static void verify_told(struct task *t, const struct backend_answer *a)
{
    static char pay[] = "a payment method is needed: SetPaymentMethod, then CompleteSignup",
                join[] = "join one of the namespaces, or set a payment method for one of your own: CompleteSignup";
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    Signup__VerifyResponse reply = SIGNUP__VERIFY_RESPONSE__INIT;
    reply.customerid = w->record.customer_id;
    reply.message = w->invited.count ? join : pay;
    reply.payment_required = !w->record.payment_method[0];
    reply.namespaces = w->invited.items;
    reply.n_namespaces = w->invited.count;
    rpc_call_reply(t->call, &reply.base);
}

static void verify_written(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        signup_publish((struct signup_work *)t, SIGNUPEVENTS__EVENT_TYPE__EventTypeVerified, "signup.verified",
                       verify_told);
}

static void verify_invited(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take_invite(w, a))
        return;
    w->record.verified = true;
    signup_write(w, BACKEND_ALWAYS, verify_written);
}

static void verify_marked(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        signup_ask_invite((struct signup_work *)t, verify_invited);
}

static void verify_accepted(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    (void)a;
    Customers__MarkVerifiedRequest r = CUSTOMERS__MARK_VERIFIED_REQUEST__INIT;
    r.id = w->record.customer_id;
    r.email = w->email;
    task_ask(t, "the customers", "customers", "Customers.MarkVerified", &r.base,
             &customers__mark_verified_response__descriptor, verify_marked);
}

static void verify(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Signup__VerifyRequest *r = (const Signup__VerifyRequest *)(const void *)message;
    struct signup_work *w =
        signup_with_token(call, context, "signup.Signup.Verify", r->email, r->token, verify_accepted);
    if (w)
        task_read(&w->task, SIGNUP_TABLE, w->key, false, signup_token_read);
}

/* ---- SetPaymentMethod, HasPaymentMethod -------------------------------------------------------------------------- */

static void payment_written(struct task *t, const struct backend_answer *a)
{
    static const Signup__SetPaymentMethodResponse empty = SIGNUP__SET_PAYMENT_METHOD_RESPONSE__INIT;
    if (a->status == GRPC_FAILED_PRECONDITION)
        micro_fail(t->call, 409, t->id, "the signup is being changed; try again");
    else if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

static void payment_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take(w, a))
        return;
    if (w->revision == 0) {
        micro_fail(t->call, 404, t->id, "%s is not signing up", w->email);
        return;
    }
    w->record.payment_method = arena_string(signup_memory(w), w->payment_method);
    if (w->record.payment_method)
        signup_write(w, w->revision, payment_written);
    else
        task_no_memory(t);
}

static void set_payment_method(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "signup.Signup.SetPaymentMethod";
    const Signup__SetPaymentMethodRequest *r = (const Signup__SetPaymentMethodRequest *)(const void *)message;
    struct signup_work *w = signup_new(call, context, id, r->email);
    if (!w)
        return;
    if (!r->payment_method[0] || strlen(r->payment_method) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "a payment method of 1 to %d bytes is required", BACKEND_ID_MAX);
        return;
    }
    w->payment_method = r->payment_method;
    task_read(&w->task, SIGNUP_TABLE, w->key, false, payment_read);
}

static void has_payment_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take(w, a))
        return;
    Signup__HasPaymentMethodResponse reply = SIGNUP__HAS_PAYMENT_METHOD_RESPONSE__INIT;
    reply.has = w->revision != 0 && backend_same(w->record.token, w->token) && w->record.payment_method[0];
    rpc_call_reply(t->call, &reply.base);
}

static void has_owner_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    struct owner owner = {0};
    if (r->n_records == 0 || !backend_decode(signup_memory(w), owner_fields, 1,
                                             BYTES(r->records[0]->value.data, r->records[0]->value.len), &owner)) {
        micro_fail(t->call, 404, t->id, "nobody is signing up with this token");
        return;
    }
    w->email = owner.email;
    w->key = arena_printf(signup_memory(w), "signup:%s", owner.email);
    if (w->key)
        task_read(t, SIGNUP_TABLE, w->key, false, has_payment_read);
    else
        task_no_memory(t);
}

static void has_payment_method(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "signup.Signup.HasPaymentMethod";
    const Signup__HasPaymentMethodRequest *r = (const Signup__HasPaymentMethodRequest *)(const void *)message;
    if (strlen(r->token) != TOKEN_LENGTH) {
        micro_fail(call, 400, id, "a token of %d characters is required", TOKEN_LENGTH);
        return;
    }
    struct signup_work *w = task_new(sizeof *w, context, call, id);
    char *key = w ? arena_printf(signup_memory(w), "token:%s", r->token) : NULL;
    if (!w)
        return;
    w->token = r->token;
    if (key)
        task_read(&w->task, SIGNUP_TABLE, key, false, has_owner_read);
    else
        task_no_memory(&w->task);
}

/* ---- Recover, EmailToNamespace ----------------------------------------------------------------------------------- */

static void recover_listed(struct task *t, const struct backend_answer *a);
static void namespace_listed(struct task *t, const struct backend_answer *a);

static void recover_done(struct task *t, const struct backend_answer *a)
{
    static const Signup__RecoverResponse empty = SIGNUP__RECOVER_RESPONSE__INIT;
    if (!task_failed(t, a, 502))
        rpc_call_reply(t->call, &empty.base);
}

/* The namespaces of whom an answer of Customers.Read told. Who is not known gets no mail, and the caller does not hear
 * which addresses are known. */
static void ask_namespaces(struct task *t, const struct backend_answer *a, bool is_secret, backend_step *next)
{
    struct signup_work *w = (struct signup_work *)t;
    static const struct backend_answer fine = {.status = GRPC_OK};
    if (a->status == GRPC_NOT_FOUND && is_secret) {
        recover_done(t, &fine);
        return;
    }
    if (a->status == GRPC_NOT_FOUND) {
        micro_fail(t->call, 404, t->id, "nobody is known by %s", w->email);
        return;
    }
    if (task_failed(t, a, 500))
        return;
    const Customers__ReadResponse *r = (const Customers__ReadResponse *)(const void *)a->reply;
    Namespaces__ListRequest q = NAMESPACES__LIST_REQUEST__INIT;
    q.user = arena_string(signup_memory(w), r->customer ? r->customer->id : "");
    if (q.user)
        task_ask(t, "the namespaces", "namespaces", "Namespaces.List", &q.base, &namespaces__list_response__descriptor,
                 next);
    else
        task_no_memory(t);
}

static void recover_customer(struct task *t, const struct backend_answer *a)
{
    ask_namespaces(t, a, true, recover_listed);
}

static void namespace_customer(struct task *t, const struct backend_answer *a)
{
    ask_namespaces(t, a, false, namespace_listed);
}

static void recover_listed(struct task *t, const struct backend_answer *a)
{
    if (task_failed(t, a, 500))
        return;
    const Namespaces__ListResponse *r = (const Namespaces__ListResponse *)(const void *)a->reply;
    struct text names = TEXT_INIT;
    for (size_t i = 0; i < r->n_namespaces; i++)
        text_printf(&names, "%s%s", i ? ", " : "", r->namespaces[i]->id);
    if (text_ok(&names))
        mail((struct signup_work *)t, "recover", "namespaces", text_string(&names), recover_done);
    else
        task_no_memory(t);
    text_deinit(&names);
}

static void namespace_listed(struct task *t, const struct backend_answer *a)
{
    if (task_failed(t, a, 500))
        return;
    const Namespaces__ListResponse *r = (const Namespaces__ListResponse *)(const void *)a->reply;
    Signup__EmailToNamespaceResponse reply = SIGNUP__EMAIL_TO_NAMESPACE_RESPONSE__INIT;
    if (r->n_namespaces == 0) {
        micro_fail(t->call, 404, t->id, "%s has no namespace", ((struct signup_work *)t)->email);
        return;
    }
    reply.namespace_ = r->namespaces[0]->id;
    rpc_call_reply(t->call, &reply.base);
}

static void ask_customer(struct signup_work *w, backend_step *next)
{
    Customers__ReadRequest r = CUSTOMERS__READ_REQUEST__INIT;
    r.email = w->email;
    task_ask(&w->task, "the customers", "customers", "Customers.Read", &r.base, &customers__read_response__descriptor,
             next);
}

static void recover(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Signup__RecoverRequest *r = (const Signup__RecoverRequest *)(const void *)message;
    struct signup_work *w = signup_new(call, context, "signup.Signup.Recover", r->email);
    if (w)
        ask_customer(w, recover_customer);
}

static void email_to_namespace(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "signup.Signup.EmailToNamespace";
    const Signup__EmailToNamespaceRequest *r = (const Signup__EmailToNamespaceRequest *)(const void *)message;
    const struct micro_account *a = backend_caller(call, id);
    if (a && !backend_is_operator(a)) {
        micro_fail(call, 403, id, "only the platform's administrators and services may ask whose namespace it is");
        return;
    }
    struct signup_work *w = a ? signup_new(call, context, id, r->email) : NULL;
    if (w)
        ask_customer(w, namespace_customer);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &signup__##stem##_request__descriptor,                                                \
        .output = &signup__##stem##_response__descriptor, .unary = handler                                             \
    }
static const struct rpc_method methods[] = {
    METHOD("SendVerificationEmail", send_verification_email, send_verification_email),
    METHOD("Verify", verify, verify),
    METHOD("SetPaymentMethod", set_payment_method, set_payment_method),
    METHOD("HasPaymentMethod", has_payment_method, has_payment_method),
    METHOD("CompleteSignup", complete_signup, signup_complete),
    METHOD("Recover", recover, recover),
    METHOD("EmailToNamespace", email_to_namespace, email_to_namespace),
};
static const struct rpc_service served = {"signup.Signup", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_signup = {.name = "signup", .setup = setup, .stop = backend_stop};
