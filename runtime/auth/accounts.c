/* auth.Auth.Generate and auth.Accounts: making accounts, listing them, taking them away, changing their secrets. */
#include "runtime/auth/auth.h"
#include "runtime/auth/operation.h"
#include "runtime/auth/secret.h"

#include <string.h>

/* One operation that changes accounts; in the call's arena. */
struct operation {
    struct auth_operation base;
    const char *id, *old_secret, *new_secret;
    bool needs_old_secret;
    struct auth_account account;
    const char *plain; /* the secret to tell once */
};

/* ---- Generate ---- */

static void generated(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    struct arena *arena = rpc_call_arena(o->base.call);
    Auth__GenerateResponse reply;
    auth__generate_response__init(&reply);
    reply.account = auth_account_message(account, o->base.namespace, arena);
    char *plain = arena_string(arena, o->plain);
    if (!reply.account || !plain) {
        auth_operation_fail_memory(&o->base);
        return;
    }
    reply.account->secret = plain;
    auth_operation_reply(&o->base, &reply.base);
}

static void generate_begin(void *arg)
{
    struct operation *o = arg;
    auth_create(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, &o->account, generated, o);
}

/* What is wrong with the request, or NULL. */
static const char *generate_check(const Auth__GenerateRequest *r)
{
    if (!r->id[0])
        return "ID required";
    if (!auth_id_valid(r->id))
        return "Invalid ID: at most 256 bytes without \"/\" and control characters";
    if (r->name[0] && !auth_id_valid(r->name))
        return "Invalid name: at most 256 bytes without \"/\" and control characters";
    if (strlen(r->secret) > AUTH_SECRET_MAX)
        return "Secret too long: at most 1024 bytes";
    if (r->type[0] && !auth_id_valid(r->type))
        return "Invalid type: at most 256 bytes without \"/\" and control characters";
    if (r->n_scopes > AUTH_LIST_MAX || r->n_metadata > AUTH_LIST_MAX)
        return "Too many scopes or metadata entries: at most 64 of each";
    for (size_t i = 0; i < r->n_scopes; i++) {
        if (!r->scopes[i][0] || strlen(r->scopes[i]) > AUTH_ID_MAX)
            return "Invalid scope: 1 to 256 bytes";
    }
    for (size_t i = 0; i < r->n_metadata; i++) {
        if (strlen(r->metadata[i]->key) > AUTH_ID_MAX || strlen(r->metadata[i]->value) > AUTH_SECRET_MAX)
            return "Invalid metadata: keys of at most 256 bytes, values of at most 1024";
    }
    return NULL;
}

void auth_generate(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Auth.Generate";
    const Auth__GenerateRequest *r = (const Auth__GenerateRequest *)request;
    struct auth *a = service;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize_admin(call, namespace, id))
        return;
    const char *wrong = generate_check(r);
    if (wrong) {
        micro_fail(call, 400, id, "%s", wrong);
        return;
    }
    struct operation *o = auth_operation_new(a, call, id, namespace, sizeof *o);
    if (!o)
        return;
    struct arena *arena = rpc_call_arena(call);
    struct text plain = TEXT_INIT, hashed = TEXT_INIT;
    const char **pairs = ARENA_NEW_N(arena, const char *, r->n_metadata * 2 + 1);
    const char **scopes = ARENA_NEW_N(arena, const char *, r->n_scopes + 1);
    int rc = 0;
    if (r->secret[0])
        text_puts(&plain, r->secret);
    else
        rc = secret_uuid(a->world, &plain, NULL);
    if (rc == 0)
        rc = secret_hash(a->world, text_string(&plain), &hashed, NULL);
    o->plain = arena_string(arena, text_string(&plain));
    o->account = (struct auth_account){
        .id = r->id,
        .name = r->name,
        .type = r->type[0] ? r->type : "user",
        .secret = arena_string(arena, text_string(&hashed)),
        .scopes = scopes,
        .scope_count = r->n_scopes,
        .metadata = pairs,
        .metadata_count = r->n_metadata,
    };
    for (size_t i = 0; scopes && i < r->n_scopes; i++)
        scopes[i] = r->scopes[i];
    for (size_t i = 0; pairs && i < r->n_metadata; i++) {
        pairs[i * 2] = r->metadata[i]->key;
        pairs[i * 2 + 1] = r->metadata[i]->value;
    }
    bool ok = rc == 0 && text_ok(&plain) && o->plain && o->account.secret && pairs && scopes;
    text_deinit(&plain);
    text_deinit(&hashed);
    if (!ok) {
        auth_no_memory(call, id);
        return;
    }
    auth_operation_begin(&o->base, generate_begin);
}

