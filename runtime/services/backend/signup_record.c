/* What the parts of the signup service share. */
#include "runtime/services/backend/signup.h"

#include "proto/invite/invite.pb-c.h"

#include <string.h>

#define TOPIC "signup"

static const struct backend_field fields[] = {
    BACKEND_FIELD(struct signup_record, email, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, token, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, customer_id, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, payment_method, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, namespace, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, created, FIELD_INT),
    BACKEND_FIELD(struct signup_record, attempts, FIELD_INT),
    BACKEND_FIELD(struct signup_record, verified, FIELD_BOOL),
    BACKEND_FIELD(struct signup_record, paid_for, FIELD_TEXT),
    BACKEND_FIELD(struct signup_record, account_made, FIELD_BOOL),
};
static const struct backend_shape shape = {SIGNUP_TABLE, "what the store holds under this address is no signup", fields,
                                           sizeof fields / sizeof *fields};

struct arena *signup_memory(struct signup_work *w)
{
    return rpc_call_arena(w->task.call);
}

void signup_write(struct signup_work *w, uint64_t revision, backend_step *next)
{
    task_save(&w->task, &shape, w->key, &w->record, revision, next);
}

/* False: the call was failed. revision 0: there is none. */
bool signup_take(struct signup_work *w, const struct backend_answer *a)
{
    return task_take(&w->task, &shape, a, &w->record, &w->revision);
}

struct signup_work *signup_new(struct rpc_call *call, void *context, const char *id, const char *address)
{
    char *email = backend_email(call, id, address);
    struct signup_work *w = email ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return NULL;
    w->email = email;
    w->key = arena_printf(signup_memory(w), "signup:%s", email);
    if (w->key)
        return w;
    task_no_memory(&w->task);
    return NULL;
}

void signup_ask_invite(struct signup_work *w, backend_step *next)
{
    Invite__ValidateRequest r = INVITE__VALIDATE_REQUEST__INIT;
    r.email = w->email;
    task_ask(&w->task, "the invitations", "invite", "Invite.Validate", &r.base, &invite__validate_response__descriptor,
             next);
}

/* Who was not invited is told so; the namespaces to join are kept. */
bool signup_take_invite(struct signup_work *w, const struct backend_answer *a)
{
    if (a->status == GRPC_NOT_FOUND) {
        micro_fail(w->task.call, 403, w->task.id, "%s was not invited", w->email);
        return false;
    }
    if (task_failed(&w->task, a, 500))
        return false;
    const Invite__ValidateResponse *r = (const Invite__ValidateResponse *)(const void *)a->reply;
    for (size_t i = 0; i < r->n_namespaces; i++)
        if (!backend_list_add(signup_memory(w), &w->invited, r->namespaces[i])) {
            task_no_memory(&w->task);
            return false;
        }
    return true;
}

void signup_publish(struct signup_work *w, Signupevents__EventType type, const char *word, backend_step *next)
{
    Signupevents__Event event = SIGNUPEVENTS__EVENT__INIT;
    Signupevents__Started started = SIGNUPEVENTS__STARTED__INIT;
    Signupevents__Verified verified = SIGNUPEVENTS__VERIFIED__INIT;
    Signupevents__Completed completed = SIGNUPEVENTS__COMPLETED__INIT;
    verified.customer_id = completed.customer_id = w->record.customer_id;
    completed.namespace_ = w->record.namespace;
    completed.joined = w->joins;
    event.type = type;
    event.email = w->email;
    event.started = type == SIGNUPEVENTS__EVENT_TYPE__EventTypeStarted ? &started : NULL;
    event.verified = type == SIGNUPEVENTS__EVENT_TYPE__EventTypeVerified ? &verified : NULL;
    event.completed = type == SIGNUPEVENTS__EVENT_TYPE__EventTypeCompleted ? &completed : NULL;
    task_publish(&w->task, TOPIC, word, &event.base, next);
}

/* ---- the token --------------------------------------------------------------------------------------------------- */

static void guess_written(struct task *t, const struct backend_answer *a)
{
    (void)a; /* a guess that could not be counted is refused all the same */
    micro_fail(t->call, 403, t->id, "the token is wrong");
}

void signup_token_read(struct task *t, const struct backend_answer *a)
{
    struct signup_work *w = (struct signup_work *)t;
    if (!signup_take(w, a))
        return;
    if (w->revision == 0 || w->record.attempts >= ATTEMPTS_MAX ||
        backend_now(t->backend) - w->record.created > TOKEN_LIFE) {
        micro_fail(t->call, 403, t->id, "the token is not good any more; ask for another mail");
        return;
    }
    if (!backend_same(w->record.token, w->token)) {
        w->record.attempts++;
        signup_write(w, w->revision, guess_written);
        return;
    }
    w->accepted(t, a);
}

struct signup_work *signup_with_token(struct rpc_call *call, void *context, const char *id, const char *email,
                                      const char *token, backend_step *accepted)
{
    struct signup_work *w = signup_new(call, context, id, email);
    if (!w)
        return NULL;
    if (!*token) {
        micro_fail(call, 400, id, "the token that was sent by mail is required");
        return NULL;
    }
    w->token = token;
    w->accepted = accepted;
    return w;
}
