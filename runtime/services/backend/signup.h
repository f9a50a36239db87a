/* Signing up by invitation (proto/signup/signup.proto).
 *
 * Table "signup": "signup:<address>" is how far an address is, "token:<token>" whose token it is. A token is good for
 * TOKEN_LIFE and for ATTEMPTS_MAX wrong guesses; a new mail brings a new one. What CompleteSignup has done is written
 * down step by step, so that who calls it again goes on where it stopped: no second namespace, subscription or account.
 * A complete signup leaves nothing behind here; signing up again with the address begins anew.
 *
 *   SendVerificationEmail   invite Validate, customers Create, emails Send
 *   Verify                  customers MarkVerified, invite Validate, event signup.verified
 *   CompleteSignup          invite Validate; to join: namespaces Read, subscriptions AddUser, namespaces AddUser;
 *                           to begin: namespaces Create, subscriptions Create; then auth Generate, customers Update,
 *                           auth Token, and the event signup.completed
 *
 * signup.c is the way up to a verified address, signup_complete.c the rest; signup_record.c is what they share. */
#ifndef RUNTIME_SERVICES_BACKEND_SIGNUP_H
#define RUNTIME_SERVICES_BACKEND_SIGNUP_H

#include "runtime/services/backend/backend.h"

#include "proto/auth/auth.pb-c.h"
#include "proto/events/signup/events.pb-c.h"
#include "proto/signup/signup.pb-c.h"

#define SIGNUP_TABLE "signup"
#define TOKEN_LENGTH 8
#define TOKEN_LIFE   INT64_C(3600) /* seconds */
#define ATTEMPTS_MAX 5

struct signup_record {
    char *email, *token, *customer_id, *payment_method;
    char *namespace; /* made or joined; blank: not yet */
    char *paid_for;  /* the namespace that is paid for; blank: none */
    int64_t created, attempts;
    bool verified, account_made;
};

struct signup_work {
    struct task task;
    char *email, *key;
    struct signup_record record;
    uint64_t revision;
    const char *token;           /* given */
    backend_step *accepted;      /* after the token was found good */
    struct backend_list invited; /* namespaces */
    const Signup__CompleteSignupRequest *complete;
    const char *payment_method, *owner;
    bool joins;
    Auth__Token *login;
};

struct arena *signup_memory(struct signup_work *w);
void signup_write(struct signup_work *w, uint64_t revision, backend_step *next);
/* False: the call was failed. w->revision 0: there is none. */
bool signup_take(struct signup_work *w, const struct backend_answer *a);
/* NULL: the call was failed. */
struct signup_work *signup_new(struct rpc_call *call, void *context, const char *id, const char *address);
void signup_ask_invite(struct signup_work *w, backend_step *next);
/* Who was not invited is told so; the namespaces to join are kept. False: the call was failed. */
bool signup_take_invite(struct signup_work *w, const struct backend_answer *a);
void signup_publish(struct signup_work *w, Signupevents__EventType type, const char *word, backend_step *next);
/* The same for who has to show the token: read the record and go on with signup_token_read, then `accepted`. */
struct signup_work *signup_with_token(struct rpc_call *call, void *context, const char *id, const char *email,
                                      const char *token, backend_step *accepted);
void signup_token_read(struct task *t, const struct backend_answer *a);

void signup_complete(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
