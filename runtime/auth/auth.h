/* Auth: accounts, access tokens and rules (the services auth.Auth, auth.Accounts and auth.Rules of Micro v3), and what
 * v3 has not: the policy every service follows (policy.h) and the rotation of signing keys (ring.h).
 *
 * Records live in the store component, database "micro", table "auth", as JSON, under v3's keys where it has them:
 *     account/<namespace>/<id>               the account; its secret only as a hash (auth/secret.h)
 *     accountByName/<namespace>/<name>       {"id": ...}
 *     refresh/<namespace>/<id>/<family>      one login's refresh tokens (auth/refresh.h); expires
 *     rules/<namespace>/<id>                 the rule
 *     defaults/<namespace>                   the default rule was made once
 *     revoked/<namespace>/<id>/<generation>  {"expires": ...}; expires with the last token of that generation
 * Access tokens are RS256 JWTs (runtime/service/service.h) and are not stored.
 *
 * Every account has a generation, a random name that its tokens carry. Ending it ends every token at once: first the
 * revocation is written, then told to all services, then the account is changed or removed. When the store fails in
 * between, the account is as it was but for its ended generation, and its next login gives it a new one: there is no
 * half account. A refresh token counts only with the account's generation of now, so that records left behind are
 * harmless.
 *
 * Every handler is a chain of steps over micro_call(); its state is a struct in the call's arena, gone as soon as the
 * call is finished: finishing is the last thing a step does. What changes accounts or rules takes a turn first: one
 * change at a time, in order of arrival. What a write rests on ("the id is free", "the account is as I read it") goes
 * with it as its precondition, and the store refuses it when that does not hold any more: so a write nobody answered,
 * that reaches the store late, undoes nothing made since, and a second auth process over the same table cannot either.
 * Who is refused reads again and decides again, AUTH_TRIES_MAX times. Two kinds of write need no precondition: a
 * revocation, and the first record of a new login; nobody else writes their keys, and neither undoes anything. Secrets
 * are hashed one after the other (auth_work_submit), with the loop running in between. */
#ifndef RUNTIME_AUTH_AUTH_H
#define RUNTIME_AUTH_AUTH_H

#include "base/arena.h"
#include "proto/auth/auth.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "runtime/auth/limiter.h"
#include "runtime/auth/policy.h"
#include "runtime/auth/ring.h"
#include "runtime/component.h"
#include "runtime/service/service.h"

#include <jansson.h>

#define AUTH_DATABASE         "micro"
#define AUTH_TABLE            "auth"
#define AUTH_ID_MAX           ((size_t)256)  /* bytes of an account's id or name, a rule's id, a scope, a namespace */
#define AUTH_SECRET_MAX       ((size_t)1024) /* bytes of a secret */
#define AUTH_LIST_MAX         64             /* scopes or metadata entries of one account */
#define AUTH_ACCOUNTS_MAX     ((size_t)3 << 20)          /* bytes of one answer of Accounts.List */
#define AUTH_TOKEN_SECONDS    ((int64_t)15 * 60)         /* an access token's life when the caller names none */
#define AUTH_TOKEN_COMMON     ((int64_t)3600)            /* longer lives are noted in the account first */
#define AUTH_TOKEN_MAX        ((int64_t)365 * 24 * 3600) /* the longest that may be asked for */
#define AUTH_WORK_MAX         64                         /* secrets waiting to be hashed */
#define AUTH_GENERATION_BYTES 9                          /* random bytes: 12 characters */
#define AUTH_TRIES_MAX        8                          /* of a change that somebody else's came before */

struct auth_turn { /* a place in the queue of changes; embedded in an operation */
    void (*begin)(void *arg);
    void (*drop)(void *arg); /* auth stops before it was its turn: end the call, free what is held */
    void *arg;
    struct auth_turn *next;
};

struct auth_work { /* one secret to hash or check; embedded in an operation */
    void (*run)(void *arg);
    void (*drop)(void *arg); /* instead of run: auth stops, or nobody waits for the answer any more */
    void *arg;
    struct rpc_call *call; /* whose answer it is for; NULL: nobody's */
    struct auth_work *next;
};

