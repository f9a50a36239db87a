/* The directory of accounts: finding one by id or name, making one so that no id and no name is given twice, changing
 * one, ending a generation.
 *
 * A new account's name entry is written before the account, so that a crash in between leaves an entry that points
 * nowhere: such an entry counts as free. Whoever takes it first makes sure that the account it was written for is not
 * made any more (a Delete on the condition that the account is not there: a write that rests on an earlier reading is
 * refused after it). So no two accounts have one name, whoever comes late. */
#include "runtime/auth/auth.h"
#include "runtime/auth/secret.h"

#include <string.h>

#define NOT_FOUND "Account not found with this ID"

/* The account's key from the namespace and an id, or the name entry's; NULL: no memory. */
static char *account_key(struct arena *arena, const char *namespace, const char *id)
{
    return arena_printf(arena, "account/%s/%s", namespace, id);
}

static char *name_key(struct arena *arena, const char *namespace, const char *name)
{
    return arena_printf(arena, "accountByName/%s/%s", namespace, name);
}

/* ---- find ---- */

struct find {
    struct auth *auth;
    struct arena *arena;
    const char *namespace, *wanted;
    char *name_key;
    bool by_name;
    auth_outcome *done;
    void *arg;
    /* found on the way, for auth_create */
    struct auth_version id_version, name_version; /* of account/.../<wanted> and accountByName/.../<wanted> */
    const char *named;                            /* whom the name entry points to; NULL: nobody */
    bool named_is_there;                          /* an account of that id, whatever its name */
};

static void find_failed(struct find *f, int status, const char *message)
{
    int code = auth_store_code(status, message);
    f->done(f->arg, code == 503 ? 503 : 500, "the store cannot be read", NULL);
}

static void find_account_read(void *arg, int status, const char *message, const ProtobufCMessage *reply);

static void find_name_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct find *f = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK) {
        find_failed(f, status, message);
        return;
    }
    f->name_version = auth_version_of(found);
    json_t *value = found->n_records ? auth_record_value(found->records[0]) : NULL;
    const char *id = json_string_value(json_object_get(value, "id"));
    char *key = id ? account_key(f->arena, f->namespace, id) : NULL;
    f->named = id ? arena_string(f->arena, id) : NULL;
    if (!id)
        f->done(f->arg, 400, NOT_FOUND, NULL);
    else if (!key || !f->named)
        f->done(f->arg, 503, "out of memory", NULL);
    else
        auth_read(f->auth, key, find_account_read, f);
    json_decref(value);
}

static void find_account_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct find *f = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK) {
        find_failed(f, status, message);
        return;
    }
    if (!f->by_name)
        f->id_version = auth_version_of(found);
    if (found->n_records == 0 && f->by_name) {
        f->done(f->arg, 400, NOT_FOUND, NULL);
        return;
    }
    if (found->n_records == 0) {
        f->by_name = true;
        auth_read(f->auth, f->name_key, find_name_read, f);
        return;
    }
    struct auth_account *account = ARENA_NEW(f->arena, struct auth_account);
    struct error err = ERROR_INIT;
    f->named_is_there = f->by_name;
    if (!account)
        f->done(f->arg, 503, "out of memory", NULL);
    else if (auth_account_parse(found->records[0], f->arena, account, &err) < 0)
        f->done(f->arg, 500, err.message, NULL);
    else if (f->by_name && strcmp(account->name, f->wanted) != 0)
        f->done(f->arg, 400, NOT_FOUND, NULL);
    else
        f->done(f->arg, 200, "", account);
    error_clear(&err);
}

/* NULL: no memory. */
static struct find *find_new(struct auth *a, struct arena *arena, const char *namespace, const char *id_or_name,
                             auth_outcome *done, void *arg)
{
    struct find *f = ARENA_NEW(arena, struct find);
    char *by_name = name_key(arena, namespace, id_or_name);
    if (!f || !by_name)
        return NULL;
    *f = (struct find){.auth = a,
                       .arena = arena,
                       .namespace = namespace,
                       .wanted = id_or_name,
                       .name_key = by_name,
                       .done = done,
                       .arg = arg};
    return f;
}