/* ---- List ---- */

static void listed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    static const char id[] = "auth.Accounts.List";
    struct operation *o = arg;
    struct arena *arena = rpc_call_arena(o->base.call);
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    Auth__ListAccountsResponse out;
    auth__list_accounts_response__init(&out);
    size_t count = 0;
    if (status == GRPC_OK) {
        count = found->n_records;
    } else if (auth_store_code(status, message) != 404) {
        auth_store_failed(o->base.call, id, status, message);
        return;
    }
    out.accounts = ARENA_NEW_N(arena, Auth__Account *, count + 1);
    if (!out.accounts) {
        auth_no_memory(o->base.call, id);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct auth_account account;
        struct error err = ERROR_INIT;
        int rc = auth_account_parse(found->records[i], arena, &account, &err);
        if (rc == ERROR_SYNTAX) {
            micro_fail(o->base.call, 500, id, "%s", err.message);
        } else if (rc < 0 || !(out.accounts[i] = auth_account_message(&account, o->base.namespace, arena))) {
            auth_no_memory(o->base.call, id);
            rc = ERROR_MEMORY;
        }
        error_clear(&err);
        if (rc < 0)
            return;
    }
    out.n_accounts = count;
    rpc_call_reply(o->base.call, &out.base);
}

static void accounts_list(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Accounts.List";
    const Auth__ListAccountsRequest *r = (const Auth__ListAccountsRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize_admin(call, namespace, id))
        return;
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    char *key = auth_key(call, "account/%s/", namespace);
    if (key)
        auth_read(o->base.auth, key, true, listed, o);
    else
        auth_no_memory(call, id);
}

/* ---- Delete ---- */

static void deleted(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    Auth__DeleteAccountResponse out;
    auth__delete_account_response__init(&out);
    auth_operation_written(&o->base, status, message, &out.base);
}

static void delete_name(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    if (status != GRPC_OK || !o->account.name[0]) {
        deleted(o, status, message, reply);
        return;
    }
    char *key = auth_key(o->base.call, "accountByName/%s/%s", o->base.namespace, o->account.name);
    if (key)
        auth_remove(o->base.auth, key, deleted, o);
    else
        auth_operation_fail_memory(&o->base);
}

static void delete_account(void *arg, int status, const char *message)
{
    struct operation *o = arg;
    if (status != GRPC_OK) {
        deleted(o, status, message, NULL);
        return;
    }
    char *key = auth_key(o->base.call, "account/%s/%s", o->base.namespace, o->account.id);
    if (key)
        auth_remove(o->base.auth, key, delete_name, o);
    else
        auth_operation_fail_memory(&o->base);
}

/* Refresh tokens go first: were the account's record first, a crash in between would leave tokens that work again
 * when somebody makes an account of the same id. */
static void delete_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200 || strcmp(account->id, o->id) != 0) {
        auth_operation_fail(&o->base, code == 200 ? 400 : code,
                            code == 200 ? "Account not found with this ID" : detail);
        return;
    }
    o->account = *account;
    char *prefix = auth_key(o->base.call, "refresh/%s/%s/", o->base.namespace, account->id);
    if (prefix)
        auth_remove_all(o->base.auth, rpc_call_arena(o->base.call), prefix, delete_account, o);
    else
        auth_operation_fail_memory(&o->base);
}

static void delete_begin(void *arg)
{
    struct operation *o = arg;
    auth_find(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, o->id, delete_found, o);
}

static void accounts_delete(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Accounts.Delete";
    const Auth__DeleteAccountRequest *r = (const Auth__DeleteAccountRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize_admin(call, namespace, id))
        return;
    const struct micro_account *caller = micro_caller(call);
    if (!r->id[0]) {
        micro_fail(call, 400, id, "Missing ID");
        return;
    }
    if (!auth_id_valid(r->id)) {
        micro_fail(call, 400, id, "Account not found with this ID");
        return;
    }
    if (caller && strcmp(caller->id, r->id) == 0 && strcmp(caller->issuer, namespace) == 0) {
        micro_fail(call, 400, id, "Can't delete your own account");
        return;
    }
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    o->id = r->id;
    auth_operation_begin(&o->base, delete_begin);
}