struct auth {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    bool stopping;
    /* changes */
    struct auth_turn *turns, **turns_end;
    bool turn_begun;             /* the first one is having its turn */
    struct world_task turn_task; /* begins the next turn from the loop */
    /* hashing */
    struct auth_work *works, **works_end;
    size_t work_count;
    struct world_timer work_timer; /* runs the next one, after the loop has looked at the network */
    int secret_cost;
    struct auth_limiter limiter;
    /* beginning */
    bool settled;                  /* the first account is there, or not wanted */
    bool no_admin;                 /* option disable-admin */
    bool reload;                   /* the policy's copy may differ from the store: read it again */
    struct world_timer boot_timer; /* tries again */
    uint64_t boot_delay;
    struct policy policy;
    /* keys */
    struct ring ring;
    struct world_timer keys_timer;
    int64_t key_life;      /* seconds */
    uint64_t key_announce; /* ns */
    uint64_t announced;    /* when the waiting key was told, monotonic */
    /* refresh tokens: one use of a login's tokens at a time */
    bool rotation;
    struct map lanes;            /* record's key -> the exchange in work */
    struct auth_exchange *ready; /* to begin from the loop */
    struct world_task lane_task;
};

/* Calls turn->begin when it is its turn; auth_turn_end() gives the turn to the next. */
void auth_turn_begin(struct auth *a, struct auth_turn *turn);
void auth_turn_end(struct auth *a);

/* Calls work->run from the loop, or work->drop. False: too many wait already, or auth stops; nothing is called. */
bool auth_work_submit(struct auth *a, struct auth_work *work);

/* ---- beginning (load.c, first.c) ---- */

/* Reads the policy, then makes the first account, and calls the service healthy; tries again until that is done. Later
 * it reads the policy again when `reload` is set. */
void auth_boot(struct auth *a);
void auth_boot_retry(struct auth *a, const char *why);
/* The first account of the namespace "micro", when it has no user yet; then sets `settled`. */
void auth_first_account(struct auth *a);
/* The policy's copy could not follow, or a write's outcome is not known: read it again soon. */
void auth_reload_later(struct auth *a);
/* False: the policy is not known yet, and the call was ended with 503. */
bool auth_ready(struct auth *a, struct rpc_call *call, const char *error_id);

/* ---- keys (keys.c) ---- */

/* Reads the ring, or begins one; tells the policy. An unusable file is an error. */
int auth_keys_start(struct auth *a, struct error *err);
void auth_keys_stop(struct auth *a);
/* A signed token of an account; `claims` lacks its key. ERROR_UNSUPPORTED without a key to sign with. */
int auth_keys_sign(struct auth *a, struct micro_claims *claims, struct text *out, struct error *err);
/* By any key of the ring; also looks whether the token was revoked. */
int auth_keys_verify(struct auth *a, const char *token, struct arena *arena, struct micro_claims *out,
                     struct error *err);
extern const struct rpc_service auth_keys_service;

/* ---- records (records.c) ---- */

/* What a reading found, for the write that rests on it: the record's revision, or that it was not there, and the
 * store's revision at that moment (store.proto: if_revision, if_absent). */
struct auth_version {
    bool there;
    uint64_t revision;
};
struct auth_version auth_version_of(const Store__ReadResponse *found);

/* A record that is not there is an empty answer. `expected` NULL: whatever is there; else the store refuses with
 * GRPC_FAILED_PRECONDITION when it is something else, and then the change never happens.
 * The store's answer to a step comes to `done` exactly once, also when the call could not be made at all. */
void auth_read(struct auth *a, const char *key, micro_done *done, void *arg);
void auth_write(struct auth *a, const char *key, const json_t *value, int64_t expiry_seconds,
                const struct auth_version *expected, micro_done *done, void *arg);
void auth_remove(struct auth *a, const char *key, const struct auth_version *expected, micro_done *done, void *arg);

