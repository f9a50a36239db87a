#include "runtime/server/home.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX ((size_t)64 << 10)
#define PID_MAX ((size_t)32)

static int join(char out[HOME_PATH_MAX], const char *a, const char *b, struct error *err)
{
    int n = snprintf(out, HOME_PATH_MAX, "%s/%s", a, b);
    if (n < 0 || n >= HOME_PATH_MAX)
        return error_set(err, ERROR_LIMIT, "the path %s/%s is longer than %d bytes", a, b, HOME_PATH_MAX - 1);
    return 0;
}

static int make(struct world *w, const char *path, struct error *err)
{
    int rc = world_make_directory(w, path);
    return rc < 0 ? error_set(err, rc, "cannot make the directory %s: %s", path, error_code_name(rc)) : 0;
}

/* SQLite's lock is the operating system's: it goes when the process goes, however it goes. */
static int take_lock(struct server_home *h, struct error *err)
{
    char path[HOME_PATH_MAX], pid_path[HOME_PATH_MAX];
    struct error why = ERROR_INIT;
    int rc = join(path, h->data, "server.lock", err);
    if (rc < 0 || (rc = join(pid_path, h->run, "server.pid", err)) < 0)
        return rc;
    rc = world_sqlite_open(h->world, path, &h->lock, &why);
    bool busy = rc == ERROR_IN_USE;
    if (rc == 0) {
        int code = sqlite3_exec(h->lock, "BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (by INTEGER); COMMIT", NULL,
                                NULL, NULL);
        busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
        if (code != SQLITE_OK)
            rc = world_sqlite_error(h->lock, &why, "cannot lock it");
    }
    if (rc < 0 && busy) {
        struct text pid = TEXT_INIT;
        if (world_read_file(h->world, pid_path, PID_MAX, &pid, NULL) < 0)
            text_puts(&pid, "unknown");
        pid.len = strcspn(text_string(&pid), "\n");
        rc = error_set(err, ERROR_IN_USE,
                       "another micro server (process %.*s) runs on the data directory %s; stop it, or choose another "
                       "with --data-dir",
                       (int)pid.len, text_string(&pid), h->data);
        text_deinit(&pid);
        error_clear(&why);
    } else if (rc < 0) {
        error_wrap(&why, "the data directory %s cannot be used", h->data);
        rc = error_move(err, &why);
    }
    return rc;
}

/* Every server start finds out whether the two keys belong together, not the first login. */
static int check_keys(struct server_home *h, struct error *err)
{
    struct text token = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    int64_t now = world_wall(h->world) / SECOND;
    struct micro_claims claims = {
        .subject = "server", .type = "service", .issuer = MICRO_NAMESPACE, .name = "server", .expires = now + 60};
    struct micro_claims seen;
    int rc = micro_token_sign(text_string(&h->private_key), &claims, &token, err);
    if (rc == 0)
        rc = micro_token_verify(text_string(&h->public_key), text_string(&token), now, &arena, &seen, err);
    if (rc < 0)
        error_wrap(err,
                   "the keys in %s/keys do not belong together; restore them, or remove both to have new ones made",
                   h->data);
    text_deinit(&token);
    arena_deinit(&arena);
    return rc;
}

int server_home_keys(struct server_home *h, struct error *err)
{
    char directory[HOME_PATH_MAX], private_path[HOME_PATH_MAX], public_path[HOME_PATH_MAX];
    struct world_stat stat;
    int rc = join(directory, h->data, "keys", err);
    if (rc == 0)
        rc = join(private_path, directory, "private.pem", err);
    if (rc == 0)
        rc = join(public_path, directory, "public.pem", err);
    if (rc == 0)
        rc = make(h->world, directory, err);
    if (rc < 0)
        return rc;
    rc = world_stat(h->world, private_path, &stat);
    if (rc < 0)
        return error_set(err, rc, "cannot look at %s: %s", private_path, error_code_name(rc));
    if (!stat.exists) { /* the private key is written last: with it, both are there */
        rc = micro_keys_generate(&h->private_key, &h->public_key, err);
        if (rc == 0)
            rc = world_write_file(h->world, public_path, text_bytes(&h->public_key), true, err);
        if (rc == 0)
            rc = world_write_file(h->world, private_path, text_bytes(&h->private_key), true, err);
        if (rc == 0)
            log_info("server", "made the key pair for access tokens in %s", directory);
        return rc;
    }
    rc = world_read_file(h->world, private_path, PEM_MAX, &h->private_key, err);
    if (rc == 0)
        rc = world_read_file(h->world, public_path, PEM_MAX, &h->public_key, err);
    return rc < 0 ? rc : check_keys(h, err);
}

int server_home_write(struct server_home *h, const char *name, const char *line, struct error *err)
{
    char path[HOME_PATH_MAX];
    int rc = join(path, h->run, name, err);
    return rc < 0 ? rc : world_write_file(h->world, path, bytes_of(line), false, err);
}

void server_home_remove(struct server_home *h, const char *name, const char *ending)
{
    char path[HOME_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s.%s", h->run, name, ending);
    if (n > 0 && n < HOME_PATH_MAX)
        (void)world_remove(h->world, path);
}

int server_home_open(struct world *w, const char *data_dir, struct server_home *out, struct error *err)
{
    char pid[PID_MAX];
    *out = (struct server_home){.world = w};
    int n = snprintf(out->data, sizeof out->data, "%s", data_dir);
    if (n < 1 || (size_t)n >= sizeof out->data)
        return error_set(err, ERROR_LIMIT, "the data directory's path must have 1 to %d bytes", HOME_PATH_MAX - 1);
    int rc = join(out->run, out->data, "run", err);
    if (rc == 0)
        rc = make(w, out->data, err);
    if (rc == 0)
        rc = take_lock(out, err);
    if (rc < 0)
        goto failed;
    rc = world_remove_tree(w, out->run);
    if (rc < 0 && rc != ERROR_NOT_FOUND) {
        error_set(err, rc, "cannot clear %s: %s", out->run, error_code_name(rc));
        goto failed;
    }
    rc = make(w, out->run, err);
    snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (rc == 0)
        rc = server_home_write(out, "server.pid", pid, err);
    if (rc == 0)
        return 0;
    server_home_close(out);
    return rc;

failed: /* the run directory may be another server's */
    world_sqlite_close(out->lock);
    *out = (struct server_home){0};
    return rc;
}

void server_home_close(struct server_home *h)
{
    if (h->lock) {
        (void)world_remove_tree(h->world, h->run);
        world_sqlite_close(h->lock);
    }
    if (h->private_key.data)
        OPENSSL_cleanse(h->private_key.data, h->private_key.len);
    text_deinit(&h->private_key);
    text_deinit(&h->public_key);
    *h = (struct server_home){0};
}