/* ---- ChangeSecret ---- */

static void changed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    (void)reply;
    Auth__ChangeSecretResponse out;
    auth__change_secret_response__init(&out);
    auth_operation_written(&o->base, status, message, &out.base);
}

/* Everybody who came in with the old secret has to come in again. */
static void change_write(void *arg, int status, const char *message)
{
    struct operation *o = arg;
    struct text hashed = TEXT_INIT;
    if (status != GRPC_OK) {
        changed(o, status, message, NULL);
        return;
    }
    char *key = auth_key(o->base.call, "account/%s/%s", o->base.namespace, o->account.id);
    if (!key) {
        auth_operation_fail_memory(&o->base);
        return;
    }
    json_t *value = NULL;
    if (secret_hash(o->base.auth->world, o->new_secret, &hashed, NULL) == 0) {
        o->account.secret = text_string(&hashed);
        value = auth_account_json(&o->account, world_wall(o->base.auth->world) / 1000000000);
    }
    if (value)
        auth_write(o->base.auth, key, value, 0, changed, o);
    else
        auth_operation_fail_memory(&o->base);
    json_decref(value);
    text_deinit(&hashed);
}

static void change_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    if (o->needs_old_secret && !secret_matches(o->old_secret, account->secret)) {
        auth_operation_fail(&o->base, 400, "Secret not correct");
        return;
    }
    o->account = *account;
    char *prefix = auth_key(o->base.call, "refresh/%s/%s/", o->base.namespace, account->id);
    if (prefix)
        auth_remove_all(o->base.auth, rpc_call_arena(o->base.call), prefix, change_write, o);
    else
        auth_operation_fail_memory(&o->base);
}

static void change_begin(void *arg)
{
    struct operation *o = arg;
    auth_find(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, o->id, change_found, o);
}

/* v3 lets an admin of "micro" and a service of the namespace change a secret without knowing the old one. */
static bool may_skip_old_secret(const struct micro_account *caller, const char *namespace)
{
    if (!caller)
        return false;
    if (strcmp(caller->type, "user") == 0 && micro_has_scope(caller, "admin") &&
        strcmp(caller->issuer, MICRO_NAMESPACE) == 0)
        return true;
    return strcmp(caller->type, "service") == 0 && micro_has_scope(caller, "service") &&
           strcmp(caller->issuer, namespace) == 0;
}

static void accounts_change_secret(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Accounts.ChangeSecret";
    const Auth__ChangeSecretRequest *r = (const Auth__ChangeSecretRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !micro_authorize(call, namespace, id))
        return;
    const char *wrong = NULL;
    bool needs_old = !may_skip_old_secret(micro_caller(call), namespace);
    if (!r->new_secret[0])
        wrong = "New secret cannot be blank";
    else if (strlen(r->new_secret) > AUTH_SECRET_MAX || strlen(r->old_secret) > AUTH_SECRET_MAX)
        wrong = "Secret too long: at most 1024 bytes";
    else if (!auth_id_valid(r->id))
        wrong = r->id[0] ? "Account not found with this ID" : "ID required";
    if (wrong) {
        micro_fail(call, 400, id, "%s", wrong);
        return;
    }
    struct operation *o = auth_operation_new(service, call, id, namespace, sizeof *o);
    if (!o)
        return;
    o->id = r->id;
    o->old_secret = r->old_secret;
    o->new_secret = r->new_secret;
    o->needs_old_secret = needs_old;
    auth_operation_begin(&o->base, change_begin);
}

static const struct rpc_method accounts_methods[] = {
    {.name = "List",
     .input = &auth__list_accounts_request__descriptor,
     .output = &auth__list_accounts_response__descriptor,
     .unary = accounts_list},
    {.name = "Delete",
     .input = &auth__delete_account_request__descriptor,
     .output = &auth__delete_account_response__descriptor,
     .unary = accounts_delete},
    {.name = "ChangeSecret",
     .input = &auth__change_secret_request__descriptor,
     .output = &auth__change_secret_response__descriptor,
     .unary = accounts_change_secret},
};
const struct rpc_service auth_accounts_service = {"auth.Accounts", accounts_methods,
                                                  sizeof accounts_methods / sizeof accounts_methods[0]};
