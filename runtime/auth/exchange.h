/* One call of auth.Auth.Token in work, what token.c (credentials, the answer) and refresh_token.c (refresh tokens)
 * share. It lives in its call's arena: the functions that end the call are the last thing a step does. They leave what
 * the exchange holds (its turn, its lane) first. */
#ifndef RUNTIME_AUTH_EXCHANGE_H
#define RUNTIME_AUTH_EXCHANGE_H

#include "runtime/auth/auth.h"
#include "runtime/auth/refresh.h"

struct auth_exchange {
    struct auth *auth;
    struct rpc_call *call;
    const char *namespace;
    const Auth__TokenRequest *request;
    int64_t lifetime; /* of the access token, seconds */
    const struct auth_account *account;
    struct auth_account changed; /* the account as it is written when something of it changes */
    const char *limit_key;       /* in the limiter */
    const char *rehashed;        /* the secret in today's form; NULL: it is in it */
    struct auth_work work;
    struct auth_turn turn;
    bool has_turn;
    struct refresh_token refresh; /* shown by the caller, or made for it */
    struct refresh_token answer;  /* to hand back */
    struct refresh_record record;
    const char *key; /* the record's */
    /* reading record and account at once */
    int pending, code, code_account;
    const char *detail;
    int64_t left;                /* seconds the record has to live */
    struct auth_version version; /* of the record */
    int tries;
    /* the lane: one use of a family at a time */
    bool in_lane;
    struct auth_exchange *waiting; /* behind this one, in the order they came */
    struct auth_exchange *ready;   /* the next of auth->ready */
    void (*then)(struct auth_exchange *x);
};

void exchange_fail(struct auth_exchange *x, int code, const char *detail);
/* Somebody else's change came first: true when it shall be done again from the reading, else the call was ended. */
bool exchange_again(struct auth_exchange *x);
void exchange_answer(struct auth_exchange *x);
/* Writes what has to change of the account before a token of it is signed (a new generation, a longer life, the
 * secret's form), when anything has, then `then`. */
void exchange_touch(struct auth_exchange *x, void (*then)(struct auth_exchange *x));
/* Writes the record of `answer` and answers. */
void exchange_write(struct auth_exchange *x);

/* refresh_token.c */
void exchange_refresh(struct auth_exchange *x);
void exchange_reread(struct auth_exchange *x); /* a refresh, from its reading on; it has its lane */
void exchange_leave_lane(struct auth_exchange *x);

#endif
