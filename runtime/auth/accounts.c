/* auth.Auth.Generate and auth.Accounts: making accounts, listing them, taking them away, changing their secrets. */
#include "base/array.h"
#include "base/log.h"
#include "runtime/auth/auth.h"
#include "runtime/auth/operation.h"
#include "runtime/auth/secret.h"

#include <string.h>

/* One operation that changes accounts; in the call's arena. */
struct operation {
    struct auth_operation base;
    struct auth_work work;
    const char *id, *old_secret;
    bool needs_old_secret;
    struct auth_account account, ended; /* `ended`: as it was, with the generation that ends */
    const char *plain;                  /* the secret to hash; Generate tells it once */
    const char *hashed;
    const char *name_key;    /* Delete */
    void (*then)(void *arg); /* with its turn, when the secret is hashed */
};

/* ---- hashing before the turn ---- */

static void hash_drop(void *arg)
{
    struct operation *o = arg;
    micro_fail(o->base.call, 503, o->base.error_id, "auth is stopping, or the caller is gone");
}

static void hash_run(void *arg)
{
    struct operation *o = arg;
    struct auth *a = o->base.auth;
    struct text hashed = TEXT_INIT;
    if (secret_hash(a->world, a->secret_cost, o->plain, &hashed, NULL) == 0)
        o->hashed = arena_string(rpc_call_arena(o->base.call), text_string(&hashed));
    text_deinit(&hashed);
    if (o->hashed)
        auth_operation_begin(&o->base, o->then);
    else
        auth_no_memory(o->base.call, o->base.error_id);
}

static void hash_then_begin(struct operation *o, void (*then)(void *arg))
{
    o->then = then;
    o->work = (struct auth_work){.run = hash_run, .drop = hash_drop, .arg = o, .call = o->base.call};
    if (!auth_work_submit(o->base.auth, &o->work))
        micro_fail(o->base.call, 503, o->base.error_id, "too many secrets wait to be hashed: try again");
}

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
    o->account.secret = o->hashed;
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
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize_admin(call, namespace, id))
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
    struct text drawn = TEXT_INIT;
    const char **pairs = ARENA_NEW_N(arena, const char *, r->n_metadata * 2 + 1);
    const char **scopes = ARENA_NEW_N(arena, const char *, r->n_scopes + 1);
    int rc = r->secret[0] ? 0 : secret_uuid(a->world, &drawn, NULL);
    o->plain = r->secret[0] ? r->secret : arena_string(arena, text_string(&drawn));
    text_deinit(&drawn);
    o->account = (struct auth_account){
        .id = r->id,
        .name = r->name,
        .type = r->type[0] ? r->type : "user",
        .generation = auth_new_generation(a, arena),
        .scopes = scopes,
        .scope_count = r->n_scopes,
        .metadata = pairs,
        .metadata_count = r->n_metadata,
    };
    if (rc < 0 || !o->plain || !o->account.generation || !pairs || !scopes) {
        auth_no_memory(call, id);
        return;
    }
    for (size_t i = 0; i < r->n_scopes; i++)
        scopes[i] = r->scopes[i];
    for (size_t i = 0; i < r->n_metadata; i++) {
        pairs[i * 2] = r->metadata[i]->key;
        pairs[i * 2 + 1] = r->metadata[i]->value;
    }
    hash_then_begin(o, generate_begin);
}

/* ---- List ---- */

struct listing {
    struct auth *auth;
    struct rpc_call *call;
    const char *namespace;
    ARRAY(Auth__Account *) accounts; /* in the call's arena, the array on the heap */
    size_t size;                     /* bytes of the answer */
};

static int list_take(void *arg, const Store__Record *record)
{
    struct listing *l = arg;
    struct arena *arena = rpc_call_arena(l->call);
    struct auth_account account;
    if (!record) {
        array_clear(&l->accounts);
        l->size = 0;
        return 0;
    }
    int rc = auth_account_parse(record, arena, &account, NULL);
    if (rc == ERROR_SYNTAX) {
        /* One that was damaged (in the store an administrator may write anything) must not hide the others. */
        log_warn("auth", "the account at %s cannot be read and is left out of the list", record->key);
        return 0;
    }
    Auth__Account *message = rc == 0 ? auth_account_message(&account, l->namespace, arena) : NULL;
    if (rc == 0 && (!message || !array_push(&l->accounts, message)))
        rc = ERROR_MEMORY;
    if (rc == 0)
        l->size += auth__account__get_packed_size(message) + 8;
    return rc == 0 && l->size > AUTH_ACCOUNTS_MAX ? ERROR_LIMIT : rc;
}

