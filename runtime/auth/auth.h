/* Auth: accounts, access tokens and rules (the services auth.Auth, auth.Accounts and auth.Rules of Micro v3).
 *
 * Records live in the store component, database "micro", table "auth", as JSON, under v3's keys:
 *     account/<namespace>/<id>              the account; its secret only as a PBKDF2 hash (auth/secret.h)
 *     accountByName/<namespace>/<name>      {"id": ...}
 *     refresh/<namespace>/<id>/<sha256>     {"id": ...}; a refresh token is known by its hash alone and expires
 *     rules/<namespace>/<id>                the rule
 *     defaults/<namespace>                  the default rule was made once
 * Access tokens are RS256 JWTs (runtime/service/service.h) and are not stored.
 *
 * Every handler is a chain of steps over micro_call(); its state is a struct in the call's arena, gone as soon as the
 * call is finished: finishing is the last thing a step does. What changes accounts
 * or rules takes a turn first: one change at a time, in order of arrival, so that a check ("is the id free?") still
 * holds when the write that rests on it is made. One auth process owns the table. */
#ifndef RUNTIME_AUTH_AUTH_H
#define RUNTIME_AUTH_AUTH_H

#include "base/arena.h"
#include "proto/auth/auth.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "runtime/component.h"
#include "runtime/service/service.h"

#include <jansson.h>

#define AUTH_DATABASE        "micro"
#define AUTH_TABLE           "auth"
#define AUTH_ID_MAX          ((size_t)256)  /* bytes of an account's id or name, a rule's id, a scope, a namespace */
#define AUTH_SECRET_MAX      ((size_t)1024) /* bytes of a secret */
#define AUTH_LIST_MAX        64             /* scopes or metadata entries of one account */
#define AUTH_TOKEN_SECONDS   ((int64_t)15 * 60)             /* an access token's life when the caller names none */
#define AUTH_TOKEN_MAX       ((int64_t)365 * 24 * 3600)     /* the longest that may be asked for */
#define AUTH_REFRESH_SECONDS ((int64_t)30 * 24 * 3600)      /* a refresh token's life, counted from its last use */
#define AUTH_REFRESH_RENEW   (AUTH_REFRESH_SECONDS - 86400) /* left to live, below which a use renews the record */
#define AUTH_REFRESH_BYTES   32                             /* random bytes in a refresh token */

struct auth_turn { /* a place in the queue of changes; embedded in an operation */
    void (*begin)(void *arg);
    void (*drop)(void *arg); /* auth stops before it was its turn: end the call, free what is held */
    void *arg;
    struct auth_turn *next;
};

struct auth {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    bool stopping;
    struct auth_turn *turns, **turns_end;
    bool turn_begun;                /* the first one is having its turn */
    struct world_task turn_task;    /* begins the next turn from the loop */
    struct world_timer first_timer; /* tries again to make the first account */
    uint64_t first_delay;
};

/* Calls turn->begin when it is its turn; auth_turn_end() gives the turn to the next. */
void auth_turn_begin(struct auth *a, struct auth_turn *turn);
void auth_turn_end(struct auth *a);

/* ---- records (records.c) ---- */

/* The store's answer to a step comes to `done` exactly once, also when the call could not be made at all. */
void auth_read(struct auth *a, const char *key, bool prefix, micro_done *done, void *arg);
void auth_write(struct auth *a, const char *key, const json_t *value, int64_t expiry_seconds, micro_done *done,
                void *arg);
void auth_remove(struct auth *a, const char *key, micro_done *done, void *arg);
/* Removes every record below a prefix, then calls finished(arg, grpc status, message). */
void auth_remove_all(struct auth *a, struct arena *arena, const char *prefix,
                     void (*finished)(void *arg, int status, const char *message), void *arg);
/* HTTP-like code of a store answer; 200 when it is fine. */
int auth_store_code(int status, const char *message);
/* Ends the call because the store failed: 503 when it cannot be reached, else 500. */
void auth_store_failed(struct rpc_call *call, const char *error_id, int status, const char *message);
/* The JSON object in a record, a new reference; NULL when it is none. */
json_t *auth_record_value(const Store__Record *record);

struct auth_account {
    const char *id, *name, *type, *secret; /* `secret` hashed; "" when absent, never NULL */
    const char *const *scopes;             /* NULL-terminated */
    size_t scope_count;
    const char *const *metadata; /* key, value, key, value, ..., NULL */
    size_t metadata_count;       /* pairs */
};
/* From a record into the arena. */
int auth_account_parse(const Store__Record *record, struct arena *arena, struct auth_account *out, struct error *err);
json_t *auth_account_json(const struct auth_account *account, int64_t updated_seconds); /* NULL: no memory */
/* The message form, without the secret, in the arena; NULL: no memory. */
Auth__Account *auth_account_message(const struct auth_account *account, const char *namespace, struct arena *arena);

/* True when `id` may be part of a key: not empty, no "/", no control characters, within AUTH_ID_MAX. */
bool auth_id_valid(const char *id);
/* The namespace a request is about: its options', else the call's. NULL: not valid, and the call was ended. */
const char *auth_namespace(struct rpc_call *call, const Auth__Options *options, const char *error_id);
/* In the call's arena; NULL: no memory. */
char *auth_key(struct rpc_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void auth_no_memory(struct rpc_call *call, const char *error_id);

/* ---- the directory of accounts (directory.c) ---- */

/* An outcome: 200, or an HTTP-like code with what to tell the caller. `account` lives in the arena given. */
typedef void auth_outcome(void *arg, int code, const char *detail, const struct auth_account *account);
/* By id, else by name. 400 "Account not found with this ID". */
void auth_find(struct auth *a, struct arena *arena, const char *namespace, const char *id_or_name, auth_outcome *done,
               void *arg);
/* Writes a new account whose secret is hashed already. 400 when the id or the name is taken. The caller has the turn;
 * `namespace` and `account` stay valid until done. */
void auth_create(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg);

/* ---- handlers ---- */

void auth_generate(struct rpc_call *call, const ProtobufCMessage *request, void *service);
void auth_inspect(struct rpc_call *call, const ProtobufCMessage *request, void *service);
void auth_token(struct rpc_call *call, const ProtobufCMessage *request, void *service);
extern const struct rpc_service auth_accounts_service, auth_rules_service;

/* Makes the first account of the namespace "micro" when it has no user yet, trying again until the store answers, and
 * calls the service healthy then. */
void auth_first_account(struct auth *a);

#endif
