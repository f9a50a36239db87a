/* Invitations to sign up (proto/invite/invite.proto).
 *
 * Table "invites": "invite:<address>" is who may come and whereto, "from:<account>" whom an account has invited. The
 * platform's operators invite without limit, to a namespace of one's own; everybody else invites at most INVITES_MAX
 * addresses, to the namespace of their account. An address that was invited already gets another mail only when it was
 * invited to one more namespace, when the first mail could not be sent, or when the caller says so. */
#include "runtime/services/backend/backend.h"

#include "proto/emails/emails.pb-c.h"
#include "proto/invite/invite.pb-c.h"
#include "proto/store/store.pb-c.h"

#include "base/text.h"

#include <string.h>

#define TABLE       "invites"
#define INVITES_MAX 5
#define TRIES       3 /* when somebody else changed a record meanwhile */

struct record {
    char *email;
    struct backend_list namespaces; /* to join; none: a new one */
    bool to_new;                    /* an operator's: may make a namespace of one's own */
    bool sent;
};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct record, email, FIELD_TEXT),
    BACKEND_FIELD(struct record, namespaces, FIELD_LIST),
    BACKEND_FIELD(struct record, to_new, FIELD_BOOL),
    BACKEND_FIELD(struct record, sent, FIELD_BOOL),
};
static const struct backend_shape shape = {TABLE, "what the store holds under this address is no invitation", fields,
                                           sizeof fields / sizeof *fields};

struct quota {
    struct backend_list emails;
};
static const struct backend_field quota_fields[] = {BACKEND_FIELD(struct quota, emails, FIELD_LIST)};

struct work {
    struct task task;
    char *email, *key, *quota_key;
    const char *namespace; /* to join; NULL: a new one */
    bool resend, send;
    struct record record;
    uint64_t revision;
    int tries;
};

static struct arena *memory(struct work *w)
{
    return rpc_call_arena(w->task.call);
}

static void reply_empty(struct task *t)
{
    static const Invite__CreateResponse empty = INVITE__CREATE_RESPONSE__INIT;
    rpc_call_reply(t->call, &empty.base);
}

/* The invitation of an answer into w->record; a blank one when there is none. False: the call was failed. */
static bool take_record(struct work *w, const struct backend_answer *a)
{
    w->record = (struct record){.email = w->email};
    return task_take(&w->task, &shape, a, &w->record, &w->revision);
}

static void write_record(struct work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, w->key, &w->record, revision, next);
}

static void busy(struct task *t)
{
    micro_fail(t->call, 409, t->id, "the invitation is being changed; try again");
}

/* ---- User -------------------------------------------------------------------------------------------------------- */

static void user_done(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        reply_empty(t);
}

static void user_sent(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 502))
        return;
    if (w->record.sent) {
        reply_empty(t);
        return;
    }
    w->record.sent = true;
    write_record(w, BACKEND_ALWAYS, user_done);
}

static void user_written(struct task *t, const struct backend_answer *a);

static void user_mail(struct work *w)
{
    static char template[] = "invite";
    Emails__SendRequest r = EMAILS__SEND_REQUEST__INIT;
    struct text data = TEXT_INIT;
    const struct micro_account *by = micro_caller(w->task.call);
    text_puts(&data, "{\"namespace\":\"");
    text_json(&data, w->namespace ? w->namespace : "", w->namespace ? strlen(w->namespace) : 0);
    text_puts(&data, "\",\"invitedBy\":\"");
    const char *name = by->name[0] ? by->name : by->id;
    text_json(&data, name, strlen(name));
    text_puts(&data, "\"}");
    r.to = w->email;
    r.template_id = template;
    r.template_data.data = text_ok(&data) ? arena_copy(memory(w), data.data, data.len) : NULL;
    r.template_data.len = data.len;
    text_deinit(&data);
    if (r.template_data.data)
        task_ask(&w->task, "the mail service", "emails", "Emails.Send", &r.base, &emails__send_response__descriptor,
                 user_sent);
    else
        task_no_memory(&w->task);
}

static void user_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!take_record(w, a))
        return;
    bool is_new = w->namespace ? !backend_list_has(&w->record.namespaces, w->namespace) : !w->record.to_new;
    w->send = is_new || w->resend || !w->record.sent;
    if (!is_new) {
        if (w->send)
            user_mail(w);
        else
            reply_empty(t);
        return;
    }
    w->record.sent = false;
    if (!w->namespace)
        w->record.to_new = true;
    else if (!backend_list_add(memory(w), &w->record.namespaces, w->namespace)) {
        task_no_memory(t);
        return;
    }
    write_record(w, w->revision, user_written);
}

static void user_written(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->key, false, user_read);
        else
            busy(t);
    } else if (!task_failed(t, a, 500)) {
        user_mail(w);
    }
}

static void quota_read(struct task *t, const struct backend_answer *a);

static void quota_written(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->quota_key, false, quota_read);
        else
            busy(t);
    } else if (!task_failed(t, a, 500)) {
        w->tries = 0;
        task_read(t, TABLE, w->key, false, user_read);
    }
}

static void quota_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    struct quota quota = {0};
    if (r->n_records > 0 && !backend_decode(memory(w), quota_fields, 1,
                                            BYTES(r->records[0]->value.data, r->records[0]->value.len), &quota)) {
        micro_fail(t->call, 500, t->id, "what the store holds of the account's invitations is damaged");
        return;
    }
    if (backend_list_has(&quota.emails, w->email)) {
        task_read(t, TABLE, w->key, false, user_read);
        return;
    }
    if (quota.emails.count >= INVITES_MAX) {
        micro_fail(t->call, 429, t->id, "an account invites at most %d addresses", INVITES_MAX);
        return;
    }
    char *json = backend_list_add(memory(w), &quota.emails, w->email)
                     ? backend_encode(memory(w), quota_fields, 1, &quota)
                     : NULL;
    if (json)
        task_write(t, TABLE, w->quota_key, json, r->n_records ? r->records[0]->revision : 0, quota_written);
    else
        task_no_memory(t);
}