static void list_end(void *arg, int status, const char *message, int code)
{
    static const char id[] = "auth.Accounts.List";
    struct listing *l = arg;
    Auth__ListAccountsResponse out;
    auth__list_accounts_response__init(&out);
    out.n_accounts = l->accounts.count;
    out.accounts = ARENA_NEW_N(rpc_call_arena(l->call), Auth__Account *, l->accounts.count + 1);
    if (out.accounts && l->accounts.count)
        memcpy(out.accounts, l->accounts.items, l->accounts.count * sizeof *out.accounts);
    array_deinit(&l->accounts);
    if (status != GRPC_OK)
        auth_store_failed(l->call, id, status, message);
    else if (code == ERROR_LIMIT)
        micro_fail(l->call, 507, id, "the accounts are more than the %zu bytes of one answer", AUTH_ACCOUNTS_MAX);
    else if (code < 0 || !out.accounts)
        auth_no_memory(l->call, id);
    else
        rpc_call_reply(l->call, &out.base);
}

static void accounts_list(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Accounts.List";
    const Auth__ListAccountsRequest *r = (const Auth__ListAccountsRequest *)request;
    const char *namespace = auth_namespace(call, r->options, id);
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize_admin(call, namespace, id))
        return;
    struct listing *l = ARENA_NEW(rpc_call_arena(call), struct listing);
    char *key = auth_key(call, "account/%s/", namespace);
    if (!l || !key) {
        auth_no_memory(call, id);
        return;
    }
    *l = (struct listing){.auth = service, .call = call, .namespace = namespace};
    const struct auth_reading reading = {key, list_take, list_end, l};
    auth_read_all(service, rpc_call_arena(call), &reading);
}

/* ---- Delete ---- */

static void delete_begin(void *arg);

/* The account is gone. What is left over counts for nothing: a refresh token needs the account's generation, and a name
 * that points nowhere is free. So when the store fails here the deletion has happened all the same. */
static void delete_cleaned(void *arg, int status, const char *message)
{
    struct operation *o = arg;
    if (status != GRPC_OK)
        log_warn("auth", "refresh tokens of a deleted account stay until they expire: %s", message);
    Auth__DeleteAccountResponse out;
    auth__delete_account_response__init(&out);
    auth_operation_reply(&o->base, &out.base);
}

static void delete_refresh(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    char *prefix = auth_key(o->base.call, "refresh/%s/%s/", o->base.namespace, o->account.id);
    (void)reply;
    if (status != GRPC_OK || !prefix)
        delete_cleaned(o, status ? status : GRPC_RESOURCE_EXHAUSTED, message);
    else
        auth_remove_all(o->base.auth, rpc_call_arena(o->base.call), prefix, delete_cleaned, o);
}

static void delete_name_gone(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    /* refused: somebody took the name already */
    delete_refresh(arg, status == GRPC_FAILED_PRECONDITION ? GRPC_OK : status, message, reply);
}

/* The entry is the account's only as long as it points to it. */
static void delete_name_found(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    json_t *value = status == GRPC_OK && found->n_records ? auth_record_value(found->records[0]) : NULL;
    const char *id = json_string_value(json_object_get(value, "id"));
    bool ours = id && strcmp(id, o->account.id) == 0;
    json_decref(value);
    if (!ours) {
        delete_refresh(o, status, message, reply);
        return;
    }
    const struct auth_version version = auth_version_of(found);
    auth_remove(o->base.auth, o->name_key, &version, delete_name_gone, o);
}

static void delete_name(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *o = arg;
    if (status == GRPC_FAILED_PRECONDITION) {
        if (auth_operation_again(&o->base))
            delete_begin(o);
        return;
    }
    if (status != GRPC_OK) {
        auth_operation_fail_store(&o->base, status, message);
        return;
    }
    (void)policy_step(&o->base.auth->policy);
    o->name_key =
        o->account.name[0] ? auth_key(o->base.call, "accountByName/%s/%s", o->base.namespace, o->account.name) : NULL;
    if (o->name_key)
        auth_read(o->base.auth, o->name_key, delete_name_found, o);
    else
        delete_refresh(o, status, message, reply);
}

