/* Tokens: clients make accounts and log in (issue), call with tokens of all of them (use), and end accounts, by
 * deleting them or by changing their secret (revoke), which ends every token the account has. One token in eight lives
 * TOKEN_LIFE seconds; its running out is written down as a revocation by nobody's hand, which begins with its issue and
 * ends when its time is over for certain. So every other token has to be good until somebody ends it.
 *
 * A use is a call of auth itself, which knows of a revocation as soon as it is answered. In the end, PROPAGATES after
 * everything has healed, the store is called as well where there is one: it has to have heard of them.
 *
 * An account whose change nobody knows the end of is left alone from then on. At most TOKENS_MAX tokens are kept. */
#include "auth/auth.pb-c.h"
#include "base/units.h"
#include "chaos/workload/account_calls.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/record_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_MAX 64
#define TOKEN_LIFE 2 /* seconds; tokens count in whole ones */
#define LIFE_SLACK 2
#define LONG_LIFE  ((int64_t)24 * 3600)
#define PROPAGATES ((uint64_t)(3 * SECOND))

struct token {
    char *text;
    int64_t value;
    uint32_t account;
    uint64_t over;    /* it has run out by then; TIME_NEVER: it lives long, or that was written down */
    int64_t runs_out; /* the operation that says so */
    bool revoked;     /* or about to be */
};
struct client {
    uint32_t account; /* 0: none; numbers of accounts are keys of the history */
    bool made;
    int secret; /* which one it has by now */
    bool brief; /* the token being issued lives TOKEN_LIFE */
    bool by_secret;
    ARRAY(int64_t) others; /* operations of the other tokens a revocation ends */
};
struct state {
    struct token tokens[TOKENS_MAX];
    size_t count;
    uint32_t accounts;
    bool propagated;
};

static const struct workload_outcome goes_on = {END_OPEN, VALUE_NIL};

static uint64_t now_of(const struct workload_client *c)
{
    return world_now(workload_target(c->workload)->world);
}

/* Somebody else's account from here on: nobody's. */
static void abandon(struct client *own)
{
    own->account = 0;
    own->made = false;
    own->secret = 0;
}

/* ---- issue ---- */

static void keep(struct workload_client *c, const char *text, int64_t value)
{
    struct state *s = workload_state(c->workload);
    const struct client *own = c->state;
    size_t at = s->count < TOKENS_MAX ? s->count : (size_t)random_below(workload_random(c->workload), TOKENS_MAX);
    uint64_t now = now_of(c);
    struct token token = {.value = value, .account = own->account, .over = TIME_NEVER};
    if (own->brief) {
        token.over = now + (uint64_t)(TOKEN_LIFE + LIFE_SLACK) * (uint64_t)SECOND;
        token.runs_out = history_invoke(workload_write(c->workload), workload_process(c->workload), OPERATION_REVOKE,
                                        own->account, value, now);
    }
    if (token.runs_out < 0 || (token.text = strdup(text)) == NULL)
        return;
    if (at == s->count)
        s->count++;
    else
        free(s->tokens[at].text);
    s->tokens[at] = token;
}

static struct workload_outcome issued(struct workload_client *c, const struct rpc_reply *reply)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t value = VALUE_NIL;
    if (reply->status == GRPC_OK &&
        pb_unpack(&auth__token_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Auth__TokenResponse *response = (const Auth__TokenResponse *)message;
        if (response->token != NULL) {
            value = workload_value(c->workload);
            keep(c, response->token->access_token, value);
        }
    }
    arena_deinit(&arena);
    return (struct workload_outcome){value != VALUE_NIL ? END_OK : END_INFO, value};
}

static int ask_token(struct workload_client *c)
{
    const struct client *own = c->state;
    return account_login(c, own->account, own->secret, own->brief ? TOKEN_LIFE : LONG_LIFE, issued);
}

static struct workload_outcome account_made(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    if (reply->status != GRPC_OK) {
        abandon(own);
        return (struct workload_outcome){END_FAIL, VALUE_NIL}; /* no token was asked for */
    }
    own->made = true;
    ask_token(c);
    return goes_on;
}

static int begin_issue(struct workload_client *c)
{
    struct state *s = workload_state(c->workload);
    struct client *own = c->state;
    own->brief = random_below(workload_random(c->workload), 8) == 0;
    if (own->account == 0)
        own->account = ++s->accounts;
    int code = workload_invoke(c, OPERATION_ISSUE, own->account, VALUE_NIL);
    if (code != 0)
        return code;
    return own->made ? ask_token(c) : account_make(c, own->account, account_made);
}

/* ---- use ---- */

static struct workload_outcome used(struct workload_client *c, const struct rpc_reply *reply)
{
    (void)c;
    if (reply->status == GRPC_OK || reply->status == GRPC_NOT_FOUND)
        return (struct workload_outcome){END_OK, VALUE_NIL};
    bool refused = reply->status == GRPC_UNAUTHENTICATED || reply->status == GRPC_PERMISSION_DENIED;
    return (struct workload_outcome){refused ? END_FAIL : END_INFO, VALUE_NIL};
}

