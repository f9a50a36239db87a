/* The directory of accounts: finding one by id or name, making one so that no id and no name is given twice, changing
 * one, ending a generation.
 *
 * A new account's name entry is written before the account, so that a crash in between leaves an entry that points
 * nowhere: such an entry counts as free. */
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
    if (auth_store_code(status, message) == 404) {
        f->done(f->arg, 400, NOT_FOUND, NULL);
        return;
    }
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    if (status != GRPC_OK) {
        find_failed(f, status, message);
        return;
    }
    json_t *value = found->n_records ? auth_record_value(found->records[0]) : NULL;
    const char *id = json_string_value(json_object_get(value, "id"));
    char *key = id ? account_key(f->arena, f->namespace, id) : NULL;
    if (!id)
        f->done(f->arg, 400, NOT_FOUND, NULL);
    else if (!key)
        f->done(f->arg, 503, "out of memory", NULL);
    else
        auth_read(f->auth, key, find_account_read, f);
    json_decref(value);
}

static void find_account_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct find *f = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    int code = auth_store_code(status, message);
    if (code == 404 || (status == GRPC_OK && found->n_records == 0)) {
        if (f->by_name) {
            f->done(f->arg, 400, NOT_FOUND, NULL);
            return;
        }
        f->by_name = true;
        auth_read(f->auth, f->name_key, find_name_read, f);
        return;
    }
    if (status != GRPC_OK) {
        find_failed(f, status, message);
        return;
    }
    struct auth_account *account = ARENA_NEW(f->arena, struct auth_account);
    struct error err = ERROR_INIT;
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

void auth_find(struct auth *a, struct arena *arena, const char *namespace, const char *id_or_name, auth_outcome *done,
               void *arg)
{
    struct find *f = ARENA_NEW(arena, struct find);
    char *key = account_key(arena, namespace, id_or_name);
    char *by_name = name_key(arena, namespace, id_or_name);
    if (!f || !key || !by_name) {
        done(arg, 503, "out of memory", NULL);
        return;
    }
    *f = (struct find){.auth = a,
                       .arena = arena,
                       .namespace = namespace,
                       .wanted = id_or_name,
                       .name_key = by_name,
                       .done = done,
                       .arg = arg};
    auth_read(a, key, find_account_read, f);
}

/* ---- create ---- */

struct create {
    struct auth *auth;
    struct arena *arena;
    const char *namespace;
    const struct auth_account *account;
    auth_outcome *done;
    void *arg;
};

static void create_failed(struct create *c, int status, const char *message)
{
    int code = auth_store_code(status, message);
    c->done(c->arg, code == 503 ? 503 : 500, "the store cannot be written", NULL);
}

static void create_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct create *c = arg;
    (void)reply;
    if (status != GRPC_OK) {
        create_failed(c, status, message);
        return;
    }
    (void)policy_step(&c->auth->policy);
    c->done(c->arg, 200, "", c->account);
}

static void create_write(struct create *c)
{
    json_t *value = auth_account_json(c->account, auth_now(c->auth));
    char *key = account_key(c->arena, c->namespace, c->account->id);
    if (!value || !key)
        c->done(c->arg, 503, "out of memory", NULL);
    else
        auth_write(c->auth, key, value, 0, create_written, c);
    json_decref(value);
}

static void create_name_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct create *c = arg;
    (void)reply;
    if (status != GRPC_OK)
        create_failed(c, status, message);
    else
        create_write(c);
}

static void create_name_checked(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct create *c = arg;
    if (code == 200) {
        (void)account;
        c->done(c->arg, 400, "Account already exists with this name", NULL);
        return;
    }
    if (code != 400) {
        c->done(c->arg, code, detail, NULL);
        return;
    }
    json_t *value = json_pack("{ss}", "id", c->account->id);
    char *key = name_key(c->arena, c->namespace, c->account->name);
    if (!value || !key)
        c->done(c->arg, 503, "out of memory", NULL);
    else
        auth_write(c->auth, key, value, 0, create_name_written, c);
    json_decref(value);
}

static void create_id_checked(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct create *c = arg;
    if (code == 200 && strcmp(account->id, c->account->id) == 0)
        c->done(c->arg, 400, "Account already exists with this ID", NULL);
    else if (code == 200) /* found by name: logging in with it would be ambiguous */
        c->done(c->arg, 400, "Another account has this ID as its name", NULL);
    else if (code != 400)
        c->done(c->arg, code, detail, NULL);
    else if (c->account->name[0])
        auth_find(c->auth, c->arena, c->namespace, c->account->name, create_name_checked, c);
    else
        create_write(c);
}

void auth_create(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg)
{
    struct create *c = ARENA_NEW(arena, struct create);
    if (!c) {
        done(arg, 503, "out of memory", NULL);
        return;
    }
    *c = (struct create){a, arena, namespace, account, done, arg};
    auth_find(a, arena, namespace, account->id, create_id_checked, c);
}

/* ---- changing one ---- */

void auth_update(struct auth *a, struct arena *arena, const char *namespace, const struct auth_account *account,
                 auth_outcome *done, void *arg)
{
    struct create *c = ARENA_NEW(arena, struct create);
    if (!c) {
        done(arg, 503, "out of memory", NULL);
        return;
    }
    *c = (struct create){a, arena, namespace, account, done, arg};
    create_write(c);
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

#define REVOCATION_MARGIN INT64_C(60) /* seconds, for clocks that differ */

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
        *e = (struct ending){{a, arena, namespace, account, done, arg}, auth_now(a) + life + REVOCATION_MARGIN};
        auth_write(a, key, value, life + REVOCATION_MARGIN, ending_written, e);
    } else {
        done(arg, 503, "out of memory", NULL);
    }
    json_decref(value);
}