static void find_begin(struct find *f)
{
    char *key = account_key(f->arena, f->namespace, f->wanted);
    if (key)
        auth_read(f->auth, key, find_account_read, f);
    else
        f->done(f->arg, 503, "out of memory", NULL);
}

void auth_find(struct auth *a, struct arena *arena, const char *namespace, const char *id_or_name, auth_outcome *done,
               void *arg)
{
    struct find *f = find_new(a, arena, namespace, id_or_name, done, arg);
    if (f)
        find_begin(f);
    else
        done(arg, 503, "out of memory", NULL);
}

/* ---- create ---- */

struct create {
    struct auth *auth;
    struct arena *arena;
    const char *namespace;
    const struct auth_account *account;
    auth_outcome *done;
    void *arg;
    /* auth_create */
    struct find *id, *name;
    int tries;
};

static void create_begin(struct create *c);

static void create_failed(struct create *c, int status, const char *message)
{
    int code = auth_store_code(status, message);
    c->done(c->arg, code == 503 ? 503 : 500, "the store cannot be written", NULL);
}

/* Somebody made one of the records meanwhile: the checks are made anew. */
static void create_again(struct create *c)
{
    if (!c->auth->stopping && ++c->tries < AUTH_TRIES_MAX)
        create_begin(c);
    else
        c->done(c->arg, 409, "somebody else makes the same account: try again", NULL);
}

/* Whether a record was written or removed, and all can go on. */
static bool create_step_done(struct create *c, int status, const char *message)
{
    if (status == GRPC_FAILED_PRECONDITION)
        create_again(c);
    else if (status != GRPC_OK)
        create_failed(c, status, message);
    return status == GRPC_OK;
}

static void account_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct create *c = arg;
    (void)reply;
    if (status == GRPC_FAILED_PRECONDITION && c->id) {
        create_again(c);
    } else if (status == GRPC_FAILED_PRECONDITION) {
        c->done(c->arg, 412, "the account was changed meanwhile", NULL);
    } else if (status != GRPC_OK) {
        create_failed(c, status, message);
    } else {
        (void)policy_step(&c->auth->policy);
        c->done(c->arg, 200, "", c->account);
    }
}

static void write_account(struct create *c, const struct auth_version *expected)
{
    json_t *value = auth_account_json(c->account, auth_now(c->auth));
    char *key = account_key(c->arena, c->namespace, c->account->id);
    if (!value || !key)
        c->done(c->arg, 503, "out of memory", NULL);
    else
        auth_write(c->auth, key, value, 0, expected, account_written, c);
    json_decref(value);
}

static void create_name_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct create *c = arg;
    (void)reply;
    if (create_step_done(c, status, message))
        write_account(c, &c->id->id_version);
}

static void create_write_name(struct create *c)
{
    json_t *value = json_pack("{ss}", "id", c->account->id);
    if (value)
        auth_write(c->auth, c->name->name_key, value, 0, &c->name->name_version, create_name_written, c);
    else
        c->done(c->arg, 503, "out of memory", NULL);
    json_decref(value);
}

static void create_barred(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct create *c = arg;
    (void)reply;
    if (create_step_done(c, status, message))
        create_write_name(c);
}

/* The entry points to an account that is not there: it shall not come after we have taken its name. */
static void create_bar_other(struct create *c)
{
    static const struct auth_version absent = {.there = false};
    char *key = account_key(c->arena, c->namespace, c->name->named);
    if (key)
        auth_remove(c->auth, key, &absent, create_barred, c);
    else
        c->done(c->arg, 503, "out of memory", NULL);
}

static void create_name_checked(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct create *c = arg;
    const struct find *f = c->name;
    (void)account;
    if (code == 200)
        c->done(c->arg, 400, "Account already exists with this name", NULL);
    else if (code != 400)
        c->done(c->arg, code, detail, NULL);
    else if (f->named && !f->named_is_there && strcmp(f->named, c->account->id) != 0)
        create_bar_other(c);
    else
        create_write_name(c);
}