/* What User and Delete have in common. NULL: the call was failed. */
static struct work *begin(struct rpc_call *call, const Invite__CreateRequest *r, void *context, const char *id)
{
    const struct micro_account *a = backend_caller(call, id);
    char *email = a ? backend_email(call, id, r->email) : NULL;
    if (!email)
        return NULL;
    bool op = backend_is_operator(a);
    if (!op && r->namespace_[0] && strcmp(r->namespace_, a->issuer) != 0) {
        micro_fail(call, 403, id, "the namespace \"%.200s\" is not yours to invite to", r->namespace_);
        return NULL;
    }
    if (!op && strcmp(a->issuer, MICRO_NAMESPACE) == 0) {
        micro_fail(call, 403, id, "only the platform's administrators invite to the platform");
        return NULL;
    }
    struct work *w = task_new(sizeof *w, context, call, id);
    if (!w)
        return NULL;
    w->email = email;
    w->resend = r->resend;
    w->namespace = op ? (r->namespace_[0] ? r->namespace_ : NULL) : a->issuer;
    w->key = arena_printf(memory(w), "invite:%s", email);
    w->quota_key = op ? NULL : arena_printf(memory(w), "from:%s/%s", a->issuer, a->id);
    if (!w->key || (!op && !w->quota_key)) {
        task_no_memory(&w->task);
        return NULL;
    }
    if (w->namespace && strcmp(w->namespace, MICRO_NAMESPACE) == 0) {
        micro_fail(call, 400, id, "nobody is invited to the platform's own namespace");
        return NULL;
    }
    return w;
}

static void user(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct work *w = begin(call, (const Invite__CreateRequest *)(const void *)message, context, "invite.Invite.User");
    if (w && w->quota_key)
        task_read(&w->task, TABLE, w->quota_key, false, quota_read);
    else if (w)
        task_read(&w->task, TABLE, w->key, false, user_read);
}

/* ---- Delete ------------------------------------------------------------------------------------------------------ */

static void delete_read(struct task *t, const struct backend_answer *a);

static void deleted(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->key, false, delete_read);
        else
            busy(t);
    } else if (!task_failed(t, a, 500)) {
        reply_empty(t);
    }
}

/* An operator without a namespace takes all of it back; anybody else what they invited to. Who was invited stays
 * counted: the mail was sent. */
static void delete_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!take_record(w, a))
        return;
    if (w->revision == 0 || (w->namespace && !backend_list_has(&w->record.namespaces, w->namespace))) {
        reply_empty(t);
        return;
    }
    struct backend_list left = {0};
    for (size_t i = 0; w->namespace && i < w->record.namespaces.count; i++)
        if (strcmp(w->record.namespaces.items[i], w->namespace) != 0 &&
            !backend_list_add(memory(w), &left, w->record.namespaces.items[i])) {
            task_no_memory(t);
            return;
        }
    if (!w->namespace || (left.count == 0 && !w->record.to_new)) {
        task_delete(t, TABLE, w->key, deleted);
        return;
    }
    w->record.namespaces = left;
    write_record(w, w->revision, deleted);
}

static void delete_invite(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct work *w = begin(call, (const Invite__CreateRequest *)(const void *)message, context, "invite.Invite.Delete");
    if (w)
        task_read(&w->task, TABLE, w->key, false, delete_read);
}

/* ---- Validate ---------------------------------------------------------------------------------------------------- */

static void validate_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!take_record(w, a))
        return;
    if (w->revision == 0) {
        micro_fail(t->call, 404, t->id, "nobody invited this address");
        return;
    }
    Invite__ValidateResponse reply = INVITE__VALIDATE_RESPONSE__INIT;
    reply.namespaces = w->record.namespaces.items;
    reply.n_namespaces = w->record.namespaces.count;
    rpc_call_reply(t->call, &reply.base);
}

static void validate(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "invite.Invite.Validate";
    const Invite__ValidateRequest *r = (const Invite__ValidateRequest *)(const void *)message;
    const struct micro_account *a = backend_caller(call, id);
    if (a && !backend_is_operator(a)) {
        micro_fail(call, 403, id, "only the platform's administrators and services may ask who was invited");
        return;
    }
    char *email = a ? backend_email(call, id, r->email) : NULL;
    struct work *w = email ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return;
    w->email = email;
    w->key = arena_printf(memory(w), "invite:%s", email);
    if (w->key)
        task_read(&w->task, TABLE, w->key, false, validate_read);
    else
        task_no_memory(&w->task);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct rpc_method methods[] = {
    {.name = "User",
     .input = &invite__create_request__descriptor,
     .output = &invite__create_response__descriptor,
     .unary = user},
    {.name = "Delete",
     .input = &invite__create_request__descriptor,
     .output = &invite__create_response__descriptor,
     .unary = delete_invite},
    {.name = "Validate",
     .input = &invite__validate_request__descriptor,
     .output = &invite__validate_response__descriptor,
     .unary = validate},
};
static const struct rpc_service served = {"invite.Invite", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_invite = {.name = "invite", .setup = setup, .stop = backend_stop};
