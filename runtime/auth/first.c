/* The first account: an administrator of the namespace "micro", made when it has no user account yet. Its secret is
 * the one given by option; else one is drawn and kept in <data_dir>/auth/admin.secret, readable by its owner only. (v3
 * has the fixed secret "micro".) The secret is in no log; whoever runs auth shows the file's content once. The file is
 * written before the account, so that a crash in between cannot leave an account nobody can log in to. */
#include "runtime/auth/auth.h"
#include "runtime/auth/secret.h"

#include "base/log.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID           "admin"
#define FIRST_SCOPE        "admin"
#define FIRST_SECRET_FILE  "admin.secret"
#define FIRST_SECRET_BYTES 18 /* random bytes: 24 characters to copy */

struct auth_first {
    struct auth_turn turn;
    struct auth *auth;
    struct arena arena;
    struct auth_account account;
    const char *file; /* where a drawn secret was put; NULL: it was given */
    bool found;       /* a user */
};

static void first_free(struct auth_first *f)
{
    auth_turn_end(f->auth);
    arena_deinit(&f->arena);
    free(f);
}

static void settle(struct auth *a)
{
    a->settled = true;
    a->boot_delay = 0;
    micro_service_set_healthy(a->service, true, "");
}

static void first_done(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_first *f = arg;
    struct auth *a = f->auth;
    (void)account;
    if (a->stopping) {
        first_free(f);
        return;
    }
    if (code == 200) {
        if (f->file)
            log_info("auth", "made the first account \"%s\"; its secret is in %s", FIRST_ID, f->file);
        else
            log_info("auth", "made the first account \"%s\" with the secret given", FIRST_ID);
    }
    if (code == 200 || code == 400) { /* 400: somebody else holds the id, as a service for instance */
        if (code == 400)
            log_warn("auth", "no first account: %s", detail);
        settle(a);
    } else {
        auth_boot_retry(a, detail);
    }
    first_free(f);
}

/* The secret in the clear into `out`. */
static int first_secret(struct auth_first *f, struct text *out, struct error *err)
{
    struct auth *a = f->auth;
    if (a->options->admin_secret && a->options->admin_secret[0]) {
        text_puts(out, a->options->admin_secret);
        return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    char *directory = arena_printf(&f->arena, "%s/auth", a->options->data_dir);
    char *file = arena_printf(&f->arena, "%s/auth/" FIRST_SECRET_FILE, a->options->data_dir);
    struct world_stat stat;
    if (!directory || !file)
        return error_set(err, ERROR_MEMORY, "out of memory");
    f->file = file;
    int rc = world_stat(a->world, file, &stat);
    if (rc == 0 && stat.exists) { /* from a start that did not get further */
        rc = world_read_file(a->world, file, AUTH_SECRET_MAX, out, err);
        while (rc == 0 && out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
            text_truncate(out, out->len - 1);
        if (rc < 0 || out->len > 0)
            return rc;
    }
    if (rc == 0)
        rc = world_make_directory(a->world, directory);
    if (rc < 0)
        return error_set(err, rc, "cannot make %s: %s", directory, error_code_name(rc));
    rc = secret_random(a->world, FIRST_SECRET_BYTES, out, err);
    if (rc == 0) {
        struct text line = TEXT_INIT;
        text_puts(&line, text_string(out));
        text_char(&line, '\n');
        rc = text_ok(&line) ? world_write_file(a->world, file, text_bytes(&line), true, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
        text_deinit(&line);
    }
    return rc;
}

/* Hashing happens once, at the first start ever, when nobody is served yet. */
static void first_make(struct auth_first *f)
{
    static const char *const scopes[] = {FIRST_SCOPE, NULL};
    struct auth *a = f->auth;
    struct text plain = TEXT_INIT, hashed = TEXT_INIT;
    struct error err = ERROR_INIT;
    int rc = first_secret(f, &plain, &err);
    if (rc == 0)
        rc = secret_hash(a->world, a->secret_cost, text_string(&plain), &hashed, &err);
    f->account = (struct auth_account){.id = FIRST_ID,
                                       .name = "",
                                       .type = "user",
                                       .scopes = scopes,
                                       .scope_count = 1,
                                       .generation = auth_new_generation(a, &f->arena),
                                       .secret = arena_string(&f->arena, text_string(&hashed))};
    if (plain.data)
        OPENSSL_cleanse(plain.data, plain.len);
    text_deinit(&plain);
    text_deinit(&hashed);
    if (rc == 0 && f->account.secret && f->account.generation) {
        auth_create(a, &f->arena, MICRO_NAMESPACE, &f->account, first_done, f);
    } else {
        log_error("auth", "cannot make the first account: %s", err.message ? err.message : "out of memory");
        auth_boot_retry(a, "the first account cannot be made");
        first_free(f);
    }
    error_clear(&err);
}

/* Whether there is a user. */
static int first_look(void *arg, const Store__Record *record)
{
    struct auth_first *f = arg;
    struct auth_account account;
    struct arena arena = ARENA_INIT;
    if (record && auth_account_parse(record, &arena, &account, NULL) == 0 && strcmp(account.type, "user") == 0)
        f->found = true;
    arena_deinit(&arena);
    return f->found ? ERROR_CANCELLED : 0;
}

static void first_looked(void *arg, int status, const char *message, int code)
{
    struct auth_first *f = arg;
    struct auth *a = f->auth;
    (void)message;
    (void)code;
    if (a->stopping) {
        first_free(f);
    } else if (status != GRPC_OK) {
        auth_boot_retry(a, "waiting for the store");
        first_free(f);
    } else if (f->found) {
        settle(a);
        first_free(f);
    } else {
        first_make(f);
    }
}

static void first_begin(void *arg)
{
    struct auth_first *f = arg;
    const struct auth_reading reading = {"account/" MICRO_NAMESPACE "/", first_look, first_looked, f};
    auth_read_all(f->auth, &f->arena, &reading);
}

void auth_first_account(struct auth *a)
{
    if (a->no_admin) {
        settle(a);
        return;
    }
    struct auth_first *f = calloc(1, sizeof *f);
    if (!f) {
        auth_boot_retry(a, "out of memory");
        return;
    }
    f->auth = a;
    f->turn = (struct auth_turn){.begin = first_begin, .drop = free, .arg = f};
    auth_turn_begin(a, &f->turn);
}