static void delete_account(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    char *key = auth_key(o->base.call, "account/%s/%s", o->base.namespace, account->id);
    if (key)
        auth_remove(o->base.auth, key, &account->version, delete_name, o);
    else
        auth_operation_fail_memory(&o->base);
}

/* Its tokens first: were the account gone and the revocation not written, nobody would ever write it. */
static void delete_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200 || strcmp(account->id, o->id) != 0) {
        auth_operation_fail(&o->base, code == 200 ? 400 : code,
                            code == 200 ? "Account not found with this ID" : detail);
        return;
    }
    o->account = *account;
    auth_end_generation(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, &o->account, delete_account, o);
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
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize_admin(call, namespace, id))
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

static void change_cleaned(void *arg, int status, const char *message)
{
    struct operation *o = arg;
    (void)status; /* refresh tokens of an ended generation count for nothing, and expire */
    (void)message;
    Auth__ChangeSecretResponse out;
    auth__change_secret_response__init(&out);
    auth_operation_reply(&o->base, &out.base);
}

static void change_begin(void *arg);

static void changed(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code == 412) {
        if (auth_operation_again(&o->base))
            change_begin(o);
        return;
    }
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    (void)policy_step(&o->base.auth->policy);
    char *prefix = auth_key(o->base.call, "refresh/%s/%s/", o->base.namespace, account->id);
    if (prefix)
        auth_remove_all(o->base.auth, rpc_call_arena(o->base.call), prefix, change_cleaned, o);
    else
        change_cleaned(o, GRPC_RESOURCE_EXHAUSTED, "");
}

/* Everybody who came in with the old secret has to come in again. */
static void change_write(void *arg, int code, const char *detail, const struct auth_account *ended)
{
    struct operation *o = arg;
    struct arena *arena = rpc_call_arena(o->base.call);
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    o->account = *ended;
    o->account.secret = o->hashed;
    o->account.longest = 0;
    o->account.generation = auth_new_generation(o->base.auth, arena);
    if (o->account.generation)
        auth_update(o->base.auth, arena, o->base.namespace, &o->account, changed, o);
    else
        auth_operation_fail_memory(&o->base);
}

static void change_end_old(struct operation *o)
{
    auth_end_generation(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, &o->ended, change_write, o);
}

static void change_check_drop(void *arg)
{
    struct operation *o = arg;
    auth_operation_fail(&o->base, 503, "auth is stopping, or the caller is gone");
}

/* The old secret is guessed here as it would be at a login, so it is guarded alike. */
static void change_check(void *arg)
{
    struct operation *o = arg;
    struct auth *a = o->base.auth;
    char *key = auth_key(o->base.call, "%s/%s", o->base.namespace, o->ended.id);
    if (!key) {
        auth_operation_fail_memory(&o->base);
    } else if (auth_limiter_wait(&a->limiter, key, world_now(a->world)) > 0) {
        auth_operation_fail(&o->base, 429, "too many wrong secrets: try again later");
    } else if (!secret_matches(o->old_secret, o->ended.secret)) {
        auth_limiter_failed(&a->limiter, key, world_now(a->world));
        auth_operation_fail(&o->base, 400, "Secret not correct");
    } else {
        auth_limiter_succeeded(&a->limiter, key);
        change_end_old(o);
    }
}

static void change_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct operation *o = arg;
    if (code != 200) {
        auth_operation_fail(&o->base, code, detail);
        return;
    }
    o->ended = *account;
    if (!o->needs_old_secret) {
        change_end_old(o);
        return;
    }
    o->work = (struct auth_work){.run = change_check, .drop = change_check_drop, .arg = o, .call = o->base.call};
    if (!auth_work_submit(o->base.auth, &o->work))
        auth_operation_fail(&o->base, 503, "too many secrets wait to be hashed: try again");
}

static void change_begin(void *arg)
{
    struct operation *o = arg;
    auth_find(o->base.auth, rpc_call_arena(o->base.call), o->base.namespace, o->id, change_found, o);
}

/* v3 lets an admin of "micro" and a service of the namespace change a secret without knowing the old one. An old one
 * that is given must be right all the same: who gives it wants it looked at. */
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
    if (!namespace || !auth_ready(service, call, id) || !micro_authorize(call, namespace, id))
        return;
    const char *wrong = NULL;
    bool needs_old = r->old_secret[0] || !may_skip_old_secret(micro_caller(call), namespace);
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
    o->plain = r->new_secret;
    o->needs_old_secret = needs_old;
    hash_then_begin(o, change_begin);
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