static int begin_use(struct workload_client *c, struct token *t, bool at_store)
{
    if (t->over <= now_of(c)) {
        history_end(workload_write(c->workload), t->runs_out, END_OK, VALUE_NIL, now_of(c));
        t->over = TIME_NEVER;
    }
    int code = workload_invoke(c, OPERATION_USE, t->account, t->value);
    if (code != 0)
        return code;
    if (at_store)
        return record_call_read_as(c, t->text, "token", used);
    Auth__InspectRequest request = AUTH__INSPECT_REQUEST__INIT;
    request.token = t->text;
    return workload_call_as(c, t->text, AUTH_SERVICE, "/auth.Auth/Inspect", &request.base, used);
}

/* ---- revoke ---- */

static struct workload_outcome revoked(struct workload_client *c, const struct rpc_reply *reply)
{
    struct history *h = workload_write(c->workload);
    struct client *own = c->state;
    enum operation_end end = workload_end_of_write(reply);
    if (reply->status == GRPC_NOT_FOUND)
        end = END_INFO;
    for (size_t i = 0; i < own->others.count; i++)
        history_end(h, own->others.items[i], end, VALUE_NIL, now_of(c));
    array_clear(&own->others);
    if (end == END_OK && own->by_secret)
        own->secret++;
    else
        abandon(own);
    return (struct workload_outcome){end, VALUE_NIL};
}

/* The operations of all tokens of the account, the client's own for the first of them. 1: it has none. */
static int invoke_all(struct workload_client *c)
{
    struct state *s = workload_state(c->workload);
    struct client *own = c->state;
    int code = 1;
    array_clear(&own->others);
    for (size_t i = 0; i < s->count && code >= 0; i++) {
        struct token *t = &s->tokens[i];
        if (t->account != own->account || t->revoked)
            continue;
        t->revoked = true;
        if (code == 1) {
            code = workload_invoke(c, OPERATION_REVOKE, t->account, t->value);
            continue;
        }
        int64_t index = history_invoke(workload_write(c->workload), workload_process(c->workload), OPERATION_REVOKE,
                                       t->account, t->value, now_of(c));
        if (index >= 0 && !array_push(&own->others, index))
            index = ERROR_MEMORY; /* it stays open: nobody knows */
    }
    return code;
}

static int begin_revoke(struct workload_client *c)
{
    struct client *own = c->state;
    int code = invoke_all(c);
    if (code != 0)
        return code > 0 ? begin_issue(c) : code;
    struct account_names names, next;
    Auth__Options options = AUTH__OPTIONS__INIT;
    account_names(c, own->account, own->secret, &names);
    account_names(c, own->account, own->secret + 1, &next);
    options.namespace_ = names.namespace;
    own->by_secret = random_below(workload_random(c->workload), 2) == 0;
    if (own->by_secret) {
        Auth__ChangeSecretRequest request = AUTH__CHANGE_SECRET_REQUEST__INIT;
        request.id = names.id;
        request.old_secret = names.secret;
        request.new_secret = next.secret;
        request.options = &options;
        return workload_call(c, ACCOUNTS_SERVICE, "/auth.Accounts/ChangeSecret", &request.base, revoked);
    }
    Auth__DeleteAccountRequest request = AUTH__DELETE_ACCOUNT_REQUEST__INIT;
    request.id = names.id;
    request.options = &options;
    return workload_call(c, ACCOUNTS_SERVICE, "/auth.Accounts/Delete", &request.base, revoked);
}

/* ---- the kind ---- */

static int begin(struct workload_client *c)
{
    struct state *s = workload_state(c->workload);
    const struct client *own = c->state;
    struct random *r = workload_random(c->workload);
    uint64_t what = random_below(r, 20);
    if (own->made && what == 0)
        return begin_revoke(c);
    if (s->count == 0 || what < 4)
        return begin_issue(c);
    return begin_use(c, &s->tokens[random_below(r, s->count)], false);
}

/* Some of the tokens once more, those of accounts that were ended first. */
static int final_read(struct workload_client *c, uint32_t key)
{
    struct state *s = workload_state(c->workload);
    if (s->count == 0)
        return begin_issue(c);
    if (!s->propagated) {
        s->propagated = true;
        world_sleep(workload_target(c->workload)->world, PROPAGATES);
    }
    size_t skip = key;
    bool at_store = key % 2 == 0 && target_serving(workload_target(c->workload), RECORD_SERVICE) != NULL;
    for (size_t i = s->count; i-- > 0;)
        if (s->tokens[i].revoked && skip-- == 0)
            return begin_use(c, &s->tokens[i], at_store);
    return begin_use(c, &s->tokens[key % s->count], at_store);
}

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return workload_client_states(w, sizeof(struct client), err);
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_clients(w); i++)
        if (workload_client(w, i)->state != NULL)
            array_deinit(&((struct client *)workload_client(w, i)->state)->others);
    for (size_t i = 0; s != NULL && i < s->count; i++)
        free(s->tokens[i].text);
    free(s);
}

const struct workload_kind workload_auth_token = {
    .name = "auth-token",
    .summary = "accounts made and ended, tokens issued, used, run out and revoked",
    .services = (const char *const[]){AUTH_SERVICE, ACCOUNTS_SERVICE, NULL},
    .models = (const char *const[]){"token-exact", NULL},
    .waits = PROPAGATES,
    .clocks = true,
    .prepare = prepare,
    .begin = begin,
    .final_read = final_read,
    .release = release,
};