/* Every record below a prefix, read in pages. */
struct auth_reading {
    const char *prefix; /* lives until finished */
    /* A record, borrowed; NULL: forget those before, it begins anew. Negative: stop. */
    int (*each)(void *arg, const Store__Record *record);
    /* The store's status; GRPC_OK with code 0, or with what `each` returned. Last. */
    void (*finished)(void *arg, int status, const char *message, int code);
    void *arg;
};
void auth_read_all(struct auth *a, struct arena *arena, const struct auth_reading *reading);
/* Removes every record below a prefix (which lives until finished), then calls finished(arg, grpc status, message). */
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
    const char *generation;                /* its tokens'; "" when it never had one */
    int64_t longest;                       /* seconds: the longest life of a token it got; 0: none over the common */
    const char *const *scopes;             /* NULL-terminated */
    size_t scope_count;
    const char *const *metadata; /* key, value, key, value, ..., NULL */
    size_t metadata_count;       /* pairs */
    struct auth_version version; /* of the record it was read from */
};
/* From a record into the arena. */
int auth_account_parse(const Store__Record *record, struct arena *arena, struct auth_account *out, struct error *err);
json_t *auth_account_json(const struct auth_account *account, int64_t updated_seconds); /* NULL: no memory */
/* The message form, without the secret, in the arena; NULL: no memory. */
Auth__Account *auth_account_message(const struct auth_account *account, const char *namespace, struct arena *arena);
/* From a record into the arena; ERROR_SYNTAX when it holds no rule. */
int auth_rule_parse(const Store__Record *record, struct arena *arena, Auth__Rule **out, struct error *err);

/* True when `id` may be part of a key: not empty, no "/", no control characters, within AUTH_ID_MAX. */
bool auth_id_valid(const char *id);
/* The namespace a request is about: its options', else the call's. NULL: not valid, and the call was ended. */
const char *auth_namespace(struct rpc_call *call, const Auth__Options *options, const char *error_id);
/* In the call's arena; NULL: no memory. */
char *auth_key(struct rpc_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void auth_no_memory(struct rpc_call *call, const char *error_id);
/* Ends a call that changed something: with the trailer micro-revision, the policy's revision of now. */
void auth_reply_changed(struct auth *a, struct rpc_call *call, const ProtobufCMessage *reply);
int64_t auth_now(const struct auth *a); /* wall seconds */

/* ---- the directory of accounts (directory.c) ---- */

/* An outcome: 200, or an HTTP-like code with what to tell the caller. `account` lives in the arena given. 412: the
 * account is not the one read any more, nothing was written: find it and decide again. */
typedef void auth_outcome(void *arg, int code, const char *detail, const struct auth_account *account);
/* By id, else by name. 400 "Account not found with this ID". */
void auth_find(struct auth *a, struct arena *arena, const char *namespace, const char *id_or_name, auth_outcome *done,
               void *arg);
/* Writes a new account whose secret is hashed already. 400 when the id or the name is taken. The caller has the turn;
 * `namespace` and `account` stay valid until done. */
void auth_create(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg);
/* Writes an account that was found, changed, in the place of the one that was found. The caller has the turn. */
void auth_update(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg);
/* Ends an account's generation: durable first, then told to all. 200 also when there is none. The caller has the turn
 * and gives the account a new one, or removes it. */
void auth_end_generation(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                         auth_outcome *done, void *arg);
/* A new generation, in the arena; NULL: no memory or no random bytes. */
const char *auth_new_generation(struct auth *a, struct arena *arena);

/* ---- handlers ---- */

void auth_generate(struct rpc_call *call, const ProtobufCMessage *request, void *service);
void auth_inspect(struct rpc_call *call, const ProtobufCMessage *request, void *service);
void auth_token(struct rpc_call *call, const ProtobufCMessage *request, void *service);
extern const struct rpc_service auth_accounts_service, auth_rules_service;

/* refresh_token.c: exchanges that wait for another of the same login. */
void auth_exchanges_drop(struct auth *a);
void auth_exchanges_run(void *auth);

#endif