static void create_id_checked(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct create *c = arg;
    if (code == 200 && strcmp(account->id, c->account->id) == 0) {
        c->done(c->arg, 400, "Account already exists with this ID", NULL);
    } else if (code == 200) { /* found by name: logging in with it would be ambiguous */
        c->done(c->arg, 400, "Another account has this ID as its name", NULL);
    } else if (code != 400) {
        c->done(c->arg, code, detail, NULL);
    } else if (!c->account->name[0]) {
        write_account(c, &c->id->id_version);
    } else if ((c->name = find_new(c->auth, c->arena, c->namespace, c->account->name, create_name_checked, c)) !=
               NULL) {
        find_begin(c->name);
    } else {
        c->done(c->arg, 503, "out of memory", NULL);
    }
}

static void create_begin(struct create *c)
{
    c->id = find_new(c->auth, c->arena, c->namespace, c->account->id, create_id_checked, c);
    if (c->id)
        find_begin(c->id);
    else
        c->done(c->arg, 503, "out of memory", NULL);
}

/* NULL: `done` was told. */
static struct create *create_new(struct auth *a, struct arena *arena, const char *namespace,
                                 const struct auth_account *account, auth_outcome *done, void *arg)
{
    struct create *c = ARENA_NEW(arena, struct create);
    if (c)
        *c = (struct create){
            .auth = a, .arena = arena, .namespace = namespace, .account = account, .done = done, .arg = arg};
    else
        done(arg, 503, "out of memory", NULL);
    return c;
}

void auth_create(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg)
{
    struct create *c = create_new(a, arena, namespace, account, done, arg);
    if (c)
        create_begin(c);
}

/* ---- changing one ---- */

void auth_update(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg)
{
    struct create *c = create_new(a, arena, namespace, account, done, arg);
    if (c)
        write_account(c, &account->version);
}

const char *auth_new_generation(struct auth *a, struct arena *arena)
{
    struct text text = TEXT_INIT;
    const char *generation = NULL;
    if (secret_random(a->world, AUTH_GENERATION_BYTES, &text, NULL) == 0)
        generation = arena_string(arena, text_string(&text));
    text_deinit(&text);
    return generation;
}

/* ---- ending a generation ---- */

/* Seconds, for clocks that differ. How long a revocation is kept at least (AUTH_TOKEN_COMMON) services count on:
 * MICRO_REVOCATION_KEPT. */
#define REVOCATION_MARGIN INT64_C(60)

struct ending {
    struct create base; /* `account` is the one whose generation ends */
    int64_t expires;
};

static void ending_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct ending *e = arg;
    struct auth *a = e->base.auth;
    const struct auth_account *account = e->base.account;
    (void)reply;
    if (status != GRPC_OK) {
        auth_reload_later(a); /* it may have been written all the same */
        create_failed(&e->base, status, message);
        return;
    }
    if (policy_revoke(&a->policy, e->base.namespace, account->id, account->generation, e->expires) < 0)
        auth_reload_later(a);
    e->base.done(e->base.arg, 200, "", account);
}

void auth_end_generation(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                         auth_outcome *done, void *arg)
{
    int64_t life = account->longest > AUTH_TOKEN_COMMON ? account->longest : AUTH_TOKEN_COMMON;
    if (!account->generation[0]) {
        done(arg, 200, "", account);
        return;
    }
    struct ending *e = ARENA_NEW(arena, struct ending);
    char *key = arena_printf(arena, "revoked/%s/%s/%s", namespace, account->id, account->generation);
    json_t *value = json_pack("{sI}", "expires", (json_int_t)(auth_now(a) + life + REVOCATION_MARGIN));
    if (e && key && value) {
        e->base = (struct create){
            .auth = a, .arena = arena, .namespace = namespace, .account = account, .done = done, .arg = arg};
        e->expires = auth_now(a) + life + REVOCATION_MARGIN;
        auth_write(a, key, value, life + REVOCATION_MARGIN, NULL, ending_written, e);
    } else {
        done(arg, 503, "out of memory", NULL);
    }
    json_decref(value);
}
